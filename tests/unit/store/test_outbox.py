"""The outbox: a promise is written with the answer, posted later, and never lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import StatementError

from ehr.seal import CannotOpen, Sealer
from store import outbox
from store.database import reading, writing

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _put(store: Engine, sealer: Sealer, now: datetime = NOON, **payload: Any) -> str:
    with writing(store) as connection:
        return outbox.put(connection, "note", payload or {"n": 1}, sealer=sealer, now=now)


def _due(store: Engine, now: datetime) -> list[outbox.Letter]:
    with reading(store) as connection:
        return outbox.due(connection, now)


def test_a_letter_is_due_at_once_and_says_what_was_promised(store: Engine, sealer: Sealer) -> None:
    letter_id = _put(store, sealer, patient="example-1", cards=[1, 2])
    (letter,) = _due(store, NOON)
    assert (letter.id, letter.kind, letter.attempts) == (letter_id, "note", 0)
    assert letter.created_at == NOON
    assert letter.open(sealer) == {"patient": "example-1", "cards": [1, 2]}


def test_the_database_never_holds_the_promise_in_plain_words(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    _put(store, sealer, patient="example-1")
    (row,) = rows(store, "outbox")
    assert b"example-1" not in bytes(row["payload"])


def test_a_payload_moved_to_another_row_does_not_open(store: Engine, sealer: Sealer) -> None:
    """Swapping two sealed payloads would attach one patient's cards to another's letter."""
    _put(store, sealer, patient="a")
    _put(store, sealer, patient="b")
    one, two = _due(store, NOON)
    swapped = outbox.Letter(
        one.id, one.kind, two.payload, NOON, NOON, attempts=0, posted_at=None, done_at=None
    )
    with pytest.raises(CannotOpen):
        swapped.open(sealer)


def test_a_transaction_that_fails_promises_nothing(store: Engine, sealer: Sealer) -> None:
    def answer_and_fail() -> None:
        with writing(store) as connection:
            outbox.put(connection, "note", {"n": 1}, sealer=sealer, now=NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        answer_and_fail()
    assert _due(store, NOON) == []


def test_a_letter_is_claimed_once(store: Engine, sealer: Sealer) -> None:
    _put(store, sealer)
    (letter,) = _due(store, NOON)
    with writing(store) as connection:
        assert outbox.claim(connection, letter, until=NOON + MINUTE) is True
    with writing(store) as connection:
        assert outbox.claim(connection, letter, until=NOON + MINUTE) is False


def test_a_claimed_letter_is_due_again_when_its_lease_ends(store: Engine, sealer: Sealer) -> None:
    """Posted at 12:00 with a lease of one minute and never done: due at 12:01, not before."""
    _put(store, sealer)
    (letter,) = _due(store, NOON)
    with writing(store) as connection:
        outbox.claim(connection, letter, until=NOON + MINUTE)
        outbox.mark_posted(connection, letter.id, NOON)
    assert _due(store, NOON + MINUTE - timedelta(microseconds=1)) == []
    (again,) = _due(store, NOON + MINUTE)
    assert (again.attempts, again.posted_at) == (1, NOON)


def test_a_letter_that_could_not_be_posted_is_due_as_before(store: Engine, sealer: Sealer) -> None:
    _put(store, sealer)
    (letter,) = _due(store, NOON)
    with writing(store) as connection:
        outbox.claim(connection, letter, until=NOON + MINUTE)
        outbox.give_back(connection, letter)
    assert _due(store, NOON) == [letter]


def test_a_done_letter_is_never_due_and_its_words_are_gone(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter_id = _put(store, sealer)
    with writing(store) as connection:
        outbox.mark_done(connection, letter_id, NOON)
        outbox.mark_done(connection, letter_id, NOON + MINUTE)
    assert _due(store, NOON + timedelta(days=9)) == []
    with reading(store) as connection:
        letter = outbox.get(connection, letter_id)
    assert letter is not None
    assert letter.done_at == NOON  # the first time stands
    assert bytes(rows(store, "outbox")[0]["payload"]) == b""


def test_the_longest_due_comes_first(store: Engine, sealer: Sealer) -> None:
    late = _put(store, sealer, now=NOON + MINUTE)
    early = _put(store, sealer, now=NOON)
    assert [letter.id for letter in _due(store, NOON + MINUTE)] == [early, late]
    assert [letter.id for letter in _due(store, NOON)] == [early]


def test_the_backlog_counts_what_is_not_done(store: Engine, sealer: Sealer) -> None:
    with reading(store) as connection:
        assert outbox.backlog(connection) == outbox.Backlog(0, None)
    _put(store, sealer, now=NOON + MINUTE)
    done = _put(store, sealer, now=NOON)
    _put(store, sealer, now=NOON)
    with writing(store) as connection:
        outbox.mark_done(connection, done, NOON)
        assert outbox.backlog(connection) == outbox.Backlog(2, NOON)


def test_only_letters_done_long_ago_are_forgotten(store: Engine, sealer: Sealer) -> None:
    old, fresh, waiting = (_put(store, sealer) for _ in range(3))
    with writing(store) as connection:
        outbox.mark_done(connection, old, NOON)
        outbox.mark_done(connection, fresh, NOON + MINUTE)
        assert outbox.forget_done(connection, NOON + MINUTE) == 1
        assert outbox.get(connection, old) is None
        assert outbox.get(connection, fresh) is not None
        assert outbox.get(connection, waiting) is not None


def test_an_instant_comes_back_in_utc_whatever_zone_it_came_in(
    store: Engine, sealer: Sealer
) -> None:
    """14:00 in a zone two hours ahead is 12:00 UTC."""
    _put(store, sealer, now=datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2))))
    (letter,) = _due(store, NOON)
    assert letter.created_at == NOON
    assert letter.created_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(store: Engine, sealer: Sealer) -> None:
    with pytest.raises(StatementError, match="needs a time zone"):
        _put(store, sealer, now=datetime(2026, 11, 23, 12))  # noqa: DTZ001


def test_a_database_error_does_not_quote_what_was_to_be_written(
    store: Engine, sealer: Sealer
) -> None:
    with pytest.raises(StatementError) as caught:
        _put(store, sealer, now="Jane Doe")  # type: ignore[arg-type]
    assert "Jane" not in str(caught.value).replace("'str' object", "")


def test_a_postponed_letter_is_due_at_that_instant_and_a_done_one_stays_done(
    store: Engine, sealer: Sealer
) -> None:
    letter_id = _put(store, sealer)
    with writing(store) as connection:
        outbox.postpone(connection, letter_id, NOON + MINUTE)
    assert _due(store, NOON) == []
    assert [letter.id for letter in _due(store, NOON + MINUTE)] == [letter_id]
    with writing(store) as connection:
        outbox.mark_done(connection, letter_id, NOON)
        outbox.postpone(connection, letter_id, NOON)
    assert _due(store, NOON + MINUTE) == []
