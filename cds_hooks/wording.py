"""The words of the cards: lead with the fact and its number, then what follows (UI, Words)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from typing import Any

from cds_hooks import markdown
from cds_hooks.suggestions import discontinued
from clinical.baseline import slow_creep
from clinical.checks.words import drug_name, listed, uncounted_reasons
from clinical.dependence import Dependence
from clinical.evidence import cite
from clinical.facts import MedicationRecord
from clinical.findings import Assessment, Checked, CheckId, Finding, NotEvaluable
from clinical.offer import NewStart, NoOffer, Offer, Proposal, TaperOffer, UnderWay
from clinical.order_case import OrderCase
from clinical.quantities import plain
from clinical.rules import rule
from clinical.signing import Effect
from clinical.taper import Limit, Schedule, judge
from clinical.taper.pace import conventions
from clinical.taper.schedule import percent_text
from clinical.tapers import TaperInProgress
from clinical.totals import Total
from ehr.read.chart import Background

LONGEST_SUMMARY = 139
"""A summary has fewer than 140 characters (CDS Hooks 2.0, Card attributes)."""

TITLES = {check: rule(check).called for check in CheckId}


def summary(
    findings: Iterable[Finding], effect: Effect | None, running: TaperInProgress | None = None
) -> str:
    """One line: the dose, then what is wrong with it, as much as fits.

    A taper that is in progress always fits: it changes what the order means.
    """
    by_check = {finding.check: finding.fired for finding in findings}
    parts = [_dose_words(effect, raised=CheckId.DOSE_ESCALATION in by_check)]
    if CheckId.OPIOID_TOGETHER in by_check:
        parts.append(f" {by_check[CheckId.OPIOID_TOGETHER].summary}")
    if CheckId.OLDER_ADULT in by_check:
        parts.append(f", {by_check[CheckId.OLDER_ADULT].summary}")
    last = "" if running is None else ", a taper is in progress"
    line = parts[0]
    for part in parts[1:]:
        if len(line + part + last) <= LONGEST_SUMMARY:
            line += part
    return _one_line(line + last)


def _dose_words(effect: Effect | None, *, raised: bool) -> str:
    if effect is None:
        return "Clonazepam"
    total = effect.replacing
    if not total.sources:
        return "Clonazepam (dose not computable)"
    at_least = "" if total.complete else "at least "
    before = ""
    if raised and effect.baseline is not None:
        lapsed_on = effect.baseline_ended_on
        before = (
            f" (now {effect.baseline})"
            if lapsed_on is None
            else f" ({effect.baseline} until {_day(lapsed_on)})"
        )
    return f"Clonazepam {at_least}{total}{before}"


def _one_line(line: str) -> str:
    flat = " ".join(line.split())
    return flat if len(flat) <= LONGEST_SUMMARY else flat[: LONGEST_SUMMARY - 1].rstrip() + "…"


def order_detail(
    case: OrderCase, assessment: Assessment, findings: Iterable[Finding], offer: Offer | None
) -> str:
    """The whole story behind the order's card, as GitHub Markdown."""
    parts = [findings_part(findings)]
    if case.effect is not None:
        parts.append(_doses_part(case, case.effect))
    if case.running is not None:
        parts.append(_running_part(case.running, offer))
    match offer:
        case TaperOffer():
            lines = dependence_lines(offer.dependence)
            parts.append("**Dependence**\n\n" + markdown.bullets(lines))
            parts += [_taper_part(offer, proposal) for proposal in offer.proposals]
            parts.append(_accepting_part(offer))
        case NoOffer(why):
            parts.append(
                "**No drafts on this card**\n\n"
                + markdown.bullets(markdown.text(sentence(w)) for w in why)
            )
        case NewStart():
            parts.append(
                "**New start**\n\nNo clonazepam is current, so there is nothing to taper. If it "
                "is needed, the label starts with 0.25 mg twice a day."
            )
        case UnderWay() | None:
            pass
    unknown = unknowns_part(assessment)
    if unknown:
        parts.append(unknown)
    parts.append(
        f"Rules {assessment.rules_version}, on {_day(assessment.on)}. Not reviewed by a "
        "clinician; every proposal is a draft that you sign."
    )
    return "\n\n".join(parts)


def say_how_fresh(cards: Iterable[dict[str, Any]], background: Background | None) -> None:
    """Add to each card's detail that a kept history was used, and how old it is."""
    if background is None:
        return
    for card in cards:
        card["detail"] += f"\n\n{markdown.text(sentence(background.words))}"


def findings_part(told: Iterable[Finding]) -> str:
    """Each finding with its severity, its reason and its sources, most severe first."""
    lines = []
    for finding in told:
        fired = finding.fired
        sources = ", ".join(cite(key).called for key in fired.evidence)
        sentences = " ".join(markdown.text(sentence(words)) for words in fired.details)
        lines.append(
            f"**{fired.severity.word}: {TITLES[finding.check]}.** "
            f"{markdown.text(sentence(fired.why))} {sentences} _({sources})_"
        )
    return "**What was found**\n\n" + markdown.bullets(lines)


def dependence_lines(found: Dependence | NotEvaluable) -> list[str]:
    """Whether dependence is likely, to be confirmed; or why the chart does not tell."""
    source = f" _({cite('ASAM').called})_"
    if isinstance(found, Dependence):
        return [markdown.text(found.in_words) + source]
    why = sentence(f"whether dependence is likely cannot be estimated: {found.why}")
    return [f"{markdown.text(why)} Ask how it is taken.{source}"]


