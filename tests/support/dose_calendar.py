"""A calendar that places every administration of a FHIR dosage on its day and counts the mg.

It is dumb on purpose and shares nothing with the product: it walks day by day, minute by
minute where it must, and knows no formula. Doses are in mg; times as the dosage says them, read
at their slowest (fewest times, smallest amount) or at their fastest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal

Speed = Literal["slow", "fast"]
Dosage = dict[str, Any]

MINUTES = {"min": 1, "h": 60, "d": 1440, "wk": 7 * 1440}
DAYS = {"d": 1, "wk": 7}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MEALS = {"C", "AC", "PC"}
ONE_DAY = timedelta(days=1)


def mg_of(dosage: Dosage, speed: Speed) -> Fraction:
    """What one administration holds."""
    said = dosage["doseAndRate"][0]
    if "doseRange" in said:
        end = said["doseRange"]["low" if speed == "slow" else "high"]
    else:
        end = said["doseQuantity"]
    return Fraction(end["value"])


def moments_of_a_day(repeat: dict[str, Any]) -> int:
    """Named times and moments of one day; a meal without a number is three meals."""
    when = repeat.get("when", [])
    meals = 3 if MEALS & set(when) else 0
    return len(repeat.get("timeOfDay", [])) + len([w for w in when if w not in MEALS]) + meals


def spread_over(day_number: int, repeat: dict[str, Any], speed: Speed) -> int:
    """How many of evenly spread administrations fall on the day, the first at midnight of day 0."""
    times, period = repeat["frequency"], repeat["period"]
    if speed == "fast":
        times = repeat.get("frequencyMax", times)
    else:
        period = repeat.get("periodMax", period)
    minutes = Fraction(period) * MINUTES[repeat["periodUnit"]]
    gap = minutes / times
    first = -(-(day_number * 1440) // gap)
    count = 0
    while (first + count) * gap < (day_number + 1) * 1440:
        count += 1
    return count


def in_turn(day_number: int, begins: date, repeat: dict[str, Any], speed: Speed) -> int:
    """Of so many times in so many weeks, dealt out to the named weekdays in turn."""
    weeks = repeat["period"]
    if speed == "slow":
        weeks = repeat.get("periodMax", weeks)
    times = repeat.get("frequencyMax", repeat["frequency"])
    times = times if speed == "fast" else repeat["frequency"]
    named = [
        n for n in range(7 * weeks) if WEEK[(begins + n * ONE_DAY).weekday()] in repeat["dayOfWeek"]
    ]
    # In each week the days take their share one after the other, the first days first.
    in_week = [named[i % len(named)] for i in range(times)]
    return in_week.count(day_number % (7 * weeks))


def times_on(dosage: Dosage, day: date, begins: date, speed: Speed) -> int:
    """How many administrations fall on the day, of a dosage that begins on another."""
    repeat = dosage["timing"]["repeat"]
    number = (day - begins).days
    days = repeat.get("dayOfWeek")
    if days and WEEK[day.weekday()] not in days:
        return 0
    if "frequency" not in repeat:
        return moments_of_a_day(repeat) or 1
    if days and repeat["periodUnit"] == "wk":
        return in_turn(number, begins, repeat, speed)
    if days:
        return spread_over(0, repeat, speed)
    return spread_over(number, repeat, speed)


@dataclass
class Course:
    """The mg of each day, from the first to the last that was walked."""

    first: date
    mg: list[Fraction]

    def on(self, day: date) -> Fraction:
        """The mg of one day."""
        return self.mg[(day - self.first).days]

    @property
    def average(self) -> Fraction:
        """The mg per day over all the days."""
        return sum(self.mg, Fraction(0)) / len(self.mg)

    @property
    def most(self) -> Fraction:
        """The most on one day."""
        return max(self.mg)


def walk(dosages: list[Dosage], first: date, days: int, speed: Speed) -> Course:
    """So many days of these dosages, from the first day on, taken as they are dated.

    A dosage with a sequence number begins when those of the number before have ended; one
    with a boundsPeriod begins and ends with it; a boundsDuration or count runs from its begin.
    """
    mg = [Fraction(0)] * days
    for dosage, begins in begun(dosages, first):
        left = dosage["timing"]["repeat"].get("count")
        for day in days_of(dosage, begins, first, days):
            times = times_on(dosage, day, begins, speed)
            if left is not None:
                times = min(times, left)
                left -= times
            mg[(day - first).days] += times * mg_of(dosage, speed)
    return Course(first, mg)


def begun(dosages: list[Dosage], first: date) -> Iterator[tuple[Dosage, date]]:
    """Each dosage with the day on which it begins."""
    begins = first
    numbers = sorted({d["sequence"] for d in dosages if "sequence" in d})
    for dosage in dosages:
        if "sequence" not in dosage:
            yield dosage, own_begin(dosage, first)
    for number in numbers:
        group = [d for d in dosages if d.get("sequence") == number]
        for dosage in group:
            yield dosage, own_begin(dosage, begins)
        ends = [last_day(d, own_begin(d, begins)) for d in group]
        known = [day for day in ends if day is not None]
        if len(known) == len(group):
            begins = max(known) + ONE_DAY


def own_begin(dosage: Dosage, otherwise: date) -> date:
    """The start of its own period, or the day that the calendar has come to."""
    start = dosage["timing"]["repeat"].get("boundsPeriod", {}).get("start")
    return otherwise if start is None else date.fromisoformat(start)


def last_day(dosage: Dosage, begins: date) -> date | None:
    """The last day of a dosage, found by walking; None when it has none."""
    repeat = dosage["timing"]["repeat"]
    if "end" in repeat.get("boundsPeriod", {}):
        return date.fromisoformat(repeat["boundsPeriod"]["end"])
    if "boundsDuration" in repeat:
        length = repeat["boundsDuration"]["value"] * DAYS[repeat["boundsDuration"]["unit"]]
        return begins + (length - 1) * ONE_DAY
    if "count" in repeat:
        left, day = repeat["count"], begins
        while True:
            left -= times_on(dosage, day, begins, "slow")
            if left <= 0:
                return day
            day += ONE_DAY
    return None


def days_of(dosage: Dosage, begins: date, first: date, days: int) -> Iterator[date]:
    """The days of the calendar on which a dosage applies."""
    last = last_day(dosage, begins)
    for number in range(days):
        day = first + number * ONE_DAY
        if begins <= day and (last is None or day <= last):
            yield day
