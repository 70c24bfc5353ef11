"""Daily dose 1: how much is taken at once.

Every case is a part of a dosage as FHIR writes it, the calculation by hand, and the answer.
Unless a case says otherwise the product is a clonazepam 0.5 mg tablet, taken once a day.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from dose_told import HALF_MG_TABLET, course, mg, said, tablets, told

from clinical.drugs import Strength

ONCE_A_DAY = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}


# --- doseQuantity: the amount and its unit ----------------------------------------------------


def test_the_dose_comes_with_its_working() -> None:
    """Two tablets of 0.5 mg a day are 1 mg a day, and the working says so:
    "2/day x 1 tablet x 0.5 mg = 1 mg/day".
    """
    order = course(said(tablets("1"), frequency=2, period=1, periodUnit="d"))
    assert told(order) == "1 mg/day"
    assert order.overall.working == "2/day x 1 tablet x 0.5 mg = 1 mg/day"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("dose_quantity", "answer"),
    [
        # mg is mg, whatever the tablet's strength: never 1 x 0.5
        ({"value": 1, "unit": "mg"}, "1 mg/day"),
        # the same as a UCUM code
        ({"value": 1, "code": "mg", "system": "http://unitsofmeasure.org"}, "1 mg/day"),
        # 0.001 g x 1000
        ({"value": Decimal("0.001"), "unit": "g"}, "1 mg/day"),
        # 500 mcg / 1000
        ({"value": 500, "unit": "mcg"}, "0.5 mg/day"),
        # 500 ug / 1000
        ({"value": 500, "code": "ug"}, "0.5 mg/day"),
        # 2 tablets x 0.5 mg
        ({"value": 2, "unit": "tablet(s)"}, "1 mg/day"),
        # 2 tablets x 0.5 mg
        ({"value": 2, "unit": "Tabs"}, "1 mg/day"),
        # 2 tablets x 0.5 mg
        ({"value": 2, "code": "{tbl}"}, "1 mg/day"),
        # 2 tablets x 0.5 mg
        ({"value": 2, "unit": "TAB", "code": "TAB"}, "1 mg/day"),
        # the code "1" is a bare count of what the unit names: 2 tablets x 0.5 mg
        ({"value": 2, "unit": "tablet", "code": "1"}, "1 mg/day"),
        # a bare count of a tablet product: 2 x 0.5 mg
        ({"value": 2, "code": "1", "system": "http://unitsofmeasure.org"}, "1 mg/day"),
        # half a tablet: 0.5 x 0.5 mg
        ({"value": Decimal("0.5"), "unit": "tablet"}, "0.25 mg/day"),
        # a bare 1 of a 0.5 mg tablet is one tablet (0.5 mg) or 1 mg: both are kept
        (
            {"value": 1},
            "0.5 to 1 mg/day; note: the dose has no unit: it may be 1 tablet or 1 mg",
        ),
    ],
)
def test_an_amount_in_each_of_its_units(dose_quantity: dict[str, Any], answer: str) -> None:
    dosage = {"doseAndRate": [{"doseQuantity": dose_quantity}]} | ONCE_A_DAY
    assert told(course(dosage)) == answer


def test_without_a_strength_the_dose_stays_in_tablets() -> None:
    """Twice a day one tablet of an unknown strength is 2 tablets a day, and no mg."""
    line = said(tablets("1"), frequency=2, period=1, periodUnit="d")
    assert told(course(line, strength=None)) == "2 tablet/day"


def test_a_liquid_of_known_concentration() -> None:
    """5 mL twice a day of 0.1 mg/mL: 2 x 5 x 0.1 = 1 mg, and 10 mL."""
    line = said({"value": 5, "unit": "mL"}, frequency=2, period=1, periodUnit="d")
    order = course(line, strength=Strength(Fraction(1, 10), "mL"))
    assert told(order) == "1 mg/day"
    assert order.amount_per_day is not None
    assert (order.amount_per_day.unit, order.amount_per_day.high) == ("mL", 10)


def test_a_dose_per_kg_with_a_weight() -> None:
    """0.01 mg/kg of 50 kg twice a day: 2 x 0.5 = 1 mg."""
    amount = {"value": Decimal("0.01"), "unit": "mg/kg"}
    line = said(amount, frequency=2, period=1, periodUnit="d")
    assert told(course(line, weight_kg=Fraction(50))) == "1 mg/day"


def test_tenths_add_up_exactly() -> None:
    """0.1 mg twenty times a day is 2 mg: not 1.9999999999999998."""
    assert told(course(said(mg("0.1"), frequency=20, period=1, periodUnit="d"))) == "2 mg/day"


def test_an_implausible_dose_is_computed_and_flagged() -> None:
    """21 mg once a day is above the label's maximum of 20 mg; 20 mg are not."""
    line = said(mg("21"), frequency=1, period=1, periodUnit="d")
    assert told(course(line, ingredient_is_clonazepam=True)) == (
        "21 mg/day; note: over 20 mg of clonazepam in a day is implausible; check the order"
    )
    twenty = said(mg("20"), frequency=1, period=1, periodUnit="d")
    assert told(course(twenty, ingredient_is_clonazepam=True)) == "20 mg/day"