def unknowns_part(assessment: Assessment) -> str | None:
    """What could not be checked, and why; None when everything could."""
    lines = [
        f"{TITLES[checked.check]}: {markdown.text(checked.verdict.why)}"
        for checked in not_evaluable(assessment)
        if isinstance(checked.verdict, NotEvaluable)
    ]
    return "**What could not be checked**\n\n" + markdown.bullets(lines) if lines else None


def not_evaluable(assessment: Assessment) -> list[Checked]:
    """The checks that could not be made."""
    return [c for c in assessment.checks if isinstance(c.verdict, NotEvaluable)]


def _running_part(running: TaperInProgress, offer: Offer | None) -> str:
    lines = [sentence(running.in_words(_day))]
    if isinstance(offer, UnderWay):
        changed = "open the planner" if running.ours else "change its orders"
        lines.append(
            "No second taper is drafted: its doses would add up with the one in progress. To "
            f"change that one, {changed}; to stay with it, remove the new order."
        )
    if not running.signed:
        lines.append("Its draft orders have no effect until they are signed.")
    elif not running.taken:
        lines.append(
            "An order of today's step is not signed, so less may be taken than planned: sign the "
            "rest of the step, or ask what the patient takes."
        )
    return "**A taper is in progress**\n\n" + markdown.bullets(map(markdown.text, lines))


def _doses_part(case: OrderCase, effect: Effect) -> str:
    policy = case.policy
    records = {d.record.source: d.record for d in case.facts.drafts}
    records |= {r.source: r for r in case.facts.medications}
    lines = [f"After signing: {_total_words(effect.replacing, records)}"]
    if effect.current:
        lines.append(f"Present: {_total_words(effect.present, records)}")
    if effect.continuing and effect.adding.mg_per_day > effect.replacing.mg_per_day:
        lines.append(
            f"If the present orders continue beside the new one: {plain(effect.adding.mg_per_day)}"
            " mg/day"
        )
    creep = slow_creep(case.told, case.on, policy, effect.replacing.mg_per_day)
    if creep is not None:
        rise = percent_text(creep.now / creep.then - 1, Fraction(0))
        lines.append(
            f"Slow rise: {plain(creep.then)} mg/day on {_day(creep.day)}, {policy.creep_days} days "
            f"ago; {plain(creep.now)} mg/day is {rise} more"
        )
    return "**Doses**\n\n" + markdown.bullets(lines)


def _total_words(total: Total, records: dict[str, MedicationRecord]) -> str:
    workings = "; ".join(
        f"{markdown.text(drug_name(records[source]))}: {markdown.text(working)}"
        for source, working in zip(total.sources, total.workings, strict=True)
    )
    words = f"**{total}**" if total.sources else "not computable"
    if workings:
        words += f" ({workings})"
    if not total.complete:
        words += f"; not counted: {markdown.text(uncounted_reasons(total))}"
    return words


def _taper_part(offer: TaperOffer, proposal: Proposal) -> str:
    schedule = proposal.schedule
    recommended = ", recommended" if proposal.recommended else ""
    head = (
        f"**Taper from {schedule.from_mg}/day** ({proposal.pace.title}{recommended}; "
        f"{schedule.days} days, ends {_day(schedule.ends_on)})"
    )
    parts = [head, _schedule_table(schedule)]
    warnings = _warnings(proposal)
    if proposal.recommended:
        warnings += offer.notes
    if warnings:
        parts.append(markdown.bullets(map(markdown.text, warnings)))
    return "\n\n".join(parts)


def _schedule_table(schedule: Schedule) -> str:
    rows = [
        (
            _day(step.starts),
            plain(step.dose.value),
            f"{step.cut_percent} %",
            "; ".join(intake.in_words for intake in step.intakes),
        )
        for step in schedule.steps
    ]
    rows.append(
        (
            _day(schedule.ends_on),
            plain(schedule.target.dose.value),
            f"{schedule.target.cut_percent} %",
            "; ".join(intake.in_words for intake in schedule.target.intakes) or "none",
        )
    )
    head = ("From", "mg/day", "Cut", "Tablets")
    return markdown.table(head, rows, numbers=("mg/day", "Cut"))


def _warnings(proposal: Proposal) -> list[str]:
    """The pace's limits, the schedule's warnings, and its large cuts in one sentence."""
    schedule = proposal.schedule
    large = {b.text for b in judge(schedule) if b.limit is Limit.CUT_OVER_CAP}
    found = [proposal.pace.limits] if proposal.pace.limits_always_shown else []
    found += schedule.warnings
    found += [warning for step in schedule.steps for warning in step.warnings]
    others = [warning for warning in dict.fromkeys(found) if warning not in large]
    cap = conventions().cap * 100
    cuts = [
        f"{plain(dose.value)} mg/day from {_day(day)} ({percent} %)"
        for day, dose, percent in (
            *((s.starts, s.dose, s.cut_percent_14_days) for s in schedule.steps),
            (schedule.ends_on, schedule.target.dose, schedule.target.cut_percent_14_days),
        )
        if percent > cap
    ]
    if cuts:
        others.append(
            f"More than {plain(cap)} % within 14 days: {listed(cuts)}. Hold the dose before such "
            "a cut longer, use a product with a smaller unit, or ask a specialist."
        )
    return others


def _accepting_part(offer: TaperOffer) -> str:
    stop = discontinued(offer)
    if not stop:
        return "**When accepting:** the new order becomes step one."
    names = markdown.bullets(markdown.text(name) for name in stop)
    return (
        "**When accepting:** the new order becomes step one and replaces what is taken now. "
        f"Discontinue when signing, or the doses add up:\n\n{names}"
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def sentence(words: str) -> str:
    """With a capital first and a full stop last."""
    words = words.strip()
    first = words[:1].upper() + words[1:]
    return first if first.endswith((".", "!", "?")) else f"{first}."
