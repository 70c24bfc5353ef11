"""Who is on a taper, how it goes, and who is off after so many months.

A chart does not say "taper". Two signs are taken for one:

- *A plan*: orders of clonazepam that one groupIdentifier joins, or one order with several steps in
  turn, whose planned daily doses fall and never rise. Orders that carry our own group are a taper
  even when only its first step is in the chart, for the first step is a cut already.
- *A falling series*, where there is no plan: so many cuts of the ordered dose in a row, no rise
  between them, each within so many days of the next (`series_cuts`, `series_days`).

Whether a falling series was meant as a taper no order says; the report says that it is taken for
one. A plan that ended is still running for as long as a stalled one would be noticed. A dose that
is known only for some days is compared over the days for which it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from clinical.daily_dose import DailyDose
from clinical.dose_history import Known, NotKnown, Stretch
from clinical.facts import OWN_PLAN, MedicationRecord, RecordKind, Unknown, is_clonazepam
from clinical.follow_up import check_in_rules
from clinical.measures.case import Case, why_unknown
from clinical.measures.dose import NOT_TODAY
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes
from clinical.quantities import plain
from clinical.standing import why_not_used
from clinical.totals import total_on

_DAY = timedelta(days=1)


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


def tapers(case: Case) -> tuple[Taper, ...]:
    """Every taper in the chart that has begun, in the order of their first days.

    The cuts of a plan are a falling series too: one that goes beyond no plan is that plan.
    """
    plans = list(_plans(case))
    found = plans + [
        series
        for series in _series(case)
        if not any(p.begun <= series.begun and series.ended <= p.ended + _DAY for p in plans)
    ]
    return tuple(sorted((t for t in found if t.begun <= case.on), key=lambda t: (t.begun, t.ended)))


def taper_today(case: Case, found: Sequence[Taper]) -> Taper | None:
    """The taper that the patient is on today: a plan before a series, the latest of each."""
    running = [taper for taper in found if _is_running(case, taper)]
    return max(running, key=lambda t: (bool(t.steps), t.begun), default=None)


def _is_running(case: Case, taper: Taper) -> bool:
    late = taper.hold_days * case.rules.stalled_holds
    if taper.steps:
        return case.on <= taper.ended + timedelta(days=late)
    if (case.on - taper.ended).days > case.rules.series_days:
        return False
    today = case.dose_on(case.on)
    return isinstance(today, Known) and today.high < _top(case, taper)


def _top(case: Case, taper: Taper) -> Fraction:
    """The dose from which a falling series began."""
    return next(c.before for c in changes(case.stretches) if c.day == taper.begun)


def on_taper(case: Case, running: Taper | None) -> MeasureResult:
    """Whether a taper is running for somebody who takes clonazepam today."""
    if not case.current:
        return outside(NOT_TODAY)
    if running is not None:
        what = "a plan" if running.steps else "a falling series of doses"
        return yes(f"{what} since {running.begun.isoformat()}", running.sources)
    recent = case.doses(case.on - timedelta(days=case.rules.series_days), case.on)
    unknown = why_unknown(recent)
    if unknown is not None:
        return not_evaluable(f"whether the dose is falling is not known: {unknown}")
    return no("no plan of falling doses, and no cuts in a row")


def on_plan(case: Case, running: Taper | None) -> MeasureResult:
    """Today's dose is at or below the planned one."""
    if running is None:
        return outside("not on a taper")
    planned = running.planned_on(case.on)
    if planned is None:
        return not_evaluable("no plan states the doses of this taper", running.sources)
    today = case.dose_on(case.on)
    if isinstance(today, NotKnown) and not today.no_order:
        return not_evaluable(f"today's dose is not known: {today.why}", today.sources)
    dose = today.high if isinstance(today, Known) else Fraction(0)
    said = f"{plain(dose)} mg/day today, planned {plain(planned)} mg/day"
    sources = tuple(sorted({*running.sources, *today.sources}))
    return yes(said, sources) if dose <= planned else no(said, sources)


def stalled(case: Case, running: Taper | None) -> MeasureResult:
    """No cut for more than so many holds."""
    if running is None:
        return outside("not on a taper")
    cuts = [c for c in changes(case.stretches) if c.is_cut and running.begun <= c.day <= case.on]
    since = cuts[-1].day if cuts else running.begun
    gap = why_unknown(case.doses(since, case.on))
    if gap is not None:
        return not_evaluable(f"whether the dose was cut is not known: {gap}", running.sources)
    days, longest = (case.on - since).days, running.hold_days * case.rules.stalled_holds
    what = "last cut" if cuts else "begun, and no cut since,"
    said = f"{what} {days} days ago; {case.rules.stalled_holds} holds are {longest} days"
    sources = tuple(sorted({*running.sources, *(cuts[-1].sources if cuts else ())}))
    return yes(said, sources) if days > longest else no(said, sources)


