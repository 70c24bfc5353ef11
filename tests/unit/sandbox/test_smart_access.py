"""What a token of the sandbox's SMART server opens, and what stays closed to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from joined_ehr import BASE, EHR, JoinedEhr

from taperguard.sandbox.patients import clinic
from taperguard.sandbox.records import json_text
from taperguard.sandbox.records.access import Access
from taperguard.sandbox.smart.scopes import SYSTEM, granted

# --- what a token allows ----------------------------------------------------------------------


def denied(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert said["resourceType"] == "OperationOutcome"
    sentence: str = said["issue"][0]["diagnostics"]
    return sentence


def ids_in(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    entries = json_text.read(answer.content).get("entry", [])
    return {f"{item['resource']['resourceType']}/{item['resource']['id']}" for item in entries}


def test_reading_is_by_type_and_interaction(ehr: JoinedEhr) -> None:
    app = ehr.app(scope="launch patient/Patient.r patient/MedicationRequest.s")
    assert ehr.client.get("/fhir/Patient/alder", headers=app).status_code == 200
    denied(ehr.client.get("/fhir/Patient?_id=alder", headers=app), 403)
    assert ids_in(ehr.client.get("/fhir/MedicationRequest?status=active", headers=app))
    found = ehr.client.get("/fhir/MedicationRequest/alder-clonazepam", headers=app)
    assert "MedicationRequest" in denied(found, 403)
    assert "insufficient_scope" in found.headers["www-authenticate"]
    denied(ehr.client.get("/fhir/Condition?patient=alder", headers=app), 403)
    form = {**app, "Content-Type": "application/x-www-form-urlencoded"}
    posted = ehr.client.post("/fhir/Condition/_search", content="patient=alder", headers=form)
    denied(posted, 403)


def test_another_patients_record_is_as_if_it_were_not_there(ehr: JoinedEhr) -> None:
    app = ehr.app("alder")
    other = denied(ehr.client.get("/fhir/MedicationRequest/birch-clonazepam", headers=app), 404)
    nothing = denied(ehr.client.get("/fhir/MedicationRequest/nothing", headers=app), 404)
    assert other == nothing
    denied(ehr.client.get("/fhir/Patient/birch", headers=app), 404)


def test_a_search_finds_the_patients_own_records_only(ehr: JoinedEhr) -> None:
    app = ehr.app("alder")
    mine = ids_in(ehr.client.get("/fhir/MedicationRequest?patient=alder&_count=200", headers=app))
    assert "MedicationRequest/alder-clonazepam" in mine
    assert ids_in(ehr.client.get("/fhir/MedicationRequest?_count=200", headers=app)) == mine
    assert not ids_in(ehr.client.get("/fhir/MedicationRequest?patient=birch", headers=app))
    assert ids_in(ehr.client.get("/fhir/Patient", headers=app)) == {"Patient/alder"}
    form = {**app, "Content-Type": "application/x-www-form-urlencoded"}
    posted = ehr.client.post("/fhir/MedicationRequest/_search", content="_count=200", headers=form)
    assert ids_in(posted) == mine


def test_pages_of_a_search_are_followed_and_those_of_another_are_not(ehr: JoinedEhr) -> None:
    app = ehr.app("alder")
    first = ehr.client.get("/fhir/MedicationRequest?_count=1", headers=app).json()
    (following,) = (link["url"] for link in first["link"] if link["relation"] == "next")
    assert len(ids_in(ehr.client.get(following.removeprefix(EHR), headers=app))) == 1
    open_page = ehr.client.get("/fhir/MedicationRequest?patient=birch&_count=1").json()
    (others,) = (link["url"] for link in open_page["link"] if link["relation"] == "next")
    denied(ehr.client.get(others.removeprefix(EHR), headers=app), 403)


def test_what_is_included_needs_its_own_scope(ehr: JoinedEhr) -> None:
    path = "/fhir/MedicationRequest?_id=alder-clonazepam&_include=MedicationRequest:subject"
    assert "Patient/alder" in ids_in(ehr.client.get(path, headers=ehr.app()))
    narrow = ehr.app(scope="launch patient/MedicationRequest.rs")
    assert ids_in(ehr.client.get(path, headers=narrow)) == {"MedicationRequest/alder-clonazepam"}


def test_the_user_of_the_id_token_can_be_read(ehr: JoinedEhr) -> None:
    app = ehr.app()
    assert ehr.client.get("/fhir/Practitioner/hazel", headers=app).status_code == 200
    denied(ehr.client.get("/fhir/Practitioner?name=hazel", headers=app), 403)


@pytest.mark.parametrize("header", ["Bearer made-up", "Basic eDp5", "Bearer", "made-up"])
def test_a_token_that_is_none_is_refused_also_where_reading_is_open(
    ehr: JoinedEhr, header: str
) -> None:
    answer = ehr.client.get("/fhir/Patient/alder", headers={"Authorization": header})
    denied(answer, 401)
    assert "invalid_token" in answer.headers["www-authenticate"]


def test_a_token_dies_with_its_time(ehr: JoinedEhr) -> None:
    app = ehr.app()
    ehr.later(seconds=900)
    denied(ehr.client.get("/fhir/Patient/alder", headers=app), 401)


def test_a_refresh_token_opens_no_record(ehr: JoinedEhr) -> None:
    token = ehr.tokens()["refresh_token"]
    answer = ehr.client.get("/fhir/Patient/alder", headers={"Authorization": f"Bearer {token}"})
    denied(answer, 401)


def test_reading_without_a_token_is_open_only_where_it_is_set(tmp_path: Path) -> None:
    is_open, closed = JoinedEhr(tmp_path / "a"), JoinedEhr(tmp_path / "b", open_fhir=False)
    assert is_open.client.get("/fhir/Patient/birch").status_code == 200
    for path in ("/fhir/Patient/birch", "/fhir/Patient"):
        answer = closed.client.get(path)
        denied(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert closed.client.get("/fhir/metadata").status_code == 200
    assert closed.client.get("/fhir/.well-known/smart-configuration").status_code == 200


# --- what is for systems only -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fhir/Group/clinic/$export"),
        ("GET", "/fhir/Group/clinic/%24export"),
        ("POST", "/fhir/Group/clinic/$export"),
        ("GET", "/fhir/Patient/$export"),
        ("GET", "/fhir/bulk/0123456789abcdef"),
        ("DELETE", "/fhir/bulk/0123456789abcdef"),
        ("GET", "/fhir/bulk/0123456789abcdef/Patient.0.ndjson"),
    ],
)
def test_the_token_of_a_person_s_app_never_reaches_an_export(
    ehr: JoinedEhr, method: str, path: str
) -> None:
    headers = {**ehr.app(), "Prefer": "respond-async"}
    answer = ehr.client.request(method, path, headers=headers)
    assert answer.status_code == 403, answer.text
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


def test_an_app_in_one_chart_sees_no_list_of_patients(ehr: JoinedEhr) -> None:
    """Not by a scope (none is registered), and not if one were."""
    ehr.charts.save(clinic([{"resourceType": "Patient", "id": "alder"}]), at=ehr.time)
    app = ehr.app()
    assert ehr.client.get("/fhir/Group/clinic", headers=app).status_code == 403
    assert ehr.client.get("/fhir/Group", headers=app).status_code == 403
    allowed = Access({"Group": "rs"}, "alder", "Practitioner/hazel")
    assert not allowed.may_see({"resourceType": "Group", "id": "clinic"}, BASE)


def test_scopes_of_systems_and_of_patients_do_not_stand_for_each_other() -> None:
    registered = ("system/Patient.rs", "patient/Patient.rs", "openid")
    assert granted("system/Patient.rs openid", registered) == ("openid",)
    assert granted("patient/Patient.rs openid", registered, SYSTEM) == ()
    assert granted("system/*.cruds", registered, SYSTEM) == ("system/Patient.rs",)
