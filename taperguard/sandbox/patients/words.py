"""The few phrases that stories are told in: when something was, and how a medicine is taken.

A story is read by people first. What it can say is small on purpose: a phrase that is not known
here is an error that names the phrase, never a guess.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


class UnknownPhrase(ValueError):
    """A phrase that stories cannot use; the message repeats it."""


_AGO = re.compile(
    r"(?:(?P<years>\d+) years?)?(?: and )?(?:(?P<months>\d+) months?)?(?: and )?"
    r"(?:(?P<weeks>\d+) weeks?)?(?: and )?(?:(?P<days>\d+) days?)? ago"
)


def day(phrase: str, today: date) -> date:
    """The day that "today", "12 days ago" or "72 years and 3 months ago" means, seen from today.

    A day that the month does not have becomes the month's last day.
    """
    if phrase == "today":
        return today
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
    """How a medicine is taken. `per_period` times in `period` (d or h); `when` is a timing code."""

    low: Decimal
    high: Decimal
    unit: str
    per_period: int
    period: int
    period_unit: str
    when: str | None
    as_needed: bool
    sentence: str

    def units_in(self, days: int) -> Decimal:
        """The most units taken in so many days: what a pharmacy counts out."""
        turns = self.per_period * (24 if self.period_unit == "h" else 1)
        return self.high * days * turns / self.period


_DOSE = re.compile(
    r"(?P<low>\d+(?:\.\d+)?)(?: to (?P<high>\d+(?:\.\d+)?))? (?P<unit>mg|mL|[a-z]+?)s? "
    r"(?P<often>once a day|twice a day|\d+ times a day|every \d+ hours|at bedtime|in the morning)"
    r"(?P<needed> as needed)?"
)


def dose(phrase: str, verb: str = "Take", route: str = "by mouth") -> Dose:
    """The dose that "1 tablet twice a day" or "1 to 2 puffs every 6 hours as needed" means."""
    match = _DOSE.fullmatch(phrase)
    if match is None:
        raise UnknownPhrase(f"no dose is said by {phrase!r}")
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
    )


def _rhythm(often: str) -> tuple[int, int, str, str | None]:
    match often.split():
        case ["once", *_]:
            return 1, 1, "d", None
        case ["twice", *_]:
            return 2, 1, "d", None
        case ["at", "bedtime"]:
            return 1, 1, "d", "HS"
        case ["in", "the", "morning"]:
            return 1, 1, "d", "MORN"
        case ["every", hours, _]:
            return 1, int(hours), "h", None
        case [times, *_]:
            return int(times), 1, "d", None
    raise UnknownPhrase(f"no rhythm is said by {often!r}")
