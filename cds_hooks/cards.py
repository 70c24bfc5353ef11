"""An assessment as cards: one per decision, never one per rule (CLINICAL section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks import wording
from cds_hooks.account import EXTENSION, account
from cds_hooks.overrides import override_reasons
from cds_hooks.suggestions import (
    Desk,
    lower_start_suggestion,
    naloxone_suggestion,
    removal_suggestion,
    taper_suggestion,
)
from clinical.checks.long_term_use import EVIDENCE as LONG_TERM_EVIDENCE
from clinical.drugs import Drug, is_rescue_naloxone
from clinical.evidence import cite
from clinical.findings import Assessment, CheckId, Finding, Severity
from clinical.offer import NewStart, Offer, TaperOffer, UnderWay, offer
from clinical.order_case import OrderCase

JsonObject = dict[str, Any]

TOPICS = "https://taperguard.org/fhir/CodeSystem/checks"
_INDICATOR = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "info",
}
_LOWER_START_ABOVE_MG = 0.5


@dataclass(frozen=True, slots=True)
class Dealt:
    """The cards of one answer, what they show, and why the rest is not shown."""

    cards: tuple[JsonObject, ...]
    shown: frozenset[CheckId]
    unshown_why: dict[CheckId, str]
    spoken_for: tuple[tuple[str, tuple[CheckId, ...], Severity], ...]


def deal(
    case: OrderCase,
    assessment: Assessment,
    desk: Desk,
    base_url: str,
    quiet: Mapping[CheckId, str] | None = None,
) -> Dealt:
    """The cards for this assessment.

    An order's card speaks for every finding as soon as one of them, whose check has a card of
    its own, is a warning or more; a finding that is information only, that only supports
    others, or that holds only if doses add up, raises no card. `quiet` are findings that must
    not be shown, and why: settled before, or in shadow mode.
    """
    dealer = _Dealer(case, assessment, desk, base_url)
    silenced = quiet or {}
    findings = tuple(f for f in assessment.findings if f.check not in silenced)
    raising = [
        f
        for f in findings
        if case.policy.checks[f.check].own_card
        and f.severity is not Severity.INFORMATION
        and not f.fired.only_if_added
    ]
    unshown = {f.check: silenced[f.check] for f in assessment.findings if f.check in silenced}
    if raising:
        dealer.order_card(findings)
        return dealer.dealt(shown=frozenset(f.check for f in findings), unshown=unshown)
    if case.ordered:
        dealer.not_checked_card(silenced)
    why = "information only, and no card of this answer has a detail that would carry it"
    unshown |= {f.check: why for f in findings}
    return dealer.dealt(shown=frozenset(), unshown=unshown)


def deal_review(
    case: OrderCase,
    assessment: Assessment,
    desk: Desk,
    base_url: str,
    words: tuple[str, str] | None,
    quiet: Mapping[CheckId, str] | None = None,
) -> Dealt:
    """One information card with this summary and detail, or none; it carries no suggestions.

    The card speaks for long-term use first, then for whatever else was found. `quiet` are checks
    that must not be told of, and why; where long-term use is one there is no card.
    """
    silenced = quiet or {}
    dealer = _Dealer(case, assessment, desk, base_url)
    findings = assessment.findings
    unshown = {f.check: silenced[f.check] for f in findings if f.check in silenced}
    told = [f.check for f in findings if f.check not in silenced]
    if words is None or CheckId.LONG_TERM_USE in silenced:
        why = (
            "the review shows a card only while a long-term user takes clonazepam"
            if words is None
            else "the review's card is about long-term use, and that is not shown"
        )
        return dealer.dealt(shown=frozenset(), unshown=dict.fromkeys(told, why) | unshown)
    others = [check for check in told if check is not CheckId.LONG_TERM_USE]
    dealer.review_card((CheckId.LONG_TERM_USE, *others), *words)
    return dealer.dealt(shown=frozenset(told), unshown=unshown)


class _Dealer:
    """Puts the cards of one answer together."""

    def __init__(
        self,
        case: OrderCase,
        assessment: Assessment,
        desk: Desk,
        base_url: str,
    ) -> None:
        self.case = case
        self.assessment = assessment
        self.desk = desk
        self.base_url = base_url
        self.cards: list[tuple[JsonObject, tuple[CheckId, ...], Severity]] = []

    def dealt(self, shown: frozenset[CheckId], unshown: dict[CheckId, str]) -> Dealt:
        """The cards, each with the account of the checks that it speaks for."""
        for card, checks, _ in self.cards:
            card["extension"] = {
                EXTENSION: account(self.assessment, shown, unshown, only=frozenset(checks))
            }
        return Dealt(
            cards=tuple(card for card, _, _ in self.cards),
            shown=shown,
            unshown_why=unshown,
            spoken_for=tuple((card["uuid"], checks, sev) for card, checks, sev in self.cards),
        )

    def order_card(self, findings: tuple[Finding, ...]) -> None:
        """The card of the order, and beside it naloxone where an opioid is in use."""
        case = self.case
        proposed = offer(case, self.assessment)
        offers_naloxone = self._offers_naloxone(findings)
        suggestions = self._suggestions(proposed)
        if proposed is None and offers_naloxone:
            suggestions = [naloxone_suggestion(self.desk)]
        self._add(
            findings,
            summary=wording.summary(findings, case.effect, case.running),
            detail=wording.order_detail(case, self.assessment, findings, proposed),
            suggestions=suggestions,
        )
        if proposed is not None and offers_naloxone:
            self._naloxone_card(findings)

    def review_card(self, checks: tuple[CheckId, ...], summary: str, detail: str) -> None:
        """The card of a chart that is opened: quiet whatever it tells, for nothing is ordered."""
        self._card(
            checks=checks,
            severity=Severity.INFORMATION,
            summary=summary,
            detail=detail,
            suggestions=[],
            evidence=(
                *LONG_TERM_EVIDENCE,
                *(key for f in self.assessment.findings for key in f.fired.evidence),
            ),
        )

    def not_checked_card(self, quiet: Mapping[CheckId, str]) -> None:
        """One card that says what could not be checked: no card would read as "nothing found".

        Only for checks that would have interrupted; none when all of those were made.
        """
        own = [it for it in self.assessment.checks if self.case.policy.checks[it.check].own_card]
        unknown = [it for it in wording.not_evaluable(self.assessment) if it in own]
        unknown = [it for it in unknown if it.check not in quiet]
        if not unknown:
            return
        names = [wording.TITLES[c.check].lower() for c in unknown]
        line = f"Clonazepam order: {len(unknown)} of {len(own)} checks not made"
        self._card(
            checks=tuple(c.check for c in unknown),
            severity=Severity.INFORMATION,
            summary=line,
            detail="\n\n".join(
                filter(
                    None,
                    (
                        f"Not checked: {', '.join(names)}.",
                        wording.unknowns_part(self.assessment),
                    ),
                )
            ),
            suggestions=[],
        )

    def _naloxone_card(self, findings: tuple[Finding, ...]) -> None:
        opioid = next(f for f in findings if f.check is CheckId.OPIOID_TOGETHER)
        self._card(
            checks=(CheckId.OPIOID_TOGETHER,),
            severity=Severity.WARNING,
            summary="Opioid with clonazepam and no rescue naloxone on the list",
            detail=(
                f"{wording.sentence(opioid.fired.why)} "
                "Offer naloxone to everybody who takes an opioid with a benzodiazepine, and show "
                "the people they live with how to use it (ASAM 17). Naloxone inside a combination "
                "such as buprenorphine/naloxone is no rescue."
            ),
            suggestions=[naloxone_suggestion(self.desk)],
        )

    def _offers_naloxone(self, findings: Iterable[Finding]) -> bool:
        if not any(f.check is CheckId.OPIOID_TOGETHER for f in findings):
            return False
        return not any(
            isinstance(r.drug, Drug) and is_rescue_naloxone(r.drug) for r in self.case.taken
        )

    def _suggestions(self, proposed: Offer | None) -> list[JsonObject]:
        drafts, effect = self.case.ordered, self.case.effect
        found: list[JsonObject | None] = []
        match proposed:
            case TaperOffer():
                found += [taper_suggestion(self.desk, proposed, p) for p in proposed.proposals]
                if proposed.keep_present:
                    label = f"Keep the present {proposed.effect.present}: remove the new order"
                    found.append(removal_suggestion(self.desk, proposed.effect.drafts, label))
            case UnderWay():
                label = "Keep to the taper: remove the new order"
                found.append(removal_suggestion(self.desk, proposed.drafts, label))
            case NewStart():
                if effect is not None and effect.replacing.mg_per_day > _LOWER_START_ABOVE_MG:
                    found.append(lower_start_suggestion(self.desk, drafts))
                found.append(removal_suggestion(self.desk, drafts, "Remove this order"))
            case _:
                pass
        return [suggestion for suggestion in found if suggestion is not None]

    def _add(
        self,
        findings: tuple[Finding, ...],
        *,
        summary: str,
        detail: str,
        suggestions: list[JsonObject],
    ) -> None:
        self._card(
            checks=tuple(f.check for f in findings),
            severity=findings[0].severity,
            summary=summary,
            detail=detail,
            suggestions=suggestions,
            evidence=tuple(key for f in findings for key in f.fired.evidence),
        )

    def _card(
        self,
        *,
        checks: tuple[CheckId, ...],
        severity: Severity,
        summary: str,
        detail: str,
        suggestions: list[JsonObject],
        evidence: tuple[str, ...] = (),
    ) -> None:
        card: JsonObject = {
            "uuid": self.desk.new_id(),
            "summary": summary,
            "indicator": _INDICATOR[severity],
            "detail": detail,
            "source": {
                "label": "TaperGuard",
                "url": f"{self.base_url}/evidence",
                "topic": {
                    "system": TOPICS,
                    "code": checks[0].value,
                    "display": wording.TITLES[checks[0]],
                },
            },
        }
        if suggestions:
            card["suggestions"] = suggestions
            card["selectionBehavior"] = "at-most-one"
        card["overrideReasons"] = override_reasons(checks)
        card["links"] = self._links(evidence)
        self.cards.append((card, checks, severity))

    def _links(self, evidence: tuple[str, ...]) -> list[JsonObject]:
        links = [
            {
                "label": "Open the taper planner",
                "url": f"{self.base_url}/smart/launch",
                "type": "smart",
            },
            {"label": "Rules and sources", "url": f"{self.base_url}/evidence", "type": "absolute"},
        ]
        for key in dict.fromkeys(evidence):
            source = cite(key)
            url = f"https://doi.org/{source.doi}" if source.doi else None
            if url is not None:
                links.append({"label": source.title, "url": url, "type": "absolute"})
        return links
