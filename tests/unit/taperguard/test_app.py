"""The web doors over HTTP: each refusal a clear status, each answer with its account."""

import gzip
import json
from dataclasses import replace

import cds
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cds_hooks import door
from cds_hooks.caller import Caller
from clinical.findings import CheckId
from ehr import log
from ehr.registry import CdsClient
from taperguard import doors, wiring
from taperguard.app import create_app
from taperguard.limits import MOST_BODY_BYTES, Limits, RequestLimits
from taperguard.rates import Rates

SAFETY = "/cds-services/clonazepam-safety"


@pytest.fixture
def client(house):
    log.configure()
    with TestClient(create_app(house), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def order():
    return cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        medications=[cds.order("now", cds.CLONAZEPAM["1"], 2)],
    )


def outcome_of(response):
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    assert response.headers["content-type"].startswith("application/fhir+json")
    (issue,) = body["issue"]
    assert issue["severity"] == "error"
    return issue


def test_discovery_lists_the_order_service_under_two_hooks_and_the_review(client):
    body = client.get("/cds-services").json()
    assert [(s["hook"], s["id"]) for s in body["services"]] == [
        ("order-select", "clonazepam-safety"),
        ("order-sign", "clonazepam-safety"),
        ("patient-view", "clonazepam-review"),
    ]
    for service in body["services"]:
        assert service["description"]
        assert service["prefetch"] == {
            "patient": "Patient/{{context.patientId}}",
            "medications": "MedicationRequest?patient={{context.patientId}}",
            "conditions": "Condition?patient={{context.patientId}}",
            "statements": "MedicationStatement?patient={{context.patientId}}",
            "allergies": "AllergyIntolerance?patient={{context.patientId}}",
            "observations": (
                "Observation?patient={{context.patientId}}&code=44260-8,44249-1,52552-7,"
                "59454-9,82810-3,29463-7,3141-9,3142-7"
            ),
        }


def test_an_order_is_answered_with_cards_and_an_account(client, order):
    response = client.post(SAFETY, json=order)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert cds.faults(body, order) == []
    assert cds.results_of(body)["dose-escalation"] == "fired"


def test_what_was_shown_is_promised_to_the_outbox(client, house, rows, order):
    body = client.post(SAFETY, json=order).json()
    (letter,) = rows(house.engine, "outbox")
    assert letter["kind"] == "cards-shown"
    assert body["cards"][0]["uuid"].encode() not in letter["payload"]  # sealed


def test_an_answer_without_cards_promises_nothing(client, house, rows):
    quiet = cds.request([cds.order("new", cds.CLONAZEPAM["0.5"], 1, status="draft")])
    assert client.post(SAFETY, json=quiet).json()["cards"] == []
    assert rows(house.engine, "outbox") == []


def test_a_full_disk_does_not_keep_a_warning_from_the_prescriber(client, order, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(wiring.outbox, "put", full)
    response = client.post(SAFETY, json=order)
    assert response.status_code == 200
    body = response.json()
    assert body["cards"]
    assert body["extension"]["org.taperguard.recorded"] is False


@pytest.mark.parametrize(
    ("raw", "status", "field"),
    [
        (b"not json", 400, "body"),
        (b'{"hook": NaN}', 400, "body"),
        (b"[]", 400, "body"),
        (b"{}", 400, "hook"),
        (b'{"hook": "patient-view"}', 400, "hook"),
        (b'{"hook": "order-sign"}', 400, "context"),
        (b" " * 20_000_000, 413, "body"),
    ],
)
def test_unusable_requests_are_refused_with_the_field_s_name(client, raw, status, field):
    response = client.post(SAFETY, content=raw)
    assert response.status_code == status
    assert outcome_of(response)["expression"] == [field]


def test_a_body_that_lies_about_its_length_is_not_read_to_the_end(client):
    def endless():
        sent = 0
        while sent < 3 * MOST_BODY_BYTES:
            yield b" " * 65_536
            sent += 65_536

    assert client.post(SAFETY, content=endless()).status_code == 413


@pytest.mark.parametrize("said", ["text/plain", "multipart/form-data", "image/png"])
def test_a_body_that_is_said_to_be_no_json_is_not_guessed_at(client, said):
    response = client.post(SAFETY, content=b"{}", headers={"content-type": said})
    assert response.status_code == 415
    assert outcome_of(response)["expression"] == ["body"]


@pytest.mark.parametrize("said", ["application/x-www-form-urlencoded", "application/fhir+json"])
def test_what_a_tool_says_unasked_is_read_as_json(client, said):
    response = client.post(SAFETY, content=b"{}", headers={"content-type": said})
    assert outcome_of(response)["expression"] == ["hook"]


def test_a_packed_body_is_a_415(client):
    packed = gzip.compress(b"{}")
    response = client.post(SAFETY, content=packed, headers={"content-encoding": "gzip"})
    assert response.status_code == 415


@pytest.mark.parametrize(
    "said", [None, "application/json; charset=utf-8", "application/fhir+json", "APPLICATION/JSON"]
)
def test_json_by_any_of_its_names_is_read(client, order, said):
    headers = {} if said is None else {"content-type": said}
    response = client.post(SAFETY, content=json.dumps(order).encode(), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SAFETY, "POST"),
        ("DELETE", f"{SAFETY}/feedback", "POST"),
        ("POST", "/cds-services", "GET"),
    ],
)
def test_another_method_is_a_405_that_names_those_there_are(client, method, path, allowed):
    response = client.request(method, path)
    assert response.status_code == 405
    assert allowed in response.headers["allow"].split(", ")
    assert outcome_of(response)["code"] == "not-supported"


