"""The text beside a line's structure: fills what the structure leaves open, and checks the rest.

CLINICAL 2: structure and text that disagree give a warning and the higher bound.
"""

from __future__ import annotations

from dataclasses import replace

from clinical.daily_dose import DailyDose, NotComputable
from clinical.dosage import Bounds, DosageLine, SaidAmount, SaidAs, Timing, UnitKind
from clinical.dosing.line_amount import SOLID_ORAL
from clinical.dosing.line_dose import LineDose, LineGap, Product, line_dose, scaled
from clinical.dosing.sig import SigReading, read_sig
from clinical.dosing.timing import rhythm_of, span
from clinical.dosing.units import known_unit, shown


def completed(line: DosageLine) -> tuple[DosageLine, ...]:
    """The line with what only its text says; several lines when the text has several doses.

    A line whose structure is complete, or whose text cannot be read, comes back unchanged or
    with the reason.
    """
    if line.unreadable or (line.has_rate and not line.amounts):
        return (line,)
    rhythm = rhythm_of(line.timing)
    if isinstance(rhythm, NotComputable) or (line.amounts and rhythm is not None):
        return (line,)
    text = line.text or line.patient_text
    if not text:
        return (line,)
    reading = read_sig(text)
    if not reading.lines:
        if line.amounts or rhythm is not None:
            return (replace(line, notes=(*line.notes, *_unread_note(reading))),)
        return (replace(line, unreadable=(_why_unread(reading),)),)
    if len(reading.lines) == 1:
        return (_filled(line, reading.lines[0]),)
    return tuple(_from_text(line, part) for part in reading.lines)


def _filled(line: DosageLine, said: DosageLine) -> DosageLine:
    """One dose, each part from the structure where it has it and else from the text."""
    has_rhythm = rhythm_of(line.timing) is not None
    timing = line.timing if has_rhythm else _bounded(said.timing, line.timing.bounds)
    if not has_rhythm and line.timing.count is not None:
        timing = replace(timing, count=line.timing.count, count_max=line.timing.count_max)
    return replace(
        line,
        amounts=line.amounts or said.amounts,
        timing=timing,
        as_needed=line.as_needed or said.as_needed,
        ceilings=line.ceilings or said.ceilings,
        # A text that gave everything has nothing left to be checked against.
        text=line.text if line.amounts or has_rhythm else None,
        patient_text=line.patient_text if line.text else None,
        notes=(*line.notes, _FROM_TEXT) if line.amounts or has_rhythm else line.notes,
    )


_FROM_TEXT = "a part of the dosage stands only in its text and was read from there"


def _from_text(line: DosageLine, said: DosageLine) -> DosageLine:
    """One of several doses of a text, within the bounds of the line that carries it."""
    partial = bool(line.amounts) or _has_rhythm(line)
    return replace(
        line,
        amounts=said.amounts,
        timing=_bounded(said.timing, line.timing.bounds),
        as_needed=line.as_needed or said.as_needed,
        ceilings=line.ceilings or said.ceilings,
        sequence=said.sequence if said.sequence is not None else line.sequence,
        text=None,
        patient_text=None,
        notes=(*line.notes, _FROM_TEXT) if partial else line.notes,
    )


def _has_rhythm(line: DosageLine) -> bool:
    return rhythm_of(line.timing) is not None


def _bounded(timing: Timing, bounds: Bounds) -> Timing:
    lasts = bounds.lasts_days
    if bounds.ends is None and lasts is None:
        lasts = timing.bounds.lasts_days
    return replace(timing, bounds=Bounds(bounds.starts, bounds.ends, lasts))


def _why_unread(reading: SigReading) -> str:
    if reading.unread:
        words = ", ".join(f'"{shown(word)}"' for word in reading.unread[:8])
        return f"the dosage is only text, and these words could not be read: {words}"
    return f"the dosage is only text, and {reading.why}"


def _unread_note(reading: SigReading) -> tuple[str, ...]:
    if reading.unread:
        words = ", ".join(f'"{shown(word)}"' for word in reading.unread[:8])
        return (f"the text could not be read because of {words}",)
    return ()


def checked(line: DosageLine, structured: LineDose, product: Product) -> LineDose:
    """The structured dose, widened and flagged where a text that was fully read disagrees."""
    for name, text in (("text", line.text), ("patient instruction", line.patient_text)):
        if text:
            structured = _against(line, structured, product, (name, text))
    return structured


