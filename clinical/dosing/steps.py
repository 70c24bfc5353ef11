"""When each line of a dosage applies: a sequence as steps in time, lines side by side as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from clinical.daily_dose import DailyDose, NotComputable
from clinical.dosage import WEEKDAYS, DosageLine
from clinical.dosing.line_dose import LineDose
from clinical.quantities import plain

_DAY = timedelta(days=1)
_LINES_IN_WORKING = 6


@dataclass(frozen=True, slots=True)
class DatedLine:
    """A line with its dose and the days it applies (None: not known or open).

    `ends` is the last day that it may apply, `ends_early` the first day after which it may
    already have ended, where the two differ.
    """

    line: DosageLine
    dosed: LineDose
    starts: date | None
    ends: date | None
    ends_early: date | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days with one set of lines and what they come to together."""

    starts: date | None
    ends: date | None
    dosed: LineDose


@dataclass(frozen=True, slots=True)
class Steps:
    """The stretches of an order, in time; `dated` is false when only their order is known.

    `counts_from_start`: some line states a length and no date.
    """

    stretches: tuple[Stretch, ...]
    dated: bool
    warnings: tuple[str, ...] = ()
    counts_from_start: bool = False


def plus_days(day: date, days: int) -> date:
    """The day so many days later, or the calendar's last day."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max


def steps_of(
    lines: list[tuple[DosageLine, LineDose]], starts: date | None
) -> Steps | NotComputable:
    """The stretches of an order's computed lines."""
    groups = _groups(lines, starts)
    steps = _undated(groups) if len(groups) > 1 and not _are_dated(groups) else _dated(groups)
    if isinstance(steps, NotComputable) or not any(_lacks_a_date(*pair) for pair in lines):
        return steps
    return replace(steps, counts_from_start=True)


def _lacks_a_date(line: DosageLine, dosed: LineDose) -> bool:
    dated = line.timing.bounds.starts or line.timing.events or dosed.only_within
    return not dated and _is_limited(line, dosed)


def _is_limited(line: DosageLine, dosed: LineDose) -> bool:
    timing = line.timing
    return timing.bounds.lasts_days is not None or timing.count is not None or dosed.single


def _groups(lines: list[tuple[DosageLine, LineDose]], starts: date | None) -> list[list[DatedLine]]:
    """Lines of one sequence number together, in order; those without one belong to each."""
    numbers = sorted({line.sequence for line, _ in lines if line.sequence is not None})
    cursor = starts
    groups: list[list[DatedLine]] = []
    for place, number in enumerate(numbers or [None]):
        members = [pair for pair in lines if pair[0].sequence in {number, None}]
        group = [_date(line, dosed, cursor, first=place == 0) for line, dosed in members]
        groups.append(group)
        cursor = _next_start(group)
    return [_until_next(group, groups[i + 1 :]) for i, group in enumerate(groups)]


def _date(line: DosageLine, dosed: LineDose, cursor: date | None, *, first: bool) -> DatedLine:
    bounds, timing = line.timing.bounds, line.timing
    begin = bounds.starts or min(timing.events, default=None)
    if dosed.only_within is not None:
        return DatedLine(line, dosed, *dosed.only_within)
    follows = line.sequence is not None and not first
    if begin is None and (_is_limited(line, dosed) or follows):
        begin = cursor
    early, end = bounds.ends, bounds.ends
    if end is None and begin is not None:
        if bounds.lasts_days is not None:
            early, end = (plus_days(begin, days - 1) for days in bounds.lasts_days)
        elif dosed.single:
            early = end = begin
        elif timing.count is not None and dosed.slowest and not dosed.dose.as_needed:
            most, fastest = timing.count_max or timing.count, dosed.fastest or dosed.slowest
            early = _day_of(timing.count, fastest, begin, dosed.weekdays)
            end = _day_of(most, dosed.slowest, begin, dosed.weekdays)
    return DatedLine(line, dosed, begin, end, early)


def _day_of(count: int, per_day: Fraction, begin: date, weekdays: frozenset[str] | None) -> date:
    """The day of the last of so many administrations, `per_day` on average over the week."""
    if not weekdays:
        return plus_days(begin, math.ceil(count / per_day) - 1)
    days_of_taking = math.ceil(count / (per_day * 7 / len(weekdays)))
    weeks, rest = divmod(days_of_taking - 1, len(weekdays))
    taken = [offset for offset in range(7) if WEEKDAYS[(begin.weekday() + offset) % 7] in weekdays]
    return plus_days(begin, weeks * 7 + taken[rest])


