"""Pregnancy: benefit and risk for mother and child are weighed together (ASAM 28-29, LABEL)."""

from __future__ import annotations

from clinical.checks.charted import without_order
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.pregnancy import pregnancy_told
from clinical.rules import rule

EVIDENCE = rule(CheckId.PREGNANCY).sources


def pregnancy(case: OrderCase) -> Verdict:
    """Whether the chart says that the patient is pregnant, and by what."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    told = pregnancy_told(case.facts, case.on, case.policy)
    if told.pregnant is None:
        return NotEvaluable(told.why, told.sources)
    if not told.pregnant:
        return Clear(told.why, told.sources)
    details = [
        "Weigh with obstetrics what clonazepam, and what a taper, mean for mother and child "
        "(ASAM 2025, statement 28).",
        "Tell who will care for the newborn: sedation and withdrawal can follow birth, and "
        "breastfeeding can lessen withdrawal (ASAM 2025, statement 29, label).",
    ]
    if case.current:
        details.insert(1, "Do not stop it abruptly: seizures harm both.")
    return Fired(
        severity=Severity.WARNING,
        summary="in pregnancy",
        why=told.why,
        sources=told.sources,
        evidence=EVIDENCE,
        details=tuple(details),
    )
