"""Medication records as facts: periods, links, reasons - whatever shape they come in."""

from datetime import date

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
