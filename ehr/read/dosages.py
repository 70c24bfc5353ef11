"""FHIR Dosage -> dosage lines, as written (FHIR R4 and R4B; STU3's dose parts where they stand).

Nothing is judged here. What was met and could not be read becomes a sentence in the line, so
that no half-read line is ever computed: a number that is text or a binary float, a comparator,
an unknown unit, a modifier extension.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from clinical.dosage import Amount, Ceiling, DosageLine, DoseUnit, SaidAmount, SaidAs, UnitKind
from ehr.read.json import as_bool, as_list, as_object, as_text
from ehr.read.quantities import MOST_PARTS, Findings, aside, modifiers, read_days, read_quantity
from ehr.read.timings import timing_of


def dosage_lines(resource: dict[str, Any]) -> tuple[DosageLine, ...]:
    """The dosage lines of a MedicationRequest, MedicationStatement or MedicationDispense.

    Takes decoded JSON whose numbers are int or Decimal. Never raises: what cannot be read is
    said in the line.
    """
    written = resource.get("dosageInstruction")
    if written is None:
        written = resource.get("dosage")
    whole = modifiers(resource, "order")
    lines = [_line(entry) for entry in as_list(written)[: _MOST_LINES + 1]]
    missing = len(as_list(written)) - len(lines)
    if missing > 0:
        lines += [DosageLine()] * missing  # counted, not read: the core refuses so many
    if whole:
        lines = [replace(line, unreadable=(*whole, *line.unreadable)) for line in lines]
    return tuple(lines)


_MOST_LINES = 1000


def _line(entry: object) -> DosageLine:
    found = Findings()
    if not isinstance(entry, dict):
        return DosageLine(unreadable=("a dosage line is not an object",))
    timing_entry = entry.get("timing")
    if isinstance(timing_entry, list) and len(timing_entry) == 1:
        timing_entry = timing_entry[0]
    if timing_entry is not None and not isinstance(timing_entry, dict):
        found.unreadable.append("the timing is not an object")
    timing_object = as_object(timing_entry)
    found.unreadable += modifiers(entry, "dosage") + modifiers(timing_object, "timing")
    amounts, has_rate = _amounts(entry, found)
    timing = timing_of(timing_object, found)
    return DosageLine(
        amounts=amounts,
        timing=timing,
        as_needed=_as_needed(entry, found),
        ceilings=_ceilings(entry, found),
        most_at_once=_most_at_once(entry, found),
        has_rate=has_rate,
        sequence=_sequence(entry, found),
        text=as_text(entry.get("text")),
        patient_text=as_text(entry.get("patientInstruction")),
        unreadable=tuple(dict.fromkeys(found.unreadable)),
        notes=tuple(dict.fromkeys(found.notes)),
    )


def _amounts(entry: dict[str, Any], found: Findings) -> tuple[tuple[SaidAmount, ...], bool]:
    """Every saying of the line's dose, and whether it is (also) given as a rate."""
    sayings = as_list(entry.get("doseAndRate"))
    if any(name in entry for name in (*_DOSES, *_RATES)):
        sayings = [*sayings, entry]  # STU3: the dose stands on the dosage itself
    if len(sayings) > MOST_PARTS:
        found.unreadable.append("the dosage says its dose far too many times")
        return (), False
    amounts: list[SaidAmount] = []
    has_rate = False
    for saying in sayings:
        if not isinstance(saying, dict):
            found.unreadable.append("a dose is not an object")
            continue
        found.unreadable += modifiers(saying, "dose") if saying is not entry else []
        has_rate = has_rate or any(saying.get(name) is not None for name in _RATES)
        amount = _dose(saying, found)
        if amount is not None:
            amounts.append(SaidAmount(amount, _said_as(saying)))
    return tuple(amounts), has_rate


_DOSES = ("doseQuantity", "doseSimpleQuantity", "doseRange")
_RATES = ("rateRatio", "rateRange", "rateQuantity", "rateSimpleQuantity")


