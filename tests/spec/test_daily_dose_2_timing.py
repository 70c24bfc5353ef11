"""Daily dose 2: how often it is taken.

Every case is a timing as FHIR writes it, the calculation by hand, and the answer. The dose is one
clonazepam 0.5 mg tablet. "At most ... on one day" is said where the busiest day is above the
average of the cycle.
"""

from datetime import date
from typing import Any

import pytest
from dose_told import course, mg, said, steps_told, tablets, told

ALL_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
NEW_YEAR = date(2027, 1, 1)  # a Friday


def one_tablet(timing: dict[str, Any]) -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": tablets("1")}], "timing": timing}


# --- frequency, period, periodUnit ------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # 3 times in 1 day: 3 x 0.5
        ({"frequency": 3, "period": 1, "periodUnit": "d"}, "1.5 mg/day"),
        # every 8 h: 24/8 = 3 times
        ({"frequency": 1, "period": 8, "periodUnit": "h"}, "1.5 mg/day"),
        # every 5 h: 24/5 = 4.8 on average; at 0, 5, 10, 15, 20 h five times on one day
        (
            {"frequency": 1, "period": 5, "periodUnit": "h"},
            "2.4 mg/day, at most 2.5 mg on one day",
        ),
        # every 36 h: 24/36 = 2/3 on average, never twice on a day
        (
            {"frequency": 1, "period": 36, "periodUnit": "h"},
            "1/3 mg/day, at most 0.5 mg on one day",
        ),
        # every 480 min = 8 h
        ({"frequency": 1, "period": 480, "periodUnit": "min"}, "1.5 mg/day"),
        # every 28800 s = 8 h
        ({"frequency": 1, "period": 28800, "periodUnit": "s"}, "1.5 mg/day"),
        # every other day: half of 0.5, and 0.5 on the day
        (
            {"frequency": 1, "period": 2, "periodUnit": "d"},
            "0.25 mg/day, at most 0.5 mg on one day",
        ),
        # 14 a week: 2 a day
        ({"frequency": 14, "period": 1, "periodUnit": "wk"}, "1 mg/day"),
        # 3 a week: 3/7 x 0.5 = 3/14, one on a day
        (
            {"frequency": 3, "period": 1, "periodUnit": "wk"},
            "3/14 mg/day, at most 0.5 mg on one day",
        ),
        # once a month of 30.4375 days: 0.5 / 30.4375 = 8/487
        (
            {"frequency": 1, "period": 1, "periodUnit": "mo"},
            "8/487 mg/day, at most 0.5 mg on one day",
        ),
        # once a year of 365.25 days: 0.5 / 365.25 = 2/1461
        (
            {"frequency": 1, "period": 1, "periodUnit": "a"},
            "2/1461 mg/day, at most 0.5 mg on one day",
        ),
        # a period without a frequency is once per period (FHIR, Timing.repeat.frequency)
        (
            {"period": 12, "periodUnit": "h"},
            "1 mg/day; note: no frequency is given; read as once per period",
        ),
    ],
)
def test_so_many_times_in_so_much_time(repeat: dict[str, Any], answer: str) -> None:
    assert told(course(said(tablets("1"), **repeat))) == answer


# --- frequencyMax, periodMax ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # 1 to 2 times a day
        ({"frequency": 1, "frequencyMax": 2, "period": 1, "periodUnit": "d"}, "0.5 to 1 mg/day"),
        # every 6 to 8 h: 3 to 4 times
        ({"frequency": 1, "period": 6, "periodMax": 8, "periodUnit": "h"}, "1.5 to 2 mg/day"),
        # 1 to 2 times every 1 to 2 days: 1/2 to 2 times a day
        (
            {"frequency": 1, "frequencyMax": 2, "period": 1, "periodMax": 2, "periodUnit": "d"},
            "0.25 to 1 mg/day",
        ),
        # up to 3 times: the lowest is not said, so once
        (
            {"frequencyMax": 3, "period": 1, "periodUnit": "d"},
            "0.5 to 1.5 mg/day; "
            "note: only the highest frequency is given; the lowest was read as once",
        ),
    ],
)
def test_a_maximum_makes_a_range(repeat: dict[str, Any], answer: str) -> None:
    assert told(course(said(tablets("1"), **repeat))) == answer


