"""What of a prefetch is left undecoded, and when the whole of it is read."""

from __future__ import annotations

from typing import Any

import pytest

from ehr.decode import OtherShape, ShapeDecoder, encode
from ehr.read.drugs import NAMES_A_DRUG_TOO
from ehr.read.sifted import Glanced, Unread
from ehr.read.sifted import sifted as sifted_of

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
OWN = {"subject": {"reference": "Patient/alder"}}
_glance: ShapeDecoder[Glanced] = ShapeDecoder(Glanced)
_unread: ShapeDecoder[Unread] = ShapeDecoder(Unread)


def order(key: str, drug: str, **more: object) -> dict[str, Any]:
    drug_of = {"medicationCodeableConcept": {"text": drug}}
    return (
        {"resourceType": "MedicationRequest", "id": key, "status": "active"} | drug_of | OWN | more
    )


def condition(key: str, code: str, **more: object) -> dict[str, Any]:
    coded = {"code": {"coding": [{"system": ICD10, "code": code}]}}
    return {"resourceType": "Condition", "id": key} | coded | OWN | more


def listed(*resources: dict[str, Any], **more: object) -> dict[str, Any]:
    entries = [{"resource": it, "search": {"mode": "match"}} for it in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | more


CLONAZEPAM = order("c1", "clonazepam 1 MG Oral Tablet")
LISINOPRIL = order("l1", "lisinopril 10 MG Oral Tablet")
DRAFT = order("new", "clonazepam 1 MG Oral Tablet", status="draft")
FOREIGN_DRAFT = order("new", "lisinopril 10 MG Oral Tablet", status="draft")


def sifted(prefetch: object, drafts: list[dict[str, Any]]) -> dict[str, Any]:
    """The prefetch of "alder" as it is read. Raises OtherShape where the whole is to be read."""
    raw = encode(prefetch)
    return sifted_of(_glance(raw), lambda: _unread(raw), "alder", drafts)


def kept(prefetch: object, draft: dict[str, Any] | None = DRAFT) -> list[str]:
    """The ids of the records that are decoded. Raises OtherShape where the whole is to be read."""
    found = sifted(prefetch, [] if draft is None else [draft])
    bundles = [value for value in found.values() if value is not None and "entry" in value]
    return [entry["resource"]["id"] for bundle in bundles for entry in bundle["entry"]]


def medicines(*records: dict[str, Any], draft: dict[str, Any] | None = DRAFT) -> list[str]:
    return kept({"medications": listed(*records)}, draft)


def test_a_medicine_that_no_check_looks_at_is_left_out():
    assert medicines(CLONAZEPAM, LISINOPRIL) == ["c1"]


def test_a_condition_that_no_check_knows_is_left_out():
    conditions = listed(condition("sleep", "G47.33"), condition("pressure", "I10"))
    assert kept({"conditions": conditions}) == ["sleep"]


def test_a_condition_in_words_is_kept_because_the_account_tells_of_it():
    words = {"resourceType": "Condition", "id": "words", "code": {"text": "dizzy"}} | OWN
    uncoded = {"resourceType": "Condition", "id": "nothing"} | OWN
    assert kept({"conditions": listed(words, uncoded)}) == ["words", "nothing"]


def test_nothing_else_is_left_out():
    """An allergy, an observation, the Patient: few, and every one is looked at."""
    allergy = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "dust"}}
    seen = {"resourceType": "Observation", "id": "o1", "code": {"text": "height"}} | OWN
    patient = {"resourceType": "Patient", "id": "alder", "birthDate": "1950-01-01"}
    prefetch = {"patient": patient, "allergies": listed(allergy), "observations": listed(seen)}
    assert kept(prefetch) == ["a1", "o1"]
    assert sifted(prefetch, [DRAFT])["patient"] == patient


def test_a_key_that_was_asked_for_and_found_nothing_stays():
    """`null` says that the EHR has looked: it is not the same as no key."""
    assert sifted({"allergies": None}, [DRAFT]) == {"allergies": None}
    assert sifted({"medications": {"resourceType": "Bundle"}}, [DRAFT]) == {
        "medications": {"resourceType": "Bundle", "entry": []}
    }


@pytest.mark.parametrize(
    "tie",
    [
        {"priorPrescription": {"reference": "MedicationRequest/c1"}},
        {"groupIdentifier": {"value": "1"}},
        {"medicationReference": {"reference": "Medication/1"}},
        {"medication": {"concept": {"text": "clonazepam"}}},
        {"code": {"text": "clonazepam"}},
        {"subject": {"reference": "Patient/somebody-else"}},
        {"subject": None},
        {"medicationCodeableConcept": {}},
        {"medicationCodeableConcept": "lisinopril 10 MG"},
        {"medicationCodeableConcept": [{"text": "lisinopril 10 MG"}]},
        {"medicationCodeableConcept": {"coding": [{"code": "1"}]}},
    ],
)
def test_a_medicine_is_kept_where_something_else_may_depend_on_it_or_it_may_be_another(tie):
    """Its prior, its group, another name, another patient, or nothing that names it surely."""
    assert medicines(CLONAZEPAM, LISINOPRIL | tie) == ["c1", "l1"]


