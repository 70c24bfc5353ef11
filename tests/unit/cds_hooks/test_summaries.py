"""A card's one line, for each finding alone and together: the fact and its number first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cds
import pytest

from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict

ONE_MG = cds.CLONAZEPAM["1"]
NOW = cds.order("now", ONE_MG, 2)


def fired(summary: str, severity: Severity = Severity.WARNING, *names: str) -> Fired:
    return Fired(severity, summary, summary, (), ("LABEL",), names=names)


OPIOID = {CheckId.OPIOID_TOGETHER: fired("with oxycodone", Severity.CRITICAL, "oxycodone")}
SEDATIVES = {
    CheckId.OTHER_SEDATIVES: fired(
        "with zolpidem and gabapentin", Severity.WARNING, "zolpidem", "gabapentin"
    )
}
RAISED = {CheckId.DOSE_ESCALATION: fired("raised from 2 mg/day to 3 mg/day")}
HIGH = {CheckId.HIGH_DOSE: fired("3 mg/day")}
OLDER = {CheckId.OLDER_ADULT: fired("age 72, a history of falls", Severity.CRITICAL)}
LIVER = {CheckId.CONTRAINDICATION: fired("with severe liver disease", Severity.CRITICAL)}
PREGNANT = {CheckId.PREGNANCY: fired("in pregnancy")}
CUT = {CheckId.ABRUPT_STOP: fired("cut from 2 mg/day to 1 mg/day")}
STOP = {CheckId.ABRUPT_STOP: fired("2 mg/day is being stopped at once")}
LONG = {CheckId.LONG_TERM_USE: fired("long-term use", Severity.INFORMATION)}


def ordered(per_day: int = 3, **more: Any) -> dict[str, Any]:
    return cds.request(
        [cds.order("new", ONE_MG, per_day, status="draft")], **{"medications": [NOW], **more}
    )


def stopped() -> dict[str, Any]:
    """The chart's order comes as a draft that is stopped."""
    return cds.request([cds.order("now", ONE_MG, 2, status="stopped")], medications=[NOW])


def line(deal_with: Any, request: dict[str, Any], *found: dict[CheckId, Verdict]) -> str:
    verdicts = {check: verdict for each in found for check, verdict in each.items()}
    _, dealt = deal_with(request, verdicts, only=True)
    return str(dealt.cards[0]["summary"])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([HIGH], "Clonazepam 3 mg/day, a high dose"),
        ([RAISED], "Clonazepam 3 mg/day (raised from 2)"),
        ([HIGH, RAISED], "Clonazepam 3 mg/day (raised from 2)"),
        ([OPIOID], "Clonazepam 3 mg/day with oxycodone"),
        ([SEDATIVES], "Clonazepam 3 mg/day with zolpidem and gabapentin"),
        ([OPIOID, SEDATIVES], "Clonazepam 3 mg/day with oxycodone, zolpidem and gabapentin"),
        ([OLDER], "Clonazepam 3 mg/day, age 72, a history of falls"),
        ([LIVER], "Clonazepam 3 mg/day, contraindicated with severe liver disease"),
        ([PREGNANT], "Clonazepam 3 mg/day in pregnancy"),
        (
            [PREGNANT, LIVER],
            "Clonazepam 3 mg/day, contraindicated with severe liver disease, in pregnancy",
        ),
        ([OPIOID, PREGNANT], "Clonazepam 3 mg/day with oxycodone, in pregnancy"),
        ([LONG, HIGH], "Clonazepam 3 mg/day, a high dose"),
        (
            [OPIOID, SEDATIVES, RAISED, HIGH, OLDER],
            "Clonazepam 3 mg/day (raised from 2) with oxycodone, zolpidem and gabapentin, age 72, "
            "a history of falls",
        ),
    ],
)
def test_each_finding_alone_and_together(
    deal_with: Any, found: Iterable[dict[CheckId, Verdict]], expected: str
) -> None:
    assert line(deal_with, ordered(), *found) == expected


