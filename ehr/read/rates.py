"""The speed of an infusion: rateQuantity, rateRange or rateRatio of a Dosage (FHIR R4, Dosage)."""

from __future__ import annotations

from typing import Any

from clinical.dosage import DAYS_IN, Amount, DoseUnit, Rate
from clinical.dosing.timing_words import unit_of_time
from clinical.dosing.units import shown, unit_of
from ehr.read.json import as_object, as_text
from ehr.read.quantities import Findings, aside, read_days, read_number, read_quantity

RATES = ("rateRatio", "rateRange", "rateQuantity", "rateSimpleQuantity")


def rate_of(saying: dict[str, Any], found: Findings) -> Rate | None:
    """The rate of one saying of a dose; None with a note when there is one that cannot be read."""

    def read(own: Findings) -> Rate | None:
        if saying.get("rateRatio") is not None:
            return _of_ratio(as_object(saying.get("rateRatio")), own)
        if saying.get("rateRange") is not None:
            ends = as_object(saying.get("rateRange"))
            low, high = _of_quantity(ends.get("low"), own), _of_quantity(ends.get("high"), own)
            return None if low is None or high is None else _between(low, high, own)
        for name in ("rateQuantity", "rateSimpleQuantity"):
            if saying.get(name) is not None:
                return _of_quantity(saying.get(name), own)
        return None

    return aside(read, found, "the rate")


def _of_ratio(ratio: dict[str, Any], own: Findings) -> Rate | None:
    amount = read_quantity(ratio.get("numerator"), "its amount", own)
    days = read_days(as_object(ratio.get("denominator")), own)
    if amount is None or days is None:
        if not own.unreadable:
            own.unreadable.append("it has no period")
        return None
    hours = days * 24
    return Rate(Amount(amount.low / hours, amount.high / hours, amount.unit))


def _of_quantity(quantity: object, own: Findings) -> Rate | None:
    """Of "2 mg/h": the unit before the last stroke, and the hours after it."""
    written = as_object(quantity)
    if written.get("comparator") is not None:
        own.unreadable.append("it is given only as more or less than a number")
        return None
    number = read_number(written.get("value"), "it", own)
    if number is None:
        if not own.unreadable:
            own.unreadable.append("it has no number")
        return None
    words = as_text(written.get("unit")) or as_text(written.get("code")) or ""
    before, _, after = words.replace(" per ", "/").rpartition("/")
    time = unit_of_time(after)
    unit = unit_of(before, None) if before.strip() else None
    if time is None or not isinstance(unit, DoseUnit):
        own.unreadable.append(f'its unit "{shown(words)}" is no amount per time')
        return None
    hours = DAYS_IN[time] * 24
    return Rate(Amount(number / hours, number / hours, unit))


def _between(low: Rate, high: Rate, own: Findings) -> Rate | None:
    least, most = low.per_hour, high.per_hour
    if least.unit != most.unit or least.low > most.high:
        own.unreadable.append("its ends do not fit together")
        return None
    return Rate(Amount(least.low, most.high, most.unit))
