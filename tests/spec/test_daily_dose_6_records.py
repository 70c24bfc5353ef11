"""Daily dose 6: the same dosage in every kind of record and version of FHIR.

A dose is the same whether a MedicationRequest, a MedicationStatement or a MedicationDispense says
it, in the words of FHIR R4 and R4B, of R5, or of the older STU3 and DSTU2. Each case here says
twice a day one clonazepam 0.5 mg tablet: 2 x 0.5 = 1 mg a day.
"""

from datetime import date
from typing import Any

import pytest
from dose_told import steps_told, told

from ehr.read.medications import medication_record

DRUG = {"medicationCodeableConcept": {"text": "clonazepam 0.5 mg tablet"}}
ONE = {"value": 1, "unit": "tablet"}
BID = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
R4_LINE = {"doseAndRate": [{"doseQuantity": ONE}], "timing": BID}


def read(resource: dict[str, Any]) -> Any:
    return medication_record(resource | DRUG, lambda _: None)


# --- where the dosage stands ------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        # R4, R4B and R5: an order
        {"resourceType": "MedicationRequest", "dosageInstruction": [R4_LINE]},
        # a dispense
        {"resourceType": "MedicationDispense", "dosageInstruction": [R4_LINE]},
        # a statement
        {"resourceType": "MedicationStatement", "dosage": [R4_LINE]},
        # one line that is not in a list
        {"resourceType": "MedicationStatement", "dosage": R4_LINE},
        # R4 with one doseAndRate that is not in a list
        {
            "resourceType": "MedicationRequest",
            "dosageInstruction": [{"doseAndRate": {"doseQuantity": ONE}, "timing": BID}],
        },
        # STU3: the dose stands on the dosage itself
        {
            "resourceType": "MedicationRequest",
            "dosageInstruction": [{"doseQuantity": ONE, "timing": BID}],
        },
        # STU3: a range on the dosage itself
        {
            "resourceType": "MedicationDispense",
            "dosageInstruction": [{"doseRange": {"low": ONE, "high": ONE}, "timing": BID}],
        },
        # DSTU2: the order's former name, and periodUnits
        {
            "resourceType": "MedicationOrder",
            "dosageInstruction": [
                {
                    "doseQuantity": ONE,
                    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnits": "d"}},
                }
            ],
        },
        # DSTU2: a statement's amount
        {
            "resourceType": "MedicationStatement",
            "dosage": [{"quantityQuantity": ONE, "timing": BID}],
        },
        # R5: only words
        {
            "resourceType": "MedicationRequest",
            "renderedDosageInstruction": "Take 1 tablet by mouth twice daily",
        },
    ],
)
def test_twice_a_day_one_tablet_is_one_mg_in_every_shape(record: dict[str, Any]) -> None:
    assert told(read(record).course) == "1 mg/day"


def test_a_record_with_two_lists_of_dosages_says_so() -> None:
    """The dosageInstruction is read; a dosage beside it is not, and the reader is told."""
    record = {
        "resourceType": "MedicationRequest",
        "dosageInstruction": [R4_LINE],
        "dosage": [R4_LINE],
    }
    assert told(read(record).course) == (
        "1 mg/day; note: the record has a dosageInstruction and a dosage; only the first was read"
    )


# --- from which day a duration counts ---------------------------------------------------------

WEEK = {
    "doseQuantity": ONE,
    "timing": {"repeat": BID["repeat"] | {"boundsDuration": {"value": 7, "unit": "d"}}},
}


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        # the day on which the order was written
        (
            {"resourceType": "MedicationRequest", "authoredOn": "2027-01-01"},
            "2027-01-01 to 2027-01-07: 1 mg/day",
        ),
        # the day from which it may be dispensed
        (
            {
                "resourceType": "MedicationRequest",
                "authoredOn": "2027-01-01",
                "dispenseRequest": {"validityPeriod": {"start": "2027-01-10"}},
            },
            "2027-01-10 to 2027-01-16: 1 mg/day",
        ),
        # R5: the days of taking
        (
            {
                "resourceType": "MedicationRequest",
                "authoredOn": "2027-01-01",
                "effectiveDosePeriod": {"start": "2027-01-20"},
            },
            "2027-01-20 to 2027-01-26: 1 mg/day",
        ),
        # the day on which it was handed over
        (
            {"resourceType": "MedicationDispense", "whenHandedOver": "2027-01-05"},
            "2027-01-05 to 2027-01-11: 1 mg/day",
        ),
        # the first day that a statement names
        (
            {
                "resourceType": "MedicationStatement",
                "effectivePeriod": {"start": "2027-01-03"},
                "dateAsserted": "2027-02-01",
            },
            "2027-01-03 to 2027-01-09: 1 mg/day",
        ),
        # its one day, before the day of asking
        (
            {
                "resourceType": "MedicationStatement",
                "effectiveDateTime": "2027-01-03",
                "dateAsserted": "2027-02-01",
            },
            "2027-01-03 to 2027-01-09: 1 mg/day",
        ),
    ],
)
def test_a_week_counts_from_the_day_that_the_record_names(
    record: dict[str, Any], answer: str
) -> None:
    name = "dosage" if record["resourceType"] == "MedicationStatement" else "dosageInstruction"
    assert steps_told(read(record | {name: [WEEK]}).course) == answer


def test_a_statement_of_stu3_that_the_drug_is_not_taken() -> None:
    """What R4 says by its status, STU3 says beside it (taken "n")."""
    record = {"resourceType": "MedicationStatement", "status": "active", "dosage": [R4_LINE]}
    assert read(record).status == "active"
    assert read(record | {"taken": "n"}).status == "not-taken"


def test_the_days_of_taking_of_r5_bound_the_order() -> None:
    """From 1 to 31 January."""
    period = {"start": "2027-01-01", "end": "2027-01-31"}
    record = read(
        {
            "resourceType": "MedicationRequest",
            "effectiveDosePeriod": period,
            "dosageInstruction": [R4_LINE],
        }
    )
    assert (record.period_starts, record.period_ends) == (date(2027, 1, 1), date(2027, 1, 31))
