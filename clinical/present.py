"""What the present orders tell a plan: since when they are in use, and how they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from clinical.daily_dose import DailyDose
from clinical.facts import MedicationRecord, PatientFacts
from clinical.quantities import Milligrams
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


def present_intakes(current: Sequence[MedicationRecord]) -> tuple[Milligrams, ...]:
    """The present intakes, smallest first (the largest is taken at night), as far as known."""
    parts: list[Milligrams] = []
    for record in current:
        dose, count = record.course.overall, record.course.intakes_per_day
        if not isinstance(dose, DailyDose) or not count:
            return ()
        parts += [Milligrams(dose.peak_day / count)] * count
    return tuple(sorted(parts)) if len(parts) in TIMES_OF_DAY else ()
