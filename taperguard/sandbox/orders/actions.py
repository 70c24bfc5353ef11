"""A suggestion's actions applied to the list of drafts: all of them or none.

CDS Hooks 2.0, Action: create and update carry a resource, delete names one; only drafts that the
service was sent can be updated or deleted. A created resource gets an id of this EHR, and the
references to its temporary id follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..records.json_text import Resource
from .check import Fault, NotAccepted, Rules, require
from .references import ORDER, local, rewritten
from .worklist import Draft, Worklist


def apply(
    actions: Sequence[Any], to: Worklist, *, rules: Rules, new_id: Callable[[], str]
) -> Worklist:
    """The list after these actions; NotAccepted with every reason, and then nothing is changed.

    `rules.lookup` looks into the chart; what is on the resulting list is found as well.
    """
    faults = [fault for action in actions for fault in _misshapen(action)]
    if faults:
        raise NotAccepted(*faults)
    targets = [_target(action, rules.base) for action in actions]
    faults = [*_unknown_targets(actions, targets, to), *_named_twice(targets)]
    if faults:
        raise NotAccepted(*faults)
    names = {
        target: f"{ORDER}/{new_id()}"
        for action, target in zip(actions, targets, strict=True)
        if action["type"] == "create" and target
    }
    touched: dict[str, Resource] = {}
    drafts = list(to.drafts)
    for action, target in zip(actions, targets, strict=True):
        if action["type"] == "delete":
            drafts = [draft for draft in drafts if draft.reference != target]
            continue
        order: Resource = rewritten(action["resource"], names, rules.base)
        if action["type"] == "create":
            order = {**order, "id": names[target].partition("/")[2] if target else new_id()}
            drafts.append(Draft(order))
        else:
            drafts = [
                replace(item, resource=order, selected=True) if item.reference == target else item
                for item in drafts
            ]
        touched[f"{ORDER}/{order['id']}"] = order
    after = to.having(drafts)
    with_list = with_drafts(rules, after, instead_of=to)
    require(touched.values(), with_list)
    _nothing_left_dangling(after, touched, with_list)
    return after


def with_drafts(rules: Rules, worklist: Worklist, *, instead_of: Worklist | None = None) -> Rules:
    """The same rules, where references to drafts of a list resolve too.

    `instead_of` is the list before: what is no longer on it resolves no more, also where it is an
    app's draft and stands in the chart. An order that is or was to be stopped is the chart's.
    """
    on_list = {draft.reference: draft.resource for draft in worklist.drafts if not draft.stops}
    before = instead_of.drafts if instead_of is not None else ()
    gone = {draft.reference for draft in before if not draft.stops} - on_list.keys()

    def lookup(said: str) -> Resource | None:
        return None if said in gone else on_list.get(said) or rules.lookup(said)

    return replace(rules, lookup=lookup)


def _misshapen(action: Any) -> list[Fault]:
    if not isinstance(action, dict):
        return [Fault("actions", "An action is no object.")]
    kind = action.get("type")
    if kind not in ("create", "update", "delete"):
        return [Fault("actions.type", f"This EHR knows no action {kind!r}.")]
    if kind == "delete":
        if not isinstance(action.get("resourceId"), str):
            return [Fault("actions.resourceId", "A delete does not name the one draft it means.")]
        return []
    resource = action.get("resource")
    if not isinstance(resource, dict):
        return [Fault("actions.resource", f"A {kind} comes without a resource.")]
    if resource.get("resourceType") != ORDER:
        return [Fault("actions.resource", "Only a MedicationRequest can be ordered here.")]
    key = resource.get("id")
    if kind == "update" and not isinstance(key, str):
        return [Fault("actions.resource.id", "An update does not say which draft it means.")]
    if key is not None and not isinstance(key, str):
        return [Fault("actions.resource.id", "An id is a text.")]
    return []


def _target(action: Resource, base: str) -> str:
    """What an action is about, as "MedicationRequest/id"; empty for a create without an id."""
    if action["type"] == "delete":
        return local(action["resourceId"], base)
    key = action["resource"].get("id")
    return f"{ORDER}/{key}" if key else ""


def _unknown_targets(
    actions: Sequence[Resource], targets: Sequence[str], to: Worklist
) -> list[Fault]:
    """Only drafts on the list can be updated or deleted, and a create never means one of them."""
    on_list = {draft.reference for draft in to.drafts}
    stops = {draft.reference for draft in to.drafts if draft.stops}
    faults = []
    for action, target in zip(actions, targets, strict=True):
        if action["type"] == "create":
            if target in on_list:
                faults.append(Fault("actions", f"A create uses the id of a draft ({target})."))
        elif target not in on_list:
            words = f"The {action['type']} is of {target}, which is no draft on the list."
            faults.append(Fault("actions", words))
        elif target in stops and action["type"] == "update":
            words = f"{target} is being stopped: it can be taken off the list, not changed."
            faults.append(Fault("actions", words))
    return faults


def _named_twice(targets: Sequence[str]) -> list[Fault]:
    named = [target for target in targets if target]
    twice = sorted({target for target in named if named.count(target) > 1})
    return [Fault("actions", f"Two actions are about {target}.") for target in twice]


def _nothing_left_dangling(after: Worklist, touched: dict[str, Resource], rules: Rules) -> None:
    """A draft that stays must not point to one that went."""
    kept = [
        draft.resource
        for draft in after.drafts
        if draft.reference not in touched and not draft.stops
    ]
    require(kept, rules)
