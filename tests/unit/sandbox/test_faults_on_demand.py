"""The sandbox's faults: it answers as badly as it is told to, and well again afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from taperguard.sandbox.faults import ELSEWHERE

CONTROL = "/sandbox/faults"
SEARCH = "/fhir/Condition?patient=alder&_count=1"


def set_faults(client: TestClient, *faults: dict[str, Any], **more: Any) -> None:
    answer = client.put(CONTROL, json={"faults": list(faults), **more})
    assert answer.status_code == 200, answer.text


def next_link(body: Any) -> str | None:
    return next((link["url"] for link in body["link"] if link["relation"] == "next"), None)


@pytest.mark.parametrize(
    ("do", "status", "words"),
    [
        ("429", 429, "throttled"),
        ("500", 500, "exception"),
        ("503", 503, "transient"),
        ("html", 200, "<html>"),
        ("outcome", 200, "OperationOutcome"),
        ("elsewhere", 302, ""),
    ],
)
def test_an_answer_is_replaced(client: TestClient, do: str, status: int, words: str) -> None:
    set_faults(client, {"do": do, "type": "Condition", "seconds": 7})
    answer = client.get(SEARCH, follow_redirects=False)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert answer.headers.get("retry-after") == ("7" if status in (429, 503) else None)
    assert (do != "elsewhere") or answer.headers["location"].startswith(ELSEWHERE)
    assert client.get("/fhir/Patient/alder").status_code == 200  # another type is well


def test_a_fault_happens_as_often_as_it_is_told_to(client: TestClient) -> None:
    set_faults(client, {"do": "500", "times": 2})
    assert [client.get(SEARCH).status_code for _ in range(3)] == [500, 500, 200]
    assert client.get(CONTROL).json() == {"faults": [], "without_prefetch": []}


def test_faults_end_when_they_are_ended(client: TestClient) -> None:
    set_faults(client, {"do": "html"})
    assert client.delete(CONTROL).status_code == 200
    assert client.get(SEARCH).json()["resourceType"] == "Bundle"


def test_truncated_json_is_half_of_it(client: TestClient) -> None:
    whole = client.get(SEARCH).text
    set_faults(client, {"do": "truncated"})
    half = client.get(SEARCH).text
    assert half == whole[: len(half)]
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)


def test_endless_pages_go_on_under_ever_new_addresses(client: TestClient) -> None:
    set_faults(client, {"do": "endless"})
    seen = []
    address: str | None = SEARCH
    for _ in range(4):
        assert address is not None
        seen.append(address)
        address = next_link(client.get(address).json())
    assert len(set(seen)) == 4
    assert all("/fhir/Condition?" in one for one in seen)


def test_an_evil_next_link_leads_to_another_server(client: TestClient) -> None:
    set_faults(client, {"do": "evil-next"})
    assert (next_link(client.get(SEARCH).json()) or "").startswith(ELSEWHERE)


def test_a_slow_answer_takes_its_time(client: TestClient) -> None:
    set_faults(client, {"do": "slow", "seconds": 0.2})
    began = time.monotonic()
    assert client.get(SEARCH).status_code == 200
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        {"fault": []},
        {"faults": {}},
        {"faults": [{}]},
        {"faults": [{"do": "explode"}]},
        {"faults": [{"do": ["429"]}]},
        {"faults": [{"do": "slow", "seconds": "1"}]},
        {"faults": [{"do": "slow", "seconds": 61}]},
        {"faults": [{"do": "500", "times": 0}]},
        {"faults": [{"do": "500", "type": 5}]},
        {"without_prefetch": "all"},
        {"without_prefetch": [5]},
    ],
)
def test_what_is_no_fault_is_refused_and_nothing_changes(client: TestClient, wanted: Any) -> None:
    set_faults(client, {"do": "500"})
    before = client.get(CONTROL).json()
    assert client.put(CONTROL, json=wanted).status_code == 400
    assert client.get(CONTROL).json() == before


def test_faults_are_set_with_json_alone(client: TestClient) -> None:
    """A form of another site could not do it without asking first (CORS)."""
    answer = client.put(CONTROL, content=b'{"faults": []}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


# --- a prefetch that is held back, and the token that makes up for it ----------------------------

OF_THE_TOKEN = "/fhir/MedicationRequest?patient=alder"


@pytest.mark.parametrize(
    ("held_back", "left"),
    [([], {"patient", "medications"}), (["medications"], {"patient"}), (["*"], None)],
)
def test_a_prefetch_is_held_back_by_key(
    ordering: Callable[[str], Any], service: Any, held_back: list[str], left: set[str] | None
) -> None:
    screen = ordering("alder")
    set_faults(screen.client, without_prefetch=held_back)
    screen.add()
    (asked,) = service.asked
    assert asked.get("prefetch", {}).keys() == (left or set())
    assert ("prefetch" in asked) is (left is not None)


def test_the_token_of_a_hook_reads_its_patient_while_the_hook_lasts_and_then_nothing(
    ordering: Callable[[str], Any], service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = ordering("alder")
    during: dict[str, Any] = {}
    answer = service.answer

    def reading(method: str, path: str, body: bytes) -> Any:
        if method == "POST":
            given = json.loads(body)["fhirAuthorization"]
            bearer = {"Authorization": f"Bearer {given['access_token']}"}
            during.update(given=given, bearer=bearer)
            for where in (OF_THE_TOKEN, "/fhir/MedicationRequest?patient=birch", "/fhir/Group"):
                got = screen.client.get(where, headers=bearer)
                entries = got.json().get("entry", [])
                during[where] = (got.status_code, len(entries) > 0)
        return answer(method, path, body)

    monkeypatch.setattr(service, "answer", reading)
    screen.add()
    given = during["given"]
    assert (given["token_type"], given["patient"], given["subject"]) == (
        "Bearer",
        "alder",
        "cds-services",
    )
    assert given["expires_in"] <= 5
    assert "patient/MedicationRequest.rs" in given["scope"].split()
    assert during[OF_THE_TOKEN] == (200, True)
    assert during["/fhir/MedicationRequest?patient=birch"] == (200, False)
    assert during["/fhir/Group"][0] == 403
    assert screen.client.get(OF_THE_TOKEN, headers=during["bearer"]).status_code == 401
