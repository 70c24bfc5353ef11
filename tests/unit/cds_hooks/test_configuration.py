"""What hides a check from cards (shadow mode, the EHR's own configuration), and what does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cds
import pytest

from cds_hooks.discovery import PATIENT_REVIEW, services
from clinical.findings import CheckId
from clinical.policy import Policy, default_policy

CONFIGURATION = "org.taperguard.configuration"
Ask = Callable[..., dict[str, Any]]


def policy(check: CheckId | None = None, /, *, may: tuple[str, ...] = (), **choice: bool) -> Policy:
    """The shipped policy with this choice for one check; an EHR may configure these codes."""
    shipped = default_policy()
    checks = dict(shipped.checks)
    if check is not None:
        checks[check] = replace(checks[check], **choice)
    return replace(shipped, checks=checks, clients_may=frozenset(may))


def configured(request: dict[str, Any], given: Any) -> dict[str, Any]:
    return {**request, "extension": {CONFIGURATION: given}}


def without_ids(cards: list[dict[str, Any]]) -> Any:
    """The cards without the ids that are new each time, and without their accounts."""
    bare = [{key: value for key, value in card.items() if key != "extension"} for card in cards]
    return json.loads(re.sub(r"id-\d+", "id", json.dumps(bare)))


def entry_of(body: dict[str, Any], check: CheckId) -> dict[str, Any]:
    checks = body["extension"]["org.taperguard.assessment"]["checks"]
    return next(it for it in checks if it["check"] == check.value)


def notes_of(body: dict[str, Any]) -> list[str]:
    return body["extension"]["org.taperguard.assessment"].get("notes", [])


# --- shadow mode ---


@pytest.mark.parametrize(
    "check",
    [CheckId.OPIOID_TOGETHER, CheckId.HIGH_DOSE, CheckId.DOSE_ESCALATION, CheckId.OLDER_ADULT],
)
def test_a_card_is_as_if_the_check_in_shadow_mode_were_off(
    ask: Ask, older_woman: dict[str, Any], check: CheckId
) -> None:
    """Words, suggestions, naloxone and links alike; only the account knows the difference."""
    shadow = ask(older_woman, policy=policy(check, shadow=True))
    off = ask(older_woman, policy=policy(check, on=False))
    assert shadow["cards"]
    assert without_ids(shadow["cards"]) == without_ids(off["cards"])
    assert without_ids(shadow["cards"]) != without_ids(ask(older_woman)["cards"])
    told = entry_of(shadow, check)
    assert (told["result"], told["shown"]) == ("fired", False)
    assert told["shown_why"].startswith("shadow mode: ")
    assert entry_of(off, check)["result"] == "set-aside"


def test_what_a_check_in_shadow_mode_could_not_look_at_is_no_reason_for_a_card(ask: Ask) -> None:
    """An unknown birth date: the fall risk was not checked, and in shadow mode nobody is told."""
    asked = cds.request([cds.order("new", cds.CLONAZEPAM["0.5"], 1, status="draft")], born=None)
    assert len(ask(asked)["cards"]) == 1
    body = ask(asked, policy=policy(CheckId.OLDER_ADULT, shadow=True))
    assert body["cards"] == []
    assert entry_of(body, CheckId.OLDER_ADULT)["result"] == "not-evaluable"


# --- the EHR's own configuration ---


def test_discovery_lists_what_may_be_configured_with_code_type_and_default() -> None:
    listed = services(policy=policy(may=("card-per-check", "rbd-option")))["services"]
    codes = {
        (it["id"], it["hook"]): [option["code"] for option in it["extension"][CONFIGURATION]]
        for it in listed
    }
    # The review of a chart has one card, whatever it tells.
    assert codes.pop((PATIENT_REVIEW, "patient-view")) == ["rbd-option"]
    assert list(codes.values()) == [["card-per-check", "rbd-option"]] * 2
    first = listed[0]["extension"][CONFIGURATION][0]
    assert first["description"]
    assert (first["type"], first["name"], first["default"]) == (
        "boolean",
        "A card for each check",
        False,
    )


def test_discovery_lists_nothing_where_nothing_may_be_configured() -> None:
    assert all("extension" not in it for it in services(policy=policy())["services"])


def test_a_check_that_is_not_shown_anyway_is_no_option() -> None:
    chosen = policy(CheckId.RBD_OPTION, shadow=True, may=("rbd-option",))
    assert all("extension" not in it for it in services(policy=chosen)["services"])


def test_an_ehr_switches_a_check_off_for_its_users_where_it_may(
    ask: Ask, older_woman: dict[str, Any]
) -> None:
    chosen = policy(may=("high-dose",))
    body = ask(configured(older_woman, {"high-dose": False}), policy=chosen)
    told = entry_of(body, CheckId.HIGH_DOSE)
    assert (told["result"], told["shown"]) == ("fired", False)
    assert told["shown_why"].startswith("the EHR asked not to be shown this check")
    off = ask(older_woman, policy=policy(CheckId.HIGH_DOSE, on=False))
    assert without_ids(body["cards"]) == without_ids(off["cards"])


def test_an_ehr_switches_no_check_on_that_the_site_keeps_in_shadow(
    ask: Ask, older_woman: dict[str, Any]
) -> None:
    chosen = policy(CheckId.HIGH_DOSE, shadow=True, may=("high-dose",))
    body = ask(configured(older_woman, {"high-dose": True}), policy=chosen)
    assert entry_of(body, CheckId.HIGH_DOSE)["shown_why"].startswith("shadow mode: ")


@pytest.mark.parametrize(
    ("given", "note"),
    [
        (
            {"high-dose": False},
            "the policy lets no EHR configure high-dose, so it was not followed",
        ),
        (
            {"opioid-together": "off"},
            "the configuration of opioid-together is neither true nor false: not followed",
        ),
        (
            {"max-cards": 0, "<b>": True},
            "2 code(s) of the configuration are not known and were not followed",
        ),
        (
            ["high-dose"],
            "the configuration in the request's extension is no JSON object: not followed",
        ),
    ],
)
def test_what_may_not_be_configured_or_is_malformed_changes_nothing_and_is_noted(
    ask: Ask, older_woman: dict[str, Any], given: Any, note: str
) -> None:
    chosen = policy(may=("opioid-together",))
    body = ask(configured(older_woman, given), policy=chosen)
    assert note in notes_of(body)
    assert without_ids(body["cards"]) == without_ids(ask(older_woman, policy=chosen)["cards"])


@pytest.mark.parametrize("extension", [None, {}, {"com.example.other": [1]}])
def test_extensions_of_others_are_no_configuration(
    ask: Ask, older_woman: dict[str, Any], extension: Any
) -> None:
    assert notes_of(ask({**older_woman, "extension": extension})) == notes_of(ask(older_woman))


def test_an_extension_that_is_no_object_is_noted(ask: Ask, older_woman: dict[str, Any]) -> None:
    body = ask({**older_woman, "extension": "card-per-check"})
    assert any("no JSON object" in note for note in notes_of(body))