def _next_start(group: list[DatedLine]) -> date | None:
    """The first day of what may follow a group: after its shortest duration."""
    ends = [dated.ends_early or dated.ends for dated in group]
    known = [day for day in ends if day is not None]
    return plus_days(max(known), 1) if known and len(known) == len(ends) else None


def _until_next(group: list[DatedLine], later: list[list[DatedLine]]) -> list[DatedLine]:
    """An open step ends the day before the next; on a shared day the later step counts."""
    if not later:
        return group
    begins = [dated.starts for dated in later[0] if dated.starts is not None]
    if not begins or len(begins) != len(later[0]):
        return group
    begin = min(begins)
    closed = []
    for dated in group:
        open_or_shared = dated.ends is None or dated.ends == begin
        if open_or_shared and (dated.starts is None or dated.starts < begin):
            dated = replace(dated, ends=begin - _DAY if begin > date.min else begin)  # noqa: PLW2901
        closed.append(dated)
    return closed


def _are_dated(groups: list[list[DatedLine]]) -> bool:
    ended = all(dated.ends is not None for group in groups[:-1] for dated in group)
    begun = all(dated.starts is not None for group in groups[1:] for dated in group)
    return ended and begun


def _undated(groups: list[list[DatedLine]]) -> Steps | NotComputable:
    stretches: list[Stretch] = []
    for group in groups:
        together = sum_of([dated.dosed for dated in group])
        if isinstance(together, NotComputable):
            return together
        begins = [d.starts for d in group if d.starts is not None]
        ends = [d.ends for d in group if d.ends is not None]
        stretches.append(
            Stretch(
                min(begins) if len(begins) == len(group) else None,
                max(ends) if len(ends) == len(group) else None,
                together,
            )
        )
    note = "the steps have no dates; the highest one counts"
    all_lines = sum_of([s.dosed for s in stretches])
    if not _all_last_a_while(groups[:-1]) and isinstance(all_lines, LineDose):
        # Without any duration the numbers may be those of a list, not of steps.
        dose = all_lines.dose
        note += f" (if all were taken together: {plain(dose.high)} {dose.unit}/day)"
    return Steps(tuple(stretches), dated=False, warnings=(note,))


def _all_last_a_while(groups: list[list[DatedLine]]) -> bool:
    bounds = [dated.line.timing.bounds for group in groups for dated in group]
    return all(b.ends is not None or b.lasts_days is not None for b in bounds)


def _dated(groups: list[list[DatedLine]]) -> Steps | NotComputable:
    groups = [_without_shared_days(group) for group in groups]
    edges = _edges(dated for group in groups for dated in group)
    stretches: list[Stretch] = []
    overlapped = False
    for begin, end in edges:
        candidates: list[LineDose] = []
        for group in groups:
            active = [d.dosed for d in group if _covers(d, begin, end)]
            if active:
                together = sum_of(active)
                if isinstance(together, NotComputable):
                    return together
                candidates.append(together)
        if not candidates:
            continue
        overlapped = overlapped or len(candidates) > 1
        _append(stretches, Stretch(begin, end, highest_of(candidates)))
    notes = ("steps of the sequence overlap; the highest counts there",) if overlapped else ()
    return Steps(tuple(stretches), dated=True, warnings=notes)


def _without_shared_days(group: list[DatedLine]) -> list[DatedLine]:
    """Where one line ends on the day another begins, the later one counts on that day."""
    begins = {dated.starts for dated in group if dated.starts is not None}
    return [
        replace(dated, ends=dated.ends - _DAY)
        if dated.ends is not None
        and dated.ends in begins
        and dated.starts != dated.ends
        and dated.ends > date.min
        else dated
        for dated in group
    ]


def _edges(lines: Iterable[DatedLine]) -> list[tuple[date | None, date | None]]:
    """The stretches between all starts and ends: (None, x) ... (y, None)."""
    cuts: set[date] = set()
    for dated in lines:
        if dated.starts is not None:
            cuts.add(dated.starts)
        if dated.ends is not None and dated.ends < date.max:
            cuts.add(dated.ends + _DAY)
    days = sorted(cuts)
    edges: list[tuple[date | None, date | None]] = []
    begin: date | None = None
    for day in days:
        if day > date.min:
            edges.append((begin, day - _DAY))
        begin = day
    edges.append((begin, None))
    return edges


def _covers(dated: DatedLine, begin: date | None, end: date | None) -> bool:
    if dated.starts is not None and (begin is None or begin < dated.starts):
        return False
    return dated.ends is None or dated.ends == date.max or (end is not None and end <= dated.ends)


def _append(stretches: list[Stretch], new: Stretch) -> None:
    last = stretches[-1] if stretches else None
    touching = last is not None and last.ends is not None and new.starts == last.ends + _DAY
    if last is not None and touching and last.dosed == new.dosed:
        stretches[-1] = replace(last, ends=new.ends)
    else:
        stretches.append(new)


