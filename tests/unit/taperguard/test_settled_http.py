"""What was settled stays quiet, over HTTP: shown, answered, ordered again, on another day."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cds
import pytest
from starlette.testclient import TestClient

from clinical.findings import CheckId
from clinical.rules import rule
from taperguard import doors, memory, wiring
from taperguard.app import create_app
from taperguard.settings import Settings

SAFETY, REVIEW = "/cds-services/clonazepam-safety", "/cds-services/clonazepam-review"
SANDBOX, ELSEWHERE = "http://localhost:8701/fhir", "http://ehr.example.org/fhir"
COMMENT = "Synthetic-Alder fell in March"
PRESENT = cds.order("now", cds.CLONAZEPAM["1"], 2)


class Clinic:
    """A prescriber at an EHR that shows cards and reports what becomes of them."""

    def __init__(self, client: TestClient, clock: Callable[[], datetime]) -> None:
        self.client, self.clock = client, clock

    def ask(self, request: dict[str, Any], *, server: str = SANDBOX) -> Any:
        """The judged answer to a hook's call."""
        request = copy.deepcopy(request) | {"fhirServer": server}
        path = REVIEW if request["hook"] == "patient-view" else SAFETY
        response = self.client.post(path, json=request)
        assert response.status_code == 200, response.text
        body = response.json()
        assert cds.faults(body, request) == []
        assert "org.taperguard.recorded" not in body["extension"]
        return body

    def override(self, card: Any, code: str | None = None, *, path: str = SAFETY) -> None:
        """Override the card with a comment, and with one of its reasons where a code is given."""
        offered = {it["code"]: it for it in card.get("overrideReasons", [])}
        reason = {} if code is None else {"reason": offered[code]}
        self.report(
            {"card": card["uuid"], "outcome": "overridden"}
            | {"overrideReason": {**reason, "userComment": COMMENT}},
            path=path,
        )

    def report(self, given: dict[str, Any], *, path: str = SAFETY) -> None:
        at = self.clock().isoformat()
        body = {"feedback": [given | {"outcomeTimestamp": at}]}
        assert self.client.post(f"{path}/feedback", json=body).status_code == 200


@pytest.fixture
def now() -> list[datetime]:
    """The instant, to be changed."""
    return [datetime(2026, 11, 20, 15, 30, tzinfo=UTC)]


