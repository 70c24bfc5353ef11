"""Work that may hang costs whoever waits for it its seconds, and nobody a thread for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from taperguard.memory import Impatient, TooSlow


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """`hanging.wait` hangs until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_what_is_done_in_time_is_given_and_what_fails_is_raised() -> None:
    in_time = Impatient(20)
    assert in_time(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 // 0)


def test_what_hangs_is_left_behind(hanging: threading.Event) -> None:
    with pytest.raises(TooSlow):
        Impatient(0.01)(hanging.wait)


def test_after_something_was_too_slow_nobody_tries_for_a_while(hanging: threading.Event) -> None:
    now = [0.0]
    in_time = Impatient(0.01, rest_seconds=5, seconds_now=lambda: now[0])
    with pytest.raises(TooSlow):
        in_time(hanging.wait)
    tried: list[bool] = []
    now[0] = 4.9
    with pytest.raises(TooSlow):
        in_time(lambda: tried.append(True))
    assert tried == []
    hanging.set()
    now[0] = 5.0
    in_time(lambda: tried.append(True))
    assert tried == [True]


def test_no_more_than_so_many_hang_at_once(hanging: threading.Event) -> None:
    in_time = Impatient(0.01, most_at_once=2)
    begun: list[bool] = []
    for _ in range(3):
        with pytest.raises(TooSlow):
            in_time(lambda: (begun.append(True), hanging.wait()))
    assert begun == [True, True]


def test_a_thread_is_kept_for_the_next_work_but_one_that_hangs_is_not_waited_for(
    hanging: threading.Event,
) -> None:
    in_time = Impatient(0.5)
    first, second = (in_time(threading.current_thread) for _ in range(2))
    assert first is second
    with pytest.raises(TooSlow):
        in_time(hanging.wait)
    assert in_time(threading.current_thread) is not first
    assert first.daemon


def test_what_fails_does_not_cost_the_thread() -> None:
    in_time = Impatient(20)
    used = in_time(threading.current_thread)
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 // 0)
    assert in_time(threading.current_thread) is used


def test_without_a_thread_it_is_too_slow_and_costs_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_time = Impatient(20, most_at_once=1)

    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        for _ in range(2):
            with pytest.raises(TooSlow, match="no thread"):
                in_time(lambda: 7)
    assert in_time(lambda: 7) == 7
