"""What is written for a change of a plan in the chart: its CarePlan, and its orders from then on.

A draft CarePlan is changed in its place, against the version that was read. One that is active is
the prescriber's: a draft that names it as replaced is written beside it. Draft orders of the plan
are withdrawn and made anew; signed ones are never touched, but named where they no longer fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import Any

from clinical.facts import OWN_PLAN, MedicationRecord, RecordKind
from clinical.follow_up import check_ins
from clinical.policy import Policy
from clinical.quantities import Milligrams
from clinical.taper import PlanChange, StandingPlan, TaperPlan
from clinical.totals import total_on
from ehr.decode import encode
from ehr.read.json import as_list, as_object, as_text
from ehr.read.medications import source_of
from ehr.write.care_plan import PlanWords, care_plan, record_of
from ehr.write.plan_entries import (
    Draft,
    RestOfPlan,
    changed_plan_entry,
    changed_plan_key,
    changed_plan_reference,
    fingerprint,
    first_orders,
    order_entries,
    update_entry,
)
from smart_app.planner.charted import ChartedPlan
from smart_app.planner.save import order_context
from smart_app.planner.situation import Situation

Resource = dict[str, Any]

NO_UPDATES = (
    "This EHR, or the rights granted to this visit, do not let a plan be changed from here. "
    "Nothing is written: make the change in the EHR by the words below."
)
NO_VERSION = (
    "The EHR gives its records no version, so a change could overwrite somebody else's. Nothing is "
    "written: make the change in the EHR by the words below."
)


@dataclass(frozen=True, slots=True)
class ChangeSaving:
    """What a click on save writes.

    `drafts` are the new orders, `withdrawn` the drafts that they take the place of, `discontinue`
    the signed orders that do not fit any more. Signed orders that say the same as the changed plan
    go on until `covered_until` (None: none does). `why_not` says why nothing can be written.
    """

    plan: Resource
    plan_entry: Resource | None
    drafts: tuple[Draft, ...]
    withdrawn: tuple[Resource, ...]
    discontinue: tuple[MedicationRecord, ...]
    covered_until: date | None
    base: str
    why_not: str | None
    seen: str

    @property
    def entries(self) -> tuple[Resource, ...]:
        """The entries of the transaction."""
        if self.plan_entry is None:
            return ()
        withdrawn = [
            update_entry({**order, "status": "cancelled"}, self.base) for order in self.withdrawn
        ]
        return (self.plan_entry, *withdrawn, *order_entries(self.drafts))


def change_saving(
    found: Situation,
    charted: ChartedPlan,
    plan: TaperPlan,
    standing: StandingPlan,
    policy: Policy,
    *,
    can_change: bool,
) -> ChangeSaving:
    """What would be written for the plan as it stands after its last change."""
    today, base = found.visit.today, found.visit.fhir_base
    number = len(plan.changes)
    resource = _care_plan(found, charted, plan, standing, policy)
    covered = _covered_until(charted.signed, standing, today)
    drafts: tuple[Draft, ...] = ()
    if standing.schedule is not None:
        drafts = first_orders(
            standing.schedule,
            order_context(found.visit),
            charted.key,
            policy.card_horizon_days,
            _prior(found, charted),
            RestOfPlan(
                today if covered is None else covered + timedelta(days=1),
                number,
                changed_plan_reference(charted.key, number, resource),
            ),
        )
    why_not = None if can_change else NO_UPDATES
    updated = [*charted.drafts, *([resource] if "id" in resource else [])]
    if can_change and not all(_has_version(it) for it in updated):
        why_not = NO_VERSION
    versions = [(source_of(it), as_object(it.get("meta")).get("versionId")) for it in updated]
    shown = [[draft.resource for draft in drafts], versions, resource.get("activity"), str(covered)]
    return ChangeSaving(
        plan=resource,
        plan_entry=None if why_not else changed_plan_entry(charted.key, number, resource, base),
        drafts=drafts,
        withdrawn=charted.drafts,
        discontinue=_discontinue(found, charted.signed, standing, covered),
        covered_until=covered,
        base=base,
        why_not=why_not,
        seen=fingerprint(encode(shown)),
    )


def _has_version(resource: Resource) -> bool:
    version = as_text(as_object(resource.get("meta")).get("versionId"))
    return version is not None and as_text(resource.get("id")) is not None


# --- the orders -------------------------------------------------------------------------------


def _covered_until(
    signed: Sequence[MedicationRecord], standing: StandingPlan, today: date
) -> date | None:
    """The last day up to which the signed orders say what the plan says now."""
    ends = [order.course.ends for order in signed if order.course.ends is not None]
    day = today
    while day <= max(ends, default=date.min):
        ordered = total_on(signed, day)
        if not ordered.complete or Milligrams(ordered.mg_per_day) != standing.dose_on(day):
            break
        day += timedelta(days=1)
    return None if day == today else day - timedelta(days=1)


def _discontinue(
    found: Situation,
    signed: Sequence[MedicationRecord],
    standing: StandingPlan,
    covered: date | None,
) -> tuple[MedicationRecord, ...]:
    """Signed orders with days on which the plan says something else, and orders beside the plan.

    Of a stopped plan only what has not begun: what is taken now goes on until somebody has assessed
    the patient.
    """
    today = found.visit.today
    if standing.schedule is None:
        return tuple(it for it in signed if (it.course.starts or date.min) > today)
    last = covered or today - timedelta(days=1)
    other_days = [it for it in signed if it.course.ends is None or it.course.ends > last]
    of_the_plan = {it.source for it in signed}
    beside = [it for it in found.to_discontinue if it.source not in of_the_plan]
    return (*other_days, *beside)


def _prior(found: Situation, charted: ChartedPlan) -> str | None:
    """The order that the first new ones follow: the plan's own signed ones, else a present one."""
    present = [
        it
        for it in (*charted.signed, *found.current)
        if it.kind is RecordKind.REQUEST and not it.source.endswith("/without-id")
    ]
    begun = [it for it in present if (it.course.starts or date.min) <= found.visit.today]
    chosen = begun or present
    return chosen[0].source if chosen else None


