"""Feedback: written with the answer that it reports, delivered when the service is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from taperguard.sandbox.app import DATA_FILE
from taperguard.sandbox.cds import feedback
from taperguard.sandbox.cds.feedback import Sender, State
from taperguard.sandbox.records.store import Charts

MakeCard = Callable[..., dict[str, Any]]
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def charts(tmp_path: Path) -> Charts:
    return Charts(tmp_path / "kept" / "x.sqlite3")


def queue(charts: Charts, service: Any, card: str = "card-1") -> None:
    with charts.transaction(writing=True) as db:
        feedback.put(
            db,
            "alder",
            service=f"{service.url}/cds-services/judge",
            feedback=feedback.overridden(card, None, "", "2026-11-23T10:00:00.000Z"),
            words="x",
        )


def states(charts: Charts) -> list[State]:
    return [item.state for item in feedback.feedback_of(charts, "alder")]


def test_what_waits_is_sent_in_order_and_only_once(charts: Charts, service: Any) -> None:
    queue(charts, service, "a")
    queue(charts, service, "b")
    sender = Sender(charts)
    assert sender.send()
    assert sender.send()
    assert [item["card"] for item in service.taken] == ["a", "b"]
    assert states(charts) == [State.DELIVERED, State.DELIVERED]


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 401])
def test_what_the_service_could_not_take_waits(charts: Charts, service: Any, status: int) -> None:
    queue(charts, service)
    service.feedback_status = status
    sender = Sender(charts)
    assert not sender.send()
    assert states(charts) == [State.WAITING]
    service.feedback_status = 200
    assert sender.send()
    assert states(charts) == [State.DELIVERED]


@pytest.mark.parametrize(
    ("status", "state"),
    [(404, State.NOT_SUPPORTED), (400, State.REFUSED), (204, State.DELIVERED)],
)
def test_what_is_over_is_not_sent_again(
    charts: Charts, service: Any, status: int, state: State
) -> None:
    queue(charts, service)
    service.feedback_status = status
    assert Sender(charts).send()
    assert states(charts) == [state]


def test_one_dead_service_does_not_hold_up_another(charts: Charts, service: Any) -> None:
    class Dead:
        url = "http://127.0.0.1:1"

    queue(charts, Dead)
    queue(charts, service)
    assert not Sender(charts).send()
    assert states(charts) == [State.DELIVERED, State.WAITING]


def test_feedback_outlives_a_restart(
    make_app: Callable[..., Starlette], service: Any, a_card: MakeCard, tmp_path: Path, until: Any
) -> None:
    """Answered while the service is away, sent by the next process; said to the prescriber."""
    service.cards = [a_card()]
    service.feedback_status = 503
    with TestClient(make_app(service_url=service.url), base_url="http://ehr.test") as client:
        home = "/patients/alder/orders"
        sent = {"product": "clonazepam 1 mg tablet", "amount": "1", "unit": "each"}
        sent |= {"frequency": "at-bedtime", "quantity": "30", "refills": "0", "revision": "0"}
        client.post(f"{home}/add", data=sent)
        (number,) = re.findall(r'id="card-(\d+)"', client.get(home).text)
        answer = {"revision": "1", "card": number, "reason": "fine", "comment": "She knows."}
        assert client.post(f"{home}/override", data=answer).status_code == 200
    charts = Charts(tmp_path / "data with a space" / DATA_FILE)
    assert states(charts) == [State.WAITING]
    assert service.taken == []
    service.feedback_status = 200
    with TestClient(make_app(service_url=service.url), base_url="http://ehr.test") as client:
        until(lambda: service.taken, 10, "the feedback arrives")
        until(lambda: states(charts) == [State.DELIVERED], 10)
        page = client.get("/patients/alder/orders").text
    assert "delivered" in page
    (told,) = service.taken
    assert INSTANT.fullmatch(told.pop("outcomeTimestamp"))
    assert told == {
        "card": "card-1",
        "outcome": "overridden",
        "overrideReason": {
            "reason": {
                "code": "fine",
                "system": "https://judge.test/reasons",
                "display": "It is fine",
            },
            "userComment": "She knows.",
        },
    }


def test_the_thread_tries_again_until_the_service_is_back(
    charts: Charts, service: Any, until: Any
) -> None:
    service.feedback_status = 503
    sender = Sender(charts, soonest=0.05)
    sender.start()
    try:
        queue(charts, service)
        sender.wake()
        until(lambda: feedback.feedback_of(charts, "alder")[0].tries >= 2, 10)
        service.feedback_status = 200
        until(lambda: states(charts) == [State.DELIVERED], 10)
    finally:
        sender.stop()
