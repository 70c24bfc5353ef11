"""FHIR Dosage -> dosage lines: every shape that real servers send."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from clinical.dosage import Amount, Bounds, DosageLine, DoseUnit, SaidAs, UnitKind
from ehr.read.dosages import dosage_lines

TABLET = DoseUnit("tablet", UnitKind.COUNT)
ONE = {"value": 1, "unit": "tablet"}


def line(dosage: Any) -> DosageLine:
    (only,) = dosage_lines({"dosageInstruction": [dosage]})
    return only


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "MedicationRequest", "dosageInstruction": [{"text": "1 tab bid"}]},
        {"resourceType": "MedicationDispense", "dosageInstruction": [{"text": "1 tab bid"}]},
        {"resourceType": "MedicationStatement", "dosage": [{"text": "1 tab bid"}]},
        # one object where a list is expected
        {"resourceType": "MedicationStatement", "dosage": {"text": "1 tab bid"}},
    ],
)
def test_the_dosage_is_found_in_each_kind_of_record(resource: dict[str, Any]) -> None:
    assert [found.text for found in dosage_lines(resource)] == ["1 tab bid"]


@pytest.mark.parametrize("resource", [{}, {"dosage": []}, {"dosageInstruction": None}])
def test_a_record_without_dosage_has_no_lines(resource: dict[str, Any]) -> None:
    assert dosage_lines(resource) == ()


@pytest.mark.parametrize(
    "dosage",
    [
        {"doseAndRate": [{"doseQuantity": ONE}]},
        {"doseAndRate": {"doseQuantity": ONE}},
        # STU3: on the dosage itself
        {"doseQuantity": ONE},
        {"doseSimpleQuantity": ONE},
        {"doseRange": {"low": ONE, "high": ONE}},
    ],
)
def test_the_dose_in_each_of_its_shapes(dosage: dict[str, Any]) -> None:
    (said,) = line(dosage).amounts
    assert said.amount == Amount(Fraction(1), Fraction(1), TABLET)


def test_sayings_of_one_dose_keep_who_said_them() -> None:
    amounts = line(
        {
            "doseAndRate": [
                {"type": {"coding": [{"code": "calculated"}]}, "doseQuantity": ONE},
                {"type": {"text": "Ordered"}, "doseQuantity": ONE},
                {"doseQuantity": ONE},
            ]
        }
    ).amounts
    assert [said.said_as for said in amounts] == (
        [SaidAs.CALCULATED, SaidAs.ORDERED, SaidAs.UNTYPED]
    )


def test_a_range_without_lower_end_begins_at_zero_and_says_so() -> None:
    read = line({"doseRange": {"high": ONE}})
    assert read.amounts[0].amount.low == 0
    assert read.notes == ("the dose range has no lower end; read as from zero",)


def test_a_range_in_mg_and_g_has_one_unit() -> None:
    """From 500 mg to 1 g is from 500 to 1000 mg."""
    low, high = {"value": 500, "unit": "mg"}, {"value": 1, "unit": "g"}
    (said,) = line({"doseRange": {"low": low, "high": high}}).amounts
    assert (said.amount.low, said.amount.high, said.amount.unit.factor) == (500, 1000, 1)


def test_decimals_are_exact() -> None:
    (said,) = line({"doseQuantity": {"value": Decimal("0.125"), "unit": "mg"}}).amounts
    assert said.amount.high == Fraction(1, 8)


@pytest.mark.parametrize(
    ("written", "bounds"),
    [
        (
            {"boundsPeriod": {"start": "2027-01-01", "end": "2027-01-31"}},
            Bounds(date(2027, 1, 1), date(2027, 1, 31)),
        ),
        # the day on the wall, whatever the zone
        (
            {"boundsPeriod": {"start": "2027-01-01T23:30:00-05:00"}},
            Bounds(date(2027, 1, 1)),
        ),
        # a month or a year as an end lasts to its last day
        ({"boundsPeriod": {"end": "2028-02"}}, Bounds(None, date(2028, 2, 29))),
        ({"boundsPeriod": {"start": "2027"}}, Bounds(date(2027, 1, 1))),
        (
            {"boundsDuration": {"value": 2, "code": "wk", "unit": "weeks"}},
            Bounds(lasts_days=(14, 14)),
        ),
        ({"boundsDuration": {"value": 3, "unit": "day", "code": "D"}}, Bounds(lasts_days=(3, 3))),
        # 36 h reach into the second day
        ({"boundsDuration": {"value": 36, "code": "h"}}, Bounds(lasts_days=(2, 2))),
        (
            {"boundsRange": {"low": {"value": 7, "code": "d"}, "high": {"value": 10, "code": "d"}}},
            Bounds(lasts_days=(7, 10)),
        ),
    ],
)
def test_bounds(written: dict[str, Any], bounds: Bounds) -> None:
    assert line({"timing": {"repeat": written}}).timing.bounds == bounds


@pytest.mark.parametrize(
    "written",
    [
        {"boundsDuration": {"value": 0, "code": "d"}},
        {"boundsDuration": {"value": 7}},
        {"boundsDuration": {"value": 7, "code": "d", "unit": "weeks"}},
        {"boundsDuration": {"value": "7", "code": "d"}},
        {"boundsDuration": {"value": Decimal("1e9"), "code": "d"}},
        {"boundsDuration": {"value": 7, "code": "d", "comparator": "<"}},
        {"boundsPeriod": {"end": "31.01.2027"}},
        {"boundsPeriod": "2027"},
    ],
)
def test_bounds_that_cannot_be_read_are_open_and_said_so(written: dict[str, Any]) -> None:
    read = line({"timing": {"repeat": written}})
    assert read.timing.bounds == Bounds()
    assert read.notes
    assert not read.unreadable


def test_the_parts_of_a_timing() -> None:
    timing = line(
        {
            "timing": {
                "event": ["2027-01-01T08:00:00Z"],
                "code": {"coding": [{"code": "BID", "display": "twice"}, {}], "text": "2x"},
                "repeat": {
                    "frequency": 2,
                    "frequencyMax": 3,
                    "period": Decimal("1.0"),
                    "periodMax": 2,
                    "periodUnit": "d",
                    "dayOfWeek": ["mon", "Wed", "friday"],
                    "timeOfDay": ["08:00:00", "08:00", "20:30:00"],
                    "when": ["morn", "HS"],
                    "count": 10,
                    "countMax": 12,
                },
            }
        }
    ).timing
    assert (timing.frequency, timing.frequency_max, timing.period, timing.period_max) == (
        *(2, 3, 1),
        2,
    )
    assert timing.period_unit == "d"
    assert timing.days_of_week == {"mon", "wed", "fri"}
    assert timing.times_of_day == ("08:00", "20:30")
    assert timing.when == ("MORN", "HS")
    assert (timing.count, timing.count_max) == (10, 12)
    assert timing.events == (date(2027, 1, 1),)
    assert timing.named == (("BID", "twice"), ("2x",))


def test_single_values_where_lists_are_expected() -> None:
    repeat = {"dayOfWeek": "mon", "timeOfDay": "08:00:00", "when": "HS"}
    timing = line({"timing": [{"repeat": [repeat]}]}).timing
    assert (timing.days_of_week, timing.times_of_day, timing.when) == ({"mon"}, ("08:00",), ("HS",))


@pytest.mark.parametrize(
    ("dosage", "as_needed"),
    [
        ({"asNeededBoolean": True}, True),
        ({"asNeededBoolean": "true"}, True),
        ({"asNeededBoolean": False}, False),
        ({"asNeededCodeableConcept": {"text": "anxiety"}}, True),
        ({"asNeededFor": [{"text": "anxiety"}]}, True),
        ({}, False),
    ],
)
def test_as_needed(dosage: dict[str, Any], as_needed: bool) -> None:
    assert line(dosage).as_needed is as_needed


def test_as_needed_that_is_no_answer_is_not_guessed() -> None:
    assert line({"asNeededBoolean": "perhaps"}).unreadable


def test_ceilings_in_each_of_their_shapes() -> None:
    ratio = {"numerator": ONE, "denominator": {"value": 24, "code": "h"}}
    # R4 has one ratio, R5 a list
    for written in (ratio, [ratio]):
        (ceiling,) = line({"maxDosePerPeriod": written}).ceilings
        assert (ceiling.amount.high, ceiling.days) == (1, 1)


def test_a_ceiling_that_cannot_be_read_is_a_note_and_no_obstacle() -> None:
    read = line({"maxDosePerPeriod": {"numerator": {"value": "2"}}, "doseQuantity": ONE})
    assert read.ceilings == ()
    assert read.unreadable == ()
    assert read.notes == (
        "the maximum dose per period could not be read: the amount is not a number",
    )


@pytest.mark.parametrize(
    ("written", "sequence"),
    [(2, 2), (Decimal("2.0"), 2), (None, None)],
)
def test_the_place_in_the_sequence(written: Any, sequence: int | None) -> None:
    assert line({"sequence": written}).sequence == sequence


@pytest.mark.parametrize("written", ["1", 1.0, True, [1], Decimal("1.5"), Decimal("NaN"), 10**12])
def test_a_place_in_the_sequence_that_is_no_number(written: Any) -> None:
    assert line({"sequence": written}).unreadable == (
        "the line's place in the sequence is not a whole number",
    )


def test_a_line_that_is_no_object() -> None:
    assert line("1 tab bid").unreadable == ("a dosage line is not an object",)


def test_very_many_lines_are_counted_and_not_read() -> None:
    lines = dosage_lines({"dosageInstruction": [{"text": "1 tab bid"}] * 50_000})
    assert len(lines) == 50_000
    assert lines[-1] == DosageLine()