# --- the CarePlan -----------------------------------------------------------------------------


def _care_plan(
    found: Situation,
    charted: ChartedPlan,
    plan: TaperPlan,
    standing: StandingPlan,
    policy: Policy,
) -> Resource:
    held = charted.resource
    notes = [*as_list(held.get("note")), _note(plan.changes[-1], standing)]
    if standing.schedule is None:
        return _stopped(charted, plan, standing, notes)
    made = care_plan(
        standing.schedule,
        check_ins(standing.schedule),
        order_context(found.visit),
        PlanWords(policy.rules_version),
        key=charted.key,
        kept=plan,
    )
    made["note"] = notes
    if held.get("supportingInfo"):
        made["supportingInfo"] = held["supportingInfo"]
    if charted.is_draft:
        ours = ("text", "title", "description", "period", "activity", "note", "instantiatesUri")
        others = [it for it in as_list(held.get("extension")) if it.get("url") != _url(made)]
        return {
            **held,
            **{name: made[name] for name in ours},
            "extension": [*others, *made["extension"]],
        }
    return _beside(charted, plan, made)


def _url(made: Resource) -> str:
    return str(made["extension"][0]["url"])


def _note(change: PlanChange, standing: StandingPlan) -> Resource:
    """Who, when, why and what it did, for whoever reads the plan in the EHR."""
    return {
        "authorString": change.who,
        "time": change.on.isoformat(),
        "text": f"{standing.decisions[-1].what} Why: {change.why}",
    }


def _stopped(
    charted: ChartedPlan, plan: TaperPlan, standing: StandingPlan, notes: list[Resource]
) -> Resource:
    """A draft is withdrawn; of an active plan a draft says that it was stopped."""
    held = charted.resource
    if charted.is_draft:
        return {**held, "status": "revoked", "note": notes}
    what = standing.decisions[-1].what
    title = f"{held.get('title', 'Clonazepam taper')}: stopped on {plan.changes[-1].on}"
    made = {
        **{name: held[name] for name in _KEPT if name in held},
        "title": title,
        "description": what,
        "text": {
            "status": "generated",
            "div": (
                '<div xmlns="http://www.w3.org/1999/xhtml">'
                f"<p>{escape(title)}</p><p>{escape(what)}</p></div>"
            ),
        },
        "period": {
            "start": as_object(held.get("period")).get("start"),
            "end": plan.changes[-1].on.isoformat(),
        },
        "activity": [
            it
            for it in map(as_object, as_list(held.get("activity")))
            if _begins(it) < plan.changes[-1].on.isoformat()
        ],
        "extension": [record_of(plan)],
        "note": notes,
    }
    if not made["activity"]:
        del made["activity"]
    return _beside(charted, plan, made)


_KEPT = (
    "resourceType",
    "instantiatesUri",
    "intent",
    "category",
    "subject",
    "created",
    "author",
    "supportingInfo",
)


def _begins(activity: Resource) -> str:
    period = as_object(as_object(activity.get("detail")).get("scheduledPeriod"))
    return as_text(period.get("start")) or ""


def _beside(charted: ChartedPlan, plan: TaperPlan, made: Resource) -> Resource:
    """A draft that takes the place of an active plan once it is made active itself."""
    number = len(plan.changes)
    return {
        **made,
        "status": "draft",
        "identifier": [
            {"system": OWN_PLAN, "value": charted.key},
            {"system": OWN_PLAN, "value": changed_plan_key(charted.key, number)},
        ],
        "replaces": [{"reference": source_of(charted.resource)}],
    }
