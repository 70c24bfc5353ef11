"""The present orders as they stand, assessed by the rules of the card.

A check looks at an order that is about to be signed. On the planner's page nothing is being
signed, so the present orders are put to the same checks as if each were signed again: a
re-signed order keeps its source, and is therefore no part of its own baseline (CLINICAL 1).
Only `dose-escalation` and `abrupt-stop` ask for something that is not there, a new dose, and are
set aside. Where no clonazepam is current the checks would answer "no clonazepam order";
that is only true if the list is whole and every drug on it is named.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from clinical.assess import assess
from clinical.checks.long_term_use import long_term_use
from clinical.checks.words import listed, unidentified
from clinical.facts import DraftOrder, PatientFacts
from clinical.findings import Assessment, Checked, CheckId, NotEvaluable, SetAside
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.signing import current_clonazepam
from clinical.standing import standing

_OF_A_NEW_DOSE = (CheckId.DOSE_ESCALATION, CheckId.ABRUPT_STOP)
_NOTHING_SIGNED = SetAside("no order is being signed, so there is no new dose to compare")


def review(facts: PatientFacts, on: date, policy: Policy) -> Assessment:
    """Every check on the present orders as they stand on the day."""
    current = current_clonazepam(facts, on)
    as_signed_again = replace(facts, drafts=tuple(DraftOrder(record) for record in current))
    found = assess(OrderCase(as_signed_again, on, policy))
    if facts.deceased is True:
        return found
    unknown = None if current else why_perhaps_current(facts, on)
    checks = []
    for checked in found.checks:
        if not policy.checks[checked.check].on:
            checks.append(checked)  # switched off: whatever is known of the patient
        elif checked.check is CheckId.LONG_TERM_USE:
            checks.append(Checked(checked.check, long_term_use(OrderCase(facts, on, policy))))
        elif unknown is not None:
            checks.append(Checked(checked.check, NotEvaluable(unknown)))
        elif checked.check in _OF_A_NEW_DOSE:
            checks.append(Checked(checked.check, _NOTHING_SIGNED))
        else:
            checks.append(checked)
    return replace(found, checks=tuple(checks))


def why_perhaps_current(facts: PatientFacts, on: date) -> str | None:
    """Why it cannot be said that no clonazepam is current; None when it can."""
    if facts.medications_gap is not None:
        return f"whether clonazepam is current is not known: {facts.medications_gap.why}"
    nameless = unidentified(r for r in facts.medications if standing(r, on).counts)
    if nameless:
        sources = listed(record.source for record in nameless)
        return (
            f"whether clonazepam is current is not known: the drug of {sources} could not be "
            "identified"
        )
    return None
