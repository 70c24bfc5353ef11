"""What an app writes into the chart: drafts on the worklist and a care plan in the chart."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from ehr_screen import Screen
from starlette.applications import Starlette
from starlette.testclient import TestClient

EHR = "http://ehr.test"
OLD = "MedicationRequest/alder-clonazepam"
PLAN = "https://taperguard.org/fhir/NamingSystem/taper"
VERIFIER = "v" * 43


class App:
    """The planner as this EHR sees it: launched for a patient, writing with its token."""

    def __init__(self, client: TestClient, service: str, patient: str) -> None:
        self.client, self.patient = client, patient
        launch = client.get(f"/launch/{patient}", follow_redirects=False).headers["location"]
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": "taperguard",
            "redirect_uri": f"{service}/smart/callback",
            "scope": "launch patient/MedicationRequest.crus patient/CarePlan.crus",
            "state": "s" * 32,
            "aud": f"{EHR}/fhir",
            "launch": dict(parse_qsl(urlsplit(launch).query))["launch"],
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        back = client.get("/auth/authorize", params=asked, follow_redirects=False)
        form = {
            "grant_type": "authorization_code",
            "code": dict(parse_qsl(urlsplit(back.headers["location"]).query))["code"],
            "redirect_uri": asked["redirect_uri"],
            "code_verifier": VERIFIER,
            "client_id": "taperguard",
        }
        token = client.post("/auth/token", data=form).json()["access_token"]
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/fhir+json",
        }

    def order(self, dose: str, starts: str, prior: str, number: int) -> dict[str, Any]:
        return {
            "resourceType": "MedicationRequest",
            "identifier": [{"system": PLAN, "value": f"plan-{number}"}],
            "status": "draft",
            "intent": "order",
            "medicationCodeableConcept": {"text": "clonazepam 0.5 MG Oral Tablet"},
            "subject": {"reference": f"Patient/{self.patient}"},
            "basedOn": [{"reference": "urn:uuid:plan"}],
            "priorPrescription": {"reference": prior},
            "dosageInstruction": [
                {"text": f"Take {dose}", "doseAndRate": [{"doseQuantity": {"value": 3}}]}
            ],
            "dispenseRequest": {
                "validityPeriod": {"start": starts},
                "quantity": {"value": 42, "unit": "tablet"},
            },
        }

    def plan(self) -> dict[str, Any]:
        def activity(words: str, start: str, end: str, **more: Any) -> dict[str, Any]:
            period = {"start": start, "end": end}
            detail = {"status": "not-started", "scheduledPeriod": period, "description": words}
            return {"detail": {**detail, **more}}

        def dose(value: float) -> dict[str, Any]:
            return {"kind": "MedicationRequest", "dailyAmount": {"value": value, "unit": "mg"}}

        return {
            "resourceType": "CarePlan",
            "identifier": [{"system": PLAN, "value": "plan"}],
            "status": "draft",
            "intent": "plan",
            "title": "Clonazepam taper from 2 mg/day to 0 mg/day",
            "subject": {"reference": f"Patient/{self.patient}"},
            "author": {"reference": "Practitioner/hazel"},
            "created": "2026-11-23",
            "period": {"start": "2026-11-23", "end": "2026-12-20"},
            "activity": [
                activity(
                    "Clonazepam 1.5 mg/day: 3 half-milligram tablets",
                    "2026-11-23",
                    "2026-12-06",
                    **dose(1.5),
                ),
                activity(
                    "Clonazepam 1 mg/day: 2 half-milligram tablets",
                    "2026-12-07",
                    "2026-12-20",
                    **dose(1),
                ),
                activity("Check-in on day 7: sleep, mood", "2026-11-30", "2026-11-30", kind="Task"),
                activity(
                    "Check-in on day 14: sleep, mood", "2026-12-06", "2026-12-06", kind="Task"
                ),
            ],
        }

    def save(self) -> list[str]:
        """Write two drafts and their plan in a transaction; the ids of the drafts."""
        first = self.order("3 tablets", "2026-11-23", OLD, 1)
        second = self.order("2 tablets", "2026-12-07", "urn:uuid:1", 2)
        entries = [
            {
                "fullUrl": f"urn:uuid:{name}",
                "resource": resource,
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for name, resource in (("plan", self.plan()), ("1", first), ("2", second))
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = self.client.post("/fhir", json=bundle, headers=self.headers)
        assert answer.status_code == 200, answer.text
        places = [entry["response"]["location"].split("/") for entry in answer.json()["entry"]]
        return [key for kind, key, *_ in places if kind == "MedicationRequest"]

    def put(self, order: dict[str, Any], **headers: str) -> Any:
        where = f"/fhir/MedicationRequest/{order['id']}"
        return self.client.put(where, json=order, headers={**self.headers, **headers})


@pytest.fixture
def browser(make_app: Callable[..., Starlette], service: Any) -> Iterator[TestClient]:
    with TestClient(make_app(service_url=service.url), base_url=EHR) as client:
        yield client


@pytest.fixture
def app(browser: TestClient, service: Any) -> App:
    return App(browser, service.url, "alder")


def read(client: TestClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/fhir/{path}").json()
    return found


def plan_in_the_chart(client: TestClient) -> dict[str, Any]:
    (entry,) = read(client, "CarePlan?patient=alder")["entry"]
    plan: dict[str, Any] = entry["resource"]
    return plan


def test_drafts_of_an_app_stand_on_the_list_and_are_not_selected(
    app: App, browser: TestClient
) -> None:
    ids = app.save()
    screen = Screen(browser, "alder")
    assert screen.drafts == ids
    assert "Drafts from TaperGuard planner 2, in the chart" in screen.words
    assert "TaperGuard planner has written 2 draft orders into the chart" in screen.words
    assert "No order is selected, so there is nothing to sign." in screen.words


def test_what_is_typed_is_signed_alone_while_the_drafts_of_an_app_wait(
    app: App, browser: TestClient
) -> None:
    ids = app.save()
    screen = Screen(browser, "alder")
    screen.add("lisinopril 10 mg tablet", frequency="once-a-day", quantity="30")
    screen.sign()
    assert "Signed 1 order" in screen.words
    assert screen.drafts == ids
    assert read(browser, f"MedicationRequest/{ids[0]}")["status"] == "draft"


def test_services_are_sent_the_drafts_of_an_app_once_they_are_selected(
    app: App, browser: TestClient, service: Any
) -> None:
    """Until then they are no part of the ordering, and services find them in the chart."""
    first, _ = app.save()
    screen = Screen(browser, "alder")
    screen.add("lisinopril 10 mg tablet", frequency="once-a-day", quantity="30")
    context = service.asked[-1]["context"]
    assert len(context["draftOrders"]["entry"]) == 1
    screen.post("select", order=first)
    context = service.asked[-1]["context"]
    sent = [entry["resource"]["id"] for entry in context["draftOrders"]["entry"]]
    (typed,) = [key for key in screen.drafts if key.startswith("order-")]
    assert sent == [first, typed]
    assert context["selections"] == [f"MedicationRequest/{key}" for key in sent]


def test_selected_and_signed_they_are_active_with_their_ids_and_what_they_replace_ends(
    app: App, browser: TestClient, service: Any
) -> None:
    ids = app.save()
    screen = Screen(browser, "alder")
    assert screen.post("select", all="select") == 303
    assert "Signing will discontinue: clonazepam 1 mg tablet" in screen.words
    assert (
        "Signing will make this care plan active: Clonazepam taper from 2 mg/day to 0 mg/day"
        in screen.words
    )
    screen.sign()
    asked = service.asked[-1]
    assert asked["hook"] == "order-sign"
    sent = [entry["resource"] for entry in asked["context"]["draftOrders"]["entry"]]
    assert [order["id"] for order in sent] == ids
    assert {order["status"] for order in sent} == {"draft"}
    for key in ids:
        signed = read(browser, f"MedicationRequest/{key}")
        assert (signed["status"], signed["requester"]["reference"]) == (
            "active",
            "Practitioner/hazel",
        )
        assert signed["meta"]["source"] == f"{EHR}/fhir#taperguard"
    assert read(browser, OLD)["status"] == "stopped"
    assert plan_in_the_chart(browser)["status"] == "active"
    assert screen.drafts == []


def test_a_later_step_is_not_signed_without_the_one_that_it_follows(
    app: App, browser: TestClient
) -> None:
    ids = app.save()
    screen = Screen(browser, "alder")
    screen.post("select", order=ids[1])
    assert screen.post("sign", step="check") == 422
    assert "replaces a draft that is not selected" in screen.words


def test_the_first_step_can_be_signed_alone(app: App, browser: TestClient) -> None:
    first, second = app.save()
    screen = Screen(browser, "alder")
    screen.post("select", order=first)
    screen.sign()
    assert read(browser, f"MedicationRequest/{first}")["status"] == "active"
    assert read(browser, f"MedicationRequest/{second}")["status"] == "draft"
    assert screen.drafts == [second]


def test_discarded_they_are_cancelled_in_the_chart_and_the_plan_goes_with_the_last(
    app: App, browser: TestClient
) -> None:
    first, second = app.save()
    screen = Screen(browser, "alder")
    assert screen.post("remove", order=first) == 422  # the second follows it
    assert screen.post("remove", order=second) == 303
    assert plan_in_the_chart(browser)["status"] == "draft"
    assert screen.post("remove", all="apps") == 303
    assert "Care plan revoked with its last draft" in screen.words
    for key in (first, second):
        gone = read(browser, f"MedicationRequest/{key}")
        assert gone["status"] == "cancelled"
        assert "discarded in the ordering screen on" in gone["statusReason"]["text"]
    assert plan_in_the_chart(browser)["status"] == "revoked"
    assert screen.drafts == []


def test_a_change_on_the_list_is_a_new_version_in_the_chart(app: App, browser: TestClient) -> None:
    first, _ = app.save()
    before = read(browser, f"MedicationRequest/{first}")
    screen = Screen(browser, "alder")
    changed = {"draft": first, "amount": "2", "quantity": "28", "frequency": "at-bedtime"}
    status = screen.add("clonazepam 0.5 mg tablet", replaces=OLD, start="2026-11-23", **changed)
    assert status == 303, screen.words
    after = read(browser, f"MedicationRequest/{first}")
    assert "Take 2 tablets" in after["dosageInstruction"][0]["text"]
    assert (after["status"], after["meta"]["versionId"]) == ("draft", "2")
    assert after["meta"]["source"] == before["meta"]["source"]
    # The app, which has seen version 1, cannot overwrite what the prescriber changed.
    assert app.put(before, **{"If-Match": 'W/"1"'}).status_code == 412


def test_what_the_app_does_to_its_drafts_changes_the_list_that_was_seen(
    app: App, browser: TestClient
) -> None:
    first, second = app.save()
    screen = Screen(browser, "alder")
    screen.post("select", all="select")
    order = read(browser, f"MedicationRequest/{second}")
    order["dosageInstruction"][0]["text"] = "Take 1 tablet"
    assert app.put(order).status_code == 200
    assert screen.post("sign", step="final") == 409
    assert "The list was changed in the meantime" in screen.words
    assert "Take 1 tablet" in screen.words
    assert 'aria-pressed="false"' in screen.html
    order = read(browser, f"MedicationRequest/{second}")
    assert app.put({**order, "status": "cancelled"}).status_code == 200
    screen.open()
    assert screen.drafts == [first]
    assert "TaperGuard planner has withdrawn what it had drafted." in screen.words


def test_saved_twice_with_a_condition_it_stands_on_the_list_once(
    app: App, browser: TestClient
) -> None:
    order = app.order("3 tablets", "2026-11-23", OLD, 1)
    del order["basedOn"]
    once = {**app.headers, "If-None-Exist": f"identifier={PLAN}|plan-1"}
    for status in (201, 200):
        answer = browser.post("/fhir/MedicationRequest", json=order, headers=once)
        assert answer.status_code == status, answer.text
    screen = Screen(browser, "alder")
    assert len(screen.drafts) == 1
    assert screen.revision == "1"


def test_the_list_of_another_patient_stays_as_it_is(app: App, browser: TestClient) -> None:
    app.save()
    assert Screen(browser, "birch").drafts == []


def test_a_suggestion_of_a_card_can_change_and_discard_a_draft_of_an_app(
    app: App, browser: TestClient, service: Any, a_card: Callable[..., dict[str, Any]]
) -> None:
    first, second = app.save()
    changed = read(browser, f"MedicationRequest/{first}")
    changed.pop("meta")
    changed["dosageInstruction"][0]["text"] = "Take less"
    delete = {
        "type": "delete",
        "description": "Not this one",
        "resourceId": f"MedicationRequest/{second}",
    }
    update = {"type": "update", "description": "Less", "resource": changed}
    service.cards = [a_card(update, delete)]
    screen = Screen(browser, "alder")
    screen.post("select", all="select")
    ((card, suggestion),) = screen.suggestions
    assert screen.post("accept", card=card, suggestion=suggestion) == 303, screen.words
    assert screen.drafts == [first]
    kept = read(browser, f"MedicationRequest/{first}")
    assert kept["dosageInstruction"][0]["text"] == "Take less"
    assert kept["meta"]["source"] == f"{EHR}/fhir#taperguard"
    assert read(browser, f"MedicationRequest/{second}")["status"] == "cancelled"


# --- the chart --------------------------------------------------------------------------------


def test_the_chart_shows_the_plan_with_its_days_doses_contacts_and_maker(
    app: App, browser: TestClient, visible: Callable[[str], str]
) -> None:
    app.save()
    page = visible(browser.get("/patients/alder").text)
    assert "Care plan: Clonazepam taper from 2 mg/day to 0 mg/day" in page
    assert "Status draft takes effect when its first order is signed" in page
    assert "Mon 23 Nov 2026 to Sun 20 Dec 2026" in page
    assert "with TaperGuard planner, 23 Nov 2026" in page
    assert "Mon 23 Nov 2026 today Sun 6 Dec 2026 1.5 mg 3 half-milligram tablets" in page
    assert "Mon 7 Dec 2026 Sun 20 Dec 2026 1 mg 2 half-milligram tablets" in page
    assert "2 planned contacts, the next on Mon 30 Nov 2026" in page
    assert "At each: sleep, mood Mon 30 Nov 2026 Check-in on day 7 Sun 6 Dec 2026" in page
    assert "draft, from TaperGuard planner" in page
    assert "Sign or discard drafts in the ordering screen" in page
