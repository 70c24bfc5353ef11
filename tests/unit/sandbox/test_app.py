"""The sandbox as a whole: stories told anew each day, work kept, errors without traces."""

from __future__ import annotations

import ast
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from processes import Heard
from starlette.applications import Starlette
from starlette.testclient import TestClient

import taperguard.sandbox
from taperguard.sandbox.app import DATA_FILE, create_app
from taperguard.sandbox.patients import read_stories
from taperguard.sandbox.records.store import Charts, UnusableStore

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
MakeApp = Callable[..., Starlette]


def test_the_sandbox_imports_none_of_our_packages() -> None:
    """Its only own package is itself: relative imports, and never out of taperguard.sandbox."""
    root = Path(taperguard.sandbox.__file__).parent
    ours = {"clinical", "ehr", "store", "cds_hooks", "smart_app", "workers", "taperguard"}
    files = list(root.rglob("*.py"))
    assert len(files) > 10
    for file in files:
        depth = len(file.relative_to(root).parts)  # 1 for a module beside __init__
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & ours, file
            elif isinstance(node, ast.ImportFrom):
                if node.level == 0:
                    assert (node.module or "").partition(".")[0] not in ours, file
                assert node.level <= depth, file


def test_stories_are_told_anew_when_the_day_changes(make_app: MakeApp) -> None:
    current = {"day": date(2026, 11, 23)}
    with TestClient(make_app(lambda: current["day"])) as client:
        assert client.get("/fhir/Patient/alder").json()["birthDate"] == "1954-08-23"
        current["day"] = date(2026, 11, 30)
        assert client.get("/fhir/Patient/alder").json()["birthDate"] == "1954-08-30"
        # Told anew, not added: each story is one patient still.
        assert client.get("/fhir/Patient").json()["total"] == len(read_stories())


def test_what_somebody_signed_or_changed_outlives_the_day_and_the_process(
    make_app: MakeApp, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    current = {"day": date(2026, 11, 23)}

    def today() -> date:
        return current["day"]

    with TestClient(make_app(today, folder)) as client:
        stopped = client.get("/fhir/MedicationRequest/birch-clonazepam").json()
        charts = Charts(folder / DATA_FILE)
        charts.save(stopped | {"status": "stopped"}, at=NOW)
        signed = stopped | {"id": "signed"}
        charts.save(signed, at=NOW)
        current["day"] = date(2026, 11, 24)
        assert client.get("/fhir/MedicationRequest/signed").status_code == 200
    with TestClient(make_app(today, folder)) as client:
        assert client.get("/fhir/MedicationRequest/signed").status_code == 200
        again = client.get("/fhir/MedicationRequest/birch-clonazepam").json()
        assert again["status"] == "stopped"
        assert again["meta"]["versionId"] == "2"
        assert (
            client.get("/fhir/MedicationRequest?status=active&patient=birch").json()["total"] == 1
        )


def test_a_file_that_is_no_store_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.write_bytes(b"not a database, but long enough to be looked at" * 20)
    with pytest.raises(UnusableStore, match="--fresh"):
        Charts(file)


@pytest.mark.parametrize("url", ["", "localhost:8700", "javascript:alert(1)", "file:///etc/passwd"])
def test_an_address_that_is_no_web_address_is_refused(tmp_path: Path, url: str) -> None:
    for service, public in ((url, "http://ehr.test"), ("http://service.test", url)):
        with pytest.raises(ValueError, match="no http"):
            create_app(
                data_dir=tmp_path,
                today=lambda: date(2026, 11, 23),
                service_url=service,
                public_url=public,
            )


@pytest.mark.parametrize("path", ["/patients/alder", "/fhir/Patient/alder"])
def test_an_unexpected_error_has_an_event_id_and_no_trace(
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    app = make_app()

    def broken(*_: object) -> None:
        raise RuntimeError("alder's secret")

    monkeypatch.setattr(Charts, "read", broken)
    with caplog.at_level(logging.ERROR):
        answer = TestClient(app).get(path)
    assert answer.status_code == 500
    (record,) = caplog.records
    event = str(record.args[0]) if isinstance(record.args, tuple) else ""
    assert event in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for text in (answer.text, caplog.text):
        assert "secret" not in text
        assert "Traceback" not in text
    assert "alder" not in caplog.text


def test_a_restart_on_the_same_day_tells_nothing_again(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telling takes seconds; another edition of the stories is told whatever the day."""
    folder = tmp_path / "kept"
    make_app(data_dir=folder)
    told: list[date] = []
    tell = Charts.tell

    def note(self: Charts, resources: Any, *, on: date, edition: str = "") -> None:
        told.append(on)
        tell(self, resources, on=on, edition=edition)

    monkeypatch.setattr(Charts, "tell", note)
    make_app(data_dir=folder)
    assert told == []
    make_app(lambda: date(2026, 11, 24), data_dir=folder)
    assert told == [date(2026, 11, 24)]
    monkeypatch.setattr("taperguard.sandbox.app.edition", lambda: "another")
    make_app(lambda: date(2026, 11, 24), data_dir=folder)
    assert told == 2 * [date(2026, 11, 24)]


# --- the process ------------------------------------------------------------------------------


def start(*arguments: str) -> Heard:
    return Heard(
        [sys.executable, "-m", "taperguard.sandbox", *arguments],
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def test_the_process_says_one_line_answers_and_ends_on_term(tmp_path: Path) -> None:
    process = start("--port", "0", "--data", str(tmp_path / "a b"), "--today", "2026-11-23")
    try:
        line = process.line()
        assert line.startswith("sandbox EHR: http://localhost:")
        address = line.removeprefix("sandbox EHR: ").strip()
        with urllib.request.urlopen(f"{address}/fhir/Patient/alder", timeout=10) as answer:
            assert b"Synthetic-Alder" in answer.read()
    finally:
        process.send_signal(signal.SIGTERM)
        said, errors = process.communicate(timeout=15)
    assert process.returncode == 0
    assert (said, errors) == ("", "")


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port), "--host", "127.0.0.1", "--data", str(tmp_path))
        said, errors = process.communicate(timeout=15)
    assert process.returncode == 2
    assert said == ""
    assert errors.startswith(f"sandbox EHR: port {port} on 127.0.0.1 cannot be used")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    "wrong", [("--port", "many"), ("--today", "tomorrow"), ("--service-url", "ftp://x")]
)
def test_a_wrong_argument_ends_with_status_2_and_no_trace(
    tmp_path: Path, wrong: tuple[str, str]
) -> None:
    process = start("--data", str(tmp_path), "--port", "0", *wrong)
    said, errors = process.communicate(timeout=15)
    assert process.returncode == 2
    assert said == ""
    assert "Traceback" not in errors
