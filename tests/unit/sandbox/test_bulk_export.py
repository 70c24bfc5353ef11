"""Backend Services and `$export`: a system signs in, exports the clinic, and gives it back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from backend_system import EVERYTHING, BackendSystem
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.group import Group
from fhir.resources.R4B.operationoutcome import OperationOutcome
from joserfc.jwk import KeySet
from starlette.testclient import TestClient

from taperguard.sandbox.app import DATA_FILE, create_app
from taperguard.sandbox.bulk.jobs import Habits
from taperguard.sandbox.patients import read_stories
from taperguard.sandbox.records.store import Charts

TODAY = date(2026, 11, 23)
EHR = "http://ehr.test"
BASE = f"{EHR}/fhir"
KICK_OFF = "/fhir/Group/clinic/$export"
ASYNC = {"Accept": "application/fhir+json", "Prefer": "respond-async"}


@pytest.fixture(scope="module")
def system() -> BackendSystem:
    return BackendSystem()


@pytest.fixture(scope="module")
def keys(system: BackendSystem) -> Iterator[str]:
    with system.published() as url:
        yield url


class Ehr:
    """The EHR of a test on its folder; `time` is its clock."""

    def __init__(self, folder: Path, keys: str, system: BackendSystem, habits: Habits) -> None:
        self.time = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
        self.system = system
        self.charts = Charts(folder / DATA_FILE)
        app = create_app(
            data_dir=folder,
            today=lambda: TODAY,
            service_url=keys,
            public_url=EHR,
            exporting=habits,
            clock=lambda: self.time,
        )
        self.client = TestClient(app, base_url=EHR)

    def ask_token(self, scope: str = EVERYTHING, **claims: Any) -> Any:
        form = self.system.form(f"{EHR}/auth/token", self.time, scope, **claims)
        return self.client.post("/auth/token", data=form)

    def bearer(self, scope: str = EVERYTHING) -> dict[str, str]:
        answer = self.ask_token(scope)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def kick_off(self, query: str = "", **more: str) -> Any:
        return self.client.get(f"{KICK_OFF}{query}", headers={**ASYNC, **self.bearer(), **more})

    def status_url(self, query: str = "", **more: str) -> str:
        answer = self.kick_off(query, **more)
        assert answer.status_code == 202, answer.text
        address: str = answer.headers["content-location"]
        return address

    def manifest(self, query: str = "", **more: str) -> dict[str, Any]:
        answer = self.client.get(self.status_url(query, **more), headers=self.bearer())
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def lines(self, file: dict[str, Any]) -> list[str]:
        answer = self.client.get(file["url"], headers=self.bearer())
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/fhir+ndjson"
        lines = answer.text.splitlines()
        assert len(lines) == file["count"]
        return lines


Make = Callable[..., Ehr]


@pytest.fixture
def folder(tmp_path: Path, told_file: Path) -> Path:
    """The data folder of this test's EHR, with the stories told."""
    shutil.copy(told_file, tmp_path)
    return tmp_path


@pytest.fixture
def make(folder: Path, keys: str, system: BackendSystem) -> Make:
    def made(seconds: float = 0, rows: int = 500) -> Ehr:
        return Ehr(folder, keys, system, Habits(seconds, rows))

    return made


@pytest.fixture
def ehr(make: Make) -> Ehr:
    return make()


def refused(answer: Any, status: int) -> str:
    """The sentence of a refusal, which must be an OperationOutcome with that status."""
    assert answer.status_code == status, answer.text
    OperationOutcome.model_validate_json(answer.text)
    sentence: str = answer.json()["issue"][0]["diagnostics"]
    return sentence


# --- the token --------------------------------------------------------------------------------


def test_discovery_says_that_systems_sign_in_by_key(ehr: Ehr) -> None:
    said = ehr.client.get("/fhir/.well-known/smart-configuration").json()
    assert "client-confidential-asymmetric" in said["capabilities"]
    assert "client_credentials" in said["grant_types_supported"]
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]
    assert "system/MedicationRequest.rs" in said["scopes_supported"]


def test_a_system_gets_a_token_of_five_minutes_and_no_refresh_token(ehr: Ehr) -> None:
    answer = ehr.ask_token("system/Patient.rs system/Condition.rs")
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said.pop("access_token")
    assert said == {
        "token_type": "bearer",
        "expires_in": 300,
        "scope": "system/Patient.rs system/Condition.rs",
    }


