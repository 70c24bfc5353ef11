"""Tapers that the chart shows and that have begun: signed plans, and falling series without one.

A chart does not say "taper". What is taken for a plan stands in `clinical.tapers.plans`, what for a
series in `clinical.tapers.series`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from clinical.care_plans import PlannedStep
from clinical.dose_history import Known, Stretch, dose_on_day
from clinical.facts import PatientFacts
from clinical.standing import ends_said, first_day
from clinical.tapers.plans import ChartedPlan, Shape, charted_plans
from clinical.tapers.series import Change, changes, falling_runs
from clinical.tapers.signs import TaperSigns

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Taper:
    """A taper as the chart shows it.

    `begun` is the first planned day or first cut, `ended` the last day that is planned, or the
    one on which a dose begins that goes on. `hold_days` is how long a dose is held: the longest
    planned step, or the longest time between two cuts. `steps` is empty where no record states
    the planned doses; `held` are the sources of what waits on hold.
    """

    shape: Shape
    begun: date
    ended: date
    hold_days: int
    steps: tuple[PlannedStep, ...]
    sources: tuple[str, ...]
    held: tuple[str, ...] = ()

    @property
    def is_plan(self) -> bool:
        """Whether somebody planned it, and it is not only a falling series."""
        return self.shape is not Shape.SERIES

    def planned_on(self, day: date) -> Fraction | None:
        """The dose planned for the day, after the last step that of the last one."""
        begun = [step for step in self.steps if step.starts <= day]
        return begun[-1].dose if begun else None

    def planned_between(self, first: date, last: date) -> Fraction:
        """Mg planned for these days (both inclusive) together."""
        total = Fraction(0)
        for step, following in pairwise((*self.steps, None)):
            if step is None:
                continue  # never: for the reader of types
            ends = last if following is None else min(last, following.starts - _DAY)
            total += step.dose * max((ends - max(first, step.starts)).days + 1, 0)
        return total


def tapers(
    facts: PatientFacts, stretches: Sequence[Stretch], on: date, signs: TaperSigns
) -> tuple[Taper, ...]:
    """Every taper in the chart that has begun, in the order of their first days.

    `stretches` is the dose over time. The cuts of a plan are a falling series too: one that goes
    beyond no plan is that plan.
    """
    plans = [t for p in charted_plans(facts, signs) if (t := taper_of(p, signs)) is not None]
    found = plans + [
        series
        for series in _series(stretches, signs)
        if not any(p.begun <= series.begun and (series.ended - p.ended).days <= 1 for p in plans)
    ]
    return tuple(sorted((t for t in found if t.begun <= on), key=lambda t: (t.begun, t.ended)))


def taper_under_way(
    found: Sequence[Taper], stretches: Sequence[Stretch], on: date, signs: TaperSigns
) -> Taper | None:
    """The taper that the patient is on today: a plan before a series, the latest of each."""
    running = [taper for taper in found if is_running(taper, stretches, on, signs)]
    return max(running, key=lambda t: (t.is_plan, t.begun), default=None)


def is_running(taper: Taper, stretches: Sequence[Stretch], on: date, signs: TaperSigns) -> bool:
    """Whether a taper is not over: a plan that ended runs for as long as a stall is noticed."""
    if taper.is_plan:
        return (on - taper.ended).days <= taper.hold_days * signs.stalled_holds
    if (on - taper.ended).days > signs.series_days:
        return False
    today = dose_on_day(stretches, on)
    return isinstance(today, Known) and today.high < _top(taper, stretches)


def _top(taper: Taper, stretches: Sequence[Stretch]) -> Fraction:
    """The dose from which a falling series began."""
    return next(c.before for c in changes(stretches) if c.day == taper.begun)


def taper_of(plan: ChartedPlan, signs: TaperSigns) -> Taper | None:
    """A plan as a taper; None where no record states when it begins."""
    if plan.steps:
        first, last = plan.steps[0].starts, plan.steps[-1]
        # An order that was written for longer than its step is no longer hold.
        course = (plan.care_plan.steps if plan.care_plan else ()) or plan.steps
        lengths = [(s.ends - s.starts).days + 1 for s in course if s.ends is not None]
        hold = max(lengths, default=signs.shortest_hold_days)
        ended = last.ends or last.starts
        return Taper(plan.shape, first, ended, hold, plan.steps, plan.sources, plan.held)
    days = [day for order in plan.orders if (day := first_day(order)) is not None]
    if not days:
        return None
    ends = [day for order in plan.orders if (day := ends_said(order)) is not None]
    ended = max([*days, *ends])
    hold = signs.shortest_hold_days
    return Taper(plan.shape, min(days), ended, hold, (), plan.sources, plan.held)


def _series(stretches: Sequence[Stretch], signs: TaperSigns) -> Iterator[Taper]:
    for run in falling_runs(stretches, signs):
        yield _taper_of(run, signs.shortest_hold_days)


def _taper_of(run: Sequence[Change], shortest_hold: int) -> Taper:
    holds = [(later.day - earlier.day).days for earlier, later in pairwise(run)]
    return Taper(
        shape=Shape.SERIES,
        begun=run[0].day,
        ended=run[-1].day,
        hold_days=max([*holds, shortest_hold]),
        steps=(),
        sources=tuple(sorted({source for change in run for source in change.sources})),
    )