# --- dayOfWeek --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # Monday, Wednesday, Friday in the evening: 3/7 x 0.5
        (
            {"dayOfWeek": ["mon", "wed", "fri"], "when": ["EVE"]},
            "3/14 mg/day, at most 0.5 mg on one day",
        ),
        # 2 a day on Monday and Thursday: 4 a week, 4/7 x 0.5; 2 x 0.5 on such a day
        (
            {"frequency": 2, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon", "thu"]},
            "2/7 mg/day, at most 1 mg on one day",
        ),
        # every 8 h on Monday: 3 a week, 3/7 x 0.5; 3 x 0.5 on Monday
        (
            {"frequency": 1, "period": 8, "periodUnit": "h", "dayOfWeek": ["mon"]},
            "3/14 mg/day, at most 1.5 mg on one day",
        ),
        # once a week, on Monday: 1/7 x 0.5
        (
            {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon"]},
            "1/14 mg/day, at most 0.5 mg on one day",
        ),
        # every second week on Monday: 1/14 x 0.5
        (
            {"frequency": 1, "period": 2, "periodUnit": "wk", "dayOfWeek": ["mon"]},
            "1/28 mg/day, at most 0.5 mg on one day",
        ),
        # 2 in 2 weeks on Monday: 2/14 x 0.5, one on each Monday
        (
            {"frequency": 2, "period": 2, "periodUnit": "wk", "dayOfWeek": ["mon"]},
            "1/14 mg/day, at most 0.5 mg on one day",
        ),
        # 3 a week on three days
        (
            {"frequency": 3, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed", "fri"]},
            "3/14 mg/day, at most 0.5 mg on one day",
        ),
        # 3 a week on two days: on one of them twice, 2 x 0.5
        (
            {"frequency": 3, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed"]},
            "3/14 mg/day, at most 1 mg on one day",
        ),
        # once a week and three days: 1/7 to 3/7 x 0.5
        (
            {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed", "fri"]},
            "1/14 to 3/14 mg/day, at most 0.5 mg on one day; "
            "note: the timing says 1 per 1 wk and names 3 occasions in a week; the higher counts",
        ),
        # all seven days are every day
        ({"when": ["HS"], "dayOfWeek": ALL_DAYS}, "0.5 mg/day"),
        # days and no more: once on each, 2/7 x 0.5
        (
            {"dayOfWeek": ["sat", "Sunday"]},
            "1/7 mg/day, at most 0.5 mg on one day; "
            "note: the order names days and not how often on them; read as once on each",
        ),
    ],
)
def test_days_of_the_week(repeat: dict[str, Any], answer: str) -> None:
    assert told(course(said(tablets("1"), **repeat))) == answer


# --- timeOfDay, when, offset ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # two times of day, every day: 2 x 0.5
        ({"timeOfDay": ["08:00:00", "20:00:00"]}, "1 mg/day"),
        # one time of day written twice is one
        ({"timeOfDay": ["08:00", "08:00:00"]}, "0.5 mg/day"),
        # morning and bedtime: 2 x 0.5
        ({"when": ["MORN", "HS"]}, "1 mg/day"),
        # a moment moved by an offset of 30 minutes is the same moment
        ({"when": ["ACM"], "offset": 30}, "0.5 mg/day"),
        # an offset needs a moment that it moves; it changes no dose
        (
            {"frequency": 1, "period": 1, "periodUnit": "d", "offset": 30},
            "0.5 mg/day; note: an offset is given that moves no moment of the day; it was left out",
        ),
        # 2 a day, said to be morning and evening: still 2 x 0.5
        ({"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}, "1 mg/day"),
        # once a day, morning and evening: 1 or 2
        (
            {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]},
            "0.5 to 1 mg/day; note: the timing says 1 per 1 d and names 2 moments of the day; "
            "the higher counts",
        ),
        # with meals is three times: 3 x 0.5
        ({"when": ["PC"]}, "1.5 mg/day; note: meals are counted as 3 a day"),
        # three meals and bedtime: 4 x 0.5
        ({"when": ["C", "HS"]}, "2 mg/day; note: meals are counted as 3 a day"),
        # twice a day, with meals: 2 x 0.5
        ({"frequency": 2, "period": 1, "periodUnit": "d", "when": ["C"]}, "1 mg/day"),
        # FHIR allows one of the two: 8 o'clock and the morning may be two doses
        (
            {"timeOfDay": ["08:00"], "when": ["MORN"]},
            "1 mg/day; note: times and moments of the day are both given; all of them are counted",
        ),
        # "immediately" (FHIR R5) is once
        ({"when": ["IMD"]}, "once, 0.5 mg"),
    ],
)
def test_times_and_moments_of_the_day(repeat: dict[str, Any], answer: str) -> None:
    assert told(course(said(tablets("1"), **repeat))) == answer


# --- timing.code ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        # once a day
        ("QD", "0.5 mg/day"),
        # 2 x 0.5
        ("BID", "1 mg/day"),
        # 3 x 0.5
        ("TID", "1.5 mg/day"),
        # 4 x 0.5
        ("QID", "2 mg/day"),
        # 24/4 = 6 x 0.5
        ("Q4H", "3 mg/day"),
        # 24/6 = 4 x 0.5
        ("Q6H", "2 mg/day"),
        # 24/8 = 3 x 0.5
        ("Q8H", "1.5 mg/day"),
        # at bedtime
        ("QHS", "0.5 mg/day"),
        # at bedtime
        ("BED", "0.5 mg/day"),
        # in the morning
        ("AM", "0.5 mg/day"),
        # in the evening
        ("PM", "0.5 mg/day"),
        # every other day: 0.5 / 2
        ("QOD", "0.25 mg/day, at most 0.5 mg on one day"),
        # weekly: 0.5 / 7
        ("WK", "1/14 mg/day, at most 0.5 mg on one day"),
        # monthly: 0.5 / 30.4375
        ("MO", "8/487 mg/day, at most 0.5 mg on one day"),
        # on business days: 5/7 x 0.5
        ("JB", "5/14 mg/day, at most 0.5 mg on one day"),
        # on weekends: 2/7 x 0.5
        ("JE", "1/7 mg/day, at most 0.5 mg on one day"),
    ],
)
def test_timing_codes(code: str, answer: str) -> None:
    """HL7 v3 GTSAbbreviation, and what clinics write beside it."""
    assert told(course(one_tablet({"code": {"coding": [{"code": code}]}}))) == answer


