"""Orders that concern no check: answered at once, with what every check says of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import cds
import pytest
from cds_client import NORTH_CLINIC, Door, World

from cds_hooks import door
from cds_hooks.gather import Background
from cds_hooks.request import BadRequest, HookRequest, read_request
from cds_hooks.services import order_safety
from cds_hooks.services.order_safety import HOOKS, Answer, Bench, answer_at_once
from clinical.findings import CheckId
from clinical.policy import CheckChoice, default_policy
from ehr.registry import TrustedEhr

TODAY = date(2026, 11, 23)
LISINOPRIL = ("314076", "lisinopril 10 MG Oral Tablet")
SAFETY = "/cds-services/clonazepam-safety"
SLEEP_APNEA = {
    "resourceType": "Condition",
    "id": "sleep",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G47.33"}]},
}

Ask = Callable[..., dict[str, Any]]


def lisinopril(**more: Any) -> dict[str, Any]:
    """An order of lisinopril for a patient who takes clonazepam."""
    return cds.request(
        [cds.order("new", LISINOPRIL, status="draft")],
        medications=[cds.order("c1", cds.CLONAZEPAM["2"], 2)],
        **more,
    )


def at_once(request: dict[str, Any], background: Background | None = None) -> Answer | None:
    bench = Bench(default_policy(), lambda: "id", "https://taperguard.example", False, background)
    return answer_at_once(read_request(json.dumps(request).encode(), HOOKS), TODAY, bench)


def test_whatever_the_patient_takes_or_has_no_check_has_anything_to_say(ask: Ask) -> None:
    said = ask(lisinopril(conditions=[SLEEP_APNEA]))
    assert said["cards"] == []
    assert set(cds.results_of(said).values()) == {"clear"}
    assert "notes" not in said["extension"]["org.taperguard.assessment"]
    assert said == ask(lisinopril())


def test_a_check_that_the_site_has_switched_off_is_told_as_such(ask: Ask) -> None:
    """And the day and the version of the rules are those of the call."""
    checks = {**default_policy().checks, CheckId.BREATHING: CheckChoice(on=False)}
    policy = replace(default_policy(), rules_version="2026.11-site", checks=checks)
    said = ask(lisinopril(), policy=policy, on=date(2026, 12, 1))
    results = cds.results_of(said)
    assert results.pop("breathing") == "set-aside"
    assert set(results.values()) == {"clear"}
    account = said["extension"]["org.taperguard.assessment"]
    assert (account["rules_version"], account["on"]) == ("2026.11-site", "2026-12-01")


def test_a_record_of_another_patient_is_told_of(ask: Ask) -> None:
    stray = SLEEP_APNEA | {"subject": {"reference": "Patient/somebody-else"}}
    notes = ask(lisinopril(conditions=[stray]))["extension"]["org.taperguard.assessment"]["notes"]
    assert notes == ["Condition/sleep belongs to another patient and was set aside"]
    assert "notes" not in ask(lisinopril())["extension"]["org.taperguard.assessment"]


def test_somebody_else_s_patient_record_is_refused() -> None:
    request = lisinopril()
    request["prefetch"]["patient"] = {"resourceType": "Patient", "id": "somebody-else"}
    with pytest.raises(BadRequest, match=r"prefetch\.patient"):
        at_once(request)


def test_of_a_patient_who_has_died_every_check_is_set_aside(ask: Ask) -> None:
    request = lisinopril()
    request["prefetch"]["patient"]["deceasedBoolean"] = True
    assert at_once(request) is None
    assert set(cds.results_of(ask(request)).values()) == {"set-aside"}


@pytest.mark.parametrize(
    "draft",
    [
        cds.order("new", cds.CLONAZEPAM["1"], status="draft"),
        cds.order("new", cds.OXYCODONE, status="draft"),
        cds.order("c1", LISINOPRIL, status="draft"),
    ],
)
def test_any_other_order_is_worked_out(draft: dict[str, Any]) -> None:
    """The last is a change of the patient's clonazepam into something else."""
    request = cds.request([draft], medications=[cds.order("c1", cds.CLONAZEPAM["2"], 2)])
    assert at_once(request) is None


def test_nobody_is_asked_for_such_an_order_whatever_the_prefetch_lacks() -> None:
    """Neither the EHR nor the store of histories, though a list is missing and no thread waits."""
    nobody = Background(None, "north")  # type: ignore[arg-type]
    assert at_once(lisinopril(hook="order-select") | {"prefetch": {}}, nobody) is not None
    assert SilentDoor().post(SAFETY, lisinopril() | {"prefetch": {}}).json()["cards"] == []


def test_a_large_request_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the same answer, worked out in a thread."""
    large = lisinopril(prefetch={"beside": {"resourceType": "Basic", "language": "x" * 600_000}})
    threads: list[str] = []

    def noted(*given: Any) -> Answer | None:
        threads.append(threading.current_thread().name)
        return answer_at_once(*given)

    monkeypatch.setattr(order_safety, "answer_at_once", noted)
    assert _door().post(SAFETY, large).json() == _door().post(SAFETY, lisinopril()).json()
    assert [name.startswith("AnyIO worker") for name in threads] == [True]


def _door() -> Door:
    return Door(NORTH_CLINIC, World([]), production=False)


class SilentDoor(Door):
    """A door that can ask nobody and keep nothing."""

    def __init__(self) -> None:
        super().__init__(NORTH_CLINIC, World([]), production=False)

    def _collaborators(self) -> door.Collaborators:
        async def complete(_: HookRequest, __: TrustedEhr | None) -> HookRequest:
            pytest.fail("it fetches what the prefetch lacks")

        def keep(*_: object) -> None:
            pytest.fail("it keeps what is shown")

        return replace(super()._collaborators(), complete=complete, keep_shown=keep)
