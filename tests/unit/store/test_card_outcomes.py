"""What became of cards: each joined with the latest report of whoever was shown it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from ehr.seal import Sealer
from store import card_memory, card_months, card_outcomes, cards_shown, feedback
from store.card_memory import Whose
from store.card_outcomes import IN_WORDS_ONLY, Shown
from store.cards_shown import CardsShown, ShownCard
from store.database import reading, writing
from store.feedback import Feedback, Outcome, OverrideReason

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOON.date()
MINUTE = timedelta(minutes=1)
ALL_MONTHS = tuple(f"2026-{month:02}" for month in range(1, 13))
CARD, OTHER, SUGGESTION = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
SAFETY, REVIEW = "clonazepam-safety", "clonazepam-review"
OURS = "https://taperguard.org/fhir/CodeSystem/override-reasons"
MONITORS = OverrideReason(OURS, "will-monitor", "Will monitor and review")
ACCEPTED = Feedback(CARD, Outcome.ACCEPTED, NOON, (SUGGESTION,))
OVERRIDDEN = Feedback(CARD, Outcome.OVERRIDDEN, NOON, reason=MONITORS)


class Kept:
    """A store with what was shown and reported."""

    def __init__(self, store: Engine, sealer: Sealer) -> None:
        self.store, self.sealer = store, sealer

    def show(
        self,
        card: str = CARD,
        *checks: str,
        ehr_id: str = "north",
        patient: str = "1",
        on: date = TODAY,
        user_role: str | None = "Practitioner",
    ) -> None:
        shown = CardsShown(
            *(ehr_id, patient, "an-instance", "order-sign", SAFETY, "2026.11"),
            cards=(ShownCard(card, checks or ("high-dose",), "warning"),),
            shown_at=datetime.combine(on, NOON.timetz()),
            shown_on=on,
            user_role=user_role,
        )
        with writing(self.store) as connection:
            cards_shown.record(connection, shown, sealer=self.sealer, now=NOON)

    def report(
        self,
        *given: Feedback,
        ehr_id: str | None = "north",
        service: str = SAFETY,
        now: datetime = NOON,
    ) -> None:
        with writing(self.store) as connection:
            feedback.record(connection, service, given, sealer=self.sealer, now=now, ehr_id=ehr_id)

    def of(self, ehr_id: str = "north", months: Iterable[str] = ALL_MONTHS) -> list[Shown]:
        found = card_months.of_ehr(self.store, ehr_id, tuple(months), enough_patients=11)
        return sorted(found, key=lambda one: (one.month, one.outcome or "", one.reason or ""))

    def outcomes(self, ehr_id: str = "north") -> list[tuple[str | None, str | None, int]]:
        return [(one.outcome, one.reason, one.cards) for one in self.of(ehr_id)]

    def in_vain(self, ehr_id: str = "north") -> int:
        card_outcomes.bind_reports(self.store, ehr_id)
        with reading(self.store) as connection:
            return card_outcomes.cards_reported_in_vain(connection, ehr_id)

    def checks(self, ehr_id: str | None = "north", service: str = SAFETY) -> Iterable[str] | None:
        with writing(self.store) as connection:
            return card_outcomes.checks_of_card(connection, CARD, service=service, ehr_id=ehr_id)


@pytest.fixture
def kept(store: Engine, sealer: Sealer) -> Kept:
    return Kept(store, sealer)


def test_a_card_tells_its_month_checks_severity_hook_role_and_rules(kept: Kept) -> None:
    kept.show(CARD, "opioid-together", "high-dose")
    kept.report(OVERRIDDEN)
    (one,) = kept.of()
    assert replace(one, patients=frozenset()) == Shown(
        month="2026-11",
        checks=("opioid-together", "high-dose"),
        severity="warning",
        hook="order-sign",
        user_role="Practitioner",
        rules_version="2026.11",
        outcome=Outcome.OVERRIDDEN,
        reason=f"{OURS}|will-monitor",
        patients=frozenset(),
        cards=1,
    )


def test_a_card_that_nobody_answered_has_no_outcome(kept: Kept) -> None:
    kept.show()
    assert kept.outcomes() == [(None, None, 1)]


def test_cards_that_agree_in_everything_are_counted_together_with_their_patients(
    kept: Kept,
) -> None:
    """Two cards of one patient, one of another: three cards of two patients."""
    for number, patient in enumerate(("1", "1", "2")):
        kept.show(f"00000000-0000-4000-8000-00000000010{number}", patient=patient)
    (one,) = kept.of()
    assert (one.cards, len(one.patients)) == (3, 2)


def test_of_many_patients_no_more_are_told_than_are_enough(kept: Kept) -> None:
    """Thirteen cards of thirteen patients: eleven of them are told."""
    for number in range(13):
        kept.show(f"00000000-0000-4000-8000-0000000001{number:02}", patient=str(number))
    (one,) = kept.of()
    assert (one.cards, len(one.patients)) == (13, 11)


def test_a_report_before_its_card_counts_when_the_card_comes(kept: Kept) -> None:
    kept.report(OVERRIDDEN)
    assert (kept.outcomes(), kept.in_vain()) == ([], 1)
    kept.show()
    assert kept.outcomes() == [("overridden", f"{OURS}|will-monitor", 1)]
    assert kept.in_vain() == 0


def test_of_several_reports_the_latest_counts_and_the_card_once(kept: Kept) -> None:
    kept.show()
    kept.report(replace(ACCEPTED, outcome_timestamp=NOON + MINUTE), now=NOON + 2 * MINUTE)
    kept.report(OVERRIDDEN, now=NOON + 3 * MINUTE)
    assert kept.outcomes() == [("accepted", None, 1)]


@pytest.mark.parametrize(
    ("reason", "comment", "said"),
    [
        (MONITORS, None, f"{OURS}|will-monitor"),
        (OverrideReason(None, "x1", "Their own words"), None, "|x1"),
        (OverrideReason(None, None, "Their own words"), None, IN_WORDS_ONLY),
        (None, "a comment", IN_WORDS_ONLY),
        (None, None, None),
    ],
)
def test_a_reason_is_its_code_or_that_there_are_words(
    kept: Kept, reason: OverrideReason | None, comment: str | None, said: str | None
) -> None:
    kept.show()
    kept.report(replace(OVERRIDDEN, reason=reason, user_comment=comment))
    assert kept.outcomes() == [("overridden", said, 1)]


def test_only_the_months_that_are_asked_for_are_told(kept: Kept) -> None:
    """The last of October, the first and last of November, the first of December."""
    days = (date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1))
    for number, day in enumerate(days):
        kept.show(f"00000000-0000-4000-8000-00000000010{number}", on=day)
    assert [one.cards for one in kept.of(months=["2026-11"])] == [2]
    assert [one.month for one in kept.of()] == ["2026-10", "2026-11", "2026-12"]


def test_the_month_is_the_clinic_s_and_without_a_clinic_utc_s() -> None:
    """At 23:30 UTC on 30 November it is December in Berlin."""
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    shown = CardsShown("e", "p", "i", "order-sign", SAFETY, "v", (), late)
    assert shown.month == "2026-11"
    assert replace(shown, shown_on=date(2026, 12, 1)).month == "2026-12"


# --- reports that are about no card of the reporter's ------------------------------------------


def test_the_report_of_another_ehr_changes_nothing_even_when_it_is_the_latest(kept: Kept) -> None:
    """North's card: accepted by North at 12:00, overridden by South at 12:01."""
    kept.show()
    kept.report(ACCEPTED)
    kept.report(
        replace(OVERRIDDEN, outcome_timestamp=NOON + MINUTE), ehr_id="south", now=NOON + MINUTE
    )
    assert kept.outcomes("north") == [("accepted", None, 1)]
    assert kept.outcomes("south") == []
    assert (kept.in_vain("north"), kept.in_vain("south")) == (0, 1)