def test_a_system_may_sign_with_rsa(folder: Path) -> None:
    system = BackendSystem("RS384")
    with system.published() as keys:
        ehr = Ehr(folder, keys, system, Habits())
        assert ehr.ask_token("system/Patient.r").json()["scope"] == "system/Patient.r"


def test_a_wildcard_is_what_is_registered_and_never_more(ehr: Ehr) -> None:
    scopes = ehr.ask_token("system/*.cruds").json()["scope"].split()
    assert "system/MedicationRequest.rs" in scopes
    assert all(scope.endswith(".rs") for scope in scopes)
    assert "system/Provenance.rs" not in scopes


@pytest.mark.parametrize(
    "scope",
    ["", "patient/Patient.rs", "system/Provenance.rs", "system/Patient.read", "system/Patient.c"],
)
def test_scopes_that_are_not_registered_are_no_token(ehr: Ehr, scope: str) -> None:
    answer = ehr.ask_token(scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_only_a_client_that_is_a_system_gets_such_a_token(
    keys: str, folder: Path, system: BackendSystem
) -> None:
    planner = BackendSystem(client="taperguard-confidential")
    planner.key = system.key
    ehr = Ehr(folder, keys, planner, Habits())
    answer = ehr.ask_token("patient/Patient.rs")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    public = {"grant_type": "client_credentials", "scope": EVERYTHING, "client_id": "taperguard"}
    answer = ehr.client.post("/auth/token", data=public)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": f"{EHR}/fhir"},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"exp": 1},
        {"exp": int(datetime(2026, 11, 23, 9, 36, tzinfo=UTC).timestamp())},
        {"jti": None},
    ],
)
def test_an_assertion_that_is_not_right_in_everything_proves_nothing(
    ehr: Ehr, claims: dict[str, Any]
) -> None:
    answer = ehr.ask_token(**claims)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_assertion_is_good_once(ehr: Ehr) -> None:
    form = ehr.system.form(f"{EHR}/auth/token", ehr.time)
    assert ehr.client.post("/auth/token", data=form).status_code == 200
    assert ehr.client.post("/auth/token", data=form).status_code == 401


def test_a_key_that_is_not_published_proves_nothing(folder: Path, keys: str) -> None:
    stranger = Ehr(folder, keys, BackendSystem(), Habits())
    assert KeySet.import_key_set(stranger.system.jwks()).keys
    assert stranger.ask_token().status_code == 401


# --- what the token is good for ---------------------------------------------------------------


def test_a_system_reads_and_searches_everybody_s_records_of_its_types(ehr: Ehr) -> None:
    token = ehr.bearer("system/Patient.rs")
    for patient in ("alder", "birch"):
        assert ehr.client.get(f"/fhir/Patient/{patient}", headers=token).status_code == 200
    found = ehr.client.get("/fhir/Patient?_summary=count", headers=token).json()
    assert found["total"] == len(read_stories())
    refused(ehr.client.get("/fhir/Condition?patient=alder", headers=token), 403)
    refused(ehr.client.get("/fhir/Condition/alder-problem-1", headers=token), 403)


def test_reading_and_searching_are_scopes_of_their_own(ehr: Ehr) -> None:
    reads, searches = ehr.bearer("system/Patient.r"), ehr.bearer("system/Patient.s")
    assert ehr.client.get("/fhir/Patient/alder", headers=reads).status_code == 200
    refused(ehr.client.get("/fhir/Patient?_id=alder", headers=reads), 403)
    refused(ehr.client.get("/fhir/Patient/alder", headers=searches), 403)
    assert ehr.client.get("/fhir/Patient?_id=alder", headers=searches).json()["total"] == 1


def test_what_a_search_includes_needs_a_scope_too(ehr: Ehr) -> None:
    query = "/fhir/MedicationRequest?patient=elm&_include=MedicationRequest:medication"
    both = ehr.bearer("system/MedicationRequest.rs system/Medication.r")
    one = ehr.bearer("system/MedicationRequest.rs")

    def types(token: dict[str, str]) -> set[str]:
        bundle = ehr.client.get(query, headers=token).json()
        return {entry["resource"]["resourceType"] for entry in bundle["entry"]}

    assert types(both) == {"MedicationRequest", "Medication"}
    assert types(one) == {"MedicationRequest"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/fhir/MedicationRequest"),
        ("PUT", "/fhir/MedicationRequest/alder-clonazepam"),
        ("POST", "/fhir"),
        ("DELETE", "/fhir/Patient/alder"),
    ],
)
def test_a_system_writes_nothing(ehr: Ehr, method: str, path: str) -> None:
    body = {"resourceType": "Bundle", "type": "transaction"}
    answer = ehr.client.request(
        method,
        path,
        headers={**ehr.bearer(), "Content-Type": "application/fhir+json"},
        content=json.dumps(body),
    )
    refused(answer, 403)


