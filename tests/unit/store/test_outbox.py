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


def _claim(store: Engine, now: datetime, most: int = 100) -> list[outbox.Claimed]:
    with writing(store) as connection:
        return outbox.claim(connection, now, lease_of=lambda _: MINUTE, most=most)


def _letter(store: Engine, letter_id: str) -> outbox.Letter:
    with reading(store) as connection:
        letter = outbox.get(connection, letter_id)
    assert letter is not None
    return letter


def _due(store: Engine, now: datetime) -> list[str]:
    """The ids of what is due at this instant, the longest due first; it stays due."""
    claimed = _claim(store, now)
    with writing(store) as connection:
        outbox.give_back(connection, claimed)
    return [it.id for it in claimed]


def test_a_letter_is_due_at_once_and_says_what_was_promised(store: Engine, sealer: Sealer) -> None:
    letter_id = _put(store, sealer, patient="example-1", cards=[1, 2])
    assert _due(store, NOON) == [letter_id]
    letter = _letter(store, letter_id)
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
    one, two = (_letter(store, _put(store, sealer, patient=name)) for name in "ab")
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
    letter_id = _put(store, sealer)
    assert _claim(store, NOON) == [outbox.Claimed(letter_id, "note", 0, NOON)]
    assert _claim(store, NOON) == []


def test_no_more_are_claimed_than_asked_for_the_longest_due_first(
    store: Engine, sealer: Sealer
) -> None:
    late, early, later = (_put(store, sealer, now=NOON + n * MINUTE) for n in (1, 0, 2))
    assert [it.id for it in _claim(store, NOON + 2 * MINUTE, most=2)] == [early, late]
    assert [it.id for it in _claim(store, NOON + 2 * MINUTE, most=2)] == [later]


def test_letters_claimed_together_have_each_its_own_lease(store: Engine, sealer: Sealer) -> None:
    """One was taken once before, so its lease is two minutes where the other's is one."""
    old = _put(store, sealer)
    _claim(store, NOON)
    new = _put(store, sealer, now=NOON + MINUTE)
    with writing(store) as connection:
        claimed = outbox.claim(
            connection, NOON + MINUTE, lease_of=lambda before: (before + 1) * MINUTE, most=9
        )
    assert {(it.id, it.attempts) for it in claimed} == {(old, 1), (new, 0)}
    assert _due(store, NOON + 2 * MINUTE) == [new]
    assert _due(store, NOON + 3 * MINUTE) == [new, old]


def test_what_another_is_about_to_claim_is_not_waited_for(store: Engine, sealer: Sealer) -> None:
    """PostgreSQL only: in SQLite one writes at a time."""
    if store.dialect.name != "postgresql":
        return
    first = _put(store, sealer)
    with writing(store) as connection:
        assert outbox.claim(connection, NOON, lease_of=lambda _: MINUTE, most=9)
        second = _put(store, sealer)
        assert [it.id for it in _claim(store, NOON)] == [second]
    assert _due(store, NOON + MINUTE) == sorted([first, second])


def test_a_claimed_letter_is_due_again_when_its_lease_ends(store: Engine, sealer: Sealer) -> None:
    """Posted at 12:00 with a lease of one minute and never done: due at 12:01, not before."""
    letter_id = _put(store, sealer)
    _claim(store, NOON)
    with writing(store) as connection:
        outbox.mark_posted(connection, [letter_id], NOON)
    assert _due(store, NOON + MINUTE - timedelta(microseconds=1)) == []
    assert _due(store, NOON + MINUTE) == [letter_id]
    again = _letter(store, letter_id)
    assert (again.attempts, again.posted_at) == (1, NOON)


def test_letters_that_could_not_be_posted_are_due_as_before(store: Engine, sealer: Sealer) -> None:
    letters = [_letter(store, _put(store, sealer, now=NOON - n * MINUTE)) for n in range(3)]
    claimed = _claim(store, NOON)
    with writing(store) as connection:
        outbox.give_back(connection, claimed)
        outbox.give_back(connection, [])
    assert [_letter(store, letter.id) for letter in letters] == letters


def test_what_was_done_or_claimed_again_meanwhile_is_not_given_back(
    store: Engine, sealer: Sealer
) -> None:
    """The claim was over: what others did since then stands."""
    done, again = (_put(store, sealer) for _ in range(2))
    claimed = _claim(store, NOON)
    with writing(store) as connection:
        outbox.mark_done(connection, done, NOON)
    _claim(store, NOON + MINUTE)
    with writing(store) as connection:
        outbox.give_back(connection, claimed)
    assert _due(store, NOON + MINUTE) == []
    assert _letter(store, done).done_at == NOON
    assert _letter(store, again).attempts == 2


def test_of_the_letters_that_are_held_none_is_done(store: Engine, sealer: Sealer) -> None:
    done, waiting = (_put(store, sealer) for _ in range(2))
    with writing(store) as connection:
        outbox.mark_done(connection, done, NOON)
        held = outbox.hold(connection, [waiting, done, "0" * 32])
    assert held == [_letter(store, waiting)]


def test_a_done_letter_is_never_due_and_its_words_are_gone(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter_id = _put(store, sealer)
    with writing(store) as connection:
        outbox.mark_done(connection, letter_id, NOON)
        outbox.mark_done(connection, letter_id, NOON + MINUTE)
    assert _due(store, NOON + timedelta(days=9)) == []
    assert _letter(store, letter_id).done_at == NOON  # the first time stands
    assert bytes(rows(store, "outbox")[0]["payload"]) == b""


def test_the_longest_due_comes_first(store: Engine, sealer: Sealer) -> None:
    late = _put(store, sealer, now=NOON + MINUTE)
    early = _put(store, sealer, now=NOON)
    assert _due(store, NOON + MINUTE) == [early, late]
    assert _due(store, NOON) == [early]


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
    two_hours_ahead = timezone(timedelta(hours=2))
    letter_id = _put(store, sealer, now=datetime(2026, 11, 23, 14, tzinfo=two_hours_ahead))
    assert _due(store, NOON) == [letter_id]
    letter = _letter(store, letter_id)
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
    assert _due(store, NOON + MINUTE) == [letter_id]
    with writing(store) as connection:
        outbox.mark_done(connection, letter_id, NOON)
        outbox.postpone(connection, letter_id, NOON)
    assert _due(store, NOON + MINUTE) == []
