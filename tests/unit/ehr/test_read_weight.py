"""Observation -> the weight for a dose per kg."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ehr.read.weight import latest_weight_kg

LOINC = "http://loinc.org"


def weighed(
    value: Any, unit: str = "kg", on: str | None = "2026-11-01", **more: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "29463-7"}]},
        "valueQuantity": {"value": value, "code": unit},
        "effectiveDateTime": on,
        **more,
    }


@pytest.mark.parametrize(
    ("value", "unit", "kg"),
    [
        (20, "kg", "20"),
        (3500, "g", "7/2"),
        # 100 pounds of 0.45359237 kg
        (100, "[lb_av]", "45.359237"),
        (16, "oz", "0.45359237"),
    ],
)
def test_a_weight_is_read_in_each_of_its_units(value: int, unit: str, kg: str) -> None:
    assert latest_weight_kg([weighed(value, unit)]) == Fraction(kg)


def test_the_weight_that_was_taken_last_counts() -> None:
    observations = [weighed(21), weighed(30, on="2025-01-01"), weighed(40, on=None)]
    assert latest_weight_kg(observations) == 21


@pytest.mark.parametrize(
    "observation",
    [
        weighed(20, status="entered-in-error"),
        weighed(20, status=["final"]),
        weighed(20, code={"coding": [{"system": LOINC, "code": "8302-2"}]}),
        weighed(20, "stone"),
        weighed(0),
        weighed("20"),
        weighed(Decimal("NaN")),
        weighed(20, valueQuantity={"value": 20, "unit": "kg", "comparator": "<"}),
        weighed(20, valueQuantity="20 kg"),
    ],
)
def test_what_is_no_weight_is_none(observation: dict[str, Any]) -> None:
    assert latest_weight_kg([observation]) is None
