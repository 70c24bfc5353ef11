"""Daily dose 3: use as needed, and the most that an order allows.

As needed, the dose is from zero to the most that it may be. A maximum (maxDosePerPeriod) is a
ceiling and never a dose. The product is a clonazepam 0.5 mg tablet.
"""

from typing import Any

import pytest
from dose_told import at_most, course, mg, said, tablets, told

THREE_A_DAY = {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}


# --- asNeeded ---------------------------------------------------------------------------------


def test_the_working_of_a_dose_as_needed() -> None:
    """One 0.5 mg tablet up to three times a day as needed: 0 to 1.5 mg."""
    line = said(tablets("1"), frequency=3, period=1, periodUnit="d") | {"asNeededBoolean": True}
    dose = course(line).overall
    assert dose.working == (  # type: ignore[union-attr]
        "as needed, at most 3/day x 1 tablet x 0.5 mg = 1.5 mg/day"
    )


@pytest.mark.parametrize(
    ("as_needed", "answer"),
    [
        # 0 to 3 x 0.5
        ({"asNeededBoolean": True}, "as needed, 0 to 1.5 mg/day"),
        # a reason means as needed
        ({"asNeededCodeableConcept": {"text": "panic"}}, "as needed, 0 to 1.5 mg/day"),
        # the names of R5
        ({"asNeeded": True, "asNeededFor": [{"text": "panic"}]}, "as needed, 0 to 1.5 mg/day"),
        # regular: 3 x 0.5
        ({"asNeededBoolean": False}, "1.5 mg/day"),
        # a reason and "false" contradict: as needed has the wider bounds
        (
            {"asNeededBoolean": False, "asNeededFor": [{"text": "panic"}]},
            "as needed, 0 to 1.5 mg/day; "
            "note: a reason for use as needed is given and asNeeded is false",
        ),
        # neither yes nor no
        (
            {"asNeededBoolean": "perhaps"},
            "not computable: whether it is taken as needed is neither true nor false",
        ),
    ],
)
def test_as_needed_is_from_zero_to_its_maximum(as_needed: dict[str, Any], answer: str) -> None:
    line = {"doseAndRate": [{"doseQuantity": tablets("1")}], "timing": THREE_A_DAY}
    assert told(course(line | as_needed)) == answer


@pytest.mark.parametrize(
    ("dosage", "answer"),
    [
        # the code "BID PRN" is from zero to 2 x 0.5
        (
            {
                "doseAndRate": [{"doseQuantity": tablets("1")}],
                "timing": {"code": {"text": "BID PRN"}},
            },
            "as needed, 0 to 1 mg/day",
        ),
        # "PRN" alone is up to the order's ceiling: 4 x 0.5
        (
            {
                "doseAndRate": [{"doseQuantity": tablets("1")}],
                "timing": {"code": {"text": "PRN"}},
                "maxDosePerPeriod": at_most(tablets("4"), 1, "d"),
            },
            "as needed, 0 to 2 mg/day",
        ),
        # without a timing at most the ceiling: 3 x 0.5
        (
            {
                "doseAndRate": [{"doseQuantity": tablets("1")}],
                "asNeededBoolean": True,
                "maxDosePerPeriod": at_most(tablets("3"), 1, "d"),
            },
            "as needed, 0 to 1.5 mg/day",
        ),
        # neither a timing nor a ceiling
        (
            {"doseAndRate": [{"doseQuantity": tablets("1")}], "asNeededBoolean": True},
            "not computable: as needed, no maximum given",
        ),
        # more at once than a day allows
        (
            {
                "doseAndRate": [{"doseQuantity": mg("3")}],
                "asNeededBoolean": True,
                "maxDosePerPeriod": at_most(mg("1"), 1, "d"),
            },
            "as needed, 0 to 1 mg/day; note: the dose is above the order's own maximum: "
            "never more than 1 mg per day (a ceiling, not a dose)",
        ),
    ],
)
def test_as_needed_by_a_code_or_up_to_a_ceiling(dosage: dict[str, Any], answer: str) -> None:
    assert told(course(dosage)) == answer


# --- maxDosePerPeriod -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_dose_per_period", "answer"),
    [
        # 2 mg in 24 hours
        (at_most(mg("2"), 24, "h"), "as needed, 0 to 2 mg/day"),
        # one object instead of a list (R4)
        (at_most(mg("2"), 24, "h")[0], "as needed, 0 to 2 mg/day"),
        # 3 tablets x 0.5 mg a day
        (at_most(tablets("3"), 1, "d"), "as needed, 0 to 1.5 mg/day"),
        # 1500 mcg a day
        (at_most({"value": 1500, "unit": "mcg"}, 1, "d"), "as needed, 0 to 1.5 mg/day"),
        # 1 mg in 8 h would be 3 mg a day, and 2 mg in a day is less
        (at_most(mg("1"), 8, "h") + at_most(mg("2"), 1, "d"), "as needed, 0 to 2 mg/day"),
        # 7 mg a week: 1 mg a day on average, and at most 6 mg (every 4 h) on one day
        (at_most(mg("7"), 1, "wk"), "as needed, 0 to 1 mg/day, at most 6 mg on one day"),
        # 100 mg a day is no limit to 6 x 1 mg
        (at_most(mg("100"), 1, "d"), "as needed, 0 to 6 mg/day"),
        # a ceiling without a period limits nothing: 6 x 1 mg, and it is said
        (
            [{"numerator": mg("2")}],
            "as needed, 0 to 6 mg/day; "
            "note: the maximum dose per period could not be read: "
            "it has no period",
        ),
    ],
)
def test_a_ceiling_caps_what_is_taken_as_needed(max_dose_per_period: Any, answer: str) -> None:
    """1 mg every 4 hours as needed would be 6 mg a day."""
    line = said(mg("1"), frequency=1, period=4, periodUnit="h")
    line |= {"asNeededBoolean": True, "maxDosePerPeriod": max_dose_per_period}
    assert told(course(line)) == answer


