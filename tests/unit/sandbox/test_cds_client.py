"""The CDS Hooks client: what it sends, what it believes, and what it does when there is trouble."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from ports import free_port

from taperguard.sandbox.cds import cards
from taperguard.sandbox.cds.cards import Card, Nonsense, read_answer, read_card
from taperguard.sandbox.cds.discovery import KEPT_SECONDS, Discovery, NoDiscovery
from taperguard.sandbox.cds.http import Ask, exchange
from taperguard.sandbox.cds.prefetch import CannotFill, fill, with_context
from taperguard.sandbox.patients import build_all, read_stories
from taperguard.sandbox.records import json_text
from taperguard.sandbox.records.question import understand
from taperguard.sandbox.records.store import Charts

MakeCard = Callable[..., dict[str, Any]]
BASE = "http://ehr.test/fhir"
CONTEXT = {"patientId": "alder", "userId": "Practitioner/hazel"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Charts:
    """The charts of all stories, for reading only."""
    charts = Charts(tmp_path_factory.mktemp("told") / "x.sqlite3")
    charts.tell(build_all(read_stories(), date(2026, 11, 23)), on=date(2026, 11, 23))
    return charts


# --- prefetch ---------------------------------------------------------------------------------


def test_a_read_is_the_resource_and_null_when_there_is_none(told: Charts) -> None:
    templates = {
        "patient": "Patient/{{context.patientId}}",
        "doctor": "Practitioner/{{userPractitionerId}}",
    }
    filled = fill(templates, CONTEXT, told, base=BASE)
    assert filled["patient"]["id"] == "alder"
    assert filled["doctor"]["id"] == "hazel"
    nobody = fill({"patient": "Patient/{{context.patientId}}"}, {"patientId": "x"}, told, base=BASE)
    assert nobody == {"patient": None}


def test_a_search_has_all_pages_in_one_bundle(told: Charts) -> None:
    """Magpie's long history has more orders than the largest page of this EHR (200)."""
    filled = fill(
        {"m": "MedicationRequest?patient={{context.patientId}}"},
        {"patientId": "magpie"},
        told,
        base=BASE,
    )
    bundle = filled["m"]
    assert bundle["total"] > 200
    assert len(bundle["entry"]) == bundle["total"]
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == bundle["total"]
    assert "link" not in bundle


def test_a_search_that_finds_nothing_is_an_empty_bundle(told: Charts) -> None:
    filled = fill(
        {"o": "Observation?patient={{context.patientId}}"},
        {"patientId": "cedar"},
        told,
        base=BASE,
    )
    assert filled == {"o": {"resourceType": "Bundle", "type": "searchset", "total": 0}}


def test_a_count_of_the_service_is_kept_and_the_rest_is_announced(told: Charts) -> None:
    filled = fill({"m": "MedicationRequest?patient=magpie&_count=5"}, CONTEXT, told, base=BASE)
    assert len(filled["m"]["entry"]) == 5
    assert [link["relation"] for link in filled["m"]["link"]] == ["next"]


def test_of_a_thousand_records_the_first_page_is_sent_and_the_rest_announced(
    told: Charts,
) -> None:
    """550 orders: 50 of amlodipine come first, and no clonazepam is among them."""
    context = {"patientId": "spruce"}
    template = "MedicationRequest?patient={{context.patientId}}"
    bundle = fill({"m": template}, context, told, base=BASE)["m"]
    assert (bundle["total"], len(bundle["entry"])) == (550, 50)
    assert "clonazepam" not in json_text.write(bundle["entry"])
    (link,) = bundle["link"]
    assert link["relation"] == "next"
    pairs = parse_qsl(urlsplit(link["url"]).query)
    following = told.find(understand("MedicationRequest", pairs, base=BASE, strict=True), base=BASE)
    assert len(following.matches) == 50
    assert following.matches[0].id > bundle["entry"][-1]["resource"]["id"]


@pytest.mark.parametrize(
    "template",
    [
        "Goal?patient={{context.patientId}}",
        "MedicationRequest?patient={{context.encounterId}}",
        "MedicationRequest?patient={{today()}}",
        "MedicationRequest?patient={{context.patientId}}&colour=blue",
        "MedicationRequest?patient:exact={{context.patientId}}",
        "{{context.patientId}}",
    ],
)
def test_a_template_that_cannot_be_filled_is_left_out(told: Charts, template: str) -> None:
    assert fill({"x": template}, CONTEXT, told, base=BASE) == {}


def test_a_token_never_brings_in_more_than_an_id() -> None:
    with pytest.raises(CannotFill):
        with_context("Patient/{{context.patientId}}", {"patientId": "x?name=a&_count=1"})
    assert with_context("Patient/{{ context.patientId }}", CONTEXT) == "Patient/alder"


