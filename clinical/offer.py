"""What a card may offer beside a finding (CLINICAL section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from clinical.checks.words import uncounted_reasons
from clinical.dependence import Dependence
from clinical.facts import MedicationRecord, PatientFacts, Unknown
from clinical.findings import Assessment, CheckId, Fired, NotEvaluable
from clinical.gates import coordinate_gates, stop_gates
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.present import present_intakes, use_of, why_not_steady
from clinical.quantities import Milligrams
from clinical.signing import Effect, is_own_plan
from clinical.taper.pace import Pace, pace
from clinical.taper.planner import plan
from clinical.taper.refusal import CannotTaper
from clinical.taper.request import TIMES_OF_DAY, TaperRequest
from clinical.taper.schedule import Schedule
from clinical.tapers import TaperInProgress


@dataclass(frozen=True, slots=True)
class NoOffer:
    """No drafts, and why in words."""

    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewStart:
    """There is nothing to taper: a lower start or no start."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A taper is in progress: no second one is drafted; the new order (`drafts`) can be removed."""

    taper: TaperInProgress
    drafts: tuple[MedicationRecord, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One pace with its schedule from the present dose."""

    pace: Pace
    schedule: Schedule
    recommended: bool


@dataclass(frozen=True, slots=True)
class TaperOffer:
    """Tapers from the present dose. `keep_present` offers to leave the dose as it is.

    `dependence` says whether a taper is needed at all, for the prescriber to confirm.
    """

    effect: Effect
    proposals: tuple[Proposal, ...]
    dependence: Dependence | NotEvaluable
    keep_present: bool
    notes: tuple[str, ...]


Offer = NoOffer | NewStart | UnderWay | TaperOffer


def offer(case: OrderCase, assessment: Assessment) -> Offer | None:
    """What may be offered for the clonazepam order; None when none is being ordered."""
    facts, on, policy, effect = case.facts, case.on, case.policy, case.effect
    if not case.ordered:
        return None
    if effect is None:
        return NoOffer(("A single dose or an inpatient order is not tapered.",))
    if facts.medications_gap is not None:
        return NoOffer((f"The present dose is not known: {facts.medications_gap.why}.",))
    if is_own_plan(effect):
        return NoOffer(("The taper was accepted already; its orders stand as they are.",))
    if case.running is not None:
        return UnderWay(case.running, effect.drafts)
    if not effect.current:
        return _without_present_dose(facts, on, policy, effect)
    if not effect.present.complete:
        return NoOffer(
            (f"The present dose cannot be computed ({uncounted_reasons(effect.present)}).",)
        )
    unsteady = why_not_steady(effect.current, on)
    if unsteady is not None:
        return NoOffer(
            (f"No taper draft: {unsteady}. Ask what is taken; a daily taper could raise it.",)
        )
    gates = stop_gates(facts, on, policy)
    if gates:
        return NoOffer(tuple(f"No taper draft: {gate.why}." for gate in gates))
    return _tapers(case, assessment, effect)


def _without_present_dose(facts: PatientFacts, on: date, policy: Policy, effect: Effect) -> Offer:
    born = facts.birth_date
    if not isinstance(born, Unknown) and born.youngest_age_on(on) < policy.adult_from_years:
        return NoOffer(("The label's starting dose is for adults.",))
    if effect.baseline_ended_on is None:
        return NewStart()
    return NoOffer(
        (
            f"The last order ended on {effect.baseline_ended_on.isoformat()}: ask what the "
            "patient takes now before a taper is planned.",
        )
    )


def _tapers(case: OrderCase, assessment: Assessment, effect: Effect) -> Offer:
    facts, on, policy = case.facts, case.on, case.policy
    present = Milligrams(effect.present.mg_per_day)
    youngest = None
    if not isinstance(facts.birth_date, Unknown):
        youngest = facts.birth_date.youngest_age_on(on)
    use = use_of(facts, effect.current, on, policy, case.told)
    coordinate = coordinate_gates(assessment)
    long_use = use.long_for(policy) or use.failed is not None
    paces = [policy.pace_for(youngest, long_use=long_use)]
    under_age = youngest is not None and youngest < policy.older_adult_from_years
    second = policy.offered_pace
    if second and present > Milligrams(Fraction(1)) and under_age and not coordinate:
        paces.append(pace(second))
    proposals = []
    for number, chosen in enumerate(paces):
        try:
            schedule = _plan(effect, present, on, chosen, policy)
        except CannotTaper as refusal:
            if number == 0:
                return NoOffer((str(refusal),))
            continue  # a second pace that these tablets cannot make is simply not offered
        proposals.append(Proposal(chosen, schedule, recommended=number == 0))
    return TaperOffer(
        effect=effect,
        proposals=tuple(proposals),
        dependence=use.dependence,
        keep_present=isinstance(assessment.verdict(CheckId.DOSE_ESCALATION), Fired),
        notes=tuple(gate.why for gate in coordinate),
    )


def _plan(effect: Effect, present: Milligrams, on: date, chosen: Pace, policy: Policy) -> Schedule:
    intakes = present_intakes(effect.current)
    return plan(
        TaperRequest(
            from_mg=present,
            to_mg=Milligrams(Fraction(0)),
            starts_on=on,
            pace=chosen,
            products=policy.tablets,
            intakes=intakes if sum(i.value for i in intakes) == present.value else (),
            times_per_day=max(1, min(len(intakes), len(TIMES_OF_DAY))),
        )
    )
