"""Daily dose 4: several lines, and steps in time.

Lines without a sequence number, or of the same one, are taken together. Lines of different
sequence numbers are steps, one after the other: the highest step counts, and never their sum. The
last day of a period is a day of taking. Doses are in mg, so that no strength matters.
"""

from datetime import date
from typing import Any

import pytest
from dose_told import course, mg, said, steps_told, tablets, told

from clinical.daily_dose import DailyDose, DoseCourse
from clinical.dose_course import dose_on, highest_from, taken_on

NEW_YEAR = date(2027, 1, 1)


def high(dose: object) -> str:
    assert isinstance(dose, DailyDose), dose
    return str(float(dose.high))


# --- lines side by side -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dosages", "answer"),
    [
        # 1 mg in the morning and 2 mg at bedtime
        ([said(mg("1"), when=["MORN"]), said(mg("2"), when=["HS"])], "3 mg/day"),
        # the same with one sequence number for both
        (
            [
                said(mg("1"), when=["MORN"]) | {"sequence": 1},
                said(mg("2"), when=["HS"]) | {"sequence": 1},
            ],
            "3 mg/day",
        ),
        # Mon-Fri 1 mg, Sat and Sun 2 mg: (5 x 1 + 2 x 2) / 7; the days never meet
        (
            [
                said(mg("1"), when=["HS"], dayOfWeek=["mon", "tue", "wed", "thu", "fri"]),
                said(mg("2"), when=["HS"], dayOfWeek=["sat", "sun"]),
            ],
            "9/7 mg/day, at most 2 mg on one day",
        ),
        # Mon 1 mg and every other day 2 mg: 1/7 + 1; on some Monday they meet
        (
            [
                said(mg("1"), when=["HS"], dayOfWeek=["mon"]),
                said(mg("2"), frequency=1, period=2, periodUnit="d"),
            ],
            "8/7 mg/day, at most 3 mg on one day",
        ),
        # 1 mg at bedtime, and 0.5 mg once a day as needed: from 1 to 1.5
        (
            [
                said(mg("1"), when=["HS"]),
                said(mg("0.5"), frequency=1, period=1, periodUnit="d") | {"asNeededBoolean": True},
            ],
            "1 to 1.5 mg/day",
        ),
        # the same line twice may be a mistake: both count, and it is said
        (
            [said(mg("1"), when=["HS"]), said(mg("1"), when=["HS"])],
            "2 mg/day; note: two dosage lines are identical; they are read as taken together",
        ),
        # the second line cannot be computed, so neither can the whole
        (
            [said(mg("1"), when=["HS"]), said(mg("1"))],
            "not computable: line 2 of 2: the order says how much at once and not how often; "
            "note: the lines that could be read come to at most 1 mg/day",
        ),
    ],
)
def test_lines_side_by_side(dosages: list[dict[str, Any]], answer: str) -> None:
    assert told(course(*dosages)) == answer


def test_the_working_of_two_lines_and_their_intakes_a_day() -> None:
    """1 mg in the morning and 2 mg at bedtime: twice a day, 3 mg."""
    order = course(said(mg("1"), when=["MORN"]), said(mg("2"), when=["HS"]))
    assert order.overall.working == (  # type: ignore[union-attr]
        "1/day x 1 mg = 1 mg/day; 1/day x 2 mg = 2 mg/day; together 3 mg/day"
    )
    assert order.intakes_per_day == 2


def test_lines_on_different_days_of_the_week_are_one_intake_a_day() -> None:
    """Monday to Friday, and the weekend: never two on one day."""
    order = course(
        said(mg("1"), when=["HS"], dayOfWeek=["mon", "tue", "wed", "thu", "fri"]),
        said(mg("2"), when=["HS"], dayOfWeek=["sat", "sun"]),
    )
    assert order.intakes_per_day == 1


def test_tablets_and_mg_of_an_unknown_strength_cannot_be_added() -> None:
    """One tablet in the morning, 1 mg at bedtime, and nobody knows what the tablet holds."""
    lines = [said(tablets("1"), when=["MORN"]), said(mg("1"), when=["HS"])]
    assert told(course(*lines, strength=None)) == (
        "not computable: the lines are in different units (tablet and mg), which cannot be added"
    )


# --- sequence: steps in time ------------------------------------------------------------------


def taper(*steps: tuple[str, int], **more: Any) -> DoseCourse:
    """Steps of mg a day at bedtime, each for so many days, in sequence."""
    return course(
        *(
            said(mg(dose), when=["HS"], boundsDuration={"value": days, "unit": "d", "code": "d"})
            | {"sequence": number}
            for number, (dose, days) in enumerate(steps, start=1)
        ),
        **more,
    )


