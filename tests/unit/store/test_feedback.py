"""What users did with cards: kept once, the latest counts, joined with cards when they come."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from ehr.seal import CannotOpen, Sealer
from store import cards_shown, feedback
from store.cards_shown import CardsShown, ShownCard
from store.database import make_engine, reading, writing
from store.feedback import IN_WORDS_ONLY, NOT_RECORDED, Feedback, Line, Outcome, OverrideReason

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CARD, OTHER, SUGGESTION, SECOND = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(4))
OURS = "https://taperguard.org/fhir/CodeSystem/override-reasons"
DECLINES = OverrideReason(OURS, "patient-declines", "The patient declines a change")
ACCEPTED = Feedback(CARD, Outcome.ACCEPTED, NOON, (SUGGESTION,))
OVERRIDDEN = Feedback(CARD, Outcome.OVERRIDDEN, NOON, reason=DECLINES)
COMMENT = "Synthetic-Alder fell in March"

Rows = Callable[[Engine, str], list[dict[str, Any]]]


def _keep(store: Engine, sealer: Sealer, *given: Feedback, now: datetime = NOON) -> int:
    with writing(store) as connection:
        new = feedback.record(connection, "clonazepam-safety", given, sealer=sealer, now=now)
    return len(new)


def _show(store: Engine, sealer: Sealer, card: str, *checks: str) -> None:
    shown = CardsShown(
        *("sandbox", "example-1", "hook-instance", "order-sign", "clonazepam-safety", "2026.11"),
        cards=(ShownCard(card, checks, "critical"),),
        shown_at=NOON,
    )
    with writing(store) as connection:
        cards_shown.record(connection, shown, sealer=sealer, now=NOON)


def _summary(store: Engine) -> list[Line]:
    with reading(store) as connection:
        return list(feedback.summary(connection))


def _of_card(store: Engine, sealer: Sealer, card: str = CARD) -> list[Feedback]:
    with reading(store) as connection:
        return list(feedback.of_card(connection, card, sealer=sealer))


def test_a_report_comes_back_as_it_was(store: Engine, sealer: Sealer) -> None:
    whole = replace(OVERRIDDEN, accepted_suggestions=(SUGGESTION, SECOND), user_comment=COMMENT)
    assert _keep(store, sealer, whole) == 1
    assert _of_card(store, sealer) == [whole]
    assert _of_card(store, sealer, OTHER) == []


def test_the_same_report_again_changes_nothing(store: Engine, sealer: Sealer, rows: Rows) -> None:
    """Once in another call, twice in one call, in another zone, its suggestions the other way."""
    both = replace(ACCEPTED, accepted_suggestions=(SUGGESTION, SECOND), user_comment=COMMENT)
    zone = datetime.fromisoformat("2026-11-23T14:00:00+02:00")
    other_way = replace(both, accepted_suggestions=(SECOND, SUGGESTION), outcome_timestamp=zone)
    assert _keep(store, sealer, both) == 1
    before = rows(store, "card_feedback")
    assert _keep(store, sealer, both, other_way, both, now=NOON + MINUTE) == 0
    assert rows(store, "card_feedback") == before


def test_a_second_suggestion_accepted_in_the_same_second_is_not_lost(
    store: Engine, sealer: Sealer
) -> None:
    """Both rows are kept; the card still counts once."""
    assert _keep(store, sealer, ACCEPTED) == 1
    assert _keep(store, sealer, replace(ACCEPTED, accepted_suggestions=(SECOND,))) == 1
    assert {r.accepted_suggestions for r in _of_card(store, sealer)} == {(SUGGESTION,), (SECOND,)}
    assert _summary(store) == [Line(NOT_RECORDED, None, Outcome.ACCEPTED, None, 1)]


def test_a_later_outcome_is_kept_beside_the_earlier_and_counts(
    store: Engine, sealer: Sealer
) -> None:
    """Overridden at 12:00, accepted at 12:01: accepted counts, also if it was reported first."""
    later = replace(ACCEPTED, outcome_timestamp=NOON + MINUTE)
    for card, order in ((CARD, (OVERRIDDEN, later)), (OTHER, (later, OVERRIDDEN))):
        for minutes, report in enumerate(order):
            _keep(store, sealer, replace(report, card=card), now=NOON + (2 + minutes) * MINUTE)
        outcomes = [r.outcome for r in _of_card(store, sealer, card)]
        assert outcomes == [Outcome.ACCEPTED, Outcome.OVERRIDDEN]
    assert _summary(store) == [Line(NOT_RECORDED, None, Outcome.ACCEPTED, None, 2)]


@pytest.mark.parametrize("order", list(itertools.permutations([OVERRIDDEN, ACCEPTED])))
def test_at_one_instant_the_last_of_a_call_counts(
    store: Engine, sealer: Sealer, order: tuple[Feedback, ...]
) -> None:
    _keep(store, sealer, *order)
    assert _of_card(store, sealer)[0] == order[-1]


def test_a_clock_that_is_ahead_does_not_win_for_ever(store: Engine, sealer: Sealer) -> None:
    """Said to be of next year and received at 12:00; what is done at 12:01 comes after it."""
    ahead = replace(OVERRIDDEN, outcome_timestamp=NOON + timedelta(days=365))
    _keep(store, sealer, ahead, now=NOON)
    later = replace(ACCEPTED, outcome_timestamp=NOON + MINUTE)
    _keep(store, sealer, later, now=NOON + 2 * MINUTE)
    assert _of_card(store, sealer) == [later, ahead]


def test_feedback_before_its_card_is_joined_when_the_card_comes(
    store: Engine, sealer: Sealer
) -> None:
    """One card, two checks: a line of its own first, then a line under each check."""
    _keep(store, sealer, OVERRIDDEN)
    reason = f"{OURS}|patient-declines"
    assert _summary(store) == [Line(NOT_RECORDED, None, Outcome.OVERRIDDEN, reason, 1)]
    _show(store, sealer, CARD, "opioid-together", "high-dose")
    assert _summary(store) == [
        Line("high-dose", "critical", Outcome.OVERRIDDEN, reason, 1),
        Line("opioid-together", "critical", Outcome.OVERRIDDEN, reason, 1),
    ]


def test_cards_are_counted_by_check_outcome_and_reason(store: Engine, sealer: Sealer) -> None:
    """Seven cards with feedback, one of them unknown; an eighth that nobody reported on."""
    cards = [f"00000000-0000-4000-8000-0000000001{n:02}" for n in range(8)]
    for card in (cards[0], cards[1]):
        _show(store, sealer, card, "high-dose", "opioid-together")
    for card in (*cards[2:6], cards[7]):
        _show(store, sealer, card, "high-dose")
    _keep(
        store,
        sealer,
        replace(ACCEPTED, card=cards[0]),
        replace(OVERRIDDEN, card=cards[1]),
        replace(OVERRIDDEN, card=cards[2]),
        replace(OVERRIDDEN, card=cards[3], reason=None),
        replace(OVERRIDDEN, card=cards[4], reason=None, user_comment=COMMENT),
        replace(OVERRIDDEN, card=cards[5], reason=OverrideReason(None, "x1", None)),
        replace(OVERRIDDEN, card=cards[6]),
    )
    declined = f"{OURS}|patient-declines"
    assert _summary(store) == [
        Line(NOT_RECORDED, None, Outcome.OVERRIDDEN, declined, 1),  # cards[6]
        Line("high-dose", "critical", Outcome.ACCEPTED, None, 1),  # cards[0]
        Line("high-dose", "critical", Outcome.OVERRIDDEN, None, 1),  # cards[3]
        Line("high-dose", "critical", Outcome.OVERRIDDEN, declined, 2),  # cards[1], cards[2]
        Line("high-dose", "critical", Outcome.OVERRIDDEN, IN_WORDS_ONLY, 1),  # cards[4]
        Line("high-dose", "critical", Outcome.OVERRIDDEN, "|x1", 1),  # cards[5]
        Line("opioid-together", "critical", Outcome.ACCEPTED, None, 1),  # cards[0]
        Line("opioid-together", "critical", Outcome.OVERRIDDEN, declined, 1),  # cards[1]
    ]


def test_a_card_that_spoke_for_no_check_is_not_forgotten(store: Engine, sealer: Sealer) -> None:
    _show(store, sealer, CARD)
    _keep(store, sealer, ACCEPTED)
    assert _summary(store) == [Line(None, "critical", Outcome.ACCEPTED, None, 1)]


def test_nothing_reported_is_an_empty_summary(store: Engine, sealer: Sealer) -> None:
    _show(store, sealer, CARD, "high-dose")
    assert _summary(store) == []


def test_all_reports_of_a_transaction_are_kept_or_none(store: Engine, sealer: Sealer) -> None:
    """The second fails in the database: the first is not kept either."""
    broken = replace(ACCEPTED, card=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="card_uuid"):
        _keep(store, sealer, OVERRIDDEN, broken, replace(ACCEPTED, card=OTHER))
    assert _of_card(store, sealer) == []
    assert _of_card(store, sealer, OTHER) == []


def test_two_that_send_the_same_at_once_are_kept_once(store_url: str, sealer: Sealer) -> None:
    """Forty reports, by one in this order and by the other in reverse: neither fails."""
    cards = [f"00000000-0000-4000-8000-0000000002{n:02}" for n in range(40)]
    reports = [replace(ACCEPTED, card=card) for card in cards]
    gate = threading.Barrier(2)
    new: list[int | Exception] = []

    def send(given: list[Feedback]) -> None:
        engine = make_engine(store_url)
        gate.wait()
        try:
            new.append(_keep(engine, sealer, *given))
        except Exception as error:  # noqa: BLE001
            new.append(error)
        engine.dispose()

    threads = [threading.Thread(target=send, args=(g,)) for g in (reports, reports[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new, key=str) == [0, 40]
    engine = make_engine(store_url)
    assert _summary(engine) == [Line(NOT_RECORDED, None, Outcome.ACCEPTED, None, 40)]
    engine.dispose()


def test_free_text_is_not_in_the_database_in_clear(
    store: Engine, store_url: str, sealer: Sealer, rows: Rows
) -> None:
    """Neither the comment nor an EHR's own words for a reason; the card's uuid is, as control."""
    own = OverrideReason("https://ehr.example/r", "o", "Other: see the note on Birch")
    _keep(store, sealer, replace(OVERRIDDEN, reason=own, user_comment=COMMENT))
    (row,) = rows(store, "card_feedback")
    held = b" ".join(
        bytes(v) if isinstance(v, memoryview) else str(v).encode() for v in row.values()
    )
    if store_url.startswith("sqlite"):
        database = Path(store_url.removeprefix("sqlite:///"))
        held = b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))
    assert CARD.encode() in held
    for secret in (COMMENT, "Alder", "Birch"):
        assert secret.encode() not in held


def test_words_that_were_moved_to_another_report_do_not_open(store: Engine, sealer: Sealer) -> None:
    _keep(store, sealer, replace(OVERRIDDEN, user_comment=COMMENT), replace(OVERRIDDEN, card=OTHER))
    table = feedback.card_feedback
    with writing(store) as connection:
        words = connection.execute(table.select().where(table.c.card_uuid == CARD)).one().words
        connection.execute(table.update().where(table.c.card_uuid == OTHER).values(words=words))
    with pytest.raises(CannotOpen):
        _of_card(store, sealer, OTHER)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Feedback(CARD, Outcome.ACCEPTED, datetime(2026, 11, 23))  # noqa: DTZ001
