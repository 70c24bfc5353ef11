"""A plan as the entries of one transaction: its first draft orders and its CarePlan.

Everything is a function of the schedule, with no fresh ids: writing the same plan again makes the
same identifiers and finds what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from clinical.facts import OWN_PLAN
from clinical.taper import CUSTOM, Fill, Schedule, fills
from ehr.write.draft_orders import OrderContext, taper_order

Resource = dict[str, Any]

_URNS = UUID("6f5e6a55-3d0e-5d64-9d43-58a1c1a0c7a1")


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft order: the fill that it is for, and the resource that is sent."""

    fill: Fill
    resource: Resource


@dataclass(frozen=True, slots=True)
class RestOfPlan:
    """What is ordered anew after a change: from which day, of the change of which number.

    `plan` is the reference of the CarePlan that the orders belong to.
    """

    first_day: date
    number: int
    plan: str


def plan_key(schedule: Schedule, *whose: str) -> str:
    """The plan's own identifier: the same doses, days and tablets of the same give the same.

    `whose` tells plans apart that are otherwise alike: the server, the patient, the rules.
    """
    parts = [
        *whose,
        # A pace by hand has no id of its own: its numbers are in its title.
        schedule.pace.id if schedule.pace.id != CUSTOM else schedule.pace.in_words,
        # Other use may have the same average: then the words tell the plans apart.
        str(schedule.from_mg) if schedule.as_needed is None else schedule.from_words,
        *(
            f"{step.starts} {step.ends} {step.dose} {[i.in_words for i in step.intakes]}"
            for step in schedule.steps
        ),
        f"{schedule.ends_on} {schedule.to_mg} {[i.in_words for i in schedule.target.intakes]}",
    ]
    return fingerprint("\n".join(parts).encode())


def fingerprint(raw: bytes) -> str:
    """A short name of some bytes: 32 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()[:32]


def first_orders(
    schedule: Schedule,
    context: OrderContext,
    key: str,
    horizon_days: int,
    present: str | None,
    rest: RestOfPlan | None = None,
) -> tuple[Draft, ...]:
    """Draft orders of the fills that begin within the first days of a schedule, or of its `rest`.

    Later steps are ordered after the reassessment that each asks for. `key` is the plan's;
    `present` the order that the first ones replace ("MedicationRequest/d1"), None where none is.
    """
    first_day = schedule.starts_on if rest is None else max(rest.first_day, schedule.starts_on)
    last = first_day + timedelta(days=horizon_days - 1)
    within = fills(schedule, first_day=first_day, begun_by=last)
    numbered = key if rest is None else f"{key}-{rest.number}"
    plan = _urn(key) if rest is None else rest.plan
    drafts: list[Draft] = []
    for number, fill in enumerate(within, start=1):
        order = taper_order(
            fill,
            context,
            draft_id=f"{numbered}-{number}",
            group=key,
            prior=_prior(fill, drafts, present),
        )
        del order["id"]
        order["identifier"] = [{"system": OWN_PLAN, "value": f"{numbered}-{number}"}]
        order["basedOn"] = [{"reference": plan}]
        order["note"] = [{"text": f"Part of a clonazepam taper: {schedule.pace.title}."}]
        drafts.append(Draft(fill, order))
    return tuple(drafts)


def _prior(fill: Fill, drafts: Sequence[Draft], present: str | None) -> str | None:
    """The order that this one follows: the last earlier one, of its own product if there is."""
    earlier = [draft for draft in drafts if draft.fill.ends < fill.starts]
    if not earlier:
        return present
    latest = max(draft.fill.ends for draft in earlier)
    last = [draft for draft in earlier if draft.fill.ends == latest]
    same = [draft for draft in last if draft.fill.product == fill.product]
    return _urn(_key_of((same or last)[0].resource))


def changed_plan_entry(key: str, number: int, plan: Resource, base: str) -> Resource:
    """The entry of a CarePlan after a change: an update of the version that was read, or, of one
    without an id, a new draft.
    """
    if "id" in plan:
        return update_entry(plan, base)
    return _entry(changed_plan_key(key, number), plan)


def changed_plan_key(key: str, number: int) -> str:
    """The identifier of a plan's draft after a change, beside the plan's own."""
    return f"{key}-change-{number}"


def changed_plan_reference(key: str, number: int, plan: Resource) -> str:
    """How the orders of the same transaction point at it."""
    return f"CarePlan/{plan['id']}" if "id" in plan else _urn(changed_plan_key(key, number))


def update_entry(resource: Resource, base: str) -> Resource:
    """The entry that puts a resource in the place of the version that was read."""
    where = f"{resource['resourceType']}/{resource['id']}"
    version = resource["meta"]["versionId"]
    return {
        "fullUrl": f"{base.rstrip('/')}/{where}",
        "resource": resource,
        "request": {"method": "PUT", "url": where, "ifMatch": f'W/"{version}"'},
    }


def order_entries(drafts: Sequence[Draft]) -> tuple[Resource, ...]:
    """The entries of new draft orders."""
    return tuple(_entry(_key_of(draft.resource), draft.resource) for draft in drafts)


def plan_entries(key: str, plan: Resource, drafts: Sequence[Draft]) -> tuple[Resource, ...]:
    """The entries of the transaction: the CarePlan with its key, and the orders."""
    return (_entry(key, plan), *order_entries(drafts))


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