# --- doseRange: from one amount to another ----------------------------------------------------


@pytest.mark.parametrize(
    ("dose_range", "answer"),
    [
        # 1 to 2 tablets of 0.5 mg
        ({"low": tablets("1"), "high": tablets("2")}, "0.5 to 1 mg/day"),
        # 500 mcg = 0.5 mg, to 1 mg
        ({"low": {"value": 500, "unit": "mcg"}, "high": mg("1")}, "0.5 to 1 mg/day"),
        # no lower end is none at all: 0 to 2 x 0.5
        (
            {"high": tablets("2")},
            "0 to 1 mg/day; note: the dose range has no lower end; read as from zero",
        ),
        # a zero needs no unit
        ({"low": {"value": 0}, "high": mg("1")}, "0 to 1 mg/day"),
        # 1 to 2 mg
        (
            {"low": {"value": 1}, "high": mg("2")},
            "1 to 2 mg/day; note: the dose range has a unit at one end only; read as that of both",
        ),
    ],
)
def test_a_range_of_amounts(dose_range: dict[str, Any], answer: str) -> None:
    assert told(course({"doseAndRate": [{"doseRange": dose_range}]} | ONCE_A_DAY)) == answer


# --- several doseAndRate: one dose said more than once ----------------------------------------

ORDERED = {"type": {"coding": [{"code": "ordered"}]}}
CALCULATED = {"type": {"coding": [{"code": "calculated"}]}}


@pytest.mark.parametrize(
    ("dose_and_rate", "answer"),
    [
        # calculated 0.5 mg is ordered 1 tablet x 0.5 mg: one dose, said twice
        (
            [CALCULATED | {"doseQuantity": mg("0.5")}, ORDERED | {"doseQuantity": tablets("1")}],
            "0.5 mg/day",
        ),
        # ordered 0.5 mg, calculated 1 mg: both are kept, never 1.5
        (
            [ORDERED | {"doseQuantity": tablets("1")}, CALCULATED | {"doseQuantity": mg("1")}],
            "0.5 to 1 mg/day; "
            "note: the dose is given as 1 tablet x 0.5 mg and as 1 mg; the higher counts",
        ),
        # two without a type: the same
        (
            [{"doseQuantity": mg("1")}, {"doseQuantity": mg("2")}],
            "1 to 2 mg/day; note: the dose is given as 1 mg and as 2 mg; the higher counts",
        ),
        # 3 mL of a tablet cannot be said in mg; the tablet can
        (
            [{"doseQuantity": tablets("1")}, {"doseQuantity": {"value": 3, "unit": "mL"}}],
            "0.5 mg/day; note: another saying of the dose was left out: "
            "the dose is in mL and the product's strength is per tablet",
        ),
    ],
)
def test_one_dose_said_more_than_once(dose_and_rate: list[dict[str, Any]], answer: str) -> None:
    assert told(course({"doseAndRate": dose_and_rate} | ONCE_A_DAY)) == answer


# --- rate: the speed of an infusion -----------------------------------------------------------

TWO_HOURS = {"frequency": 1, "period": 1, "periodUnit": "d", "duration": 2, "durationUnit": "h"}


