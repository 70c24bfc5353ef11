"""The relay: due letters reach the broker, once each, and a broken broker costs nobody else."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import processes
import pytest
from sqlalchemy.engine import Engine

from ehr.seal import Sealer
from store import outbox
from store.database import reading, writing
from workers.letterbox import NotPosted, UnknownKind
from workers.relay import Relay, Round, post_due_letters

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class PretendBroker:
    """Takes messages, refuses them, or does not know them; notes go together, errands do not."""

    def __init__(self, refuses: type[Exception] | None = None, takes: int = 0) -> None:
        """`takes`: so many messages before it refuses."""
        self.refuses = refuses
        self.takes = takes
        self.messages: list[list[str]] = []
        self.asked = 0
        self.together = {"note"}

    @property
    def took(self) -> list[str]:
        return [letter for message in self.messages for letter in message]

    def post(self, kind: str, letter_ids: Sequence[str]) -> None:  # noqa: ARG002  the broker's signature
        self.asked += 1
        if self.refuses is not None and len(self.messages) >= self.takes:
            raise self.refuses
        self.messages.append(list(letter_ids))

    def close(self) -> None:
        """Nothing is open."""


def _put(store: Engine, sealer: Sealer, count: int = 1, kind: str = "note") -> list[str]:
    """So many letters, in the order in which they are due."""
    with writing(store) as connection:
        return [
            outbox.put(
                connection, kind, {"n": n}, sealer=sealer, now=NOON - timedelta(seconds=count - n)
            )
            for n in range(count)
        ]


def _round(store: Engine, broker: PretendBroker, now: datetime = NOON) -> Round:
    return post_due_letters(store, broker, clock=lambda: now, lease=MINUTE)


def _letter(store: Engine, letter_id: str) -> outbox.Letter:
    with reading(store) as connection:
        letter = outbox.get(connection, letter_id)
    assert letter is not None
    return letter


def test_every_due_letter_is_posted_once(store: Engine, sealer: Sealer) -> None:
    letters = _put(store, sealer, 3)
    broker = PretendBroker()
    assert _round(store, broker) == Round(posted=3)
    assert _round(store, broker) == Round(posted=0)
    assert sorted(broker.took) == sorted(letters)
    assert _letter(store, letters[0]).posted_at == NOON


def test_a_letter_nobody_finished_is_posted_again_later_and_later(
    store: Engine, sealer: Sealer
) -> None:
    """Lease 1 minute, then 2, then 4: posted at 12:00, 12:01, 12:03, next at 12:07."""
    (letter,) = _put(store, sealer)
    broker = PretendBroker()
    posted_at = [m for m in range(10) if _round(store, broker, NOON + m * MINUTE).posted]
    assert posted_at == [0, 1, 3, 7]
    assert broker.took == [letter] * 4


def test_what_is_due_at_once_goes_in_one_message_in_its_order(
    store: Engine, sealer: Sealer
) -> None:
    letters = _put(store, sealer, 5)
    broker = PretendBroker()
    _round(store, broker)
    assert broker.messages == [letters]


def test_errands_go_one_by_one_and_a_note_that_came_back_goes_alone(
    store: Engine, sealer: Sealer
) -> None:
    """A minute later the three notes are due again, each alone, and two new ones go together."""
    old, errands = _put(store, sealer, 3), _put(store, sealer, 2, kind="errand")
    broker = PretendBroker()
    _round(store, broker)
    assert sorted(broker.messages, key=len) == [[errands[0]], [errands[1]], old]
    broker.messages.clear()
    with writing(store) as connection:
        for errand in errands:
            outbox.mark_done(connection, errand, NOON)
    new = _put(store, sealer, 2)
    _round(store, broker, NOON + MINUTE)
    assert sorted(broker.messages) == sorted([*([letter] for letter in old), new])


def test_more_than_a_message_takes_are_posted_in_one_round(store: Engine, sealer: Sealer) -> None:
    letters = _put(store, sealer, 230)
    broker = PretendBroker()
    assert _round(store, broker) == Round(posted=230)
    assert [len(message) for message in broker.messages] == [100, 100, 30]
    assert broker.took == letters


def test_a_broker_that_fails_midway_leaves_the_rest_as_it_was(
    store: Engine, sealer: Sealer
) -> None:
    """Four errands, and the broker takes two: those are posted, the others are due at once."""
    letters = _put(store, sealer, 4, kind="errand")
    broker = PretendBroker(refuses=NotPosted, takes=2)
    assert _round(store, broker) == Round(posted=2, broker_failed=True)
    assert broker.asked == 3
    assert [_letter(store, it).posted_at for it in letters] == [NOON, NOON, None, None]
    assert [_letter(store, it).attempts for it in letters] == [1, 1, 0, 0]
    broker.refuses = None
    assert _round(store, broker) == Round(posted=2)
    assert broker.took == letters


def test_what_goes_wrong_with_one_letter_leaves_the_others_due(
    store: Engine, sealer: Sealer
) -> None:
    """The letter at which it happened waits for its lease, and nobody waits for it."""
    letters = _put(store, sealer, 3, kind="errand")
    with pytest.raises(ZeroDivisionError):
        _round(store, PretendBroker(refuses=ZeroDivisionError, takes=1))
    broker = PretendBroker()
    assert _round(store, broker) == Round(posted=1)
    assert broker.took == [letters[2]]
    assert _round(store, broker, NOON + MINUTE) == Round(posted=3)


def test_a_round_that_is_to_stop_gives_back_what_it_has_not_posted(
    store: Engine, sealer: Sealer
) -> None:
    letters = _put(store, sealer, 3, kind="errand")
    broker = PretendBroker()
    done = post_due_letters(
        store, broker, clock=lambda: NOON, lease=MINUTE, stop=lambda: broker.asked == 1
    )
    assert done == Round(posted=1)
    assert [_letter(store, it).attempts for it in letters] == [1, 0, 0]


def test_a_broker_that_refuses_is_asked_once_and_the_letters_stay_due(
    store: Engine, sealer: Sealer
) -> None:
    letters = _put(store, sealer, 3)
    broker = PretendBroker(refuses=NotPosted)
    assert _round(store, broker) == Round(posted=0, broker_failed=True)
    assert broker.asked == 1
    assert all(_letter(store, letter).attempts == 0 for letter in letters)
    broker.refuses = None
    assert _round(store, broker) == Round(posted=3)


def test_a_letter_of_a_kind_we_do_not_know_does_not_hold_up_the_others(
    store: Engine, sealer: Sealer
) -> None:
    """It is claimed under its lease and left to a relay that knows it."""
    (letter,) = _put(store, sealer)
    assert _round(store, PretendBroker(refuses=UnknownKind)) == Round(posted=0)
    assert _round(store, PretendBroker()) == Round(posted=0)
    assert _round(store, PretendBroker(), NOON + MINUTE) == Round(posted=1)
    assert _letter(store, letter).done_at is None


def test_a_process_that_dies_between_claim_and_post_loses_nothing(
    store: Engine, sealer: Sealer
) -> None:
    class Dies(BaseException):
        """The process ends here."""

    (letter,) = _put(store, sealer)
    with pytest.raises(Dies):
        _round(store, PretendBroker(refuses=Dies))  # type: ignore[arg-type]
    broker = PretendBroker()
    _round(store, broker, NOON + MINUTE)
    assert broker.took == [letter]


def test_a_process_that_is_killed_with_a_batch_in_its_hands_loses_nothing(
    store: Engine, sealer: Sealer, store_url: str
) -> None:
    """Kill -9 at its second message: the first arrives again after the lease, the others too."""
    letters = _put(store, sealer, 4, kind="errand")
    killed = processes.run([sys.executable, "-c", _KILLED, store_url])
    assert killed.returncode == -signal.SIGKILL
    broker = PretendBroker()
    assert _round(store, broker) == Round(posted=0)
    assert _round(store, broker, NOON + MINUTE) == Round(posted=4)
    assert broker.took == sorted(letters)  # claimed together, so due again at one instant


_KILLED = """\
import os, signal, sys
from datetime import UTC, datetime, timedelta
from store.database import make_engine
from workers.relay import post_due_letters