@pytest.mark.parametrize(
    ("max_dose_per_period", "answer"),
    [
        # a ceiling never raises a dose: 1 mg
        (at_most(mg("4"), 1, "d"), "1 mg/day"),
        # a fixed dose above its ceiling is told, and not cut
        (
            at_most({"value": 500, "unit": "mcg"}, 1, "d"),
            "1 mg/day; note: the dose is above the order's own maximum: "
            "never more than 0.5 mg per day (a ceiling, not a dose)",
        ),
    ],
)
def test_a_ceiling_changes_no_fixed_dose(max_dose_per_period: Any, answer: str) -> None:
    """1 mg once a day, whatever the ceiling."""
    line = said(mg("1"), frequency=1, period=1, periodUnit="d")
    assert told(course(line | {"maxDosePerPeriod": max_dose_per_period})) == answer


def test_a_cap_is_also_told_in_tablets() -> None:
    """1 to 2 tablets of 0.5 mg every 4 h as needed, at most 2 mg a day: four tablets."""
    line = {
        "doseAndRate": [{"doseRange": {"low": tablets("1"), "high": tablets("2")}}],
        "timing": {"repeat": {"frequency": 1, "period": 4, "periodUnit": "h"}},
        "asNeededBoolean": True,
        "maxDosePerPeriod": at_most(mg("2"), 24, "h"),
    }
    order = course(line)
    assert told(order) == "as needed, 0 to 2 mg/day"
    assert order.amount_per_day is not None
    assert (order.amount_per_day.unit, order.amount_per_day.high) == ("tablet", 4)


def test_a_ceiling_alone_is_no_dose() -> None:
    """Saying "at most 2 mg a day" does not say that 2 mg are taken."""
    assert told(course({"maxDosePerPeriod": at_most(mg("2"), 1, "d")})) == (
        "not computable: the order does not say how much to take; "
        "note: never more than 2 mg per day (a ceiling, not a dose)"
    )


def test_a_weekly_ceiling_caps_the_average_and_not_the_single_day() -> None:
    """1 mg a day as needed, at most 3.5 mg a week: 0.5 mg on average, 1 mg on one day."""
    line = said(mg("1"), frequency=1, period=1, periodUnit="d") | {"asNeededBoolean": True}
    line["maxDosePerPeriod"] = at_most(mg("3.5"), 1, "wk")
    assert told(course(line)) == "as needed, 0 to 0.5 mg/day, at most 1 mg on one day"


# --- maxDosePerAdministration, maxDosePerLifetime ---------------------------------------------


@pytest.mark.parametrize(
    ("maxima", "answer"),
    [
        # 1 to 3 tablets x 0.5 mg, but at most 1 mg at once
        ({"maxDosePerAdministration": mg("1")}, "as needed, 0 to 1 mg/day"),
        # 2 tablets x 0.5 mg
        ({"maxDosePerAdministration": tablets("2")}, "as needed, 0 to 1 mg/day"),
        # 5 mL of a tablet mean nothing
        (
            {"maxDosePerAdministration": {"value": 5, "unit": "mL"}},
            "as needed, 0 to 1.5 mg/day; "
            "note: the maximum per administration is in another unit and was left out",
        ),
        # a lifetime limits no day: 3 x 0.5
        (
            {"maxDosePerLifetime": mg("100")},
            "as needed, 0 to 1.5 mg/day; note: a maximum dose per lifetime of 100 mg is given; "
            "it says nothing about a day",
        ),
    ],
)
def test_the_most_at_once_and_in_a_lifetime(maxima: dict[str, Any], answer: str) -> None:
    """1 to 3 tablets of 0.5 mg at bedtime as needed."""
    line = {
        "doseAndRate": [{"doseRange": {"low": tablets("1"), "high": tablets("3")}}],
        "timing": {"repeat": {"when": ["HS"]}},
        "asNeededBoolean": True,
    }
    assert told(course(line | maxima)) == answer


def test_the_most_at_once_alone_is_no_dose() -> None:
    """At most 500 mcg at once: nobody knows how much is taken."""
    line = {"timing": THREE_A_DAY, "maxDosePerAdministration": {"value": 500, "unit": "mcg"}}
    assert told(course(line)) == (
        "not computable: the order does not say how much to take; "
        "note: never more than 0.5 mg at once (a ceiling, not a dose)"
    )
