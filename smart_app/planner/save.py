"""What is written for a plan: draft orders for the first weeks, and the CarePlan.

Everything is a function of the plan and the chart, with no fresh ids: the preview shows exactly
what is sent, and a second click makes the same identifiers and finds the first one's work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from clinical.facts import OWN_PLAN, MedicationRecord, RecordKind
from clinical.follow_up import check_ins
from clinical.policy import Policy
from clinical.taper import Fill, Schedule, fills, pace
from ehr.decode import encode
from ehr.read.chart import Resources
from ehr.read.json import as_list, as_object, as_text
from ehr.read.medications import source_of
from ehr.write import ladder
from ehr.write.care_plan import PlanWords, care_plan
from ehr.write.draft_orders import OrderContext, taper_order
from smart_app.planner.situation import Situation

Resource = dict[str, Any]

_URNS = UUID("6f5e6a55-3d0e-5d64-9d43-58a1c1a0c7a1")


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft order: the fill that it is for, and the resource that is sent."""

    fill: Fill
    resource: Resource


@dataclass(frozen=True, slots=True)
class Saving:
    """What a click on save writes.

    `key` identifies the plan in the chart. `seen` is the fingerprint of everything that the
    preview shows: when the chart has changed since, it differs and nothing is written.
    """

    rung: str
    key: str
    drafts: tuple[Draft, ...]
    plan: Resource
    seen: str

    @property
    def count(self) -> int:
        """How many resources are written."""
        return len(self.entries(()))

    def entries(self, confirmed: Sequence[str]) -> tuple[Resource, ...]:
        """The entries of the transaction, with the prescriber's confirmations in the plan."""
        if self.rung == ladder.TEXT:
            return ()
        note = "Confirmed before saving: " + "; ".join(confirmed) + "."
        plan = {**self.plan, "note": [{"text": note}]} if confirmed else self.plan
        orders = self.drafts if self.rung == ladder.ORDERS_AND_PLAN else ()
        return (
            _entry(self.key, plan),
            *(_entry(_key_of(d.resource), d.resource) for d in orders),
        )


@dataclass(frozen=True, slots=True)
class InChart:
    """What the chart already holds of tapers: references of this plan, and of other drafts.

    `signed` is whether this plan is there with none of it a draft any more.
    """

    this_plan: tuple[str, ...]
    others: tuple[str, ...]
    signed: bool = False


def saving(
    found: Situation, schedule: Schedule, allowed: tuple[str, ...], policy: Policy
) -> Saving:
    """What would be written for this plan on the best rung that is allowed."""
    context = OrderContext(
        patient_id=found.visit.patient_id,
        authored_on=found.visit.today,
        requester=requester_of(found.visit.user),
    )
    key = _key(found, schedule, policy)
    chosen = pace(schedule.pace_id)
    plan = care_plan(
        schedule,
        check_ins(schedule),
        context,
        PlanWords(f"{chosen.id} ({chosen.title})", policy.rules_version),
        key=key,
        supporting=[record.source for record in _with_id(found)],
    )
    drafts = _drafts(found, schedule, context, key, policy.card_horizon_days)
    unsigned = Saving(_best(allowed), key, drafts, plan, seen="")
    shown = [unsigned.rung, [order_.resource for order_ in drafts], plan]
    return replace(unsigned, seen=_fingerprint(encode(shown)))


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


def _key(found: Situation, schedule: Schedule, policy: Policy) -> str:
    """The plan's own identifier: the same patient, doses, days and tablets give the same."""
    parts = [
        found.visit.fhir_base,
        found.visit.patient_id,
        policy.rules_version,
        schedule.pace_id,
        str(schedule.from_mg),
        *(
            f"{step.starts} {step.ends} {step.dose} {[i.in_words for i in step.intakes]}"
            for step in schedule.steps
        ),
        f"{schedule.ends_on} {schedule.to_mg} {[i.in_words for i in schedule.target.intakes]}",
    ]
    return _fingerprint("\n".join(parts).encode())


def _fingerprint(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]


def _drafts(
    found: Situation, schedule: Schedule, context: OrderContext, key: str, horizon_days: int
) -> tuple[Draft, ...]:
    last = schedule.starts_on + timedelta(days=horizon_days - 1)
    within = [fill for fill in fills(schedule) if fill.starts <= last]
    orders = [r.source for r in _with_id(found) if r.kind is RecordKind.REQUEST]
    present = orders[0] if orders else None
    drafts: list[Draft] = []
    for number, fill in enumerate(within, start=1):
        order = taper_order(
            fill,
            context,
            draft_id=f"{key}-{number}",
            group=key,
            prior=_prior(fill, drafts, present),
        )
        del order["id"]
        order["identifier"] = [{"system": OWN_PLAN, "value": f"{key}-{number}"}]
        order["basedOn"] = [{"reference": _urn(key)}]
        drafts.append(Draft(fill, order))
    return tuple(drafts)


def _with_id(found: Situation) -> list[MedicationRecord]:
    """The present records that a reference can point at."""
    return [record for record in found.current if not record.source.endswith("/without-id")]


def _prior(fill: Fill, drafts: Sequence[Draft], present: str | None) -> str | None:
    """The order that this one follows: the last earlier one, of its own product if there is."""
    earlier = [draft for draft in drafts if draft.fill.ends < fill.starts]
    if not earlier:
        return present
    latest = max(draft.fill.ends for draft in earlier)
    last = [draft for draft in earlier if draft.fill.ends == latest]
    same = [draft for draft in last if draft.fill.product == fill.product]
    return _urn(_key_of((same or last)[0].resource))


def _entry(key: str, resource: Resource) -> Resource:
    kind = resource["resourceType"]
    return {
        "fullUrl": _urn(key),
        "resource": resource,
        "request": {
            "method": "POST",
            "url": kind,
            # Two clicks at the same moment: the server makes the second one find the first.
            "ifNoneExist": f"identifier={OWN_PLAN}|{key}",
        },
    }


def _key_of(order: Resource) -> str:
    return str(order["identifier"][0]["value"])


def _urn(key: str) -> str:
    return f"urn:uuid:{uuid5(_URNS, key)}"


def requester_of(user: str | None) -> str | None:
    """The user as a requester of orders; None for somebody who cannot order."""
    if user is None:
        return None
    relative = "/".join(user.rstrip("/").split("/")[-2:])
    return relative if relative.partition("/")[0] in {"Practitioner", "PractitionerRole"} else None