class Broker:
    together = ()
    asked = 0

    def post(self, kind, letter_ids):
        self.asked += 1
        if self.asked == 2:
            os.kill(os.getpid(), signal.SIGKILL)

noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
post_due_letters(
    make_engine(sys.argv[1]), Broker(), clock=lambda: noon, lease=timedelta(minutes=1)
)
"""


def test_two_relays_at_once_post_each_letter_once(store: Engine, sealer: Sealer) -> None:
    letters = _put(store, sealer, 20)
    broker = PretendBroker()
    gate = threading.Barrier(2)

    def relay() -> None:
        gate.wait()
        _round(store, broker)

    threads = [threading.Thread(target=relay) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(broker.took) == sorted(letters)


def test_the_thread_posts_when_it_is_woken(
    store: Engine, sealer: Sealer, until: Callable[..., None]
) -> None:
    broker = PretendBroker()
    relay = Relay(store, broker, clock=lambda: NOON, lease=MINUTE)
    relay.start()
    try:
        (letter,) = _put(store, sealer)
        relay.wake()
        until(lambda: broker.took == [letter], 3)
    finally:
        relay.stop()


def test_what_is_promised_within_a_moment_goes_together(
    store: Engine, sealer: Sealer, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round that a start begins with looks at once: only after it does a letter wait."""
    monkeypatch.setattr("workers.relay.GATHERING_SECONDS", 3.0)
    broker = PretendBroker()
    opening = _put(store, sealer)
    relay = Relay(store, broker, clock=lambda: NOON, lease=MINUTE)
    relay.start()
    try:
        until(lambda: broker.messages == [opening])
        first, second = (_woken(relay, _put(store, sealer)) for _ in range(2))
        until(lambda: len(broker.messages) > 1)
        assert sorted(broker.messages[1]) == sorted(first + second)
    finally:
        relay.stop()


