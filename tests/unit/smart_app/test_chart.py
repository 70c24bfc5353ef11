"""The chart through a visit: whole lists or gaps in words, compared writes, every deed audited."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from smart_ehr import BASE, PATIENT, capability, order, outcome, searchset
from starlette.responses import JSONResponse, Response


@pytest.fixture
def read(smart, browser) -> Any:
    """`read()`: a whole launch, then the chart."""

    def of() -> dict[str, Any]:
        answer: dict[str, Any] = browser.get(f"{smart.opened(browser)}/read").json()
        return answer

    return of


@pytest.fixture
def save(smart, browser) -> Any:
    """`save(entries)`: a whole launch, then the write."""

    def of(entries: list[dict[str, Any]]) -> Any:
        path = smart.opened(browser)
        headers = {"X-Form-Token": browser.get(path).json()["csrf"]}
        return browser.post(f"{path}/write", json=entries, headers=headers).json()

    return of


def draft(**more: Any) -> dict[str, Any]:
    made = order(1, status="draft", **more)
    del made["id"]
    return made


def entry(resource: dict[str, Any], urn: str = "urn:uuid:1") -> dict[str, Any]:
    request = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": urn, "resource": resource, "request": request}


def plan(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "CarePlan",
        "status": "draft",
        "intent": "plan",
        "subject": {"reference": f"Patient/{PATIENT}"},
        **more,
    }


# ---------------------------------------------------------------------- reading


def test_every_need_and_the_plans_are_asked_for_with_all_pages(smart, read) -> None:
    smart.ehr.pages["MedicationRequest"] = [
        searchset(order(1), following=f"{BASE}/MedicationRequest?page=1"),
        searchset(order(2)),
    ]
    found = read()
    assert found == {"found": {"Patient": 1, "MedicationRequest": 2}, "gaps": {}, "notes": []}
    asked = {path.partition("?")[0] for _, path in smart.ehr.asked}
    assert {
        "/fhir/Patient/alder",
        "/fhir/MedicationRequest",
        "/fhir/Condition",
        "/fhir/MedicationStatement",
        "/fhir/MedicationDispense",
        "/fhir/AllergyIntolerance",
        "/fhir/Observation",
        "/fhir/CarePlan",
    } <= asked


def test_a_medication_that_an_order_refers_to_is_read(smart, read) -> None:
    smart.ehr.pages["MedicationRequest"] = [
        searchset(order(1, medicationReference={"reference": f"{BASE}/Medication/x"}))
    ]
    smart.ehr.resources["Medication/x"] = {"resourceType": "Medication", "id": "x"}
    assert read()["found"]["Medication"] == 1


def test_an_evil_next_link_becomes_a_gap_and_never_gets_the_token(smart, read) -> None:
    smart.ehr.pages["MedicationRequest"] = [searchset(order(1), following="https://evil.example/")]
    assert "not followed" in read()["gaps"]["medications"]
    assert smart.ehr.evil == []


def test_a_missing_scope_is_a_gap_where_it_matters_and_a_note_elsewhere(smart, read) -> None:
    smart.ehr.scope = "openid fhirUser patient/Patient.r patient/MedicationRequest.rs"
    found = read()
    assert set(found["gaps"]) == {"conditions"}
    assert "granted no access" in found["gaps"]["conditions"]
    assert any("dispensing records" in note for note in found["notes"])
    assert not any("/Condition" in path for _, path in smart.ehr.asked)


def test_a_failed_list_is_a_gap_and_a_type_the_ehr_lacks_a_note(smart, read) -> None:
    fails = {"Condition": 500, "MedicationDispense": 500, "MedicationStatement": 404}
    for kind, status in fails.items():
        smart.ehr.answers[f"/fhir/{kind}"] = lambda _, status=status: JSONResponse(
            outcome("exception"), status_code=status
        )
    found = read()
    assert set(found["gaps"]) == {"conditions", "dispenses"}
    assert "Alder" not in json.dumps(found)
    assert found["notes"] == ["the reported medications: this EHR does not offer them"]


def test_another_patient_s_record_is_never_shown(smart, browser) -> None:
    path = smart.opened(browser)
    birch = {"resourceType": "Patient", "id": "birch"}
    smart.ehr.pages["Condition"] = [searchset(birch)]
    response = browser.get(f"{path}/read")
    assert response.status_code == 502
    assert "another patient" in response.text


def test_a_stray_order_of_another_patient_is_set_aside(smart, read) -> None:
    stray = order(2, subject={"reference": "Patient/birch"})
    smart.ehr.pages["MedicationRequest"] = [searchset(order(1), stray)]
    found = read()
    assert found["found"]["MedicationRequest"] == 1
    assert "another patient" in found["gaps"]["medications"]


# ---------------------------------------------------------------------- writing


@pytest.mark.parametrize(
    ("scope", "stated", "rungs"),
    [
        (None, capability(), ["orders-and-plan", "plan", "document", "text"]),
        ("openid fhirUser patient/CarePlan.cr", capability(), ["plan", "text"]),
        (
            "openid fhirUser patient/*.read patient/*.write",
            capability(),
            ["orders-and-plan", "plan", "document", "text"],
        ),
        ("openid fhirUser patient/CarePlan.c patient/MedicationRequest.c", capability(), ["text"]),
        ("openid fhirUser patient/CarePlan.cr?category=x", capability(), ["text"]),
        (None, capability(transaction=False), ["text"]),
        (None, {"resourceType": "CapabilityStatement"}, ["text"]),
        (None, {"resourceType": "Patient"}, ["text"]),
    ],
)
def test_the_ladder_follows_statement_and_scopes(smart, browser, scope, stated, rungs) -> None:
    smart.ehr.scope, smart.ehr.metadata = scope, stated
    assert browser.get(f"{smart.opened(browser)}/rungs").json() == rungs


def test_what_was_written_is_read_again_and_compared(smart, save) -> None:
    entries = [
        entry(plan(title="Taper"), "urn:uuid:plan"),
        entry(draft(basedOn=[{"reference": "urn:uuid:plan"}]), "urn:uuid:order"),
    ]
    assert save(entries) == [["CarePlan/new-1-0", []], ["MedicationRequest/new-1-1", []]]
    (sent,) = smart.ehr.transactions
    assert (sent["type"], len(sent["entry"])) == ("transaction", 2)


def test_a_bare_resource_is_created_and_one_with_a_version_updated(smart, save) -> None:
    known = plan(id="p1", meta={"versionId": "3"})
    assert len(save([plan(), known])) == 2
    requests = [one["request"] for one in smart.ehr.transactions[0]["entry"]]
    assert requests == [
        {"method": "POST", "url": "CarePlan"},
        {"method": "PUT", "url": "CarePlan/p1", "ifMatch": 'W/"3"'},
    ]


@pytest.mark.parametrize(
    ("resource", "status"), [(draft, "cancelled"), (plan, "revoked")], ids=["order", "plan"]
)
def test_a_draft_may_be_taken_back_but_nothing_begins_taken_back(
    smart, save, resource, status
) -> None:
    taken_back = {**resource(), "id": "d1", "meta": {"versionId": "1"}, "status": status}
    assert len(save([taken_back])) == 1
    assert "not a draft" in save([{**resource(), "status": status}])["why"]
    other = {"MedicationRequest": "revoked", "CarePlan": "cancelled"}[taken_back["resourceType"]]
    assert "not a draft" in save([{**taken_back, "status": other}])["why"]
    assert len(smart.ehr.transactions) == 1


def test_what_the_ehr_changed_is_told_field_by_field(smart, save) -> None:
    def altered(resource: dict[str, Any]) -> dict[str, Any]:
        return {**resource, "status": "active", "dosageInstruction": [], "doNotPerform": True}

    smart.ehr.alters = altered
    ((reference, differences),) = save([entry(draft(dosageInstruction=[{"text": "1 tablet"}]))])
    assert reference == "MedicationRequest/new-1-0"
    assert differences == [
        'status was sent as "draft" and is now "active"',
        "dosageInstruction had 1 entries and has 0 now",
        "the EHR added doNotPerform, which changes the meaning",
    ]


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({**draft(), "status": "active"}, "not a draft"),
        ({**draft(), "subject": {"reference": "Patient/birch"}}, "patient of this visit"),
        ({**draft(), "subject": {"reference": "https://evil.example/Patient/alder"}}, "patient"),
        ({"resourceType": "MedicationRequest"}, "patient of this visit"),
    ],
)
def test_what_is_no_draft_for_this_patient_is_not_sent(smart, save, resource, words) -> None:
    assert words in save([entry(resource)])["why"]
    assert smart.ehr.transactions == []


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "DELETE", "url": "MedicationRequest/1"},
        {"method": "PUT", "url": "MedicationRequest/1"},
        {"method": "POST", "url": "https://evil.example/MedicationRequest"},
        {"method": "POST", "url": "CarePlan"},
        {"method": "POST", "url": "MedicationRequest/../Patient"},
    ],
)
def test_an_entry_that_does_something_else_is_not_sent(smart, save, request_) -> None:
    assert "Nothing was sent" in save([{**entry(draft()), "request": request_}])["why"]
    assert smart.ehr.transactions == []


def test_a_refused_transaction_says_why_and_that_nothing_was_written(smart, save) -> None:
    smart.ehr.answers["/fhir"] = lambda _: JSONResponse(
        outcome("business-rule", "intent is required"), status_code=422
    )
    why = save([entry(plan())])["why"]
    assert why.startswith("Nothing was written: the EHR answered with status 422")
    assert "intent is required" in why


def test_a_location_that_leads_elsewhere_is_not_followed(smart, save) -> None:
    def answer(_: Any) -> Response:
        location = "https://evil.example/fhir/CarePlan/1"
        rows = [{"response": {"status": "201", "location": location}}]
        return JSONResponse({"resourceType": "Bundle", "entry": rows})

    smart.ehr.answers["/fhir"] = answer
    ((reference, differences),) = save([entry(plan())])
    assert (reference, len(differences)) == ("CarePlan", 1)
    assert "does not say where" in differences[0]
    assert smart.ehr.evil == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"<html>"), (200, b"[]"), (302, b""), (500, b""), (502, b""), (504, b"")],
)
def test_after_an_answer_that_proves_nothing_nothing_is_claimed(smart, save, status, body) -> None:
    """A gateway may give up while the EHR saves: neither "saved" nor "nothing was written"."""
    smart.ehr.answers["/fhir"] = lambda _: Response(body, status_code=status)
    why = save([entry(plan())])["why"]
    assert why.startswith("Whether the plan was saved is not known")
    assert lines(smart)[-1][:2] == ("write", "unknown")


# ---------------------------------------------------------------------- the audit


def lines(smart: Any) -> list[tuple[str, str, str]]:
    with smart.house.engine.connect() as connection:
        found = connection.execute(
            sa.text("SELECT action, outcome, who FROM audit_events ORDER BY rowid")
        )
        return [tuple(row) for row in found]


def test_each_deed_is_written_down_before_and_after(smart, save, rows) -> None:
    save([entry(plan())])
    rowan = "Practitioner/rowan"
    assert lines(smart) == [
        ("launch", "done", rowan),
        ("write", "asked", rowan),
        ("write", "done", rowan),
    ]
    before, after = rows(smart.house.engine, "audit_events")[1:]
    assert after["about"] == before["id"]
    assert json.loads(after["what"]) == ["CarePlan/new-1-0"]
    assert PATIENT not in repr(before) + repr(after)


def test_a_read_with_gaps_is_written_down_as_such(smart, read) -> None:
    read()
    smart.ehr.scope = "openid fhirUser patient/Patient.r"
    read()
    assert [line[:2] for line in lines(smart) if line[0] == "read"] == [
        ("read", "asked"),
        ("read", "done"),
        ("read", "asked"),
        ("read", "partly"),
    ]


def test_what_cannot_be_written_down_is_not_asked_for(smart, browser) -> None:
    path = smart.opened(browser)
    asked = len(smart.ehr.asked)
    with smart.house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit_events RENAME TO away"))
    response = browser.get(f"{path}/read")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "30"
    assert "Event" in response.text
    assert len(smart.ehr.asked) == asked
