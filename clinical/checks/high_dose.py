"""Clonazepam at 2 mg a day or more: falls, confusion and a harder way back (SEED, ASAM).

Decimal comparison, exact: 1.999 is under 2 and ten times 0.2 is 2.
"""

from __future__ import annotations

from fractions import Fraction

from clinical.checks.words import (
    NO_CLONAZEPAM_ORDER,
    perhaps_clonazepam,
    uncounted_reasons,
    unidentified_draft,
)
from clinical.facts import PatientFacts
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, SetAside, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.quantities import plain
from clinical.rules import rule
from clinical.signing import Effect
from clinical.totals import Total

EVIDENCE = rule(CheckId.HIGH_DOSE).sources


def high_dose(case: OrderCase) -> Verdict:
    """The total after signing against the threshold; what is added is information only."""
    facts, policy, effect = case.facts, case.policy, case.effect
    if effect is None:
        return no_daily_dose_to_judge(case)
    threshold = policy.high_dose_mg_per_day
    if effect.replacing.mg_per_day >= threshold:
        return _fired(facts, policy, effect)
    if not effect.replacing.complete:
        return NotEvaluable(
            f"the dose cannot be computed ({uncounted_reasons(effect.replacing)})",
            tuple(item.source for item in effect.replacing.uncounted),
        )
    if effect.adding.mg_per_day >= threshold:
        return _if_both_continue(effect, threshold)
    if not effect.adding.complete:
        return NotEvaluable(
            f"a present order's dose cannot be computed ({uncounted_reasons(effect.adding)})",
            tuple(item.source for item in effect.adding.uncounted),
        )
    if facts.medications_gap is not None:
        return NotEvaluable(
            f"the new order is {effect.replacing}; whether others add to it is not known: "
            f"{facts.medications_gap.why}",
            effect.replacing.sources,
        )
    unknown = perhaps_clonazepam(case.taken)
    if unknown is not None:
        return NotEvaluable(f"the new order is {effect.replacing}; {unknown}")
    return Clear(f"{effect.replacing} is under {plain(threshold)} mg/day", effect.replacing.sources)


def no_daily_dose_to_judge(case: OrderCase) -> Verdict:
    """The verdict of a dose check when no order in the drafts sets a daily clonazepam dose."""
    if case.ordered:
        return SetAside(
            "a single dose or an inpatient order sets no lasting daily dose",
            tuple(record.source for record in case.ordered),
        )
    unknown = unidentified_draft(case.facts)
    return Clear(NO_CLONAZEPAM_ORDER) if unknown is None else NotEvaluable(unknown)


def _fired(facts: PatientFacts, policy: Policy, effect: Effect) -> Fired:
    total = effect.replacing
    severity, remark = _severity(facts, policy, effect)
    more = "" if total.complete else ", at least"
    return Fired(
        severity=severity,
        summary=f"{total}{more}",
        why=f"{total}{more} is at or above {plain(policy.high_dose_mg_per_day)} mg/day",
        sources=total.sources,
        evidence=EVIDENCE,
        details=(remark,),
    )


def _severity(facts: PatientFacts, policy: Policy, effect: Effect) -> tuple[Severity, str]:
    dose = effect.replacing.mg_per_day
    if dose > policy.absolute_maximum_mg_per_day:
        return Severity.CRITICAL, _above(policy.absolute_maximum_mg_per_day, "for any use")
    if _is_reduction(effect):
        return (
            Severity.INFORMATION,
            f"It is a reduction: the present dose is {effect.present}.",
        )
    if dose > policy.panic_maximum_mg_per_day:
        maximum = policy.panic_maximum_mg_per_day
        if facts.has_condition("seizure_disorder"):
            return Severity.WARNING, _above(maximum, "for panic disorder; the chart has seizures")
        unknown = ""
        if facts.conditions_gap is not None:
            unknown = f"; seizure disorder not known: {facts.conditions_gap.why}"
        return Severity.CRITICAL, _above(maximum, f"for panic disorder{unknown}")
    return (
        Severity.WARNING,
        "Falls, confusion and dependence rise with the dose, and the way down is longer.",
    )


def _is_reduction(effect: Effect) -> bool:
    return (
        effect.present.complete
        and effect.replacing.complete
        and effect.replacing.mg_per_day < effect.present.mg_per_day
    )


def _above(maximum: Fraction, use: str) -> str:
    return f"Above {plain(maximum)} mg/day, the label's maximum {use}."


def _if_both_continue(effect: Effect, threshold: Fraction) -> Fired:
    total: Total = effect.adding
    return Fired(
        severity=Severity.INFORMATION,
        summary=f"{total} if both continue",
        why=(
            f"{total} if the present orders continue beside the new one; "
            f"{effect.replacing} if it replaces them (threshold {plain(threshold)} mg/day)"
        ),
        sources=total.sources,
        evidence=EVIDENCE,
        only_if_added=True,
    )
