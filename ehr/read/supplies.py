"""What one fill holds and how long it lasts, of a MedicationRequest or a MedicationDispense.

A request says it in `dispenseRequest` (FHIR R4, MedicationRequest.dispenseRequest), a dispense
on itself. What is absent or cannot be such a number is None: an exposure is then worked out
from something else, and says so.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from clinical.dosage import DAYS_IN, Amount
from clinical.dosing.timing_words import unit_of_time
from clinical.quantities import MalformedQuantity, exact
from ehr.read.json import as_object, as_text
from ehr.read.quantities import Findings, read_quantity

_LONGEST_SUPPLY_DAYS = 3660
_MOST_REFILLS = 99


def supply_days(resource: dict[str, Any]) -> int | None:
    """For how many days one fill lasts; a begun day counts whole. A bare number is days."""
    said = _supplied(resource)
    duration = as_object(
        said.get("expectedSupplyDuration") if _is_order(resource) else said.get("daysSupply")
    )
    if not duration or duration.get("comparator") is not None:
        return None
    try:
        value = exact(duration.get("value"))
    except MalformedQuantity:
        return None
    word = as_text(duration.get("code")) or as_text(duration.get("unit")) or "d"
    unit = unit_of_time(word)
    if unit is None:
        return None
    days = value * DAYS_IN[unit]
    if not Fraction(0) < days <= _LONGEST_SUPPLY_DAYS:
        return None
    return -(-days.numerator // days.denominator)


def refills_allowed(resource: dict[str, Any]) -> int | None:
    """How many fills an order allows after the first; None for a dispense, which is one fill."""
    if not _is_order(resource):
        return None
    value = _supplied(resource).get("numberOfRepeatsAllowed")
    text = value.strip() if isinstance(value, str) else value
    if not isinstance(text, int | Decimal | str) or isinstance(text, bool):
        return None
    try:
        number = exact(text)
    except MalformedQuantity:
        return None
    if number.denominator != 1 or number > _MOST_REFILLS:
        return None
    return number.numerator


def quantity_supplied(resource: dict[str, Any]) -> Amount | None:
    """How much one fill holds, in a unit that is known; a number alone is in no unit."""
    if resource.get("resourceType") == "MedicationStatement":
        return None
    quantity = _supplied(resource).get("quantity")
    return None if quantity is None else read_quantity(quantity, "the quantity", Findings())


def _is_order(resource: dict[str, Any]) -> bool:
    return resource.get("resourceType") in {"MedicationRequest", "MedicationOrder"}


def _supplied(resource: dict[str, Any]) -> dict[str, Any]:
    """Where the resource speaks of its fills."""
    if not _is_order(resource):
        return resource
    return as_object(resource.get("dispenseRequest"))
