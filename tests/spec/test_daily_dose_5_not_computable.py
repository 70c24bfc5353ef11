"""Daily dose 5: what is not computed, and the sentence that says why.

A dose that cannot be said is a result, and never a zero, a default or once a day. What is known
beside it (the other lines, a ceiling) stands in the notes.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from dose_told import course, mg, said, told

from clinical.daily_dose import NotComputable
from clinical.dose_course import course_of, dose_on, highest_from
from clinical.drugs import Strength
from ehr.read.dosages import dosage_lines


def why_not(*dosages: dict[str, Any], **more: Any) -> str:
    overall = course(*dosages, **more).overall
    assert isinstance(overall, NotComputable), overall
    return overall.why


# --- the amount -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dose_quantity", "why"),
    [
        ({"value": 0, "unit": "mg"}, "the dose is zero"),
        ({"value": -1, "unit": "mg"}, "the dose cannot be used: the value is negative"),
        (
            {"value": Decimal("NaN"), "unit": "mg"},
            "the dose cannot be used: the value is not a finite number",
        ),
        (
            {"value": Decimal("Infinity"), "unit": "mg"},
            "the dose cannot be used: the value is not a finite number",
        ),
        (
            {"value": Decimal("1e400000"), "unit": "mg"},
            "the dose cannot be used: the value is beyond any amount that can be ordered",
        ),
        ({"value": 10**5000, "unit": "mg"}, "the dose is beyond any amount that can be ordered"),
        (
            {"value": Decimal("1." + "1" * 100_000), "unit": "mg"},
            "the dose has more digits than any order needs",
        ),
        ({"value": "1", "unit": "mg"}, "the dose is not a number"),
        ({"value": "0,5", "unit": "mg"}, "the dose is not a number"),
        ({"value": True, "unit": "mg"}, "the dose is not a number"),
        ({"value": 0.5, "unit": "mg"}, "the dose is not a number"),
        ({"value": [1], "unit": "mg"}, "the dose is not a number"),
        ({"unit": "mg"}, "the dose has no number"),
        (
            {"value": 1, "unit": "mg", "comparator": "<"},
            "the dose is given only as more or less than a number",
        ),
        ({"value": 1, "unit": "blorp"}, 'the dose cannot be read: the unit "blorp" is not known'),
        (
            {"value": 1, "unit": "mg", "code": "g"},
            'the dose cannot be read: the unit is written "mg" and coded "g", which differ',
        ),
        (
            {"value": 1, "unit": "mg per hour", "code": "mg"},
            'the dose cannot be read: the unit "mg per hour" is not known',
        ),
        ({"value": 1, "unit": ["mg"]}, "the dose cannot be read: its unit is no text"),
        ({"value": 5, "unit": "drops"}, "a drop has no defined size"),
        (
            {"value": 5, "unit": "mL"},
            "the dose is in mL and the product's strength is per tablet",
        ),
        (
            {"value": 1, "unit": "mg/kg"},
            "the dose is per kg and the patient's weight is not known",
        ),
        ("1 mg", "the dose is not a quantity"),
        (
            {"value": 1, "unit": "mg", "modifierExtension": [{"url": "urn:x"}]},
            "the quantity carries a modifier extension, which may change its meaning",
        ),
    ],
)
def test_amounts_that_are_not_computed(dose_quantity: Any, why: str) -> None:
    """Twice a day, of a 0.5 mg tablet."""
    assert why_not(said(dose_quantity, frequency=2, period=1, periodUnit="d")) == why


# --- the timing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "why"),
    [
        ({"frequency": 0, "period": 1, "periodUnit": "d"}, "the frequency is zero"),
        ({"frequency": 2, "period": 0, "periodUnit": "d"}, "the timing's period is zero"),
        (
            {"frequency": 2},
            "the timing gives a frequency without the period it is for",
        ),
        (
            {"frequency": 2, "period": 1},
            "the timing gives a frequency without the period it is for",
        ),
        (
            {"frequency": 2, "period": 1, "periodUnit": "moon"},
            "the period's unit of time is not known",
        ),
        (
            {"frequency": 3, "frequencyMax": 2, "period": 1, "periodUnit": "d"},
            "the timing's maximum is below its minimum",
        ),
        (
            {"frequency": 1, "period": 8, "periodMax": 6, "periodUnit": "h"},
            "the timing's maximum is below its minimum",
        ),
        ({"frequency": "2", "period": 1, "periodUnit": "d"}, "the frequency is not a number"),
        ({"frequency": 2.0, "period": 1, "periodUnit": "d"}, "the frequency is not a number"),
        ({"frequency": True, "period": 1, "periodUnit": "d"}, "the frequency is not a number"),
        (
            {"frequency": -2, "period": 1, "periodUnit": "d"},
            "the frequency cannot be used: the value is negative",
        ),
        ({"dayOfWeek": ["someday"]}, 'the day of week "someday" is not known'),
        ({"when": ["TEATIME"]}, 'the moment of the day "TEATIME" is not known'),
        ({"dayOfWeek": ["month"]}, 'the day of week "month" is not known'),
        ({"timeOfDay": ["08:99"]}, 'the time of day "08:99" is not a time'),
        ({"timeOfDay": ["25:00"]}, 'the time of day "25:00" is not a time'),
        ({"count": 0}, "the count of administrations is zero"),
        ({"count": 21}, "the order says how much at once and not how often"),
        (
            {"frequency": 1, "period": 3, "periodUnit": "d", "dayOfWeek": ["mon"]},
            "the timing says 1 per 3 d and also names days of the week, which contradict",
        ),
        (
            {
                "frequency": 1,
                "period": 1,
                "periodUnit": "d",
                "boundsPeriod": {"start": "2027-02-01", "end": "2027-01-01"},
            },
            "the dosage's period ends before it begins",
        ),
    ],
)
def test_timings_that_are_not_computed(repeat: dict[str, Any], why: str) -> None:
    """1 mg each time."""
    assert why_not(said(mg("1"), **repeat)) == why


@pytest.mark.parametrize(
    ("timing", "why"),
    [
        (
            {"code": {"coding": [{"code": "P", "display": "Post (after)"}]}},
            'the timing "Post (after)" is not known',
        ),
        ({"event": ["2027"]}, "an event is given only by its month or year"),
        ({"event": ["tomorrow"]}, "the date of an event cannot be read"),
        ("BID", "the timing is not an object"),
    ],
)
def test_other_timings_that_are_not_computed(timing: Any, why: str) -> None:
    """1 mg each time."""
    assert why_not({"doseAndRate": [{"doseQuantity": mg("1")}], "timing": timing}) == why


@pytest.mark.parametrize(
    ("amount", "repeat"),
    [
        # a third of 10^-30 mg
        ("1E-30", {"frequency": 1, "period": 3, "periodUnit": "d"}),
        # 1 mg in 365,250,000,000 days
        ("1", {"frequency": 1, "period": 10**9, "periodUnit": "a"}),
    ],
)
def test_a_dose_that_would_be_shown_as_nothing_is_not_computed(
    amount: str, repeat: dict[str, Any]
) -> None:
    assert why_not(said(mg(amount), **repeat)) == (
        "the dose is smaller than any amount that can be ordered"
    )


@pytest.mark.parametrize("frequency", ["1E-30", "1E+9"])
def test_patches_of_no_or_any_number_are_not_counted(frequency: str) -> None:
    """1E-30 patches a week would be shown as 0; a thousand million a day are no amount."""
    patch = {"value": 3, "unit": "patch"}
    repeat = {"frequency": Decimal(frequency), "period": 1, "periodUnit": "d"}
    order = course(said(patch, **repeat), strength=Strength(Fraction(1, 40), "hour"))
    assert isinstance(order.overall, NotComputable)
    assert order.amount_per_day is None


def test_an_amount_per_day_beyond_all_digits_is_not_computed() -> None:
    """3 in 10^-30 weeks, of 10 mg each: a number of 32 digits without an end."""
    repeat = {"frequency": 3, "period": Decimal("1E-30"), "periodUnit": "wk"}
    assert why_not(said(mg("10"), **repeat)) == "the dose is beyond any amount that can be ordered"


# --- modifier extensions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dosage", "carrier"),
    [
        ({"modifierExtension": [{"url": "urn:x"}]}, "dosage"),
        (
            {"timing": {"modifierExtension": [{"url": "urn:x"}], "repeat": {"when": ["HS"]}}},
            "timing",
        ),
        (
            {"timing": {"repeat": {"when": ["HS"], "modifierExtension": [{"url": "urn:x"}]}}},
            "timing",
        ),
        (
            {
                "doseAndRate": [
                    {"doseQuantity": {"value": 1, "unit": "mg"}, "modifierExtension": [{}]}
                ]
            },
            "dose",
        ),
    ],
)
def test_a_modifier_extension_is_not_computed(dosage: dict[str, Any], carrier: str) -> None:
    """1 mg at bedtime, with an extension that may turn the meaning of its carrier round."""
    line = said(mg("1"), when=["HS"]) | dosage
    assert why_not(line) == (
        f"the {carrier} carries a modifier extension, which may change its meaning"
    )


def test_a_modifier_extension_on_the_order_itself_is_not_computed() -> None:
    """1 mg at bedtime, in an order that carries one."""
    resource = {
        "modifierExtension": [{"url": "urn:x"}],
        "dosageInstruction": [said(mg("1"), when=["HS"])],
    }
    assert told(course_of(dosage_lines(resource), strength=None)) == (
        "not computable: the order carries a modifier extension, which may change its meaning"
    )


# --- dose ranges ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dose_range", "why"),
    [
        ({"low": {"value": 1, "unit": "mg"}}, "the dose range has no upper end"),
        (
            {"low": {"value": 2, "unit": "mg"}, "high": {"value": 1, "unit": "mg"}},
            "the dose range's upper end is below its lower end",
        ),
        (
            {"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "tablet"}},
            "the dose range has different units at its ends",
        ),
        ({}, "the dose range has no upper end"),
    ],
)
def test_dose_ranges_that_are_not_computed(dose_range: dict[str, Any], why: str) -> None:
    """At bedtime."""
    dosage = {"doseAndRate": [{"doseRange": dose_range}], "timing": {"repeat": {"when": ["HS"]}}}
    assert why_not(dosage) == why


# --- the whole --------------------------------------------------------------------------------


def test_a_dose_without_unit_of_an_unknown_product_is_not_computed() -> None:
    """A bare 1 twice a day may be a tablet or a mg, and nobody knows what the tablet holds."""
    line = said({"value": 1}, frequency=2, period=1, periodUnit="d")
    assert why_not(line, strength=None) == (
        "the dose has no unit and the product's strength is not known"
    )


def test_an_order_without_dosage() -> None:
    """No line, and a line that says nothing."""
    assert why_not() == "the order has no dosage"
    assert why_not({}) == "the order does not say how much to take"


def test_ten_thousand_lines_end_in_a_sentence() -> None:
    """No person wrote them."""
    lines = [said(mg("1"), when=["HS"])] * 10_000
    assert why_not(*lines) == "the order has 10000 dosage lines; more than 200 are not read"


def test_drops_are_at_least_counted() -> None:
    """5 drops twice a day are 10 drops; a drop has no defined size, so no mg."""
    order = course(said({"value": 5, "unit": "drops"}, frequency=2, period=1, periodUnit="d"))
    assert isinstance(order.overall, NotComputable)
    assert order.amount_per_day is not None
    assert (order.amount_per_day.unit, order.amount_per_day.high) == ("drop", 10)


def test_an_order_that_is_not_computable_still_ends() -> None:
    """What cannot be computed is unknown while it lasts, and nothing once it has ended."""
    period = {"start": "2027-01-01", "end": "2027-01-31"}
    order = course(said(mg("0"), when=["HS"], boundsPeriod=period))
    assert isinstance(highest_from(order, date(2027, 1, 31)), NotComputable)
    assert highest_from(order, date(2027, 2, 1)) is None
    assert isinstance(dose_on(order, date(2027, 1, 1)), NotComputable)
    assert dose_on(order, date(2026, 12, 31)) is None
    assert dose_on(order, date(2027, 2, 1)) is None
