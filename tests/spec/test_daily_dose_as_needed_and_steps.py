"""The manual of the daily dose, second part: use as needed, ceilings, lines and steps in time."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import course_of, dose_on, highest_from
from clinical.drugs import Strength
from ehr.read.dosages import dosage_lines

HALF_MG_TABLET = Strength(Fraction(1, 2), "tablet")


def course(
    *dosages: dict[str, Any], strength: Strength | None = HALF_MG_TABLET, **more: Any
) -> DoseCourse:
    return course_of(dosage_lines({"dosageInstruction": list(dosages)}), strength=strength, **more)


def said(amount: dict[str, Any], **repeat: Any) -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": amount}], "timing": {"repeat": repeat}}


def mg(value: str) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": "mg"}


def tablets(value: str) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": "tablet"}


def at_most(amount: dict[str, Any], value: int, unit: str) -> list[dict[str, Any]]:
    return [{"numerator": amount, "denominator": {"value": value, "unit": unit, "code": unit}}]


def computed(order: DoseCourse) -> DailyDose:
    assert isinstance(order.overall, DailyDose), order.overall
    return order.overall


def stretches(order: DoseCourse) -> list[tuple[str | None, str | None, Fraction]]:
    return [
        (
            step.starts.isoformat() if step.starts else None,
            step.ends.isoformat() if step.ends else None,
            step.dose.high,
        )
        for step in order.steps
    ]


# --- as needed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "as_needed",
    [{"asNeededBoolean": True}, {"asNeededCodeableConcept": {"text": "panic"}}],
)
def test_as_needed_is_from_zero_to_its_maximum(as_needed: dict[str, Any]) -> None:
    """One 0.5 mg tablet up to three times a day as needed: 0 to 1.5 mg."""
    dosage = said(tablets("1"), frequency=3, period=1, periodUnit="d") | as_needed
    dose = computed(course(dosage))
    assert (dose.low, dose.high, dose.as_needed) == (0, Fraction(3, 2), True)
    assert dose.working == "as needed, at most 3/day x 1 tablet x 0.5 mg = 1.5 mg/day"


def test_a_ceiling_caps_what_is_taken_as_needed() -> None:
    """1 to 2 tablets of 0.5 mg every 4 h would be 6 mg; at most 2 mg in 24 hours are allowed."""
    dosage: dict[str, Any] = {
        "doseAndRate": [{"doseRange": {"low": tablets("1"), "high": tablets("2")}}],
        "timing": {"repeat": {"frequency": 1, "period": 4, "periodUnit": "h"}},
        "asNeededBoolean": True,
        "maxDosePerPeriod": at_most(mg("2"), 24, "h"),
    }
    order = course(dosage)
    dose = computed(order)
    assert (dose.low, dose.high, dose.peak_day) == (0, 2, 2)
    assert order.amount_per_day is not None
    # 2 mg are four tablets of 0.5 mg
    assert (order.amount_per_day.unit, order.amount_per_day.high) == ("tablet", 4)


def test_as_needed_without_a_timing_is_at_most_its_ceiling() -> None:
    """One tablet as needed, at most 3 tablets of 0.5 mg a day: 0 to 1.5 mg."""
    dosage = {
        "doseAndRate": [{"doseQuantity": tablets("1")}],
        "asNeededBoolean": True,
        "maxDosePerPeriod": at_most(tablets("3"), 1, "d"),
    }
    dose = computed(course(dosage))
    assert (dose.low, dose.high) == (0, Fraction(3, 2))


def test_a_timing_code_may_say_as_needed() -> None:
    """The code "BID PRN" is from zero to twice; "PRN" alone is up to the order's ceiling."""
    twice = {
        "doseAndRate": [{"doseQuantity": tablets("1")}],
        "timing": {"code": {"text": "BID PRN"}},
    }
    alone: dict[str, Any] = {
        "doseAndRate": [{"doseQuantity": tablets("1")}],
        "timing": {"code": {"text": "PRN"}},
        "maxDosePerPeriod": at_most(tablets("4"), 1, "d"),
    }
    for dosage, high in ((twice, 1), (alone, 2)):
        dose = computed(course(dosage))
        assert (dose.low, dose.high, dose.as_needed) == (0, high, True)


def test_as_needed_without_a_maximum_has_no_daily_dose() -> None:
    dosage = {"doseAndRate": [{"doseQuantity": tablets("1")}], "asNeededBoolean": True}
    assert course(dosage).overall == NotComputable("as needed, no maximum given")


