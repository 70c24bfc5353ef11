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
from clinical.dosing.sig_clauses import SEVERAL_PRODUCTS
from clinical.dosing.steps import sum_of
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
    if line.amounts and reading.only_when is not None:
        return (_filled(line, reading.only_when),)
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
        notes=(*line.notes, *said.notes, *((_FROM_TEXT,) if line.amounts or has_rhythm else ())),
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
        notes=(*line.notes, *said.notes, *((_FROM_TEXT,) if partial else ())),
    )


def _has_rhythm(line: DosageLine) -> bool:
    return rhythm_of(line.timing) is not None


def _bounded(timing: Timing, bounds: Bounds) -> Timing:
    """The text's timing within the line's days, and the text's own where the line has none."""
    said = timing.bounds
    starts = bounds.starts or said.starts
    if bounds.ends is not None or bounds.lasts_days is not None:
        return replace(timing, bounds=Bounds(starts, bounds.ends, bounds.lasts_days))
    return replace(timing, bounds=Bounds(starts, said.ends, said.lasts_days))


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
    reading = read_sig(named[1])
    dose = structured.dose
    line = replace(line, as_needed=line.as_needed or dose.as_needed)
    said_doses = _doses_of_text(line, reading, product)
    if not said_doses or any(_agrees(said, dose) for said in said_doses):
        return structured
    said = max(said_doses, key=lambda d: d.high)
    if _has_steps(reading) and said.high <= dose.high:
        return structured  # the line may be any of the steps
    if _of_several_products(reading) and said.high > dose.high:
        return structured  # the line is of one of the products and the text of all
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
    """Whether the text says the same dose, on average and on the fullest day."""
    same = (said.low, said.high) == (dose.low, dose.high)
    return same and _same_unit(said.unit, dose.unit)


def _same_unit(one: str, other: str) -> bool:
    return one == other or {one, other} <= SOLID_ORAL


def _bounds(dose: DailyDose) -> str:
    return f"{span(dose.low, dose.high)} {dose.unit}/day"


def _has_steps(reading: SigReading) -> bool:
    return any(part.sequence is not None for part in reading.lines)


def _of_several_products(reading: SigReading) -> bool:
    return any(SEVERAL_PRODUCTS in part.notes for part in reading.lines)


def _doses_of_text(line: DosageLine, reading: SigReading, product: Product) -> list[DailyDose]:
    """What a text states, in each of its readings and steps; empty when it states no dose.

    What the text leaves out (how much, or how often) is the structure's, so that "take 2 tablets"
    beside one tablet twice a day is seen. Its maximum and "as needed" hold for both.
    """
    parts = list(reading.lines)
    if reading.only_when is not None:
        parts = [replace(reading.only_when, amounts=line.amounts)]
    if len(parts) == 1 and not _has_rhythm(parts[0]):
        parts = [replace(parts[0], timing=line.timing)]
    if not parts or any(not part.amounts or not _has_rhythm(part) for part in parts):
        return []
    parts = [_within(part, line) for part in parts]
    open_ways = (0, 1) if any(_leaves_open(part) for part in parts) else (0,)
    steps = {part.sequence: [p for p in parts if p.sequence == part.sequence] for part in parts}
    readings = [
        _sum_of_text([_read_as(part, way, line, product) for part in step], product)
        for way in open_ways
        for step in steps.values()
    ]
    return [dose for dose in readings if dose is not None]


def _within(part: DosageLine, line: DosageLine) -> DosageLine:
    return replace(
        part,
        as_needed=part.as_needed or line.as_needed,
        ceilings=part.ceilings or line.ceilings,
        most_at_once=line.most_at_once,
    )


def _leaves_open(part: DosageLine) -> bool:
    return any(
        said.said_as is SaidAs.BESIDE or said.amount.unit.kind is UnitKind.UNSTATED
        for said in part.amounts
    )


def _sum_of_text(parts: list[DosageLine], product: Product) -> DailyDose | None:
    doses: list[LineDose] = []
    for part in parts:
        dosed = line_dose(part, product)
        if isinstance(dosed, LineGap):
            return None
        doses.append(dosed)
    together = sum_of(doses)
    return together.dose if isinstance(together, LineDose) else None


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
