"""What is known of the patient when the planner is opened, and whether a taper can be planned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from clinical.dose_history import DoseHistory, dose_history
from clinical.facts import MedicationRecord, PatientFacts, Unknown
from clinical.findings import Assessment
from clinical.gates import Gate, coordinate_gates, stop_gates
from clinical.policy import Policy
from clinical.present import (
    Use,
    partly_as_needed,
    present_intakes,
    use_of,
    why_not_steady,
)
from clinical.quantities import Milligrams
from clinical.review import review, why_perhaps_current
from clinical.shadow import shadow_reasons, without
from clinical.signing import current_clonazepam, planned_clonazepam
from clinical.taper import Pace, TabletProduct, pace
from clinical.totals import Total, total_on
from ehr.read.chart import Resources, read_chart
from smart_app.planner.words import day_of_record, order_name, sentence
from smart_app.visit import Visit

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why no taper is planned here, what it means, and what can be done instead.

    `by_gates`: only because somebody else has to agree, so that a named specialist may.
    """

    title: str
    why: tuple[str, ...]
    possible: tuple[str, ...]
    by_gates: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """One patient on one day: the facts, the checks, the present dose and the way to plan.

    `as_needed`: some of it is, so that what is really taken has to be asked, and `present` is only
    what is allowed, as far as a maximum is given. `daily_too`: another part is taken every day.
    `intakes` are the present ones where they are known, else empty. `tablets` are those that the
    pharmacy stocks, `paces` those that the site offers. `history_read` says how fresh the history
    is that a worker read, None where there is none. `blocked` is None when a taper can be planned.
    `overridden` says what stops a taper where it is planned all the same, because a specialist has
    agreed. `pdmp_url` is where the site looks at the prescription monitoring programme.
    """

    visit: Visit
    patient: Resource | None
    facts: PatientFacts
    assessment: Assessment
    current: tuple[MedicationRecord, ...]
    present: Total
    as_needed: bool
    daily_too: bool
    intakes: tuple[Milligrams, ...]
    tablets: tuple[TabletProduct, ...]
    paces: tuple[Pace, ...]
    recommended: Pace
    recommended_why: str
    notices: tuple[Gate, ...]
    use: Use
    history: DoseHistory
    history_read: str | None
    blocked: Blocked | None
    pdmp_url: str | None
    overridden: tuple[str, ...] = ()

    def agreed_by_specialist(self) -> Situation:
        """The same where a specialist has agreed to what stops a taper (CLINICAL 6, Gates)."""
        if self.blocked is None or not self.blocked.by_gates:
            return self
        return replace(self, blocked=None, overridden=self.blocked.why)

    @property
    def to_discontinue(self) -> tuple[MedicationRecord, ...]:
        """The present orders, and planned ones that would add up with a new plan."""
        return (*self.current, *planned_clonazepam(self.facts, self.visit.today))

    @property
    def present_dose(self) -> Milligrams:
        """The present dose in mg/day; only its known part where some of it is not, and the most
        that is allowed where it is `as_needed`.
        """
        return Milligrams(self.present.mg_per_day)


def situation(resources: Resources, visit: Visit, policy: Policy) -> Situation:
    """The situation of a visit. Never raises: what is missing is said in it."""
    on = visit.today
    facts = read_chart(resources, on).facts
    assessment = without(review(facts, on, policy), shadow_reasons(policy))
    current = current_clonazepam(facts, on)
    present = total_on(current, on)
    intakes = present_intakes(current)
    as_needed = partly_as_needed(current, on)
    known = sum(part.value for part in intakes) == present.mg_per_day and present.complete
    patients = resources.by_type.get("Patient", ())
    kept = resources.background
    history = (kept.dose if kept is not None else None) or dose_history(facts, on)
    use = use_of(facts, current, on, policy, history)
    recommended, why = _recommended(facts, use, visit, policy)
    return Situation(
        visit=visit,
        patient=patients[0] if patients else None,
        facts=facts,
        assessment=assessment,
        current=current,
        present=present,
        as_needed=as_needed,
        daily_too=as_needed and _is_daily_too(current, on),
        intakes=intakes if known and not as_needed else (),
        tablets=policy.tablets,
        paces=tuple(pace(each) for each in policy.planner_paces),
        recommended=recommended,
        recommended_why=why,
        notices=() if facts.deceased is True else coordinate_gates(assessment),
        use=use,
        history=history,
        history_read=None if kept is None else kept.words,
        blocked=_blocked(facts, current, present, visit, policy),
        pdmp_url=policy.pdmp_url,
    )