# --- discovery --------------------------------------------------------------------------------


def test_discovery_is_kept_for_a_minute(service: Any) -> None:
    clock = {"now": 100.0}
    discovery = Discovery(service.url, clock=lambda: clock["now"])
    (found,) = discovery.services("order-sign")
    assert (found.id, found.title) == ("judge", "The judge")
    assert found.address == f"{service.url}/cds-services/judge"
    service.discovery = {"services": []}
    clock["now"] += KEPT_SECONDS - 1
    assert len(discovery.services("order-select")) == 1
    clock["now"] += 1
    assert discovery.services("order-select") == []


@pytest.mark.parametrize("said", [[], {}, {"services": None}, "no"])
def test_a_discovery_that_cannot_be_read_is_trouble_and_not_kept(service: Any, said: Any) -> None:
    good, service.discovery = service.discovery, said
    discovery = Discovery(service.url)
    with pytest.raises(NoDiscovery):
        discovery.services("order-sign")
    service.discovery = good
    assert len(discovery.services("order-sign")) == 1


def test_services_that_are_none_are_passed_over(service: Any) -> None:
    whole = service.discovery["services"][0]
    service.discovery = {"services": [3, {}, {"hook": "order-select", "id": ""}, whole]}
    assert len(Discovery(service.url).services("order-select")) == 1


# --- the exchange -----------------------------------------------------------------------------


def test_a_service_that_is_down_is_a_sentence() -> None:
    (answer,) = exchange([Ask(f"http://127.0.0.1:{free_port()}/cds-services")])
    assert (answer.status, answer.problem) == (None, "it could not be reached")


def test_a_slow_service_is_given_up_and_holds_up_no_other(service: Any) -> None:
    service.seconds = 1.0
    slow = Ask(f"{service.url}/cds-services/judge", "{}")
    began = time.monotonic()
    late, quick = exchange([slow, Ask(f"{service.url}/cds-services")], total_seconds=0.3)
    assert time.monotonic() - began < 0.9
    assert late.problem == "it did not answer within 0.3 seconds"
    assert quick.status == 200


