"""Whether the patient is likely to be physically dependent (CLINICAL 5; ASAM 2025, table 2).

An estimate that the prescriber is asked to confirm, never a diagnosis. By milligrams of
clonazepam, the highest daily dose of the present use; by how long that use has lasted, as ordered;
and by the days of a week on which it is taken. The high bound of each counts, as everywhere, but
where the days of a week are not stated ("as needed") and would decide, there is no estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.daily_dose import DailyDose
from clinical.dose_course import dose_on
from clinical.dose_history import DoseHistory, Known, NotKnown
from clinical.duration import PresentUse
from clinical.facts import MedicationRecord
from clinical.findings import NotEvaluable
from clinical.knowledge import document
from clinical.quantities import exact, plain

EVIDENCE = ("ASAM",)
_WEEK = 7


class Likelihood(Enum):
    """How likely physical dependence is, in the words of the table."""

    UNLIKELY = "rare"
    POSSIBLE = "lower but possible"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class Dependence:
    """An estimate: `why` is the row of the table in this patient's numbers."""

    likelihood: Likelihood
    why: str
    as_ordered: bool = False

    @property
    def in_words(self) -> str:
        """Two or three sentences for the prescriber: the estimate, what it means, and to ask."""
        words = _words()
        found = words[self.likelihood.name.lower()]
        return f"{found['is']}: {self.why}. {found['means']} {words['confirm']}"


@dataclass(frozen=True, slots=True)
class Table:
    """The limits between the rows of the table: mg of clonazepam a day, days, days a week."""

    rare_days_a_week: int
    short_use_days: int
    long_use_days: int
    low_dose_mg_per_day: Fraction


@cache
def table() -> Table:
    """The limits as shipped (`knowledge/dependence.toml`)."""
    numbers = document("dependence.toml")["numbers"]
    return Table(
        rare_days_a_week=numbers["rare_days_a_week"]["value"],
        short_use_days=numbers["short_use_days"]["value"],
        long_use_days=numbers["long_use_days"]["value"],
        low_dose_mg_per_day=exact(numbers["low_dose_mg_per_day"]["value"]),
    )


@cache
def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = document("dependence.toml")["words"]
    return words


def likelihood(mg_per_day: Fraction | None, days: int, days_a_week: Fraction) -> Likelihood | None:
    """The row of the table. `days` is how long the use has lasted, the first and last day counted.

    None where the dose decides and is not known.
    """
    limits = table()
    if days_a_week <= limits.rare_days_a_week:
        return Likelihood.UNLIKELY
    if days >= limits.long_use_days:
        return Likelihood.LIKELY
    if days < limits.short_use_days:
        return Likelihood.POSSIBLE
    if mg_per_day is None:
        return None
    low = mg_per_day <= limits.low_dose_mg_per_day
    return Likelihood.POSSIBLE if low else Likelihood.LIKELY


def dependence(
    use: PresentUse, told: DoseHistory, current: Sequence[MedicationRecord]
) -> Dependence | NotEvaluable:
    """The estimate for who takes the present orders (`current`), or why there is none."""
    days = use.at_most_days
    if days is None:
        why = "since when clonazepam is taken is not stated"
        return NotEvaluable(why if current or use.undated else "no clonazepam is in use")
    dose, unknown = _highest_dose(use, told)
    least, most = days_a_week(current, use.on)
    found = likelihood(dose, days, most)
    if found is None:
        return NotEvaluable(f"its dose is not known: {unknown}")
    if likelihood(dose, days, least) is not found:
        return NotEvaluable(
            "on how many days of a week it is taken is not stated: on "
            f"{table().rare_days_a_week} or fewer dependence is rare, daily it would be "
            f"{found.value}"
        )
    why = f"{_long(days)} at {'an unknown dose' if dose is None else f'{plain(dose)} mg/day'}"
    if found is Likelihood.UNLIKELY:
        why = f"taken on at most {plain(most)} days a week"
    if not use.certain:
        why += ", if taken as ordered"
    return Dependence(found, why, as_ordered=not use.certain)


def _highest_dose(use: PresentUse, told: DoseHistory) -> tuple[Fraction | None, str | None]:
    """The highest daily dose of the present use; None, and why, where it may be higher.

    A known part above the low dose suffices: more would not change the row.
    """
    doses = [
        stretch.dose
        for stretch in told.stretches
        if use.at_most_since is not None and stretch.ends >= use.at_most_since
    ]
    known = [dose.high for dose in doses if isinstance(dose, Known) and dose.high > 0]
    most = max(known, default=None)
    unknown = [dose.why for dose in doses if isinstance(dose, NotKnown) and not dose.no_order]
    if unknown and (most is None or most <= table().low_dose_mg_per_day):
        return None, unknown[0]
    return most, None if known else "no order says a dose"


def days_a_week(current: Sequence[MedicationRecord], on: date) -> tuple[Fraction, Fraction]:
    """On how many days of a week the orders are taken, at least and at most.

    An order that is not readable, or as needed, may be taken on none and on all. Orders that are
    taken on some days only may be taken on the same days or on different ones.
    """
    each = [_days_a_week(record, on) for record in current]
    least = max((low for low, _ in each), default=Fraction(0))
    return least, min(sum((high for _, high in each), Fraction(0)), Fraction(_WEEK))


def _days_a_week(record: MedicationRecord, on: date) -> tuple[Fraction, Fraction]:
    dose = dose_on(record.course, on)
    if dose is None:
        return Fraction(0), Fraction(0)
    if not isinstance(dose, DailyDose) or dose.peak_day <= 0:
        return Fraction(0), Fraction(_WEEK)
    # 1 mg every other day: an average of 0.5, and 1 on its day, is half of the days.
    days = _WEEK * dose.high / dose.peak_day
    return (Fraction(0) if dose.as_needed else days), days


def _long(days: int) -> str:
    """How long, as one says it: days, then whole months of 30 days, then years."""
    month = table().short_use_days
    if days < month:
        return "1 day" if days == 1 else f"{days} days"
    if days < 365:
        months = days // month
        return "1 month" if months == 1 else f"{months} months"
    years = days // 365
    return "over a year" if years == 1 else f"over {years} years"
