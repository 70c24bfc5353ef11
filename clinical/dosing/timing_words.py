"""Timing codes and phrases ("BID", "every 4-6 hours", "qhs") as timings.

The fixed ones are `knowledge/timing_codes.csv` (HL7 v3 GTSAbbreviation, HL7 v2 table 0335 and
their common texts); those with a number in them are patterns here. Serves coded timings and
the sig reader alike, so that a code and its words cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from clinical.dosage import WEEKDAYS, Timing
from clinical.knowledge import table

NUMBER_WORDS: dict[str, Fraction] = {
    "one": Fraction(1), "two": Fraction(2), "three": Fraction(3), "four": Fraction(4),
    "five": Fraction(5), "six": Fraction(6), "seven": Fraction(7), "eight": Fraction(8),
    "nine": Fraction(9), "ten": Fraction(10), "eleven": Fraction(11), "twelve": Fraction(12),
}  # fmt: skip

_ORDINALS = {"third": 3, "fourth": 4, "fifth": 5, "3rd": 3, "4th": 4, "5th": 5, "2nd": 2}
_UNITS = {
    "min": r"minutes?|mins?|min",
    "h": r"hours?|hrs?|hr|h",
    "d": r"days?|d",
    "wk": r"weeks?|wks?|wk|w",
    "mo": r"months?|mos?|mo",
}
_UNIT_PATTERN = "|".join(f"(?:{words})" for words in _UNITS.values())
_INTEGER = r"(?:\d{1,4}|" + "|".join(NUMBER_WORDS) + r")"
_AGAIN = rf"(?:\s*\(\s*{_INTEGER}\s*\))?"
"""A number said twice: "2 (two) times"."""

_RANGE = rf"(?P<low>{_INTEGER}){_AGAIN}(?:\s*(?:-|to|or)\s*(?P<high>{_INTEGER}){_AGAIN})?"

_TIMES_UNIT = (
    r"(?P<unit>daily|days?|d|24\s*(?:hours?|hrs?|h)|weekly|weeks?|wk|monthly|months?|hour|hr)\b"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "times",
        re.compile(
            rf"(?P<upto>up\s+to\s+)?(?:{_RANGE}\s*(?:x|times?)|(?P<word>once|twice|thrice))\s*"
            rf"(?:(?:/|per\b|an?\b|each\b|every\b|in\s+an?\b|in\b)\s*)?{_TIMES_UNIT}"
        ),
    ),
    (
        "ordinal",
        re.compile(rf"(?:every|each)\s+(?P<nth>{'|'.join(_ORDINALS)})\s+(?:day|night)\b"),
    ),
    (
        "every",
        re.compile(rf"(?:every|each|q)\.?\s*(?:{_RANGE}\s*-?\s*)(?P<unit>{_UNIT_PATTERN})\b"),
    ),
    (
        "before_bed",
        re.compile(
            rf"(?:{_INTEGER}|an?|half an?)\s+(?:minutes?|mins?|hours?|hrs?)\s+"
            r"(?:before|prior to)\s+(?:bed|bedtime|sleep)\b"
        ),
    ),
    ("a_day", re.compile(r"(?P<low>\d{1,2})id\b")),
    (
        "clock",
        re.compile(
            r"(?:at\s+)?(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5]\d))?\s*(?P<half>am|pm)\b"
        ),
    ),
    (
        "clock24",
        re.compile(
            r"at\s+(?P<hour>[01]?\d|2[0-3]):?(?P<minute>[0-5]\d)\b(?:\s*(?:hours|hrs|h)\b)?"
        ),
    ),
    ("clock24", re.compile(r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)\b")),
    (
        "weekday",
        re.compile(
            r"(?:(?:on|every|each)\s+)?(?P<day>mon|tue|wed|thu|fri|sat|sun)"
            r"(?:s|sday|nesday|nes|r|rs|rsday|urday|ur|day)?s?\b"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class TimingPhrase:
    """A timing found in words; `every_day_only` marks a bare "daily", which names no number."""

    timing: Timing
    every_day_only: bool
    end: int


def unit_of_time(word: str) -> str | None:
    """The key of `DAYS_IN` for "hours", "wk", "D"; None when it is no unit of time."""
    bare = word.strip().lower().rstrip(".")
    if bare in {"s", "sec", "secs", "second", "seconds"}:
        return "s"
    if bare in {"a", "yr", "year", "years"}:
        return "a"
    return next((unit for unit, words in _UNITS.items() if re.fullmatch(words, bare)), None)


def timing_named(name: str) -> Timing | None:
    """The timing that a code or its display names ("BID", "every 4 hr"), or None."""
    words = " ".join(name.lower().replace("_", " ").split())
    if len(words) > 100:
        return None
    needed = re.search(r"\b(?:prn|as needed|as required)\b", words)
    if needed:
        words = " ".join((words[: needed.start()] + words[needed.end() :]).split())
        if not words:
            return Timing(as_needed=True)
    words = re.sub(r"\s*at (?:institution[- ])?specified times?\.?$", "", words)
    phrase = match_timing(words, 0)
    if phrase is None or phrase.end != len(words):
        return None
    timing = phrase.timing
    return Timing(
        timing.frequency, timing.frequency_max, timing.period, timing.period_max,
        timing.period_unit, timing.days_of_week, timing.times_of_day, timing.when, timing.count,
        as_needed=needed is not None,
    )  # fmt: skip


def match_timing(text: str, start: int) -> TimingPhrase | None:
    """The longest timing phrase that begins at this place of a lower-case text."""
    best = _fixed_phrase(text, start)
    for kind, pattern in _PATTERNS:
        match = pattern.match(text, start)
        if match and (best is None or match.end() > best.end):
            timing = _READERS[kind](match)
            if timing is not None:
                best = TimingPhrase(timing, every_day_only=False, end=match.end())
    return best


@cache
def _phrases() -> tuple[re.Pattern[str], dict[str, tuple[Timing, bool]]]:
    by_words: dict[str, tuple[Timing, bool]] = {}
    for row in table("timing_codes.csv"):
        timing = Timing(
            frequency=_number(row["frequency"]),
            frequency_max=_number(row["frequency_max"]),
            period=_number(row["period"]),
            period_max=_number(row["period_max"]),
            period_unit=row["period_unit"] or None,
            when=tuple(row["when"].split()),
            days_of_week=frozenset(row["days_of_week"].split()),
            count=int(row["count"]) if row["count"] else None,
        )
        for words in [row["code"].lower(), *row["texts"].split("|")]:
            by_words[words] = (timing, row["code"] == "QD")
    longest_first = sorted(by_words, key=len, reverse=True)
    return re.compile("|".join(re.escape(words) for words in longest_first)), by_words


def _fixed_phrase(text: str, start: int) -> TimingPhrase | None:
    pattern, by_words = _phrases()
    match = pattern.match(text, start)
    while match:
        end = match.end()
        if end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum()):
            timing, every_day_only = by_words[match.group()]
            return TimingPhrase(timing, every_day_only, end)
        match = pattern.match(text, start, end - 1)  # "pm" of "pmore": look for a shorter one
    return None


def _number(text: str) -> Fraction | None:
    return Fraction(text) if text else None


def _integer(word: str) -> Fraction:
    return NUMBER_WORDS.get(word) or Fraction(int(word))


def _low_high(match: re.Match[str]) -> tuple[Fraction, Fraction | None] | None:
    low = _integer(match["low"])
    high = _integer(match["high"]) if match["high"] else None
    return None if low == 0 or (high is not None and high < low) else (low, high)


def _times(match: re.Match[str]) -> Timing | None:
    if match["word"]:
        times: tuple[Fraction, Fraction | None] | None = (
            Fraction(("once", "twice", "thrice").index(match["word"]) + 1), None,
        )  # fmt: skip
    else:
        times = _low_high(match)
    if times is None:
        return None
    low, high = times
    if match["upto"]:
        low, high = Fraction(0), high or low
    word = match["unit"]
    unit = {"daily": "d", "weekly": "wk", "monthly": "mo"}.get(word)
    if unit is None:
        unit = "d" if word.startswith("24") else unit_of_time(word)
    return Timing(frequency=low, frequency_max=high, period=Fraction(1), period_unit=unit)


def _ordinal(match: re.Match[str]) -> Timing:
    days = Fraction(_ORDINALS[match["nth"]])
    return Timing(frequency=Fraction(1), period=days, period_unit="d")


def _every(match: re.Match[str]) -> Timing | None:
    times = _low_high(match)
    if times is None:
        return None
    unit = unit_of_time(match["unit"])
    return Timing(frequency=Fraction(1), period=times[0], period_max=times[1], period_unit=unit)


def _a_day(match: re.Match[str]) -> Timing | None:
    times = Fraction(int(match["low"]))
    return Timing(frequency=times, period=Fraction(1), period_unit="d") if times else None


def _before_bed(_match: re.Match[str]) -> Timing:
    return Timing(when=("HS",))


def _clock(match: re.Match[str]) -> Timing:
    hour = int(match["hour"]) % 12 + (12 if match["half"] == "pm" else 0)
    return Timing(times_of_day=(f"{hour:02}:{match['minute'] or '00'}",))


def _clock24(match: re.Match[str]) -> Timing:
    return Timing(times_of_day=(f"{int(match['hour']):02}:{match['minute']}",))


def _weekday(match: re.Match[str]) -> Timing | None:
    return Timing(days_of_week=frozenset({match["day"]})) if match["day"] in WEEKDAYS else None


_READERS: dict[str, Callable[[re.Match[str]], Timing | None]] = {
    "times": _times,
    "ordinal": _ordinal,
    "every": _every,
    "before_bed": _before_bed,
    "a_day": _a_day,
    "clock": _clock,
    "clock24": _clock24,
    "weekday": _weekday,
}
