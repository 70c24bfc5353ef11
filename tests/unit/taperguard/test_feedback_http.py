"""Feedback over HTTP: kept before it is answered, once, whole or not at all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cds
import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from cds_hooks import door
from cds_hooks.caller import Caller, NotTrusted
from ehr import log
from store.card_months import of_ehr
from store.card_outcomes import Shown
from store.feedback import Outcome
from taperguard import doors, limits, wiring
from taperguard.app import create_app
from taperguard.settings import Settings
from workers.recording import record_cards_shown

SAFETY = "/cds-services/clonazepam-safety"
PATH = f"{SAFETY}/feedback"
CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
COMMENT = "Synthetic-Alder fell in March"

Rows = Callable[..., list[dict[str, Any]]]


def report(card: str = CARD, at: str = "2026-11-23T15:29:00Z", **more: object) -> dict[str, Any]:
    """A card overridden because the patient declines, with a comment."""
    reason = {
        "system": "https://taperguard.org/fhir/CodeSystem/override-reasons",
        "code": "patient-declines",
    }
    return {
        "card": card,
        "outcome": "overridden",
        "overrideReason": {"reason": reason, "userComment": COMMENT},
        "outcomeTimestamp": at,
        **more,
    }


def accepted(card: str, suggestion: str) -> dict[str, Any]:
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": suggestion}],
        "outcomeTimestamp": "2026-11-23T15:29:00Z",
    }


@pytest.fixture
def client(house: wiring.House) -> Iterator[TestClient]:
    log.configure()
    with TestClient(create_app(house), raise_server_exceptions=False) as client:
        yield client


def issue_of(response: Any) -> dict[str, Any]:
    assert response.headers["content-type"].startswith("application/fhir+json")
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    (issue,) = body["issue"]
    return dict(issue)


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("taperguard_feedback_total", {"outcome": outcome}) or 0.0


def test_feedback_is_kept_and_answered_with_200_and_no_body(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    response = client.post(PATH, json={"feedback": [report()]})
    assert response.status_code == 200
    assert response.content == b""
    (row,) = rows(house.engine, "card_feedback")
    assert (row["card_uuid"], row["service"]) == (CARD, "clonazepam-safety")


def test_the_same_call_again_changes_nothing_and_is_answered_the_same(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    body = {"feedback": [report()]}
    before = counted("overridden")
    answers = [client.post(PATH, json=body) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert len(rows(house.engine, "card_feedback")) == 1
    assert counted("overridden") == before + 1


ORDER = cds.request(
    [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
    medications=[cds.order("now", cds.CLONAZEPAM["1"], 2)],
)


def shown(house: wiring.House) -> list[Shown]:
    return list(of_ehr(house.engine, "sandbox", ["2026-11"], enough_patients=11))


def called_by(house: wiring.House, ehr_id: str | None) -> TestClient:
    """The door as a client of this EHR finds it; None: nobody says who calls."""
    sandbox = house.registry.get("sandbox")
    assert sandbox is not None
    ehr = {None: None, "sandbox": sandbox}.get(ehr_id, replace(sandbox, id=ehr_id or ""))

    async def trust(_: Request) -> Caller:
        return Caller(ehr)

    given = replace(doors.cds_hooks_collaborators(house), trust=trust)
    return TestClient(Starlette(routes=door.routes(given)))


def card_of(client: TestClient) -> dict[str, Any]:
    """A card that users of the sandbox were shown."""
    response = client.post(SAFETY, json=ORDER | {"fhirServer": "http://localhost:8701/fhir"})
    card: dict[str, Any] = response.json()["cards"][0]
    return card


def carry_out(house: wiring.House, rows: Rows) -> None:
    letters = [str(letter["id"]) for letter in rows(house.engine, "outbox")]
    record_cards_shown(house.engine, house.sealer, letters, house.now())


def outcomes(check: str, outcome: str, reason: str) -> float:
    labels = {"check": check, "outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("taperguard_card_outcomes_total", labels) or 0.0


def test_a_card_is_answered_accepted_and_joined_when_the_outbox_has_run(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    """The whole way: a card over HTTP, its suggestion accepted, then its letter carried out."""
    card = card_of(client)
    before = outcomes("dose-escalation", "accepted", "none")
    given = accepted(card["uuid"], card["suggestions"][0]["uuid"])
    assert client.post(PATH, json={"feedback": [given]}).status_code == 200
    assert outcomes("dose-escalation", "accepted", "none") == before + 1
    assert shown(house) == []
    carry_out(house, rows)
    (one,) = shown(house)
    spoken_for = {c["check"] for c in card["extension"]["org.taperguard.assessment"]["checks"]}
    assert "dose-escalation" in spoken_for
    assert set(one.checks) == spoken_for
    assert (one.month, one.outcome, one.cards) == ("2026-11", Outcome.ACCEPTED, 1)
    assert one.user_role == ORDER["context"]["userId"].partition("/")[0] == "Practitioner"
    assert one.rules_version == card["extension"]["org.taperguard.assessment"]["rules_version"]


@pytest.mark.parametrize("recorded", [False, True], ids=["remembered", "recorded"])
@pytest.mark.parametrize(
    ("ehr_id", "path"),
    [("elsewhere", PATH), ("sandbox", "/cds-services/clonazepam-review/feedback")],
    ids=["another EHR", "another service"],
)
def test_a_report_on_somebody_else_s_card_is_taken_and_changes_nothing(
    house: wiring.House, rows: Rows, ehr_id: str, path: str, recorded: bool
) -> None:
    """200, for the reporter cannot mend it; the card is neither settled nor overridden."""
    card = card_of(called_by(house, "sandbox"))
    if recorded:
        carry_out(house, rows)
    before = outcomes("not-shown-here", "overridden", "will-monitor")
    response = called_by(house, ehr_id).post(path, json={"feedback": [monitored(card)]})
    assert (response.status_code, response.content) == (200, b"")
    assert outcomes("not-shown-here", "overridden", "will-monitor") == before + 1
    carry_out(house, rows)
    assert [(one.outcome, one.cards) for one in shown(house)] == [(None, 1)]
    (remembered,) = rows(house.engine, "card_memory")
    assert remembered["settled_at"] is None
    assert rows(house.engine, "follow_ups") == []


@pytest.mark.parametrize("ehr_id", ["sandbox", None])
def test_the_report_of_who_was_shown_the_card_settles_it(
    house: wiring.House, rows: Rows, ehr_id: str | None
) -> None:
    card = card_of(called_by(house, ehr_id))
    other = called_by(house, "elsewhere").post(PATH, json={"feedback": [monitored(card)]})
    own = called_by(house, ehr_id).post(PATH, json={"feedback": [monitored(card)]})
    assert (other.status_code, own.status_code) == (200, 200)
    carry_out(house, rows)
    assert [(one.outcome, one.cards) for one in shown(house)] == [(Outcome.OVERRIDDEN, 1)]
    assert len(rows(house.engine, "follow_ups")) == 1


def monitored(card: dict[str, Any]) -> dict[str, Any]:
    reason = {"system": report()["overrideReason"]["reason"]["system"], "code": "will-monitor"}
    return report(card["uuid"], overrideReason={"reason": reason})


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        ({"reason": {"code": "will-monitor"}}, "code-of-the-ehr"),
        ({"reason": {"system": "https://ehr.example", "code": "Alder"}}, "code-of-the-ehr"),
        ({"reason": {"display": "Synthetic-Alder"}}, "in-words-only"),
        ({"userComment": COMMENT}, "in-words-only"),
        (None, "none"),
    ],
)
def test_what_an_ehr_writes_is_never_a_label_of_a_metric(
    client: TestClient, reason: dict[str, Any] | None, label: str
) -> None:
    """Only our own codes are told; the bare code is not ours without its system."""
    before = outcomes("not-shown-here", "overridden", label)
    client.post(PATH, json={"feedback": [report(overrideReason=reason)]})
    assert outcomes("not-shown-here", "overridden", label) == before + 1
    assert "Alder" not in client.get("/metrics").text


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ("Practitioner/7", "Practitioner"),
        ("PractitionerRole/7", "PractitionerRole"),
        ("Patient/p1", "Patient"),
        ("RelatedPerson/7", "RelatedPerson"),
        ("https://ehr.example/fhir/Practitioner/7", "Practitioner"),
        ("Person/7", None),
        ("7", None),
        ("Synthetic Alder", None),
    ],
)
def test_of_who_saw_a_card_only_the_type_is_told(user: str, role: str | None) -> None:
    assert doors.role_of(user) == role


def test_a_bad_second_report_keeps_the_first_out_as_well(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    response = client.post(PATH, json={"feedback": [report(), report(outcome="ignored")]})
    assert response.status_code == 400
    assert issue_of(response)["expression"] == ["feedback[1].outcome"]
    assert rows(house.engine, "card_feedback") == []


@pytest.mark.parametrize(
    ("raw", "status", "field"),
    [
        (b"not json", 400, "body"),
        (b"{}", 400, "feedback"),
        (b'{"feedback": []}', 400, "feedback"),
        (b" " * (limits.MOST_BODY_BYTES + 1), 413, "body"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_field_s_name(
    client: TestClient, raw: bytes, status: int, field: str
) -> None:
    response = client.post(PATH, content=raw)
    assert response.status_code == status
    assert issue_of(response)["expression"] == [field]


def test_an_unknown_service_is_a_404(client: TestClient, house: wiring.House, rows: Rows) -> None:
    response = client.post("/cds-services/other/feedback", json={"feedback": [report()]})
    assert response.status_code == 404
    assert issue_of(response)["code"] == "not-found"
    assert rows(house.engine, "card_feedback") == []


def test_production_takes_no_feedback_from_strangers(house: wiring.House, rows: Rows) -> None:
    """Bare 401, for known and unknown services alike."""

    async def nobody(_: Request) -> Caller:
        raise NotTrusted("no-token")

    closed = replace(doors.cds_hooks_collaborators(house), trust=nobody)
    client = TestClient(Starlette(routes=door.routes(closed)))
    for path in (PATH, "/cds-services/other/feedback"):
        response = client.post(path, json={"feedback": [report()]})
        assert (response.status_code, response.content) == (401, b"")
    assert rows(house.engine, "card_feedback") == []


def test_two_clients_that_send_the_same_at_once_are_both_answered(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    body = {"feedback": [report(), report(at="2026-11-23T15:29:30Z")]}
    gate = threading.Barrier(2)
    statuses: list[int] = []

    def send() -> None:
        gate.wait()
        statuses.append(client.post(PATH, json=body).status_code)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]
    assert len(rows(house.engine, "card_feedback")) == 2


def test_a_database_without_its_table_is_a_503_that_says_when_to_come_back(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    """And when the database is well again, the same call is kept."""
    body = {"feedback": [report()]}
    with house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE card_feedback RENAME TO away"))
    response = client.post(PATH, json=body)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert issue_of(response)["code"] == "transient"
    with house.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO card_feedback"))
    assert client.post(PATH, json=body).status_code == 200
    assert len(rows(house.engine, "card_feedback")) == 1


@pytest.mark.parametrize(
    "url", ["postgresql://tg@/tg?host=/nowhere", "sqlite:////nowhere/at all/tg.db"]
)
def test_a_database_that_cannot_be_reached_is_a_503(
    make_settings: Callable[..., Settings], url: str
) -> None:
    house = wiring.build(make_settings(database_url=url))
    response = TestClient(create_app(house)).post(PATH, json={"feedback": [report()]})
    house.close()
    assert response.status_code == 503
    assert "retry-after" in response.headers


def test_a_commit_that_fails_is_a_503_and_nothing_is_kept_or_counted(
    client: TestClient, house: wiring.House, rows: Rows
) -> None:
    """The disk fills up at the last moment, after every row was written."""

    def full(_: object) -> None:
        raise OperationalError("COMMIT", None, OSError("no space left"))

    before = counted("overridden")
    sa.event.listen(house.engine, "commit", full)
    response = client.post(PATH, json={"feedback": [report(), report(at="2026-11-23T15:29:30Z")]})
    sa.event.remove(house.engine, "commit", full)
    assert response.status_code == 503
    assert rows(house.engine, "card_feedback") == []
    assert counted("overridden") == before


def test_an_error_of_ours_is_a_500_with_an_event_id(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(COMMENT)

    monkeypatch.setattr("cds_hooks.door.read_feedback", broken)
    response = client.post(PATH, json={"feedback": [report()]})
    assert response.status_code == 500
    assert "Event " in issue_of(response)["diagnostics"]
    assert "Alder" not in response.text


def test_neither_log_nor_metrics_hold_the_comment_or_a_card(
    client: TestClient, house: wiring.House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kept, refused, failed: three ways to let something slip."""
    log.configure()
    client.post(PATH, json={"feedback": [report()]})
    client.post(PATH, json={"feedback": [report(outcome="ignored")]})
    with house.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE card_feedback"))
    client.post(PATH, json={"feedback": [report()]})
    logging.getLogger().handlers[0].flush()
    written = capsys.readouterr().err
    assert "feedback kept" in written
    assert "feedback not kept" in written
    metrics = client.get("/metrics").text
    assert 'taperguard_feedback_total{outcome="overridden"}' in metrics
    for text in (written, metrics):
        assert "Alder" not in text
        assert CARD not in text
