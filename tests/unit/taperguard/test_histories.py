"""What the doors see of kept histories, and when they ask for a read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cds
import paged_ehr
import pytest
from starlette.testclient import TestClient

from ehr.client import Found
from ehr.history import KeptHistory
from ehr.history_read import read_history
from store import migrate
from taperguard import wiring
from taperguard.app import create_app

MOMENT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
NOBODY = "http://127.0.0.1:1/fhir"


class Nothing:
    """An EHR with one patient and no records."""

    pages = 1

    def read(self, reference: str) -> dict[str, Any]:
        return {"resourceType": "Patient", "id": reference.removeprefix("Patient/")}

    def search(self, kind: str, parameters: object) -> Any:
        assert kind
        assert parameters
        return Found(cds.searchset(), 1)


@pytest.fixture
def make_house(
    make_settings: Callable[..., Any], broker: Any, tmp_path: Path
) -> Iterator[Callable[..., wiring.House]]:
    """`make_house(backend=True)`: a house with one EHR, "paged", and a real Valkey."""
    built: list[wiring.House] = []

    def make(*, backend: bool = True) -> wiring.House:
        text = paged_ehr.registry_text(NOBODY)
        if not backend:
            text = text.replace('backend_client_id = "taperguard-backend"', "")
        registry = tmp_path / "ehrs.toml"
        registry.write_text(text, encoding="utf-8")
        settings = make_settings(broker_url=broker.url, ehrs_file=registry)
        built.append(wiring.build(settings, clock=lambda: MOMENT))
        migrate.upgrade(built[-1].engine)
        return built[-1]

    yield make
    for house in built:
        house.close()


@pytest.fixture
def house(make_house: Callable[..., wiring.House]) -> wiring.House:
    return make_house()


def letters(house: wiring.House, rows: Any) -> int:
    return sum(row["kind"] == "history-wanted" for row in rows(house.engine, "outbox"))


def kept(read_at: datetime = MOMENT) -> KeptHistory:
    return read_history(Nothing(), "p1", on=read_at.date(), now=read_at)


def test_one_letter_is_written_however_often_it_is_wanted(house, rows) -> None:
    assert house.histories.seen("paged", "p1", wanted=False).being_read is False
    for _ in range(3):
        seen = house.histories.seen("paged", "p1", wanted=True)
        assert seen.being_read
        assert seen.kept is None
    assert house.histories.seen("paged", "p1", wanted=False).being_read
    assert letters(house, rows) == 1
    house.histories.seen("paged", "p2", wanted=True)
    assert letters(house, rows) == 2


def test_a_fresh_history_is_seen_and_not_asked_for_again(house, rows) -> None:
    house.histories.kept.keep("paged", "p1", kept().to_bytes())
    seen = house.histories.seen("paged", "p1", wanted=True)
    assert seen.fresh
    assert seen.kept == kept()
    assert letters(house, rows) == 0


def test_an_old_history_is_seen_and_asked_for_again(house, rows) -> None:
    old = kept(MOMENT - timedelta(hours=2))
    house.histories.kept.keep("paged", "p1", old.to_bytes())
    seen = house.histories.seen("paged", "p1", wanted=True)
    assert (seen.fresh, seen.being_read, seen.kept) == (False, True, old)
    assert letters(house, rows) == 1


def test_after_a_failure_its_reason_is_told_and_nobody_asks(house, rows) -> None:
    house.histories.kept.failed("paged", "p1", "it could not be read: no")
    seen = house.histories.seen("paged", "p1", wanted=True)
    assert (seen.trouble, seen.being_read) == ("it could not be read: no", False)
    assert letters(house, rows) == 0


def test_an_ehr_without_a_backend_client_or_without_registration_gets_nothing(
    make_house, rows
) -> None:
    house = make_house(backend=False)
    for ehr_id in ("paged", "nobody"):
        seen = house.histories.seen(ehr_id, "p1", wanted=True)
        assert (seen.kept, seen.being_read, seen.trouble) == (None, False, None)
    assert letters(house, rows) == 0


def test_a_letter_that_cannot_be_written_is_no_promise(house, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("taperguard.histories.outbox.put", full)
    assert not house.histories.seen("paged", "p1", wanted=True).being_read
    monkeypatch.undo()
    assert house.histories.seen("paged", "p1", wanted=True).being_read


def test_what_is_no_history_is_as_good_as_none(house) -> None:
    house.histories.kept.keep("paged", "p1", b"of another version")
    assert house.histories.seen("paged", "p1", wanted=False).kept is None


def page_of_a_list() -> dict[str, Any]:
    page = cds.searchset()
    page["total"] = 1000
    draft = cds.order("new", cds.CLONAZEPAM["1"], 1, status="draft")
    return {**cds.request([draft], prefetch={"medications": page}), "fhirServer": NOBODY}


def test_a_stopped_valkey_keeps_no_order_waiting_and_is_said(house, broker) -> None:
    with TestClient(create_app(house)) as client:
        broker.stop()
        url = "/cds-services/clonazepam-safety"
        client.post(url, json=page_of_a_list())
        began = time.perf_counter()
        body = client.post(url, json=page_of_a_list()).json()
        assert time.perf_counter() - began < 1.0
    why = cds.account_of(body)["opioid-together"]["why"]
    assert "whether a medication history is kept could not be looked up" in why


def test_an_unregistered_ehr_is_promised_nothing(house, rows) -> None:
    with TestClient(create_app(house)) as client:
        asked = {**page_of_a_list(), "fhirServer": "http://127.0.0.1:1/other"}
        body = client.post("/cds-services/clonazepam-safety", json=asked).json()
    why = cds.account_of(body)["opioid-together"]["why"]
    assert "0 of 1000 records were supplied" in why
    assert "history" not in why
    assert letters(house, rows) == 0


def test_order_select_asks_ahead_and_order_sign_only_for_what_is_missing(house, rows) -> None:
    whole = [cds.order("new", cds.CLONAZEPAM["1"], 1, status="draft")]
    url = "/cds-services/clonazepam-safety"
    with TestClient(create_app(house)) as client:
        sign = {**cds.request(whole), "fhirServer": NOBODY}
        assert client.post(url, json=sign).status_code == 200
        assert letters(house, rows) == 0
        select = {**cds.request(whole, hook="order-select"), "fhirServer": NOBODY}
        assert client.post(url, json=select).status_code == 200
        assert letters(house, rows) == 1


def test_feedback_on_the_review_s_card_is_kept(house, rows) -> None:
    order = cds.order("now", cds.CLONAZEPAM["1"], 2, authoredOn="2024-03-03")
    asked = {**cds.request([], hook="patient-view", medications=[order]), "fhirServer": NOBODY}
    url = "/cds-services/clonazepam-review"
    with TestClient(create_app(house)) as client:
        (card,) = client.post(url, json=asked).json()["cards"]
        report = {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {"reason": card["overrideReasons"][0]},
            "outcomeTimestamp": MOMENT.isoformat(),
        }
        assert client.post(f"{url}/feedback", json={"feedback": [report]}).status_code == 200
    (row,) = rows(house.engine, "card_feedback")
    assert (row["card_uuid"], row["service"]) == (card["uuid"], "clonazepam-review")
