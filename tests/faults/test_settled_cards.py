"""What was settled survives a kill, and a database that is locked or broken delays no card."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cds
import judged
import psutil
import pytest
import sqlalchemy as sa
from ports import free_port
from sqlalchemy.engine import Engine
from starlette.testclient import TestClient

from cds_hooks.memory import NOT_RECALLED
from taperguard import doors, memory, wiring
from taperguard.app import create_app

SAFETY = "/cds-services/clonazepam-safety"
RECALL_SECONDS = 1.0
"""More than in the product: on a machine that runs other tests nothing else may be too slow."""

MOST_SECONDS = RECALL_SECONDS + doors.KEEPING_SECONDS + 2
"""What waits for the database, and the assessment itself; SQLite alone would wait for 5."""


def order(per_day: int = 3) -> dict[str, Any]:
    draft = cds.order("new", cds.CLONAZEPAM["1"], per_day, status="draft")
    return cds.request([draft], medications=[cds.order("now", cds.CLONAZEPAM["1"], 2)])


def overridden(card: str, at: datetime) -> dict[str, Any]:
    report = {"card": card, "outcome": "overridden", "outcomeTimestamp": at.isoformat()}
    return {"feedback": [report]}


@contextlib.contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Somebody else holds the table (PostgreSQL), or writes and does not end (SQLite)."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("LOCK TABLE card_memory IN ACCESS EXCLUSIVE MODE"))
        else:
            connection.execute(sa.text("DELETE FROM card_memory WHERE card_uuid = ''"))
        try:
            yield
        finally:
            connection.rollback()


@pytest.fixture
def client(
    house: wiring.House, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> Iterator[TestClient]:
    """A client of a house whose tables were read once; one card was overridden."""
    monkeypatch.setattr(memory, "RECALL_SECONDS", RECALL_SECONDS)
    client = TestClient(create_app(house))
    (card,) = client.post(SAFETY, json=order()).json()["cards"]
    answer = client.post(f"{SAFETY}/feedback", json=overridden(card["uuid"], house.now()))
    assert answer.status_code == 200
    yield client
    # What came too late goes on behind us, and ends before its database does.
    until(lambda: all(it.name != memory.WORKS for it in threading.enumerate()), 20)


def asked(client: TestClient, request: dict[str, Any]) -> tuple[Any, float]:
    """The answer, and the seconds that it took."""
    began = time.monotonic()
    response = client.post(SAFETY, json=request)
    assert response.status_code == 200
    return response.json(), time.monotonic() - began


def notes(body: Any) -> list[str]:
    found: list[str] = body["extension"]["org.taperguard.assessment"].get("notes", [])
    return found


def test_a_locked_database_delays_no_card_and_the_account_says_what_is_missing(
    client: TestClient, house: wiring.House
) -> None:
    """SQLite is read while somebody writes: there only the keeping of what is shown has to wait."""
    read = house.engine.dialect.name == "sqlite"
    with locked(house.engine):
        body, seconds = asked(client, order(per_day=4))
        assert len(body["cards"]) == 1
        assert body["extension"]["org.taperguard.recorded"] is False
        assert (NOT_RECALLED in notes(body)) is not read
        assert seconds < MOST_SECONDS
        body, seconds = asked(client, order())
        assert len(body["cards"]) == (0 if read else 1)
        assert seconds < MOST_SECONDS


def test_a_memory_that_cannot_be_read_keeps_nothing_quiet_and_says_so(
    client: TestClient, house: wiring.House
) -> None:
    with house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE card_memory RENAME TO away"))
    body, _ = asked(client, order())
    assert len(body["cards"]) == 1
    assert NOT_RECALLED in notes(body)
    with house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO card_memory"))
    body, _ = asked(client, order())
    assert (body["cards"], NOT_RECALLED in notes(body)) == ([], False)


class Service:
    """`taperguard serve` in a process of its own."""

    def __init__(self, keep: Callable[..., Any], data: Path) -> None:
        self.port = free_port()
        self.keep, self.data = keep, data
        self.kept: Any = None

    def start(self, until: Callable[..., None]) -> None:
        command = [sys.executable, "-m", "taperguard", "serve"]
        environment = {
            "TAPERGUARD_DATA": str(self.data),
            "TAPERGUARD_PORT": str(self.port),
            "TAPERGUARD_BROKER_URL": "redis+socket:///nowhere/broker.sock",
        }
        log = self.data.with_suffix(".log")
        self.kept = self.keep(command, log, environment=environment)
        until(self._answers, 90, f"the service did not come up, see {log}")

    def kill(self) -> None:
        """Kill -9, in the middle of whatever it does."""
        for process in psutil.Process(self.kept.process.pid).children(recursive=True):
            os.kill(process.pid, signal.SIGKILL)
        self.kept.stop()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            raw = response.read()
        answer = json.loads(raw) if raw else None
        judged.found += [] if answer is None else judged.answer_faults(answer, body)
        return answer

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                return True
        except OSError:
            return False


def test_what_was_settled_before_a_kill_is_settled_after_the_next_start(
    keep: Callable[..., Any], until: Callable[..., None], tmp_path: Path, clean_environment: None
) -> None:
    """No worker ever ran, and no broker."""
    service = Service(keep, tmp_path / "data of it")
    service.start(until)
    (card,) = service.post(SAFETY, order())["cards"]
    service.post(f"{SAFETY}/feedback", overridden(card["uuid"], datetime.now(UTC)))
    service.kill()
    service.start(until)

    def is_quiet() -> bool:
        # On a busy machine the memory may miss its quarter of a second, and says so.
        body = service.post(SAFETY, order())
        assert NOT_RECALLED in notes(body) or body["cards"] == []
        return not body["cards"]

    until(is_quiet, 30, "the card came back")
    assert len(service.post(SAFETY, order(per_day=4))["cards"]) == 1