def _woken(relay: Relay, letters: list[str]) -> list[str]:
    relay.wake()
    return letters


def test_waking_returns_while_the_broker_hangs(
    store: Engine, sealer: Sealer, until: Callable[..., None]
) -> None:
    """The relay's thread sits in the broker; whoever wakes it does not wait for that."""
    release = threading.Event()

    class Hangs(PretendBroker):
        def post(self, kind: str, letter_ids: Sequence[str]) -> None:  # noqa: ARG002  the broker's signature
            self.asked += 1
            release.wait(30)
            raise NotPosted

    broker = Hangs()
    relay = Relay(store, broker, clock=lambda: NOON, lease=MINUTE)
    relay.start()
    try:
        _put(store, sealer)
        relay.wake()
        until(lambda: broker.asked == 1)
        relay.wake()  # would deadlock the test if it waited for the round
        assert broker.asked == 1
    finally:
        release.set()
        relay.stop()


def test_the_thread_outlives_an_unexpected_error(
    store: Engine, sealer: Sealer, until: Callable[..., None]
) -> None:
    broker = PretendBroker(refuses=ZeroDivisionError)
    now = NOON
    relay = Relay(store, broker, clock=lambda: now, lease=MINUTE)
    relay.start()
    try:
        (letter,) = _put(store, sealer)
        relay.wake()
        until(lambda: broker.asked >= 1)
        broker.refuses = None
        now = NOON + MINUTE
        until(lambda: broker.took == [letter])
    finally:
        relay.stop()