def _said_as(saying: dict[str, Any]) -> SaidAs:
    kind = as_object(saying.get("type"))
    codes = [as_text(as_object(c).get("code")) for c in as_list(kind.get("coding"))]
    codes.append(as_text(kind.get("text")))
    words = {code.lower() for code in codes[:MOST_PARTS] if code}
    if "ordered" in words:
        return SaidAs.ORDERED
    return SaidAs.CALCULATED if "calculated" in words else SaidAs.UNTYPED


def _dose(saying: dict[str, Any], found: Findings) -> Amount | None:
    quantity = saying.get("doseQuantity")
    if quantity is None:
        quantity = saying.get("doseSimpleQuantity")
    written_range = saying.get("doseRange")
    if quantity is not None and written_range is not None:
        found.unreadable.append("the dose is given both as a quantity and as a range")
        return None
    if quantity is not None:
        return read_quantity(quantity, "the dose", found)
    if written_range is None:
        return None
    ends = as_object(written_range)
    if ends.get("high") is None:
        found.unreadable.append("the dose range has no upper end")
        return None
    high = read_quantity(ends.get("high"), "the dose", found)
    if ends.get("low") is None:
        found.notes.append("the dose range has no lower end; read as from zero")
        return None if high is None else Amount(Fraction(0), high.high, high.unit)
    low = read_quantity(ends.get("low"), "the dose", found, zero_allowed=True)
    if low is None or high is None:
        return None
    return _range(low, high, found)


def _range(low: Amount, high: Amount, found: Findings) -> Amount | None:
    unit = high.unit
    if low.unit.kind is UnitKind.UNSTATED and low.low == 0:
        low = Amount(low.low, low.high, unit)
    if low.unit != unit:
        if low.unit.name != unit.name or low.unit.kind is not unit.kind:
            found.unreadable.append("the dose range has different units at its ends")
            return None
        base = DoseUnit(unit.name, unit.kind)
        low_value, high_value = low.low * low.unit.factor, high.high * unit.factor
        low, high = Amount(low_value, low_value, base), Amount(high_value, high_value, base)
        unit = base
    if low.low > high.high:
        found.unreadable.append("the dose range's upper end is below its lower end")
        return None
    return Amount(low.low, high.high, unit)


def _ceilings(entry: dict[str, Any], found: Findings) -> tuple[Ceiling, ...]:
    ratios = as_list(entry.get("maxDosePerPeriod"))[:MOST_PARTS]
    what = "the maximum dose per period"
    ceilings = [aside(partial(_ceiling, ratio), found, what) for ratio in ratios]
    if entry.get("maxDosePerLifetime") is not None:
        found.notes.append("a maximum dose per lifetime is given; it says nothing about a day")
    return tuple(c for c in ceilings if c is not None)


def _ceiling(ratio: object, own: Findings) -> Ceiling | None:
    parts = as_object(ratio)
    amount = read_quantity(parts.get("numerator"), "the amount", own)
    period = as_object(parts.get("denominator"))
    days = read_days(period, own)
    if amount is None or days is None:
        if not own.unreadable:
            own.unreadable.append("it has no period")
        return None
    return Ceiling(amount, days)


def _most_at_once(entry: dict[str, Any], found: Findings) -> Amount | None:
    written = entry.get("maxDosePerAdministration")
    if written is None:
        return None
    what = "the maximum dose per administration"
    return aside(partial(read_quantity, written, "the amount"), found, what)


def _as_needed(entry: dict[str, Any], found: Findings) -> bool:
    for name in ("asNeededCodeableConcept", "asNeededFor"):
        if entry.get(name):
            if as_bool(entry.get("asNeededBoolean")) is False:
                found.notes.append("a reason for use as needed is given and asNeeded is false")
            return True
    for name in ("asNeededBoolean", "asNeeded"):
        value = entry.get(name)
        if value is None:
            continue
        said = as_bool(value)
        if said is None:
            found.unreadable.append("whether it is taken as needed is neither true nor false")
        return said is True
    return False


def _sequence(entry: dict[str, Any], found: Findings) -> int | None:
    number = entry.get("sequence")
    if number is None:
        return None
    if isinstance(number, Decimal) and number.is_finite() and abs(number) < 10**9:
        number = int(number) if number == number.to_integral_value() else number
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > 10**9:
        found.unreadable.append("the line's place in the sequence is not a whole number")
        return None
    return number
