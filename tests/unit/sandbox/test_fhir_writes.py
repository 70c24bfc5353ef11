"""Writing into the sandbox: drafts only, all or nothing, and back digit for digit."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle as R4Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from joined_ehr import BASE, JoinedEhr

from taperguard.sandbox.records import json_text

SCOPE = (
    "launch patient/MedicationRequest.crus patient/CarePlan.crus patient/DocumentReference.crs "
    "patient/Provenance.crs patient/Patient.rs"
)


class App:
    """An app that was launched for alder and may write."""

    def __init__(self, ehr: JoinedEhr, scope: str = SCOPE, patient: str = "alder") -> None:
        self.ehr = ehr
        self.headers = ehr.app(patient, scope)

    def send(self, method: str, path: str, resource: Any, **headers: str) -> Any:
        return self.ehr.client.request(
            method,
            f"/fhir{path}",
            content=resource if isinstance(resource, str) else json_text.write(resource),
            headers={"Content-Type": "application/fhir+json", **self.headers, **headers},
        )

    def create(self, resource: Any, **headers: str) -> Any:
        return self.send("POST", f"/{resource['resourceType']}", resource, **headers)

    def update(self, resource: Any, **headers: str) -> Any:
        path = f"/{resource['resourceType']}/{resource['id']}"
        return self.send("PUT", path, resource, **headers)

    def transaction(self, *entries: Any, **headers: str) -> Any:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        return self.send("POST", "", bundle, **headers)

    def read(self, path: str) -> Any:
        return self.ehr.client.get(f"/fhir/{path}", headers=self.headers)

    def drafts(self) -> int:
        """How many drafts and plans are in the chart."""
        orders = self.read("MedicationRequest?status=draft").json()["total"]
        plans = self.read("CarePlan").json()["total"]
        return int(orders) + int(plans)


@pytest.fixture
def app(ehr: JoinedEhr) -> App:
    return App(ehr)


def an_order(**changed: Any) -> dict[str, Any]:
    order = {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "clonazepam 0.5 mg tablet"},
        "subject": {"reference": "Patient/alder"},
        "dosageInstruction": [
            {
                "text": "Take half a tablet at bedtime",
                "doseAndRate": [{"doseQuantity": {"value": Decimal("0.50"), "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 14, "unit": "tablet"}},
    }
    return {key: value for key, value in {**order, **changed}.items() if value is not None}


def a_plan(**changed: Any) -> dict[str, Any]:
    plan = {
        "resourceType": "CarePlan",
        "status": "draft",
        "intent": "plan",
        "title": "Clonazepam taper",
        "subject": {"reference": "Patient/alder"},
        "period": {"start": "2026-11-23", "end": "2027-03-01"},
        "activity": [
            {
                "detail": {
                    "kind": "MedicationRequest",
                    "status": "not-started",
                    "scheduledPeriod": {"start": "2026-11-23", "end": "2026-12-06"},
                    "dailyAmount": {"value": Decimal("1.250"), "unit": "mg"},
                }
            }
        ],
    }
    return {key: value for key, value in {**plan, **changed}.items() if value is not None}


def entry(resource: Any, urn: str = "", method: str = "POST", **request: Any) -> dict[str, Any]:
    path = resource["resourceType"]
    url = path if method == "POST" else f"{path}/{resource['id']}"
    made = {"resource": resource, "request": {"method": method, "url": url, **request}}
    return {"fullUrl": f"urn:uuid:{urn}", **made} if urn else made


def refused(answer: Any, status: int) -> str:
    """The sentences of a refusal, which must be an OperationOutcome with that status."""
    assert answer.status_code == status, answer.text
    OperationOutcome.model_validate_json(answer.text)
    return " ".join(issue["diagnostics"] for issue in answer.json()["issue"])


# --- create -----------------------------------------------------------------------------------


def test_a_created_draft_has_an_address_and_a_version(app: App) -> None:
    answer = app.create(an_order())
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"] == f"{BASE}/MedicationRequest/{said['id']}/_history/1"
    assert app.read(f"MedicationRequest/{said['id']}").text == answer.text


def test_an_id_of_the_apps_own_is_not_taken(app: App) -> None:
    said = app.create(an_order(id="alder-clonazepam")).json()
    assert said["id"] != "alder-clonazepam"
    assert app.read("MedicationRequest/alder-clonazepam").json()["status"] == "active"


def test_decimals_come_back_digit_for_digit(app: App) -> None:
    order = app.create(an_order()).json()
    assert '"value":0.50,' in app.read(f"MedicationRequest/{order['id']}").text
    plan = app.create(a_plan()).json()
    assert '"value":1.250,' in app.read(f"CarePlan/{plan['id']}").text
    sent = app.transaction(entry(an_order(), "a"))
    assert '"value":0.50,' in sent.text


def test_what_was_written_is_found_in_its_chart_only(app: App, ehr: JoinedEhr) -> None:
    identifier = [{"system": "https://taper.test", "value": "plan-1"}]
    plan = app.create(a_plan(identifier=identifier)).json()
    order = app.create(an_order(identifier=identifier)).json()
    for path, made in (("CarePlan", plan), ("MedicationRequest", order)):
        bundle = app.read(f"{path}?identifier=https://taper.test|plan-1").json()
        assert [item["resource"]["id"] for item in bundle["entry"]] == [made["id"]]
    assert App(ehr, patient="birch").read(f"CarePlan/{plan['id']}").status_code == 404


def test_a_minimal_answer_has_no_body(app: App) -> None:
    answer = app.create(an_order(), Prefer="return=minimal")
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"]


def test_a_second_click_finds_what_the_first_one_made(app: App) -> None:
    order = an_order(identifier=[{"system": "https://taper.test", "value": "k-1"}])
    condition = {"If-None-Exist": "identifier=https://taper.test|k-1"}
    first, second = (app.create(order, **condition) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    app.create(order)
    refused(app.create(order, **condition), 412)
    refused(app.create(order, **{"If-None-Exist": "patient=alder"}), 412)
    refused(app.create(order, **{"If-None-Exist": "colour=red"}), 400)


# --- what is not accepted ---------------------------------------------------------------------


def test_an_app_cannot_make_an_order_active(app: App) -> None:
    assert "drafts only" in refused(app.create(an_order(status="active")), 422)
    assert app.drafts() == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "completed"},
        {"status": None},
        {"intent": "plan"},
        {"subject": None},
        {"subject": {"reference": "Patient/birch"}},
        {"subject": {"reference": "http://other.test/fhir/Patient/alder"}},
        {"medicationCodeableConcept": None},
        {"dosageInstruction": []},
        {"dispenseRequest": None},
        {"encounter": {"reference": "Encounter/birch-visit"}},
        {"requester": {"reference": "Practitioner/nobody"}},
        {"basedOn": [{"reference": "urn:uuid:nothing"}]},
        {"priorPrescription": {"reference": "MedicationRequest/birch-clonazepam"}},
        {"colour": "red"},
        {"note": [{"text": ""}]},
        {"note": [{"text": "null \x00 byte"}]},
        {"meta": "x"},
    ],
)
def test_a_faulty_order_is_refused_in_sentences(app: App, changed: dict[str, Any]) -> None:
    refused(app.create(an_order(**changed)), 422)
    assert app.drafts() == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "active"},
        {"status": None},
        {"intent": "filler-order"},
        {"intent": None},
        {"subject": {"reference": "Patient/birch"}},
        {"subject": None},
        {"period": {"start": "2026-12-24", "end": "2026-11-23"}},
        {"period": {"start": "soon"}},
        {"period": {}},
        {"supportingInfo": [{"reference": "MedicationRequest/birch-clonazepam"}]},
        {"activity": [{}]},
        {"activity": ["x"]},
        {"activity": [{"reference": {"reference": "MedicationRequest/nothing"}}]},
        {"activity": [{"reference": {"display": "x"}}]},
        {"activity": [{"detail": {"status": "soon"}}]},
        {"activity": [{"detail": {"status": "scheduled", "kind": "Dance"}}]},
        {"activity": [{"detail": {"status": "scheduled", "dailyAmount": {"value": "1"}}}]},
        {"activity": [{"detail": {"status": "scheduled", "colour": "red"}}]},
        {"colour": "red"},
        {"title": ""},
    ],
)
def test_a_faulty_plan_is_refused_in_sentences(app: App, changed: dict[str, Any]) -> None:
    refused(app.create(a_plan(**changed)), 422)
    assert app.drafts() == 0


def test_a_document_and_a_provenance_are_taken_in_their_least_form(app: App) -> None:
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": "Patient/alder"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "aGFsbG8="}}],
    }
    assert app.create(document).status_code == 201
    for wrong in ({"status": "draft"}, {"content": []}, {"content": [{"attachment": {}}]}):
        refused(app.create({**document, **wrong}), 422)
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": "Patient/alder"}],
        "recorded": "2026-11-23T09:30:00Z",
        "agent": [{"who": {"reference": "Practitioner/hazel"}}],
    }
    assert app.create(provenance).status_code == 201
    birch = [{"reference": "Patient/birch"}]
    for wrong in ({"target": birch}, {"recorded": "2026-11-23"}, {"agent": []}):
        refused(app.create({**provenance, **wrong}), 422)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"a": NaN}', "[" * 100_000])
def test_what_is_no_resource_is_refused(app: App, text: str) -> None:
    refused(app.send("POST", "/MedicationRequest", text), 400)


def test_half_a_character_is_refused(app: App) -> None:
    text = json.dumps(an_order(id=None), default=float).replace("Take half", "\\ud800")
    refused(app.send("POST", "/MedicationRequest", text), 422)


def test_other_media_types_and_other_types_are_refused(app: App) -> None:
    refused(app.create(an_order(), **{"Content-Type": "application/fhir+xml"}), 415)
    refused(app.send("POST", "/Condition", {"resourceType": "Condition"}), 405)
    refused(app.send("POST", "/MedicationRequest", a_plan()), 400)


# --- who may write ----------------------------------------------------------------------------


def test_writing_needs_a_token_and_its_scopes(app: App, ehr: JoinedEhr) -> None:
    bare = ehr.client.post(
        "/fhir/MedicationRequest",
        content=json_text.write(an_order()),
        headers={"Content-Type": "application/fhir+json"},
    )
    refused(bare, 401)
    reader = App(ehr, "launch patient/MedicationRequest.rs patient/CarePlan.rs")
    assert "create MedicationRequest" in refused(reader.create(an_order()), 403)
    refused(reader.transaction(entry(an_order())), 403)
    creator = App(ehr, "launch patient/MedicationRequest.cr")
    made = creator.create(an_order()).json()
    assert "update" in refused(creator.update({**an_order(), "id": made["id"]}), 403)
    refused(creator.transaction(entry(an_order()), entry(a_plan())), 403)
    assert app.drafts() == 1


# --- update -----------------------------------------------------------------------------------


def made_plan(app: App) -> dict[str, Any]:
    said: dict[str, Any] = json_text.read(app.create(a_plan()).text)
    return said


def test_an_update_makes_a_new_version(app: App) -> None:
    plan = made_plan(app)
    answer = app.update({**plan, "title": "Slower"}, **{"If-Match": 'W/"1"'})
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    read = app.read(f"CarePlan/{plan['id']}").json()
    assert (read["title"], read["meta"]["versionId"]) == ("Slower", "2")


@pytest.mark.parametrize("match", ['W/"1"', '"1"', "1", "*", 'W/"x"'])
def test_a_version_that_is_not_the_present_one_is_refused(app: App, match: str) -> None:
    plan = made_plan(app)
    app.update({**plan, "title": "Slower"})
    refused(app.update({**plan, "title": "Faster"}, **{"If-Match": match}), 412)
    assert app.read(f"CarePlan/{plan['id']}").json()["title"] == "Slower"


def test_an_update_names_what_it_updates(app: App, ehr: JoinedEhr) -> None:
    plan = made_plan(app)
    refused(app.send("PUT", f"/CarePlan/{plan['id']}", {**plan, "id": "other"}), 400)
    refused(app.update({**plan, "id": "never-seen"}), 405)
    refused(App(ehr, patient="birch").update(plan), 405)
    refused(app.update({**plan, "subject": {"reference": "Patient/birch"}}), 422)


def test_a_signed_order_is_not_the_apps_to_change(app: App) -> None:
    active = json_text.read(app.read("MedicationRequest/alder-clonazepam").text)
    for status in ("active", "draft", "cancelled"):
        sentence = refused(app.update({**active, "status": status}), 422)
        assert "draft" in sentence
    assert app.read("MedicationRequest/alder-clonazepam").json()["status"] == "active"


def test_a_draft_is_withdrawn_as_it_is(app: App) -> None:
    plan = made_plan(app)
    refused(app.update({**plan, "status": "revoked", "title": "Another"}), 422)
    assert app.update({**plan, "status": "revoked"}).status_code == 200
    refused(app.update({**plan, "status": "draft"}), 422)
    order = json_text.read(app.create(an_order()).text)
    assert app.update({**order, "status": "cancelled"}).status_code == 200


# --- transaction ------------------------------------------------------------------------------


def taper() -> list[dict[str, Any]]:
    """A plan and two orders that refer to it and to each other."""
    based = [{"reference": "urn:uuid:plan"}]
    follows = {"reference": "urn:uuid:first"}
    return [
        entry(an_order(basedOn=based, priorPrescription=follows), "second"),
        entry(a_plan(activity=[{"reference": {"reference": "urn:uuid:first"}}]), "plan"),
        entry(an_order(basedOn=based), "first"),
    ]


def test_a_transaction_writes_all_and_makes_its_references_real(app: App) -> None:
    answer = app.transaction(*taper())
    assert answer.status_code == 200, answer.text
    R4Bundle.model_validate_json(answer.text)
    bundle = answer.json()
    assert bundle["type"] == "transaction-response"
    assert [item["response"]["status"] for item in bundle["entry"]] == 3 * ["201 Created"]
    second, plan, first = (item["resource"] for item in bundle["entry"])
    assert second["priorPrescription"]["reference"] == f"MedicationRequest/{first['id']}"
    assert second["basedOn"][0]["reference"] == f"CarePlan/{plan['id']}"
    assert plan["activity"][0]["reference"]["reference"] == f"MedicationRequest/{first['id']}"
    for item in bundle["entry"]:
        made = item["resource"]
        path = f"{made['resourceType']}/{made['id']}"
        assert item["response"]["location"] == f"{path}/_history/1"
        assert app.read(path).json() == made


@pytest.mark.parametrize(
    "last",
    [
        entry(an_order(status="active")),
        entry(an_order(subject={"reference": "Patient/birch"})),
        entry(an_order(basedOn=[{"reference": "urn:uuid:missing"}])),
        entry(a_plan(activity=[{}])),
        entry({**a_plan(), "id": "never-seen"}, method="PUT"),
        entry(a_plan(), "plan"),  # a second one of that name
        {"resource": an_order()},
        {"request": {"method": "DELETE", "url": "MedicationRequest/alder-clonazepam"}},
        {"resource": a_plan(), "request": {"method": "POST", "url": "MedicationRequest"}},
        entry({"resourceType": "Condition"}),
        "x",
    ],
)
def test_one_faulty_entry_and_nothing_is_written(app: App, last: Any) -> None:
    answer = app.transaction(*taper(), last)
    assert answer.status_code in (400, 405, 422), answer.text
    refused(answer, answer.status_code)
    assert app.drafts() == 0


def test_the_refusal_of_a_transaction_names_the_entry(app: App) -> None:
    answer = app.transaction(entry(an_order()), entry(an_order(intent="plan")))
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == ["Bundle.entry[1].resource.intent"]


def test_a_failure_while_saving_takes_everything_back(
    app: App, ehr: JoinedEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_in, saved = ehr.charts.save_in, []

    def fail_at_the_third(*args: Any, **more: Any) -> Any:
        saved.append(args)
        if len(saved) == 3:
            raise OSError("the disk is full")
        return save_in(*args, **more)

    monkeypatch.setattr(ehr.charts, "save_in", fail_at_the_third)
    with pytest.raises(OSError, match="full"):
        app.transaction(*taper())
    assert len(saved) == 3
    assert app.drafts() == 0


def test_a_transaction_sent_twice_with_conditions_writes_once(app: App) -> None:
    entries = taper()
    for number, item in enumerate(entries):
        identifier = [{"system": "https://taper.test", "value": f"k-{number}"}]
        item["resource"]["identifier"] = identifier
        item["request"]["ifNoneExist"] = f"identifier=https://taper.test|k-{number}"
    first, second = (app.transaction(*entries).json() for _ in range(2))
    assert [item["response"]["status"] for item in second["entry"]] == 3 * ["200 OK"]
    ids = [[item["resource"]["id"] for item in said["entry"]] for said in (first, second)]
    assert ids[0] == ids[1]
    assert app.drafts() == 3


def test_an_update_in_a_transaction_minds_its_version(app: App) -> None:
    plan = made_plan(app)
    changed = {**plan, "title": "Slower"}
    stale = entry(changed, method="PUT", ifMatch='W/"7"')
    refused(app.transaction(entry(an_order()), stale), 412)
    assert app.drafts() == 1
    fitting = entry(changed, method="PUT", ifMatch='W/"1"')
    assert app.transaction(entry(an_order()), fitting).status_code == 200
    assert app.read(f"CarePlan/{plan['id']}").json()["title"] == "Slower"


def test_only_a_transaction_is_taken_and_an_empty_one_is_fine(app: App) -> None:
    refused(app.send("POST", "", {"resourceType": "Bundle", "type": "batch"}), 400)
    refused(app.send("POST", "", an_order()), 400)
    answer = app.transaction()
    assert answer.json() == {"resourceType": "Bundle", "type": "transaction-response"}


# --- metadata ---------------------------------------------------------------------------------


def test_metadata_says_what_can_be_written_and_how_an_app_signs_in(ehr: JoinedEhr) -> None:
    answer = ehr.client.get("/fhir/metadata")
    CapabilityStatement.model_validate_json(answer.text)
    (rest,) = answer.json()["rest"]
    assert rest["interaction"] == [{"code": "transaction"}]
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    offered = {
        item["type"]: [one["code"] for one in item["interaction"]] for item in rest["resource"]
    }
    assert offered["CarePlan"] == ["read", "search-type", "create", "update"]
    assert offered["MedicationRequest"] == ["read", "search-type", "create", "update"]
    assert offered["DocumentReference"] == ["read", "search-type", "create"]
    assert offered["Condition"] == ["read", "search-type"]