@pytest.mark.parametrize(
    ("timing", "answer"),
    [
        # a text: 24/4 = 6 x 0.5
        ({"code": {"text": "every 4 hr"}}, "3 mg/day"),
        # a local code with a display: 6 x 0.5
        (
            {
                "code": {
                    "coding": [
                        {"system": "https://ehr.example/4003", "code": "696547", "display": "Q4H"}
                    ]
                }
            },
            "3 mg/day",
        ),
        # a code once: a single dose
        (
            {"code": {"coding": [{"code": "696531", "display": "Once"}], "text": "Once"}},
            "once, 0.5 mg",
        ),
        # code 3 x 0.5, structure 2 x 0.5: both are kept
        (
            {"code": {"text": "TID"}, "repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "1 to 1.5 mg/day; note: the timing is given as 2/day and 3/day; the higher counts",
        ),
        # "2" of what the code says: twice a day
        ({"code": {"text": "BID"}, "repeat": {"frequency": 2}}, "1 mg/day"),
        # twice a day on Saturday and Sunday: 4/7 x 0.5, and 2 x 0.5 on such a day
        (
            {"code": {"text": "BID"}, "repeat": {"dayOfWeek": ["sat", "sun"]}},
            "2/7 mg/day, at most 1 mg on one day",
        ),
        # an unknown name beside a known structure is named and left out
        (
            {"code": {"text": "QFOO"}, "repeat": {"when": ["HS"]}},
            '0.5 mg/day; note: the timing "QFOO" is not known and was left out',
        ),
    ],
)
def test_a_code_a_text_and_a_structure(timing: dict[str, Any], answer: str) -> None:
    assert told(course(one_tablet(timing))) == answer


# --- count, countMax --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # one administration is a single dose of its day
        ({"count": 1}, "once, 0.5 mg"),
        # one, and once a day: the same
        ({"count": 1, "frequency": 1, "period": 1, "periodUnit": "d"}, "once, 0.5 mg"),
        # one administration, and 2 x 0.5 a day: the higher
        (
            {"count": 1, "frequency": 2, "period": 1, "periodUnit": "d"},
            "1 mg/day; "
            "note: the order asks for one administration and for 2/day; the higher counts",
        ),
    ],
)
def test_one_administration(repeat: dict[str, Any], answer: str) -> None:
    assert told(course(said(tablets("1"), **repeat))) == answer


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # 21 at 3 a day: 7 days
        (
            {"frequency": 3, "period": 1, "periodUnit": "d", "count": 21},
            "2027-01-01 to 2027-01-07: 1.5 mg/day",
        ),
        # 10 at 1 to 2 a day: at the latest on the 10th day
        (
            {"frequency": 1, "frequencyMax": 2, "period": 1, "periodUnit": "d", "count": 10},
            "2027-01-01 to 2027-01-10: 0.5 to 1 mg/day",
        ),
        # 7 to 10 at 1 a day: at the latest on the 10th day
        (
            {"when": ["HS"], "count": 7, "countMax": 10},
            "2027-01-01 to 2027-01-10: 0.5 mg/day",
        ),
        # 1 January is a Friday: 4 on Mon, Tue are the 4th, 5th, 11th and 12th
        (
            {"when": ["HS"], "dayOfWeek": ["mon", "tue"], "count": 4},
            "2027-01-01 to 2027-01-12: 1/7 mg/day",
        ),
    ],
)
def test_a_count_ends_the_order_when_it_is_used_up(repeat: dict[str, Any], answer: str) -> None:
    """The order begins on 1 January."""
    assert steps_told(course(said(tablets("1"), **repeat), starts=NEW_YEAR)) == answer