def _is_daily_too(current: tuple[MedicationRecord, ...], on: date) -> bool:
    return any(not partly_as_needed([record], on) for record in current)


def _recommended(facts: PatientFacts, use: Use, visit: Visit, policy: Policy) -> tuple[Pace, str]:
    """The recommended pace, and by which facts of this patient."""
    on, born = visit.today, facts.birth_date
    youngest = None if isinstance(born, Unknown) else born.youngest_age_on(on)
    since, long_use = use.present.at_most_since, use.long_for(policy)
    reasons = []
    if youngest is not None and youngest >= policy.older_adult_from_years:
        reasons.append(f"age {youngest}")
    if long_use and since is not None:
        reasons.append(f"in use since {day_of_record(since)} or longer")
    if use.failed is not None:
        reasons.append(f"an earlier taper went back up ({use.failed.why})")
    found = policy.pace_for(youngest, long_use=long_use or use.failed is not None)
    why = " and ".join(reasons) or (
        f"under {policy.older_adult_from_years} and no use {_long(policy)} in the chart"
    )
    return found, why


def _long(policy: Policy) -> str:
    days = policy.pace_for_long_use_days
    return "over a year" if days == 365 else f"of more than {days} days"


def _blocked(
    facts: PatientFacts,
    current: tuple[MedicationRecord, ...],
    present: Total,
    visit: Visit,
    policy: Policy,
) -> Blocked | None:
    on = visit.today
    if facts.deceased is True:
        return Blocked("No plan: the chart says that the patient has died", (), ())
    if not current:
        return _without_clonazepam(facts, visit)
    if facts.medications_gap is not None:
        return Blocked(
            "No plan: the present dose may be incomplete",
            (sentence(facts.medications_gap.why),),
            _WHEN_UNKNOWN,
        )
    if any(r.course.single_dose or r.inpatient for r in current):
        return Blocked(
            "No plan: a single dose or an inpatient order is not tapered",
            tuple(sentence(order_name(r)) for r in current),
            ("Plan a taper once the dose at home is ordered.",),
        )
    if not present.complete and not partly_as_needed(current, on):
        return Blocked(
            "No plan: the present dose cannot be computed",
            (sentence(not_counted(current, present)),),
            _WHEN_UNKNOWN,
        )
    unsteady = why_not_steady(current, on)
    if unsteady is not None and not partly_as_needed(current, on):
        return Blocked(
            "No plan: what is taken each day is not known",
            (sentence(unsteady), "A daily taper from its highest day could raise the dose."),
            _WHEN_UNKNOWN,
        )
    gates = stop_gates(facts, on, policy)
    if gates:
        return Blocked(
            "No plan here: a taper needs somebody else first",
            tuple(sentence(gate.why) for gate in gates),
            _WHEN_STOPPED,
            by_gates=True,
        )
    return None


_WHEN_UNKNOWN = (
    "Ask the patient, a carer or the pharmacy what is taken now, and how often.",
    "Write it into the order in the chart (strength, tablets, times a day), then open the "
    "planner again: it reads the chart anew.",
    "Until then keep the dose as it is: an abrupt stop can cause seizures.",
)
_WHEN_STOPPED = (
    "Keep the present dose until then: an abrupt stop can cause seizures.",
    "Agree a plan with the specialist whom the reason calls for: then it can be planned here, with "
    "their name and reason in the plan and in its orders.",
    "If the chart is wrong or out of date, correct it and open the planner again.",
)


def _without_clonazepam(facts: PatientFacts, visit: Visit) -> Blocked:
    unknown = why_perhaps_current(facts, visit.today)
    if unknown is not None:
        return Blocked(
            "No plan: whether clonazepam is taken is not known",
            (sentence(unknown),),
            _WHEN_UNKNOWN,
        )
    return Blocked(
        "No plan: no clonazepam order is current",
        ("Looked at the whole list of medications: no current order or statement is for it.",),
        (
            "If the patient takes clonazepam from another source, write it into the chart as a "
            "reported medication, then open the planner again.",
            "For a new start there is nothing to taper; the order is checked when it is signed.",
        ),
    )


def not_counted(current: tuple[MedicationRecord, ...], present: Total) -> str:
    """Which present orders the total lacks, each by name, and why."""
    names = {record.source: order_name(record) for record in current}
    return "; ".join(f"{names[item.source]}: {item.why}" for item in present.uncounted)
