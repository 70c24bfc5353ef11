"""The plan of ours that the chart holds, as one that can be changed.

The CarePlan carries it whole. Where the EHR has not kept that, the doses and days of the CarePlan's
steps are the plan, and its tablets are chosen anew: that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from clinical.care_plans import TaperCarePlan
from clinical.dose_history import Known
from clinical.facts import OWN_PLAN, MedicationRecord, RecordKind, is_clonazepam
from clinical.quantities import Milligrams
from clinical.taper import (
    CannotTaper,
    DoseOnDays,
    StandingPlan,
    TaperPlan,
    TaperRequest,
    begin_from_course,
    replan_rules,
    stand,
)
from ehr.read.care_plans import kept_plan
from ehr.read.chart import Resources
from ehr.read.json import as_list, as_object, as_text
from ehr.read.medications import source_of
from smart_app.planner.situation import Situation

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChartedPlan:
    """A plan in the chart: the CarePlan as it was read, and the plan that it tells.

    `key` is the plan's own identifier. `drafts` are its orders that nobody has signed, as they were
    read; `signed` its others that are current or to come. `read_from_steps` says that the EHR has
    not kept the plan itself.
    """

    resource: Resource
    key: str
    plan: TaperPlan
    standing: StandingPlan
    drafts: tuple[Resource, ...]
    signed: tuple[MedicationRecord, ...]
    read_from_steps: bool

    @property
    def is_draft(self) -> bool:
        """Whether nobody has made the CarePlan active yet."""
        return self.resource.get("status") == "draft"


@dataclass(frozen=True, slots=True)
class CannotBeChanged:
    """There is a plan of ours in the chart, and why it cannot be changed here."""

    why: str


def charted_plan(resources: Resources, found: Situation) -> ChartedPlan | CannotBeChanged | None:
    """The plan that is under way, or ended not long ago; None where there is none of ours."""
    care_plan = _latest(found)
    if care_plan is None:
        return None
    (resource, *_) = [
        it for it in resources.by_type.get("CarePlan", ()) if source_of(it) == care_plan.source
    ]
    plan = kept_plan(resource)
    read_from_steps = plan is None
    try:
        plan = plan or _of_steps(care_plan, found)
        standing = stand(plan)
    except CannotTaper as refusal:
        return CannotBeChanged(
            f"The chart holds the plan {care_plan.source}, but it cannot be changed here: {refusal}"
        )
    key = care_plan.group.removeprefix(f"{OWN_PLAN}|")
    return ChartedPlan(
        resource=resource,
        key=key,
        plan=plan,
        standing=standing,
        drafts=_drafts(resources, key),
        signed=_signed(found, care_plan.group),
        read_from_steps=read_from_steps,
    )


def _latest(found: Situation) -> TaperCarePlan | None:
    counting = [it for it in found.facts.taper_plans if it.counts]
    replaced = {source for it in counting for source in it.replaces}
    grace = timedelta(days=replan_rules().follow_up_days)
    under_way = [
        it
        for it in counting
        if it.source not in replaced
        and it.steps
        and found.visit.today - it.steps[-1].starts <= grace
    ]
    return max(under_way, key=lambda it: (it.created_on or date.min, it.source), default=None)


def _of_steps(care_plan: TaperCarePlan, found: Situation) -> TaperPlan:
    """The plan of the doses and days alone. Raises CannotTaper, with a sentence."""
    first, goal = care_plan.steps[0], care_plan.steps[-1]
    day_before = first.starts - timedelta(days=1)
    before = [
        stretch.dose.high
        for stretch in found.history.stretches
        if isinstance(stretch.dose, Known) and stretch.starts <= day_before <= stretch.ends
    ]
    if not before or before[0] <= first.dose:
        raise CannotTaper(
            "this EHR has not kept the plan itself, and the dose before its first cut is not "
            "known. Make a new plan from the present dose."
        )
    request = TaperRequest(
        from_mg=Milligrams(before[0]),
        to_mg=Milligrams(goal.dose),
        starts_on=first.starts,
        pace=found.recommended,
        products=found.tablets,
        times_per_day=len(found.intakes) or 1,
    )
    steps = [DoseOnDays(it.starts, it.ends, Milligrams(it.dose)) for it in care_plan.steps[:-1]]
    return begin_from_course(request, [*steps, DoseOnDays(goal.starts, None, request.to_mg)])


def _drafts(resources: Resources, key: str) -> tuple[Resource, ...]:
    return tuple(
        it
        for it in resources.by_type.get("MedicationRequest", ())
        if it.get("status") == "draft"
        and any(
            held.get("system") == OWN_PLAN and as_text(held.get("value")) == key
            for held in map(as_object, as_list(it.get("groupIdentifier")))
        )
    )


def _signed(found: Situation, group: str) -> tuple[MedicationRecord, ...]:
    """The plan's signed orders that are not over on the day."""
    on = found.visit.today
    return tuple(
        it
        for it in found.facts.medications
        if it.group == group
        and it.kind is RecordKind.REQUEST
        and is_clonazepam(it)
        and it.status == "active"
        and (it.course.ends is None or it.course.ends >= on)
    )
