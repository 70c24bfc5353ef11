"""A schedule as what a pharmacy fills: one product, one count, at most 28 days at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from clinical.taper.pace import conventions
from clinical.taper.request import IntakeTime
from clinical.taper.schedule import Schedule, TaperStep
from clinical.taper.tablets import TabletProduct


@dataclass(frozen=True, slots=True)
class Fill:
    """One order's worth of a product: the same count at each of its times of day.

    `ends` is the last day; `step_index` is the place of the step from 0; `per_intake` holds
    the time and the count of tablets; `quantity` is whole tablets for all its days.
    """

    starts: date
    ends: date
    step_index: int
    product: TabletProduct
    per_intake: tuple[tuple[IntakeTime, Decimal], ...]
    quantity: int

    @property
    def days(self) -> int:
        """How many days the fill lasts."""
        return (self.ends - self.starts).days + 1


def fills(
    schedule: Schedule,
    max_days: int | None = None,
    first_day: date | None = None,
    begun_by: date | None = None,
) -> tuple[Fill, ...]:
    """The fills of all steps in the order of their days; each step's add up to its dispense.

    `max_days` is the longest fill (default 28, CLINICAL 6). A longer step is divided as
    evenly as whole weeks allow, so that no short remainder is left. An order holds exactly one
    dosage instruction, so one product in different counts is one fill for each count. From
    `first_day` on only: a step under way on that day is filled for what is left of it; and only
    those that begin by `begun_by`. Raises ValueError when `max_days` is not positive.
    """
    longest = conventions().longest_fill_days if max_days is None else max_days
    if longest < 1:
        raise ValueError("a fill lasts at least a day")
    return tuple(
        fill
        for place, step in enumerate(schedule.steps)
        if (first_day is None or first_day <= step.ends)
        and (begun_by is None or step.starts <= begun_by)
        for fill in _of_step(place, _rest(step, first_day), longest)
        if begun_by is None or fill.starts <= begun_by
    )


def _rest(step: TaperStep, first_day: date | None) -> TaperStep:
    """A step from a day on."""
    if first_day is None or first_day <= step.starts:
        return step
    return replace(step, starts=first_day)


def _of_step(place: int, step: TaperStep, longest: int) -> Iterator[Fill]:
    groups = _groups(step)
    used = dict.fromkeys((product for product, _ in groups), Fraction(0))
    for starts, days in _periods(step, longest):
        ends = starts + timedelta(days=days - 1)
        for (product, count), times in groups.items():
            # Counted on from fill to fill: the half left over from one is taken in the next.
            already = ceil(used[product])
            used[product] += Fraction(count) * len(times) * days
            per_intake = tuple((time, count) for time in times)
            quantity = ceil(used[product]) - already
            yield Fill(starts, ends, place, product, per_intake, quantity)


def _groups(step: TaperStep) -> dict[tuple[TabletProduct, Decimal], list[IntakeTime]]:
    """The times of day at which a product is taken in a count."""
    groups: dict[tuple[TabletProduct, Decimal], list[IntakeTime]] = {}
    for intake in step.intakes:
        for piece in intake.pieces:
            groups.setdefault((piece.product, piece.count), []).append(intake.time)
    return groups


def _periods(step: TaperStep, longest: int) -> Iterator[tuple[date, int]]:
    """First day and length of each fill of a step: as even as whole weeks (or days) allow."""
    number = ceil(Fraction(step.days, longest))
    unit = 7 if step.days % 7 == 0 and longest % 7 == 0 else 1
    units, starts = step.days // unit, step.starts
    for place in range(number):
        days = ceil(Fraction(units, number - place)) * unit
        yield starts, days
        units -= days // unit
        starts += timedelta(days=days)
