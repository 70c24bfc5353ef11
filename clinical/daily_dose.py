"""How much of a drug an order means per day, with its working - or why that cannot be said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class DailyDose:
    """A dose per day.

    `unit` is "mg" (of the ingredient) where the strength is known, else the administered unit
    ("tablet", "mL"). `low` and `high` are the bounds of the average over the dosing cycle
    (1 mg every other day: 0.5), `peak_day` is the most on one calendar day at the high bound
    (there: 1). As-needed use has `low` 0. `working` explains the number in one line.
    """

    unit: str
    low: Fraction
    high: Fraction
    peak_day: Fraction
    as_needed: bool
    working: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotComputable:
    """No daily dose can be said; `why` is a sentence. A known ceiling may stand in `warnings`.

    `as_needed`: only because the order is as needed without a maximum.
    """

    why: str
    warnings: tuple[str, ...] = ()
    as_needed: bool = False


@dataclass(frozen=True, slots=True)
class DoseStep:
    """A stretch of days with one dose. `starts` None: since ever; `ends` (inclusive) None: open.

    `given` is the dose in the administered unit, where one is known. `week` is the lowest and
    highest dose of Monday to Sunday where the order names days of the week, else None.
    """

    starts: date | None
    ends: date | None
    dose: DailyDose
    given: DailyDose | None = None
    week: tuple[tuple[Fraction, Fraction], ...] | None = None


@dataclass(frozen=True, slots=True)
class DoseCourse:
    """The dose of one order over time.

    `overall` is the highest step (never the sum) or why nothing can be said. `steps` is empty
    when nothing can be said. `amount_per_day` is in the administered unit, where one is known.
    `starts` and `ends` bound the instructions as written (None: not stated). `single_dose` is
    true for an order of one administration; `intakes_per_day` is the most on one day, or None.
    `counts_from_start`: the instructions state a length and no date, so that the day of the order
    decides which days these are.
    """

    overall: DailyDose | NotComputable
    steps: tuple[DoseStep, ...] = ()
    amount_per_day: DailyDose | None = None
    starts: date | None = None
    ends: date | None = None
    single_dose: bool = False
    intakes_per_day: int | None = None
    counts_from_start: bool = False