@pytest.fixture
def clinic(
    make_settings: Callable[..., Settings],
    migrated_sqlite: Path,
    tmp_path: Path,
    now: list[datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Clinic]:
    # A machine that is busy with other tests does not make the memory forget.
    monkeypatch.setattr(memory, "RECALL_SECONDS", 20)
    monkeypatch.setattr(doors, "KEEPING_SECONDS", 20)
    file = shutil.copy(migrated_sqlite, tmp_path / "settled.db")
    settings = make_settings(
        database_url=f"sqlite:///{file}", broker_url="redis+socket:///nowhere/broker.sock"
    )
    house = wiring.build(settings, clock=lambda: now[0])
    yield Clinic(TestClient(create_app(house)), lambda: now[0])
    house.close()


def order(key: str = "new", per_day: int = 3, **told: Any) -> dict[str, Any]:
    """1 mg so often a day is being signed; clonazepam 2 mg/day is present."""
    whose = told.get("patient", "p1")
    draft = cds.order(key, cds.CLONAZEPAM["1"], per_day, status="draft", patient=whose)
    return cds.request([draft], **{"medications": [PRESENT], **told})


def unshown(body: Any) -> dict[str, str]:
    return {
        check: entry["shown_why"]
        for check, entry in cds.account_of(body).items()
        if entry.get("shown") is False
    }


def notes(body: Any) -> list[str]:
    found: list[str] = body["extension"]["org.taperguard.assessment"].get("notes", [])
    return found


def test_an_overridden_card_stays_quiet_and_the_account_says_why(clinic: Clinic) -> None:
    """20 Nov 2026 and 90 days are 18 Feb 2027. The draft has another id the second time."""
    (card,) = clinic.ask(order())["cards"]
    reason = card["overrideReasons"][0]
    clinic.override(card, reason["code"])
    again = clinic.ask(order("another"))
    assert again["cards"] == []
    display = reason["display"]
    why = (
        f"settled on 20 Nov 2026: overridden, {display[0].lower()}{display[1:]}; it returns when "
        "dose, medicines, age band or risks change, or after 18 Feb 2027"
    )
    assert {it: unshown(again)[it] for it in ("high-dose", "dose-escalation")} == {
        "high-dose": why,
        "dose-escalation": why,
    }
    assert "Alder" not in str(again)


def test_a_card_that_was_only_shown_is_returned_again(clinic: Clinic) -> None:
    """Clients drop the earlier cards of a service."""
    assert [len(clinic.ask(order())["cards"]) for _ in range(3)] == [1, 1, 1]


def test_what_is_answered_at_order_select_is_quiet_at_order_sign(clinic: Clinic) -> None:
    (card,) = clinic.ask(order(hook="order-select"))["cards"]
    clinic.override(card)
    again = clinic.ask(order(hook="order-sign"))
    assert again["cards"] == []
    assert unshown(again)["high-dose"].startswith("settled on 20 Nov 2026: overridden; it returns")


@pytest.mark.parametrize(
    ("days", "cards"),
    [(0, 0), (90, 0), (91, 1)],  # 18 Feb 2027 is the 90th day
)
def test_it_returns_when_the_policy_s_time_is_over(
    clinic: Clinic, now: list[datetime], days: int, cards: int
) -> None:
    clinic.override(clinic.ask(order())["cards"][0])
    now[0] += timedelta(days=days)
    assert len(clinic.ask(order())["cards"]) == cards


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(order(per_day=4), id="more is ordered"),
        pytest.param(order(born="1960-01-01"), id="the patient is 66"),
        pytest.param(
            order(medications=[cds.order("now", cds.CLONAZEPAM["1"], 1)]), id="from a lower dose"
        ),
        pytest.param(
            order(
                patient="p2", medications=[cds.order("now", cds.CLONAZEPAM["1"], 2, patient="p2")]
            ),
            id="another patient",
        ),
    ],
)
def test_it_returns_when_the_facts_change(clinic: Clinic, changed: dict[str, Any]) -> None:
    clinic.override(clinic.ask(order())["cards"][0])
    assert len(clinic.ask(changed)["cards"]) == 1


def test_a_patient_of_the_same_id_in_another_ehr_is_somebody_else(clinic: Clinic) -> None:
    clinic.override(clinic.ask(order())["cards"][0])
    assert len(clinic.ask(order(), server=ELSEWHERE)["cards"]) == 1
    assert len(clinic.ask(order(), server="http://other.example.org/fhir")["cards"]) == 1


def test_a_new_finding_raises_its_card_without_what_was_settled(clinic: Clinic) -> None:
    """An opioid since: the card is about it, and a line says what is not repeated."""
    clinic.override(clinic.ask(order())["cards"][0])
    opioid = cds.order("oxy", cds.OXYCODONE, 4)
    card, *_ = clinic.ask(order(medications=[PRESENT, opioid]))["cards"]
    assert card["source"]["topic"]["code"] == "opioid-together"
    assert "**Warning: High dose" not in card["detail"]
    names = [rule(CheckId(it)).called for it in ("high-dose", "dose-escalation")]
    line = ", ".join(f"{name} (20 Nov 2026)" for name in names)
    assert f"Settled earlier and not repeated here: {line}." in card["detail"]


def test_putting_the_offer_of_naloxone_aside_does_not_settle_the_opioid(clinic: Clinic) -> None:
    request = order(medications=[PRESENT, cds.order("oxy", cds.OXYCODONE, 4)])
    card, naloxone = clinic.ask(request)["cards"]
    clinic.override(naloxone)
    assert clinic.ask(request)["cards"][0]["summary"] == card["summary"]
    # The order's card speaks for the opioid: with it both are settled, critical as it is.
    assert card["indicator"] == "critical"
    clinic.override(card, "palliative")
    assert clinic.ask(request)["cards"] == []


def test_a_card_of_what_could_not_be_checked_is_settled_as_well(clinic: Clinic) -> None:
    """No birth date: told once, put aside; it returns when more is ordered."""
    small = order(per_day=1, born=None, medications=[])
    (card,) = clinic.ask(small)["cards"]
    assert cds.results_of({"extension": card["extension"]}) == {
        "older-adult-fall-risk": "not-evaluable"
    }
    clinic.override(card)
    again = clinic.ask(small)
    assert again["cards"] == []
    assert cds.results_of(again)["older-adult-fall-risk"] == "not-evaluable"
    half = cds.order("new", cds.CLONAZEPAM["0.5"], 1, status="draft")
    assert len(clinic.ask(cds.request([half], born=None))["cards"]) == 1


