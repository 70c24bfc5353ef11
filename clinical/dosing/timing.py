"""How often per day a timing means: its structured parts and its codes, on average and at most.

FHIR R4 Timing: a period without a frequency is once per period; times of day and named moments
happen every day unless days of the week say otherwise; a code stands beside the structure and
should agree with it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache

from clinical.daily_dose import NotComputable
from clinical.dosage import DAYS_IN, WEEKDAYS, Timing
from clinical.dosing.timing_words import LONGEST_NAME, timing_named
from clinical.dosing.units import shown
from clinical.knowledge import document
from clinical.quantities import plain

_ANY_MEAL = frozenset({"C", "AC", "PC"})
_MEALS = frozenset({"CM", "CD", "CV", "ACM", "ACD", "ACV", "PCM", "PCD", "PCV"})
_MOMENTS = frozenset(
    (
        "MORN MORN.EARLY MORN.LATE NOON AFT AFT.EARLY AFT.LATE EVE EVE.EARLY EVE.LATE "
        "NIGHT PHS IMD HS WAKE CM CD CV ACM ACD ACV PCM PCD PCV"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Intakes per day: `low` to `high` averaged over the cycle, `peak` the most on one day.

    `weekdays` are the only days of taking, None when the cycle is not one of weekdays.
    `single` is an order of one administration: then the numbers are those of its one day.
    `only_within` are the first and last day when the days themselves are listed.
    """

    low: Fraction
    high: Fraction
    peak: int
    words: str
    weekdays: frozenset[str] | None = None
    single: bool = False
    warnings: tuple[str, ...] = ()
    only_within: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class _Cycle:
    """`low` to `high` times per `days` (per `days_max` at the slowest)."""

    low: Fraction
    high: Fraction
    days: Fraction
    days_max: Fraction
    words: str
    warnings: tuple[str, ...] = ()


@cache
def meals_per_day() -> int:
    """How many meals "with meals" means (`knowledge/dosage.toml`)."""
    return int(document("dosage.toml")["numbers"]["meals_per_day"]["value"])


def rhythm_of(timing: Timing) -> Rhythm | NotComputable | None:
    """The rhythm of a timing; None when it does not say how often."""
    long = any(len(spelling) > LONGEST_NAME for names in timing.named for spelling in names)
    return _rhythm_of(timing) if long else _kept_rhythm_of(timing)


@lru_cache(maxsize=1024)
def _kept_rhythm_of(timing: Timing) -> Rhythm | NotComputable | None:
    """Kept: one line's timing is asked several times, and clinics use the same few."""
    return _rhythm_of(timing)


def _rhythm_of(timing: Timing) -> Rhythm | NotComputable | None:
    codes, unknown = _read_names(timing)
    stated_once = timing.count == 1 and timing.count_max is None
    once = stated_once or _only_now(timing) or any(code.count == 1 for code in codes)
    timing = replace(timing, when=()) if _only_now(timing) else timing
    codes = [code for code in codes if _says_how_often(code)]
    readings: list[Rhythm] = []
    for reading in _readings(timing, codes):
        rhythm = _rhythm(reading)
        if isinstance(rhythm, NotComputable):
            return rhythm
        if rhythm is not None:
            readings.append(rhythm)
    if readings:
        rhythm = _beside_listed(_agreed(readings), timing)
        left_out = unknown if not codes else []
    elif once or len(timing.events) == 1:
        rhythm, left_out = _SINGLE, unknown
    elif timing.events:
        rhythm, left_out = _on_listed_days(timing), unknown
    elif unknown:
        return NotComputable(f'the timing "{shown(unknown[0])}" is not known')
    else:
        return None
    if once and readings:
        rhythm = _once_or(rhythm, stated=stated_once)
    notes = tuple(
        f'the timing "{shown(name)}" is not known and was left out' for name in left_out[:1]
    )
    return replace(rhythm, warnings=(*rhythm.warnings, *notes))


def as_needed_by_name(timing: Timing) -> bool:
    """Whether a timing code says as needed ("PRN", "BID PRN")."""
    return any(code.as_needed for code in _read_names(timing)[0])


def _only_now(timing: Timing) -> bool:
    """Whether "immediately" (IMD of FHIR R5) is all that the timing says."""
    return timing.when == ("IMD",) and not (
        timing.frequency or timing.period or timing.times_of_day or timing.days_of_week
    )


def _beside_listed(rhythm: Rhythm, timing: Timing) -> Rhythm:
    """A rhythm beside listed moments: the first is its start, and the busier day counts."""
    if not timing.events:
        return rhythm
    note = "moments are listed beside the rhythm; the first was read as its start"
    rhythm = replace(rhythm, warnings=(*rhythm.warnings, note))
    listed = max(Counter(timing.events).values())
    if listed <= rhythm.peak:
        return rhythm
    note = (
        f"the timing says {rhythm.words} and lists {listed} moments of one day; the higher counts"
    )
    return replace(
        rhythm,
        high=Fraction(listed),
        peak=listed,
        words=f"{listed}/day",
        warnings=(*rhythm.warnings, note),
    )


