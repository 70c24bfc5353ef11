"""A rising dose deepens dependence and makes the way out longer (SEED).

Compares like with like: the highest day after signing with the present day's high bound.
Not an escalation: a renewal, the same dose in other tablets, a first order, and the return to
the previous taper step, which is the label's own way back.
"""

from __future__ import annotations

from datetime import timedelta

from clinical.baseline import earlier_doses
from clinical.checks.high_dose import no_daily_dose_to_judge
from clinical.checks.words import perhaps_clonazepam, uncounted_reasons
from clinical.facts import PatientFacts
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule
from clinical.signing import Effect, Signing
from clinical.standing import stood
from clinical.totals import Total

EVIDENCE = rule(CheckId.DOSE_ESCALATION).sources


def dose_escalation(case: OrderCase) -> Verdict:
    """The new total against the present one, or against the last that ended lately."""
    facts, effect = case.facts, case.effect
    if effect is None:
        return no_daily_dose_to_judge(case)
    baseline = effect.baseline
    if baseline is None or not (baseline.sources or baseline.uncounted):
        return _without_baseline(case, effect)
    new = effect.replacing
    unknown = _not_comparable(facts, baseline, new)
    if unknown is not None:
        return unknown
    if new.mg_per_day <= baseline.mg_per_day:
        if not baseline.complete:  # what is not counted can only make the present dose higher
            return Clear(
                f"{new} is not above the present dose, at least {baseline}",
                (*new.sources, *baseline.sources),
            )
        same = effect.signing is Signing.RENEWAL or new.mg_per_day == baseline.mg_per_day
        return Clear(
            f"{new} is the present dose" if same else f"{new} is under the present {baseline}",
            (*new.sources, *baseline.sources),
        )
    return _raised(case, effect, baseline)


def _without_baseline(case: OrderCase, effect: Effect) -> Verdict:
    earliest = case.on - timedelta(days=case.policy.baseline_lookback_days)
    lately = [it for it in stood(case.facts.medications) if it.ends is None or it.ends >= earliest]
    unknown = perhaps_clonazepam(it.record for it in lately)
    gap = case.facts.medications_gap
    if gap is not None:
        return NotEvaluable(f"the present dose is not known: {gap.why}")
    if unknown is not None:
        return NotEvaluable(f"the present dose is not known: {unknown}")
    return Clear("a new start: there is no present dose", effect.replacing.sources)


def _not_comparable(facts: PatientFacts, baseline: Total, new: Total) -> NotEvaluable | None:
    """Why the two totals cannot be compared; None where the known part decides."""
    if not baseline.complete and not (new.complete and new.mg_per_day <= baseline.mg_per_day):
        return NotEvaluable(
            f"the present dose cannot be computed ({uncounted_reasons(baseline)})",
            tuple(item.source for item in baseline.uncounted),
        )
    if facts.medications_gap is not None:
        # An order that was not sent may belong to the present dose, so it may be higher.
        return NotEvaluable(f"the present dose may be incomplete: {facts.medications_gap.why}")
    if not new.complete and new.mg_per_day <= baseline.mg_per_day:
        return NotEvaluable(
            f"the new dose cannot be computed ({uncounted_reasons(new)})",
            tuple(item.source for item in new.uncounted),
        )
    return None


def _raised(case: OrderCase, effect: Effect, baseline: Total) -> Verdict:
    new = effect.replacing
    for held in earlier_doses(case.facts, case.on, case.policy.step_back_days):
        if held.total.complete and held.total.mg_per_day == new.mg_per_day:
            return Clear(
                f"a step back to {new}, held until {held.until.isoformat()}: "
                "the label's own way back when a reduction fails",
                (*new.sources, *held.total.sources),
            )
    seizures = case.facts.has_condition("seizure_disorder")
    lapsed_on = effect.baseline_ended_on
    since = "" if lapsed_on is None else f" (ended on {lapsed_on.isoformat()})"
    remark = (
        "A seizure disorder is in the chart: the label allows titration."
        if seizures
        else "More brings relief for a while and deepens dependence; without a plan it makes "
        "stopping harder."
    )
    return Fired(
        severity=Severity.INFORMATION if seizures else Severity.WARNING,
        summary=f"raised from {baseline} to {new}",
        why=f"raised from {baseline}{since} to {new}",
        sources=tuple(dict.fromkeys((*new.sources, *baseline.sources))),
        evidence=EVIDENCE,
        details=(remark,),
    )