def reversed_taper(case: Case, running: Taper | None) -> MeasureResult:
    """Today's dose is above the lowest of the past days."""
    if running is None:
        return outside("not on a taper")
    today = case.dose_on(case.on)
    if isinstance(today, NotKnown):
        if today.no_order:
            return no("no order today", running.sources)
        return not_evaluable(f"today's dose is not known: {today.why}", today.sources)
    recent = case.doses(case.on - timedelta(days=case.rules.lowest_days - 1), case.on)
    lowest = min(s.dose.high for s in recent if isinstance(s.dose, Known))
    said = f"{plain(today.high)} mg/day today, at least {plain(lowest)} mg/day in "
    said += f"{case.rules.lowest_days} days"
    sources = tuple(sorted({*running.sources, *today.sources}))
    if today.high > lowest:
        return yes(said, sources)
    unknown = why_unknown(recent)
    if unknown is not None:
        return not_evaluable(f"the lowest dose is not known: {unknown}", sources)
    return no(said, sources)


def no_check_in(case: Case, running: Taper | None) -> MeasureResult:
    """On a taper, the first check-in due, and none recorded lately."""
    if running is None:
        return outside("not on a taper")
    if (case.on - running.begun).days < min(check_in_rules().days_after_step):
        return outside("the first check-in is not due yet")
    recorded = case.facts.check_ins
    if isinstance(recorded, Unknown):
        return not_evaluable(recorded.why, running.sources)
    latest = max((day for day in recorded if day <= case.on), default=None)
    if latest is None:
        return yes("no check-in is recorded", running.sources)
    said = f"the last check-in was on {latest.isoformat()}"
    recent = (case.on - latest).days < case.rules.check_in_days
    return no(said, running.sources) if recent else yes(said, running.sources)


def off_by_month(case: Case, found: Sequence[Taper]) -> tuple[tuple[int, bool], ...]:
    """For each month since the latest taper began: whether the patient was off on that day.

    Off: no order stands on the day and no supply covers it. A day of which that is not known is
    left out, as is one that has not come yet.
    """
    if not found:
        return ()
    begun = found[-1].begun
    followed = []
    for month in range(1, case.rules.followed_months + 1):
        day = months_after(begun, month)
        if day > case.on:
            break
        dose = case.dose_on(day)
        if isinstance(dose, NotKnown) and not dose.no_order:
            continue
        taken = isinstance(dose, Known) and dose.high > 0
        if not taken and day in case.clonazepam.unknown:
            continue
        followed.append((month, not taken and day not in case.clonazepam.covered))
    return tuple(followed)


def months_after(day: date, months: int) -> date:
    """The same day of the month so many months later; the month's last day where it has none."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")  # pragma: no cover


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


def _series(case: Case) -> Iterator[Taper]:
    """Runs of cuts without a rise between them."""
    run: list[Change] = []
    for change in (*changes(case.stretches), None):
        near = (
            change is not None
            and change.is_cut
            and (not run or (change.day - run[-1].day).days <= case.rules.series_days)
        )
        if change is not None and near:
            run.append(change)
            continue
        if len(run) >= case.rules.series_cuts:
            yield _taper_of(run, case.rules.shortest_hold_days)
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


def _plans(case: Case) -> Iterator[Taper]:
    groups: dict[str, list[MedicationRecord]] = {}
    for record in case.facts.medications:
        if record.kind is not RecordKind.REQUEST or not is_clonazepam(record):
            continue
        if why_not_used(record) is not None:
            continue
        if record.group is not None:
            groups.setdefault(record.group, []).append(record)
        elif len(record.course.steps) > 1:
            groups[record.source] = [record]
    for group in sorted(groups):
        records = groups[group]
        steps = _planned_steps(records)
        doses = [step.dose for step in steps]
        falls = any(b < a for a, b in pairwise(doses)) and all(b <= a for a, b in pairwise(doses))
        if steps and (falls or (group.startswith(f"{OWN_PLAN}|") and len(doses) == 1)):
            sources = tuple(sorted({record.source for record in records}))
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
