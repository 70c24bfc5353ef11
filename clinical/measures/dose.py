"""How much clonazepam a day: today, against three months ago, and before the end."""

from __future__ import annotations

from datetime import date, timedelta

from clinical.checks.words import uncounted_reasons
from clinical.dose_history import Known, NotKnown, why_unknown
from clinical.measures.case import Case, highest
from clinical.measures.definitions import dose_distribution
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes
from clinical.measures.use import discontinued
from clinical.quantities import plain

_DAY = timedelta(days=1)

NOT_TODAY = "no clonazepam order today"


def high_dose(case: Case) -> MeasureResult:
    """The present orders come to the high dose on one day; the known part may suffice."""
    if not case.current:
        return outside(NOT_TODAY)
    total, limit = case.present, case.policy.high_dose_mg_per_day
    sources = tuple(sorted(record.source for record in case.current))
    if total.mg_per_day >= limit:
        return yes(f"{total} is at or above {plain(limit)} mg/day", sources)
    if total.complete:
        return no(f"{total} is under {plain(limit)} mg/day", sources)
    return not_evaluable(f"the dose cannot be said: {uncounted_reasons(total)}", sources)


def dose_today(case: Case) -> tuple[int | None, str | None, str | None]:
    """Micrograms a day (rounded down to whole ones), why not, and the bar it stands in.

    The bar is found from the exact dose. All three are None without clonazepam today.
    """
    if not case.current:
        return None, None, None
    total = case.present
    if not total.complete:
        return None, uncounted_reasons(total), None
    if not total.sources:
        return None, "nothing is to be taken on this day", None
    bar = next(b for b in dose_distribution().bars if b.holds(total.mg_per_day))
    scaled = total.mg_per_day * 1000
    return scaled.numerator // scaled.denominator, None, bar.id


def escalated(case: Case) -> MeasureResult:
    """The highest ordered dose of the recent days is above that of the day before them."""
    compared = _compared(case)
    if isinstance(compared, MeasureResult):
        return compared
    day, before = compared
    recent = case.doses(day + _DAY, case.on)
    most = highest(recent)
    since = f"{plain(before.high)} mg/day on {day.isoformat()}"
    sources = tuple(sorted({*before.sources, *(most[1] if most else ())}))
    if most is not None and most[0] > before.high:
        return yes(f"up to {plain(most[0])} mg/day since, from {since}", sources)
    unknown = why_unknown(recent)
    if unknown is not None:
        return not_evaluable(f"the dose since is not known: {unknown}", sources)
    return no(f"never above {since} since", sources)


def reduced(case: Case) -> MeasureResult:
    """Today's ordered dose is a quarter or more below that of three months ago."""
    if not case.current:
        return outside(NOT_TODAY)
    compared = _compared(case)
    if isinstance(compared, MeasureResult):
        return compared
    day, before = compared
    today = case.dose_on(case.on)
    if isinstance(today, NotKnown):
        return outside(NOT_TODAY) if today.no_order else not_evaluable(today.why, today.sources)
    said = f"{plain(today.high)} mg/day, from {plain(before.high)} mg/day on {day.isoformat()}"
    sources = tuple(sorted({*before.sources, *today.sources}))
    fell = today.high <= before.high * (1 - case.rules.reduction)
    return yes(said, sources) if fell else no(said, sources)


def _compared(case: Case) -> tuple[date, Known] | MeasureResult:
    """The day before the recent ones and its dose, or why nothing can be compared with it."""
    day = case.on - timedelta(days=case.rules.recent_days + 1)
    dose = case.dose_on(day)
    if isinstance(dose, Known) and dose.high > 0:
        return day, dose
    if isinstance(dose, Known) or dose.no_order:
        return outside(f"no order of clonazepam on {day.isoformat()}")
    return not_evaluable(f"the dose on {day.isoformat()} is not known: {dose.why}", dose.sources)


def how_it_ended(case: Case) -> tuple[MeasureResult, MeasureResult]:
    """Whether use that has ended, ended abruptly, and whether it ended by tapering.

    By the ordered dose on the last covered day against the highest of the days up to it. Where
    supply that was carried over outlasts the orders, the last ordered dose before counts.
    """
    ended = discontinued(case)
    if ended.met is not True:
        other = not_evaluable(ended.why) if ended.not_evaluable else outside("not discontinued")
        return other, other
    last = (case.clonazepam.covered & case.window).last_before(case.on) or case.on
    stretches = case.doses(last - timedelta(days=case.rules.recent_days - 1), last)
    known = [s.dose for s in stretches if not (isinstance(s.dose, NotKnown) and s.dose.no_order)]
    unknown = why_unknown(stretches)
    if not known or unknown is not None:
        why = unknown or "no order says a dose for its last days"
        other = not_evaluable(f"the dose before the end is not known: {why}", ended.sources)
        return other, other
    final, most = known[-1], highest(stretches)
    if isinstance(final, NotKnown) or most is None:  # pragma: no cover - ruled out above
        raise AssertionError("every dose is known here")
    said = (
        f"{plain(final.high)} mg/day on {last.isoformat()}, at most {plain(most[0])} mg/day in the "
        f"{case.rules.recent_days} days up to it"
    )
    sources = tuple(sorted({*ended.sources, *final.sources, *most[1]}))
    if final.high > most[0] * case.rules.tapers.abrupt:
        return yes(said, sources), no(said, sources)
    return no(said, sources), yes(said, sources)