def test_an_address_with_a_slash_too_many_is_led_to_the_service(client, order):
    """Calls of the very address are answered before the router; it still does what it does."""
    led = client.post(f"{SAFETY}/", json=order, follow_redirects=False)
    assert led.status_code == 307
    assert led.headers["location"].endswith(SAFETY)
    assert client.post(f"{SAFETY}/", json=order).json()["cards"]


@pytest.mark.parametrize("depth", [500, 100_000])
def test_a_body_that_is_nested_without_end_is_refused_in_a_sentence(client, depth):
    response = client.post(SAFETY, content=b'{"hook":' + b"[" * depth + b"]" * depth + b"}")
    assert response.status_code == 400
    assert outcome_of(response)["diagnostics"] == "body: the JSON is nested too deeply."


def test_depth_that_is_hidden_behind_texts_is_no_error_of_ours(client, order):
    """In the draft, which is written back into suggestions: at 900 levels the decoder says no."""
    raw = json.dumps(order).encode()
    for levels in (200, 400, 700, 900):
        deep = b'["]",' * levels + b"1" + b',"["]' * levels
        body = raw.replace(b'"status": "draft"', b'"status": "draft", "extension": ' + deep)
        assert len(body) > len(raw)
        assert client.post(SAFETY, content=body).status_code in (200, 400)


def test_a_known_client_that_asks_too_often_is_told_when_to_come_back(house_with, order):
    """One request in two seconds, five seconds' worth at once: the third is one too many. It
    counts for the client alone: who comes without a token from the same address is answered.
    """
    known = CdsClient("https://ehr.example.org", "https://ehr.example.org/jwks")

    async def trust(request):
        return Caller(client=known if "authorization" in request.headers else None)

    given = replace(doors.cds_hooks_collaborators(house_with()), trust=doors.counted(trust))
    app = RequestLimits(
        Starlette(routes=door.routes(given)),
        Limits(body_seconds=5, at_once=10),
        Rates(0.5, clock=lambda: 0.0),
    )
    client = TestClient(app)
    token = {"authorization": "Bearer x"}
    answers = [client.post(SAFETY, json=order, headers=token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert outcome_of(answers[2])["code"] == "throttled"
    assert client.post(SAFETY, json=order).status_code == 200


def test_another_patient_s_draft_is_refused(client, order):
    draft = order["context"]["draftOrders"]["entry"][0]["resource"]
    draft["subject"] = {"reference": "Patient/somebody-else"}
    response = client.post(SAFETY, json=order)
    assert response.status_code == 400
    issue = outcome_of(response)
    assert issue["expression"] == ["context.draftOrders.entry[0].resource.subject"]
    assert "somebody-else" not in json.dumps(issue)


def test_a_draft_that_decides_nothing_without_data_is_a_412(client):
    request = cds.request([cds.order("new", cds.CLONAZEPAM["0.5"], 1, status="draft")])
    request["prefetch"] = {}
    response = client.post(SAFETY, json=request)
    assert response.status_code == 412
    assert "the list of medications was not supplied" in outcome_of(response)["diagnostics"]


@pytest.mark.parametrize(
    "dosage",
    [
        [{"doseAndRate": [{"doseQuantity": {"value": -1, "unit": "tablet"}}]}],
        [{"timing": {"repeat": {"frequency": 1, "period": 0, "periodUnit": "d"}}}],
        [{"timing": "often"}],
        "two a day",
        [None, 7, "x", []],
        [{"text": 12}],
        {"doseAndRate": {"doseQuantity": {"value": "1,5", "unit": "tablet"}}},
        [{"doseAndRate": [{"doseQuantity": {"value": 1e300, "unit": "tablet"}}]}],
    ],
)
def test_a_nonsense_dosage_is_not_evaluable_and_nothing_else_breaks(client, order, dosage):
    order["context"]["draftOrders"]["entry"][0]["resource"]["dosageInstruction"] = dosage
    response = client.post(SAFETY, json=order)
    assert response.status_code == 200
    body = response.json()
    assert cds.faults(body, order) == []
    assert cds.results_of(body)["high-dose"] == "not-evaluable"


def test_an_error_of_ours_is_a_500_with_an_event_id_and_never_an_empty_answer(
    client, order, monkeypatch, caplog
):
    def broken(*_: object) -> None:
        raise RuntimeError("Synthetic-Alder was here")

    monkeypatch.setattr("cds_hooks.services.order_safety.assess", broken)
    response = client.post(SAFETY, json=order)
    assert response.status_code == 500
    sentence = outcome_of(response)["diagnostics"]
    assert "Event " in sentence
    assert "Alder" not in sentence


def test_an_unknown_service_is_a_404(client):
    assert client.post("/cds-services/other", json={}).status_code == 404


def test_every_response_says_that_this_is_development(client):
    for path in ("/healthz", "/cds-services", "/evidence", "/nowhere"):
        assert client.get(path).headers["x-taperguard-mode"] == "development"


def test_the_evidence_page_says_that_nobody_has_reviewed_it(client):
    page = client.get("/evidence", headers={"accept": "text/html"})
    assert "No clinician has reviewed this content yet" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    data = client.get("/evidence", headers={"accept": "application/json"}).json()
    assert [check["id"] for check in data["checks"]] == [check.value for check in CheckId]
    assert all(check["sources"] for check in data["checks"])


def test_metrics_count_answers_and_checks_without_patients(client, order):
    client.post(SAFETY, json=order)
    text = client.get("/metrics").text
    assert 'taperguard_hooks_total{service="clonazepam-safety",status="200"}' in text
    assert "p1" not in text
