"""Medication records as facts: periods, links, reasons - whatever shape they come in."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from clinical.facts import RecordKind
from ehr.read.medications import medication_record


def read(**fields):
    return medication_record(
        {"resourceType": "MedicationRequest", "id": "x", **fields}, lambda _: None
    )


def dispense(**fields):
    resource = {"resourceType": "MedicationDispense", "id": "x", **fields}
    return medication_record(resource, lambda _: None)


def test_a_dispense_lasts_for_the_days_it_supplies():
    """30 days from 1 November are 1 to 30 November."""
    record = dispense(
        whenHandedOver="2026-11-01T09:00:00Z", daysSupply={"value": 30, "unit": "days"}
    )
    assert (record.period_starts, record.period_ends) == (date(2026, 11, 1), date(2026, 11, 30))
    assert record.kind is RecordKind.DISPENSE


def test_weeks_of_supply_are_days():
    record = dispense(whenHandedOver="2026-11-01", daysSupply={"value": 2, "code": "wk"})
    assert record.period_ends == date(2026, 11, 14)


@pytest.mark.parametrize("value", [[], {}, None, "soon", -1, 0, True, 10**8, "1e400"])
def test_a_supply_that_is_no_number_of_days_has_no_end(value):
    record = dispense(whenHandedOver="2026-11-01", daysSupply={"value": value})
    assert record.period_ends is None


def test_a_supply_beyond_the_calendar_has_no_end():
    record = dispense(whenHandedOver="9999-12-31", daysSupply={"value": 30, "unit": "days"})
    assert record.period_ends is None


def test_a_held_back_order_starts_when_it_may_be_dispensed():
    record = read(dispenseRequest={"validityPeriod": {"start": "2026-12-01", "end": "2026-12-28"}})
    assert (record.period_starts, record.period_ends) == (date(2026, 12, 1), None)


def test_links_are_read_in_every_spelling():
    prior = {"reference": "https://ehr.example/fhir/MedicationRequest/old/_history/2"}
    assert read(priorPrescription=prior).replaces == ("MedicationRequest/old",)
    assert read(groupIdentifier={"system": "urn:s", "value": "1"}).group == "urn:s|1"


CLONAZEPAM = {
    "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "197527"}]
}
ONE_TABLET = {"value": 1, "unit": "tablet"}
TWICE = {"frequency": 2, "period": 1, "periodUnit": "d"}
AT_MOST_THREE = {
    "numerator": {"value": 3, "unit": "tablet"},
    "denominator": {"value": 1, "code": "d"},
}


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(
            {
                "resourceType": "MedicationOrder",
                "dateWritten": "2026-11-01",
                "medicationCodeableConcept": CLONAZEPAM,
                "dosageInstruction": [
                    {
                        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnits": "d"}},
                        "asNeededBoolean": True,
                        "doseQuantity": ONE_TABLET,
                        "maxDosePerPeriod": AT_MOST_THREE,
                    }
                ],
            },
            id="DSTU2",
        ),
        pytest.param(
            {
                "resourceType": "MedicationRequest",
                "intent": "order",
                "authoredOn": "2026-11-01",
                "medicationCodeableConcept": CLONAZEPAM,
                "requester": {"agent": {"reference": "Practitioner/1"}},
                "dosageInstruction": [
                    {
                        "timing": {"repeat": TWICE},
                        "asNeededCodeableConcept": {"text": "panic"},
                        "doseQuantity": ONE_TABLET,
                        "maxDosePerPeriod": AT_MOST_THREE,
                    }
                ],
            },
            id="STU3",
        ),
        pytest.param(
            {
                "resourceType": "MedicationRequest",
                "intent": "order",
                "authoredOn": "2026-11-01",
                "medicationCodeableConcept": CLONAZEPAM,
                "dosageInstruction": [
                    {
                        "timing": {"repeat": TWICE},
                        "asNeededBoolean": True,
                        "doseAndRate": [{"doseQuantity": ONE_TABLET}],
                        "maxDosePerPeriod": AT_MOST_THREE,
                    }
                ],
            },
            id="R4",
        ),
        pytest.param(
            {
                "resourceType": "MedicationRequest",
                "intent": "order",
                "authoredOn": "2026-11-01",
                "medication": {"concept": CLONAZEPAM},
                "renderedDosageInstruction": "1 tablet twice a day as needed",
                "dosageInstruction": [
                    {
                        "timing": {"repeat": TWICE},
                        "asNeeded": True,
                        "asNeededFor": [{"text": "panic"}],
                        "doseAndRate": [{"doseQuantity": ONE_TABLET}],
                        "maxDosePerPeriod": [AT_MOST_THREE],
                    }
                ],
            },
            id="R5",
        ),
    ],
)
def test_an_order_is_one_and_the_same_in_every_release_of_fhir(resource):
    """1 tablet of 0.5 mg twice a day as needed: 0 to 1 mg."""
    record = medication_record({"id": "x", "status": "active", **resource}, lambda _: None)
    assert record.kind is RecordKind.REQUEST
    assert record.authored_on == date(2026, 11, 1)
    assert record.drug.ingredients == ("clonazepam",)
    dose = record.course.overall
    assert (dose.low, dose.high, dose.as_needed, dose.warnings) == (0, 1, True, ())


def test_a_statement_that_the_drug_is_not_taken_is_turned_round():
    """DSTU2's word for it; STU3's `taken` "n" is R4's status not-taken."""
    resource = {"resourceType": "MedicationStatement", "id": "x", "status": "active"}
    assert medication_record(resource | {"wasNotTaken": True}, lambda _: None).do_not_perform
    assert medication_record(resource | {"taken": "n"}, lambda _: None).status == "not-taken"


