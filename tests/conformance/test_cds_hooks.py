"""CDS Hooks 2.0 and the 3.0.0 ballot, what a service owes: `cds_hooks.csv` has it rule by rule.

Here stand the rules that no other test is about. That each answer is whole the judge sees.
"""

import json
import shutil

import cds
import cds_judge
import pytest
from starlette.testclient import TestClient

from taperguard.app import create_app

SAFETY, REVIEW = "/cds-services/clonazepam-safety", "/cds-services/clonazepam-review"


@pytest.fixture
def store_url(tmp_path, migrated_sqlite):
    """One kind of store is enough: nothing here is about what is kept."""
    shutil.copy(migrated_sqlite, tmp_path / "taperguard.db")
    return f"sqlite:///{tmp_path / 'taperguard.db'}"


@pytest.fixture
def client(house):
    with TestClient(create_app(house), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def order():
    return cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        medications=[cds.order("now", cds.CLONAZEPAM["1"], 2)],
    )


@pytest.fixture
def opened():
    long = cds.order("now", cds.CLONAZEPAM["1"], 2, authoredOn="2024-03-03")
    return cds.request([], hook="patient-view", medications=[long])


# --- discovery --------------------------------------------------------------------------------


def test_discovery_is_at_its_place_and_nowhere_else(client):
    answer = client.get("/cds-services")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json().keys() == {"services"}
    assert client.post("/cds-services", json={}).status_code == 405
    assert client.get("/cds-services.json").status_code == 404


def services_of(client):
    return client.get("/cds-services").json()["services"]


def test_each_service_has_a_title_and_tells_what_it_needs(client):
    for service in services_of(client):
        assert service["title"]
        assert "conditions" in service["usageRequirements"]


def test_descriptions_are_plain_sentences(client):
    """3.0 has them as Markdown, 2.0 as text: without markup they are both."""
    for service in services_of(client):
        assert not set(service["description"]) & set("*_`#[]<>|\\")


def test_discovery_names_the_versions_of_the_specification_and_of_the_hooks(client):
    """The ballot's own version, and the versions that the CDS Hooks Library gives its hooks."""
    for service in services_of(client):
        assert service["version"] == "3.0.0-ballot"
        assert (service["hook"], service["hookVersion"]) in {
            ("order-select", "1.0"),
            ("order-sign", "1.0"),
            ("patient-view", "1.0"),
        }


def test_each_service_answers_at_the_url_of_its_id(client, order, opened):
    requests = {"order-sign": order, "patient-view": opened}
    requests["order-select"] = cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")], hook="order-select"
    )
    for service in services_of(client):
        answer = client.post(f"/cds-services/{service['id']}", json=requests[service["hook"]])
        assert answer.status_code == 200, answer.text


# --- the request ------------------------------------------------------------------------------


def test_a_hook_instance_that_is_no_uuid_is_taken_as_it_is(client, order):
    """It only names the call: to refuse a warning for it would help nobody."""
    order["hookInstance"] = "call 7"
    assert client.post(SAFETY, json=order).json()["cards"]


@pytest.mark.parametrize("encounter", [None, "e1", "Encounter/e1"])
@pytest.mark.parametrize("hook", ["order-select", "order-sign", "patient-view"])
def test_an_encounter_is_optional(client, hook, encounter):
    drafts = [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")]
    request = cds.request(drafts, hook=hook)
    if encounter is not None:
        request["context"]["encounterId"] = encounter
    answer = client.post(REVIEW if hook == "patient-view" else SAFETY, json=request)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "user",
    ["Practitioner/a", "PractitionerRole/1", "Patient/p1", "RelatedPerson/1"],
)
def test_whoever_views_the_chart_is_answered(client, opened, user):
    opened["context"]["userId"] = user
    assert len(client.post(REVIEW, json=opened).json()["cards"]) == 1


def test_members_of_other_versions_are_tolerated(client, order):
    """`user` and `patient` of 1.0, versions, an extension of somebody else."""
    plain = client.post(SAFETY, json=order).json()
    order |= {"user": "Practitioner/dr1", "patient": "p1", "version": "3.0.0", "hookVersion": 1.0}
    order["extension"] = {"com.example.timestamp": "2026-11-23T15:30:00Z"}
    order["context"]["extension"] = {"com.example.more": [1]}
    assert cds.results_of(client.post(SAFETY, json=order).json()) == cds.results_of(plain)


