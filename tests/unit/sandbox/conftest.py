"""The sandbox as a test sees it: an application on a fixed day, and its store."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ehr_screen import Screen
from joined_ehr import JoinedEhr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from taperguard.sandbox.app import DATA_FILE, create_app
from taperguard.sandbox.patients import build_all, read_stories
from taperguard.sandbox.records.store import Charts

TODAY = date(2026, 11, 23)
EHR = "http://ehr.test"


@pytest.fixture
def today() -> date:
    return TODAY


@pytest.fixture(scope="session")
def told_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data file of an EHR that has told its stories: a new EHR finds them there."""
    folder = tmp_path_factory.mktemp("told")
    create_app(data_dir=folder, today=lambda: TODAY, service_url=EHR, public_url=EHR)
    return folder / DATA_FILE


@pytest.fixture
def make_app(tmp_path: Path, told_file: Path) -> Callable[..., Starlette]:
    """Make an application on the test's own data; `today` may be given as a function."""

    def make(
        today: Callable[[], date] = lambda: TODAY,
        data_dir: Path | None = None,
        service_url: str = "http://127.0.0.1:1",
    ) -> Starlette:
        folder = data_dir or tmp_path / "data with a space"
        if not folder.exists():
            folder.mkdir()
            shutil.copy(told_file, folder)
        return create_app(
            data_dir=folder,
            today=today,
            service_url=service_url,
            public_url=f"{EHR}/",
        )

    return make


@pytest.fixture
def client(make_app: Callable[..., Starlette]) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url=EHR) as client:
        yield client


@pytest.fixture
def charts(client: TestClient, tmp_path: Path) -> Charts:
    """The store behind `client`."""
    return Charts(tmp_path / "data with a space" / DATA_FILE)


@pytest.fixture
def search(client: TestClient) -> Callable[..., dict[str, Any]]:
    """Search and give the Bundle; the answer must be 200 and FHIR JSON."""

    def ask(path: str, **headers: str) -> dict[str, Any]:
        answer = client.get(f"/fhir/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/fhir+json"
        bundle: dict[str, Any] = answer.json()
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
        return bundle

    return ask


@pytest.fixture
def ids() -> Callable[..., list[str]]:
    """The ids in a Bundle with a search mode."""

    def of(bundle: dict[str, Any], mode: str = "match") -> list[str]:
        entries = bundle.get("entry", [])
        return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == mode]

    return of


@pytest.fixture(scope="session")
def story_resources() -> list[dict[str, Any]]:
    return build_all(read_stories(), TODAY)


@pytest.fixture
def visible() -> Callable[[str], str]:
    """The words of a page, without tags."""

    def words(html: str) -> str:
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))

    return words


TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "medications": "MedicationRequest?patient={{context.patientId}}",
}


class FakeService:
    """A CDS service that answers as it is told and remembers what it was asked.

    `cards` are given to every hook; `status`, `body` and `seconds` spoil the answer to a hook;
    `feedback_status` is the answer to feedback. `taken` is the feedback that came.
    """

    def __init__(self) -> None:
        self.cards: list[Any] = []
        self.status = 200
        self.body: bytes | None = None
        self.seconds = 0.0
        self.feedback_status = 200
        self.discovery: Any = {
            "services": [
                {"hook": hook, "id": "judge", "title": "The judge", "prefetch": TEMPLATES}
                for hook in ("order-select", "order-sign")
            ]
        }
        self.asked: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if method == "GET":
            return 200, json.dumps(self.discovery).encode()
        if path.endswith("/feedback"):
            if self.feedback_status == 200:
                self.taken += json.loads(body)["feedback"]
            return self.feedback_status, b"{}"
        self.asked.append(json.loads(body))
        time.sleep(self.seconds)
        whole = json.dumps({"cards": self.cards}).encode() if self.body is None else self.body
        return self.status, whole

    def hooks(self) -> list[str]:
        return [asked["hook"] for asked in self.asked]


@pytest.fixture
def service() -> Iterator[FakeService]:
    """A CDS service of this test on a port of its own."""
    told = FakeService()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            status, body = told.answer(self.command, self.path, self.rfile.read(length))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ordering(
    make_app: Callable[..., Starlette], service: FakeService
) -> Iterator[Callable[[str], Screen]]:
    """`ordering("alder")`: the ordering screen of a patient, with the test's service behind it."""
    with TestClient(make_app(service_url=service.url), base_url=EHR) as client:
        yield lambda patient: Screen(client, patient)


@pytest.fixture
def a_card() -> Callable[..., dict[str, Any]]:
    """A card with one suggestion of these actions; further elements replace its own."""

    def make(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
        card: dict[str, Any] = {
            "uuid": "card-1",
            "summary": "Mind the dose",
            "indicator": "warning",
            "detail": "**Why:** it is high",
            "source": {"label": "The judge", "url": "https://judge.test/why"},
            "overrideReasons": [
                {"code": "fine", "system": "https://judge.test/reasons", "display": "It is fine"}
            ],
        }
        if actions:
            card["selectionBehavior"] = "at-most-one"
            card["suggestions"] = [
                {"label": "Do this instead", "uuid": "suggestion-1", "actions": list(actions)}
            ]
        return {**card, **more}

    return make


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[JoinedEhr]:
    """The sandbox as an app meets it: signed in, launched, read and written."""
    made = JoinedEhr(tmp_path)
    with made.client:
        yield made
