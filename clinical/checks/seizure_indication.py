"""A seizure disorder: clonazepam may be the treatment, and no taper is proposed (LABEL)."""

from __future__ import annotations

from clinical.checks.charted import named, sources_of, without_order
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.indication import conditions_and_reasons, why_not_known
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.SEIZURE_INDICATION).sources

SEIZURES = {"seizure_disorder": "a seizure disorder"}


def seizure_indication(case: OrderCase) -> Verdict:
    """Whether the chart, or the reason of an order, says that there are seizures."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    found = conditions_and_reasons(case.facts, case.clonazepam, *SEIZURES)
    if not found:
        unknown = why_not_known(case.facts)
        if unknown is not None:
            return NotEvaluable(f"whether a seizure disorder is in the chart: {unknown}")
        return Clear("no seizure disorder is in the chart")
    (name,) = named(found, SEIZURES)
    return Fired(
        severity=Severity.INFORMATION,
        summary=f"with {name}",
        why=f"the chart has {name}: clonazepam may be its treatment",
        sources=sources_of(found),
        evidence=EVIDENCE,
        details=(
            "No taper is drafted: neurology co-signs one. Withdrawal can bring status epilepticus.",
        ),
    )