def test_what_could_not_be_checked_was_told_with_the_order_s_card(clinic: Clinic) -> None:
    request = order(born=None)
    (card,) = clinic.ask(request)["cards"]
    assert "What could not be checked" in card["detail"]
    clinic.override(card)
    assert clinic.ask(request)["cards"] == []


# --- whoever lies, repeats or changes their mind ------------------------------------------------


def test_an_answer_through_another_service_or_to_no_card_of_ours_settles_nothing(
    clinic: Clinic,
) -> None:
    (card,) = clinic.ask(order())["cards"]
    clinic.override(card, path=REVIEW)
    clinic.override({"uuid": "4e0a3a1e-3283-4575-ab82-028d55fe2719"})
    assert len(clinic.ask(order())["cards"]) == 1


def test_a_repeated_answer_does_not_begin_the_time_again(
    clinic: Clinic, now: list[datetime]
) -> None:
    (card,) = clinic.ask(order())["cards"]
    same = {"card": card["uuid"], "outcome": "overridden"}
    body = {"feedback": [same | {"outcomeTimestamp": now[0].isoformat()}]}
    for _ in range(3):
        assert clinic.client.post(f"{SAFETY}/feedback", json=body).status_code == 200
        now[0] += timedelta(days=40)
    # 120 days after the answer, of which the last repetition came on day 80.
    assert len(clinic.ask(order())["cards"]) == 1


@pytest.mark.parametrize("year", [2001, 2199])
def test_an_ehr_whose_clock_is_wrong_settles_from_today(
    clinic: Clinic, now: list[datetime], year: int
) -> None:
    (card,) = clinic.ask(order())["cards"]
    report = {"card": card["uuid"], "outcome": "overridden"}
    body = {"feedback": [report | {"outcomeTimestamp": f"{year}-01-01T00:00:00Z"}]}
    assert clinic.client.post(f"{SAFETY}/feedback", json=body).status_code == 200
    now[0] += timedelta(days=90)
    assert clinic.ask(order())["cards"] == []
    now[0] += timedelta(days=1)
    assert len(clinic.ask(order())["cards"]) == 1


def test_a_reason_that_is_none_of_ours_is_not_told_again(clinic: Clinic) -> None:
    """It may be somebody's own words."""
    (card,) = clinic.ask(order())["cards"]
    coding = {"system": "urn:own", "code": "other", "display": COMMENT}
    clinic.report(
        {"card": card["uuid"], "outcome": "overridden", "overrideReason": {"reason": coding}}
    )
    why = unshown(clinic.ask(order()))["high-dose"]
    assert why.startswith("settled on 20 Nov 2026: overridden; it returns")


# --- accepted -----------------------------------------------------------------------------------


def test_an_accepted_taper_that_comes_back_through_signing_is_set_aside(clinic: Clinic) -> None:
    """The drafts of the suggestion replace the order, as the EHR does with them."""
    (card,) = clinic.ask(order())["cards"]
    suggestion = card["suggestions"][0]
    drafts = [action["resource"] for action in suggestion["actions"] if action["type"] != "delete"]
    drafts = [{"id": f"step{n}", **draft} for n, draft in enumerate(drafts)]
    accepted = [{"id": suggestion["uuid"]}]
    clinic.report({"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": accepted})
    signed = clinic.ask(cds.request(drafts, medications=[PRESENT]))
    assert signed["cards"] == []
    assert set(cds.four_of(signed).values()) == {"set-aside"}
    # And whoever then orders the same as before has answered for it: the account says how.
    again = clinic.ask(order())
    assert again["cards"] == []
    assert unshown(again)["high-dose"].startswith("settled on 20 Nov 2026: accepted; it returns")


# --- will monitor -------------------------------------------------------------------------------