def _once_or(rhythm: Rhythm, *, stated: bool) -> Rhythm:
    """An order of one administration that also says how often.

    A count of 1 beside "once a day" is one dose. Beside more, or where only a code says
    "once", the two contradict, and the order is not taken for a single dose.
    """
    if stated and rhythm.peak == 1:
        return _SINGLE
    note = f"the order asks for one administration and for {rhythm.words}; the higher counts"
    return replace(rhythm, warnings=(*rhythm.warnings, note))


def _read_names(timing: Timing) -> tuple[list[Timing], list[str]]:
    read: list[Timing] = []
    unknown: list[str] = []
    for spellings in timing.named:
        found = next((t for t in map(timing_named, spellings) if t is not None), None)
        if found is not None:
            read.append(found)
        elif spellings:
            unknown.append(spellings[-1])
    return read, unknown


def _says_how_often(timing: Timing) -> bool:
    return bool(
        timing.frequency is not None
        or timing.frequency_max is not None
        or timing.period is not None
        or timing.days_of_week
        or timing.times_of_day
        or timing.when
    )


def _readings(timing: Timing, codes: list[Timing]) -> list[Timing]:
    """The structure and each code as whole timings, each completed by what it leaves open."""
    has_cycle = timing.frequency is not None or timing.period is not None
    has_cycle = has_cycle or timing.frequency_max is not None
    if timing.period is None and any(
        (code.frequency, code.frequency_max) == (timing.frequency, timing.frequency_max)
        for code in codes
    ):
        has_cycle = False  # "2" without its period beside "BID": the code says of what
    whole = [
        replace(
            code,
            days_of_week=timing.days_of_week or code.days_of_week,
            times_of_day=() if has_cycle else timing.times_of_day,
            when=code.when if has_cycle else timing.when or code.when,
        )
        for code in codes
    ]
    if has_cycle or not codes:
        whole.insert(0, timing)
    return whole


def _agreed(readings: list[Rhythm]) -> Rhythm:
    """One rhythm said several times; where the sayings differ, all of them are bounds."""
    first = readings[0]
    others = [r for r in readings if (r.low, r.high) != (first.low, first.high)]
    if not others:
        return first
    highest = max(readings, key=lambda r: (r.high, r.peak))
    said = " and ".join(dict.fromkeys(r.words for r in readings))
    return Rhythm(
        low=min(r.low for r in readings),
        high=highest.high,
        peak=max(r.peak for r in readings),
        words=highest.words,
        weekdays=highest.weekdays if all(r.weekdays == first.weekdays for r in readings) else None,
        single=all(r.single for r in readings),
        warnings=(
            *dict.fromkeys(w for r in readings for w in r.warnings),
            f"the timing is given as {said}; the higher counts",
        ),
    )


_SINGLE = Rhythm(Fraction(1), Fraction(1), 1, "once", single=True)


def _on_listed_days(timing: Timing) -> Rhythm:
    first, last = min(timing.events), max(timing.events)
    bounds = timing.bounds
    outside = (bounds.starts is not None and first < bounds.starts) or (
        bounds.ends is not None and bounds.ends < last
    )
    note = "a listed moment lies outside the dosage's period; it was counted all the same"
    times, days = len(timing.events), (last - first).days + 1
    average = Fraction(times, days)
    return Rhythm(
        average,
        average,
        max(Counter(timing.events).values()),
        f"{plain(average)}/day ({times} within {days} d)",
        warnings=(note,) if outside else (),
        only_within=(first, last),
    )


def _rhythm(timing: Timing) -> Rhythm | NotComputable | None:
    cycle = _cycle(timing)
    if isinstance(cycle, NotComputable):
        return cycle
    moments = _moments(timing, cycle)
    if isinstance(moments, NotComputable):
        return moments
    intakes, notes = moments
    if cycle is None:
        return _without_cycle(timing, intakes, notes)
    if timing.days_of_week and len(timing.days_of_week) < len(WEEKDAYS):
        return _on_weekdays(timing.days_of_week, cycle, intakes, notes)
    return _all_days(cycle, intakes, notes)


def _cycle(timing: Timing) -> _Cycle | NotComputable | None:
    if timing.frequency is None and timing.frequency_max is None and timing.period is None:
        if timing.period_max is not None:
            return NotComputable("the timing gives only the longest interval")
        return None
    if timing.period is None or timing.period_unit is None:
        return NotComputable("the timing gives a frequency without the period it is for")
    if timing.period_unit not in DAYS_IN:
        return NotComputable(f'the unit of time "{shown(timing.period_unit)}" is not known')
    warnings: tuple[str, ...] = ()
    low, high = timing.frequency, timing.frequency_max
    if low is None:
        warnings = ("no frequency is given; read as once per period",)
        if high is not None:
            warnings = ("only the highest frequency is given; the lowest was read as once",)
    if low is None and high is None:
        low = high = Fraction(1)
    low = min(Fraction(1), high) if low is None and high is not None else low
    high = low if high is None else high
    if low is None or high is None or high == 0:
        return NotComputable("the frequency is zero")
    if timing.frequency == 0 and timing.frequency_max is None:
        return NotComputable("the frequency is zero")
    period_max = timing.period if timing.period_max is None else timing.period_max
    if timing.period == 0 or period_max == 0:
        return NotComputable("the timing's period is zero")
    if high < low or period_max < timing.period:
        return NotComputable("the timing's maximum is below its minimum")
    unit = DAYS_IN[timing.period_unit]
    times = span(low, high)
    every = span(timing.period, period_max)
    words = f"{times} per {every} {timing.period_unit}"
    return _Cycle(low, high, timing.period * unit, period_max * unit, words, warnings)


