"""The FHIR interface of the sandbox: read, search, pages, includes, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle as R4Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.testclient import TestClient

from taperguard.sandbox.records import json_text
from taperguard.sandbox.records.store import Charts

Search = Callable[..., dict[str, Any]]
Ids = Callable[..., list[str]]
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def refused(answer: Any, status: int) -> str:
    """The sentence of a refusal, which must be an OperationOutcome with that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    OperationOutcome.model_validate_json(answer.text)
    sentence: str = answer.json()["issue"][0]["diagnostics"]
    return sentence


# --- metadata and read ------------------------------------------------------------------------


def test_metadata_is_a_capability_statement_of_fhir_4_0_1(client: TestClient) -> None:
    answer = client.get("/fhir/metadata")
    CapabilityStatement.model_validate_json(answer.text)
    said = answer.json()
    assert said["fhirVersion"] == "4.0.1"
    assert said["implementation"]["url"] == "http://ehr.test/fhir"
    (rest,) = said["rest"]
    by_type = {resource["type"]: resource for resource in rest["resource"]}
    assert "MedicationRequest:medication" in by_type["MedicationRequest"]["searchInclude"]


def test_every_search_parameter_that_metadata_names_is_answered(client: TestClient) -> None:
    values = {"date": "2026", "reference": "Patient/alder", "token": "x", "string": "x"}
    for resource in client.get("/fhir/metadata").json()["rest"][0]["resource"]:
        for parameter in resource["searchParam"]:
            answer = client.get(
                f"/fhir/{resource['type']}",
                params={parameter["name"]: values[parameter["type"]]},
                headers={"Prefer": "handling=strict"},
            )
            assert answer.status_code == 200, (resource["type"], parameter, answer.text)


def test_a_resource_is_read_with_its_version(client: TestClient) -> None:
    answer = client.get("/fhir/Patient/alder")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/fhir/Patient/nobody", 404),
        ("/fhir/Spaceship/1", 404),
        ("/fhir/Spaceship", 404),
        ("/fhir/Patient/a%20b", 400),
        ("/fhir/Patient/" + 65 * "a", 400),
        ("/fhir/Patient/alder/_history/1", 404),
        ("/fhir/", 405),  # only a transaction goes there
    ],
)
def test_what_is_not_there_is_an_operation_outcome(
    client: TestClient, path: str, status: int
) -> None:
    refused(client.get(path), status)


def test_writing_needs_an_access_token(client: TestClient) -> None:
    refused(client.put("/fhir/Patient/alder", json={}), 401)
    refused(client.delete("/fhir/Patient/alder"), 401)
    refused(client.post("/fhir/Patient", json={}), 401)
    refused(client.post("/fhir", json={}), 401)


def test_xml_is_refused(client: TestClient) -> None:
    refused(client.get("/fhir/Patient/alder", headers={"Accept": "application/fhir+xml"}), 406)
    refused(client.get("/fhir/Patient?_format=xml"), 406)
    asked = client.get("/fhir/Patient", params={"_format": "application/fhir+json"})
    assert asked.status_code == 200
    both = {"Accept": "application/fhir+xml;q=0.5, application/fhir+json"}
    assert client.get("/fhir/Patient/alder", headers=both).status_code == 200


def test_a_decimal_keeps_the_digits_it_was_written_with(client: TestClient, charts: Charts) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "half",
        "subject": {"reference": "Patient/birch"},
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": Decimal("0.50")}}]}],
    }
    charts.save(order, at=NOW)
    read = client.get("/fhir/MedicationRequest/half").text
    found = client.get("/fhir/MedicationRequest?_id=half").text
    assert '"value":0.50}' in read
    assert '"value":0.50}' in found
    assert read in found


