"""Why a prescriber goes on: reasons that fit the card, with HL7's code where HL7 has one."""

from __future__ import annotations

import pytest

from cds_hooks.overrides import override_reasons
from clinical.findings import CheckId

HL7 = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
OURS = "https://taperguard.org/fhir/CodeSystem/override-reasons"
# What CDS Hooks 3.0.0-ballot defines, as far as we use it.
OF_HL7 = {
    "action-completed",
    "action-unsuccessful",
    "expert-contradicts",
    "likely-negative-health-outcomes",
    "need-more-info",
    "patient-refuses",
    "risk-benefit-ratio",
}


def codes(*checks: CheckId) -> set[str]:
    return {reason["code"] for reason in override_reasons(checks)}


def test_a_code_of_hl7_stands_in_the_system_of_hl7_and_ours_in_ours() -> None:
    reasons = override_reasons(CheckId)
    assert {r["code"] for r in reasons if r["system"] == HL7} == OF_HL7
    assert {r["system"] for r in reasons} == {HL7, OURS}


def test_every_card_offers_the_reasons_that_any_card_may_have() -> None:
    always = {
        "risk-benefit-ratio",
        "patient-refuses",
        "will-monitor",
        "list-or-dose-wrong",
        "other",
    }
    for check in CheckId:
        assert codes(check) >= always


@pytest.mark.parametrize(
    ("check", "has", "has_not"),
    [
        (CheckId.OPIOID_TOGETHER, "action-completed", "seizure-indication"),
        (CheckId.OPIOID_TOGETHER, "continue-oud-treatment", "step-back"),
        (CheckId.HIGH_DOSE, "seizure-indication", "action-completed"),
        (CheckId.DOSE_ESCALATION, "step-back", "continue-oud-treatment"),
        (CheckId.OLDER_ADULT, "rbd-indication", "not-taken"),
        (CheckId.ABRUPT_STOP, "not-taken", "rbd-indication"),
        (CheckId.ABRUPT_STOP, "likely-negative-health-outcomes", "withdrawal-treatment"),
        (CheckId.CONTRAINDICATION, "list-or-dose-wrong", "taper-in-progress"),
        (CheckId.PREGNANCY, "not-pregnant", "action-completed"),
        (CheckId.OTHER_SEDATIVES, "action-unsuccessful", "not-pregnant"),
    ],
)
def test_a_reason_is_offered_where_it_makes_sense(check: CheckId, has: str, has_not: str) -> None:
    assert has in codes(check)
    assert has_not not in codes(check)


def test_a_card_about_several_checks_offers_the_reasons_of_each_once() -> None:
    both = codes(CheckId.OPIOID_TOGETHER, CheckId.ABRUPT_STOP)
    assert both == codes(CheckId.OPIOID_TOGETHER) | codes(CheckId.ABRUPT_STOP)
    reasons = override_reasons([CheckId.OPIOID_TOGETHER, CheckId.ABRUPT_STOP])
    assert len(reasons) == len(both)