def highest_of(doses: list[LineDose]) -> LineDose:
    """The highest of alternatives, its low bound the lowest of all: never their sum."""
    if len(doses) == 1:
        return doses[0]
    highest = max(doses, key=lambda d: (d.dose.peak_day, d.dose.high))
    low = min(d.dose.low for d in doses)
    high = max(d.dose.high for d in doses)
    return replace(
        highest, dose=replace(highest.dose, low=low, high=high), weekdays=None, week=None
    )


Week = tuple[tuple[Fraction, Fraction], ...]


def week_of(dosed: LineDose) -> Week | None:
    """The lowest and highest dose of Monday to Sunday; None where no weekday is named.

    What is not of weekdays, "every other day", counts with its average on each.
    """
    if dosed.week is not None or dosed.weekdays is None:
        return dosed.week
    share = Fraction(7, len(dosed.weekdays))
    on_them = (dosed.dose.low * share, dosed.dose.high * share)
    if on_them[1] != dosed.dose.peak_day:
        # Every second Monday, or three times on two days: which of them is not said.
        on_them = (Fraction(0), dosed.dose.peak_day)
    never = (Fraction(0), Fraction(0))
    return tuple(on_them if day in dosed.weekdays else never for day in WEEKDAYS)


def _week_of_all(doses: list[LineDose]) -> Week | None:
    weeks = [week_of(dosed) for dosed in doses]
    if not any(weeks):
        return None
    each = [
        week or ((dosed.dose.low, dosed.dose.high),) * 7
        for week, dosed in zip(weeks, doses, strict=True)
    ]
    return tuple(
        (sum((low for low, _ in day), Fraction(0)), sum((high for _, high in day), Fraction(0)))
        for day in zip(*each, strict=True)
    )


def sum_of(doses: list[LineDose]) -> LineDose | NotComputable:
    """Doses taken side by side, as one."""
    first = doses[0]
    if len(doses) == 1:
        return first
    if len({d.dose.unit for d in doses}) > 1:
        units = " and ".join(dict.fromkeys(d.dose.unit for d in doses))
        return NotComputable(f"the lines are in different units ({units}), which cannot be added")
    total = _total([d.dose for d in doses], _peak(doses))
    given = [d.given for d in doses if d.given is not None]
    same_unit = len(given) == len(doses) and len({g.unit for g in given}) == 1
    intakes = [d.intakes for d in doses if d.intakes is not None]
    weekdays = [d.weekdays for d in doses if d.weekdays is not None]
    return LineDose(
        total,
        _total(given, sum((g.peak_day for g in given), Fraction(0))) if same_unit else None,
        _most_intakes(doses) if len(intakes) == len(doses) else None,
        weekdays=frozenset().union(*weekdays) if len(weekdays) == len(doses) else None,
        week=_week_of_all(doses),
    )


def _total(doses: list[DailyDose], peak: Fraction) -> DailyDose:
    low = sum((d.low for d in doses), Fraction(0))
    high = sum((d.high for d in doses), Fraction(0))
    unit = doses[0].unit
    shown = [d.working for d in doses[:_LINES_IN_WORKING]]
    if len(doses) > _LINES_IN_WORKING:
        shown.append(f"and {len(doses) - _LINES_IN_WORKING} more lines")
    bounds = plain(high) if low == high else f"{plain(low)} to {plain(high)}"
    working = f"{'; '.join(shown)}; together {bounds} {unit}/day"
    if peak != high:
        working += f", at most {plain(peak)} {unit} on one day"
    warnings = tuple(dict.fromkeys(w for d in doses for w in d.warnings))
    return DailyDose(unit, low, high, peak, all(d.as_needed for d in doses), working, warnings)


def _peak(doses: list[LineDose]) -> Fraction:
    """The most on one day; a line without weekdays or a turn may fall on any of them."""
    return max(
        sum((d.dose.peak_day for d in together), Fraction(0)) for together in _on_each_day(doses)
    )


def _most_intakes(doses: list[LineDose]) -> int:
    return max(sum(d.intakes or 0 for d in together) for together in _on_each_day(doses))


def _on_each_day(doses: list[LineDose]) -> Iterator[list[LineDose]]:
    """What is taken together, for every weekday and every turn of doses that take turns."""
    turns = {d.turn for d in doses if d.turn is not None} or {1}
    for day in WEEKDAYS:
        for turn in turns:
            yield [
                d
                for d in doses
                if (d.weekdays is None or day in d.weekdays) and d.turn in {None, turn}
            ]