def test_a_binary_float_and_bare_nan_never_get_into_a_chart(charts: Charts) -> None:
    order = {"resourceType": "MedicationRequest", "id": "x", "value": 0.1}
    with pytest.raises(TypeError):
        charts.save(order, at=NOW)
    assert charts.read("MedicationRequest", "x") is None
    with pytest.raises(ValueError, match="NaN"):
        json_text.read('{"value": NaN}')
    with pytest.raises(TypeError):
        json_text.write(Decimal("NaN"))


# --- search -----------------------------------------------------------------------------------


def test_a_search_gives_a_valid_bundle(client: TestClient) -> None:
    answer = client.get("/fhir/MedicationRequest?patient=alder")
    R4Bundle.model_validate_json(answer.text)
    entry = answer.json()["entry"][0]
    assert entry["fullUrl"] == f"http://ehr.test/fhir/MedicationRequest/{entry['resource']['id']}"


def test_nothing_found_is_a_total_of_0_without_an_entry(search: Search) -> None:
    bundle = search("Observation?patient=alder")
    assert bundle["total"] == 0
    assert "entry" not in bundle


ACTIVE = ["alder-albuterol", "alder-clonazepam", "alder-oxycodone"]


@pytest.mark.parametrize(
    "who",
    [
        "patient=alder",
        "patient=Patient/alder",
        "patient=http://ehr.test/fhir/Patient/alder",
        "subject=Patient/alder",
        "subject:Patient=alder",
        "patient=nobody,alder",
    ],
)
def test_a_patient_is_named_by_id_or_reference(search: Search, ids: Ids, who: str) -> None:
    assert ids(search(f"MedicationRequest?{who}&status=active")) == ACTIVE


def test_a_fill_is_found_by_its_prescription(search: Search) -> None:
    """From 23 Sep 2025 every 30 days; 20 Jul 2026 is the 11th, so 19 Aug to 17 Nov are its four."""
    found = search("MedicationDispense?prescription=birch-clonazepam")["entry"]
    days = sorted(entry["resource"]["whenHandedOver"] for entry in found)
    assert days == ["2026-08-19", "2026-09-18", "2026-10-18", "2026-11-17"]
    assert search("MedicationDispense?prescription=Birch-clonazepam")["total"] == 0
    assert search("MedicationRequest?medication=elm-clonazepam")["total"] == 1


def test_another_servers_patient_is_nobody_here(search: Search) -> None:
    assert search("MedicationRequest?patient=http://other.test/fhir/Patient/alder")["total"] == 0


def test_a_chart_never_shows_another_patients_records(search: Search) -> None:
    for entry in search("MedicationRequest?patient=alder&_count=200")["entry"]:
        assert entry["resource"]["subject"]["reference"] == "Patient/alder"


RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=active", 3),
        ("status=active,stopped", 4),  # and the sertraline that was stopped
        ("status:not=completed", 4),
        (f"status=active&code={RXNORM}|197528", 1),
        ("code=197528&status=active", 1),
        (f"status=active&code={RXNORM}|", 3),
        ("status=active&code=|197528", 0),  # that code has a system
        ("status=http://hl7.org/fhir/CodeSystem/medicationrequest-status|active", 3),
        ("status=active&status=stopped", 0),  # both at once
        ("status=active&category=community", 3),
        ("status=ACTIVE", 0),  # codes are case sensitive
        ("status=active&_id=alder-clonazepam,nothing", 1),
        ("status=active&intent=", 3),  # an empty value asks nothing
    ],
)
def test_tokens(search: Search, query: str, found: int) -> None:
    assert search(f"MedicationRequest?patient=alder&{query}")["total"] == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        # the orders of this patient: 23 Sep 2025, 23 Feb 2026, 23 Jul 2026
        ("2026-02-23", 1),
        ("2026", 2),
        ("ge2026-02-23", 2),
        ("gt2026-02-23", 1),
        ("le2026-02-23", 2),
        ("lt2026-02-23", 1),
        ("sa2026-02", 1),
        ("eb2026-02", 1),
        ("ne2026-02-23", 2),
        ("gt2026", 0),
        ("2025-09-23,2026-07-23", 2),
        ("ge2026-02-23T00:00:00Z", 2),
    ],
)
def test_dates_compare_as_stretches_of_time(search: Search, value: str, found: int) -> None:
    assert search(f"MedicationRequest?patient=birch&authoredon={value}")["total"] == found


