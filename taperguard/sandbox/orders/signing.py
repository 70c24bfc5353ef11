"""Signing: drafts become orders in the chart, and what they replace is stopped. All or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..records.json_text import Resource
from ..records.store import Charts
from .check import Fault, NotAccepted, Rules, require
from .references import ORDER, local, prior_of
from .worklist import STOPPED, Worklist, write_in

_CAN_BE_STOPPED = {"active", "on-hold", "draft"}
PRESCRIBER = "Practitioner/hazel"


@dataclass(frozen=True, slots=True)
class Signing:
    """What signing will do: the orders to write, the orders of the chart to stop, and the draft
    care plans that the orders are based on, which become active with them.
    """

    orders: tuple[Resource, ...]
    stopped: tuple[Resource, ...]
    begun: tuple[Resource, ...]
    left: Worklist


def prepare(worklist: Worklist, rules: Rules) -> Signing:
    """What signing the selected drafts means; NotAccepted when they cannot be signed.

    `rules.lookup` looks into the chart alone: a draft may refer to another only if both are signed.
    """
    if not worklist.selected:
        raise NotAccepted(Fault("sign", "No order is selected, so there is nothing to sign."))
    signed = {d.reference: d.resource for d in worklist.selected if not d.stops}
    waiting = {d.reference for d in worklist.drafts if not d.stops} - signed.keys()
    for order in signed.values():
        if prior_of(order, rules.base) in waiting:
            raise NotAccepted(
                Fault(
                    "sign",
                    "An order replaces a draft that is not selected. Select both, or change what "
                    "it replaces.",
                )
            )
    together = Rules(
        rules.patient_id,
        rules.today,
        rules.base,
        lambda said: signed.get(said) or rules.lookup(said),
    )
    require(signed.values(), together)
    orders = tuple(
        {
            **order,
            "status": "active",
            "authoredOn": rules.today.isoformat(),
            "requester": {"reference": PRESCRIBER},
        }
        for order in signed.values()
    )
    stops = _ended([draft.reference for draft in worklist.selected if draft.stops], rules)
    return Signing(
        orders=orders,
        stopped=tuple({**_replaced(signed, rules), **stops}.values()),
        begun=tuple(
            {**plan, "status": "active"} for plan in plans_begun(list(signed.values()), rules)
        ),
        left=worklist.having([item for item in worklist.drafts if not item.selected]),
    )


def sign_in(
    db: sqlite3.Connection, charts: Charts, signing: Signing, *, at: datetime, notice: str
) -> Worklist:
    """Write it all within a transaction; Changed when the list was changed meanwhile."""
    signed = [str(order["id"]) for order in signing.orders]
    left = write_in(db, charts, signing.left, notice, signed=signed)
    for resource in (*signing.stopped, *signing.begun, *signing.orders):
        charts.save_in(db, resource, at=at)
    return left


def replaced_by(orders: Sequence[Resource], rules: Rules) -> dict[str, list[Resource]]:
    """The orders of the chart that would be stopped, each with the orders that replace it.

    An order that is signed together with its replacement is not in the chart yet and is not
    stopped: it is an earlier step of the same plan.
    """
    found: dict[str, list[Resource]] = {}
    own = {f"{ORDER}/{order['id']}" for order in orders}
    for order in orders:
        prior = prior_of(order, rules.base)
        if prior is None or prior in own:
            continue
        there = rules.lookup(prior)
        if there is not None and there.get("status") in _CAN_BE_STOPPED:
            found.setdefault(prior, []).append(order)
    return found


def plans_begun(orders: Sequence[Resource], rules: Rules) -> list[Resource]:
    """The draft care plans of the chart that these orders are based on, each once."""
    found: dict[str, Resource] = {}
    for order in orders:
        based_on = order.get("basedOn")
        for pointed in based_on if isinstance(based_on, list) else []:
            said = pointed.get("reference") if isinstance(pointed, dict) else None
            there = rules.lookup(local(said, rules.base)) if isinstance(said, str) else None
            if there is None or there.get("resourceType") != "CarePlan":
                continue
            if there.get("status") == "draft":
                found[str(there["id"])] = there
    return list(found.values())


def _replaced(signed: dict[str, Resource], rules: Rules) -> dict[str, Resource]:
    """The orders that the signed ones replace, stopped."""
    why = f"replaced by an order signed on {rules.today.isoformat()}"
    found = {prior: rules.lookup(prior) for prior in replaced_by(list(signed.values()), rules)}
    return {prior: _stopped(there, why) for prior, there in found.items() if there is not None}


def _ended(stops: Sequence[str], rules: Rules) -> dict[str, Resource]:
    """The orders that were put on the list to be stopped; NotAccepted when one is over already."""
    why = f"stopped in the ordering screen on {rules.today.isoformat()}"
    ended = {}
    for reference in stops:
        there = rules.lookup(reference)
        if there is None or there.get("status") not in _CAN_BE_STOPPED:
            said = "An order that is to be stopped is not active any more. Take it off the list."
            raise NotAccepted(Fault("sign", said))
        ended[reference] = _stopped(there, why)
    return ended


def _stopped(order: Resource, why: str) -> Resource:
    return {**order, "status": STOPPED, "statusReason": {"text": why}}
