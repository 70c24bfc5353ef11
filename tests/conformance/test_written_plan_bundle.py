"""What `taperguard taper --format fhir` writes is parsed by two parsers that are not ours."""

import io
import json
from datetime import date

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.careplan import CarePlan
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhirclient.models.bundle import Bundle as OtherBundle

from taperguard.commands.taper import run

CASES = [
    {"from_mg": "2"},
    {"from_mg": "2.7", "to_mg": "1", "pace_id": "nardi-2010", "times_per_day": 3},
    {"from_mg": "0.25", "to_mg": "0.125", "pace_id": "bzra-25"},
]


def written(**options):
    out, err = io.StringIO(), io.StringIO()
    given = {"start": "2027-01-04", "output_format": "fhir", "on": date(2026, 12, 30), **options}
    assert run(**given, stdout=out, stderr=err) == 0
    return out.getvalue()


@pytest.mark.parametrize("options", CASES)
def test_the_bundle_and_each_resource_validate_in_two_parsers(options):
    text = written(**options)
    assert Bundle.model_validate_json(text).type == "transaction"
    models = {"CarePlan": CarePlan, "MedicationRequest": MedicationRequest}
    entries = json.loads(text)["entry"]
    for entry in entries:
        resource = entry["resource"]
        models[resource["resourceType"]].model_validate_json(json.dumps(resource))
    other = OtherBundle(json.loads(text))
    assert len(other.entry) == len(entries)
    assert [e.resource.resource_type for e in other.entry] == [
        e["resource"]["resourceType"] for e in entries
    ]


@pytest.mark.parametrize("options", CASES)
def test_every_reference_within_the_transaction_is_to_an_entry_of_it(options):
    """R4, 3.1.0.11.2: entries are referred to by fullUrl; a POST creates and has no id."""
    entries = json.loads(written(**options))["entry"]
    full_urls = [entry["fullUrl"] for entry in entries]
    assert len(set(full_urls)) == len(full_urls)
    for entry in entries:
        assert entry["request"]["method"] == "POST"
        assert entry["request"]["url"] == entry["resource"]["resourceType"]
        assert entry["request"]["ifNoneExist"].startswith("identifier=")
        assert "id" not in entry["resource"]
        links = [*entry["resource"].get("basedOn", [])]
        if "priorPrescription" in entry["resource"]:
            links.append(entry["resource"]["priorPrescription"])
        for link in links:
            assert link["reference"] in full_urls


def test_the_numbers_arrive_as_they_were_planned():
    """asam-2025 from 2 mg at night: 1.875 mg is 1 mg, 0.5 mg and three of 0.125 mg."""
    entries = json.loads(written(from_mg="2"))["entry"]
    orders = [
        e["resource"] for e in entries if e["resource"]["resourceType"] == "MedicationRequest"
    ]
    first = [
        order
        for order in orders
        if order["dispenseRequest"]["validityPeriod"]["start"] == "2027-01-04"
    ]
    total = 0.0
    for order in first:
        strength = float(order["medicationCodeableConcept"]["text"].split()[1])
        dosage = order["dosageInstruction"][0]
        assert dosage["timing"]["repeat"]["when"] == ["HS"]
        total += strength * dosage["doseAndRate"][0]["doseQuantity"]["value"]
        assert order["dispenseRequest"]["numberOfRepeatsAllowed"] == 0
    assert total == 1.875
