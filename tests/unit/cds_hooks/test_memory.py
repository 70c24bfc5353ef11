"""Which findings an answer leaves out, when only some of them were settled."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from cds_hooks import memory
from cds_hooks.memory import NOT_RECALLED, MemoryDown, Recalled
from clinical.findings import (
    Assessment,
    Checked,
    CheckId,
    Clear,
    Fired,
    NotEvaluable,
    Severity,
    Verdict,
)
from clinical.policy import default_policy
from store.card_memory import Settled
from store.feedback import Outcome, OverrideReason

DAY = date(2026, 11, 20)
HIGH, OPIOID, BREATHING, LONG, OLDER = (
    CheckId.HIGH_DOSE,
    CheckId.OPIOID_TOGETHER,
    CheckId.BREATHING,
    CheckId.LONG_TERM_USE,
    CheckId.OLDER_ADULT,
)
POLICY = default_policy()
SETTLED = Settled(
    facts={},
    settled_at=datetime(2026, 11, 20, 15, 30, tzinfo=UTC),
    settled_on=DAY,
    quiet_until=date(2027, 2, 18),
    outcome=Outcome.OVERRIDDEN,
    reason_code=None,
)


def fired(severity: Severity = Severity.WARNING, *, only_if_added: bool = False) -> Fired:
    return Fired(severity, "a fact", "a reason", (), (), only_if_added=only_if_added)


def found(**verdicts: Verdict) -> Assessment:
    """`found(high_dose=fired())`: an assessment with these verdicts."""
    checks = tuple(Checked(CheckId(it.replace("_", "-")), v) for it, v in verdicts.items())
    return Assessment(DAY, "2026.11", checks)


def settled(*checks: CheckId) -> Recalled:
    return Recalled(dict.fromkeys(checks, SETTLED))


@pytest.mark.parametrize(
    ("assessment", "recalled", "quiet"),
    [
        pytest.param(found(high_dose=fired()), settled(), set(), id="nothing was settled"),
        pytest.param(found(high_dose=fired()), settled(HIGH), {HIGH}, id="all was settled"),
        pytest.param(
            found(high_dose=fired(), opioid_together=fired()),
            settled(HIGH),
            {HIGH},
            id="a new finding raises its own card, the settled one stays out of it",
        ),
        pytest.param(
            found(high_dose=fired(), breathing=fired()),
            settled(HIGH),
            set(),
            id="a new supporting finding is a new risk in what was decided",
        ),
        pytest.param(
            found(high_dose=fired(), breathing=fired()),
            settled(HIGH, BREATHING),
            {HIGH, BREATHING},
            id="the supporting finding was told with it",
        ),
        pytest.param(
            found(high_dose=fired(), breathing=Clear("not in the chart any more")),
            settled(HIGH),
            {HIGH},
            id="a risk that is gone brings nothing back",
        ),
        pytest.param(
            found(high_dose=fired(), long_term_use=fired(Severity.INFORMATION)),
            settled(HIGH),
            {HIGH},
            id="long-term use comes with the days",
        ),
        pytest.param(
            found(high_dose=fired(), older_adult_fall_risk=fired(Severity.INFORMATION)),
            settled(HIGH),
            {HIGH},
            id="information raises nothing",
        ),
    ],
)
def test_at_an_order(assessment: Assessment, recalled: Recalled, quiet: set[CheckId]) -> None:
    assert set(memory.quiet_at_order(assessment, recalled, POLICY)) == quiet


@pytest.mark.parametrize(
    ("assessment", "recalled", "is_quiet"),
    [
        pytest.param(found(long_term_use=fired()), settled(LONG), True, id="it was settled"),
        pytest.param(
            found(long_term_use=NotEvaluable("days unknown")),
            settled(LONG),
            True,
            id="the question was put aside",
        ),
        pytest.param(
            found(long_term_use=fired(), high_dose=fired()),
            settled(HIGH),
            False,
            id="only a finding of it was settled",
        ),
        pytest.param(
            found(long_term_use=fired(), opioid_together=fired()),
            settled(LONG),
            False,
            id="a new risk brings the whole card back",
        ),
        pytest.param(
            found(long_term_use=fired(), high_dose=fired(Severity.INFORMATION)),
            settled(LONG),
            True,
            id="information does not",
        ),
    ],
)
def test_at_a_review(assessment: Assessment, recalled: Recalled, *, is_quiet: bool) -> None:
    assert bool(memory.quiet_at_review(assessment, recalled, POLICY)) is is_quiet


class Broken:
    """A memory that does not answer."""

    def recall(self, *_: object) -> Recalled:
        raise MemoryDown


def test_where_the_memory_does_not_answer_all_is_shown_and_the_account_says_so() -> None:
    recalled = memory.recall(Broken(), "p1", "clonazepam-safety", {HIGH: "3 mg/day"}, DAY)
    assert recalled.notes == [NOT_RECALLED]
    assert memory.quiet_at_order(found(high_dose=fired()), recalled, POLICY) == {}


def test_without_a_memory_nothing_was_settled_and_nothing_is_missing() -> None:
    """The command line."""
    recalled = memory.recall(None, "p1", "clonazepam-safety", {HIGH: "3 mg/day"}, DAY)
    assert recalled == Recalled()
    assert recalled.notes == []


def test_the_first_card_that_speaks_for_a_check_settles_it_and_the_first_of_all_the_unknown() -> (
    None
):
    """The order's card, and that of naloxone beside it."""
    assessment = found(
        opioid_together=fired(Severity.CRITICAL),
        high_dose=fired(),
        older_adult_fall_risk=NotEvaluable("no birth date"),
    )
    standing = {OPIOID: "an opioid", HIGH: "3 mg/day", OLDER: "not evaluable"}
    cards = (
        ("order", (OPIOID, HIGH), Severity.CRITICAL),
        ("naloxone", (OPIOID,), Severity.WARNING),
    )
    assert memory.facts_of_cards(cards, assessment, standing) == {
        "order": {
            "opioid-together": "an opioid",
            "high-dose": "3 mg/day",
            "older-adult-fall-risk": "not evaluable",
        }
    }


OURS = "https://taperguard.org/fhir/CodeSystem/override-reasons"


@pytest.mark.parametrize(
    ("system", "code", "remembered"),
    [
        (OURS, "palliative", True),
        (OURS, "x", False),
        ("urn:somebody-else", "palliative", False),
        (None, "palliative", False),
    ],
)
def test_only_a_reason_of_our_cards_is_remembered(
    system: str | None, code: str, *, remembered: bool
) -> None:
    reason = OverrideReason(system, code, "whatever the client calls it")
    assert memory.known_reason(reason) == (code if remembered else None)


def test_an_answer_without_a_reason_has_none() -> None:
    assert memory.known_reason(None) is None
