"""A calendar that places each administration on its day agrees with the dose that is computed.

`tests/support/dose_calendar.py` walks the days and shares no code with the product.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from dose_calendar import MINUTES, WEEK, last_day, walk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import course_of, dose_on, highest_from, taken_on
from ehr.read.dosages import dosage_lines

MONDAY = date(2027, 1, 4)
ONE_DAY = timedelta(days=1)


def seeded(examples: int) -> settings:
    return settings(
        derandomize=True,
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def course(dosages: list[dict[str, Any]], starts: date = MONDAY) -> DoseCourse:
    resource = {"resourceType": "MedicationRequest", "dosageInstruction": dosages}
    return course_of(dosage_lines(resource), strength=None, starts=starts)


# --- dosages as FHIR writes them --------------------------------------------------------------

MG = st.sampled_from(["0.125", "0.25", "0.5", "1", "1.5", "2"]).map(Decimal)


@st.composite
def doses(draw: st.DrawFn) -> dict[str, Any]:
    """One amount, or a range of two."""
    low, high = sorted((draw(MG), draw(MG)))
    if draw(st.booleans()):
        return {"doseQuantity": {"value": high, "unit": "mg"}}
    return {
        "doseRange": {"low": {"value": low, "unit": "mg"}, "high": {"value": high, "unit": "mg"}}
    }


@st.composite
def cycles(draw: st.DrawFn) -> dict[str, Any]:
    """So many times, or between two numbers, in a period or between two."""
    unit, periods = draw(
        st.sampled_from(
            [
                ("h", [4, 5, 6, 8, 12, 24, 36, 48]),
                ("d", [1, 2, 3]),
                ("wk", [1, 2]),
                ("min", [480, 720]),
            ]
        )
    )
    period, longest = sorted((draw(st.sampled_from(periods)), draw(st.sampled_from(periods))))
    least, most = sorted((draw(st.integers(1, 4)), draw(st.integers(1, 4))))
    repeat: dict[str, Any] = {"frequency": least, "period": period, "periodUnit": unit}
    if draw(st.booleans()):
        repeat["frequencyMax"] = most
    if draw(st.booleans()):
        repeat["periodMax"] = longest
    return repeat


WEEKDAYS = st.sets(st.sampled_from(WEEK), min_size=1).map(sorted)
MOMENTS = st.one_of(
    st.sets(st.sampled_from(["MORN", "NOON", "AFT", "EVE", "NIGHT", "HS"]), min_size=1).map(
        lambda when: {"when": sorted(when)}
    ),
    st.sets(st.sampled_from(["06:00", "08:00:00", "14:30", "20:00", "22:15:00"]), min_size=1).map(
        lambda times: {"timeOfDay": sorted(times)}
    ),
    st.sampled_from([{"when": ["C"]}, {"when": ["PC", "HS"]}, {"when": ["ACM"], "offset": 30}]),
)


@st.composite
def weekly(draw: st.DrawFn) -> dict[str, Any]:
    """On days of the week: so many times on each, at moments of each, or so many in all."""
    days = draw(WEEKDAYS)
    kind = draw(st.sampled_from(["each", "moments", "in all", "days alone"]))
    repeat: dict[str, Any] = {"dayOfWeek": days}
    if kind == "each":
        least, most = sorted((draw(st.integers(1, 4)), draw(st.integers(1, 4))))
        repeat |= {"frequency": least, "frequencyMax": most, "period": 1, "periodUnit": "d"}
    elif kind == "moments":
        repeat |= draw(MOMENTS)
    elif kind == "in all":
        weeks = draw(st.integers(1, 2))
        times = draw(st.integers(len(days), 2 * len(days)))
        repeat |= {"frequency": times, "period": weeks, "periodUnit": "wk"}
    return repeat


def lines(repeats: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(doses(), repeats).map(
        lambda pair: {"doseAndRate": [pair[0]], "timing": {"repeat": pair[1]}}
    )


ANY_LINES = st.lists(lines(st.one_of(cycles(), MOMENTS, weekly())), min_size=1, max_size=3)


def days_of_all_cycles(dosages: list[dict[str, Any]]) -> int:
    """So many days hold a whole number of every cycle, fast and slow, and of weeks."""
    days = 14
    for dosage in dosages:
        repeat = dosage["timing"]["repeat"]
        for name in ("period", "periodMax"):
            if name in repeat:
                minutes = repeat[name] * MINUTES[repeat["periodUnit"]]
                days = math.lcm(days, math.lcm(minutes, 1440) // 1440)
    return days


# --- the average and the most on one day --------------------------------------------------------


def check_averages(dosages: list[dict[str, Any]]) -> None:
    days = days_of_all_cycles(dosages)
    slow = walk(dosages, MONDAY, days, "slow")
    # The order may begin on any day of the week: the busiest day is the one of the worst begin.
    fast = [walk(dosages, MONDAY + n * ONE_DAY, days, "fast") for n in range(7)]
    dose = course(dosages).overall
    assert isinstance(dose, DailyDose), dose
    assert (dose.low, dose.high) == (slow.average, fast[0].average)
    assert dose.peak_day == max(walked.most for walked in fast)


@seeded(50)
@given(dosages=ANY_LINES)
def test_low_high_and_peak_are_those_of_the_calendar(dosages: list[dict[str, Any]]) -> None:
    """Frequencies, periods and their maxima, weekdays, times and moments, dose ranges, and up to
    three lines side by side.
    """
    check_averages(dosages)


@pytest.mark.long
@seeded(2000)
@given(dosages=ANY_LINES)
def test_low_high_and_peak_are_those_of_the_calendar_in_full(
    dosages: list[dict[str, Any]],
) -> None:
    check_averages(dosages)


# --- the dose of each day -----------------------------------------------------------------------

EVERY_DAY = st.one_of(
    MOMENTS,
    st.integers(1, 4).map(lambda n: {"frequency": n, "period": 1, "periodUnit": "d"}),
    st.sampled_from([4, 6, 8, 12]).map(lambda h: {"frequency": 1, "period": h, "periodUnit": "h"}),
)


@st.composite
def dated_steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A sequence of steps of one or two lines, dated by durations, counts or periods."""
    dosages: list[dict[str, Any]] = []
    day = MONDAY
    for number in range(1, draw(st.integers(1, 5)) + 1):
        length = draw(st.integers(1, 20))
        kind = draw(st.sampled_from(["duration", "weeks", "period", "count"]))
        length = 7 * (length // 7 + 1) if kind == "weeks" else length
        bounds: dict[str, Any] = {
            "duration": {"boundsDuration": {"value": length, "unit": "d"}},
            "weeks": {"boundsDuration": {"value": length // 7, "unit": "wk"}},
            "period": {
                "boundsPeriod": {"start": str(day), "end": str(day + (length - 1) * ONE_DAY)}
            },
            "count": {},
        }[kind]
        for _ in range(draw(st.integers(1, 2))):
            line = draw(lines(EVERY_DAY))
            repeat = line["timing"]["repeat"] | bounds
            if kind == "count":
                alone = {**line, "timing": {"repeat": repeat}}
                repeat["count"] = length * int(walk([alone], day, 1, "fast").mg[0] / most_of(line))
            dosages.append(line | {"sequence": number, "timing": {"repeat": repeat}})
        day += length * ONE_DAY
    return dosages


def most_of(line: dict[str, Any]) -> Fraction:
    said = line["doseAndRate"][0]
    return Fraction(said.get("doseQuantity", said.get("doseRange", {}).get("high"))["value"])


def check_each_day(dosages: list[dict[str, Any]], days: int) -> None:
    order = course(dosages)
    slow, fast = (walk(dosages, MONDAY, days, speed) for speed in ("slow", "fast"))
    for number in range(days):
        day = MONDAY + number * ONE_DAY
        dose = dose_on(order, day)
        if not fast.on(day):
            assert dose is None
            continue
        assert isinstance(dose, DailyDose)
        assert (dose.low, dose.high, dose.peak_day) == (slow.on(day), fast.on(day), fast.on(day))
        left = highest_from(order, day)
        assert isinstance(left, DailyDose)
        assert left.high == max(fast.mg[number:])
    assert isinstance(order.overall, DailyDose)
    assert order.overall.high == fast.most


@seeded(60)
@given(dosages=dated_steps())
def test_each_day_of_a_sequence_is_that_of_the_calendar(dosages: list[dict[str, Any]]) -> None:
    """Steps one after the other, by boundsDuration, boundsPeriod or count; and nothing after."""
    check_each_day(dosages, 110)


@pytest.mark.long
@seeded(2000)
@given(dosages=dated_steps())
def test_each_day_of_a_sequence_is_that_of_the_calendar_in_full(
    dosages: list[dict[str, Any]],
) -> None:
    check_each_day(dosages, 110)


@seeded(100)
@given(
    line=lines(weekly().filter(lambda r: r.get("period", 1) == 1 and r.get("periodUnit") != "wk")),
    count=st.integers(2, 30),
    begin=st.integers(0, 6),
)
def test_a_count_on_weekdays_ends_on_the_day_of_the_last_one(
    line: dict[str, Any], count: int, begin: int
) -> None:
    """Whatever the weekday on which the order begins: no administration is lost."""
    line["timing"]["repeat"]["count"] = count
    starts = MONDAY + begin * ONE_DAY
    assert course([line], starts).ends == last_day(line, starts)


@seeded(60)
@given(
    dosages=st.lists(
        lines(weekly().filter(lambda r: r.get("periodUnit") != "wk")), max_size=3, min_size=1
    )
)
def test_what_is_taken_on_each_day_of_a_week_is_that_of_the_calendar(
    dosages: list[dict[str, Any]],
) -> None:
    """One to three lines on days of the week, side by side."""
    order = course(dosages)
    slow, fast = (walk(dosages, MONDAY, 7, speed) for speed in ("slow", "fast"))
    for number in range(7):
        day = MONDAY + number * ONE_DAY
        taken = taken_on(order, day)
        assert not isinstance(taken, NotComputable)
        found = (Fraction(0), Fraction(0)) if taken is None else (taken.low, taken.high)
        assert found == (slow.on(day), fast.on(day))
