"""What users did with cards: kept once, the latest counts."""

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
from store import feedback
from store.database import make_engine, reading, writing
from store.feedback import Feedback, Outcome, OverrideReason

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CARD, OTHER, SUGGESTION, SECOND = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(4))
OURS = "https://taperguard.org/fhir/CodeSystem/override-reasons"
DECLINES = OverrideReason(OURS, "patient-declines", "The patient declines a change")
ACCEPTED = Feedback(CARD, Outcome.ACCEPTED, NOON, (SUGGESTION,))
OVERRIDDEN = Feedback(CARD, Outcome.OVERRIDDEN, NOON, reason=DECLINES)
COMMENT = "Synthetic-Alder fell in March"

Rows = Callable[[Engine, str], list[dict[str, Any]]]


def _keep(
    store: Engine,
    sealer: Sealer,
    *given: Feedback,
    now: datetime = NOON,
    service: str = "clonazepam-safety",
    ehr_id: str | None = None,
) -> int:
    with writing(store) as connection:
        new = feedback.record(connection, service, given, sealer=sealer, now=now, ehr_id=ehr_id)
    return len(new)


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


def test_nobody_keeps_a_report_out_by_sending_it_first(
    store: Engine, sealer: Sealer, rows: Rows
) -> None:
    """North sends South's report word for word, and South sends it to the wrong service first."""
    assert _keep(store, sealer, OVERRIDDEN, ehr_id="north") == 1
    assert _keep(store, sealer, OVERRIDDEN, ehr_id="south", service="clonazepam-review") == 1
    assert _keep(store, sealer, OVERRIDDEN, ehr_id="south") == 1
    assert _keep(store, sealer, OVERRIDDEN, ehr_id="south") == 0
    assert [row["ehr_id"] for row in rows(store, "card_feedback")] == ["north", "south", "south"]


def test_a_second_suggestion_accepted_in_the_same_second_is_not_lost(
    store: Engine, sealer: Sealer
) -> None:
    assert _keep(store, sealer, ACCEPTED) == 1
    assert _keep(store, sealer, replace(ACCEPTED, accepted_suggestions=(SECOND,))) == 1
    assert {r.accepted_suggestions for r in _of_card(store, sealer)} == {(SUGGESTION,), (SECOND,)}


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


def test_all_reports_of_a_transaction_are_kept_or_none(store: Engine, sealer: Sealer) -> None:
    """The second fails in the database: the first is not kept either."""
    broken = replace(ACCEPTED, card=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="card_uuid"):
        _keep(store, sealer, OVERRIDDEN, broken, replace(ACCEPTED, card=OTHER))
    assert _of_card(store, sealer) == []
    assert _of_card(store, sealer, OTHER) == []


def test_two_that_send_the_same_at_once_are_kept_once(
    store_url: str, sealer: Sealer, rows: Rows
) -> None:
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
    assert len(rows(engine, "card_feedback")) == 40
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