def test_the_token_of_a_system_ends_after_five_minutes(ehr: Ehr) -> None:
    token = ehr.bearer()
    ehr.time += timedelta(seconds=299)
    assert ehr.client.get("/fhir/Patient/alder", headers=token).status_code == 200
    ehr.time += timedelta(seconds=1)
    assert ehr.client.get("/fhir/Patient/alder", headers=token).status_code == 401


def test_an_export_needs_the_token_of_a_system_though_reading_is_open(ehr: Ehr) -> None:
    status = ehr.status_url()
    for path in (KICK_OFF, status, f"{status}/Patient.0.ndjson", "/fhir/$export"):
        refused(ehr.client.get(path, headers=ASYNC), 401)
    refused(ehr.client.delete(status), 401)
    refused(ehr.client.post(KICK_OFF, headers=ASYNC), 401)


# --- asking for an export ---------------------------------------------------------------------


def test_the_group_is_the_whole_clinic(ehr: Ehr) -> None:
    answer = ehr.client.get("/fhir/Group/clinic", headers=ehr.bearer())
    group = Group.model_validate_json(answer.text)
    assert group.quantity == len(group.member) == len(read_stories())
    found = ehr.client.get("/fhir/Group?member=Patient/alder", headers=ehr.bearer()).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["clinic"]


def test_metadata_names_the_operation(ehr: Ehr) -> None:
    answer = ehr.client.get("/fhir/metadata")
    CapabilityStatement.model_validate_json(answer.text)
    said = answer.json()
    assert said["instantiates"] == ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]
    (group,) = [one for one in said["rest"][0]["resource"] if one["type"] == "Group"]
    assert group["operation"] == [
        {
            "name": "export",
            "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export",
        }
    ]


def test_the_manifest_lists_files_of_the_state_when_it_was_asked_for(ehr: Ehr) -> None:
    answer = ehr.kick_off("?_type=Patient,Condition")
    assert (answer.status_code, answer.content) == (202, b"")
    status = answer.headers["content-location"]
    assert status.startswith(f"{BASE}/bulk/")
    answer = ehr.client.get(status, headers=ehr.bearer())
    assert answer.headers["content-type"] == "application/json"
    assert parsedate_to_datetime(answer.headers["expires"]) == ehr.time + timedelta(hours=24)
    said = answer.json()
    files = {file["type"]: file for file in said.pop("output")}
    assert said == {
        "transactionTime": "2026-11-23T09:30:00.000Z",
        "request": f"{BASE}/Group/clinic/$export?_type=Patient,Condition",
        "requiresAccessToken": True,
        "error": [],
    }
    assert list(files) == ["Patient", "Condition"]
    assert files["Patient"]["count"] == len(read_stories())
    for file in files.values():
        for line in ehr.lines(file):
            assert json.loads(line)["resourceType"] == file["type"]


def test_without_types_an_export_holds_all_that_the_token_may_read(ehr: Ehr) -> None:
    """Medication is nobody's record: it comes because an order of Peter's points to it."""
    output = ehr.manifest()["output"]
    assert {file["type"] for file in output} == {
        "Group",
        "Patient",
        "Medication",
        "MedicationRequest",
        "MedicationStatement",
        "MedicationDispense",
        "Condition",
    }
    (medications,) = [file for file in output if file["type"] == "Medication"]
    assert any('"elm-clonazepam"' in line for line in ehr.lines(medications))


def test_every_line_parses_with_fhir_resources(ehr: Ehr) -> None:
    for file in ehr.manifest()["output"]:
        name = file["type"]
        model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
        for line in ehr.lines(file):
            model.model_validate_json(line)