def test_a_report_to_another_service_than_the_card_s_changes_nothing(kept: Kept) -> None:
    kept.show()
    kept.report(OVERRIDDEN, service=REVIEW)
    assert kept.outcomes() == [(None, None, 1)]
    assert kept.in_vain() == 1


def test_reports_on_what_was_never_shown_are_counted_by_card(kept: Kept) -> None:
    """Three reports about two uuids."""
    kept.report(OVERRIDDEN, replace(ACCEPTED, outcome_timestamp=NOON + MINUTE))
    kept.report(replace(OVERRIDDEN, card=OTHER))
    assert kept.in_vain() == 2


def test_a_report_of_nobody_we_know_counts_for_whichever_ehr_s_card(kept: Kept) -> None:
    """In development, where calls need no token."""
    kept.show()
    kept.report(ACCEPTED, ehr_id=None)
    assert kept.outcomes() == [("accepted", None, 1)]


# --- the checks of a card -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ehr_id", "service", "checks"),
    [
        ("north", SAFETY, ("high-dose",)),
        (None, SAFETY, ("high-dose",)),
        ("south", SAFETY, None),
        ("north", REVIEW, None),
    ],
)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "remembered"])
def test_the_checks_are_told_to_whom_the_card_was_shown(
    kept: Kept, ehr_id: str | None, service: str, checks: tuple[str, ...] | None, recorded: bool
) -> None:
    """Before the outbox has run, by what the memory keeps of the card."""
    if recorded:
        kept.show()
    else:
        with writing(kept.store) as connection:
            card_memory.remember(
                connection,
                Whose("north", "1", SAFETY),
                {CARD: {"high-dose": "3 mg/day"}},
                sealer=kept.sealer,
                now=NOON,
            )
    assert kept.checks(ehr_id, service) == checks


def test_a_card_that_nobody_was_shown_has_no_checks(kept: Kept) -> None:
    assert kept.checks() is None