def _moments(timing: Timing, cycle: _Cycle | None) -> tuple[int, tuple[str, ...]] | NotComputable:
    """How many moments of the day are named, and what had to be assumed."""
    when = {code.upper() for code in timing.when}
    odd = sorted(when - _MOMENTS - _ANY_MEAL)
    if odd:
        return NotComputable(f'the moment of the day "{shown(odd[0])}" is not known')
    meals = len(when & _ANY_MEAL)
    named = len(when - _ANY_MEAL) + len(set(timing.times_of_day))
    both = (_TIMES_AND_MOMENTS,) if when and timing.times_of_day else ()
    if not meals or (cycle is not None and not named):
        return named, both
    others = len(when - _ANY_MEAL - _MEALS) + len(set(timing.times_of_day))
    count = meals_per_day()
    return count * meals + others, (*both, f"meals are counted as {count} a day")


_TIMES_AND_MOMENTS = "times and moments of the day are both given; all of them are counted"


def _without_cycle(timing: Timing, intakes: int, notes: tuple[str, ...]) -> Rhythm | None:
    days = timing.days_of_week
    if not intakes and not days:
        return None
    if not intakes:
        intakes = 1
        notes += ("the order names days and not how often on them; read as once on each",)
    if not days or len(days) == len(WEEKDAYS):
        each = Fraction(intakes)
        return Rhythm(each, each, intakes, f"{intakes}/day", warnings=notes)
    average = Fraction(intakes * len(days), 7)
    words = f"{plain(average)}/day ({intakes} on {_names(days)})"
    return Rhythm(average, average, intakes, words, days, warnings=notes)


def _all_days(cycle: _Cycle, intakes: int, notes: tuple[str, ...]) -> Rhythm:
    low, high = cycle.low / cycle.days_max, cycle.high / cycle.days
    peak = max(math.ceil(high), intakes)
    notes = cycle.warnings + notes
    words = f"{span(low, high)}/day"
    if cycle.days != 1 or cycle.days_max != 1:
        words += f" ({cycle.words})"
    # Moments may be those of the whole cycle (every 2 d, morning and evening) or of each day.
    per_cycle = {Fraction(intakes), intakes * max(cycle.days, Fraction(1))}
    agrees = any(cycle.low <= n <= cycle.high for n in per_cycle)
    if not intakes or agrees or (cycle.days < 1 and low <= intakes <= high):
        return Rhythm(low, high, peak, words, warnings=notes)
    other = intakes / max(cycle.days, Fraction(1))
    notes += (
        f"the timing says {cycle.words} and names {_counted(intakes)} of the day; "
        "the higher counts",
    )
    low, high = min(low, other), max(high, other)
    return Rhythm(low, high, max(peak, math.ceil(high)), f"{plain(high)}/day", warnings=notes)


def _on_weekdays(
    days: frozenset[str], cycle: _Cycle, intakes: int, notes: tuple[str, ...]
) -> Rhythm | NotComputable:
    count = len(days)
    notes = cycle.warnings + notes
    if cycle.days <= 1:
        daily = _all_days(cycle, intakes, notes)
        low, high = daily.low * count / 7, daily.high * count / 7
        words = f"{span(low, high)}/day ({span(daily.low, daily.high)} on {_names(days)})"
        return Rhythm(low, high, daily.peak, words, days, warnings=daily.warnings)
    if (cycle.days / 7).denominator != 1:
        return NotComputable(
            f"the timing says {cycle.words} and also names days of the week, which contradict"
        )
    low, high = cycle.low, cycle.high
    named = Fraction(count * max(intakes, 1))
    if named > high:
        notes += (
            f"the timing says {cycle.words} and names {plain(named)} occasions in a week; "
            "the higher counts",
        )
        high = named
    # Of 2 in 2 weeks on Monday, one falls on each Monday.
    peak = max(math.ceil(high / (count * cycle.days / 7)), intakes)
    low, high = low / cycle.days_max, high / cycle.days
    words = f"{span(low, high)}/day ({cycle.words}, {_names(days)})"
    return Rhythm(low, high, peak, words, days, warnings=notes)


def span(low: Fraction, high: Fraction) -> str:
    """Two bounds in words: "2", or "1 to 2"."""
    return plain(low) if low == high else f"{plain(low)} to {plain(high)}"


def _names(days: frozenset[str]) -> str:
    return ", ".join(day for day in WEEKDAYS if day in days)


def _counted(intakes: int) -> str:
    return "1 moment" if intakes == 1 else f"{intakes} moments"