def test_a_ceiling_alone_is_no_dose() -> None:
    """Saying "at most 2 mg a day" does not say that 2 mg are taken."""
    overall = course({"maxDosePerPeriod": at_most(mg("2"), 1, "d")}).overall
    assert overall == NotComputable(
        "the order does not say how much to take",
        ("never more than 2 mg per day (a ceiling, not a dose)",),
    )


def test_a_ceiling_never_raises_a_dose() -> None:
    dosage = said(mg("1"), frequency=1, period=1, periodUnit="d")
    dosage["maxDosePerPeriod"] = at_most(mg("4"), 1, "d")
    dose = computed(course(dosage))
    assert (dose.low, dose.high, dose.warnings) == (1, 1, ())


def test_a_fixed_dose_above_its_ceiling_is_told_and_not_cut() -> None:
    dosage = said(mg("3"), frequency=1, period=1, periodUnit="d")
    dosage["maxDosePerPeriod"] = at_most(mg("2"), 1, "d")
    dose = computed(course(dosage))
    assert dose.high == 3
    assert dose.warnings == (
        "the dose is above the order's own maximum: "
        "never more than 2 mg per day (a ceiling, not a dose)",
    )


def test_a_weekly_ceiling_caps_the_average_and_not_the_single_day() -> None:
    """1 mg a day as needed, at most 3.5 mg a week: 0.5 mg on average, 1 mg on one day."""
    dosage = said(mg("1"), frequency=1, period=1, periodUnit="d") | {"asNeededBoolean": True}
    dosage["maxDosePerPeriod"] = at_most(mg("3.5"), 1, "wk")
    dose = computed(course(dosage))
    assert (dose.high, dose.peak_day) == (Fraction(1, 2), 1)


def test_the_maximum_at_once_caps_a_range() -> None:
    """1 to 3 tablets of 0.5 mg at bedtime as needed, at most 1 mg at once: at most 1 mg."""
    dosage: dict[str, Any] = {
        "doseAndRate": [{"doseRange": {"low": tablets("1"), "high": tablets("3")}}],
        "timing": {"repeat": {"when": ["HS"]}},
        "asNeededBoolean": True,
        "maxDosePerAdministration": mg("1"),
    }
    assert computed(course(dosage)).high == 1


# --- lines side by side ---------------------------------------------------------------------


def test_lines_without_a_sequence_are_taken_together() -> None:
    """1 mg in the morning and 2 mg at bedtime are 3 mg a day."""
    order = course(said(mg("1"), when=["MORN"]), said(mg("2"), when=["HS"]))
    dose = computed(order)
    assert (dose.low, dose.high, dose.peak_day) == (3, 3, 3)
    assert dose.working == ("1/day x 1 mg = 1 mg/day; 1/day x 2 mg = 2 mg/day; together 3 mg/day")
    assert order.intakes_per_day == 2


def test_lines_of_one_sequence_number_are_taken_together() -> None:
    first = said(mg("1"), when=["MORN"]) | {"sequence": 1}
    second = said(mg("2"), when=["HS"]) | {"sequence": 1}
    assert computed(course(first, second)).high == 3


def test_lines_on_different_days_of_the_week_never_meet() -> None:
    """1 mg Mon-Fri and 2 mg Sat, Sun: (5 x 1 + 2 x 2) / 7 = 9/7 on average, 2 mg on one day."""
    order = course(
        said(mg("1"), when=["HS"], dayOfWeek=["mon", "tue", "wed", "thu", "fri"]),
        said(mg("2"), when=["HS"], dayOfWeek=["sat", "sun"]),
    )
    dose = computed(order)
    assert (dose.high, dose.peak_day) == (Fraction(9, 7), 2)
    assert order.intakes_per_day == 1


def test_a_regular_dose_with_one_as_needed_has_the_regular_one_as_low_bound() -> None:
    """1 mg at bedtime, and 0.5 mg once a day as needed: 1 to 1.5 mg."""
    extra = said(mg("0.5"), frequency=1, period=1, periodUnit="d") | {"asNeededBoolean": True}
    dose = computed(course(said(mg("1"), when=["HS"]), extra))
    assert (dose.low, dose.high, dose.as_needed) == (1, Fraction(3, 2), False)


