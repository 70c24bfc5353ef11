"""Work beside the event loop: the loop goes on, and threads are few and kept."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from cds_hooks.beside import Hands


def test_the_loop_goes_on_while_the_work_is_done() -> None:
    async def story() -> list[str]:
        happened: list[str] = []
        may_end = threading.Event()

        def work(name: str, *, loudly: bool) -> str:
            may_end.wait(10)
            return name.upper() if loudly else name

        waits = asyncio.create_task(Hands()(work, "done", loudly=True))
        await asyncio.sleep(0.01)
        happened.append("the loop went on")
        may_end.set()
        happened.append(await waits)
        return happened

    assert asyncio.run(story()) == ["the loop went on", "DONE"]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_what_the_work_raises_is_raised_to_who_waits(error: BaseException) -> None:
    hands = Hands(1)

    def work() -> None:
        raise error

    async def story() -> None:
        with pytest.raises(type(error)) as caught:
            await hands(work)
        assert caught.value is error
        # The thread is there for the next.
        assert await hands(lambda: 1) == 1

    asyncio.run(story())


def test_an_iterator_that_ends_does_not_leave_anybody_waiting() -> None:
    """A future of asyncio refuses StopIteration: it would never be told."""

    async def story() -> None:
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(Hands()(next, iter(())), 10)

    asyncio.run(story())


def test_one_caller_after_the_other_has_one_thread() -> None:
    hands = Hands()

    async def story() -> set[int]:
        return {await hands(threading.get_ident) for _ in range(100)}

    assert len(asyncio.run(story())) == 1
    # Another loop finds it again.
    assert asyncio.run(story()) == asyncio.run(story())


def test_so_many_work_at_once_and_the_others_wait_their_turn() -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def work(number: int) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.005)
        with lock:
            at_once -= 1
        return number

    async def story() -> list[int]:
        hands = Hands(3)
        return await asyncio.gather(*(hands(work, number) for number in range(20)))

    assert asyncio.run(story()) == list(range(20))
    assert most == 3


def test_who_is_cancelled_leaves_the_work_behind_and_its_thread_serves_again() -> None:
    may_end, ended = threading.Event(), threading.Event()
    hands = Hands(1)

    def work() -> None:
        may_end.wait(10)
        ended.set()

    async def story() -> int:
        waits = asyncio.create_task(hands(work))
        await asyncio.sleep(0.01)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        may_end.set()
        return await hands(lambda: 1)

    assert asyncio.run(story()) == 1
    assert ended.is_set()


def test_a_loop_that_has_ended_meanwhile_is_no_trouble() -> None:
    may_end = threading.Event()
    hands = Hands(1)

    async def goes_away() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hands(may_end.wait, 10), 0.01)

    asyncio.run(goes_away())
    may_end.set()

    async def next_one() -> int:
        return await asyncio.wait_for(hands(lambda: 1), 10)

    assert asyncio.run(next_one()) == 1


def test_where_the_system_has_no_thread_it_is_said_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hands = Hands(1)

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> int:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", none)
            with pytest.raises(RuntimeError, match="new thread"):
                await hands(lambda: 1)
        return await asyncio.wait_for(hands(lambda: 1), 10)

    assert asyncio.run(story()) == 1


def test_where_the_system_has_no_further_thread_those_that_are_there_do_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hands, may_end = Hands(3), threading.Event()

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> list[int]:
        async def first() -> int:
            return int(await hands(may_end.wait, 10))

        busy = asyncio.create_task(first())
        await asyncio.sleep(0)
        monkeypatch.setattr(threading.Thread, "start", none)
        waiting = [asyncio.create_task(hands(lambda: 2)) for _ in range(3)]
        await asyncio.sleep(0)
        may_end.set()
        return await asyncio.wait_for(asyncio.gather(busy, *waiting), 10)

    assert asyncio.run(story()) == [1, 2, 2, 2]
