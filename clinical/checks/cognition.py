"""Dementia, mild cognitive impairment, delirium: clonazepam makes them worse (BEERS23, SEED)."""

from __future__ import annotations

from clinical.checks.charted import named, not_charted, sources_of, without_order
from clinical.checks.words import listed
from clinical.findings import CheckId, Fired, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.COGNITION).sources

IMPAIRED = {
    "delirium": "delirium",
    "dementia": "dementia",
    "mci": "mild cognitive impairment",
}
"""Conditions of the mind's working, with their words on the card."""

WITHDRAWAL = ("alcohol_withdrawal", "benzodiazepine_withdrawal")


def cognition(case: OrderCase) -> Verdict:
    """One finding that names every such condition that is active."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    facts = case.facts
    found = facts.has_condition(*IMPAIRED)
    if not found:
        return not_charted(case, "impaired cognition")
    names = listed(named(found, IMPAIRED))
    details = [
        "Clonazepam worsens memory and confusion; the Beers Criteria say to avoid "
        "benzodiazepines with cognitive impairment or delirium from 65 on."
    ]
    if any(c.concept == "delirium" for c in found):
        details.append(_delirium(treats_withdrawal=bool(facts.has_condition(*WITHDRAWAL))))
    return Fired(
        severity=Severity.WARNING,
        summary=f"with {names}",
        why=f"the chart has {names}",
        sources=sources_of(found),
        evidence=EVIDENCE,
        details=tuple(details),
    )


def _delirium(*, treats_withdrawal: bool) -> str:
    if treats_withdrawal:
        return "Withdrawal is in the chart as well: there a benzodiazepine is the treatment."
    return "Delirium may also come of stopping a benzodiazepine abruptly."
