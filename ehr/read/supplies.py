"""What one fill holds and how long it lasts, of a MedicationRequest or a MedicationDispense.

A request says it in `dispenseRequest` (FHIR R4, MedicationRequest.dispenseRequest), a dispense
on itself. What is absent or cannot be such a number is None: an exposure is then worked out
from something else, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from clinical.dosage import DAYS_IN, Amount
from clinical.dosing.timing_words import unit_of_time
from clinical.quantities import MalformedQuantity, exact
from ehr.read.alike import ReadOnce
from ehr.read.json import as_object, as_text
from ehr.read.quantities import Findings, read_quantity

_LONGEST_SUPPLY_DAYS = 3660
_MOST_REFILLS = 99


class Fill(NamedTuple):
    """For how many days a fill lasts, how many follow the first, and how much is in one."""

    supply_days: int | None
    refills: int | None
    quantity: Amount | None


NO_FILL = Fill(None, None, None)


def fill_of(resource: dict[str, Any]) -> Fill:
    """What a record says of its fills."""
    held, names = resource, _SAID[str(resource.get("resourceType"))]
    if "expectedSupplyDuration" in names:
        held = as_object(resource.get("dispenseRequest"))
    return _fill({name: held[name] for name in names if name in held})


_OF_AN_ORDER = ("expectedSupplyDuration", "numberOfRepeatsAllowed", "quantity")
_SAID: Mapping[str, tuple[str, ...]] = {
    "MedicationRequest": _OF_AN_ORDER,
    "MedicationOrder": _OF_AN_ORDER,
    "MedicationDispense": ("daysSupply", "quantity"),
    "MedicationStatement": ("daysSupply",),
}
"""Which elements speak of fills; an order's stand in its dispenseRequest."""


def _read_fill(said: dict[str, Any]) -> Fill:
    quantity = said.get("quantity")
    return Fill(
        _supply_days(said.get("expectedSupplyDuration", said.get("daysSupply"))),
        _refills(said.get("numberOfRepeatsAllowed")),
        None if quantity is None else read_quantity(quantity, "the quantity", Findings()),
    )


_fill = ReadOnce(_read_fill)


def _supply_days(said: object) -> int | None:
    """A begun day counts whole; a bare number is days."""
    duration = as_object(said)
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


def _refills(value: object) -> int | None:
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
