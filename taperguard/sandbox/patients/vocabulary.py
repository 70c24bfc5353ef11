"""Code systems and the small parts that resources are made of."""

from __future__ import annotations

from ..records.json_text import Resource

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
DRUG_FORM = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"
CONDITION_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"

_TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}


def synthetic(resource_type: str, resource_id: str) -> Resource:
    """The beginning of a resource: type, id and the tag that says it is test data."""
    return {"resourceType": resource_type, "id": resource_id, "meta": {"tag": [_TAG]}}


def concept(
    system: str, code: str | None, display: str | None = None, *, text: str | None = None
) -> Resource:
    """A CodeableConcept; without a code it is text only."""
    made: Resource = {}
    if code is not None:
        coding = {"system": system, "code": code}
        made["coding"] = [coding if display is None else {**coding, "display": display}]
    if text is not None:
        made["text"] = text
    return made


def reference(resource_type: str, resource_id: str) -> Resource:
    """A relative reference."""
    return {"reference": f"{resource_type}/{resource_id}"}