def test_a_cut_says_from_where_to_where(deal_with: Any) -> None:
    assert line(deal_with, ordered(per_day=1), CUT) == "Clonazepam cut from 2 mg/day to 1 mg/day"
    assert line(deal_with, ordered(per_day=1), CUT, OPIOID, OLDER) == (
        "Clonazepam cut from 2 mg/day to 1 mg/day with oxycodone, age 72, a history of falls"
    )


def test_a_stop_leads_with_the_dose_that_is_stopped(deal_with: Any) -> None:
    assert line(deal_with, stopped(), STOP) == "Clonazepam 2 mg/day is being stopped at once"


def test_an_opioid_order_leads_with_the_present_dose(deal_with: Any) -> None:
    request = cds.request([cds.order("oxy", cds.OXYCODONE, 4, status="draft")], medications=[NOW])
    assert line(deal_with, request, OPIOID) == "Clonazepam 2 mg/day with oxycodone"


@pytest.mark.parametrize(
    ("per_day", "severity", "expected"),
    [
        (4, Severity.WARNING, "Clonazepam 4 mg/day, a high dose"),
        (
            5,
            Severity.CRITICAL,
            "Clonazepam 5 mg/day, above the label's 4 mg/day for panic disorder",
        ),
        # With a seizure disorder the label goes higher, and the finding is a warning.
        (5, Severity.WARNING, "Clonazepam 5 mg/day, a high dose"),
        (21, Severity.CRITICAL, "Clonazepam 21 mg/day, above the label's 20 mg/day"),
    ],
)
def test_above_the_label_s_maximum_the_maximum_is_said(
    deal_with: Any, per_day: int, severity: Severity, expected: str
) -> None:
    high = {CheckId.HIGH_DOSE: fired(f"{per_day} mg/day", severity)}
    assert line(deal_with, ordered(per_day=per_day), high) == expected


def test_an_age_by_itself_says_what_it_is_a_risk_of(deal_with: Any) -> None:
    age = {CheckId.OLDER_ADULT: fired("age 68")}
    assert line(deal_with, ordered(), age) == "Clonazepam 3 mg/day, age 68 (fall risk)"


def test_many_names_are_counted_and_the_line_stays_short(deal_with: Any) -> None:
    names = [f"medicine-number-{number}" for number in range(12)]
    many = {CheckId.OTHER_SEDATIVES: fired("with 12 medicines", Severity.WARNING, *names)}
    found = line(deal_with, ordered(), many, OLDER, PREGNANT)
    assert found == (
        "Clonazepam 3 mg/day with medicine-number-0, medicine-number-1, medicine-number-2 and 9 "
        "more, age 72, a history of falls, in pregnancy"
    )
    assert len(found) < 140


def test_what_does_not_fit_is_left_out_and_the_most_severe_stands_first(deal_with: Any) -> None:
    long = {CheckId.PREGNANCY: fired("x" * 100)}
    found = line(deal_with, ordered(), long, LIVER)
    assert found == "Clonazepam 3 mg/day, contraindicated with severe liver disease"


def test_what_could_not_be_looked_for_is_named(deal_with: Any) -> None:
    unknown = NotEvaluable("the medication list was not supplied")
    verdicts = {
        CheckId.OPIOID_TOGETHER: unknown,
        CheckId.HIGH_DOSE: Clear("1 mg/day is under 2 mg/day"),
        CheckId.OTHER_SEDATIVES: unknown,
        CheckId.PREGNANCY: unknown,
        CheckId.BREATHING: unknown,
    }
    assert line(deal_with, ordered(per_day=1), verdicts) == (
        "Clonazepam 1 mg/day: not checked for opioids, other sedatives and pregnancy"
    )


def test_a_stop_that_could_not_be_judged_says_that_it_is_one(deal_with: Any) -> None:
    unknown = {CheckId.ABRUPT_STOP: NotEvaluable("since when it is taken is not stated")}
    assert line(deal_with, stopped(), unknown) == (
        "Clonazepam 2 mg/day is being stopped: not checked for an abrupt cut"
    )
