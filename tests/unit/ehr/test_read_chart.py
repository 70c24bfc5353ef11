"""What was supplied -> facts: not asked for, looked and nothing, or not whole are three things."""

from dataclasses import replace
from datetime import date
from typing import Any

import cds
import pytest

from clinical.checks.pregnancy import pregnancy
from clinical.facts import AllergyFact, DraftOrder, PatientFacts, Unknown
from clinical.findings import Clear, Fired
from clinical.order_case import OrderCase
from clinical.policy import default_policy
from ehr.read.chart import DraftResource, Resources, read_chart
from ehr.read.medications import medication_record
from ehr.read.supplied import read_prefetch

ON = date(2026, 11, 26)
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
DIAZEPAM = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/p1"},
    "code": {"text": "Diazepam"},
}
ITEM_9 = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "44260-8"}]},
    "valueInteger": 1,
}


def facts_of(prefetch: dict[str, Any]) -> PatientFacts:
    supplied = read_prefetch(prefetch, "p1")
    by_type = {kind: tuple(found) for kind, found in supplied.by_type.items()}
    return read_chart(Resources(by_type, gaps=supplied.gaps, asked=supplied.asked), ON).facts


def test_a_list_that_was_not_asked_for_is_unknown_and_no_gap():
    facts = facts_of({})
    assert (facts.allergies, facts.allergies_gap) == (Unknown("allergies were not asked for"), None)
    assert facts.observations == Unknown("observations were not asked for")
    assert facts.observations_gap is None


def test_a_list_that_was_searched_and_is_empty_is_no_allergy():
    for nothing in (None, cds.searchset()):
        facts = facts_of({"allergies": nothing, "observations": nothing})
        assert (facts.allergies, facts.allergies_gap) == ((), None)
        assert (facts.observations, facts.observations_gap) == ((), None)


def test_a_list_that_failed_is_a_gap():
    facts = facts_of({"allergies": FAILED, "observations": FAILED})
    assert facts.allergies_gap == Unknown("the list of allergies could not be supplied by the EHR")
    assert facts.observations_gap == Unknown(
        "the list of observations could not be supplied by the EHR"
    )
    assert (facts.allergies, facts.observations) == ((), ())


def test_a_list_that_is_not_whole_is_read_and_is_a_gap():
    bundle = cds.searchset(DIAZEPAM) | {"link": [{"relation": "next", "url": "x"}]}
    facts = facts_of({"allergies": bundle})
    assert facts.allergies == (AllergyFact("AllergyIntolerance/a1", "diazepam", True),)
    assert facts.allergies_gap == Unknown(
        "the list of allergies is incomplete: only its first page was supplied"
    )


def test_what_an_ehr_sends_unasked_is_read():
    """Under a key of its own: the list is not known to be whole, and what stands there does."""
    facts = facts_of({"theirs": cds.searchset(DIAZEPAM, ITEM_9)})
    assert facts.allergies == (AllergyFact("AllergyIntolerance/a1", "diazepam", True),)
    assert [fact.concept for fact in facts.observed("phq9_item9")] == ["phq9_item9"]


def test_conditions_that_cannot_be_looked_up_are_counted_without_their_words():
    unknown = {"resourceType": "Condition", "id": "c2", "code": {"text": "Synthetic words"}}
    facts = facts_of({"conditions": cds.searchset(cds.condition("F05"), unknown)})
    assert [fact.concept for fact in facts.conditions] == ["delirium"]
    assert [note for note in facts.notes if "condition" in note] == [
        "1 condition has no code that could be looked up (ICD-10-CM, or a SNOMED CT identifier of "
        "our table), so the checks do not know it"
    ]


def test_a_value_that_cannot_be_read_is_in_the_account():
    facts = facts_of({"observations": cds.searchset(ITEM_9 | {"valueInteger": 9})})
    assert facts.observations == ()
    assert facts.notes == (
        "Observation/o1 is an observation that a check looks at, and its value could not be read",
    )


