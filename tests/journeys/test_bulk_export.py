"""A bulk client over real HTTP against the sandbox as its own process.

The client is written from the specifications alone (SMART App Launch 2.2 Backend Services, Bulk
Data Access 2.0): it knows the FHIR base, its client id, its key and the Group, and finds the rest.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import Any

import httpx2
import pytest
from backend_system import CLIENT, EVERYTHING, BackendSystem
from processes import Heard

from taperguard.sandbox.patients import read_stories

GENERATED = 20


class BulkClient:
    """Signs in, asks, waits as it is told to, and downloads."""

    def __init__(self, base: str, system: BackendSystem) -> None:
        self.base = base
        self.system = system
        self.http = httpx2.Client(timeout=30, trust_env=False)
        self.waited: list[httpx2.Response] = []

    def sign_in(self, scope: str = EVERYTHING) -> None:
        self.http.headers.pop("Authorization", None)  # the assertion is all that proves who asks
        found = self.http.get(f"{self.base}/.well-known/smart-configuration").json()
        assert "client-confidential-asymmetric" in found["capabilities"]
        token_url = found["token_endpoint"]
        form = self.system.form(token_url, datetime.now(UTC), scope)
        answer = self.http.post(token_url, data=form).raise_for_status().json()
        assert answer["token_type"].lower() == "bearer"
        assert answer["expires_in"] <= 300
        self.http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def export(self, **asked: str) -> tuple[str, dict[str, Any]]:
        """The status address and the manifest."""
        answer = self.http.get(
            f"{self.base}/Group/clinic/$export",
            params=asked,
            headers={"Accept": "application/fhir+json", "Prefer": "respond-async"},
        )
        assert answer.status_code == 202, answer.text
        status = answer.headers["content-location"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            answer = self.http.get(status, headers={"Accept": "application/json"})
            if answer.status_code == 200:
                assert parsedate_to_datetime(answer.headers["expires"]) > datetime.now(UTC)
                return status, answer.json()
            assert answer.status_code == 202, answer.text
            self.waited.append(answer)
            time.sleep(min(int(answer.headers["retry-after"]), 5))
        raise AssertionError("the export did not end in a minute")

    def download(self, manifest: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        for file in manifest["output"]:
            answer = self.http.get(file["url"], headers={"Accept": "application/fhir+ndjson"})
            assert answer.headers["content-type"] == "application/fhir+ndjson"
            lines = answer.text.splitlines()
            assert len(lines) == file["count"]
            found += [json.loads(line) for line in lines]
        return found


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BulkClient]:
    """A client, and the sandbox as a process whose exports take half a second."""
    system = BackendSystem()
    with system.published() as keys:
        arguments = ["--port", "0", "--host", "127.0.0.1", "--service-url", keys]
        arguments += ["--patients", str(GENERATED), "--export-seconds", "2"]
        arguments += ["--data", str(tmp_path_factory.mktemp("ehr"))]
        process = Heard([sys.executable, "-u", "-m", "taperguard.sandbox", *arguments])
        try:
            address = process.line().removeprefix("sandbox EHR: ").strip()
            made = BulkClient(f"{address}/fhir", system)
            with made.http:
                yield made
        finally:
            process.end()


def test_a_client_of_the_specification_exports_the_clinic(client: BulkClient) -> None:
    client.sign_in()
    status, manifest = client.export()
    assert client.waited, "the client saw the export under way"
    assert client.waited[0].headers["x-progress"]
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []
    files = Counter(file["type"] for file in manifest["output"])
    assert files["MedicationDispense"] > 1, "more than 500 rows are several files"
    resources = client.download(manifest)
    counts = Counter(resource["resourceType"] for resource in resources)
    assert counts["Patient"] == len(read_stories()) + GENERATED
    assert counts["Group"] == 1
    keys = {(resource["resourceType"], resource["id"]) for resource in resources}
    assert len(keys) == len(resources)
    patients = {f"Patient/{key}" for name, key in keys if name == "Patient"}
    about = {one["subject"]["reference"] for one in resources if "subject" in one}
    assert about <= patients
    assert client.http.delete(status).status_code == 202
    assert client.http.get(status).status_code == 404


def test_every_line_is_a_resource_that_others_can_read(client: BulkClient) -> None:
    client.sign_in()
    status, manifest = client.export()
    for resource in client.download(manifest):
        name = resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
        model.model_validate(resource)
    assert client.http.delete(status).status_code == 202


def test_a_token_of_less_reads_less(client: BulkClient) -> None:
    client.sign_in("system/Patient.rs")
    assert client.system.client == CLIENT
    assert client.http.get(f"{client.base}/Patient/alder").status_code == 200
    assert client.http.get(f"{client.base}/Condition?patient=alder").status_code == 403
    _, manifest = client.export()
    assert {file["type"] for file in manifest["output"]} == {"Patient"}


def test_a_long_history_is_read_page_by_page(client: BulkClient) -> None:
    """The worker's read: 1,000 records of one patient over 20 pages, each found by its link."""
    client.sign_in()
    pages, records = 0, set()
    for kind in ("MedicationRequest", "MedicationDispense", "MedicationStatement"):
        url: str | None = f"{client.base}/{kind}?patient=spruce&_count=200"
        while url is not None:
            bundle = client.http.get(url).raise_for_status().json()
            records |= {entry["fullUrl"] for entry in bundle["entry"]}
            url = {one["relation"]: one["url"] for one in bundle["link"]}.get("next")
            pages += 1
    assert (pages, len(records)) == (20, 1000)
