"""The times that a text gives one dose, as one timing; two names of one moment are one moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from clinical.dosage import Timing
from clinical.dosing.sig_doses import DOSES, Unclear
from clinical.dosing.sig_tokens import Kind, Token
from clinical.dosing.timing import meals_per_day
from clinical.dosing.timing_words import TimingPhrase

_ANY_TIME = "meals"
"""The part of the day of "with meals": no one part."""

_PARTS_OF_DAY = {
    "morning": {"MORN", "CM", "ACM", "PCM", "WAKE"},
    "midday": {"NOON", "CD", "ACD", "PCD", "AFT"},
    "evening": {"EVE", "CV", "ACV", "PCV", "HS", "NIGHT"},
    _ANY_TIME: {"C", "AC", "PC"},
}
_TWO_WAYS = "the text says how often in two different ways"
FIRST = "first"
NO_WORD = frozenset({"", ",", ";", ".", FIRST})
"""What may stand before a time without adding another to it."""


def one_timing(whens: Sequence[TimingPhrase], joined: Sequence[str]) -> Timing:
    """The phrases of one clause as one timing; `joined` is the word before each. Raises Unclear."""
    _refuse_sums(whens, joined)
    merged = Timing()
    cycles: set[Timing] = set()
    every_day = False
    before = ""
    for when, word in zip(whens, joined, strict=True):
        timing = when.timing
        if when.every_day_only:
            every_day = True
        elif timing.frequency is not None and when.days_a_week is None:
            cycles.add(replace(timing, when=(), days_of_week=frozenset(), turn=None))
        if merged.turn is not None and timing.turn is not None and merged.turn != timing.turn:
            raise Unclear(_TWO_WAYS)
        merged = replace(
            merged,
            count=merged.count or timing.count,
            days_of_week=merged.days_of_week | timing.days_of_week,
            turn=merged.turn or timing.turn,
        )
        part = _part_of_day(timing)
        if word or part != before:
            if not word and part and before and _ANY_TIME in {part, before}:
                raise Unclear("the text names meals and another time for one dose")
            merged = replace(
                merged,
                when=tuple(dict.fromkeys(merged.when + timing.when)),
                times_of_day=tuple(dict.fromkeys(merged.times_of_day + timing.times_of_day)),
            )
        before = part or before
    days_a_week = {when.days_a_week for when in whens if when.days_a_week is not None}
    merged = _with_cycle(merged, cycles, every_day=every_day)
    return _on_some_days(merged, days_a_week) if days_a_week else merged


def _with_cycle(merged: Timing, cycles: set[Timing], *, every_day: bool) -> Timing:
    if len(cycles) > 1:
        raise Unclear(_TWO_WAYS)
    moments = len(merged.when) + len(merged.times_of_day)
    if merged.count is not None and (cycles or moments or every_day or merged.days_of_week):
        raise Unclear('the text says "once" and also how often')
    if cycles:
        (cycle,) = cycles
        if every_day and (cycle.period_unit not in {"d", "h"} or _is_rarer(cycle)):
            raise Unclear(_TWO_WAYS)
        meals_only = not merged.times_of_day and _part_of_day(merged) == _ANY_TIME
        meals_only = meals_only and len(merged.when) == 1
        times = moments + (meals_per_day() - 1) * len({"C", "AC", "PC"} & set(merged.when))
        if moments and cycle.frequency not in {1, moments, times} and not meals_only:
            raise Unclear(_TWO_WAYS)
        if moments and times != moments:
            # The meals are among the times of the cycle, which says how many those are.
            merged = replace(merged, when=(), times_of_day=())
        return replace(
            merged,
            frequency=cycle.frequency,
            frequency_max=cycle.frequency_max,
            period=cycle.period,
            period_max=cycle.period_max,
            period_unit=cycle.period_unit,
        )
    if every_day and not moments:
        return replace(merged, frequency=Fraction(1), period=Fraction(1), period_unit="d")
    return merged


def _is_rarer(cycle: Timing) -> bool:
    return cycle.period_unit == "d" and cycle.period is not None and cycle.period > 1


def _on_some_days(timing: Timing, days_a_week: set[int]) -> Timing:
    """Of "twice daily 5 days a week" ten times a week, two on one day."""
    moments = len(timing.when) + len(timing.times_of_day)
    daily = timing.frequency if timing.period == 1 and timing.period_unit == "d" else None
    if timing.frequency is None:
        daily = Fraction(moments or 1)
    if len(days_a_week) > 1 or daily is None or timing.frequency_max or timing.days_of_week:
        raise Unclear(_TWO_WAYS)
    times = daily * days_a_week.pop()
    if math.ceil(times / 7) != daily:
        # Spread evenly, so many times a week would be fewer on one day than the text says.
        raise Unclear("the text gives a number of days in a week and several doses on each")
    return Timing(frequency=times, period=Fraction(1), period_unit="wk", turn=timing.turn)


def _refuse_sums(whens: Sequence[TimingPhrase], joined: Sequence[str]) -> None:
    """Of "daily and at bedtime" may be one dose or two: it is not read."""
    pairs = zip(whens, whens[1:], joined[1:], strict=False)
    for one, other, word in pairs:
        if word not in NO_WORD and _is_cycle(one) != _is_cycle(other):
            raise Unclear(
                "the text joins how often with a time of day, which may be one dose or two"
            )


def _is_cycle(when: TimingPhrase) -> bool:
    return when.timing.frequency is not None


def is_alternating(tokens: Sequence[Token], first_whens: Sequence[TimingPhrase]) -> bool:
    """Whether two doses side by side share "on alternate days": "1 mg and 0.5 mg on ..."."""
    timings = [t for t in tokens if t.kind is Kind.TIMING]
    doses = [t for t in tokens if t.kind in DOSES]
    shared = not first_whens and len(doses) == 2
    return shared and any("alternat" in t.words for t in timings)


def turns_of(whens: Sequence[TimingPhrase]) -> list[Timing]:
    """The timings of two doses that take turns, each every second day. Raises Unclear."""
    merged = Timing()
    for when in whens:
        timing = when.timing
        once_a_day = timing.frequency in {None, 1} and timing.period in {None, 1, 2}
        once_a_day = once_a_day and timing.period_unit in {None, "d"} and not timing.count
        if not once_a_day or timing.frequency_max or timing.days_of_week or timing.turn:
            raise Unclear("the text alternates doses and gives more than one time a day")
        merged = replace(
            merged,
            when=tuple(dict.fromkeys(merged.when + timing.when)),
            times_of_day=tuple(dict.fromkeys(merged.times_of_day + timing.times_of_day)),
        )
    if len(merged.when) + len(merged.times_of_day) > 1:
        raise Unclear("the text alternates doses and gives more than one time a day")
    merged = replace(merged, frequency=Fraction(1), period=Fraction(2), period_unit="d")
    return [replace(merged, turn=turn) for turn in (1, 2)]


def _part_of_day(timing: Timing) -> str:
    """The part of the day that a timing names: "in the evening at bedtime" names one twice."""
    for part, moments in _PARTS_OF_DAY.items():
        if moments & set(timing.when):
            return part
    for time in timing.times_of_day:
        hour = int(time[:2])
        return "morning" if 4 <= hour < 11 else "midday" if 11 <= hour < 16 else "evening"
    return ""
