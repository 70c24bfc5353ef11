"""A patient with 1,000 records on 20 pages: the first answer says so, the next one has read them.

The whole demo: the EHR sends the first page of the list with the hook, as it does for a history of
this length; a worker reads the rest with a token of its own while the prescriber goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cds
import httpx2
import pytest
from ehr_screen import Screen

pytestmark = pytest.mark.xdist_group("ordering")

PATIENT = "spruce"
THREE_MG = cds.order("new", cds.CLONAZEPAM["1"], 3, patient=PATIENT, status="draft")


def first_pages(ehr: str) -> dict[str, Any]:
    """What this EHR puts into the prefetch: the first page of each list, with its link `next`."""
    asked = {
        "patient": f"Patient/{PATIENT}",
        "medications": f"MedicationRequest?patient={PATIENT}",
        "statements": f"MedicationStatement?patient={PATIENT}",
        "conditions": f"Condition?patient={PATIENT}",
    }
    found = {key: httpx2.get(f"{ehr}/fhir/{path}").json() for key, path in asked.items()}
    assert [link["relation"] for link in found["medications"]["link"]].count("next") == 1
    return found


def ask(demo: Any) -> tuple[dict[str, Any], float]:
    """An order-sign, and how many seconds its answer took."""
    request = cds.request([THREE_MG], patient=PATIENT, prefetch=first_pages(demo.ehr))
    request["fhirServer"] = f"{demo.ehr}/fhir"
    begun = time.monotonic()
    answer = httpx2.post(f"{demo.service}/cds-services/clonazepam-safety", json=request, timeout=20)
    took = time.monotonic() - begun
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert cds.faults(body, request) == []
    return body, took


def test_an_order_is_answered_at_once_and_a_moment_later_from_the_whole_history(
    demo: Any, until: Callable[..., None], ordering: Callable[[str], Screen]
) -> None:
    """Clonazepam 2 mg/day since six weeks ago stands behind the first page: 3 mg/day is a rise."""
    first, took = ask(demo)
    assert took < 3, "order-sign does not wait for a history"
    checks = cds.account_of(first)
    assert checks["dose-escalation"]["result"] == "not-evaluable"
    assert "the history is being read" in checks["dose-escalation"]["why"]

    def whole() -> bool:
        return cds.results_of(ask(demo)[0])["dose-escalation"] == "fired"

    until(whole, 60, "the history was not read")
    body, _ = ask(demo)
    card = body["cards"][0]
    assert card["summary"].startswith("Clonazepam 3 mg/day (raised from 2)")
    assert "1,000 records" in card["detail"]
    # And so it reads on the EHR's own screen.
    screen = ordering(PATIENT)
    screen.add(amount="1", quantity="90")
    assert "(raised from 2)" in screen.words
