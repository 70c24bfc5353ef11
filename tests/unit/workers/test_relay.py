"""The relay: due letters reach the broker, once each, and a broken broker costs nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
    """Takes letters, refuses them, or does not know them."""

    def __init__(self, refuses: type[Exception] | None = None) -> None:
        self.refuses = refuses
        self.took: list[str] = []
        self.asked = 0

    def post(self, kind: str, letter_id: str) -> None:  # noqa: ARG002  the broker's signature
        self.asked += 1
        if self.refuses is not None:
            raise self.refuses
        self.took.append(letter_id)

    def close(self) -> None:
        """Nothing is open."""


def _put(store: Engine, sealer: Sealer, count: int = 1) -> list[str]:
    with writing(store) as connection:
        return [
            outbox.put(connection, "note", {"n": n}, sealer=sealer, now=NOON) for n in range(count)
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


def test_waking_returns_while_the_broker_hangs(
    store: Engine, sealer: Sealer, until: Callable[..., None]
) -> None:
    """The relay's thread sits in the broker; whoever wakes it does not wait for that."""
    release = threading.Event()

    class Hangs(PretendBroker):
        def post(self, kind: str, letter_id: str) -> None:  # noqa: ARG002  the broker's signature
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
