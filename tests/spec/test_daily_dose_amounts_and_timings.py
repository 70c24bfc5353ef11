"""The manual of the daily dose, first part: amounts, strengths and timings.

Every case is a dosage as FHIR writes it, the hand calculation, and the answer. Unless a case
says otherwise the product is a clonazepam 0.5 mg tablet.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import course_of
from clinical.drugs import Strength
from ehr.read.dosages import dosage_lines

HALF_MG_TABLET = Strength(Fraction(1, 2), "tablet")
ONE_TABLET = {"value": 1, "unit": "tablet"}


def course(
    *dosages: dict[str, Any], strength: Strength | None = HALF_MG_TABLET, **more: Any
) -> DoseCourse:
    return course_of(dosage_lines({"dosageInstruction": list(dosages)}), strength=strength, **more)


def computed(dosage: dict[str, Any], **more: Any) -> DailyDose:
    dose = course(dosage, **more).overall
    assert isinstance(dose, DailyDose), dose
    return dose


def said(amount: dict[str, Any], **repeat: Any) -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": amount}], "timing": {"repeat": repeat}}


def test_the_dose_comes_with_its_working() -> None:
    """Two tablets of 0.5 mg a day are 1 mg a day, and the working says so."""
    dose = computed(said(ONE_TABLET, frequency=2, period=1, periodUnit="d"))
    assert dose == DailyDose(
        unit="mg",
        low=Fraction(1),
        high=Fraction(1),
        peak_day=Fraction(1),
        as_needed=False,
        working="2/day x 1 tablet x 0.5 mg = 1 mg/day",
    )


@pytest.mark.parametrize(
    ("repeat", "average", "peak"),
    [
        # 3 times in 1 day: 3 x 0.5
        ({"frequency": 3, "period": 1, "periodUnit": "d"}, "3/2", "3/2"),
        # every 8 h: 24/8 = 3 times
        ({"frequency": 1, "period": 8, "periodUnit": "h"}, "3/2", "3/2"),
        # every 5 h: 24/5 = 4.8 on average; at 0, 5, 10, 15, 20 h five times on one day
        ({"frequency": 1, "period": 5, "periodUnit": "h"}, "12/5", "5/2"),
        # every 36 h: 24/36 = 2/3 on average, never twice on a day
        ({"frequency": 1, "period": 36, "periodUnit": "h"}, "1/3", "1/2"),
        # every 480 min = 8 h
        ({"frequency": 1, "period": 480, "periodUnit": "min"}, "3/2", "3/2"),
        # every 28800 s = 8 h
        ({"frequency": 1, "period": 28800, "periodUnit": "s"}, "3/2", "3/2"),
        # every other day: half of 0.5, and 0.5 on the day
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, "1/4", "1/2"),
        # 14 a week: 2 a day
        ({"frequency": 14, "period": 1, "periodUnit": "wk"}, "1", "1"),
        # 3 a week: 3/7 x 0.5 = 3/14, one on a day
        ({"frequency": 3, "period": 1, "periodUnit": "wk"}, "3/14", "1/2"),
        # once a month of 30.4375 days: 0.5 / 30.4375 = 8/487
        ({"frequency": 1, "period": 1, "periodUnit": "mo"}, "8/487", "1/2"),
        # once a year of 365.25 days: 0.5 / 365.25 = 2/1461
        ({"frequency": 1, "period": 1, "periodUnit": "a"}, "2/1461", "1/2"),
        # a period without a frequency is once per period (FHIR, Timing.repeat.frequency)
        ({"period": 12, "periodUnit": "h"}, "1", "1"),
        # two times of day, every day
        ({"timeOfDay": ["08:00:00", "20:00:00"]}, "1", "1"),
        # one time of day written twice is one
        ({"timeOfDay": ["08:00", "08:00:00"]}, "1/2", "1/2"),
        # morning and bedtime
        ({"when": ["MORN", "HS"]}, "1", "1"),
        # a moment moved by an offset is the same moment
        ({"when": ["ACM"], "offset": 30}, "1/2", "1/2"),
        # 2 a day, said to be morning and evening: still 2
        ({"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}, "1", "1"),
        # Monday, Wednesday, Friday in the evening: 3/7 x 0.5
        ({"dayOfWeek": ["mon", "wed", "fri"], "when": ["EVE"]}, "3/14", "1/2"),
        # 2 a day on Monday and Thursday: 4 a week, 4/7 x 0.5; 2 x 0.5 on such a day
        ({"frequency": 2, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon", "thu"]}, "2/7", "1"),
        # once a week, on Monday
        ({"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon"]}, "1/14", "1/2"),
        # every second week on Monday: 1/14 x 0.5
        ({"frequency": 1, "period": 2, "periodUnit": "wk", "dayOfWeek": ["mon"]}, "1/28", "1/2"),
        # 3 a week on three days
        (
            {"frequency": 3, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed", "fri"]},
            "3/14",
            "1/2",
        ),
        # all seven days are every day
        (
            {"when": ["HS"], "dayOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
            "1/2",
            "1/2",
        ),
    ],
)
def test_one_tablet_of_half_a_mg(repeat: dict[str, Any], average: str, peak: str) -> None:
    dose = computed(said(ONE_TABLET, **repeat))
    assert (dose.low, dose.high, dose.peak_day) == (
        Fraction(average),
        Fraction(average),
        Fraction(peak),
    )


@pytest.mark.parametrize(
    ("repeat", "low", "high"),
    [
        # 1 to 2 times a day
        ({"frequency": 1, "frequencyMax": 2, "period": 1, "periodUnit": "d"}, "1/2", "1"),
        # every 6 to 8 h: 3 to 4 times
        ({"frequency": 1, "period": 6, "periodMax": 8, "periodUnit": "h"}, "3/2", "2"),
        # 1 to 2 times every 1 to 2 days: 1/2 to 2 times a day
        (
            {"frequency": 1, "frequencyMax": 2, "period": 1, "periodMax": 2, "periodUnit": "d"},
            "1/4",
            "1",
        ),
    ],
)
def test_a_maximum_makes_a_range(repeat: dict[str, Any], low: str, high: str) -> None:
    dose = computed(said(ONE_TABLET, **repeat))
    assert (dose.low, dose.high) == (Fraction(low), Fraction(high))


@pytest.mark.parametrize(
    ("code", "mg_per_day"),
    [
        ("QD", "1/2"),
        ("BID", "1"),
        ("TID", "3/2"),
        ("QID", "2"),
        ("Q4H", "3"),
        ("Q6H", "2"),
        ("Q8H", "3/2"),
        ("QHS", "1/2"),
        ("BED", "1/2"),
        ("AM", "1/2"),
        ("PM", "1/2"),
        ("QOD", "1/4"),
        ("WK", "1/14"),
    ],
)
def test_timing_codes(code: str, mg_per_day: str) -> None:
    """One tablet of 0.5 mg at the coded times (HL7 v3 GTSAbbreviation)."""
    coded = {"code": {"coding": [{"code": code}]}}
    dose = computed({"doseAndRate": [{"doseQuantity": ONE_TABLET}], "timing": coded})
    assert dose.high == dose.low == Fraction(mg_per_day)


def test_a_timing_code_may_be_a_text_or_a_display() -> None:
    for code in (
        {"text": "every 4 hr"},
        {"coding": [{"system": "https://ehr.example/4003", "code": "696547", "display": "Q4H"}]},
    ):
        dosage = {"doseAndRate": [{"doseQuantity": ONE_TABLET}], "timing": {"code": code}}
        # 24/4 = 6 x 0.5
        assert computed(dosage).high == 3


def test_a_timing_code_and_a_structure_that_disagree_count_as_the_higher() -> None:
    timing = {
        "code": {"text": "TID"},
        "repeat": {"frequency": 2, "period": 1, "periodUnit": "d"},
    }
    dose = computed({"doseAndRate": [{"doseQuantity": ONE_TABLET}], "timing": timing})
    assert (dose.low, dose.high) == (1, Fraction(3, 2))
    assert dose.warnings == ("the timing is given as 2/day and 3/day; the higher counts",)


def test_a_timing_code_is_taken_on_the_named_days_only() -> None:
    """Twice a day on Saturday and Sunday: 4/7 x 0.5 mg on average, 1 mg on such a day."""
    timing = {"code": {"text": "BID"}, "repeat": {"dayOfWeek": ["sat", "sun"]}}
    dose = computed({"doseAndRate": [{"doseQuantity": ONE_TABLET}], "timing": timing})
    assert (dose.high, dose.peak_day) == (Fraction(2, 7), 1)


def test_meals_without_a_number_are_three_and_it_is_said() -> None:
    dose = computed(said(ONE_TABLET, when=["PC"]))
    assert dose.high == Fraction(3, 2)
    assert dose.warnings == ("meals are counted as 3 a day",)


def test_one_administration_is_a_single_dose() -> None:
    order = course(said({"value": 2, "unit": "mg"}, count=1))
    assert order.single_dose
    assert isinstance(order.overall, DailyDose)
    assert order.overall.peak_day == 2
    assert order.overall.working == "once x 2 mg = 2 mg on one day"


def test_the_code_once_is_a_single_dose() -> None:
    once = {"code": {"coding": [{"code": "696531", "display": "Once"}], "text": "Once"}}
    order = course({"doseAndRate": [{"doseQuantity": ONE_TABLET}], "timing": once})
    assert order.single_dose
    assert isinstance(order.overall, DailyDose)
    assert order.overall.peak_day == Fraction(1, 2)


def test_one_administration_that_is_also_twice_a_day_counts_as_the_higher() -> None:
    order = course(said(ONE_TABLET, count=1, frequency=2, period=1, periodUnit="d"))
    assert not order.single_dose
    assert isinstance(order.overall, DailyDose)
    assert order.overall.high == 1
    assert order.overall.warnings == (
        "the order asks for one administration and for 2/day; the higher counts",
    )


def test_meals_and_bedtime_are_four_times_a_day() -> None:
    """Three meals and bedtime: 4 x 0.5 mg."""
    assert computed(said(ONE_TABLET, when=["C", "HS"])).high == 2


@pytest.mark.parametrize(
    ("amount", "mg_per_day"),
    [
        # mg is mg, whatever the tablet's strength
        ({"value": 1, "unit": "mg"}, "1"),
        ({"value": 1, "code": "mg", "system": "http://unitsofmeasure.org"}, "1"),
        # 0.001 g = 1 mg; 500 mcg = 0.5 mg
        ({"value": Decimal("0.001"), "unit": "g"}, "1"),
        ({"value": 500, "unit": "mcg"}, "1/2"),
        ({"value": 500, "code": "ug"}, "1/2"),
        # tablets, in the words and codes of real records
        ({"value": 2, "unit": "tablet(s)"}, "1"),
        ({"value": 2, "unit": "Tabs"}, "1"),
        ({"value": 2, "code": "{tbl}"}, "1"),
        ({"value": 2, "unit": "TAB", "code": "TAB"}, "1"),
        ({"value": 2, "unit": "tablet", "code": "1"}, "1"),
        ({"value": 2, "code": "1", "system": "http://unitsofmeasure.org"}, "1"),
        ({"value": Decimal("0.5"), "unit": "tablet"}, "1/4"),
    ],
)
def test_units_once_a_day(amount: dict[str, Any], mg_per_day: str) -> None:
    dose = computed(said(amount, frequency=1, period=1, periodUnit="d"))
    assert dose.low == dose.high == Fraction(mg_per_day)
    assert dose.warnings == ()


def test_a_liquid_of_known_concentration() -> None:
    """5 mL twice a day of 0.1 mg/mL: 2 x 5 x 0.1 = 1 mg."""
    solution = Strength(Fraction(1, 10), "mL")
    order = course(
        said({"value": 5, "unit": "mL"}, frequency=2, period=1, periodUnit="d"), strength=solution
    )
    assert isinstance(order.overall, DailyDose)
    assert order.overall.high == 1
    assert order.amount_per_day is not None
    assert (order.amount_per_day.unit, order.amount_per_day.high) == ("mL", 10)


def test_a_dose_range() -> None:
    """1 to 2 tablets at bedtime: 0.5 to 1 mg."""
    dosage = {
        "doseAndRate": [{"doseRange": {"low": ONE_TABLET, "high": {"value": 2, "unit": "tablet"}}}],
        "timing": {"repeat": {"when": ["HS"]}},
    }
    dose = computed(dosage)
    assert (dose.low, dose.high) == (Fraction(1, 2), 1)
    assert dose.working == "1/day x 1 to 2 tablet x 0.5 mg = 0.5 to 1 mg/day"


def test_a_dose_without_a_unit_is_both_readings() -> None:
    """A bare "1" of a 0.5 mg tablet may be one tablet (0.5 mg) or 1 mg; twice a day 1 to 2 mg."""
    dose = computed(said({"value": 1}, frequency=2, period=1, periodUnit="d"))
    assert (dose.low, dose.high) == (1, 2)
    assert dose.warnings == ("the dose has no unit: it may be 1 tablet or 1 mg",)


def test_a_dose_per_kg_with_a_weight() -> None:
    """0.01 mg/kg of 50 kg twice a day: 2 x 0.5 = 1 mg."""
    amount = {"value": Decimal("0.01"), "unit": "mg/kg"}
    dose = computed(said(amount, frequency=2, period=1, periodUnit="d"), weight_kg=Fraction(50))
    assert dose.high == 1


def test_without_a_strength_the_dose_stays_in_tablets() -> None:
    dose = computed(said(ONE_TABLET, frequency=2, period=1, periodUnit="d"), strength=None)
    assert (dose.unit, dose.high) == ("tablet", 2)


def test_a_calculated_dose_beside_the_ordered_one_is_the_same_dose() -> None:
    ordered = {"type": {"coding": [{"code": "ordered"}]}, "doseQuantity": ONE_TABLET}
    calculated = {
        "type": {"coding": [{"code": "calculated"}]},
        "doseQuantity": {"value": Decimal("0.5"), "unit": "mg"},
    }
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    dose = computed({"doseAndRate": [calculated, ordered], "timing": timing})
    assert dose.working == "2/day x 1 tablet x 0.5 mg = 1 mg/day"
    assert dose.warnings == ()


def test_a_calculated_dose_that_disagrees_raises_the_high_bound() -> None:
    """Ordered 0.5 mg, calculated 1 mg, twice a day: 1 to 2 mg, and it is said."""
    ordered = {"type": {"coding": [{"code": "ordered"}]}, "doseQuantity": ONE_TABLET}
    calculated = {
        "type": {"coding": [{"code": "calculated"}]},
        "doseQuantity": {"value": 1, "unit": "mg"},
    }
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    dose = computed({"doseAndRate": [ordered, calculated], "timing": timing})
    assert (dose.low, dose.high) == (1, 2)
    assert dose.warnings == (
        "the dose is given as 1 tablet x 0.5 mg and as 1 mg; the higher counts",
    )


def test_an_implausible_dose_is_computed_and_flagged() -> None:
    """21 mg once a day is above the label's maximum of 20 mg."""
    dosage = said({"value": 21, "unit": "mg"}, frequency=1, period=1, periodUnit="d")
    dose = computed(dosage, ingredient_is_clonazepam=True)
    assert dose.high == 21
    assert dose.warnings == ("over 20 mg of clonazepam in a day is implausible; check the order",)
    twenty = said({"value": 20, "unit": "mg"}, frequency=1, period=1, periodUnit="d")
    assert computed(twenty, ingredient_is_clonazepam=True).warnings == ()


def test_tenths_add_up_exactly() -> None:
    """0.1 mg twenty times a day is 2 mg: not 1.9999999999999998."""
    amount = {"value": Decimal("0.1"), "unit": "mg"}
    assert computed(said(amount, frequency=20, period=1, periodUnit="d")).high == 2


def test_a_missing_timing_is_never_once_a_day() -> None:
    overall = course({"doseAndRate": [{"doseQuantity": ONE_TABLET}]}).overall
    assert overall == NotComputable("the order says how much at once and not how often")
