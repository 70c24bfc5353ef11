"""What was settled stays quiet: what an answer recalls, what its cards stand on, and the words.

*Settled* means that feedback was received for a card, accepted or overridden; a card that was only
shown is returned again (CLINICAL section 8). A finding is settled with the facts on which it stood
(`clinical.fingerprint`), for one patient of one EHR and for one service: whoever puts the quiet
card of the chart aside has not answered for an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from cds_hooks import markdown
from cds_hooks.overrides import override_reasons
from cds_hooks.plain import day
from clinical.findings import Assessment, CheckId, Finding, NotEvaluable, Severity
from clinical.fingerprint import stands_on
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.rules import rule
from ehr import log
from store.card_memory import Settled
from store.feedback import OverrideReason
from store.follow_ups import FollowUp

WILL_MONITOR = "will-monitor"
"""The reason that promises a follow-up."""

NOT_RECALLED = (
    "what was settled earlier could not be looked up in time, so nothing was kept quiet for it"
)

Standing = Mapping[CheckId, str]
"""By check the facts on which its finding stands, or for which it could not be made."""

Quiet = Mapping[CheckId, str]
"""The checks that no card tells of, and why."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is settled on the same facts, and the follow-ups that are due; what went wrong."""

    settled: Mapping[CheckId, Settled] = field(default_factory=dict)
    follow_ups: tuple[FollowUp, ...] = ()
    trouble: str | None = None

    @property
    def notes(self) -> list[str]:
        """What the account says of it beside the checks."""
        notes = [f"a follow-up is due: {_promise(it)}" for it in self.follow_ups]
        return notes if self.trouble is None else [*notes, self.trouble]


class MemoryDown(Exception):
    """The memory did not answer, or not in time."""


class Memory(Protocol):
    """What was settled of the patients of one EHR."""

    def recall(self, patient_id: str, service: str, standing: Standing, on: date) -> Recalled:
        """What is settled on these facts and what is due, on the day. Raises MemoryDown."""
        ...


def standing_of(case: OrderCase, assessment: Assessment) -> dict[CheckId, str]:
    """What each finding, and each check that could not be made, stands on."""
    texts = {checked.check: stands_on(case, checked) for checked in assessment.checks}
    return {check: text for check, text in texts.items() if text is not None}


def recall(
    memory: Memory | None, patient_id: str, service: str, standing: Standing, on: date
) -> Recalled:
    """The same as the memory recalls, or nothing where it cannot: then the cards are shown."""
    if memory is None:
        return Recalled()
    try:
        return memory.recall(patient_id, service, standing, on)
    except MemoryDown:
        log.get(__name__).warning("memory not read")
        return Recalled(trouble=NOT_RECALLED)


def quiet_at_order(
    assessment: Assessment, recalled: Recalled, policy: Policy
) -> dict[CheckId, str]:
    """The checks that no card of an order tells of, and why.

    A settled finding stays quiet even when another raises a card. A new supporting finding is a
    new risk in the decision that was settled: then all is told again, for by itself it raises no
    card.
    """
    if any(
        not policy.checks[finding.check].own_card for finding in _news(assessment, recalled, policy)
    ):
        return {}
    return {check: in_words(settled) for check, settled in recalled.settled.items()}


def quiet_at_review(
    assessment: Assessment, recalled: Recalled, policy: Policy
) -> dict[CheckId, str]:
    """The same for the one card of a chart, which is shown whole or not at all."""
    settled = CheckId.LONG_TERM_USE in recalled.settled
    if not settled or recalled.follow_ups or _news(assessment, recalled, policy):
        return {}
    return {check: in_words(settled) for check, settled in recalled.settled.items()}


def _news(assessment: Assessment, recalled: Recalled, policy: Policy) -> list[Finding]:
    """Findings that raise a card or support one, and were not settled on these facts.

    Long-term use is none: it comes with the days, and no decision changes on the day it does.
    """
    return [
        finding
        for finding in assessment.findings
        if finding.check not in recalled.settled
        and finding.check is not CheckId.LONG_TERM_USE
        and not (policy.checks[finding.check].own_card and _is_information(finding))
    ]


def _is_information(finding: Finding) -> bool:
    return finding.severity is Severity.INFORMATION or finding.fired.only_if_added


def facts_of_cards(
    spoken_for: Sequence[tuple[str, tuple[CheckId, ...], Severity]],
    assessment: Assessment,
    standing: Standing,
) -> dict[str, dict[str, str]]:
    """By card, by check, the facts that an answer to the card settles.

    The first card that speaks for a check settles it: whoever puts the offer of naloxone aside
    has not answered for the opioid. The first card of all also tells what could not be checked.
    """
    unknown = [c.check for c in assessment.checks if isinstance(c.verdict, NotEvaluable)]
    settled: set[CheckId] = set()
    cards: dict[str, dict[str, str]] = {}
    for card, checks, _ in spoken_for:
        told = checks if cards else (*checks, *unknown)
        mine = [check for check in dict.fromkeys(told) if check in standing]
        facts = {check.value: standing[check] for check in mine if check not in settled}
        settled.update(mine)
        if facts:
            cards[card] = facts
    return cards


def known_reason(reason: OverrideReason | None) -> str | None:
    """The code, where it is one of the reasons that our cards offer; an EHR's own words are not."""
    if reason is None or reason.code not in _displays():
        return None
    offered = {(coding["system"], coding["code"]) for coding in override_reasons(CheckId)}
    return reason.code if (reason.system, reason.code) in offered else None


def in_words(settled: Settled) -> str:
    """Why a finding is not shown: when and how it was settled, and when it returns."""
    reason = _displays().get(settled.reason_code or "")
    why = settled.outcome.value + ("" if reason is None else f", {_lower(reason)}")
    return (
        f"settled on {day(settled.settled_on)}: {why}; it returns when dose, medicines, age band "
        f"or risks change, or after {day(settled.quiet_until)}"
    )


def say_what_is_quiet(
    cards: Sequence[dict[str, Any]], assessment: Assessment, recalled: Recalled, quiet: Quiet
) -> None:
    """One line under the first card's detail: what was found too, and was settled earlier."""
    names = [
        f"{rule(finding.check).called} ({day(recalled.settled[finding.check].settled_on)})"
        for finding in assessment.findings
        if finding.check in quiet and finding.check in recalled.settled
    ]
    if cards and names:
        line = f"Settled earlier and not repeated here: {', '.join(names)}."
        cards[0]["detail"] += f"\n\n{markdown.text(line)}"


def with_follow_ups(words: tuple[str, str], due: Sequence[FollowUp]) -> tuple[str, str]:
    """A review card's summary and detail, led by the follow-ups that are due."""
    if not due:
        return words
    summary, detail = words
    lines = [
        f"S{_promise(it)[1:]}. Ask how it went: falls, memory, mood, new medicines, and what is "
        "really taken."
        for it in due
    ]
    part = "**Follow-up due**\n\n" + markdown.bullets(map(markdown.text, lines))
    return f"{summary}, follow-up due since {day(due[0].due_on)}", f"{part}\n\n{detail}"


def _promise(it: FollowUp) -> str:
    """As a clause that begins with "since"."""
    reason = _displays().get(it.reason_code, it.reason_code)
    return (
        f"since {day(it.due_on)}: the card about {rule(CheckId(it.checks[0])).called.lower()} was "
        f'answered with "{reason}" on {day(it.promised_on)}'
    )


def _displays() -> dict[str, str]:
    return {coding["code"]: coding["display"] for coding in override_reasons(CheckId)}


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
