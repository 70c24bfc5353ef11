"""Numbers, quantities and durations of FHIR, exact - or a sentence about what was in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from clinical.dosage import DAYS_IN, Amount, DoseUnit
from clinical.dosing.timing_words import unit_of_time
from clinical.dosing.units import unit_of
from clinical.quantities import MalformedQuantity, exact
from ehr.read.json import as_code, as_text

_MOST_DIGITS = 40
MOST_DAYS = 36600
"""No order is written for a hundred years."""

MOST_PARTS = 100
"""Moments, codes or sayings in one line; a list beyond it was not written for a patient."""


@dataclass(slots=True)
class Findings:
    """Sentences about what stood in the way, gathered while one line is read."""

    unreadable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def modifiers(element: dict[str, Any], what: str) -> list[str]:
    """A sentence when an element carries a modifier extension: it may turn the meaning round."""
    if not element.get("modifierExtension"):
        return []
    return [f"the {what} carries a modifier extension, which may change its meaning"]


def read_number(value: object, what: str, found: Findings) -> Fraction | None:
    """An exact number; None when absent, and with a sentence when it is no number."""
    if value is None:
        return None
    if isinstance(value, str | bool | float) or not isinstance(value, int | Decimal):
        found.unreadable.append(f"{what} is not a number")
        return None
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > _MOST_DIGITS:
        found.unreadable.append(f"{what} has more digits than any order needs")
        return None
    if isinstance(value, int) and value.bit_length() > 4 * _MOST_DIGITS:
        found.unreadable.append(f"{what} is beyond any amount that can be ordered")
        return None
    try:
        return exact(value)
    except MalformedQuantity as malformed:
        found.unreadable.append(f"{what} cannot be used: {malformed}")
        return None


def read_quantity(
    value: object, what: str, found: Findings, *, zero_allowed: bool = False
) -> Amount | None:
    """A Quantity with a unit that is known; None with a sentence when it cannot be used."""
    if not isinstance(value, dict):
        found.unreadable.append(f"{what} is not a quantity")
        return None
    if value.get("comparator") is not None:
        found.unreadable.append(f"{what} is given only as more or less than a number")
        return None
    found.unreadable += modifiers(value, "quantity")
    number = read_number(value.get("value"), what, found)
    if number is None:
        if value.get("value") is None:
            found.unreadable.append(f"{what} has no number")
        return None
    if number == 0 and not zero_allowed:
        found.unreadable.append(f"{what} is zero")
        return None
    unit = _unit(value)
    if isinstance(unit, str):
        found.unreadable.append(f"{what} cannot be read: {unit}")
        return None
    return Amount(number, number, unit)


def _unit(quantity: dict[str, Any]) -> DoseUnit | str:
    text, code = quantity.get("unit"), quantity.get("code")
    for value in (text, code):
        if value is not None and as_code(value) is None and value != "":
            return "its unit is no text"
    return unit_of(as_text(text), as_code(code))


def read_days(duration: dict[str, Any], own: Findings) -> Fraction | None:
    """A Duration in days, exact."""
    if duration.get("comparator") is not None:
        own.unreadable.append("its period is given only as more or less than a number")
        return None
    value = read_number(duration.get("value"), "its period", own)
    if value is None:
        return None
    words = [as_text(duration.get("code")), as_text(duration.get("unit"))]
    units = {unit for word in words if word and (unit := unit_of_time(word)) is not None}
    if len(units) != 1:
        own.unreadable.append("its period has no unit of time that is known")
        return None
    days = value * DAYS_IN[units.pop()]
    if not 0 < days <= MOST_DAYS:
        own.unreadable.append("its period is zero or far too long")
        return None
    return days


_Read = TypeVar("_Read")


def aside(read: Callable[[Findings], _Read | None], found: Findings, what: str) -> _Read | None:
    """A part that limits and never makes a dose: unreadable, it is a note and no obstacle."""
    own = Findings()
    result = read(own)
    if own.unreadable:
        found.notes.append(f"{what} could not be read: {own.unreadable[0]}")
        return None
    found.notes += own.notes
    return result
