"""FHIR Dosage -> dosage lines, as written (R4 and R4B; what DSTU2, STU3 and R5 say elsewhere).

Nothing is judged here. What was met and could not be read becomes a sentence in the line, so
that no half-read line is ever computed: a number that is text or a binary float, a comparator,
an unknown unit, a modifier extension.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from clinical.dosage import (
    Amount,
    Ceiling,
    DosageLine,
    DoseUnit,
    Rate,
    SaidAmount,
    SaidAs,
    UnitKind,
)
from clinical.dosing.units import in_words, shown
from ehr.read.json import as_bool, as_list, as_object, as_text
from ehr.read.quantities import MOST_PARTS, Findings, aside, modifiers, read_days, read_quantity
from ehr.read.rates import RATES, rate_of
from ehr.read.timings import timing_of

DOSAGE_ELEMENTS = (
    "dosageInstruction",
    "dosage",
    "renderedDosageInstruction",
    "modifierExtension",
)
"""All that `dosage_lines` looks at."""


def dosage_lines(resource: dict[str, Any]) -> tuple[DosageLine, ...]:
    """The dosage lines of a MedicationRequest, MedicationStatement or MedicationDispense.

    Takes decoded JSON whose numbers are int or Decimal. Never raises: what cannot be read is
    said in the line.
    """
    written = resource.get("dosageInstruction") or resource.get("dosage")
    whole = modifiers(resource, "order")
    if not written and as_text(resource.get("renderedDosageInstruction")):
        written = {"text": resource["renderedDosageInstruction"]}  # R5: the dosage in words
    lines = [_line(entry) for entry in as_list(written)[: _MOST_LINES + 1]]
    missing = len(as_list(written)) - len(lines)
    if missing > 0:
        lines += [DosageLine()] * missing  # counted, not read: the core refuses so many
    if whole:
        lines = [replace(line, unreadable=(*whole, *line.unreadable)) for line in lines]
    if lines and resource.get("dosageInstruction") and resource.get("dosage"):
        lines[0] = replace(lines[0], notes=(*lines[0].notes, _TWO_LISTS))
    return tuple(lines)


_MOST_LINES = 1000
_TWO_LISTS = "the record has a dosageInstruction and a dosage; only the first was read"


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
    sayings = _sayings(entry, found)
    amounts = _amounts(sayings, found)
    rated = [saying for saying in sayings if any(saying.get(name) is not None for name in RATES)]
    timing = timing_of(timing_object, found)
    _instruction_notes(entry, found)
    return DosageLine(
        amounts=amounts,
        timing=timing,
        as_needed=_as_needed(entry, found),
        ceilings=_ceilings(entry, found),
        most_at_once=_most_at_once(entry, found),
        has_rate=bool(rated),
        sequence=_sequence(entry, found),
        text=as_text(entry.get("text")),
        patient_text=as_text(entry.get("patientInstruction")),
        unreadable=tuple(dict.fromkeys(found.unreadable)),
        rate=_rate(rated, found) if rated and not amounts else None,
        notes=tuple(dict.fromkeys(found.notes)),
    )


def _sayings(entry: dict[str, Any], found: Findings) -> list[dict[str, Any]]:
    """Every saying of the line's dose or rate."""
    sayings = as_list(entry.get("doseAndRate"))
    if any(entry.get(name) is not None for name in (*_QUANTITIES, *_RANGES, *RATES)):
        sayings = [*sayings, entry]  # DSTU2, STU3: the dose stands on the dosage itself
    if len(sayings) > MOST_PARTS:
        found.unreadable.append("the dosage says its dose far too many times")
        return []
    objects = [saying for saying in sayings if isinstance(saying, dict)]
    if len(objects) < len(sayings):
        found.unreadable.append("a dose is not an object")
    for saying in objects:
        found.unreadable += modifiers(saying, "dose") if saying is not entry else []
    return objects


def _amounts(sayings: list[dict[str, Any]], found: Findings) -> tuple[SaidAmount, ...]:
    read = [(saying, _dose(saying, found)) for saying in sayings]
    return tuple(
        SaidAmount(amount, _said_as(saying)) for saying, amount in read if amount is not None
    )


def _rate(rated: list[dict[str, Any]], found: Findings) -> Rate | None:
    """The rate, where all sayings of it are one."""
    rates = {rate_of(saying, found) for saying in rated}
    if len(rates) > 1:
        found.notes.append("the rate is given in several ways that differ")
        return None
    return rates.pop()


_QUANTITIES = ("doseQuantity", "doseSimpleQuantity", "quantityQuantity")
_RANGES = ("doseRange", "quantityRange")
"""By the names of R4, R5 and, last, of DSTU2's MedicationStatement."""


def _said_as(saying: dict[str, Any]) -> SaidAs:
    kind = as_object(saying.get("type"))
    codes = [as_text(as_object(c).get("code")) for c in as_list(kind.get("coding"))]
    codes.append(as_text(kind.get("text")))
    words = {code.lower() for code in codes[:MOST_PARTS] if code}
    if "ordered" in words:
        return SaidAs.ORDERED
    return SaidAs.CALCULATED if "calculated" in words else SaidAs.UNTYPED


def _dose(saying: dict[str, Any], found: Findings) -> Amount | None:
    quantity = next((saying[n] for n in _QUANTITIES if saying.get(n) is not None), None)
    written_range = next((saying[n] for n in _RANGES if saying.get(n) is not None), None)
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
    if low.unit != high.unit and UnitKind.UNSTATED in {low.unit.kind, high.unit.kind}:
        stated = low.unit if high.unit.kind is UnitKind.UNSTATED else high.unit
        if low.low:
            found.notes.append("the dose range has a unit at one end only; read as that of both")
        low, high = replace(low, unit=stated), replace(high, unit=stated)
    unit = high.unit
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
        found.notes.append(_lifetime_note(entry["maxDosePerLifetime"]))
    return tuple(c for c in ceilings if c is not None)


def _lifetime_note(written: object) -> str:
    most = read_quantity(written, "it", Findings())
    amount = "" if most is None else f" of {in_words(most)}"
    return f"a maximum dose per lifetime{amount} is given; it says nothing about a day"


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


_ABOUT_THE_DOSE = re.compile(
    r"\b(?:as (?:needed|required)|prn|max(?:imum)?|(?:no|not) more than|exceed|"
    r"increase|decrease|reduce|taper|titrat\w*|stop|hold|double|half)\b"
)


def _instruction_notes(entry: dict[str, Any], found: Findings) -> None:
    """Say it when an additional instruction may bear on the dose: it is not read as part of it."""
    for instruction in map(as_object, as_list(entry.get("additionalInstruction"))[:MOST_PARTS]):
        displays = [as_object(c).get("display") for c in as_list(instruction.get("coding"))]
        for words in filter(None, map(as_text, (instruction.get("text"), *displays[:MOST_PARTS]))):
            if _ABOUT_THE_DOSE.search(words.lower()):
                found.notes.append(
                    f'the additional instruction "{shown(words)}" was not read as part of the dose'
                )
                break


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
