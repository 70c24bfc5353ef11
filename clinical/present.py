"""What the present orders tell a plan: since when, how, and whether the same every day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from clinical.checks.words import drug_name
from clinical.daily_dose import DailyDose
from clinical.dose_course import dose_on
from clinical.facts import MedicationRecord, PatientFacts
from clinical.quantities import Milligrams, plain
from clinical.taper.request import TIMES_OF_DAY


def in_use_since(facts: PatientFacts, current: Sequence[MedicationRecord]) -> date:
    """The earliest day that the present orders, and those they followed, speak of.

    The far future when none speaks of a day: use that is not known to be long is not long.
    """
    by_source = {record.source: record for record in facts.medications}
    chain: dict[str, MedicationRecord] = {}
    left = list(current)
    while left:
        record = left.pop()
        if record.source in chain:
            continue
        chain[record.source] = record
        left += [by_source[source] for source in record.replaces if source in by_source]
    days = [
        day
        for record in chain.values()
        for day in (record.course.starts, record.period_starts, record.authored_on)
        if day is not None
    ]
    return min(days, default=date.max)


def why_not_steady(current: Sequence[MedicationRecord], on: date) -> str | None:
    """Why the present dose is not one and the same every day; None when it is.

    A taper starts every day from the present dose. Of 2 mg every other day, of "as needed, at
    most 2 mg" or of "1 or 2 tablets" the highest day is what a threshold needs, but 1.875 mg
    every day would be a rise for whoever takes less: what is taken has to be asked first.
    """
    for record in current:
        dose = dose_on(record.course, on)
        if not isinstance(dose, DailyDose):
            continue
        span = f"from {plain(dose.low)} to {plain(dose.high)} {dose.unit}/day"
        if dose.as_needed:
            return f"{drug_name(record)} is taken as needed, {span}"
        if dose.low != dose.high:
            return f"{drug_name(record)} is taken {span}"
        if dose.peak_day != dose.high:
            return (
                f"{drug_name(record)} is not the same every day: "
                f"{plain(dose.high)} {dose.unit}/day on average, "
                f"at most {plain(dose.peak_day)} {dose.unit} on one day"
            )
    return None


def present_intakes(current: Sequence[MedicationRecord]) -> tuple[Milligrams, ...]:
    """The present intakes, smallest first (the largest is taken at night), as far as known."""
    parts: list[Milligrams] = []
    for record in current:
        dose, count = record.course.overall, record.course.intakes_per_day
        if not isinstance(dose, DailyDose) or not count:
            return ()
        parts += [Milligrams(dose.peak_day / count)] * count
    return tuple(sorted(parts)) if len(parts) in TIMES_OF_DAY else ()