def test_one_unreadable_line_makes_the_order_not_computable() -> None:
    overall = course(said(mg("1"), when=["HS"]), said(mg("1"))).overall
    assert overall == NotComputable(
        "line 2 of 2: the order says how much at once and not how often",
        ("the lines that could be read come to at most 1 mg/day",),
    )


def test_tablets_and_mg_of_an_unknown_strength_cannot_be_added() -> None:
    overall = course(
        said(tablets("1"), when=["MORN"]), said(mg("1"), when=["HS"]), strength=None
    ).overall
    assert isinstance(overall, NotComputable)
    assert overall.why == "the lines are in different units (tablet and mg), which cannot be added"


# --- steps in time --------------------------------------------------------------------------


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
    """1, then 0.75, then 0.5 mg, a week each from 4 January: never 2.25 mg."""
    order = taper(("1", 7), ("0.75", 7), ("0.5", 7), starts=date(2027, 1, 4))
    assert computed(order).high == 1
    assert stretches(order) == [
        ("2027-01-04", "2027-01-10", Fraction(1)),
        ("2027-01-11", "2027-01-17", Fraction(3, 4)),
        ("2027-01-18", "2027-01-24", Fraction(1, 2)),
    ]
    assert (order.starts, order.ends) == (date(2027, 1, 4), date(2027, 1, 24))


@pytest.mark.parametrize(
    ("on", "mg_that_day"),
    [
        (date(2027, 1, 3), None),
        (date(2027, 1, 4), "1"),
        (date(2027, 1, 10), "1"),
        (date(2027, 1, 11), "3/4"),
        (date(2027, 1, 24), "1/2"),
        (date(2027, 1, 25), None),
    ],
)
def test_the_dose_on_a_day(on: date, mg_that_day: str | None) -> None:
    order = taper(("1", 7), ("0.75", 7), ("0.5", 7), starts=date(2027, 1, 4))
    dose = dose_on(order, on)
    if mg_that_day is None:
        assert dose is None
    else:
        assert isinstance(dose, DailyDose)
        assert dose.high == Fraction(mg_that_day)


def test_the_highest_dose_from_a_day_on_leaves_out_what_has_ended() -> None:
    order = taper(("1", 7), ("0.75", 7), ("0.5", 7), starts=date(2027, 1, 4))
    before, during = highest_from(order, date(2027, 1, 1)), highest_from(order, date(2027, 1, 12))
    assert isinstance(before, DailyDose)
    assert isinstance(during, DailyDose)
    assert (before.high, during.high) == (1, Fraction(3, 4))
    assert highest_from(order, date(2027, 1, 25)) is None


def test_a_sequence_that_begins_on_no_known_day_still_has_its_highest_step() -> None:
    order = taper(("0.5", 7), ("1", 7))
    dose = computed(order)
    assert (dose.high, stretches(order)) == (1, [(None, None, Fraction(1, 2)), (None, None, 1)])
    assert "the steps have no dates; the highest one counts" in dose.warnings[0]
    on_a_day = dose_on(order, date(2027, 1, 1))
    assert isinstance(on_a_day, DailyDose)
    assert (on_a_day.low, on_a_day.high) == (Fraction(1, 2), 1)


def test_a_month_of_duration_is_rounded_up_to_whole_days() -> None:
    """1 month is 30.4375 days (UCUM): the step lasts into the 31st day."""
    line = said(mg("1"), when=["HS"], boundsDuration={"value": 1, "unit": "mo", "code": "mo"})
    assert course(line, starts=date(2027, 1, 1)).ends == date(2027, 1, 31)


def test_a_duration_range_ends_late_and_the_next_step_begins_early() -> None:
    """0.5 mg for 7 to 10 days, then 1 mg: from day 8 on it may be 1 mg already."""
    week = {"value": 7, "unit": "d"}
    ten = {"value": 10, "unit": "d"}
    first = said(mg("0.5"), when=["HS"], boundsRange={"low": week, "high": ten}) | {"sequence": 1}
    second = said(mg("1"), when=["HS"]) | {"sequence": 2}
    order = course(first, second, starts=date(2027, 1, 1))
    assert stretches(order) == [
        ("2027-01-01", "2027-01-07", Fraction(1, 2)),
        ("2027-01-08", "2027-01-10", Fraction(1)),
        ("2027-01-11", None, Fraction(1)),
    ]
    assert order.steps[1].dose.low == Fraction(1, 2)


