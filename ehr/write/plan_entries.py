"""A plan as the entries of one transaction: its first draft orders and its CarePlan.

Everything is a function of the schedule, with no fresh ids: writing the same plan again makes the
same identifiers and finds what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
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
    schedule: Schedule, context: OrderContext, key: str, horizon_days: int, present: str | None
) -> tuple[Draft, ...]:
    """Draft orders of the fills that begin within the first days of a schedule.

    Later steps are ordered after the reassessment that each asks for. `key` is the plan's;
    `present` the order that the first ones replace ("MedicationRequest/d1"), None where none is.
    """
    last = schedule.starts_on + timedelta(days=horizon_days - 1)
    within = [fill for fill in fills(schedule) if fill.starts <= last]
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


def plan_entries(key: str, plan: Resource, drafts: Sequence[Draft]) -> tuple[Resource, ...]:
    """The entries of the transaction: the CarePlan with its key, and the orders."""
    orders = (_entry(_key_of(draft.resource), draft.resource) for draft in drafts)
    return (_entry(key, plan), *orders)


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
