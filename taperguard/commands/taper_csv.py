"""A schedule as CSV: a row for each product of each intake of each step.

- step: its number from 1; the last is the target
- from, to: first and last day (ISO); the target has no last day
- mg_per_day: the dose of the step, exact
- cut_percent, cut_percent_14_days: of the dose before, and of the highest dose of 14 days
- time: morning, midday, evening or night; empty where nothing is taken, and so is what follows
- rxcui, product, count: the product by RxNorm, and how many of it at this time
- dispense: whole tablets of the product for the step, in its first row only: the column adds up
- warnings: those of the step, one sentence after the other

UTF-8, a header, commas, line feeds, quotes where needed (RFC 4180 but for the line feeds).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from clinical.quantities import plain
from clinical.taper import DispenseLine, Intake, Schedule

HEADER = (
    "step",
    "from",
    "to",
    "mg_per_day",
    "cut_percent",
    "cut_percent_14_days",
    "time",
    "rxcui",
    "product",
    "count",
    "dispense",
    "warnings",
)


def as_csv(schedule: Schedule) -> str:
    """The schedule as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for number, step in enumerate(schedule.steps, start=1):
        begins = _begins(number, step.starts, step.ends, plain(step.dose.value))
        cuts = (step.cut_percent, step.cut_percent_14_days)
        for taken in _taken(step.intakes, step.dispense):
            writer.writerow([*begins, *cuts, *taken, " ".join(step.warnings)])
    target = schedule.target
    begins = _begins(len(schedule.steps) + 1, schedule.ends_on, None, plain(target.dose.value))
    cuts = (target.cut_percent, target.cut_percent_14_days)
    for taken in _taken(target.intakes, ()):
        writer.writerow([*begins, *cuts, *taken, " ".join(target.warnings)])
    return text.getvalue()


def _begins(number: int, starts: date, ends: date | None, dose: str) -> tuple[str, ...]:
    return (str(number), starts.isoformat(), "" if ends is None else ends.isoformat(), dose)


def _taken(
    intakes: Sequence[Intake], dispense: Sequence[DispenseLine]
) -> Iterator[tuple[str | Decimal | int, ...]]:
    """Time, product, count and quantity; one empty row where nothing is taken."""
    if not intakes:
        yield ("", "", "", "", "")
    left: dict[str, int] = {line.product.rxcui: line.quantity for line in dispense}
    for intake in intakes:
        for piece in intake.pieces:
            code, name = piece.product.rxcui, piece.product.name
            yield (intake.time.value, code, name, piece.count, left.pop(code, ""))
