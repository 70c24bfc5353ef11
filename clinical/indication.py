"""What clonazepam is taken for, or what stands against it, as the chart and its orders say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from clinical.facts import ConditionFact, MedicationRecord, PatientFacts, is_clonazepam
from clinical.signing import current_clonazepam, will_be_taken


def clonazepam_orders(facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """The drafts of clonazepam that will be taken, and what is current in the chart."""
    drafts = (d.record for d in facts.drafts if is_clonazepam(d.record) and will_be_taken(d, on))
    return (*drafts, *current_clonazepam(facts, on))


def conditions_and_reasons(
    facts: PatientFacts, orders: Sequence[MedicationRecord], *concepts: str
) -> tuple[ConditionFact, ...]:
    """The active conditions that are one of these, and the reasons of clonazepam's `orders`.

    A reason that an order states counts as a condition of that order's own source: whoever wrote
    "for seizures" need not have a problem list that says so too.
    """
    stated = (
        ConditionFact(order.source, concept, active=True)
        for order in orders
        for concept in concepts
        if concept in order.reasons
    )
    return tuple(dict.fromkeys((*facts.has_condition(*concepts), *stated)))


def why_not_known(facts: PatientFacts) -> str | None:
    """Why a condition or an order's reason may be missing; None when both lists are whole."""
    gaps = [gap.why for gap in (facts.conditions_gap, facts.medications_gap) if gap is not None]
    return "; ".join(dict.fromkeys(gaps)) if gaps else None