def test_types_may_be_repeated_and_a_kick_off_may_be_posted(ehr: Ehr) -> None:
    repeated = ehr.manifest("?_type=Patient&_type=Condition,Patient")
    assert [file["type"] for file in repeated["output"]] == ["Patient", "Condition"]
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueString": "Patient,Condition"},
            {"name": "_outputFormat", "valueString": "application/fhir+ndjson"},
        ],
    }
    headers = {**ASYNC, **ehr.bearer(), "Content-Type": "application/fhir+json"}
    answer = ehr.client.post(KICK_OFF, headers=headers, content=json.dumps(parameters))
    assert answer.status_code == 202
    said = ehr.client.get(answer.headers["content-location"], headers=ehr.bearer()).json()
    assert [file["type"] for file in said["output"]] == ["Patient", "Condition"]


def test_many_rows_of_a_type_are_several_files(make: Make) -> None:
    ehr = make(rows=7)
    files = ehr.manifest("?_type=Patient")["output"]
    patients = len(read_stories())
    assert [file["count"] for file in files[:-1]] == [7] * ((patients - 1) // 7)
    ids = [json.loads(line)["id"] for file in files for line in ehr.lines(file)]
    assert len(set(ids)) == len(ids) == patients


def test_since_gives_what_changed_and_nothing_older(ehr: Ehr) -> None:
    """The stories were told at midnight; one patient is changed at 9:30."""
    patient = ehr.charts.read("Patient", "birch")
    assert patient is not None
    ehr.charts.save(patient.resource(), at=ehr.time)
    query = "?_type=Patient,Condition&_since="
    (file,) = ehr.manifest(f"{query}2026-11-23T08:00:00Z")["output"]
    assert [json.loads(line)["id"] for line in ehr.lines(file)] == ["birch"]
    # The same instant in another zone, and the second of the change itself
    assert len(ehr.manifest(f"{query}2026-11-23T11:30:00%2B02:00")["output"]) == 1
    assert ehr.manifest(f"{query}2026-11-23T09:30:01Z")["output"] == []
    assert len(ehr.manifest(f"{query}2026-11-22T00:00:00Z")["output"]) == 2


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"Prefer": "respond-sync"}, 400),
        ("", {"Accept": "application/fhir+xml"}, 406),
        ("?_typeFilter=MedicationRequest%3Fstatus%3Dactive", {}, 400),
        ("?_type=Immunization", {}, 400),
        ("?_type=", {}, 400),
        ("?_outputFormat=text/csv", {}, 400),
        ("?_since=yesterday", {}, 400),
        ("?_since=2026-11-23", {}, 400),
        ("?_since=2026-11-23T08:00:00", {}, 400),
        ("?_type=Encounter", {}, 403),  # exported here, and not asked for in this token
    ],
)
def test_a_kick_off_that_is_not_understood_is_refused(
    ehr: Ehr, query: str, headers: dict[str, str], status: int
) -> None:
    refused(ehr.kick_off(query, **headers), status)


def test_a_lenient_client_is_told_what_was_left_aside(ehr: Ehr) -> None:
    said = ehr.manifest(
        "?_type=Patient,Immunization&_elements=id", Prefer="respond-async, handling=lenient"
    )
    assert [file["type"] for file in said["output"]] == ["Patient"]
    (problems,) = said["error"]
    assert problems["type"] == "OperationOutcome"
    sentences = []
    for line in ehr.lines(problems):
        OperationOutcome.model_validate_json(line)
        sentences.append(json.loads(line)["issue"][0]["diagnostics"])
    assert sentences == [
        "The type 'Immunization' cannot be exported here.",
        "An export here has no parameter '_elements'.",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "no",
        "[]",
        '{"resourceType": "Bundle"}',
        '{"resourceType": "Parameters", "parameter": [7]}',
        '{"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": 7}]}',
    ],
)
def test_a_posted_kick_off_that_is_none_is_refused(ehr: Ehr, body: str) -> None:
    headers = {**ASYNC, **ehr.bearer(), "Content-Type": "application/fhir+json"}
    refused(ehr.client.post(KICK_OFF, headers=headers, content=body), 400)


def test_a_group_that_is_not_there_is_404(ehr: Ehr) -> None:
    headers = {**ASYNC, **ehr.bearer()}
    refused(ehr.client.get("/fhir/Group/nobody/$export", headers=headers), 404)


# --- waiting, and giving back -----------------------------------------------------------------


