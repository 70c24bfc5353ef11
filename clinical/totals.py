"""Daily totals of several orders, per calendar day (CLINICAL section 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from clinical.daily_dose import DailyDose, NotComputable
from clinical.dose_course import dose_on
from clinical.facts import MedicationRecord
from clinical.quantities import plain


@dataclass(frozen=True, slots=True)
class Uncounted:
    """An order that is taken but whose dose in mg cannot be said."""

    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of the orders' highest doses on one calendar day.

    `mg_per_day` is the known part; `uncounted` are the orders that it lacks. `workings` say
    how each part came about.
    """

    mg_per_day: Fraction
    uncounted: tuple[Uncounted, ...]
    sources: tuple[str, ...]
    workings: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every order's dose is known."""
        return not self.uncounted

    def __str__(self) -> str:
        return f"{plain(self.mg_per_day)} mg/day"


NOTHING = Total(Fraction(0), (), (), ())


def total_on(records: Sequence[MedicationRecord], day: date) -> Total:
    """What the orders add up to on one day."""
    parts: list[tuple[MedicationRecord, DailyDose]] = []
    uncounted: list[Uncounted] = []
    for record in records:
        dose = mg_on(record, day)
        if isinstance(dose, NotComputable):
            uncounted.append(Uncounted(record.source, dose.why))
        elif dose is not None and not handed_over(record, day, records):
            parts.append((record, dose))
    return Total(
        sum((dose.peak_day for _, dose in parts), Fraction(0)),
        tuple(uncounted),
        tuple(record.source for record, _ in parts),
        tuple(dose.working for _, dose in parts),
    )


def highest_total_from(records: Sequence[MedicationRecord], on: date) -> Total:
    """The highest daily total from the day on; ties go to the earlier day."""
    days = {on} | {
        step.starts
        for record in records
        for step in record.course.steps
        if step.starts is not None and step.starts > on
    }
    totals = (total_on(records, day) for day in sorted(days))
    return max(totals, key=lambda total: total.mg_per_day, default=NOTHING)


def mg_on(record: MedicationRecord, day: date) -> DailyDose | NotComputable | None:
    """The record's dose in mg on the day; None when there is nothing to take on that day."""
    dose = dose_on(record.course, day)
    if isinstance(dose, DailyDose) and dose.unit != "mg":
        return NotComputable("the strength is not known, so the dose in mg cannot be said")
    return dose


def handed_over(record: MedicationRecord, day: date, beside: Iterable[MedicationRecord]) -> bool:
    """Whether on this shared boundary day a later step of the same group counts instead.

    One that began on the day itself is no earlier step: the tablets of a step of one day add up.
    """
    if record.group is None or record.course.ends != day or record.course.starts == day:
        return False
    return any(
        other.group == record.group and other is not record and other.course.starts == day
        for other in beside
    )
