"""Whether the present dose is one and the same every day, and so can be tapered from."""

from datetime import date

import pytest

from clinical.present import why_not_steady
from ehr.read.medications import medication_record

TODAY = date(2026, 11, 23)


def order(*lines):
    return medication_record(
        {
            "resourceType": "MedicationRequest",
            "id": "x",
            "medicationCodeableConcept": {"text": "clonazepam 1 mg tablet"},
            "dosageInstruction": list(lines),
        },
        lambda _: None,
    )


def line(**repeat):
    return {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", **repeat}},
        "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
    }


@pytest.mark.parametrize("lines", [(line(),), (line(frequency=3),), (line(), line())])
def test_the_same_dose_every_day_is_steady(lines):
    assert why_not_steady([order(*lines)], TODAY) is None


@pytest.mark.parametrize(
    "lines",
    [
        (line(period=2),),
        (line(dayOfWeek=["mon", "thu"]),),
        (line(frequency=1, frequencyMax=2),),
        ({**line(), "asNeededBoolean": True},),
        (line(), {**line(), "asNeededBoolean": True}),
        (line(period=36, periodUnit="h"),),
    ],
)
def test_what_may_be_less_on_a_day_is_not(lines):
    assert why_not_steady([order(*lines)], TODAY) is not None


def test_one_order_of_several_is_enough():
    assert why_not_steady([order(line()), order(line(period=2))], TODAY) is not None


def test_without_orders_there_is_nothing_to_say():
    assert why_not_steady([], TODAY) is None
