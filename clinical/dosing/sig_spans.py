"""Spans of time in a dosage text: durations, dates, numbered weeks, and a dose that is lowered."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

from clinical.dosage import DAYS_IN
from clinical.dosing.sig_tokens import Kind, Label, Token
from clinical.dosing.timing_words import NUMBER_WORDS, unit_of_time

_WORDS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_COUNT = rf"(?:[0-9]{{1,3}}|{_WORDS})"
_TIME = r"(?P<unit>days?|nights?|weeks?|wks?|months?|mos?|d)\b"

_DURATION = re.compile(
    r"(?:(?:for|x|times)\s*(?:up to\s+)?(?:a total of\s+)?(?:the (?:next|first)\s+)?)?"
    rf"(?P<low>{_COUNT})(?:\s*\(\s*(?P<again>{_COUNT})\s*\))?"
    rf"(?:\s*(?:-|to)\s*(?P<high>{_COUNT}))?[\s-]*(?:more\s+)?{_TIME}"
    # "5 nights a week", "5 days on", "3 days before" are no durations.
    r"(?!\s*(?:/|(?:an?|per|each|every|out|on|off|before|after|ago)\b))",
    re.ASCII,
)
_ARTICLE = re.compile(r"for (?:a|the next) (?P<unit>week|month)\b", re.ASCII)
_AFTER = re.compile(
    rf"(?:after|in)\s+(?P<low>{_COUNT})\s+{_TIME},?\s+"
    r"(?=(?:increased?|decreased?|reduced?|lower|go (?:up|down)|change) )",
    re.ASCII,
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_LABEL_UNIT = r"(?P<unit>day|week|wk|month)"
_LABELS = (
    re.compile(
        rf"(?:on\s+|for\s+|during\s+|in\s+)?{_LABEL_UNIT}s?\s*#?(?P<first>{_COUNT})\b"
        rf"(?:\s*(?:-|to|through|thru|and|&)\s*(?:{_LABEL_UNIT.replace('unit', 'unit2')}s?\s*)?"
        rf"(?P<last>{_COUNT})\b|\s*(?P<open>onwards?|and (?:after|on|onwards?|beyond)|\+))?",
        re.ASCII,
    ),
    re.compile(
        r"(?:on\s+|for\s+|during\s+|in\s+)?(?:the\s+)?"
        rf"(?P<nth>{'|'.join(_ORDINALS)}|[1-8](?:st|nd|rd|th))\s+{_LABEL_UNIT}\b",
        re.ASCII,
    ),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:january|february|march|april|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)\.?"
)
DATE = (
    r"(?:[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"|{_MONTH}\s+[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s+[0-9]{{4}})(?![0-9/-])"
)
_DATES = re.compile(
    rf"(?:(?P<starts>starting(?: on)?|beginning(?: on)?|start(?: on| date:?)?|from|begin(?: on)?)"
    rf"|(?P<ends>until|till|through|thru|ending(?: on)?|end date:?|stop on|to))\s+(?P<date>{DATE})",
    re.ASCII,
)


SELDOM = (_DURATION, _ARTICLE, _AFTER, *_LABELS, _DATES)
"""What every reader here begins with: without a match it finds nothing."""


def duration(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "for 14 days", "x 2 weeks", "for 7-10 days", a bare "14 days", "for a week"."""
    article = _ARTICLE.match(words, at)
    if article:
        lasts = _days(Fraction(1), Fraction(1), article["unit"])
        return Token(Kind.DURATION, article.group(), lasts_days=lasts), article.end()
    match = _DURATION.match(words, at)
    if match is None:
        return None
    low = _count(match["low"])
    high = _count(match["high"]) if match["high"] else low
    said_otherwise = match["again"] and _count(match["again"]) != low
    if not low or high < low or said_otherwise:
        return None
    return Token(
        Kind.DURATION, match.group(), lasts_days=_days(low, high, match["unit"])
    ), match.end()


def after(words: str, at: int) -> tuple[Token, int] | None:
    """Of "after 1 week increase to": the step before lasts so long."""
    match = _AFTER.match(words, at)
    low = _count(match["low"]) if match else Fraction(0)
    if match is None or not low:
        return None
    return Token(Kind.THEN, match.group(), lasts_days=_days(low, low, match["unit"])), match.end()


def label(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "week 1", "weeks 1-2", "days 4 to 6", "the second week", "week 3 onward"."""
    numbered, ordinal = (pattern.match(words, at) for pattern in _LABELS)
    if numbered:
        first = int(_count(numbered["first"]))
        last = int(_count(numbered["last"])) if numbered["last"] else first
        if not 0 < first <= last:
            return None
        unit = _label_unit(numbered["unit"])
        said = Label(unit, first, None if numbered["open"] else last)
        return Token(Kind.LABEL, numbered.group(), label=said), numbered.end()
    if ordinal:
        nth = ordinal["nth"]
        number = _ORDINALS.index(nth) + 1 if nth in _ORDINALS else int(nth[0])
        said = Label(_label_unit(ordinal["unit"]), number, number)
        return Token(Kind.LABEL, ordinal.group(), label=said), ordinal.end()
    return None


def dates(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "until 12/15/2026" (that day included), "starting January 16, 2027"."""
    match = _DATES.match(words, at)
    day = _date(match["date"]) if match else None
    if match is None or day is None:
        return None
    starts, ends = (day, None) if match["starts"] else (None, day)
    return Token(Kind.DATES, match.group(), starts=starts, ends=ends), match.end()


def lasting(said: Label) -> tuple[int, int] | None:
    """How long a labelled step lasts (shortest, longest); None when it is open."""
    if said.last is None:
        return None
    count = Fraction(said.last - said.first + 1)
    return _days(count, count, said.unit)


def _label_unit(word: str) -> str:
    return "week" if word == "wk" else word


def _count(word: str) -> Fraction:
    return NUMBER_WORDS.get(word) or Fraction(int(word))


def _days(low: Fraction, high: Fraction, unit: str) -> tuple[int, int]:
    days = DAYS_IN[unit_of_time("day" if unit.startswith("night") else unit) or "d"]
    return int(low * days), -int(-high * days // 1)


def _date(words: str) -> date | None:
    """A date as the US writes it (month before day), or ISO 8601."""
    if words[:1].isdigit():
        numbers = [int(part) for part in words.replace("/", "-").split("-")]
        year, month, day = numbers if "-" in words else (numbers[2], numbers[0], numbers[1])
    else:
        month = _MONTHS.index(words[:3]) + 1
        day, year = (int("".join(c for c in p if c.isdigit())) for p in words.split()[1:3])
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
