"""What is written for a plan: draft orders for the first weeks, and the CarePlan.

Everything is a function of the plan and the chart, with no fresh ids: the preview shows exactly
what is sent, and a second click makes the same identifiers and finds the first one's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from clinical.facts import OWN_PLAN, MedicationRecord, RecordKind
from clinical.follow_up import check_ins
from clinical.policy import Policy
from clinical.taper import Schedule, TaperRequest, under_way
from ehr.decode import encode
from ehr.read.chart import Resources
from ehr.read.json import as_list, as_object, as_text
from ehr.read.medications import source_of
from ehr.write import ladder
from ehr.write.care_plan import PlanWords, care_plan, maintenance_plan
from ehr.write.draft_orders import OrderContext
from ehr.write.plan_entries import Draft, fingerprint, first_orders, plan_entries, plan_key
from smart_app.planner.situation import Situation
from smart_app.visit import Visit

Resource = dict[str, Any]

CONFIRMATIONS = {
    "pdmp": "the prescription monitoring programme (PDMP) was reviewed",
    "supply": "the supply at home was counted",
    "treatment": "another treatment of the indication is in place",
    "consent": "risks and benefits were discussed with the patient",
}
"""What is confirmed before saving (CLINICAL 6): field value and words."""

_TO_MAINTAIN = ("pdmp", "consent")


@dataclass(frozen=True, slots=True)
class Saving:
    """What a click on save writes.

    `key` identifies the plan in the chart. `seen` is the fingerprint of everything that the
    preview shows: when the chart has changed since, it differs and nothing is written.
    `confirming` are the fields of `CONFIRMATIONS` that have to be ticked before.
    """

    rung: str
    key: str
    drafts: tuple[Draft, ...]
    plan: Resource
    seen: str
    confirming: tuple[str, ...] = tuple(CONFIRMATIONS)

    @property
    def count(self) -> int:
        """How many resources are written."""
        return len(self.entries(()))

    def entries(
        self, confirmed: Sequence[str], agreement: str | None = None
    ) -> tuple[Resource, ...]:
        """The entries of the transaction, with the prescriber's confirmations in the plan.

        `agreement` says which specialist agreed to what stops a taper: in the plan and each order.
        """
        if self.rung == ladder.TEXT:
            return ()
        notes = [f"Confirmed before saving: {'; '.join(confirmed)}."] if confirmed else []
        notes += [agreement] if agreement else []
        plan = {**self.plan, "note": [{"text": note} for note in notes]} if notes else self.plan
        orders = self.drafts if self.rung == ladder.ORDERS_AND_PLAN else ()
        if agreement:
            orders = tuple(_noted(draft, agreement) for draft in orders)
        return plan_entries(self.key, plan, orders)


def _noted(draft: Draft, words: str) -> Draft:
    order = draft.resource
    return replace(draft, resource={**order, "note": [*order["note"], {"text": words}]})


def agreement_of(found: Situation, specialist: str, why: str) -> str:
    """Who agreed to a taper in spite of what stops one, and why, for the plan and its orders."""
    stops = " ".join(found.overridden)
    recorded = f" Recorded by {found.visit.user_name}." if found.visit.user_name else ""
    return f"{stops} Planned all the same: agreed by {specialist}. Why: {why}{recorded}"


@dataclass(frozen=True, slots=True)
class InChart:
    """What the chart already holds of tapers: references of this plan, and of other drafts.

    `signed` is whether this plan is there with none of it a draft any more.
    """

    this_plan: tuple[str, ...]
    others: tuple[str, ...]
    signed: bool = False


def saving(
    found: Situation,
    schedule: Schedule,
    allowed: tuple[str, ...],
    policy: Policy,
    request: TaperRequest,
) -> Saving:
    """What would be written for this plan on the best rung that is allowed."""
    context, visit = order_context(found.visit), found.visit
    key = plan_key(schedule, visit.fhir_base, visit.patient_id, policy.rules_version)
    plan = care_plan(
        schedule,
        check_ins(schedule),
        context,
        PlanWords(policy.rules_version),
        key=key,
        supporting=[record.source for record in _with_id(found)],
        kept=under_way(request, schedule),
    )
    orders = [r.source for r in _with_id(found) if r.kind is RecordKind.REQUEST]
    present = orders[0] if orders else None
    drafts = first_orders(schedule, context, key, policy.card_horizon_days, present)
    return _seen(Saving(_best(allowed), key, drafts, plan, seen=""))


def maintaining(
    found: Situation, stays: str, review_on: date, allowed: tuple[str, ...], policy: Policy
) -> Saving:
    """What would be written to keep the present use until a review: a care plan, no orders."""
    visit = found.visit
    whose = (visit.fhir_base, visit.patient_id, policy.rules_version)
    key = fingerprint("\n".join([*whose, "maintain", stays, review_on.isoformat()]).encode())
    plan = maintenance_plan(
        stays,
        review_on,
        order_context(visit),
        policy.rules_version,
        key=key,
        supporting=[record.source for record in _with_id(found)],
    )
    best = _best(allowed)
    rung = ladder.PLAN if best == ladder.ORDERS_AND_PLAN else best
    return _seen(Saving(rung, key, (), plan, seen="", confirming=_TO_MAINTAIN))


def _seen(unsigned: Saving) -> Saving:
    shown = [unsigned.rung, [draft.resource for draft in unsigned.drafts], unsigned.plan]
    return replace(unsigned, seen=fingerprint(encode(shown)))


def order_context(visit: Visit) -> OrderContext:
    """For whom and by whom the drafts of a visit are."""
    return OrderContext(
        patient_id=visit.patient_id,
        authored_on=visit.today,
        requester=requester_of(visit.user),
    )


def in_chart(resources: Resources, key: str | None) -> InChart:
    """Draft orders and plans of a taper that the chart holds already."""
    this_plan, others, drafts = [], [], []
    for kind, name in (("CarePlan", "identifier"), ("MedicationRequest", "groupIdentifier")):
        for resource in resources.by_type.get(kind, ()):
            values = {
                as_text(held.get("value"))
                for held in map(as_object, as_list(resource.get(name)))
                if held.get("system") == OWN_PLAN
            }
            status = as_text(resource.get("status"))
            if not values or status not in {"draft", "active"}:
                continue
            if key in values:
                this_plan.append(source_of(resource))
                # An EHR signs orders; whether it also moves the care plan on is its own affair.
                drafts.append(status == "draft" and kind == "MedicationRequest")
            elif status == "draft":
                others.append(source_of(resource))
    orders = [ref for ref in this_plan if ref.startswith("MedicationRequest/")]
    return InChart(tuple(this_plan), tuple(others), bool(orders) and not any(drafts))


def _best(allowed: tuple[str, ...]) -> str:
    """The best rung that we can write too (a DocumentReference is not made); else `TEXT`."""
    ours = (ladder.ORDERS_AND_PLAN, ladder.PLAN)
    return next((rung for rung in allowed if rung in ours), ladder.TEXT)


def _with_id(found: Situation) -> list[MedicationRecord]:
    """The present records that a reference can point at."""
    return [record for record in found.current if not record.source.endswith("/without-id")]


def requester_of(user: str | None) -> str | None:
    """The user as a requester of orders; None for somebody who cannot order."""
    if user is None:
        return None
    relative = "/".join(user.rstrip("/").split("/")[-2:])
    return relative if relative.partition("/")[0] in {"Practitioner", "PractitionerRole"} else None
