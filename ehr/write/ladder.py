"""How much of a plan an EHR lets us write: by what it states and what the scopes grant.

No rung writes an active order: an EHR that takes only those falls to a lower one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ehr.read.json import as_list, as_object, as_text
from ehr.scopes import allows

ORDERS_AND_PLAN = "orders-and-plan"
PLAN = "plan"
DOCUMENT = "document"
TEXT = "text"


def rungs(capability: Mapping[str, Any], granted: Collection[str]) -> tuple[str, ...]:
    """The rungs that this CapabilityStatement and these scopes allow, best first.

    The last one is text to copy, which needs nobody's leave. What is written together is written
    as a transaction; and what cannot be read again is not written, for it could not be compared.
    """
    created = _with_interactions(capability, "create", "read")
    found = []
    if _has_transaction(capability):
        for rung, kinds in (
            (ORDERS_AND_PLAN, ("MedicationRequest", "CarePlan")),
            (PLAN, ("CarePlan",)),
            (DOCUMENT, ("DocumentReference",)),
        ):
            if all(
                kind in created and allows(granted, kind, "c") and allows(granted, kind, "r")
                for kind in kinds
            ):
                found.append(rung)
    return (*found, TEXT)


def can_change(capability: Mapping[str, Any], granted: Collection[str]) -> bool:
    """Whether a plan in the chart may be changed: its orders and its CarePlan, new and updated."""
    kinds = ("MedicationRequest", "CarePlan")
    updated = _with_interactions(capability, "update")
    return ORDERS_AND_PLAN in rungs(capability, granted) and all(
        kind in updated and allows(granted, kind, "u") for kind in kinds
    )


def _servers(capability: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        rest
        for rest in map(as_object, as_list(capability.get("rest")))
        if as_text(rest.get("mode")) in ("server", None)
    ]


def _has_transaction(capability: Mapping[str, Any]) -> bool:
    return any(
        as_text(as_object(interaction).get("code")) == "transaction"
        for rest in _servers(capability)
        for interaction in as_list(rest.get("interaction"))
    )


def _with_interactions(capability: Mapping[str, Any], *wanted: str) -> set[str]:
    """The types with all of these interactions."""
    found = set()
    for rest in _servers(capability):
        for resource in map(as_object, as_list(rest.get("resource"))):
            codes = {
                as_text(as_object(one).get("code")) for one in as_list(resource.get("interaction"))
            }
            kind = as_text(resource.get("type"))
            if kind is not None and codes.issuperset(wanted):
                found.add(kind)
    return found
