"""Timing codes and phrases ("BID", "every 4-6 hours", "qhs") as timings.

The fixed ones are `knowledge/timing_codes.csv` (HL7 v3 GTSAbbreviation, HL7 v2 table 0335 and
their common texts); those with a number in them are patterns here. Serves coded timings and
the sig reader alike, so that a code and its words cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache

from clinical.dosage import WEEKDAYS, Timing
from clinical.dosing.one_look import one_look
from clinical.knowledge import table

LONGEST_NAME = 100
"""No timing has a longer name."""

NUMBER_WORDS: dict[str, Fraction] = {
    "one": Fraction(1), "two": Fraction(2), "three": Fraction(3), "four": Fraction(4),
    "five": Fraction(5), "six": Fraction(6), "seven": Fraction(7), "eight": Fraction(8),
    "nine": Fraction(9), "ten": Fraction(10), "eleven": Fraction(11), "twelve": Fraction(12),
    "fourteen": Fraction(14), "fifteen": Fraction(15), "twenty": Fraction(20),
    "thirty": Fraction(30), "sixty": Fraction(60), "ninety": Fraction(90),
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
_INTEGER = r"(?:[0-9]{1,4}|" + "|".join(NUMBER_WORDS) + r")"


def _said(name: str) -> str:
    """A number, and the same once more in brackets: "2 (two)"."""
    return rf"(?P<{name}>{_INTEGER})(?:\s*\(\s*(?P<{name}_again>{_INTEGER})\s*\))?"


_TO = r"\s*(?:-|to|or)\s*"
_RANGE = rf"{_said('low')}(?:{_TO}{_said('high')})?"
_WORDS_OF_TIMES = ("once", "twice", "thrice")
_WORD_OF_TIMES = "|".join(_WORDS_OF_TIMES)
_TIMES_UNIT = (
    r"(?P<unit>daily|days?|d|24\s*(?:hours?|hrs?|h)|weekly|weeks?|wk|monthly|months?|hour|hr|"
    r"night|nightly)\b"
)
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)(?:s|sday|nesday|nes|r|rs|rsday|urday|ur|day)?s?\b\.?"
_BETWEEN_DAYS = r"(?:\s*(?:,?\s*and\b|,|/|&)\s*|\s+)(?:on\s+)?"
_LETTER = r"(?:th|tu|su|sa|[mtwf])"
_MOMENT = r"morning|evening|night|bedtime|afternoon"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.ASCII))
    for kind, pattern in (
        (
            "times",
            rf"(?P<upto>up\s+to\s+)?(?:{_RANGE}\s*(?:x|-?times?)|x\s*(?P<count>[1-9])(?=\s*(?:/|a\b|"
            rf"per\b|daily\b))|(?P<word>{_WORD_OF_TIMES})"
            rf"(?:{_TO}(?:(?P<word_high>{_WORD_OF_TIMES})|(?P<number_high>{_INTEGER})\s*times))?)"
            rf"(?:\s*(?:/|per\b|an?\b|each\b|every\b|in\s+an?\b|in\b)\s*|[\s-]*){_TIMES_UNIT}",
        ),
        ("ordinal", rf"(?:every|each)\s+(?P<nth>{'|'.join(_ORDINALS)})\s+(?P<unit>day|night)\b"),
        (
            "every",
            rf"(?:once\s+|(?:1|one)\s+time\s+)?(?:every|each|q)\.?\s*(?:{_RANGE}\s*-?\s*)"
            rf"(?P<unit>{_UNIT_PATTERN})\b",
        ),
        ("hourly", r"(?P<low>[0-9]{1,2})[\s-]*hourly\b"),
        ("other_moment", rf"(?:every|each)\s+other\s+(?P<moment>{_MOMENT})\b"),
        (
            "days_a_week",
            rf"(?P<low>[1-7]|{'|'.join(list(NUMBER_WORDS)[:7])})\s*(?:days?|nights?)\s*"
            r"(?:a|per|each|every|/|out of the)\s*(?:week|wk)\b",
        ),
        (
            "before_bed",
            rf"(?:{_RANGE}|an?|half an?|one[\s-]half)\s+(?:minutes?|mins?|hours?|hrs?)\s+"
            r"(?:before|prior to)\s+(?:going to )?(?:bed|bedtime|sleep)\b",
        ),
        ("a_day", r"(?P<low>[0-9]{1,2})id\b"),
        (
            "clock",
            r"(?:at\s+|@\s*)?(?:around\s+)?(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5][0-9]))?\s*"
            r"(?P<half>am|pm)\b",
        ),
        ("midnight", r"(?:at\s+|@\s*)?(?:12\s+)?midnight\b"),
        (
            "clock24",
            r"(?:at\s+|@\s*)(?P<hour>[01]?[0-9]|2[0-3]):?(?P<minute>[0-5][0-9])\b"
            r"(?:\s*(?:hours|hrs|h)\b)?",
        ),
        ("clock24", r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])\b"),
        (
            "clocks",
            r"(?:at\s+|@\s*)(?P<clocks>(?:[01][0-9]|2[0-3])[0-5][0-9]"
            r"(?:\s*(?:,|and|&)\s*(?:[01][0-9]|2[0-3])[0-5][0-9]){1,5})\b",
        ),
        (
            "weekdays",
            rf"(?P<except>(?:except|but not)\s+)?(?:(?:on|every|each)\s+)?(?P<days>{_DAY}"
            rf"(?:\s*(?:-|to|through|thru)\s*{_DAY}|(?:{_BETWEEN_DAYS}{_DAY}){{0,6}}))",
        ),
        ("letters", rf"(?:on\s+)?(?P<letters>{_LETTER}(?:\s*[/-]\s*{_LETTER}){{1,6}}|mwf|tth)\b"),
        ("turn", r"(?:on\s+)?(?P<turn>one day|the next(?: day)?|next day|odd days|even days)\b"),
    )
)


_ANY_PATTERN = one_look(pattern for _, pattern in _PATTERNS)


@dataclass(frozen=True, slots=True)
class TimingPhrase:
    """A timing found in words, up to `end` of the text.

    `every_day_only` marks a bare "daily", which names no number; `days_a_week` is a number of
    days of the week that are not named.
    """

    timing: Timing
    end: int
    every_day_only: bool = False
    days_a_week: int | None = None


def unit_of_time(word: str) -> str | None:
    """The key of `DAYS_IN` for "hours", "wk", "D"; None when it is no unit of time."""
    bare = word.strip().lower().rstrip(".")
    if bare in {"s", "sec", "secs", "second", "seconds"}:
        return "s"
    if bare in {"a", "yr", "year", "years"}:
        return "a"
    return _unit_of_time_named(bare) if len(bare) <= _LONGEST_UNIT else None


_LONGEST_UNIT = max(map(len, _UNITS.values()))


@lru_cache(maxsize=256)
def _unit_of_time_named(bare: str) -> str | None:
    return next((unit for unit, words in _UNITS.items() if re.fullmatch(words, bare)), None)


def timing_named(name: str) -> Timing | None:
    """The timing that a code or its display names ("BID", "every 4 hr"), or None."""
    words = " ".join(name.lower().replace("_", " ").split())
    if len(words) > LONGEST_NAME:
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
    return replace(phrase.timing, as_needed=needed is not None)


def match_timing(text: str, start: int) -> TimingPhrase | None:
    """The longest timing phrase that begins at this place of a lower-case text."""
    first = _one_phrase(text, start)
    if first is None:
        return None
    to = _TO_PHRASE.match(text, first.end)
    second = _one_phrase(text, to.end()) if to else None
    ranged = _ranged(first.timing, second.timing) if second else None
    if second is None or ranged is None:
        return first
    return TimingPhrase(ranged, second.end)


_TO_PHRASE = re.compile(r"\s*(?:-|to|or)\s*")


def _one_phrase(text: str, start: int) -> TimingPhrase | None:
    best = _fixed_phrase(text, start)
    if _ANY_PATTERN.match(text, start) is None:
        return best
    for kind, pattern in _PATTERNS:
        match = pattern.match(text, start)
        if match and (best is None or match.end() > best.end):
            timing = _READERS[kind](match)
            if timing is not None:
                days_a_week = int(_integer(match["low"])) if kind == "days_a_week" else None
                best = TimingPhrase(timing, match.end(), days_a_week=days_a_week)
    return best


def _ranged(one: Timing, other: Timing) -> Timing | None:
    """Of "bid-tid" or "q4h to q6h" the range; None where the two make none."""
    bare = replace(one, frequency=None, period=None, period_unit=None)
    plain = bare == replace(other, frequency=None, period=None, period_unit=None) == Timing()
    if not plain or one.period_unit != other.period_unit or not one.frequency:
        return None
    if one.period == other.period and other.frequency and one.frequency < other.frequency:
        return replace(one, frequency_max=other.frequency)
    if one.frequency == other.frequency and one.period and other.period:
        return replace(one, period_max=other.period) if one.period < other.period else None
    return None


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
            return TimingPhrase(timing, end, every_day_only=every_day_only)
        match = pattern.match(text, start, end - 1)  # "pm" of "pmore": look for a shorter one
    return None


def _number(text: str) -> Fraction | None:
    return Fraction(text) if text else None


def _integer(word: str) -> Fraction:
    return NUMBER_WORDS.get(word) or Fraction(int(word))


def _low_high(match: re.Match[str]) -> tuple[Fraction, Fraction | None] | None:
    """The number or range of a match; None where it falls, is zero or is said twice unlike."""
    for name in ("low", "high"):
        again = match[f"{name}_again"]
        if again and _integer(again) != _integer(match[name]):
            return None
    low = _integer(match["low"])
    high = _integer(match["high"]) if match["high"] else None
    return None if low == 0 or (high is not None and high < low) else (low, high)


def _times(match: re.Match[str]) -> Timing | None:
    times: tuple[Fraction, Fraction | None] | None
    if match["word"]:
        low = Fraction(_WORDS_OF_TIMES.index(match["word"]) + 1)
        high = None
        if match["word_high"]:
            high = Fraction(_WORDS_OF_TIMES.index(match["word_high"]) + 1)
        elif match["number_high"]:
            high = _integer(match["number_high"])
        times = None if high is not None and high < low else (low, high)
    elif match["count"]:
        times = (_integer(match["count"]), None)
    else:
        times = _low_high(match)
    if times is None:
        return None
    low, high = times
    if match["upto"]:
        low, high = Fraction(0), high or low
    word = match["unit"]
    unit = {"daily": "d", "weekly": "wk", "monthly": "mo", "night": "d", "nightly": "d"}.get(word)
    if unit is None:
        unit = "d" if word.startswith("24") else unit_of_time(word)
    when = ("HS",) if word.startswith("night") and (low, high) == (Fraction(1), None) else ()
    return Timing(
        frequency=low, frequency_max=high, period=Fraction(1), period_unit=unit, when=when
    )


def _ordinal(match: re.Match[str]) -> Timing:
    days = Fraction(_ORDINALS[match["nth"]])
    when = ("HS",) if match["unit"] == "night" else ()
    return Timing(frequency=Fraction(1), period=days, period_unit="d", when=when)


def _every(match: re.Match[str]) -> Timing | None:
    times = _low_high(match)
    if times is None:
        return None
    unit = unit_of_time(match["unit"])
    return Timing(frequency=Fraction(1), period=times[0], period_max=times[1], period_unit=unit)


def _hourly(match: re.Match[str]) -> Timing | None:
    hours = _integer(match["low"])
    return Timing(frequency=Fraction(1), period=hours, period_unit="h") if hours else None


def _other_moment(match: re.Match[str]) -> Timing:
    when = {"morning": "MORN", "afternoon": "AFT", "evening": "EVE"}.get(match["moment"], "HS")
    return Timing(frequency=Fraction(1), period=Fraction(2), period_unit="d", when=(when,))


def _days_a_week(match: re.Match[str]) -> Timing:
    return Timing(frequency=_integer(match["low"]), period=Fraction(1), period_unit="wk")


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


def _midnight(_match: re.Match[str]) -> Timing:
    return Timing(times_of_day=("00:00",))


def _clocks(match: re.Match[str]) -> Timing:
    times = re.findall(r"[0-9]{4}", match["clocks"])
    return Timing(times_of_day=tuple(dict.fromkeys(f"{t[:2]}:{t[2:]}" for t in times)))


def _weekdays(match: re.Match[str]) -> Timing | None:
    named = re.findall(r"\b(?:mon|tue|wed|thu|fri|sat|sun)", match["days"])
    days = set(named)
    if re.search(r"-|\bto\b|through|thru", match["days"]) and len(named) == 2:
        days = _from_to(*named)
    if match["except"]:
        days = set(WEEKDAYS) - days
    return Timing(days_of_week=frozenset(days)) if days else None


def _from_to(first: str, last: str) -> set[str]:
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
    return {WEEKDAYS[(start + i) % 7] for i in range((end - start) % 7 + 1)}


_LETTERS = {"m": "mon", "t": "tue", "tu": "tue", "w": "wed", "th": "thu", "f": "fri",
            "sa": "sat", "su": "sun"}  # fmt: skip


def _letter_days(match: re.Match[str]) -> Timing:
    """Days by their letters: "M/W/F", "MWF", "M-F"."""
    named = [_LETTERS[letter] for letter in re.findall(_LETTER, match["letters"])]
    days = _from_to(*named) if len(named) == 2 and "-" in match["letters"] else set(named)
    return Timing(days_of_week=frozenset(days))


def _turn(match: re.Match[str]) -> Timing:
    turn = 1 if match["turn"] in {"one day", "odd days"} else 2
    return Timing(frequency=Fraction(1), period=Fraction(2), period_unit="d", turn=turn)


_READERS: dict[str, Callable[[re.Match[str]], Timing | None]] = {
    "times": _times,
    "ordinal": _ordinal,
    "every": _every,
    "hourly": _hourly,
    "other_moment": _other_moment,
    "days_a_week": _days_a_week,
    "before_bed": _before_bed,
    "a_day": _a_day,
    "clock": _clock,
    "clock24": _clock24,
    "clocks": _clocks,
    "midnight": _midnight,
    "weekdays": _weekdays,
    "letters": _letter_days,
    "turn": _turn,
}
