"""The few phrases that stories are told in: when something was, and how a medicine is taken.

A story is read by people first. What it can say is small on purpose: a phrase that is not known
here is an error that names the phrase, never a guess.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache


class UnknownPhrase(ValueError):
    """A phrase that stories cannot use; the message repeats it."""


_AGO = re.compile(
    r"(?:(?P<years>\d+) years?)?(?: and )?(?:(?P<months>\d+) months?)?(?: and )?"
    r"(?:(?P<weeks>\d+) weeks?)?(?: and )?(?:(?P<days>\d+) days?)? ago"
)
_AHEAD = re.compile(r"in (?P<days>\d+) days?")


def day(phrase: str, today: date) -> date:
    """The day that "today", "12 days ago" or "72 years and 3 months ago" means, seen from today.

    "in 12 days" lies ahead.

    A day that the month does not have becomes the month's last day.
    """
    if phrase == "today":
        return today
    ahead = _AHEAD.fullmatch(phrase)
    if ahead is not None:
        return today + timedelta(days=int(ahead["days"]))
    match = _AGO.fullmatch(phrase)
    if match is None or not any(match.groupdict().values()):
        raise UnknownPhrase(f"no day is said by {phrase!r}")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return months_before(today, 12 * years + months) - timedelta(days=7 * weeks + days)


def months_before(on: date, months: int) -> date:
    """The same day of the month so many months earlier (negative: later), or its last day."""
    year, month0 = divmod(on.year * 12 + on.month - 1 - months, 12)
    return date(year, month0 + 1, min(on.day, monthrange(year, month0 + 1)[1]))


_EVERY = re.compile(r"every (?P<count>\d+) (?P<unit>days?|weeks?|months?)")


def days_from(first: date, every: str, until: date) -> list[date]:
    """`first` and each day "every 30 days" or "every 6 months" after it, up to and with `until`."""
    match = _EVERY.fullmatch(every)
    if match is None or int(match["count"]) == 0:
        raise UnknownPhrase(f"no rhythm is said by {every!r}")
    count, unit = int(match["count"]), match["unit"].rstrip("s")
    found: list[date] = []
    turn = 0
    while True:
        step = turn * count
        if unit == "month":
            on = months_before(first, -step)
        else:
            on = first + timedelta(days=step * (7 if unit == "week" else 1))
        if on > until:
            return found
        found.append(on)
        turn += 1


@dataclass(frozen=True, slots=True)
class Dose:
    """How a medicine is taken. `per_period` times in `period` (d or h); `when` is a timing code.

    `days_of_week` are the only days on which it is taken, if there are any; `at_most` is the most
    units in a day.
    """

    low: Decimal
    high: Decimal
    unit: str
    per_period: int
    period: int
    period_unit: str
    when: str | None
    as_needed: bool
    sentence: str
    days_of_week: tuple[str, ...] = ()
    at_most: Decimal | None = None

    def units_in(self, days: int) -> Decimal:
        """The most units taken in so many days, whole ones: what a pharmacy counts out."""
        turns = self.per_period * (24 if self.period_unit == "h" else 1)
        units = self.high * days * turns / self.period
        if self.days_of_week:
            units = units * len(self.days_of_week) / 7
        if self.at_most is not None:
            units = min(units, self.at_most * days)
        return units.to_integral_value(ROUND_CEILING)


_WEEKDAYS = {
    f"{name}s": name[:3].lower()
    for name in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
}
_DOSE = re.compile(
    r"(?P<low>\d+(?:\.\d+)?)(?: to (?P<high>\d+(?:\.\d+)?))? (?P<unit>mg|mcg|mL|[a-z]+?)s? "
    r"(?P<often>once a day|twice a day|\d+ times a day|every \d+ (?:hours|days)"
    r"|at bedtime|in the morning|on [A-Z][a-z]+(?: and [A-Z][a-z]+)*)"
    r"(?P<needed> as needed)?(?:, at most (?P<most>\d+(?:\.\d+)?) (?P=unit)s? a day)?"
)


@lru_cache(maxsize=1024)  # a clinic says the same few doses over and over
def dose(phrase: str, verb: str = "Take", route: str = "by mouth") -> Dose:
    """The dose that a phrase means: how much, how often, as needed or not, and the most in a day.

    Such as "1 tablet twice a day", "1 tablet on Mondays and Thursdays" or "1 to 2 puffs every 6
    hours as needed, at most 8 puffs a day".
    """
    match = _DOSE.fullmatch(phrase)
    if match is None:
        raise UnknownPhrase(f"no dose is said by {phrase!r}")
    weekdays = match["often"].removeprefix("on ").split(" and ")
    days_of_week = tuple(_WEEKDAYS[day] for day in weekdays if day in _WEEKDAYS)
    if match["often"].startswith("on ") and len(days_of_week) != len(weekdays):
        raise UnknownPhrase(f"no days of the week are said by {phrase!r}")
    per_period, period, period_unit, when = _rhythm(match["often"])
    amount, rest = phrase[: match.start("often")].strip(), phrase[match.start("often") :]
    return Dose(
        low=Decimal(match["low"]),
        high=Decimal(match["high"] or match["low"]),
        unit=match["unit"],
        per_period=per_period,
        period=period,
        period_unit=period_unit,
        when=when,
        as_needed=match["needed"] is not None,
        sentence=f"{verb} {amount} {route} {rest}",
        days_of_week=days_of_week,
        at_most=Decimal(match["most"]) if match["most"] else None,
    )


def _rhythm(often: str) -> tuple[int, int, str, str | None]:
    match often.split():
        case ["once", *_] | ["on", *_]:
            return 1, 1, "d", None
        case ["twice", *_]:
            return 2, 1, "d", None
        case ["at", "bedtime"]:
            return 1, 1, "d", "HS"
        case ["in", "the", "morning"]:
            return 1, 1, "d", "MORN"
        case ["every", count, unit] if int(count):
            return 1, int(count), unit[0], None
        case [times, *_] if times.isdigit() and int(times):
            return int(times), 1, "d", None
    raise UnknownPhrase(f"no rhythm is said by {often!r}")
