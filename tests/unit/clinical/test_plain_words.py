"""Records and days in a sentence for a person."""

from dataclasses import replace
from datetime import date

from clinical.facts import DraftOrder
from clinical.plain_words import plain_words
from ehr.read.chart import Resources, read_chart
from ehr.read.medications import medication_record


def order(drug: str, key: str = "x"):
    medication = {"medicationCodeableConcept": {"text": drug}}
    resource = {"resourceType": "MedicationRequest", "id": key, **medication}
    return medication_record(resource, lambda _: None)


NOBODY = read_chart(Resources(by_type={}), date(2026, 11, 23)).facts


def test_a_record_is_called_by_its_drug_and_a_day_as_in_a_calendar():
    facts = replace(NOBODY, medications=(order("clonazepam 1 mg tablet"),))
    words = plain_words(facts)("the dose of MedicationRequest/x falls on 2027-01-04")
    assert words == "The dose of clonazepam 1 mg tablet falls on 4 Jan 2027."


def test_an_order_that_is_being_changed_is_called_as_in_the_draft():
    """Both have one id: an order of insulin that is changed to clonazepam is clonazepam."""
    facts = replace(
        NOBODY,
        drafts=(DraftOrder(order("clonazepam 1 mg tablet"), selected=True),),
        medications=(order("Novolog 100u/ml"),),
    )
    words = plain_words(facts)("MedicationRequest/x: the dose cannot be computed")
    assert words == "Clonazepam 1 mg tablet: the dose cannot be computed."