@pytest.mark.parametrize("said", [{"wasNotTaken": False}, {"taken": "y"}, {"taken": "unk"}, {}])
def test_a_statement_that_the_drug_may_be_taken_stands(said):
    resource = {"resourceType": "MedicationStatement", "id": "x", "status": "active", **said}
    assert not medication_record(resource, lambda _: None).do_not_perform


def test_a_reason_may_be_a_code_or_a_reference():
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F11.20"}]}
    assert read(reasonCode=[coded]).reasons == {"opioid_use_disorder"}
    condition = {"resourceType": "Condition", "id": "c", "code": coded}
    record = medication_record(
        {
            "resourceType": "MedicationRequest",
            "id": "x",
            "reasonReference": [{"reference": "Condition/c"}],
        },
        {"Condition/c": condition}.get,
    )
    assert record.reasons == {"opioid_use_disorder"}


def test_an_inpatient_order_is_told_by_its_category():
    system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
    assert read(category=[{"coding": [{"system": system, "code": "inpatient"}]}]).inpatient
    assert not read(category=[{"coding": [{"system": system, "code": "community"}]}]).inpatient


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [None], [[]], True])
def test_junk_in_any_field_is_read_without_an_exception(junk):
    fields = (
        "status intent authoredOn priorPrescription groupIdentifier reasonCode reasonReference "
        "category dosageInstruction dispenseRequest medicationCodeableConcept medicationReference "
        "contained doNotPerform id extension modifierExtension subject"
    ).split()
    for name in fields:
        record = read(**{name: junk})
        assert record.source.startswith("MedicationRequest/")


def ordered(**fields):
    return read(dispenseRequest=fields)


def test_an_order_says_what_one_fill_holds_and_how_often_it_is_filled():
    """28 days, 56 tablets, 5 refills."""
    record = ordered(
        expectedSupplyDuration={"value": 28, "unit": "day", "code": "d"},
        numberOfRepeatsAllowed=5,
        quantity={"value": 56, "unit": "tablet", "code": "{tbl}"},
    )
    assert (record.supply_days, record.refills) == (28, 5)
    assert (record.quantity.high, record.quantity.unit.name) == (56, "tablet")
    assert record.period_ends is None


def test_a_dispense_says_it_on_itself_and_has_no_refills():
    record = dispense(
        whenHandedOver="2026-11-01",
        daysSupply={"value": 30},
        quantity={"value": Decimal("7.5"), "unit": "mL"},
        numberOfRepeatsAllowed=5,
    )
    assert (record.supply_days, record.refills) == (30, None)
    assert (record.quantity.high, record.quantity.unit.name) == (Fraction(15, 2), "mL")


@pytest.mark.parametrize(
    ("value", "unit", "days"),
    [(4, "wk", 28), (1, "mo", 31), (Decimal("7.5"), "d", 8), (48, "h", 2), ("30", None, 30)],
)
def test_a_supply_is_days_in_any_unit_of_time_and_a_begun_day_counts(value, unit, days):
    """A month is 30.4375 days (UCUM)."""
    assert ordered(expectedSupplyDuration={"value": value, "unit": unit}).supply_days == days


@pytest.mark.parametrize("value", [[], {}, None, "soon", -1, Decimal("1.5"), True, 100, 10**30])
def test_refills_that_are_no_number_of_refills_are_not_stated(value):
    assert ordered(numberOfRepeatsAllowed=value).refills is None


@pytest.mark.parametrize("value", [0, Decimal("0"), "0", " 0 "])
def test_no_refills_is_said_and_differs_from_nothing_said(value):
    assert ordered(numberOfRepeatsAllowed=value).refills == 0
    assert ordered().refills is None


@pytest.mark.parametrize(
    "quantity", [None, 30, {}, {"value": 0}, {"value": -3}, {"value": 30, "comparator": "<"}]
)
def test_a_quantity_that_cannot_be_one_is_not_stated(quantity):
    assert ordered(quantity=quantity).quantity is None


def test_a_comparator_makes_a_supply_no_number():
    assert ordered(expectedSupplyDuration={"value": 30, "comparator": "<"}).supply_days is None


def test_a_statement_supplies_nothing():
    resource = {"resourceType": "MedicationStatement", "id": "x", "quantity": {"value": 30}}
    record = medication_record(resource, lambda _: None)
    assert (record.supply_days, record.refills, record.quantity) == (None, None, None)
