"""Words for the report's numbers. A number that is withheld is said in words, never left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from smart_app.planner.words import day_of_record, listed, plural, sentence

__all__ = [
    "AT_MOST",
    "FEW",
    "WITHHELD",
    "change_in_words",
    "count",
    "day_of_record",
    "day_of_text",
    "how_many",
    "is_shown",
    "listed",
    "moment",
    "most",
    "of",
    "of_patients",
    "percent",
    "plural",
    "sentence",
    "some",
    "total",
]

FEW = "<11"
WITHHELD = "suppressed"
AT_MOST = 10
"""The most that "fewer than 11" can mean."""

_IN_WORDS = {FEW: "fewer than 11", WITHHELD: "withheld"}

Number = int | str | None
"""A number of a report: itself, "<11", "suppressed", or None where there is none to give."""


def is_shown(number: Number) -> bool:
    """Whether the number itself stands in the report."""
    return isinstance(number, int) and not isinstance(number, bool)


def count(number: Number) -> str:
    """As in "1,204", "fewer than 11", "withheld" and "not counted"."""
    if isinstance(number, int):
        return f"{number:,}"
    return "not counted" if number is None else _IN_WORDS.get(number, "withheld")


def some(number: Number) -> str:
    """The same within a sentence: "209", "fewer than 11", "a withheld number"."""
    return "a withheld number" if number == WITHHELD else count(number)


def most(number: Number) -> int:
    """For a picture's scale: the most that this number can be, as far as it says."""
    if isinstance(number, int):
        return number
    return AT_MOST if number == FEW else 0


def of(denominator: Number, whom: str) -> str:
    """As in "of 480 patients": the whole that a number is a part of."""
    if denominator == 0:
        return f"there are no {whom}"
    if denominator == WITHHELD:
        return f"of {whom}, their number withheld"
    return f"of {count(denominator)} {whom}"


def percent(measure: Mapping[str, Any]) -> str:
    """As in "25 %" and "6.3 %"; the reason where there is none."""
    if measure["percent"] is not None:
        value = str(measure["percent"])
        return f"{value.removesuffix('.0')} %"
    return "no patients to count" if measure["denominator"] == 0 else "withheld"


def change_in_words(change: Number, since: date | None) -> str:
    """As in "2 more than on 24 Nov 2026"."""
    if since is None:
        return "first night"
    when = f"on {day_of_record(since)}"
    if not isinstance(change, int):
        return "withheld" if change is not None else f"not counted {when}"
    if change == 0:
        return f"the same as {when}"
    return f"{abs(change):,} {'more' if change > 0 else 'fewer'} than {when}"


def day_of_text(text: str) -> str:
    """A date of the report ("2026-11-24") as people write it."""
    return day_of_record(date.fromisoformat(text))


def moment(text: str) -> str:
    """An instant of the report as people write it, in UTC: its clinic's clock is not in it."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    if when.tzinfo is None:
        return f"{day_of_record(when.date())}, {when:%H:%M}"
    utc = when.astimezone(UTC)
    return f"{day_of_record(utc.date())}, {utc:%H:%M} UTC"


def total(numbers: Sequence[Number]) -> Number:
    """Their sum; where one is withheld the sum would give it away, or be wrong."""
    shown = [number for number in numbers if isinstance(number, int)]
    return sum(shown) if len(shown) == len(numbers) else None


def how_many(number: Number) -> str:
    """As in "1 patient", "Fewer than 11 patients" and "A withheld number of patients"."""
    if isinstance(number, int):
        return f"{count(number)} {'patient' if number == 1 else 'patients'}"
    return "Fewer than 11 patients" if most(number) else "A withheld number of patients"


def of_patients(number: Number) -> str:
    """The same within a sentence."""
    words = how_many(number)
    return words if words[0].isdigit() else words[0].lower() + words[1:]
