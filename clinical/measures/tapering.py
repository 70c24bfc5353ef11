"""Who is on a taper, how it goes, and who is off after so many months.

What is taken for a taper, and how it goes, stands in `clinical.tapers`. Whether a falling series
was meant as one no order says; the report says that it is taken for one. A plan that ended is still
running for as long as a stalled one would be noticed. A dose that is known only for some days is
compared over the days for which it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from clinical.dose_history import Known, NotKnown, why_unknown
from clinical.facts import Unknown
from clinical.follow_up import check_in_rules
from clinical.measures.case import Case
from clinical.measures.dose import NOT_TODAY
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes
from clinical.tapers import Answer, Taper, progress


def on_taper(case: Case, running: Taper | None) -> MeasureResult:
    """Whether a taper is running for somebody who takes clonazepam today."""
    if not case.current:
        return outside(NOT_TODAY)
    if running is not None:
        what = "a plan" if running.is_plan else "a falling series of doses"
        return yes(f"{what} since {running.begun.isoformat()}", running.sources)
    recent = case.doses(case.on - timedelta(days=case.rules.tapers.series_days), case.on)
    unknown = why_unknown(recent)
    if unknown is not None:
        return not_evaluable(f"whether the dose is falling is not known: {unknown}")
    return no("no plan of falling doses, and no cuts in a row")


def how_it_goes(
    case: Case, running: Taper | None
) -> tuple[MeasureResult, MeasureResult, MeasureResult]:
    """On plan, stalled, reversed: see `clinical.tapers.progress`."""
    if running is None:
        return (outside("not on a taper"),) * 3
    found = progress(running, case.facts, case.stretches, case.on, case.rules.tapers)
    return _measured(found.on_plan), _measured(found.stalled), _measured(found.reversed)


def _measured(answer: Answer) -> MeasureResult:
    if answer.met is None:
        return not_evaluable(answer.why, answer.sources)
    return (yes if answer.met else no)(answer.why, answer.sources)


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