@pytest.mark.parametrize(
    ("dose_and_rate", "repeat", "answer"),
    [
        # 1 mg/h x 2 h, once a day
        (
            {"rateQuantity": {"value": 1, "unit": "mg/h"}},
            TWO_HOURS,
            "2 mg/day; note: the dose is a rate of 1 mg/h for 2 h",
        ),
        # 3 mg in 2 h are 1.5 mg/h; x 2 h
        (
            {"rateRatio": {"numerator": mg("3"), "denominator": {"value": 2, "unit": "h"}}},
            TWO_HOURS,
            "3 mg/day; note: the dose is a rate of 1.5 mg/h for 2 h",
        ),
        # 1 to 2 mg/h x 2 h
        (
            {
                "rateRange": {
                    "low": {"value": 1, "unit": "mg/h"},
                    "high": {"value": 2, "unit": "mg/h"},
                }
            },
            TWO_HOURS,
            "2 to 4 mg/day; note: the dose is a rate of 1 to 2 mg/h for 2 h",
        ),
        # 1 mg/h x 2 to 3 h
        (
            {"rateQuantity": {"value": 1, "unit": "mg/h"}},
            TWO_HOURS | {"durationMax": 3},
            "2 to 3 mg/day; note: the dose is a rate of 1 mg/h for 2 to 3 h",
        ),
        # 50 mcg/min x 60 = 3 mg/h; x 2 h
        (
            {"rateQuantity": {"value": 50, "unit": "mcg/min"}},
            TWO_HOURS,
            "6 mg/day; note: the dose is a rate of 3 mg/h for 2 h",
        ),
        # beside an amount the rate only says how fast: 1 mg
        (
            {"doseQuantity": mg("1"), "rateQuantity": {"value": 1, "unit": "mg/h"}},
            TWO_HOURS,
            "1 mg/day; note: a rate is given beside the dose and was not used",
        ),
        # without a length it says nothing of a day; 24 h would be 24 mg
        (
            {"rateQuantity": {"value": 1, "unit": "mg/h"}},
            {"frequency": 1, "period": 1, "periodUnit": "d"},
            "not computable: the drug is given at a rate, which says no dose per day; "
            "note: all day long the rate would be 24 mg/day",
        ),
        # for 33 hours, and not how often: the same
        (
            {"rateQuantity": {"value": 1, "unit": "mg/h"}},
            {"duration": 33, "durationUnit": "h"},
            "not computable: the drug is given at a rate, which says no dose per day; "
            "note: all day long the rate would be 24 mg/day",
        ),
        # "1 mg" is no rate
        (
            {"rateQuantity": {"value": 1, "unit": "mg"}},
            TWO_HOURS,
            "not computable: the drug is given at a rate, which says no dose per day; "
            'note: the rate could not be read: its unit "mg" is no amount per time',
        ),
    ],
)
def test_a_rate_is_a_dose_where_it_is_said_for_how_long(
    dose_and_rate: dict[str, Any], repeat: dict[str, Any], answer: str
) -> None:
    assert told(course({"doseAndRate": [dose_and_rate], "timing": {"repeat": repeat}})) == answer


# --- additionalInstruction: words that may bear on the dose -----------------------------------


@pytest.mark.parametrize(
    ("additional_instruction", "answer"),
    [
        # with food: nothing about the amount
        ([{"text": "Take with food"}], "1 mg/day"),
        # it may be a ceiling: it is not read, and said
        (
            [{"text": "No more than 2 a day"}],
            '1 mg/day; note: the additional instruction "No more than 2 a day" '
            "was not read as part of the dose",
        ),
        # as needed, in a display
        (
            [{"coding": [{"code": "420449005", "display": "As required"}]}],
            '1 mg/day; note: the additional instruction "As required" '
            "was not read as part of the dose",
        ),
    ],
)
def test_an_additional_instruction_is_never_passed_over_in_silence(
    additional_instruction: list[dict[str, Any]], answer: str
) -> None:
    dosage = {
        "doseAndRate": [{"doseQuantity": mg("1")}],
        "additionalInstruction": additional_instruction,
    }
    assert told(course(dosage | ONCE_A_DAY)) == answer


# --- strength ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strength_per_unit", "answer"),
    [
        # 2 x 0.5 mg
        (HALF_MG_TABLET, "1 mg/day"),
        # 2 x 2 mg
        (Strength(Fraction(2), "tablet"), "4 mg/day"),
        # a capsule is one, as a tablet is, and the two words are said
        (
            Strength(Fraction(1, 2), "capsule"),
            "1 mg/day; note: the dose is in tablets and the product is a capsule",
        ),
        # not known
        (None, "2 tablet/day"),
    ],
)
def test_two_tablets_of_each_strength(strength_per_unit: Strength | None, answer: str) -> None:
    dosage = {"doseAndRate": [{"doseQuantity": tablets("2")}]} | ONCE_A_DAY
    assert told(course(dosage, strength=strength_per_unit)) == answer
