"""FHIR dates: a year, a month, a day or an instant (FHIR R4, datatypes, date and dateTime)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from ehr.read.json import as_text

_SHAPE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?", re.ASCII | re.DOTALL)


def date_range(value: object) -> tuple[date, date] | None:
    """The first and last day that a FHIR date may mean; None when it is absent or no date.

    The day is the one that was written: an instant is not moved to another time zone, because
    the prescriber who wrote it meant the day on the wall.
    """
    if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
        try:  # most dates are a day, and this is five times as fast
            day = date.fromisoformat(value)
        except ValueError:
            return None
        return day, day
    text = as_text(value)
    match = None if text is None else _SHAPE.fullmatch(text)
    if match is None:
        return None
    year, month, of_month = (None if part is None else int(part) for part in match.groups())
    try:
        if year is None:
            return None
        if month is None:
            return date(year, 1, 1), date(year, 12, 31)
        if of_month is None:
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        exact = date(year, month, of_month)
    except ValueError:
        return None
    return exact, exact


def first_day(value: object) -> date | None:
    """The earliest day that a FHIR date may mean."""
    days = date_range(value)
    return None if days is None else days[0]


def last_day(value: object) -> date | None:
    """The latest day that a FHIR date may mean."""
    days = date_range(value)
    return None if days is None else days[1]
