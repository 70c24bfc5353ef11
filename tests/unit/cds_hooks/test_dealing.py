"""Which cards there are: one per decision or one per check, what stays quiet, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cds
import pytest

from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.policy import CheckChoice, default_policy

ONE_MG = cds.CLONAZEPAM["1"]


def fired(summary: str, severity: Severity = Severity.WARNING, **more: Any) -> Fired:
    return Fired(severity, summary, f"{summary} was found", (), ("LABEL",), **more)


REQUEST = cds.request(
    [cds.order("new", ONE_MG, 3, status="draft")],
    medications=[cds.order("now", ONE_MG, 2), cds.order("oxy", cds.OXYCODONE, 4)],
)
FOUND: dict[CheckId, Verdict] = {
    CheckId.OPIOID_TOGETHER: fired("with oxycodone", Severity.CRITICAL),
    CheckId.HIGH_DOSE: fired("3 mg/day"),
    CheckId.DOSE_ESCALATION: fired("raised from 2 mg/day to 3 mg/day"),
    CheckId.BREATHING: fired("sleep apnoea"),
    CheckId.LONG_TERM_USE: fired("long-term use", Severity.INFORMATION),
}


def topics(dealt: Any) -> list[str]:
    return [card["source"]["topic"]["code"] for card in dealt.cards]


def test_one_card_speaks_for_all_findings_and_one_offers_naloxone(deal_with: Any) -> None:
    _, dealt = deal_with(REQUEST, FOUND, only=True)
    assert topics(dealt) == ["opioid-together", "opioid-together"]
    assert dealt.shown == set(FOUND)
    assert dealt.unshown_why == {}
    (order_card, naloxone_card) = dealt.spoken_for
    assert set(order_card[1]) == set(FOUND)
    assert naloxone_card[1] == (CheckId.OPIOID_TOGETHER,)


def test_what_only_supports_stands_under_a_head_of_its_own(deal_with: Any) -> None:
    _, dealt = deal_with(REQUEST, FOUND, only=True)
    found, also = dealt.cards[0]["detail"].split("**Also in the chart**")
    assert "**Warning: High dose.**" in found
    assert "**Warning: Breathing.** Sleep apnoea was found." in also
    assert "**Information: Long-term use.**" in also


def test_a_site_may_choose_a_card_for_each_check(deal_with: Any) -> None:
    """The first carries what can be accepted: two accepted tapers would add up."""
    policy = replace(default_policy(), card_per_check=True)
    _, dealt = deal_with(REQUEST, FOUND, only=True, policy=policy)
    assert topics(dealt) == ["opioid-together", "high-dose", "dose-escalation", "opioid-together"]
    first, *others, naloxone = dealt.cards
    assert first["suggestions"]
    assert "**Warning: Breathing.**" in first["detail"]
    assert "**Warning: High dose.**" not in first["detail"]
    for card in others:
        assert "suggestions" not in card
        assert "stand on the first card for this order" in card["detail"]
    assert others[0]["summary"] == "Clonazepam 3 mg/day, a high dose"
    assert others[1]["summary"] == "Clonazepam 3 mg/day (raised from 2)"
    assert naloxone["suggestions"]
    spoken = [set(checks) for _, checks, _ in dealt.spoken_for]
    assert spoken[0] == {CheckId.OPIOID_TOGETHER, CheckId.BREATHING, CheckId.LONG_TERM_USE}
    assert spoken[1:3] == [{CheckId.HIGH_DOSE}, {CheckId.DOSE_ESCALATION}]
    assert dealt.shown == set(FOUND)


def test_a_finding_that_is_to_be_quiet_is_on_no_card(deal_with: Any) -> None:
    quiet = {CheckId.OPIOID_TOGETHER: "settled on 20 Nov 2026"}
    _, dealt = deal_with(REQUEST, FOUND, only=True, quiet=quiet)
    (card,) = dealt.cards
    assert card["summary"] == "Clonazepam 3 mg/day (raised from 2)"
    assert "pioid" not in card["detail"].partition("**Taper")[0]
    assert dealt.unshown_why == quiet
    assert CheckId.OPIOID_TOGETHER not in dealt.shown


def test_a_quiet_opioid_is_still_a_reason_to_offer_no_second_pace(deal_with: Any) -> None:
    """The finding was answered; that an opioid is taken has not changed."""
    quiet = {CheckId.OPIOID_TOGETHER: "settled on 20 Nov 2026"}
    _, dealt = deal_with(REQUEST, FOUND, only=True, quiet=quiet)
    labels = [suggestion["label"] for suggestion in dealt.cards[0]["suggestions"]]
    assert not any("Nardi" in label for label in labels)


def test_when_all_that_raises_a_card_is_quiet_there_is_none_and_each_says_why(
    deal_with: Any,
) -> None:
    own = (CheckId.OPIOID_TOGETHER, CheckId.HIGH_DOSE, CheckId.DOSE_ESCALATION)
    quiet = dict.fromkeys(own, "settled on 20 Nov 2026")
    _, dealt = deal_with(REQUEST, FOUND, only=True, quiet=quiet)
    assert dealt.cards == ()
    assert set(dealt.unshown_why) == set(FOUND)
    assert dealt.unshown_why[CheckId.BREATHING] == (
        "it only supports other findings, and no card of this answer has a detail that would "
        "carry it"
    )


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (fired("3 mg/day", Severity.INFORMATION), "information only"),
        (fired("5 mg/day", only_if_added=True), "it holds only if the present orders continue"),
    ],
)
def test_a_finding_that_raises_no_card_says_why(deal_with: Any, found: Fired, why: str) -> None:
    _, dealt = deal_with(REQUEST, {CheckId.HIGH_DOSE: found}, only=True)
    assert dealt.cards == ()
    assert why in dealt.unshown_why[CheckId.HIGH_DOSE]


def test_a_check_that_the_site_makes_a_supporting_one_raises_no_card(deal_with: Any) -> None:
    policy = default_policy()
    choice = {CheckId.HIGH_DOSE: CheckChoice(own_card=False)}
    policy = replace(policy, checks={**policy.checks, **choice})
    _, dealt = deal_with(REQUEST, {CheckId.HIGH_DOSE: fired("3 mg/day")}, only=True, policy=policy)
    assert dealt.cards == ()
    assert "only supports" in dealt.unshown_why[CheckId.HIGH_DOSE]


UNKNOWN = NotEvaluable("the birth date was not supplied")


@pytest.mark.parametrize(
    ("verdicts", "number"),
    [
        ({CheckId.OLDER_ADULT: UNKNOWN}, 1),
        ({CheckId.OLDER_ADULT: Clear("age 40 is under 65")}, 0),
        # Nobody is interrupted for what would not have interrupted.
        ({CheckId.BREATHING: UNKNOWN}, 0),
    ],
)
def test_what_could_not_be_checked_is_a_card_where_it_would_have_been_one(
    deal_with: Any, verdicts: dict[CheckId, Verdict], number: int
) -> None:
    _, dealt = deal_with(REQUEST, verdicts, only=True)
    assert len(dealt.cards) == number


def test_a_card_of_the_order_says_what_could_not_be_checked_too(deal_with: Any) -> None:
    verdicts = FOUND | {CheckId.OLDER_ADULT: UNKNOWN, CheckId.COGNITION: UNKNOWN}
    _, dealt = deal_with(REQUEST, verdicts, only=True)
    assert len(dealt.cards) == 2
    unknown = dealt.cards[0]["detail"].partition("**What could not be checked**")[2]
    assert "- Older adult: falls and confusion: The birth date was not supplied." in unknown
    assert "- The chart does not tell enough about: cognition." in unknown


def test_a_quiet_check_that_could_not_be_made_is_not_told_of(deal_with: Any) -> None:
    quiet = {CheckId.OLDER_ADULT: "settled before"}
    _, dealt = deal_with(REQUEST, {CheckId.OLDER_ADULT: UNKNOWN}, only=True, quiet=quiet)
    assert dealt.cards == ()
    _, dealt = deal_with(REQUEST, FOUND | {CheckId.OLDER_ADULT: UNKNOWN}, only=True, quiet=quiet)
    assert "birth date" not in dealt.cards[0]["detail"]
