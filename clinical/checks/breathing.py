"""Impaired breathing: clonazepam slows it further, most of all during sleep (LABEL, SEED).

Myasthenia gravis is here and no contraindication: LABEL does not name it, UKSPC contraindicates
clonazepam for the weakness of the breathing muscles.
"""

from __future__ import annotations

from clinical.checks.charted import named, not_charted, sources_of, without_order
from clinical.checks.opioid_together import current_opioids, opioids_ordered
from clinical.checks.words import listed
from clinical.findings import CheckId, Fired, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.BREATHING).sources

IMPAIRED = {
    "respiratory_insufficiency": "respiratory failure",
    "hypoventilation": "hypoventilation",
    "copd": "COPD",
    "sleep_apnoea": "sleep apnoea",
    "myasthenia_gravis": "myasthenia gravis",
}
"""Conditions that impair breathing, the gravest first, with their words on the card."""


def breathing(case: OrderCase) -> Verdict:
    """One finding that names every such condition that is active."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    found = case.facts.has_condition(*IMPAIRED)
    if not found:
        return not_charted(case, "impaired breathing")
    names = listed(named(found, IMPAIRED))
    details = ["Clonazepam slows breathing, most of all during sleep; the label asks for caution."]
    if any(c.concept == "myasthenia_gravis" for c in found):
        details.append(
            "In myasthenia gravis it may weaken the breathing muscles: UK product information "
            "contraindicates it, the US label does not name it."
        )
    if opioids_ordered(case) or current_opioids(case):
        details.append("The opioid beside it slows breathing too.")
    return Fired(
        severity=Severity.WARNING,
        summary=f"with {names}",
        why=f"the chart has {names}",
        sources=sources_of(found),
        evidence=EVIDENCE,
        details=tuple(details),
    )
