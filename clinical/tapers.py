"""Tapers as the chart shows them, and how the earlier ones ended.

A chart does not say "taper". Two signs are taken for one:

- *A plan*: orders of clonazepam that one groupIdentifier joins, or one order with several steps in
  turn, whose planned daily doses fall and never rise. Orders that carry our own group are a taper
  even when only its first step is in the chart, for the first step is a cut already.
- *A falling series*, where there is no plan: so many cuts of the ordered dose in a row, no rise
  between them, each within so many days of the next (`series_cuts`, `series_days`).

How one ended is told by what came next in the chart: a higher dose (back up), a gap in the use
(finished, or abrupt where the last dose was above half of the highest), or the planned dose held
beyond the plan. Whether a lower dose that is simply kept was the goal no order says: unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache
from itertools import pairwise

from clinical.daily_dose import DailyDose
from clinical.day_set import DaySet
from clinical.dose_history import Known, NotKnown, Stretch, dose_on_day
from clinical.exposure import Exposure
from clinical.facts import OWN_PLAN, MedicationRecord, RecordKind, is_clonazepam
from clinical.knowledge import document
from clinical.quantities import exact, plain
from clinical.standing import each_once, why_not_used
from clinical.totals import total_on

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TaperSigns:
    """The numbers by which a taper and its end are recognised (`measures.toml`)."""

    series_days: int
    series_cuts: int
    shortest_hold_days: int
    stalled_holds: int
    gap_days: int
    abrupt: Fraction


@cache
def taper_signs() -> TaperSigns:
    """The numbers as shipped."""
    numbers = {name: row["value"] for name, row in document("measures.toml")["numbers"].items()}
    return TaperSigns(
        series_days=numbers["series_days"],
        series_cuts=numbers["series_cuts"],
        shortest_hold_days=numbers["shortest_hold_days"],
        stalled_holds=numbers["stalled_holds"],
        gap_days=numbers["gap_days"],
        abrupt=exact(numbers["abrupt_percent"]) / 100,
    )


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """Days (both inclusive) with one planned dose in mg/day."""

    starts: date
    ends: date
    dose: Fraction


@dataclass(frozen=True, slots=True)
class Taper:
    """A taper as the chart shows it.

    `steps` is empty without a plan. `hold_days` is how long a dose is held: the longest planned
    step, or the longest time between two cuts. `begun` is the first planned day or first cut.
    """

    begun: date
    ended: date
    hold_days: int
    steps: tuple[PlannedStep, ...]
    sources: tuple[str, ...]

    def planned_on(self, day: date) -> Fraction | None:
        """The dose planned for the day, after the last step that of the last one."""
        begun = [step for step in self.steps if step.starts <= day]
        return begun[-1].dose if begun else None


@dataclass(frozen=True, slots=True)
class Change:
    """The first day of another known dose than the one before."""

    day: date
    before: Fraction
    after: Fraction
    sources: tuple[str, ...]

    @property
    def is_cut(self) -> bool:
        """Whether it is a fall."""
        return self.after < self.before


def tapers(
    records: Iterable[MedicationRecord],
    stretches: Sequence[Stretch],
    on: date,
    signs: TaperSigns,
) -> tuple[Taper, ...]:
    """Every taper in the chart that has begun, in the order of their first days.

    `records` are the patient's, `stretches` the dose over time. The cuts of a plan are a falling
    series too: one that goes beyond no plan is that plan.
    """
    plans = list(_plans(records))
    found = plans + [
        series
        for series in _series(stretches, signs)
        if not any(p.begun <= series.begun and series.ended <= p.ended + _DAY for p in plans)
    ]
    return tuple(sorted((t for t in found if t.begun <= on), key=lambda t: (t.begun, t.ended)))


def taper_under_way(
    found: Sequence[Taper], stretches: Sequence[Stretch], on: date, signs: TaperSigns
) -> Taper | None:
    """The taper that the patient is on today: a plan before a series, the latest of each."""
    running = [taper for taper in found if _is_running(taper, stretches, on, signs)]
    return max(running, key=lambda t: (bool(t.steps), t.begun), default=None)


def _is_running(taper: Taper, stretches: Sequence[Stretch], on: date, signs: TaperSigns) -> bool:
    if taper.steps:
        return on <= taper.ended + timedelta(days=taper.hold_days * signs.stalled_holds)
    if (on - taper.ended).days > signs.series_days:
        return False
    today = dose_on_day(stretches, on)
    return isinstance(today, Known) and today.high < _top(taper, stretches)


def _top(taper: Taper, stretches: Sequence[Stretch]) -> Fraction:
    """The dose from which a falling series began."""
    return next(c.before for c in changes(stretches) if c.day == taper.begun)


class TaperEnd(Enum):
    """How a taper ended."""

    FINISHED = "finished"
    BACK_UP = "back up"
    ABRUPT = "abrupt stop"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EarlierTaper:
    """A taper that is no longer under way, how it ended, and by what that is known."""

    taper: Taper
    end: TaperEnd
    why: str


def earlier_tapers(
    found: Sequence[Taper],
    stretches: Sequence[Stretch],
    taken: Exposure,
    on: date,
    signs: TaperSigns,
) -> tuple[EarlierTaper, ...]:
    """Every taper that has ended, oldest first. One under way has not, unless its use has."""
    ended = []
    for taper in found:
        told = _end(taper, stretches, taken, signs)
        if told is None and _is_running(taper, stretches, on, signs):
            continue
        end, why = told if told is not None else _end_in_use(taper, stretches, on)
        ended.append(EarlierTaper(taper, end, why))
    return tuple(ended)


def _end(
    taper: Taper, stretches: Sequence[Stretch], taken: Exposure, signs: TaperSigns
) -> tuple[TaperEnd, str] | None:
    """Day by day from its beginning: the first rise or the first gap. None: neither came."""
    doses = [s for s in stretches if s.ends >= taper.begun - _DAY]
    top = lowest = None
    before: Known | NotKnown | None = None
    for stretch in doses:
        dose = stretch.dose
        if isinstance(dose, Known) and dose.high > 0:
            if lowest is not None and dose.high > lowest and stretch.starts > taper.begun:
                day = stretch.starts.isoformat()
                return TaperEnd.BACK_UP, f"{plain(dose.high)} mg/day from {day}"
            lowest = dose.high if lowest is None else min(lowest, dose.high)
            top = dose.high if top is None else max(top, dose.high)
        elif stretch.ends >= taper.begun and _no_dose(dose):
            free = _free_days(stretch, taken, signs.gap_days)
            if free is None:
                return TaperEnd.UNKNOWN, "whether it was still taken afterwards is not known"
            if free:
                return _stopped(before, top, stretch, signs)
        before = dose
    return None


def _no_dose(dose: Known | NotKnown) -> bool:
    return dose.high == 0 if isinstance(dose, Known) else dose.no_order


def _free_days(stretch: Stretch, taken: Exposure, gap_days: int) -> bool | None:
    """Whether more days in a row than a gap are free of supply too; None: not known."""
    days = DaySet.between(stretch.starts, stretch.ends)
    longest = [
        max((b - a + 1 for a, b in (days - held).spans), default=0)
        for held in (taken.covered, taken.perhaps())
    ]
    if longest[1] > gap_days:
        return True
    return None if longest[0] > gap_days else False


def _stopped(
    last: Known | NotKnown | None, top: Fraction | None, gap: Stretch, signs: TaperSigns
) -> tuple[TaperEnd, str]:
    if not isinstance(last, Known) or top is None:
        return TaperEnd.UNKNOWN, "the dose before the end is not known"
    day = (gap.starts - _DAY).isoformat()
    why = f"{plain(last.high)} mg/day until {day}, from {plain(top)} mg/day"
    return (TaperEnd.ABRUPT if last.high > top * signs.abrupt else TaperEnd.FINISHED), why


def _end_in_use(taper: Taper, stretches: Sequence[Stretch], on: date) -> tuple[TaperEnd, str]:
    """A taper whose time is over while clonazepam is still taken, and never more than before."""
    today = dose_on_day(stretches, on)
    if not isinstance(today, Known):
        return TaperEnd.UNKNOWN, f"today's dose is not known: {today.why}"
    said = f"{plain(today.high)} mg/day is held"
    planned = taper.planned_on(on)
    if planned is None:
        return TaperEnd.UNKNOWN, f"{said}; whether that was the goal no order says"
    if today.high <= planned:
        return TaperEnd.FINISHED, f"{said}, the last planned dose"
    return TaperEnd.UNKNOWN, f"{said}, above the last planned {plain(planned)} mg/day"


def changes(stretches: Sequence[Stretch]) -> tuple[Change, ...]:
    """Each change from one known dose to another. Days without an order are no dose of zero."""
    known = [s for s in stretches if isinstance(s.dose, Known) and s.dose.high > 0]
    found = []
    for before, after in pairwise(known):
        if not isinstance(before.dose, Known) or not isinstance(after.dose, Known):
            continue  # never: for the reader of types
        if before.dose.high != after.dose.high:
            sources = tuple(sorted({*before.dose.sources, *after.dose.sources}))
            found.append(Change(after.starts, before.dose.high, after.dose.high, sources))
    return tuple(found)


def _series(stretches: Sequence[Stretch], signs: TaperSigns) -> Iterator[Taper]:
    """Runs of cuts without a rise between them."""
    run: list[Change] = []
    for change in (*changes(stretches), None):
        near = (
            change is not None
            and change.is_cut
            and (not run or (change.day - run[-1].day).days <= signs.series_days)
        )
        if change is not None and near:
            run.append(change)
            continue
        if len(run) >= signs.series_cuts:
            yield _taper_of(run, signs.shortest_hold_days)
        run = [change] if change is not None and change.is_cut else []


def _taper_of(run: Sequence[Change], shortest_hold: int) -> Taper:
    holds = [(later.day - earlier.day).days for earlier, later in pairwise(run)]
    return Taper(
        begun=run[0].day,
        ended=run[-1].day,
        hold_days=max([*holds, shortest_hold]),
        steps=(),
        sources=tuple(sorted({source for change in run for source in change.sources})),
    )


def _plans(records: Iterable[MedicationRecord]) -> Iterator[Taper]:
    groups: dict[str, list[MedicationRecord]] = {}
    for record in each_once(records):
        if record.kind is not RecordKind.REQUEST or not is_clonazepam(record):
            continue
        if why_not_used(record) is not None:
            continue
        if record.group is not None:
            groups.setdefault(record.group, []).append(record)
        elif len(record.course.steps) > 1:
            groups[record.source] = [record]
    for group in sorted(groups):
        joined = groups[group]
        steps = _planned_steps(joined)
        doses = [step.dose for step in steps]
        falls = any(b < a for a, b in pairwise(doses)) and all(b <= a for a, b in pairwise(doses))
        if steps and (falls or (group.startswith(f"{OWN_PLAN}|") and len(doses) == 1)):
            sources = tuple(sorted({record.source for record in joined}))
            longest = max((s.ends - s.starts).days + 1 for s in steps)
            yield Taper(steps[0].starts, steps[-1].ends, longest, steps, sources)


def _planned_steps(records: Sequence[MedicationRecord]) -> tuple[PlannedStep, ...]:
    """The daily totals of the orders in turn; empty where a day or a dose is not stated."""
    edges: set[date] = set()
    for record in records:
        overall = record.course.overall
        if not isinstance(overall, DailyDose) or overall.unit != "mg":
            return ()
        for step in record.course.steps:
            if step.starts is None or step.ends is None or step.ends == date.max:
                return ()
            edges |= {step.starts, step.ends + _DAY}
    return tuple(_joined(_parts(records, sorted(edges))))


def _parts(records: Sequence[MedicationRecord], edges: Sequence[date]) -> Iterator[PlannedStep]:
    for starts, following in pairwise(edges):
        dose = total_on(records, starts).mg_per_day
        if dose > 0:
            yield PlannedStep(starts, following - _DAY, dose)


def _joined(parts: Iterable[PlannedStep]) -> list[PlannedStep]:
    joined: list[PlannedStep] = []
    for part in parts:
        if joined and joined[-1].dose == part.dose:
            joined[-1] = PlannedStep(joined[-1].starts, part.ends, part.dose)
        else:
            joined.append(part)
    return joined