def test_the_last_day_of_a_period_is_a_day_of_taking() -> None:
    period = {"start": "2027-01-01", "end": "2027-01-31T08:00:00-05:00"}
    order = course(said(mg("1"), when=["HS"], boundsPeriod=period))
    assert isinstance(dose_on(order, date(2027, 1, 31)), DailyDose)
    assert dose_on(order, date(2027, 2, 1)) is None


def test_on_a_shared_boundary_day_the_later_step_counts() -> None:
    """2 mg until 15 January and 1 mg from 15 January: on the 15th it is 1 mg, not 3."""
    order = course(
        said(mg("2"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "2027-01-15"}),
        said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-15", "end": "2027-01-31"}),
    )
    assert stretches(order) == [
        ("2027-01-01", "2027-01-14", Fraction(2)),
        ("2027-01-15", "2027-01-31", Fraction(1)),
    ]


def test_lines_without_sequence_whose_periods_overlap_add_up_while_they_do() -> None:
    """1 mg all January and 0.5 mg more from the 10th to the 20th."""
    order = course(
        said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "2027-01-31"}),
        said(mg("0.5"), when=["MORN"], boundsPeriod={"start": "2027-01-10", "end": "2027-01-20"}),
    )
    assert stretches(order) == [
        ("2027-01-01", "2027-01-09", Fraction(1)),
        ("2027-01-10", "2027-01-20", Fraction(3, 2)),
        ("2027-01-21", "2027-01-31", Fraction(1)),
    ]


def test_overlapping_steps_of_a_sequence_are_never_summed() -> None:
    first = said(mg("2"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "2027-01-20"})
    second = said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-10", "end": "2027-01-31"})
    order = course(first | {"sequence": 1}, second | {"sequence": 2})
    assert max(high for _, _, high in stretches(order)) == 2


def test_an_open_step_ends_the_day_before_the_next_begins() -> None:
    first = said(mg("2"), when=["HS"]) | {"sequence": 1}
    second = said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-10"}) | {"sequence": 2}
    assert stretches(course(first, second)) == [
        (None, "2027-01-09", Fraction(2)),
        ("2027-01-10", None, Fraction(1)),
    ]


def test_a_count_ends_the_order_when_it_is_used_up() -> None:
    """21 administrations, 3 a day, from 1 January: 7 days."""
    line = said(mg("1"), frequency=3, period=1, periodUnit="d", count=21)
    assert stretches(course(line, starts=date(2027, 1, 1))) == [
        ("2027-01-01", "2027-01-07", Fraction(3))
    ]


def test_a_period_without_a_readable_end_is_read_as_open_and_said_so() -> None:
    order = course(said(mg("1"), when=["HS"], boundsPeriod={"start": "2027-01-01", "end": "soon"}))
    assert stretches(order) == [("2027-01-01", None, Fraction(1))]
    assert computed(order).warnings == ("the end of the dosage's period cannot be read",)


def test_listed_days_bound_the_order() -> None:
    """1 mg on the 1st, 2nd and 4th of January: 3 mg in 4 days."""
    days = ["2027-01-01T20:00:00Z", "2027-01-02", "2027-01-04"]
    order = course({"doseAndRate": [{"doseQuantity": mg("1")}], "timing": {"event": days}})
    dose = computed(order)
    assert (dose.high, dose.peak_day) == (Fraction(3, 4), 1)
    assert stretches(order) == [("2027-01-01", "2027-01-04", Fraction(3, 4))]


def test_one_listed_moment_is_a_single_dose_of_that_day() -> None:
    event = {"event": ["2027-01-01T20:00:00Z"]}
    order = course({"doseAndRate": [{"doseQuantity": mg("2")}], "timing": event})
    assert order.single_dose
    assert stretches(order) == [("2027-01-01", "2027-01-01", Fraction(2))]


@pytest.mark.parametrize(("day", "together"), [("0001-01-01", 3), ("9999-12-31", 2)])
def test_the_first_and_the_last_day_of_the_calendar_are_days(day: str, together: int) -> None:
    """On the last day the line that ends yields to the one that begins; before the first day
    there is none to which it could be cut.
    """
    begins = said(mg("1"), when=["HS"], boundsPeriod={"start": day})
    ends = said(mg("1"), when=["MORN"], boundsPeriod={"end": day})
    lasts = said(mg("1"), when=["NOON"], boundsDuration={"value": 300, "unit": "d"})
    order = course(begins, ends, lasts, starts=date.fromisoformat(day))
    assert computed(order).high == together
