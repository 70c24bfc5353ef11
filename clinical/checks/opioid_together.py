"""Clonazepam together with an opioid: both slow breathing, and more so together.

LABEL and FDA2020 reserve the combination for patients without adequate alternatives, CDC22
asks for particular caution, SEED says "absolutely avoid": the check informs strongly and
never blocks. Treatment of opioid use disorder is never advised against (ASAM 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from clinical.checks.words import ingredient_names, listed, unidentified, unidentified_draft
from clinical.daily_dose import DailyDose
from clinical.drugs import (
    Drug,
    is_systemic_opioid,
    morphine_equivalent_factor,
    patch_morphine_equivalent,
    strength_ingredient,
    treats_opioid_use_disorder,
)
from clinical.facts import MedicationRecord, PatientFacts, RecordKind
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.quantities import plain
from clinical.rules import rule
from clinical.standing import standing

EVIDENCE = rule(CheckId.OPIOID_TOGETHER).sources


def opioid_together(case: OrderCase) -> Verdict:
    """One finding that names every opioid, current or in the same drafts."""
    facts = case.facts
    in_drafts = opioids_ordered(case)
    opioid_selected = _opioids([d.record for d in facts.drafts if d.selected])
    clonazepam = case.ordered or (case.current if opioid_selected else ())
    if not clonazepam:
        return _without_clonazepam(facts, bool(opioid_selected))
    opioids = in_drafts + tuple(
        record
        for record in current_opioids(case)
        if record.source not in {draft.source for draft in in_drafts}
    )
    if opioids:
        return _fired(facts, clonazepam, opioids)
    return _without_opioid(case)


def opioids_ordered(case: OrderCase) -> tuple[MedicationRecord, ...]:
    """Opioids among the drafts, selected or not."""
    return _opioids(case.drafted)


def current_opioids(case: OrderCase) -> tuple[MedicationRecord, ...]:
    """Opioids being taken on the day, whichever kind of record tells of them.

    Not an order that the same signing ends: it is not taken together with what is signed.
    """
    return _opioids(
        [
            record
            for record in case.facts.medications
            if standing(record, case.on).counts and record.source not in case.ended
        ]
    )


def _opioids(records: Sequence[MedicationRecord]) -> tuple[MedicationRecord, ...]:
    return tuple(r for r in records if isinstance(r.drug, Drug) and is_systemic_opioid(r.drug))


def _without_clonazepam(facts: PatientFacts, opioid_selected: bool) -> Verdict:
    if opioid_selected and facts.medications_gap is not None:
        return NotEvaluable(f"whether clonazepam is current: {facts.medications_gap.why}")
    unknown = unidentified_draft(facts)
    if unknown is not None:
        return NotEvaluable(unknown)
    if opioid_selected:
        return Clear("an opioid is being ordered, and no clonazepam is current or ordered")
    return Clear("no clonazepam order and no opioid order")


def _without_opioid(case: OrderCase) -> Verdict:
    facts = case.facts
    if facts.medications_gap is not None:
        return NotEvaluable(f"whether an opioid is current: {facts.medications_gap.why}")
    current = [record for record in facts.medications if standing(record, case.on).counts]
    unknown = unidentified([*current, *(d.record for d in facts.drafts)])
    if unknown:
        sources = tuple(record.source for record in unknown)
        return NotEvaluable(
            f"whether an opioid is current: the drug of {listed(sources)} could not be identified",
            sources,
        )
    return Clear("no opioid is current or in the same orders")


def _fired(
    facts: PatientFacts,
    clonazepam: Sequence[MedicationRecord],
    opioids: Sequence[MedicationRecord],
) -> Fired:
    conditions = frozenset(c.concept for c in facts.conditions if c.active)
    treatment = all(
        isinstance(r.drug, Drug) and treats_opioid_use_disorder(r.drug, r.reasons | conditions)
        for r in opioids
    )
    of_each = ingredient_names(opioids, "opioid")
    names = listed(of_each)
    details = [*_equivalents(opioids)]
    if treatment:
        details.append(
            f"The {names} treats opioid use disorder: do not stop that treatment because of the "
            "benzodiazepine (ASAM 2025, statement 21)."
        )
    else:
        details.append(
            "Both slow breathing. The label and FDA reserve the combination for patients "
            "without adequate alternatives; review it at least every 3 months (ASAM 2025, "
            "statement 16)."
        )
    return Fired(
        severity=Severity.WARNING if treatment else Severity.CRITICAL,
        summary=f"with {names}",
        why=f"clonazepam together with {names}",
        sources=tuple(dict.fromkeys(r.source for r in (*clonazepam, *opioids))),
        evidence=EVIDENCE,
        details=tuple(details),
        names=tuple(of_each),
    )


def _equivalents(opioids: Sequence[MedicationRecord]) -> list[str]:
    """Morphine milligram equivalents a day, where every opioid's dose and factor are known."""
    total = Fraction(0)
    for record in _said_once(opioids):
        per_day = _equivalent(record)
        if per_day is None:
            return []
        total += per_day
    return [f"Opioids come to {plain(total)} MME/day (CDC 2022 factors)."]


def _said_once(opioids: Sequence[MedicationRecord]) -> list[MedicationRecord]:
    """Of each drug the orders, else the statements, else the dispenses: never summed."""
    kinds: dict[tuple[str, ...], list[RecordKind]] = {}
    for record in opioids:
        if isinstance(record.drug, Drug):
            kinds.setdefault(record.drug.ingredients, []).append(record.kind)
    order = list(RecordKind)
    return [
        record
        for record in opioids
        if not isinstance(record.drug, Drug)
        or record.kind is min(kinds[record.drug.ingredients], key=order.index)
    ]


def _equivalent(record: MedicationRecord) -> Fraction | None:
    """One opioid's MME a day; None where its dose or a factor is not known."""
    drug, dose = record.drug, record.course.overall
    if not isinstance(drug, Drug):
        return None
    patch = patch_morphine_equivalent(drug)
    if patch is not None:
        return patch
    if not isinstance(dose, DailyDose) or dose.unit != "mg":
        return None
    opioid = strength_ingredient(drug)
    factor = None if opioid is None else morphine_equivalent_factor(drug, opioid)
    return None if factor is None else dose.high * factor
