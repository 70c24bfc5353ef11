"""What was settled is found again on the same facts, of the same patient, and of nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from ehr.seal import Sealer
from store import card_memory, follow_ups
from store.card_memory import Settled, Whose
from store.database import reading, writing
from store.feedback import Outcome
from store.follow_ups import FollowUp

SHOWN_AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
DAY = SHOWN_AT.date()
FACTS = {"high-dose": "after signing 3 mg/day", "opioid-together": "medicine oxycodone"}
ALDER = Whose("sandbox", "alder", "clonazepam-safety")


class Kept:
    """The memory of this test: shown, answered, recalled."""

    def __init__(self, store: Engine, sealer: Sealer) -> None:
        self.store, self.sealer = store, sealer

    def show(self, card: str = "card-1", whose: Whose = ALDER, **facts: str) -> None:
        with writing(self.store) as connection:
            shown = {card: facts or FACTS}
            card_memory.remember(connection, whose, shown, sealer=self.sealer, now=SHOWN_AT)

    def answer(
        self,
        card: str = "card-1",
        *,
        service: str = "clonazepam-safety",
        ehr_id: str | None = None,
        minutes: int = 1,
        outcome: Outcome = Outcome.OVERRIDDEN,
        reason: str | None = None,
        quiet_until: date = DAY + timedelta(days=90),
    ) -> bool:
        """Whether the answer settled the card."""
        with writing(self.store) as connection:
            found = card_memory.find(connection, card, service=service, ehr_id=ehr_id)
            return found is not None and card_memory.settle(
                connection,
                found,
                outcome=outcome,
                reason_code=reason,
                at=SHOWN_AT + timedelta(minutes=minutes),
                on=DAY,
                quiet_until=quiet_until,
            )

    def anything(self, on: date = DAY, whose: Whose = ALDER) -> bool:
        patient = whose.patient_fingerprint(self.sealer)
        with reading(self.store) as connection:
            return card_memory.anything(connection, patient, whose.service, on)

    def recall(self, on: date = DAY, whose: Whose = ALDER, **facts: str) -> dict[str, Settled]:
        with reading(self.store) as connection:
            found = card_memory.recall(connection, whose, on, sealer=self.sealer)
        return card_memory.settled_by_check(found, whose, facts or FACTS, sealer=self.sealer)


@pytest.fixture
def kept(store: Engine, sealer: Sealer) -> Kept:
    return Kept(store, sealer)


def test_a_card_that_was_only_shown_settles_nothing(kept: Kept) -> None:
    kept.show()
    assert kept.recall() == {}
    assert not kept.anything()


def test_an_answered_card_settles_each_of_its_checks_until_its_day_is_over(kept: Kept) -> None:
    """20 Nov 2026 and 90 days are 18 Feb 2027: that day still counts, the next one does not."""
    kept.show()
    assert kept.answer(reason="palliative")
    found = kept.recall()
    assert set(found) == {"high-dose", "opioid-together"}
    one = found["high-dose"]
    assert (one.settled_on, one.outcome, one.reason_code) == (
        DAY,
        Outcome.OVERRIDDEN,
        "palliative",
    )
    assert kept.recall(date(2027, 2, 18)) == found
    assert kept.anything(date(2027, 2, 18))
    assert kept.recall(date(2027, 2, 19)) == {}
    assert not kept.anything(date(2027, 2, 19))


def test_only_the_check_whose_facts_changed_is_not_settled_any_more(kept: Kept) -> None:
    kept.show()
    kept.answer()
    now = {**FACTS, "opioid-together": "medicine oxycodone\nmedicine tramadol"}
    assert set(kept.recall(**now)) == {"high-dose"}
    assert kept.recall(**{"dose-escalation": FACTS["high-dose"]}) == {}


@pytest.mark.parametrize(
    "whose",
    [
        Whose("sandbox", "birch", "clonazepam-safety"),
        Whose("elsewhere", "alder", "clonazepam-safety"),
        Whose("sandbox", "alder", "clonazepam-review"),
        Whose("sandboxa", "lder", "clonazepam-safety"),
    ],
)
def test_nobody_else_s_card_is_quiet(kept: Kept, whose: Whose) -> None:
    """Not another patient's, not one of the same id elsewhere, not another service's."""
    kept.show()
    kept.answer()
    assert kept.recall(whose=whose) == {}
    assert not kept.anything(whose=whose)


@pytest.mark.parametrize(
    "lie",
    [
        {"card": "never-issued"},
        {"service": "clonazepam-review"},
        {"ehr_id": "elsewhere"},
    ],
)
def test_an_answer_to_a_card_that_was_not_shown_there_settles_nothing(
    kept: Kept, lie: dict[str, str]
) -> None:
    kept.show()
    assert not kept.answer(**lie)
    assert kept.recall() == {}
    assert kept.answer(ehr_id="sandbox")


def test_of_two_answers_the_later_counts_in_whichever_order_they_come(kept: Kept) -> None:
    kept.show()
    assert kept.answer(minutes=2, reason="other")
    assert not kept.answer(minutes=1, outcome=Outcome.ACCEPTED)
    assert kept.recall()["high-dose"].reason_code == "other"
    assert kept.answer(minutes=3, outcome=Outcome.ACCEPTED)
    assert kept.recall()["high-dose"].outcome is Outcome.ACCEPTED


def test_of_two_cards_on_the_same_facts_the_later_answer_counts(kept: Kept) -> None:
    """The card of order-select and that of order-sign, both answered."""
    kept.show("selected")
    kept.show("signed")
    kept.answer("signed", minutes=5, reason="palliative")
    kept.answer("selected", minutes=1, reason="other")
    assert kept.recall()["high-dose"].reason_code == "palliative"


def test_nothing_readable_about_the_patient_is_in_the_database(
    kept: Kept, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    kept.show()
    kept.answer()
    held = str(rows(kept.store, "card_memory"))
    assert "sandbox" in held  # which EHR it is, is no secret
    for secret in ("alder", "oxycodone", "3 mg"):
        assert secret not in held


def test_the_same_facts_of_two_patients_have_two_fingerprints(sealer: Sealer) -> None:
    """Or the database would tell who shares a dose."""
    birch = Whose("sandbox", "birch", "clonazepam-safety")
    texts = {whose.facts_fingerprint(sealer, "high-dose", "3 mg/day") for whose in (ALDER, birch)}
    assert len(texts) == 2


def test_unanswered_cards_are_forgotten_after_a_month_settled_ones_when_their_time_is_over(
    kept: Kept,
) -> None:
    kept.show("unanswered")
    kept.show("settled")
    kept.answer("settled")

    def forget(day: date) -> int:
        with writing(kept.store) as connection:
            now = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
            return card_memory.forget(connection, now)

    assert forget(date(2026, 12, 19)) == 0
    assert forget(date(2026, 12, 20)) == 1  # 30 days after 20 Nov, 15:30
    assert forget(date(2027, 2, 19)) == 0  # somewhere it is still 18 Feb
    assert forget(date(2027, 2, 20)) == 1


# --- follow-ups -------------------------------------------------------------------------------

DUE = date(2026, 12, 18)
"""28 days after 20 Nov 2026."""


def _promise(kept: Kept, card: str, *checks: str, due_on: date = DUE) -> None:
    with writing(kept.store) as connection:
        found = card_memory.find(connection, card, service="clonazepam-safety")
        assert found is not None
        given = FollowUp(checks or found.checks, "will-monitor", DAY, due_on)
        follow_ups.promise(connection, found, given, kept_until=due_on + timedelta(days=90))


def _due(kept: Kept, on: date, whose: Whose = ALDER) -> tuple[FollowUp, ...]:
    with reading(kept.store) as connection:
        return follow_ups.due_of(connection, whose.patient_fingerprint(kept.sealer), on)


def _end(kept: Kept, card: str, on: date, *, whole: bool = False, anew: bool = False) -> int:
    with writing(kept.store) as connection:
        found = card_memory.find(connection, card, service="clonazepam-safety")
        assert found is not None
        return follow_ups.end(connection, found, on, whole=whole, anew=anew)


def test_a_follow_up_is_due_from_its_day_on_for_its_patient_alone(kept: Kept) -> None:
    kept.show()
    _promise(kept, "card-1")
    assert _due(kept, date(2026, 12, 17)) == ()
    assert not kept.anything(date(2026, 12, 17))
    (one,) = _due(kept, DUE)
    assert kept.anything(DUE)
    assert one == FollowUp(("high-dose", "opioid-together"), "will-monitor", DAY, DUE)
    assert _due(kept, DUE, Whose("sandbox", "birch", "clonazepam-safety")) == ()
    # Of whichever service: the review tells what was promised at an order.
    assert _due(kept, DUE, Whose("sandbox", "alder", "clonazepam-review")) == (one,)
    assert kept.anything(DUE, Whose("sandbox", "alder", "clonazepam-review"))


def test_an_ehr_s_due_follow_ups_come_with_their_patients_sealed_until_then(
    kept: Kept, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    for name in ("alder", "birch"):
        kept.show(name, Whose("sandbox", name, "clonazepam-safety"))
    _promise(kept, "alder")
    _promise(kept, "birch", due_on=DUE - timedelta(days=1))
    with reading(kept.store) as connection:
        due = follow_ups.due_in(connection, "sandbox", DUE, sealer=kept.sealer)
        assert follow_ups.due_in(connection, "elsewhere", DUE, sealer=kept.sealer) == ()
    assert [patient for patient, _ in due] == ["birch", "alder"]
    held = rows(kept.store, "follow_ups")
    assert all(b"alder" not in bytes(row["patient"]) for row in held)


@pytest.mark.parametrize(
    ("answered", "on", "how", "ended"),
    [
        # Its own card's answer is changed: at any time.
        ("card-1", DAY, {}, 1),
        # Another card about the same: from the day on which it is due, or for a new promise.
        ("same", DAY, {}, 0),
        ("same", DUE, {}, 1),
        ("same", DAY, {"anew": True}, 1),
        # A card about something else ends it only where it told of all that is due.
        ("other", DUE, {}, 0),
        ("other", DUE, {"whole": True}, 1),
        ("other", DAY, {"whole": True, "anew": True}, 0),
    ],
)
def test_a_follow_up_ends_when(
    kept: Kept, answered: str, on: date, how: dict[str, bool], ended: int
) -> None:
    kept.show()
    kept.show("same", **{"high-dose": "after signing 4 mg/day"})
    kept.show("other", **{"older-adult-fall-risk": "age band 2 to 2"})
    _promise(kept, "card-1")
    assert _end(kept, answered, on, **how) == ended
    assert len(_due(kept, DUE)) == 1 - ended


def test_a_follow_up_that_nobody_answers_is_forgotten_when_its_time_is_over(kept: Kept) -> None:
    """Due on 18 Dec 2026, kept for 90 days more: until 18 Mar 2027 is over everywhere."""
    kept.show()
    _promise(kept, "card-1")
    with writing(kept.store) as connection:
        assert follow_ups.forget(connection, datetime(2027, 3, 19, 23, tzinfo=UTC)) == 0
        assert follow_ups.forget(connection, datetime(2027, 3, 20, 1, tzinfo=UTC)) == 1