def test_one_that_drips_is_given_up_in_time() -> None:
    """Each byte comes in time, the answer never does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        began = time.monotonic()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                try:
                    for _ in range(100):
                        connection.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        (answer,) = exchange([Ask(f"http://127.0.0.1:{port}/x")], total_seconds=0.3)
        assert time.monotonic() - began < 1
        thread.join()
    assert answer.problem == "it did not answer within 0.3 seconds"


@pytest.mark.parametrize("status", [204, 301, 400, 404, 412, 500, 503])
def test_only_a_2xx_is_an_answer(service: Any, status: int) -> None:
    service.status = status
    service.body = b"" if status == 204 else None
    (answer,) = exchange([Ask(f"{service.url}/cds-services/judge", "{}")])
    assert answer.status == status
    assert bool(answer.problem) is (status != 204)


def test_an_answer_that_is_no_utf8_is_trouble(service: Any) -> None:
    service.body = b"\xff\xfe"
    (answer,) = exchange([Ask(f"{service.url}/cds-services/judge", "{}")])
    assert answer.problem == "its answer is no UTF-8"


# --- cards ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[]",
        "{}",
        '{"cards": null}',
        '{"cards": {}}',
        '{"cards": [], "systemActions": []}',
        '{"cards": ["\\ud800"]}',
        '{"cards": ' + 70 * "[" + 70 * "]" + "}",
        '{"cards": ' + 100_000 * "[" + 100_000 * "]" + "}",
        '{"cards": [NaN]}',
    ],
)
def test_an_answer_that_is_none_is_nonsense(text: str) -> None:
    with pytest.raises(Nonsense):
        read_answer(text)


ACTION = {"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/d1"}
SUGGESTION = {"label": "Do", "actions": [ACTION]}


def test_a_good_card_is_read_whole(a_card: MakeCard) -> None:
    link = {"label": "More", "url": "https://judge.test/more", "type": "absolute"}
    card = read_card(a_card(ACTION, links=[link]))
    assert isinstance(card, Card)
    assert (card.summary, card.indicator, card.only_one) == ("Mind the dose", "warning", True)
    assert card.suggestions[0].actions == (ACTION,)
    assert card.links == (cards.Link("More", "https://judge.test/more", is_smart=False),)


@pytest.mark.parametrize(
    "more",
    [
        {"summary": None},
        {"summary": " "},
        {"summary": "x" * 140},
        {"indicator": "hard-stop"},
        {"indicator": None},
        {"detail": 3},
        {"uuid": 7},
        {"source": None},
        {"source": {}},
        {"source": {"label": "x", "url": "/why"}},
        {"source": {"label": "x", "url": "javascript:alert(1)"}},
        {"suggestions": []},
        {"suggestions": {}},
        {"suggestions": [{}], "selectionBehavior": "any"},
        {"suggestions": [SUGGESTION]},
        {"suggestions": [SUGGESTION], "selectionBehavior": "all"},
        {"suggestions": [{**SUGGESTION, "uuid": 1}], "selectionBehavior": "any"},
        {"suggestions": [{**SUGGESTION, "isRecommended": "yes"}], "selectionBehavior": "any"},
        {"suggestions": [{**SUGGESTION, "actions": {}}], "selectionBehavior": "any"},
        {
            "suggestions": [{**SUGGESTION, "isRecommended": True}] * 2,
            "selectionBehavior": "at-most-one",
        },
        *(
            {"suggestions": [{"label": "x", "actions": [action]}], "selectionBehavior": "any"}
            for action in (
                {},
                {**ACTION, "type": "sign"},
                {**ACTION, "description": ""},
                {"type": "delete", "description": "x"},
                {"type": "create", "description": "x"},
                {"type": "update", "description": "x", "resource": "d1"},
            )
        ),
        {"overrideReasons": {}},
        {"overrideReasons": [{"code": "x", "system": "y"}]},
        {"links": "https://judge.test"},
        {"links": [{"url": "https://judge.test", "type": "absolute"}]},
        {"links": [{"label": "x", "url": "more.html", "type": "absolute"}]},
        {"links": [{"label": "x", "url": "https://judge.test", "type": "popup"}]},
        {"links": [{"label": "x", "url": "https://a.test", "type": "absolute", "appContext": "1"}]},
    ],
)
def test_a_card_that_is_not_understood_whole_is_an_error_with_reasons(
    a_card: MakeCard, more: dict[str, Any]
) -> None:
    faults = read_card(a_card(**more))
    assert isinstance(faults, list)
    assert faults


def test_a_summary_of_139_characters_is_read(a_card: MakeCard) -> None:
    assert isinstance(read_card(a_card(summary="x" * 139)), Card)


# --- what is sent -----------------------------------------------------------------------------


def test_order_select_sends_all_drafts_and_says_which_are_selected(
    ordering: Callable[[str], Any], service: Any
) -> None:
    screen = ordering("alder")
    screen.add()
    screen.add("oxycodone 5 mg tablet", amount="1", frequency="every-6-hours", quantity="20")
    first, second = screen.drafts
    screen.post("select", order=first)
    asked = service.asked[-1]
    assert asked["hook"] == "order-select"
    uuid.UUID(asked["hookInstance"])
    assert len({item["hookInstance"] for item in service.asked}) == len(service.asked) == 3
    assert asked["fhirServer"] == BASE
    context = asked["context"]
    assert (context["userId"], context["patientId"]) == ("Practitioner/hazel", "alder")
    assert context["encounterId"] == "alder-visit"
    assert context["selections"] == [f"MedicationRequest/{second}"]
    drafts = [entry["resource"] for entry in context["draftOrders"]["entry"]]
    assert [draft["id"] for draft in drafts] == [first, second]
    assert {draft["status"] for draft in drafts} == {"draft"}
    assert asked["prefetch"]["patient"]["id"] == "alder"
    assert asked["prefetch"]["medications"]["total"] > 3


def test_order_sign_sends_only_what_is_to_be_signed(
    ordering: Callable[[str], Any], service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card()]
    screen = ordering("alder")
    screen.add()
    screen.add("oxycodone 5 mg tablet", quantity="20")
    first, second = screen.drafts
    screen.post("select", order=first)
    screen.post("sign", step="check")
    asked = service.asked[-1]
    assert asked["hook"] == "order-sign"
    assert "selections" not in asked["context"]
    assert [e["resource"]["id"] for e in asked["context"]["draftOrders"]["entry"]] == [second]


def test_every_digit_of_a_dose_is_sent(ordering: Callable[[str], Any], service: Any) -> None:
    """A float on the way would have made 0.5 of it."""
    screen = ordering("alder")
    screen.add(unit="mg", amount="0.50")
    sent = screen.client.get(f"{screen.path}/calls/1/request").text
    assert '"value": 0.50,' in sent


def test_the_inspector_shows_request_answer_and_time(
    ordering: Callable[[str], Any], service: Any, tmp_path: Path
) -> None:
    screen = ordering("alder")
    screen.add()
    assert "1 call to the safety service, last order-select 200 in" in screen.html
    assert "&#34;hook&#34;: &#34;order-select&#34;" in screen.html
    for part in ("request", "response"):
        answer = screen.client.get(f"{screen.path}/calls/1/{part}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        json.loads(answer.text)
    assert screen.client.get(f"{screen.path}/calls/99/request").status_code == 404