def test_a_count_bounds_a_rhythm_that_only_the_text_says() -> None:
    """7 to 10 times, and the text says at bedtime: at the latest the tenth day."""
    line = {"text": "1 mg at bedtime", "timing": {"repeat": {"count": 7, "countMax": 10}}}
    assert steps_told(course(line, starts=NEW_YEAR)) == "2027-01-01 to 2027-01-10: 1 mg/day"


def test_a_count_of_doses_as_needed_ends_on_no_known_day() -> None:
    """Ten times in all, at most once a day: ten days at the least, and nobody knows how many."""
    line = said(mg("1"), frequency=1, period=1, periodUnit="d", count=10) | {"asNeeded": True}
    order = course(line, starts=NEW_YEAR)
    assert steps_told(order) == "2027-01-01 to open: as needed, 0 to 1 mg/day"
    assert told(order) == (
        "as needed, 0 to 1 mg/day; note: at most 10 in all, as needed: "
        "the day on which they are used up is not known"
    )


def test_where_the_count_may_end_early_the_next_step_may_begin_early() -> None:
    """1 mg 7 to 10 times, then 2 mg: from the 8th day on it may be 2 mg already."""
    first = said(mg("1"), when=["HS"], count=7, countMax=10) | {"sequence": 1}
    second = said(mg("2"), when=["HS"]) | {"sequence": 2}
    assert steps_told(course(first, second, starts=NEW_YEAR)) == (
        "2027-01-01 to 2027-01-07: 1 mg/day; "
        "2027-01-08 to 2027-01-10: 1 to 2 mg/day; "
        "2027-01-11 to open: 2 mg/day"
    )


# --- duration: how long one administration takes ----------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "answer"),
    [
        # two hours each: no matter to the amount
        ({"when": ["HS"], "duration": 2, "durationUnit": "h"}, "0.5 mg/day"),
        # seven days: most likely the length of the order was meant, which is not guessed
        (
            {"when": ["HS"], "duration": 7, "durationUnit": "d"},
            "0.5 mg/day; note: the timing gives each administration a length of days; "
            "it was not read as the length of the order",
        ),
        # no unit
        (
            {"when": ["HS"], "duration": 7},
            "0.5 mg/day; note: how long each administration takes could not be read",
        ),
    ],
)
def test_the_length_of_an_administration(repeat: dict[str, Any], answer: str) -> None:
    assert told(course(said(tablets("1"), **repeat))) == answer


# --- timing.event: moments on listed days -----------------------------------------------------


@pytest.mark.parametrize(
    ("timing", "answer", "steps"),
    [
        # 3 x 0.5 in 4 days: 1.5/4 = 0.375
        (
            {"event": ["2027-01-01T20:00:00Z", "2027-01-02", "2027-01-04"]},
            "0.375 mg/day, at most 0.5 mg on one day",
            "2027-01-01 to 2027-01-04: 0.375 mg/day",
        ),
        # one moment is a single dose of that day
        (
            {"event": ["2027-01-01T20:00:00Z"]},
            "once, 0.5 mg",
            "2027-01-01 to 2027-01-01: 0.5 mg/day",
        ),
        # one moment written twice is one
        (
            {"event": ["2027-01-01T20:00:00Z", "2027-01-01T20:00:00Z"]},
            "once, 0.5 mg",
            "2027-01-01 to 2027-01-01: 0.5 mg/day",
        ),
        # beside a rhythm one moment is its start
        (
            {
                "event": ["2027-01-01T20:00:00Z"],
                "repeat": {"frequency": 2, "period": 1, "periodUnit": "d"},
            },
            "1 mg/day; note: moments are listed beside the rhythm; the first was read as its start",
            "2027-01-01 to open: 1 mg/day",
        ),
    ],
)
def test_listed_moments(timing: dict[str, Any], answer: str, steps: str) -> None:
    order = course(one_tablet(timing))
    assert told(order) == answer
    assert steps_told(order) == steps


# --- no timing --------------------------------------------------------------------------------


def test_a_missing_timing_is_never_once_a_day() -> None:
    """One tablet, and nothing about when."""
    assert told(course({"doseAndRate": [{"doseQuantity": tablets("1")}]})) == (
        "not computable: the order says how much at once and not how often"
    )