def test_a_sequence_is_steps_in_time_and_its_highest_step_counts() -> None:
    """1, then 0.75, then 0.5 mg, a week each from 4 January: the highest is 1 mg, never 2.25."""
    order = taper(("1", 7), ("0.75", 7), ("0.5", 7), starts=date(2027, 1, 4))
    assert told(order) == "1 mg/day"
    assert steps_told(order) == (
        "2027-01-04 to 2027-01-10: 1 mg/day; "
        "2027-01-11 to 2027-01-17: 0.75 mg/day; "
        "2027-01-18 to 2027-01-24: 0.5 mg/day"
    )
    assert (order.starts, order.ends) == (date(2027, 1, 4), date(2027, 1, 24))


@pytest.mark.parametrize(
    ("on", "mg_that_day"),
    [
        # the day before it begins
        (date(2027, 1, 3), None),
        # the first day
        (date(2027, 1, 4), "1.0"),
        # the last day of the first week
        (date(2027, 1, 10), "1.0"),
        # the first of the second
        (date(2027, 1, 11), "0.75"),
        # the last day of all
        (date(2027, 1, 24), "0.5"),
        # the day after
        (date(2027, 1, 25), None),
    ],
)
def test_the_dose_on_a_day(on: date, mg_that_day: str | None) -> None:
    """Of 1, 0.75 and 0.5 mg, a week each from 4 January."""
    order = taper(("1", 7), ("0.75", 7), ("0.5", 7), starts=date(2027, 1, 4))
    dose = dose_on(order, on)
    assert (None if dose is None else high(dose)) == mg_that_day


@pytest.mark.parametrize(
    ("from_day", "mg_at_most"),
    [
        # all steps are to come
        (date(2027, 1, 1), "1.0"),
        # the first has ended
        (date(2027, 1, 12), "0.75"),
        # all have ended
        (date(2027, 1, 25), None),
    ],
)
def test_the_highest_dose_from_a_day_on_leaves_out_what_has_ended(
    from_day: date, mg_at_most: str | None
) -> None:
    """Of 1, 0.75 and 0.5 mg, a week each from 4 January."""
    order = taper(("1", 7), ("0.75", 7), ("0.5", 7), starts=date(2027, 1, 4))
    dose = highest_from(order, from_day)
    assert (None if dose is None else high(dose)) == mg_at_most


def test_a_sequence_that_begins_on_no_known_day_still_has_its_highest_step() -> None:
    """0.5 mg for a week, then 1 mg for a week, and no date: 1 mg, and on any day 0.5 to 1 mg."""
    order = taper(("0.5", 7), ("1", 7))
    assert told(order) == "1 mg/day; note: the steps have no dates; the highest one counts"
    assert steps_told(order) == "since ever to open: 0.5 mg/day; since ever to open: 1 mg/day"
    on_a_day = dose_on(order, date(2027, 1, 1))
    assert isinstance(on_a_day, DailyDose)
    assert (float(on_a_day.low), float(on_a_day.high)) == (0.5, 1)


def test_numbered_lines_without_any_duration_may_be_a_list() -> None:
    """1 mg as line 1 and 2 mg as line 2, undated: the higher counts, and the sum is said."""
    lines = [said(mg(n), when=["HS"]) | {"sequence": int(n)} for n in ("1", "2")]
    assert told(course(*lines)) == (
        "2 mg/day; note: the steps have no dates; the highest one counts "
        "(if all were taken together: 3 mg/day)"
    )


def test_an_open_step_ends_the_day_before_the_next_begins() -> None:
    """2 mg, and from 10 January 1 mg."""
    first = said(mg("2"), when=["HS"]) | {"sequence": 1}
    second = said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-10"}) | {"sequence": 2}
    assert steps_told(course(first, second)) == (
        "since ever to 2027-01-09: 2 mg/day; 2027-01-10 to open: 1 mg/day"
    )


def test_overlapping_steps_of_a_sequence_are_never_summed() -> None:
    """2 mg until the 20th and 1 mg from the 10th: between them 2 mg at most, not 3."""
    first = said(mg("2"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "2027-01-20"})
    second = said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-10", "end": "2027-01-31"})
    order = course(first | {"sequence": 1}, second | {"sequence": 2})
    assert told(order) == (
        "2 mg/day; note: steps of the sequence overlap; the highest counts there"
    )
    assert steps_told(order) == (
        "2027-01-01 to 2027-01-09: 2 mg/day; "
        "2027-01-10 to 2027-01-20: 1 to 2 mg/day; "
        "2027-01-21 to 2027-01-31: 1 mg/day"
    )


