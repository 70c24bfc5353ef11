"""An assessment as cards: one per decision, never one per rule (CLINICAL section 8).

A site's policy may choose one card per check instead; what can be accepted then stands on the
first of them only, for two accepted tapers would add up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cds_hooks import summaries, wording
from cds_hooks.account import EXTENSION, account
from cds_hooks.overrides import override_reasons
from cds_hooks.plain import words_of
from cds_hooks.suggestions import (
    Desk,
    keep_suggestion,
    lower_start_suggestion,
    naloxone_suggestion,
    removal_suggestion,
    taper_suggestion,
)
from clinical.checks.long_term_use import EVIDENCE as LONG_TERM_EVIDENCE
from clinical.drugs import Drug, is_rescue_naloxone
from clinical.evidence import cite
from clinical.findings import Assessment, CheckId, Finding, Severity
from clinical.offer import NewStart, NoOffer, Offer, TaperOffer, UnderWay, offer
from clinical.order_case import OrderCase

JsonObject = dict[str, Any]

TOPICS = "https://taperguard.org/fhir/CodeSystem/checks"
_INDICATOR = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "info",
}


@dataclass(frozen=True, slots=True)
class Dealt:
    """The cards of one answer, what they show, and why the rest is not shown."""

    cards: tuple[JsonObject, ...]
    shown: frozenset[CheckId]
    unshown_why: dict[CheckId, str]
    spoken_for: tuple[tuple[str, tuple[CheckId, ...], Severity], ...]

    def beside(self, hidden: Mapping[CheckId, str]) -> Dealt:
        """The same, with why the checks that were kept from the dealer are not shown."""
        return replace(self, unshown_why={**hidden, **self.unshown_why})


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
    others, or that holds only if doses add up, raises no card. `quiet` are checks that must
    not be told of, and why: they were settled before.
    """
    silenced = quiet or {}
    dealer = _Dealer(case, assessment, desk, base_url, frozenset(silenced))
    findings = tuple(f for f in assessment.findings if f.check not in silenced)
    raising = tuple(f for f in findings if why_not_raising(f, case) is None)
    unshown = {f.check: silenced[f.check] for f in assessment.findings if f.check in silenced}
    if raising:
        dealer.order_cards(findings, raising)
        return dealer.dealt(shown=frozenset(f.check for f in findings), unshown=unshown)
    if case.ordered or (case.stopped is not None and case.stopped.drafts):
        dealer.not_checked_card()
    none = "and no card of this answer has a detail that would carry it"
    unshown |= {f.check: f"{why_not_raising(f, case)}, {none}" for f in findings}
    return dealer.dealt(shown=frozenset(), unshown=unshown)