VIEW = cds.request([], hook="patient-view", medications=[PRESENT | {"authoredOn": "2024-03-03"}])
NEW_START = order(per_day=2, medications=[])
SIGNED = cds.request(
    [],
    hook="patient-view",
    medications=[
        cds.order(
            "new",
            cds.CLONAZEPAM["1"],
            2,
            authoredOn="2026-11-20",
            dispenseRequest={
                "expectedSupplyDuration": {"value": 40, "unit": "d", "code": "d"},
                "numberOfRepeatsAllowed": 0,
            },
        )
    ],
)
"""The new start of 20 Nov 2026, as the chart holds it afterwards: 40 days, no refill."""


def test_will_monitor_is_quiet_until_its_follow_up_is_due_and_then_the_chart_tells_of_it(
    clinic: Clinic, now: list[datetime]
) -> None:
    """Answered on 20 Nov 2026: due 28 days later, on 18 Dec. No long-term use: no other card."""
    (card,) = clinic.ask(NEW_START)["cards"]
    clinic.override(card, "will-monitor")
    why = unshown(clinic.ask(NEW_START))["high-dose"]
    assert why.endswith("or after 17 Dec 2026")
    now[0] += timedelta(days=27)
    assert clinic.ask(NEW_START)["cards"] == []
    assert clinic.ask(SIGNED)["cards"] == []
    now[0] += timedelta(days=1)
    assert len(clinic.ask(NEW_START)["cards"]) == 1
    viewed = clinic.ask(SIGNED)
    (card,) = viewed["cards"]
    assert card["summary"].endswith(", follow-up due since 18 Dec 2026")
    said = (
        'since 18 Dec 2026: the card about high dose was answered with "Will monitor and review" '
        "on 20 Nov 2026"
    )
    assert f"**Follow-up due**\n\n- S{said[1:]}. Ask how it went" in card["detail"]
    assert notes(viewed) == [f"a follow-up is due: {said}"]
    # Whoever answers the review's card has seen to it.
    clinic.override(card, path=REVIEW)
    assert clinic.ask(SIGNED)["cards"] == []


def test_a_follow_up_ends_when_the_next_card_about_the_same_is_answered(
    clinic: Clinic, now: list[datetime]
) -> None:
    clinic.override(clinic.ask(NEW_START)["cards"][0], "will-monitor")
    now[0] += timedelta(days=30)
    clinic.override(clinic.ask(NEW_START)["cards"][0], "other")
    assert clinic.ask(SIGNED)["cards"] == []


def test_an_answer_that_is_changed_takes_its_promise_back(
    clinic: Clinic, now: list[datetime]
) -> None:
    (card,) = clinic.ask(NEW_START)["cards"]
    clinic.override(card, "will-monitor")
    now[0] += timedelta(minutes=1)
    clinic.override(card, "other")
    now[0] += timedelta(days=30)
    assert clinic.ask(SIGNED)["cards"] == []
    assert clinic.ask(NEW_START)["cards"] == []


# --- the card of a chart ------------------------------------------------------------------------


def test_the_review_s_card_stays_quiet_and_has_not_answered_for_an_order(
    clinic: Clinic, now: list[datetime]
) -> None:
    (card,) = clinic.ask(VIEW)["cards"]
    clinic.override(card, path=REVIEW)
    now[0] += timedelta(days=3)
    viewed = clinic.ask(VIEW)
    assert viewed["cards"] == []
    assert unshown(viewed)["high-dose"].startswith("settled on 20 Nov 2026")
    # The order of the same 2 mg/day is another decision.
    assert len(clinic.ask(order(per_day=2))["cards"]) == 1


def test_the_review_s_card_returns_whole_with_a_new_risk(clinic: Clinic) -> None:
    (card,) = clinic.ask(VIEW)["cards"]
    clinic.override(card, path=REVIEW)
    more = copy.deepcopy(VIEW)
    opioid = cds.order("oxy", cds.OXYCODONE, 4)
    more["prefetch"]["medications"]["entry"].append({"resource": opioid})
    (card,) = clinic.ask(more)["cards"]
    assert "**Critical: Opioid together" in card["detail"]
    assert "**Warning: High dose" in card["detail"]


def test_an_order_s_answer_leaves_the_chart_s_card_alone(clinic: Clinic) -> None:
    clinic.override(clinic.ask(order(per_day=2))["cards"][0])
    assert len(clinic.ask(VIEW)["cards"]) == 1