# --- the dose on a day of the week ------------------------------------------------------------


@pytest.mark.parametrize(
    ("dosages", "friday", "saturday"),
    [
        # Mon-Fri 1 mg, Sat and Sun 2 mg
        (
            [
                said(mg("1"), when=["HS"], dayOfWeek=["mon", "tue", "wed", "thu", "fri"]),
                said(mg("2"), when=["HS"], dayOfWeek=["sat", "sun"]),
            ],
            "1 mg/day",
            "2 mg/day",
        ),
        # 1 mg every day, and 0.5 mg more on Saturday
        (
            [said(mg("1"), when=["HS"]), said(mg("0.5"), when=["HS"], dayOfWeek=["sat"])],
            "1 mg/day",
            "1.5 mg/day",
        ),
        # Saturday alone: nothing on Friday
        ([said(mg("1"), when=["HS"], dayOfWeek=["sat"])], "nothing", "1 mg/day"),
        # every second Saturday: nobody said which
        (
            [said(mg("1"), frequency=1, period=2, periodUnit="wk", dayOfWeek=["sat"])],
            "nothing",
            "0 to 1 mg/day",
        ),
        # every other day: the average, for nobody said which days
        (
            [said(mg("1"), frequency=1, period=2, periodUnit="d")],
            "0.5 mg/day, at most 1 mg on one day",
            "0.5 mg/day, at most 1 mg on one day",
        ),
    ],
)
def test_what_is_taken_on_a_friday_and_on_a_saturday(
    dosages: list[dict[str, Any]], friday: str, saturday: str
) -> None:
    """1 January 2027 is a Friday."""
    order = course(*dosages)
    for day, answer in ((date(2027, 1, 1), friday), (date(2027, 1, 2), saturday)):
        taken = taken_on(order, day)
        assert ("nothing" if taken is None else told(DoseCourse(taken))) == answer


# --- bounds: from when to when ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "answer"),
    [
        # the last day, written as an instant, is a day of taking
        (
            {"boundsPeriod": {"start": "2027-01-01", "end": "2027-01-31T08:00:00-05:00"}},
            "2027-01-01 to 2027-01-31: 1 mg/day",
        ),
        # until the end of January
        (
            {"boundsPeriod": {"start": "2027-01-01", "end": "2027-01"}},
            "2027-01-01 to 2027-01-31: 1 mg/day",
        ),
        # 2 weeks from the day of the order
        (
            {"boundsDuration": {"value": 2, "unit": "wk"}},
            "2027-01-01 to 2027-01-14: 1 mg/day",
        ),
        # a month is 30.4375 days (UCUM): into the 31st day
        (
            {"boundsDuration": {"value": 1, "unit": "mo", "code": "mo"}},
            "2027-01-01 to 2027-01-31: 1 mg/day",
        ),
        # 36 hours: into the second day
        ({"boundsDuration": {"value": 36, "unit": "h"}}, "2027-01-01 to 2027-01-02: 1 mg/day"),
        # 7 to 10 days: at the latest the tenth
        (
            {"boundsRange": {"low": {"value": 7, "unit": "d"}, "high": {"value": 10, "unit": "d"}}},
            "2027-01-01 to 2027-01-10: 1 mg/day",
        ),
        # DSTU2's name of a duration
        ({"boundsQuantity": {"value": 7, "unit": "d"}}, "2027-01-01 to 2027-01-07: 1 mg/day"),
        # a start and a length
        (
            {
                "boundsPeriod": {"start": "2027-01-10"},
                "boundsDuration": {"value": 2, "unit": "d"},
            },
            "2027-01-10 to 2027-01-11: 1 mg/day",
        ),
        # none
        ({}, "since ever to open: 1 mg/day"),
    ],
)
def test_from_when_to_when(bounds: dict[str, Any], answer: str) -> None:
    """1 mg at bedtime, ordered on 1 January."""
    line = said(mg("1"), when=["HS"], **bounds)
    assert steps_told(course(line, starts=NEW_YEAR)) == answer


