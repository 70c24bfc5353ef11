"""What a person sees of the sandbox: true, escaped, and visibly pretend."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

from taperguard.sandbox.pages import presenter
from taperguard.sandbox.patients import read_stories
from taperguard.sandbox.records.store import Charts

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
KEYS = [story.key for story in read_stories()]
Visible = Callable[[str], str]


def test_the_list_tells_every_story_in_a_line(client: TestClient, visible: Visible) -> None:
    page = visible(client.get("/").text)
    for story in read_stories():
        assert f"{story.given} {story.family}" in page
        assert story.line in page
    assert "72 years" in page
    assert "66 or 67 years" in page


@pytest.mark.parametrize("key", KEYS)
def test_every_chart_has_its_banner_story_and_links(
    client: TestClient, visible: Visible, key: str
) -> None:
    answer = client.get(f"/patients/{key}")
    assert answer.status_code == 200
    page = visible(answer.text)
    story = next(story for story in read_stories() if story.key == key)
    assert f"{story.given} {story.family}" in page
    assert "Synthetic patients - pretend EHR" in page
    links = set(re.findall(r'href="(/fhir/[^"]+)"', answer.text))
    assert f"/fhir/Patient/{key}" in links
    for link in links:
        assert client.get(link).status_code == 200, link


def test_the_first_chart_shows_doses_in_words(client: TestClient, visible: Visible) -> None:
    page = visible(client.get("/patients/alder").text)
    assert "23 Aug 1954, 72 years" in page
    assert "clonazepam 1 mg tablet Take 1 tablet by mouth twice a day" in page
    assert "oxycodone 5 mg tablet Take 1 tablet by mouth every 6 hours" in page
    assert "19 Nov 2026, 120 tablets" in page  # 23 May 2026 and every 30 days: the 7th is 19 Nov
    assert "stopped: nausea" in page
    assert "codeine" in page


def test_a_medication_by_reference_is_shown_by_its_name(
    client: TestClient, visible: Visible
) -> None:
    page = visible(client.get("/patients/elm").text)
    assert "clonazepam 0.5 mg tablet Take 1 tablet by mouth at bedtime" in page
    assert "1959 (year only), 66 or 67 years" in page
    assert "No allergy is recorded" in page


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.seen


def test_hostile_text_in_a_chart_is_only_text(client: TestClient, charts: Charts) -> None:
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "mallory",
        "name": [{"text": HOSTILE}],
        "gender": HOSTILE,
        "birthDate": HOSTILE,
        "identifier": [{"value": HOSTILE}],
    }
    about = {"subject": {"reference": "Patient/mallory"}}
    concept = {"text": HOSTILE}
    charts.save(patient, at=NOW)
    for number, status in enumerate(("active", HOSTILE)):
        charts.save(
            about
            | {
                "resourceType": "MedicationRequest",
                "id": f"m{number}",
                "status": status,
                "medicationCodeableConcept": concept,
                "dosageInstruction": [{"text": HOSTILE}],
                "statusReason": concept,
                "authoredOn": HOSTILE,
            },
            at=NOW,
        )
    charts.save(
        about | {"resourceType": "Condition", "id": HOSTILE, "code": concept, "onsetDateTime": "x"},
        at=NOW,
    )
    for path in ("/", "/patients/mallory"):
        html = client.get(path).text
        assert "&lt;script&gt;" in html
        assert "{{7*7}}" in html
        names = {tag for tag, _ in tags(html)}
        assert "script" not in names
        assert not [attributes for _, attributes in tags(html) if "onerror" in attributes]
        assert [tag for tag, _ in tags(html)].count("img") == 1


@pytest.mark.parametrize(
    "records",
    [
        {"MedicationRequest": [{}]},
        {"MedicationRequest": [{"medicationReference": {"reference": "Medication/gone"}}]},
        {"MedicationRequest": [{"dosageInstruction": {"text": "not a list"}, "status": 7}]},
        {"MedicationRequest": [{"dosageInstruction": [None, {"doseAndRate": [7]}]}]},
        {"MedicationStatement": [{"effectivePeriod": "x", "status": "active"}]},
        {"MedicationDispense": [{"status": "completed", "whenHandedOver": "2026-99"}]},
        {"MedicationDispense": [{"status": "completed", "whenHandedOver": "2026-11-23"}]},
        {"Condition": [{"code": {"coding": [7]}, "clinicalStatus": "active"}]},
        {"AllergyIntolerance": [{"reaction": [{"manifestation": ["x"]}]}]},
        {"Observation": [{"effectiveDateTime": 7, "code": "x", "valueQuantity": 3}, {}]},
    ],
)
def test_a_malformed_record_never_fails_the_page(records: dict[str, Any]) -> None:
    presenter.chart_page({"name": "not a list"}, records, {}, date(2026, 11, 23))


def test_what_is_missing_is_written_where_it_would_stand() -> None:
    page = presenter.chart_page(
        {}, {"MedicationRequest": [{"status": "active"}]}, {}, date(2026, 11, 23)
    )
    assert page.banner.name == "name not supplied"
    assert page.banner.born == "birth date not supplied"
    assert page.banner.sex == "sex not supplied"
    (row,) = page.current
    assert (row.name, row.dosage, row.ordered) == (
        "medication not supplied",
        "dosage not supplied",
        "date not supplied",
    )


def order(status: str, dosage: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "status": status, "dosageInstruction": [dosage]}


def test_a_draft_is_neither_current_nor_past() -> None:
    orders = [order(status, {}) for status in ("active", "on-hold", "draft", "stopped", "bogus")]
    page = presenter.chart_page({}, {"MedicationRequest": orders}, {}, date(2026, 11, 23))
    assert [row.ordered for row in page.current] == [
        "date not supplied",
        "date not supplied, on hold",
    ]
    assert [row.status for row in page.planned] == ["draft"]
    assert [row.status for row in page.past] == ["stopped", "status not supplied"]


@pytest.mark.parametrize(
    ("repeat", "words"),
    [
        ({"frequency": 2, "period": 1, "periodUnit": "d"}, "0.50 mg, 2 times a day"),
        ({"frequency": 1, "period": 6, "periodUnit": "h"}, "0.50 mg, once every 6 hours"),
        ({"period": 1, "periodUnit": "wk"}, "0.50 mg, once a week"),
        ({"frequency": "x", "period": 1, "periodUnit": "d"}, "0.50 mg"),
        ({}, "0.50 mg"),
    ],
)
def test_a_dosage_without_text_is_said_from_its_structure(
    repeat: dict[str, Any], words: str
) -> None:
    dose = {"doseQuantity": {"value": Decimal("0.50"), "unit": "mg"}}
    dosage = {"timing": {"repeat": repeat}, "doseAndRate": [dose]}
    assert presenter.dosage_words([dosage]) == words


@pytest.mark.parametrize(
    ("born", "words"),
    [
        ("1954-11-23", "72 years"),
        ("1954-11-24", "71 years"),
        ("1954-11", "72 years"),
        ("1959", "66 or 67 years"),
        ("2026", "under 1 year"),
        ("2026-10-24", "0 months"),
        ("2025-10-23", "13 months"),
        ("2027-01-01", "birth date not supplied"),
        ("2026-11-24", "birth date not supplied"),
        ("1954-02-30", "birth date not supplied"),
        ("", "birth date not supplied"),
        (None, "birth date not supplied"),
        (1954, "birth date not supplied"),
    ],
)
def test_ages(born: Any, words: str) -> None:
    assert presenter.age_words(born, date(2026, 11, 23)) == words


@pytest.mark.parametrize("path", ["/", "/patients/alder", "/nope", "/fhir/Patient/alder"])
def test_every_response_holds_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/patients/alder", "/nope"])
def test_pages_need_no_script_and_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    for tag, attributes in tags(answer.text):
        assert tag not in {"script", "style", "iframe"}
        assert "style" not in attributes
        for name in ("src", "href"):
            if (address := attributes.get(name)) is not None:
                assert address.startswith(("/", "#")), address
                if address.startswith("/static/"):
                    assert client.get(address).status_code == 200
    assert '<html lang="en">' in answer.text
    assert "pretend EHR" in answer.text


def test_a_chart_that_is_not_there_says_so(client: TestClient, visible: Visible) -> None:
    answer = client.get("/patients/nobody")
    assert answer.status_code == 404
    assert "There is no patient with this id in the sandbox." in visible(answer.text)


def test_health(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_findings_are_told_with_their_answer_and_day(
    client: TestClient, visible: Callable[[str], str]
) -> None:
    """The latest first, on the chart and beside the orders."""
    for path in ("/patients/siskin", "/patients/siskin/orders"):
        words = visible(client.get(path).text)
        item = words.index("PHQ-9 item 9")
        assert "Several days, 23 Nov 2026" in words[item:]
        assert words.index("Several days") < words.index("Not at all, 23 Oct 2025")
        assert "16, 23 Nov 2026" in words
