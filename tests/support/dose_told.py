"""Dosages in few words and their doses as sentences, for the manual of the daily dose."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import course_of
from clinical.drugs import Strength
from clinical.quantities import plain
from ehr.read.dosages import dosage_lines

HALF_MG_TABLET = Strength(Fraction(1, 2), "tablet")


def course(
    *dosages: dict[str, Any], strength: Strength | None = HALF_MG_TABLET, **more: Any
) -> DoseCourse:
    """The dose over time of an order of a 0.5 mg tablet, where no other strength is named."""
    return course_of(dosage_lines({"dosageInstruction": list(dosages)}), strength=strength, **more)


def said(amount: dict[str, Any], **repeat: Any) -> dict[str, Any]:
    """A dosage of one amount and one timing.repeat."""
    return {"doseAndRate": [{"doseQuantity": amount}], "timing": {"repeat": repeat}}


def mg(value: str) -> dict[str, Any]:
    """So many mg."""
    return {"value": Decimal(value), "unit": "mg"}


def tablets(value: str) -> dict[str, Any]:
    """So many tablets."""
    return {"value": Decimal(value), "unit": "tablet"}


def at_most(amount: dict[str, Any], value: int, unit: str) -> list[dict[str, Any]]:
    """A maxDosePerPeriod, as the list that R5 makes of it."""
    return [{"numerator": amount, "denominator": {"value": value, "unit": unit, "code": unit}}]


def told(order: DoseCourse) -> str:
    """The answer in a sentence: the dose, what is most on one day, and every note."""
    if isinstance(order.overall, NotComputable):
        return _with_notes(f"not computable: {order.overall.why}", order.overall.warnings)
    dose = order.overall
    words = _dose(dose)
    if order.single_dose:
        words = f"once, {_span(dose)} {dose.unit}"
    elif dose.peak_day != dose.high:
        words += f", at most {_number(dose.peak_day)} {dose.unit} on one day"
    return _with_notes(words, dose.warnings)


def steps_told(order: DoseCourse) -> str:
    """The steps in time, one after the other."""
    return "; ".join(
        f"{step.starts or 'since ever'} to {step.ends or 'open'}: {_dose(step.dose)}"
        for step in order.steps
    )


def _dose(dose: DailyDose) -> str:
    words = f"{_span(dose)} {dose.unit}/day"
    return f"as needed, {words}" if dose.as_needed else words


def _span(dose: DailyDose) -> str:
    if dose.low == dose.high:
        return _number(dose.high)
    return f"{_number(dose.low)} to {_number(dose.high)}"


def _number(number: Fraction) -> str:
    """As a decimal where it has one, else as a fraction: 3/14."""
    decimal = plain(number)
    return decimal if Fraction(decimal) == number else str(number)


def _with_notes(words: str, notes: tuple[str, ...]) -> str:
    return "; note: ".join((words, *notes))
