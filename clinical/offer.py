"""What a card may offer beside a finding (CLINICAL section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache

from clinical.checks.words import uncounted_reasons
from clinical.dependence import Dependence
from clinical.facts import (
    Unknown,
)
from clinical.findings import Assessment, CheckId, NotEvaluable
from clinical.gates import coordinate_gates, stop_gates
from clinical.order_case import OrderCase, Replaced
from clinical.policy import Policy
from clinical.present import present_intakes, why_not_steady
from clinical.quantities import Milligrams
from clinical.signing import (
    Effect,
    is_own_plan,
)
from clinical.taper.limits import BrokenLimit, judge
from clinical.taper.pace import Pace, pace
from clinical.taper.planner import plan
from clinical.taper.refusal import CannotTaper
from clinical.taper.request import TIMES_OF_DAY, TaperRequest
from clinical.taper.schedule import Schedule
from clinical.tapers import TaperInProgress


@dataclass(frozen=True, slots=True)
class NoOffer:
    """No drafts, and why in words. `keep`: the present dose can be kept instead of the drafts.

    `gated` is true where a taper needs somebody else first, so that the present dose goes on.
    """

    why: tuple[str, ...]
    keep: Replaced | None = None
    gated: bool = False


@dataclass(frozen=True, slots=True)
class NewStart:
    """There is nothing to taper: a lower start, unless there is a reason why not, or no start."""

    why_not_lower: str | None = None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A taper is in progress: no second one is drafted; the new order can be removed."""

    taper: TaperInProgress
    about: Replaced


@dataclass(frozen=True, slots=True)
class Proposal:
    """One pace with its schedule from the present dose, and the limits that the schedule breaks."""

    pace: Pace
    schedule: Schedule
    broken: tuple[BrokenLimit, ...]
    recommended: bool


@dataclass(frozen=True, slots=True)
class TaperOffer:
    """Tapers from the present dose. `keep_present` offers to leave the dose as it is.

    `dependence` says whether a taper is needed at all, for the prescriber to confirm.
    """

    about: Replaced
    proposals: tuple[Proposal, ...]
    dependence: Dependence | NotEvaluable
    keep_present: bool
    notes: tuple[str, ...]


Offer = NoOffer | NewStart | UnderWay | TaperOffer

_NO_START = {
    CheckId.CONTRAINDICATION: "clonazepam is contraindicated, so no lower start is offered",
    CheckId.PREGNANCY: "in pregnancy no start is offered",
    CheckId.SEIZURE_INDICATION: "in a seizure disorder the label's start is another one",
}


def offer(case: OrderCase, assessment: Assessment) -> Offer | None:
    """What may be offered for the clonazepam order, or instead of stopping it; None for neither."""
    about = case.replaced
    if not case.ordered:
        being_stopped = about.endings and _has_fired(assessment, CheckId.ABRUPT_STOP)
        return _instead(case, assessment, about) if being_stopped else None
    effect = case.effect
    if effect is None:
        return NoOffer(("A single dose or an inpatient order is not tapered.",))
    if case.facts.medications_gap is not None:
        return _unknown_present(case)
    if is_own_plan(effect):
        return NoOffer(("The taper was accepted already; its orders stand as they are.",))
    if effect.current or case.running is not None:
        return _instead(case, assessment, about)
    return _without_present_dose(case, assessment, effect)


def _has_fired(assessment: Assessment, *checks: CheckId) -> bool:
    return any(finding.check in checks for finding in assessment.findings)


def _unknown_present(case: OrderCase) -> NoOffer:
    gap = case.facts.medications_gap
    why = "" if gap is None else f": {gap.why}"
    return NoOffer((f"The present dose is not known{why}.",))


def _instead(case: OrderCase, assessment: Assessment, about: Replaced) -> Offer:
    """What may be offered to somebody who takes clonazepam: a taper, or why there is none."""
    facts, on = case.facts, case.on
    if facts.medications_gap is not None:
        return _unknown_present(case)
    if case.running is not None:
        return UnderWay(case.running, about)
    if not about.present.complete:
        return NoOffer(
            (f"The present dose cannot be computed ({uncounted_reasons(about.present)}).",)
        )
    keep = about if _has_fired(assessment, CheckId.DOSE_ESCALATION, CheckId.ABRUPT_STOP) else None
    unsteady = why_not_steady(about.current, on)
    if unsteady is not None:
        return NoOffer(
            (f"{unsteady}. Ask what is taken: a daily taper could raise it.",),
            keep,
        )
    gates = stop_gates(facts, on, case.policy)
    if gates:
        return NoOffer(tuple(gate.why for gate in gates), keep, gated=True)
    return _tapers(case, assessment, about, keep)


def _without_present_dose(case: OrderCase, assessment: Assessment, effect: Effect) -> Offer:
    if effect.baseline_ended_on is not None:
        return NoOffer(
            (
                f"The last order ended on {effect.baseline_ended_on.isoformat()}: ask what the "
                "patient takes now before a taper is planned.",
            )
        )
    born, adult = case.facts.birth_date, case.policy.adult_from_years
    if not isinstance(born, Unknown) and born.youngest_age_on(case.on) < adult:
        return NewStart("the label's starting dose is for adults")
    for check, why in _NO_START.items():
        if _has_fired(assessment, check):
            return NewStart(why)
    return NewStart()


def _tapers(
    case: OrderCase, assessment: Assessment, about: Replaced, keep: Replaced | None
) -> Offer:
    facts, on, policy = case.facts, case.on, case.policy
    present = Milligrams(about.present.mg_per_day)
    youngest = None
    if not isinstance(facts.birth_date, Unknown):
        youngest = facts.birth_date.youngest_age_on(on)
    use = case.use
    coordinate = coordinate_gates(assessment)
    long_use = use.long_for(policy) or use.failed is not None
    paces = [policy.pace_for(youngest, long_use=long_use)]
    under_age = youngest is not None and youngest < policy.older_adult_from_years
    second = policy.offered_pace
    if (
        second
        and present.value > policy.second_pace_above_mg_per_day
        and under_age
        and not coordinate
    ):
        paces.append(pace(second))
    proposals = []
    for number, chosen in enumerate(paces):
        try:
            schedule, broken = _planned(_taper_request(about, present, on, chosen, policy))
        except CannotTaper as refusal:
            if number == 0:
                return NoOffer((str(refusal),), keep)
            continue  # a second pace that these tablets cannot make is simply not offered
        proposals.append(Proposal(chosen, schedule, broken, recommended=number == 0))
    return TaperOffer(
        about=about,
        proposals=tuple(proposals),
        dependence=use.dependence,
        keep_present=keep is not None,
        notes=tuple(gate.why for gate in coordinate),
    )


def _taper_request(
    about: Replaced, present: Milligrams, on: date, chosen: Pace, policy: Policy
) -> TaperRequest:
    intakes = present_intakes(about.current)
    return TaperRequest(
        from_mg=present,
        to_mg=Milligrams(Fraction(0)),
        starts_on=on,
        pace=chosen,
        products=policy.tablets,
        intakes=intakes if sum(i.value for i in intakes) == present.value else (),
        times_per_day=max(1, min(len(intakes), len(TIMES_OF_DAY))),
    )


@lru_cache(maxsize=256)
def _planned(request: TaperRequest) -> tuple[Schedule, tuple[BrokenLimit, ...]]:
    """Kept, for on one day the patients of a clinic take a few dozen different regimens."""
    schedule = plan(request)
    return schedule, judge(schedule)
