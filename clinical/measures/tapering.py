"""Who is on a taper, how it goes, and who is off after so many months.

What is taken for a taper stands in `clinical.tapers`. Whether a falling series was meant as one no
order says; the report says that it is taken for one. A plan that ended is still running for as
long as a stalled one would be noticed. A dose that is known only for some days is compared over
the days for which it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from clinical.dose_history import Known, NotKnown
from clinical.facts import Unknown
from clinical.follow_up import check_in_rules
from clinical.measures.case import Case, why_unknown
from clinical.measures.dose import NOT_TODAY
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes
from clinical.quantities import plain
from clinical.tapers import Taper, changes


def on_taper(case: Case, running: Taper | None) -> MeasureResult:
    """Whether a taper is running for somebody who takes clonazepam today."""
    if not case.current:
        return outside(NOT_TODAY)
    if running is not None:
        what = "a plan" if running.steps else "a falling series of doses"
        return yes(f"{what} since {running.begun.isoformat()}", running.sources)
    recent = case.doses(case.on - timedelta(days=case.rules.tapers.series_days), case.on)
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
    days, longest = (case.on - since).days, running.hold_days * case.rules.tapers.stalled_holds
    what = "last cut" if cuts else "begun, and no cut since,"
    said = f"{what} {days} days ago; {case.rules.tapers.stalled_holds} holds are {longest} days"
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