def test_a_birth_year_is_a_year_long(search: Search, ids: Ids) -> None:
    assert "elm" in ids(search("Patient?birthdate=1959"))
    assert "elm" not in ids(search("Patient?birthdate=1959-06-01"))
    assert "elm" in ids(search("Patient?birthdate=gt1959-06-01"))  # part of the year is later
    assert "elm" in ids(search("Patient?birthdate=lt1959-06-01"))  # and part is earlier
    assert "elm" not in ids(search("Patient?birthdate=sa1959-06-01"))
    assert "elm" not in ids(search("Patient?birthdate=eb1959-06-01"))


def test_names_are_found_by_their_beginning_in_any_case(search: Search, ids: Ids) -> None:
    assert ids(search("Patient?name=synthetic-al")) == ["alder"]
    assert ids(search("Patient?family:contains=CEDAR")) == ["cedar"]
    assert ids(search("Patient?family=%25")) == []


def test_conditions_are_found_by_clinical_status_and_category(search: Search) -> None:
    query = "Condition?patient=alder&clinical-status=active&category=problem-list-item"
    assert search(query)["total"] == 4


def test_sorting_newest_first(search: Search) -> None:
    entries = search("MedicationRequest?patient=birch&_sort=-authoredon")["entry"]
    dates = [entry["resource"]["authoredOn"] for entry in entries]
    assert dates == ["2026-07-23", "2026-02-23", "2025-09-23"]


def test_an_included_medication_comes_once_and_is_not_counted(search: Search, ids: Ids) -> None:
    bundle = search("MedicationRequest?patient=elm&_include=MedicationRequest:medication")
    assert ids(bundle) == ["elm-clonazepam", "elm-clonazepam-outside"]
    assert ids(bundle, "include") == ["elm-clonazepam"]
    assert bundle["total"] == 2
    both = search("MedicationRequest?patient=alder&_include=MedicationRequest:patient")
    assert ids(both, "include") == ["alder"]


def test_an_include_can_be_held_to_one_type(search: Search, ids: Ids) -> None:
    query = "MedicationRequest?patient=elm&_include=MedicationRequest:subject:Group"
    assert ids(search(query), "include") == []


def test_a_search_can_be_posted_as_a_form(client: TestClient, ids: Ids) -> None:
    answer = client.post("/fhir/MedicationRequest/_search?patient=alder", data={"status": "active"})
    assert answer.status_code == 200
    assert ids(answer.json()) == ACTIVE


def test_a_posted_search_must_be_a_form_of_a_sane_size(client: TestClient) -> None:
    refused(client.post("/fhir/Patient/_search", json={"_id": "alder"}), 415)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    refused(client.post("/fhir/Patient/_search", content=b"a=" + 70_000 * b"b", headers=form), 413)
    refused(client.post("/fhir/Patient/_search", content=b"_id=\xff", headers=form), 400)
    refused(client.post("/fhir/Patient/_search", content=b"_id=%ff", headers=form), 400)


# --- pages ------------------------------------------------------------------------------------


def link(bundle: dict[str, Any], relation: str) -> str | None:
    urls = [link["url"] for link in bundle["link"] if link["relation"] == relation]
    return urls[0] if urls else None