def why_not_raising(finding: Finding, case: OrderCase) -> str | None:
    """Why the finding raises no card by itself; None when it does."""
    if not case.policy.checks[finding.check].own_card:
        return "it only supports other findings"
    if finding.fired.only_if_added:
        return "information only: it holds only if the present orders continue beside the new one"
    if finding.severity is Severity.INFORMATION:
        return "information only"
    return None


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
    dealer = _Dealer(case, assessment, desk, base_url, frozenset(silenced))
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
        quiet: Collection[CheckId],
    ) -> None:
        self.case = case
        self.assessment = assessment
        self.desk = desk
        self.base_url = base_url
        self.quiet = quiet
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

    def order_cards(self, findings: tuple[Finding, ...], raising: tuple[Finding, ...]) -> None:
        """The card of the order, and beside it naloxone where an opioid is in use.

        Where the site wants a card for each check, the first speaks for its own check and for all
        that raise none.
        """
        case = self.case
        proposed = offer(case, self.assessment)
        suggestions = self._suggestions(proposed)
        offers_naloxone = self._offers_naloxone(findings)
        if proposed is None and offers_naloxone:
            suggestions = [naloxone_suggestion(self.desk)]
        alone = raising[1:] if case.policy.card_per_check else ()
        told = tuple(f for f in findings if f not in alone)
        self._add(
            told,
            detail=wording.order_detail(
                case, self.assessment, told, proposed, self.desk, self.quiet
            ),
            suggestions=suggestions,
        )
        for finding in alone:
            self._add(
                (finding,),
                detail=wording.single_detail(case, self.assessment, finding),
                suggestions=[],
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

    def not_checked_card(self) -> None:
        """One card that says what could not be checked: no card would read as "nothing found".

        Only for checks that would have interrupted; none when all of those were made.
        """
        own = wording.own_cards(self.case.policy)
        unknown = [
            it for it in wording.not_evaluable(self.assessment, self.quiet) if it.check in own
        ]
        if not unknown:
            return
        words = words_of(self.case.facts)
        self._card(
            checks=tuple(it.check for it in unknown),
            severity=Severity.INFORMATION,
            summary=summaries.not_checked_summary(unknown, self.case),
            detail="\n\n".join(
                (
                    wording.unknowns_part(unknown, own, words),
                    "The checks that could be made raise no warning; what is listed here is for "
                    "you to look at before signing.",
                    wording.footer(self.assessment, "nothing is changed"),
                )
            ),
            suggestions=[],
        )

    def _naloxone_card(self, findings: tuple[Finding, ...]) -> None:
        opioid = next(f for f in findings if f.check is CheckId.OPIOID_TOGETHER)
        words = words_of(self.case.facts)
        self._card(
            checks=(CheckId.OPIOID_TOGETHER,),
            severity=Severity.WARNING,
            summary=summaries.naloxone_summary(opioid),
            detail=(
                f"{words(opioid.fired.why)} "
                "Offer naloxone to everybody who takes an opioid with a benzodiazepine, and show "
                "the people they live with how to use it (ASAM 2025, statement 17). Naloxone "
                "inside a combination such as buprenorphine/naloxone is no rescue."
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
        desk, drafts, effect = self.desk, self.case.ordered, self.case.effect
        above = self.case.policy.lower_start_above_mg_per_day
        found: list[JsonObject | None] = []
        match proposed:
            case TaperOffer():
                found += [taper_suggestion(desk, proposed, p) for p in proposed.proposals]
                if proposed.keep_present:
                    found.append(keep_suggestion(desk, proposed.about))
            case NoOffer(keep=about) if about is not None:
                found.append(keep_suggestion(desk, about))
            case UnderWay():
                found.append(keep_suggestion(desk, proposed.about, "Keep to the taper"))
            case NewStart(why_not_lower):
                high = effect is not None and effect.replacing.mg_per_day > above
                if high and why_not_lower is None:
                    found.append(lower_start_suggestion(desk, drafts))
                these = "this order" if len(drafts) == 1 else "these orders"
                found.append(removal_suggestion(desk, drafts, f"Remove {these}"))
            case _:
                pass
        return [suggestion for suggestion in found if suggestion is not None]

    def _add(
        self, findings: tuple[Finding, ...], *, detail: str, suggestions: list[JsonObject]
    ) -> None:
        self._card(
            checks=tuple(f.check for f in findings),
            severity=findings[0].severity,
            summary=summaries.order_summary(findings, self.case),
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
            "detail": "\n\n".join(filter(None, (detail, self.case.policy.site_line))),
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
        card["links"] = self._links(checks[0], evidence)
        self.cards.append((card, checks, severity))

    def _links(self, topic: CheckId, evidence: tuple[str, ...]) -> list[JsonObject]:
        links = [
            {
                "label": "Open the taper planner",
                "url": f"{self.base_url}/smart/launch",
                "type": "smart",
            },
        ]
        policy = self.case.policy
        if policy.pdmp_url is not None:
            label = "Prescription drug monitoring program"
            links.append({"label": label, "url": policy.pdmp_url, "type": "absolute"})
        links += [{"label": it.label, "url": it.url, "type": "absolute"} for it in policy.links]
        rules = f"{self.base_url}/evidence#{topic.value}"
        links.append({"label": "Rules and sources", "url": rules, "type": "absolute"})
        for key in dict.fromkeys(evidence):
            source = cite(key)
            url = f"https://doi.org/{source.doi}" if source.doi else None
            if url is not None:
                links.append({"label": source.title, "url": url, "type": "absolute"})
        return links