def test_an_order_that_is_signed_again_is_looked_at(client):
    """4 mg a day, signed before as 2 mg: it is no draft any more and no part of its baseline."""
    again = cds.order("now", cds.CLONAZEPAM["1"], 4)
    before = cds.order("now", cds.CLONAZEPAM["1"], 2)
    body = client.post(SAFETY, json=cds.request([again], medications=[before])).json()
    assert cds.results_of(body)["high-dose"] == "fired"


@pytest.mark.parametrize("shape", ["MedicationOrder of DSTU2", "MedicationRequest of STU3"])
def test_a_draft_of_an_older_release_is_read(client, shape):
    """1 tablet of 1 mg, three times a day: 3 mg a day."""
    draft = cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")
    (line,) = draft["dosageInstruction"]
    line["doseQuantity"] = line.pop("doseAndRate")[0]["doseQuantity"]
    if shape.startswith("MedicationOrder"):
        draft["resourceType"], draft["patient"] = "MedicationOrder", draft.pop("subject")
        repeat = line["timing"]["repeat"]
        repeat["periodUnits"] = repeat.pop("periodUnit")
    body = client.post(SAFETY, json=cds.request([draft])).json()
    entry = cds.account_of(body)["high-dose"]
    assert (entry["result"], entry["why"]) == ("fired", "3 mg/day is at or above 2 mg/day")


@pytest.mark.parametrize("scope", ["patient/MedicationRequest.rs", "patient/*.read launch"])
def test_scopes_of_both_versions_of_smart_are_taken(client, order, scope):
    order["fhirServer"] = "https://ehr.example.org/fhir"
    order["fhirAuthorization"] = {
        "access_token": "a-token",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": scope,
        "subject": "taperguard",
        "patient": "p1",
    }
    answer = client.post(SAFETY, json=order)
    assert answer.status_code == 200
    assert "fhirAuthorization" not in answer.text
    assert "a-token" not in answer.text


# --- the response -----------------------------------------------------------------------------


def test_nothing_to_say_is_a_200_with_an_empty_list(client):
    quiet = cds.request([cds.order("new", cds.CLONAZEPAM["0.5"], 1, status="draft")])
    for service, request in ((SAFETY, quiet), (REVIEW, cds.request([], hook="patient-view"))):
        answer = client.post(service, json=request)
        assert (answer.status_code, answer.json()["cards"]) == (200, [])


def test_each_response_is_plain_json(client, order):
    """No comments, no trailing commas, no NaN: a parser of the bare grammar takes it."""

    def refuse(word):
        raise ValueError(word)

    for answer in (client.get("/cds-services"), client.post(SAFETY, json=order)):
        assert json.loads(answer.content, parse_constant=refuse)


def test_ids_that_go_out_are_uuids(client, order, opened):
    for service, request in ((SAFETY, order), (REVIEW, opened)):
        body = client.post(service, json=request).json()
        assert body["cards"]
        assert cds_judge.no_uuids(body) == []


def test_the_source_leads_to_the_evidence_and_to_no_patient(client, order):
    for card in client.post(SAFETY, json=order).json()["cards"]:
        assert card["source"]["url"].endswith("/evidence")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", SAFETY, "no json", 400),
        ("POST", SAFETY, "{}", 400),
        ("POST", REVIEW, json.dumps(cds.request([])), 400),
        ("POST", "/cds-services/other", "{}", 404),
        ("POST", "/cds-services/other/feedback", "{}", 404),
        ("POST", f"{SAFETY}/feedback", "{}", 400),
        (
            "POST",
            SAFETY,
            json.dumps({**cds.request([cds.order("n", cds.CLONAZEPAM["1"])]), "prefetch": {}}),
            412,
        ),
        ("POST", SAFETY, " " * 9_000_000, 413),
    ],
)
def test_each_refusal_is_an_operation_outcome(client, method, path, body, status):
    answer = client.request(method, path, content=body)
    assert answer.status_code == status
    media_type = answer.headers["content-type"]
    assert cds_judge.refusal_faults(status, media_type, answer.json()) == []
    (issue,) = answer.json()["issue"]
    assert issue["details"]["text"].endswith(".")