@pytest.mark.parametrize("count", [1, 2, 5, 15])
def test_following_next_gives_every_match_once(search: Search, ids: Ids, count: int) -> None:
    whole = ids(search("MedicationRequest?patient=alder&_sort=-authoredon&_count=200"))
    assert len(whole) == 14
    bundle = search(f"MedicationRequest?patient=alder&_sort=-authoredon&_count={count}")
    got, pages = ids(bundle), 1
    while following := link(bundle, "next"):
        assert following.startswith("http://ehr.test/fhir/MedicationRequest?")
        assert "alder" not in following
        bundle = search(following.removeprefix("http://ehr.test/fhir/"))
        assert bundle["total"] == 14
        got += ids(bundle)
        pages += 1
    assert got == whole
    assert pages == -(-14 // count)


def test_a_page_has_20_entries_unless_asked_otherwise(search: Search, ids: Ids) -> None:
    bundle = search("MedicationDispense?patient=alder")
    assert len(ids(bundle)) == 20
    # clonazepam: 791 days / 30 = 26 and the first, 27; oxycodone: 184 / 30 = 6 and the first, 7
    assert bundle["total"] == 34
    assert link(bundle, "next") is not None


def test_a_count_of_0_and_a_summary_count_give_the_total_only(search: Search) -> None:
    for query in ("_count=0", "_summary=count"):
        bundle = search(f"MedicationRequest?patient=alder&{query}")
        assert bundle["total"] == 14
        assert "entry" not in bundle
        assert link(bundle, "next") is None


def test_an_enormous_count_is_held_to_200(search: Search, ids: Ids) -> None:
    bundle = search("MedicationRequest?_count=999999")
    assert bundle["total"] > 200
    assert len(ids(bundle)) == 200


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WzEsMl0", "ÿ", 200 * "W"])
def test_a_cursor_that_is_not_ours_is_refused(client: TestClient, cursor: str) -> None:
    refused(client.get("/fhir/MedicationRequest", params={"_cursor": cursor}), 400)


# --- saying no --------------------------------------------------------------------------------


def test_an_unknown_parameter_is_ignored_and_left_out_of_the_self_link(search: Search) -> None:
    bundle = search("MedicationRequest?patient=alder&status=active&colour=blue&_revinclude=a:b")
    assert bundle["total"] == 3
    said = parse_qsl(urlsplit(link(bundle, "self") or "").query)
    assert said == [("patient", "alder"), ("status", "active")]


@pytest.mark.parametrize(
    "query",
    [
        "colour=blue",
        "_revinclude=Provenance:target",
        "_sort=colour",
        "_include=MedicationRequest:colour",
        "_include=Patient:organization",
        "patient.name=alder",
        "_elements=id",
    ],
)
@pytest.mark.parametrize("prefer", ["handling=strict", "return=minimal, handling = strict"])
def test_strict_handling_refuses_what_is_not_supported(
    client: TestClient, query: str, prefer: str
) -> None:
    answer = client.get(f"/fhir/MedicationRequest?{query}", headers={"Prefer": prefer})
    refused(answer, 400)
    lenient = client.get(f"/fhir/MedicationRequest?{query}", headers={"Prefer": "handling=lenient"})
    assert lenient.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "authoredon=yesterday",
        "authoredon=2026-13-01",
        "authoredon=2026-02-30",
        "authoredon=ap2026",
        "authoredon=xx2026",
        "authoredon=0000",
        "_count=-1",
        "_count=many",
        "_count=²",
        "code:in=http://example.org/ValueSet/x",
        "status:missing=true",
        "authoredon:colour=2026",
        "patient:Spaceship=1",
        "_include:iterate=MedicationRequest:medication",
        "code=a|b|c",
        "patient=a%20b",
    ],
)
def test_a_value_that_cannot_be_read_is_refused_even_when_lenient(
    client: TestClient, query: str
) -> None:
    """To ignore it would answer another question than the one asked."""
    refused(client.get(f"/fhir/MedicationRequest?{query}"), 400)


@pytest.mark.parametrize("value", ["'", '"', "%", "_", "\\", ";--", "a\x00b", "😀", ") OR (1=1"])
def test_odd_characters_are_only_characters(client: TestClient, value: str) -> None:
    for name in ("code", "status", "medication"):
        answer = client.get("/fhir/MedicationRequest", params={name: value})
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            assert answer.json()["total"] == 0