def _against(
    line: DosageLine, structured: LineDose, product: Product, named: tuple[str, str]
) -> LineDose:
    said_doses = _doses_of_text(line, named[1], product)
    dose = structured.dose
    if not said_doses or any(_agrees(said, dose) for said in said_doses):
        return structured
    said = max(said_doses, key=lambda d: d.high)
    if not _same_unit(said.unit, dose.unit):
        if "mg" in {said.unit, dose.unit}:
            return structured  # tablets and mg of an unknown strength tell nothing of each other
        note = f"the {named[0]} gives the dose in {said.unit}, the structured dosage in {dose.unit}"
        return replace(structured, dose=replace(dose, warnings=(*dose.warnings, note)))
    if said.high == dose.high and said.as_needed and not dose.as_needed:
        note = f"the {named[0]} says as needed and the structured dosage does not"
    else:
        note = (
            f"the {named[0]} says {_bounds(said)} and the structured dosage {_bounds(dose)}; "
            "the higher counts"
        )
    wider = replace(
        dose,
        low=min(dose.low, said.low),
        high=max(dose.high, said.high),
        peak_day=max(dose.peak_day, said.peak_day),
        working=said.working if said.high > dose.high else dose.working,
        warnings=(*dose.warnings, note),
    )
    return replace(structured, dose=wider, given=scaled(wider, structured.scale))


def _agrees(said: DailyDose, dose: DailyDose) -> bool:
    """Whether the text says the same dose. A text that leaves out "as needed" still agrees."""
    same_low = said.low == dose.low or (dose.as_needed and not said.as_needed)
    return _same_unit(said.unit, dose.unit) and said.high == dose.high and same_low


def _same_unit(one: str, other: str) -> bool:
    return one == other or {one, other} <= SOLID_ORAL


def _bounds(dose: DailyDose) -> str:
    return f"{span(dose.low, dose.high)} {dose.unit}/day"


def _doses_of_text(line: DosageLine, text: str, product: Product) -> list[DailyDose]:
    """What a text states in full, in each of its readings; empty when it states no whole dose.

    A text with steps of its own neither confirms nor contradicts one line.
    """
    parts = read_sig(text).lines
    if not parts or any(part.sequence is not None for part in parts):
        return []
    if any(not part.amounts or not _has_rhythm(part) for part in parts):
        return []
    open_ways = (0, 1) if any(_leaves_open(part) for part in parts) else (0,)
    readings = [
        _sum_of_text([_read_as(part, way, line, product) for part in parts], product)
        for way in open_ways
    ]
    return [dose for dose in readings if dose is not None]


def _leaves_open(part: DosageLine) -> bool:
    return any(
        said.said_as is SaidAs.BESIDE or said.amount.unit.kind is UnitKind.UNSTATED
        for said in part.amounts
    )


def _sum_of_text(parts: list[DosageLine], product: Product) -> DailyDose | None:
    doses: list[DailyDose] = []
    for part in parts:
        dosed = line_dose(part, product)
        if isinstance(dosed, LineGap):
            return None
        doses.append(dosed.dose)
    if len({dose.unit for dose in doses}) != 1:
        return None
    first = doses[0]
    return replace(
        first,
        low=sum((d.low for d in doses[1:]), first.low),
        high=sum((d.high for d in doses[1:]), first.high),
        peak_day=sum((d.peak_day for d in doses[1:]), first.peak_day),
        as_needed=all(d.as_needed for d in doses),
        working="; ".join(d.working for d in doses),
    )


def _read_as(part: DosageLine, way: int, line: DosageLine, product: Product) -> DosageLine:
    """One of two readings of what a text leaves open, so that either may match the structure.

    A bare number ("1 bid") is so many units of the product or so many of the structure's unit;
    an amount in brackets is the total or the strength of one.
    """
    amounts: list[SaidAmount] = []
    units = {s.amount.unit for s in line.amounts if s.amount.unit.kind is not UnitKind.UNSTATED}
    per_unit = known_unit(product.strength.per_unit) if product.strength else None
    counted = part.amounts[0].amount
    for said in part.amounts:
        amount = said.amount
        if amount.unit.kind is UnitKind.UNSTATED:
            unit = per_unit if way == 0 and per_unit else next(iter(units), None)
            amount = replace(amount, unit=unit) if unit else amount
        elif said.said_as is SaidAs.BESIDE and way == 1 and product.strength is None:
            amount = replace(amount, low=amount.low * counted.low, high=amount.high * counted.high)
        beside = said.said_as is SaidAs.BESIDE and product.strength is None
        amounts.append(SaidAmount(amount, SaidAs.UNTYPED if beside else said.said_as))
    return replace(part, amounts=tuple(amounts))