@pytest.mark.parametrize(
    ("bounds", "answer"),
    [
        # the end is no date: open
        (
            {"boundsPeriod": {"start": "2027-01-01", "end": "soon"}},
            "1 mg/day; note: the end of the dosage's period cannot be read",
        ),
        # no unit of time: open
        (
            {"boundsDuration": {"value": 7, "unit": "moons"}},
            "1 mg/day; note: the duration could not be read: "
            "its period has no unit of time that is known",
        ),
        # at most 14 days: 14
        (
            {"boundsRange": {"high": {"value": 14, "unit": "d"}}},
            "1 mg/day; note: the duration has no lower end; read as its upper end",
        ),
        # at least 7 days: open
        (
            {"boundsRange": {"low": {"value": 7, "unit": "d"}}},
            "1 mg/day; note: the duration has no upper end; the order is read as open",
        ),
        # twice
        (
            {
                "boundsPeriod": {"start": "2027-01-01", "end": "2027-01-10"},
                "boundsDuration": {"value": 20, "unit": "d"},
            },
            "1 mg/day; note: the length of the dosage is given as a period and as a duration",
        ),
        # it would end before it begins
        (
            {"boundsPeriod": {"start": "2027-02-01", "end": "2027-01-01"}},
            "not computable: the dosage's period ends before it begins",
        ),
    ],
)
def test_bounds_that_are_odd_are_said(bounds: dict[str, Any], answer: str) -> None:
    """1 mg at bedtime, ordered on 1 January."""
    assert told(course(said(mg("1"), when=["HS"], **bounds), starts=NEW_YEAR)) == answer


def test_a_duration_range_ends_late_and_the_next_step_begins_early() -> None:
    """0.5 mg for 7 to 10 days, then 1 mg: from day 8 on it may be 1 mg already."""
    week, ten = {"value": 7, "unit": "d"}, {"value": 10, "unit": "d"}
    first = said(mg("0.5"), when=["HS"], boundsRange={"low": week, "high": ten}) | {"sequence": 1}
    second = said(mg("1"), when=["HS"]) | {"sequence": 2}
    assert steps_told(course(first, second, starts=NEW_YEAR)) == (
        "2027-01-01 to 2027-01-07: 0.5 mg/day; "
        "2027-01-08 to 2027-01-10: 0.5 to 1 mg/day; "
        "2027-01-11 to open: 1 mg/day"
    )


def test_on_a_shared_boundary_day_the_later_step_counts() -> None:
    """2 mg until 15 January and 1 mg from 15 January: on the 15th it is 1 mg, not 3."""
    order = course(
        said(mg("2"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "2027-01-15"}),
        said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-15", "end": "2027-01-31"}),
    )
    assert steps_told(order) == (
        "2027-01-01 to 2027-01-14: 2 mg/day; 2027-01-15 to 2027-01-31: 1 mg/day"
    )


def test_lines_without_sequence_whose_periods_overlap_add_up_while_they_do() -> None:
    """1 mg all January and 0.5 mg more from the 10th to the 20th."""
    order = course(
        said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "2027-01-31"}),
        said(mg("0.5"), when=["MORN"], boundsPeriod={"start": "2027-01-10", "end": "2027-01-20"}),
    )
    assert steps_told(order) == (
        "2027-01-01 to 2027-01-09: 1 mg/day; "
        "2027-01-10 to 2027-01-20: 1.5 mg/day; "
        "2027-01-21 to 2027-01-31: 1 mg/day"
    )


def test_a_single_dose_beside_a_daily_one_counts_on_its_day() -> None:
    """2 mg once on the day of the order and 1 mg every day: 3 mg on that day."""
    order = course(said(mg("2"), count=1), said(mg("1"), when=["HS"]), starts=NEW_YEAR)
    assert steps_told(order) == (
        "since ever to 2026-12-31: 1 mg/day; "
        "2027-01-01 to 2027-01-01: 3 mg/day; "
        "2027-01-02 to open: 1 mg/day"
    )


@pytest.mark.parametrize(
    ("day", "mg_together"),
    [
        # before the first day there is none to which a line could be cut: 3 lines
        ("0001-01-01", "3 mg/day"),
        # on the last day the line that ends yields to the one that begins: 2 lines
        ("9999-12-31", "2 mg/day"),
    ],
)
def test_the_first_and_the_last_day_of_the_calendar_are_days(day: str, mg_together: str) -> None:
    """One line of 1 mg begins on the day, one ends on it and one lasts 300 days."""
    begins = said(mg("1"), when=["HS"], boundsPeriod={"start": day})
    ends = said(mg("1"), when=["MORN"], boundsPeriod={"end": day})
    lasts = said(mg("1"), when=["NOON"], boundsDuration={"value": 300, "unit": "d"})
    order = course(begins, ends, lasts, starts=date.fromisoformat(day))
    assert told(order).startswith(mg_together)
