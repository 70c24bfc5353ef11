"""The planner and the background history: asked for at the launch, within the user's rights."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import cds
import pytest
from smart_ehr import BASE, PATIENT, order

from ehr.client import Found
from ehr.history import KeptHistory, Seen
from ehr.history_read import read_history

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


class Kept:
    """Kept histories as the door sees them: what is there, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bool]] = []
        self.seen_now = Seen(NOW, being_read=True)

    def seen(self, ehr_id: str, patient_id: str, *, wanted: bool) -> Seen:
        self.asked.append((ehr_id, patient_id, wanted))
        return self.seen_now


class Whole:
    """An EHR that a worker has read."""

    pages = 20

    def read(self, reference: str) -> dict[str, Any]:
        return {"resourceType": "Patient", "id": reference.removeprefix("Patient/")}

    def search(self, kind: str, parameters: Any) -> Found:
        assert parameters["patient"] == PATIENT
        orders = [order(7)] if kind == "MedicationRequest" else []
        return Found(cds.searchset(*orders), 1)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    histories = Kept()
    monkeypatch.setattr("taperguard.wiring.House.histories", histories)
    return histories


def history() -> KeptHistory:
    return read_history(Whole(), PATIENT, on=NOW.date(), now=NOW)


def read(smart: Any, browser: Any) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"{smart.opened(browser)}/read").json()
    return found


def test_a_launch_asks_for_a_read(kept: Kept, smart: Any, browser: Any) -> None:
    smart.opened(browser)
    assert kept.asked == [("sandbox", PATIENT, True)]


def test_a_list_that_broke_off_is_completed_from_the_history(
    kept: Kept, smart: Any, browser: Any
) -> None:
    smart.ehr.pages["MedicationRequest"] = [broken_page()]
    before = read(smart, browser)
    assert "the history is being read in the background" in before["gaps"]["medications"]
    kept.seen_now = Seen(NOW, history(), fresh=True)
    after = read(smart, browser)
    assert "medications" not in after["gaps"]
    assert "medication history read just now: 1 record" in after["notes"]


def test_a_list_that_this_user_may_not_read_is_not_taken_from_the_history(
    kept: Kept, smart: Any, browser: Any
) -> None:
    """The background read has rights of its own; it is no way around the user's."""
    kept.seen_now = Seen(NOW, history(), fresh=True)
    smart.ehr.scope = "openid fhirUser patient/Patient.r"
    found = read(smart, browser)
    assert "the EHR granted no access" in found["gaps"]["medications"]
    assert "history" not in found["gaps"]["medications"]


def broken_page() -> dict[str, Any]:
    page = cds.searchset(order(1))
    page["link"] = [{"relation": "next", "url": f"{BASE}/../elsewhere"}]
    return page