def test_an_export_takes_its_time_by_the_clock(make: Make) -> None:
    """Ten seconds: after 0 and after 4.2 it is under way, after 10 it is there."""
    ehr = make(seconds=10)
    status, token = ehr.status_url("?_type=Patient"), ehr.bearer()
    answer = ehr.client.get(status, headers=token)
    assert answer.status_code == 202
    assert (answer.headers["retry-after"], answer.headers["x-progress"]) == (
        "10",
        "0 % of the records written",
    )
    refused(ehr.client.get(f"{status}/Patient.0.ndjson", headers=token), 404)
    ehr.time += timedelta(seconds=4.2)
    answer = ehr.client.get(status, headers=token)
    assert (answer.headers["retry-after"], answer.headers["x-progress"][:4]) == ("6", "42 %")
    ehr.time += timedelta(seconds=5.8)
    assert ehr.client.get(status, headers=token).status_code == 200


def test_the_files_hold_the_snapshot_and_not_what_came_later(make: Make) -> None:
    ehr = make(seconds=10)
    status = ehr.status_url("?_type=Patient")
    late = {"resourceType": "Patient", "id": "late", "name": [{"family": "Synthetic-Late"}]}
    ehr.charts.save(late, at=ehr.time)
    birch = ehr.charts.read("Patient", "birch")
    assert birch is not None
    ehr.charts.save({**birch.resource(), "gender": "other"}, at=ehr.time)
    ehr.time += timedelta(seconds=10)
    (file,) = ehr.client.get(status, headers=ehr.bearer()).json()["output"]
    patients = {(one := json.loads(line))["id"]: one for line in ehr.lines(file)}
    assert "late" not in patients
    assert patients["birch"] == json.loads(birch.text)


def test_an_export_outlives_a_restart(make: Make) -> None:
    before = make(seconds=10)
    status = before.status_url("?_type=Patient")
    after = make(seconds=10)
    after.time = before.time + timedelta(seconds=11)
    said = after.client.get(status, headers=after.bearer()).json()
    assert said["transactionTime"] == "2026-11-23T09:30:00.000Z"
    assert len(after.lines(said["output"][0])) == len(read_stories())


def test_an_export_that_was_given_back_is_gone(ehr: Ehr) -> None:
    status = ehr.status_url("?_type=Patient")
    assert ehr.client.delete(status, headers=ehr.bearer()).status_code == 202
    for path in (status, f"{status}/Patient.0.ndjson"):
        refused(ehr.client.get(path, headers=ehr.bearer()), 404)
    refused(ehr.client.delete(status, headers=ehr.bearer()), 404)


def test_an_export_that_nobody_fetched_is_gone_after_a_day(ehr: Ehr) -> None:
    status = ehr.status_url("?_type=Patient")
    ehr.time += timedelta(hours=24)
    refused(ehr.client.get(status, headers=ehr.bearer()), 404)
    ehr.status_url("?_type=Condition")
    with ehr.charts.transaction() as db:
        kinds = db.execute("SELECT DISTINCT type FROM export_files").fetchall()
    assert kinds == [("Condition",)]


def test_a_token_without_the_type_reaches_neither_state_nor_file(ehr: Ehr) -> None:
    status = ehr.status_url("?_type=Patient,Condition")
    some = ehr.bearer("system/Condition.rs")
    refused(ehr.client.get(status, headers=some), 403)
    refused(ehr.client.delete(status, headers=some), 403)
    refused(ehr.client.get(f"{status}/Patient.0.ndjson", headers=some), 403)
    assert ehr.client.get(f"{status}/Condition.0.ndjson", headers=some).status_code == 200


def test_an_export_belongs_to_the_client_that_asked_for_it(make: Make) -> None:
    ehr = make()
    status = ehr.status_url("?_type=Patient")
    with ehr.charts.transaction(writing=True) as db:
        db.execute("UPDATE export_jobs SET client = 'another'")
    for path in (status, f"{status}/Patient.0.ndjson"):
        refused(ehr.client.get(path, headers=ehr.bearer()), 404)
    refused(ehr.client.delete(status, headers=ehr.bearer()), 404)


def test_a_file_is_sent_small_to_who_takes_it_so(ehr: Ehr) -> None:
    (file,) = ehr.manifest("?_type=Patient")["output"]
    small = ehr.client.get(file["url"], headers={**ehr.bearer(), "Accept-Encoding": "gzip"})
    plain = ehr.client.get(file["url"], headers={**ehr.bearer(), "Accept-Encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert small.text == plain.text


@pytest.mark.parametrize("habits", [{"seconds": -1}, {"seconds": 1e9}, {"rows": 0}])
def test_an_export_with_impossible_habits_is_refused_at_the_start(habits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="an export takes"):
        Habits(**habits)
