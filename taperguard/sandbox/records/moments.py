"""FHIR dates as stretches of time: "2026" is a year long, "2026-11-23" a day.

FHIR R4 section 3.1.1.4.6 compares stretches, not points. A date without a zone is read as UTC,
the zone of this pretend clinic. Both ends are ISO text in UTC, so that SQLite can compare them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
BEGINNING = "0000"
END = "9999-99"


class Stretch(NamedTuple):
    """From `low` to just before `high`, as ISO text in UTC."""

    low: str
    high: str


@lru_cache(maxsize=4096)  # a chart says the same few days over and over
def stretch(text: str) -> Stretch:
    """The stretch of time that a FHIR date, dateTime or instant means; ValueError if none."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a FHIR date")
    part = match.groupdict()
    year = int(part["year"])
    try:
        if part["month"] is None:
            return Stretch(_iso(date(year, 1, 1)), _first_after(year, 12))
        month = int(part["month"])
        if part["day"] is None:
            return Stretch(_iso(date(year, month, 1)), _first_after(year, month))
        if part["hour"] is None:
            day = date(year, month, int(part["day"]))
            return Stretch(_iso(day), _iso(day + timedelta(days=1)))
        return _instant(text, part)
    except OverflowError as beyond:
        raise ValueError("not a FHIR date") from beyond


def of_element(element: Any) -> Stretch | None:
    """The stretch of a date, a dateTime or a Period in a resource; None if it says nothing."""
    try:
        if isinstance(element, str):
            return stretch(element)
        if isinstance(element, dict) and ("start" in element or "end" in element):
            return Stretch(
                stretch(element["start"]).low if "start" in element else BEGINNING,
                stretch(element["end"]).high if "end" in element else END,
            )
    except (ValueError, TypeError):
        return None
    return None


def _instant(text: str, part: dict[str, str | None]) -> Stretch:
    whole = text if part["zone"] else text + "Z"
    at = datetime.fromisoformat(whole).astimezone(UTC)
    if part["second"] is None:
        length = timedelta(minutes=1)
    elif part["fraction"] is None:
        length = timedelta(seconds=1)
    else:
        length = timedelta(milliseconds=1)
    return Stretch(_iso(at), _iso(at + length))


def _first_after(year: int, month: int) -> str:
    if (year, month) == (9999, 12):
        return END
    return _iso(date(year + month // 12, month % 12 + 1, 1))


def _iso(moment: date) -> str:
    if isinstance(moment, datetime):
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return moment.isoformat() + "T00:00:00.000000"
