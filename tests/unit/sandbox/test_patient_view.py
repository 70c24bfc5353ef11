"""When a chart is opened: services are asked, their cards shown quietly, and nobody waits long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ehr_screen import Screen
from starlette.applications import Starlette
from starlette.testclient import TestClient

EHR = "http://ehr.test"
REVIEW = {
    "hook": "patient-view",
    "id": "review",
    "title": "The review",
    "prefetch": {
        "patient": "Patient/{{context.patientId}}",
        "medications": "MedicationRequest?patient={{context.patientId}}",
    },
}


@pytest.fixture
def browser(make_app: Callable[..., Starlette], service: Any) -> Iterator[TestClient]:
    service.discovery["services"].append(REVIEW)
    with TestClient(make_app(service_url=service.url), base_url=EHR) as client:
        yield client


def test_opening_a_chart_asks_with_the_context_of_the_specification(
    browser: TestClient, service: Any
) -> None:
    assert browser.get("/patients/alder").status_code == 200
    (asked,) = service.asked
    assert asked["hook"] == "patient-view"
    assert asked["context"] == {
        "userId": "Practitioner/hazel",
        "patientId": "alder",
        "encounterId": "alder-visit",
    }
    assert asked["fhirServer"] == f"{EHR}/fhir"
    assert asked["prefetch"]["patient"]["id"] == "alder"
    assert asked["prefetch"]["medications"]["resourceType"] == "Bundle"


def test_a_card_is_shown_in_the_chart_and_beside_the_orders(
    browser: TestClient, service: Any, a_card: Callable[..., Any], visible: Callable[[str], str]
) -> None:
    link = {
        "label": "Open the planner",
        "url": f"{service.url}/smart/launch",
        "type": "smart",
        "appContext": "plan & all",
    }
    service.cards = [a_card(summary="Clonazepam for 7 months", indicator="info", links=[link])]
    page = browser.get("/patients/alder").text
    words = visible(page)
    assert "Decision support on this chart" in words
    assert "Information Clonazepam for 7 months" in words
    assert "<strong>Why:</strong> it is high" in page
    assert "&amp;appContext=plan%20%26%20all" in page
    orders = visible(browser.get("/patients/alder/orders").text)
    assert "Clonazepam for 7 months" in orders
    assert service.hooks() == ["patient-view"]  # asked once for the work on one chart


def test_the_card_of_a_chart_is_no_card_of_an_order(
    browser: TestClient, service: Any, a_card: Callable[..., Any]
) -> None:
    service.cards = [a_card(summary="Of the chart")]
    screen = Screen(browser, "alder")
    service.cards = []
    screen.add("lisinopril 10 mg tablet", frequency="once-a-day", quantity="30")
    assert screen.cards == []
    screen.sign()
    assert "Of the chart" in screen.words
    assert service.taken == []


def test_the_call_stands_in_the_inspector(browser: TestClient, service: Any) -> None:
    service.cards = []
    screen = Screen(browser, "alder")
    inspector = screen.html.partition('id="inspector"')[2]
    assert "<strong>patient-view</strong>" in inspector
    assert f"{service.url}/cds-services/review" in inspector
    assert "&#34;hook&#34;: &#34;patient-view&#34;" in inspector


def test_a_service_that_has_nothing_to_say_is_said_to_have_looked(
    browser: TestClient, visible: Callable[[str], str]
) -> None:
    page = visible(browser.get("/patients/alder").text)
    assert "The review looked at this chart and has nothing to say." in page


def test_where_no_service_wants_it_nothing_is_said(
    make_app: Callable[..., Starlette], service: Any, visible: Callable[[str], str]
) -> None:
    with TestClient(make_app(service_url=service.url), base_url=EHR) as client:
        assert "Decision support" not in visible(client.get("/patients/alder").text)
    assert service.asked == []


def test_a_service_that_is_slow_keeps_nobody_waiting_longer_than_a_second(
    browser: TestClient, service: Any, visible: Callable[[str], str]
) -> None:
    service.seconds = 2.5
    browser.get("/patients/birch")  # discovery is known now, and the page is warm
    began = time.monotonic()
    page = visible(browser.get("/patients/alder").text)
    assert time.monotonic() - began < 2.2  # the second, and what a busy machine adds
    assert "The review did not answer. The chart is here without it" in page
    assert "Ruth Synthetic-Alder" in page
    assert "clonazepam 1 mg tablet" in page


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ({"status": 500}, "The review did not answer. The chart is here without it: it answered"),
        ({"body": b"<html>"}, "its answer is no JSON"),
        ({"discovery": "nothing"}, "Decision support did not answer. The chart is here without it"),
    ],
)
def test_trouble_is_said_and_the_chart_is_there(
    browser: TestClient,
    service: Any,
    visible: Callable[[str], str],
    trouble: dict[str, Any],
    why: str,
) -> None:
    for name, value in trouble.items():
        setattr(service, name, value)
    answer = browser.get("/patients/alder")
    assert answer.status_code == 200
    assert why in visible(answer.text)
    assert "clonazepam 1 mg tablet" in visible(answer.text)


def test_a_service_that_is_down(make_app: Callable[..., Starlette], visible: Any) -> None:
    with TestClient(make_app(service_url="http://127.0.0.1:1"), base_url=EHR) as client:
        page = visible(client.get("/patients/alder").text)
    assert "Decision support did not answer. The chart is here without it" in page


def test_a_card_that_cannot_be_understood_is_said_to_be_one(
    browser: TestClient, service: Any, a_card: Callable[..., Any], visible: Callable[[str], str]
) -> None:
    service.cards = [a_card(indicator="catastrophe")]
    page = visible(browser.get("/patients/alder").text)
    assert "Cannot be read The review sent a card that this EHR cannot show" in page
    assert "'catastrophe'" in page