@pytest.mark.parametrize("element", NAMES_A_DRUG_TOO)
def test_a_medicine_is_kept_that_has_any_other_element_that_names_a_drug(element):
    """The glance has to know them all: an element that the reader learns is to be learned there."""
    also = {element: [{"text": "clonazepam 1 MG Oral Tablet"}]}
    assert medicines(CLONAZEPAM, LISINOPRIL | also) == ["c1", "l1"]


def test_a_medicine_that_another_order_names_as_its_prior_is_kept():
    prior = {"priorPrescription": [{"reference": "https://ehr.example/MedicationRequest/l1"}]}
    assert medicines(LISINOPRIL, CLONAZEPAM | prior) == ["l1", "c1"]
    assert medicines(LISINOPRIL, draft=DRAFT | prior) == ["l1"]


def test_an_absolute_reference_to_the_patient_is_the_patient():
    absolute = {"subject": {"reference": "https://ehr.example/fhir/Patient/alder"}}
    assert medicines(LISINOPRIL | absolute) == []


SLEEP, STEADY = condition("sleep", "G47.33"), {"resourceType": "Observation", "id": "o1"} | OWN


@pytest.mark.parametrize("draft", [FOREIGN_DRAFT, {"resourceType": "ServiceRequest", "id": "new"}])
def test_where_only_such_drugs_are_ordered_no_list_of_the_patient_is_decoded(draft):
    """Of another patient's record it is told, whatever is ordered."""
    another = SLEEP | {"id": "other", "subject": {"reference": "Patient/somebody-else"}}
    prefetch = {
        "patient": {"resourceType": "Patient", "id": "alder", "deceasedBoolean": True},
        "medications": listed(CLONAZEPAM, LISINOPRIL),
        "conditions": listed(SLEEP, another),
        "observations": listed(STEADY),
    }
    assert kept(prefetch, draft) == ["other"]
    assert sifted(prefetch, [draft])["patient"] == prefetch["patient"]


@pytest.mark.parametrize(
    "touching",
    [
        {"id": "c1"},
        {"id": None},
        {"priorPrescription": {"reference": "MedicationRequest/c1"}},
        {"groupIdentifier": {"value": "1"}},
        {"medicationReference": {"reference": "Medication/1"}},
        {"medicationCodeableConcept": {"text": "oxycodone 5 MG Oral Tablet"}},
        {"medicationCodeableConcept": {}},
    ],
)
def test_an_order_that_touches_an_order_of_the_chart_opens_the_medicines(touching):
    """It changes that very order, takes its place, or is of a drug that a check looks at."""
    assert medicines(CLONAZEPAM, LISINOPRIL, draft=FOREIGN_DRAFT | touching) == ["c1"]


def test_where_nothing_is_ordered_the_medicines_are_opened():
    """A chart is opened, and its review is about them."""
    assert medicines(CLONAZEPAM, LISINOPRIL, draft=None) == ["c1"]


@pytest.mark.parametrize(
    "prefetch",
    [
        {"medications": listed(LISINOPRIL, link=[{"relation": "next", "url": "x"}])},
        {"medications": listed(LISINOPRIL, link=[{"relation": " next", "url": "x"}])},
        {"medications": listed(LISINOPRIL, total=2)},
        {"medications": listed(LISINOPRIL, total="1")},
        {"medications": listed(LISINOPRIL, LISINOPRIL)},
        {"medications": listed(LISINOPRIL, LISINOPRIL | {"id": " l1"})},
        {"medications": listed(condition("sleep", "G47.33"))},
        {"medications": listed({"resourceType": "OperationOutcome"})},
        {"medications": {"resourceType": "OperationOutcome"}},
        {"medications": {"entry": [{"resource": LISINOPRIL}]}},
        {"medications": [LISINOPRIL]},
        {"medications": LISINOPRIL},
        {"medications": listed(LISINOPRIL | {"id": 7})},
        {"medications": listed(LISINOPRIL | {"resourceType": None})},
        {"medications": {"resourceType": "Bundle", "entry": [{"resource": None}]}},
        {"medications": {"resourceType": "Bundle", "entry": [None]}},
        {"medications": {"resourceType": "Bundle", "entry": None}},
        {"medications": {"resourceType": "Bundle", "entry": [{}]}},
        {"of-their-own": None},
        [],
    ],
)
def test_what_has_another_shape_or_is_not_whole_is_read_as_a_whole(prefetch):
    """There it is told what is missing, and odd shapes are understood."""
    with pytest.raises(OtherShape):
        kept(prefetch)


def test_a_remark_of_the_ehr_beside_the_records_is_kept_and_told():
    """Epic sends one with most lists (2026)."""
    remark = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
    bundle = listed(CLONAZEPAM, LISINOPRIL)
    bundle["entry"].append({"resource": remark, "search": {"mode": "outcome"}})
    found = sifted({"medications": bundle}, [DRAFT])
    kinds = [entry["resource"]["resourceType"] for entry in found["medications"]["entry"]]
    assert kinds == ["MedicationRequest", "OperationOutcome"]


def test_a_list_may_bring_along_what_it_refers_to():
    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "clonazepam"}}
    bundle = listed(CLONAZEPAM, LISINOPRIL, total=2)
    bundle["entry"].append({"resource": medication, "search": {"mode": "include"}})
    assert kept({"medications": bundle}) == ["c1", "m1"]