def test_of_a_medicine_that_no_check_looks_at_nothing_is_read_but_that_it_is_there():
    supply = {"expectedSupplyDuration": {"value": 30, "unit": "d"}, "numberOfRepeatsAllowed": 2}
    orders = [
        cds.order("m1", cds.CLONAZEPAM["1"]) | {"dispenseRequest": supply},
        cds.order("m2", ("8000010", "lisinopril 10 MG Oral Tablet")) | {"dispenseRequest": supply},
    ]
    ours, other = facts_of({"medications": cds.searchset(*orders)}).medications
    assert (ours.supply_days, ours.refills) == (30, 2)
    assert (other.supply_days, other.refills, other.dosage_text) == (None, None, None)
    assert (other.source, other.status, other.intent) == (
        "MedicationRequest/m2",
        "active",
        "order",
    )


def pregnant_by(prefetch: dict[str, Any]) -> bool:
    drafts = (
        DraftOrder(
            medication_record(cds.order("new", cds.CLONAZEPAM["1"], status="draft"), lambda _: None)
        ),
    )
    facts = replace(facts_of({"conditions": cds.searchset(), **prefetch}), drafts=drafts)
    verdict = pregnancy(OrderCase(facts, ON, default_policy()))
    assert isinstance(verdict, Fired | Clear)
    return isinstance(verdict, Fired)


# 300 days before 26 November 2026 is 30 January (ICD-10-CM O48.1: beyond 294 days it is prolonged).
DAYS = [("2026-01-30", True), ("2026-01-29", False), (None, True)]


@pytest.mark.parametrize(("onset", "expected"), DAYS)
def test_nobody_is_pregnant_for_more_than_300_days_by_a_code(onset, expected):
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z34.92"}]}
    item = {"coding": [{"code": "problem-list-item"}]}
    condition = {"resourceType": "Condition", "id": "c", "code": code, "category": [item]}
    condition |= {"onsetDateTime": onset, "subject": {"reference": "Patient/p1"}}
    assert pregnant_by({"conditions": cds.searchset(condition)}) is expected


@pytest.mark.parametrize(("on", "expected"), [*DAYS, ("2025", False)])
def test_nobody_is_pregnant_for_more_than_300_days_by_a_status(on, expected):
    code = {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]}
    status = ITEM_9 | {"code": code, "valueBoolean": True, "effectiveDateTime": on}
    del status["valueInteger"]
    assert pregnant_by({"observations": cds.searchset(status)}) is expected


LISINOPRIL = ("314076", "lisinopril 10 MG Oral Tablet")
CLONAZEPAM = cds.order("c1", cds.CLONAZEPAM["1"])


def medicines_read(draft: dict[str, Any], *charted: dict[str, Any]) -> list[str]:
    """The medicines of the chart that the checks of this draft see."""
    by_type = {"MedicationRequest": charted}
    drafts = (DraftResource(draft, selected=True),)
    facts = read_chart(Resources(by_type, drafts), ON, for_checks=True).facts
    return [record.source for record in facts.medications]


def test_the_checks_see_none_of_the_medicines_that_they_do_not_look_at():
    assert medicines_read(
        cds.order("new", cds.CLONAZEPAM["1"]), CLONAZEPAM, cds.order("l1", LISINOPRIL)
    ) == ["MedicationRequest/c1"]


def test_what_is_told_does_not_depend_on_the_order_of_the_keys():
    """Neither of those that were asked for nor of an EHR's own."""
    own = {f"own-{letter}": "text" for letter in "fbdace"}
    prefetch = {**own, "observations": FAILED, "allergies": FAILED}
    told = read_prefetch(prefetch, "p1")
    assert [note.split()[2] for note in told.notes] == [f"own-{letter}" for letter in "abcdef"]
    assert list(told.gaps)[-2:] == ["allergies", "observations"]
    turned = read_prefetch(dict(reversed(prefetch.items())), "p1")
    assert (turned.notes, list(turned.gaps)) == (told.notes, list(told.gaps))
