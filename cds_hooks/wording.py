"""The words of a card's detail: what was found, the doses, the taper, what accepting does.

Short enough for a screen where that can be: the whole plan stands in the planner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Any

from cds_hooks import markdown
from cds_hooks.plain import Words, day, sentence, words_of
from cds_hooks.suggestions import Desk, discontinued, order_name
from clinical.baseline import slow_creep
from clinical.checks.words import drug_name, listed
from clinical.dependence import Dependence
from clinical.evidence import cite
from clinical.facts import MedicationRecord
from clinical.findings import Assessment, Checked, CheckId, Finding, NotEvaluable
from clinical.offer import NewStart, NoOffer, Offer, Proposal, TaperOffer, UnderWay
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.quantities import plain
from clinical.rules import rule
from clinical.signing import Effect
from clinical.taper import Limit, Schedule
from clinical.taper.pace import conventions
from clinical.taper.schedule import Intake, percent_text
from clinical.tapers import TaperInProgress
from clinical.totals import Total
from ehr.read.chart import Background

TITLES = {check: rule(check).called for check in CheckId}

_MOST_ROWS = 12
_MOST_ROWS_OF_A_SECOND_PACE = 6
_MOST_CUTS_NAMED = 3


def order_detail(
    case: OrderCase,
    assessment: Assessment,
    findings: Collection[Finding],
    offer: Offer | None,
    desk: Desk,
    quiet: Collection[CheckId] = (),
) -> str:
    """The whole story behind the order's card, as GitHub Markdown. `quiet` checks are not told."""
    words = words_of(case.facts)
    parts = found_parts(findings, case, words)
    parts.append(_doses_part(case))
    if case.running is not None:
        parts.append(_running_part(case.running, offer))
    told = {finding.check for finding in findings}
    if isinstance(offer, TaperOffer) and CheckId.ABRUPT_STOP not in told:
        # An abrupt stop is one because dependence is likely, and has said so.
        lines = dependence_lines(offer.dependence)
        parts.append("**Dependence**\n\n" + markdown.bullets(lines))
    parts += _offer_parts(offer, desk, words)
    parts.append(unknowns_part(not_evaluable(assessment, quiet), own_cards(case.policy), words))
    parts.append(footer(assessment, "every proposal is a draft that you sign"))
    return "\n\n".join(filter(None, parts))


def single_detail(case: OrderCase, assessment: Assessment, finding: Finding) -> str:
    """The detail of a card for one check of several: what can be accepted stands on the first."""
    return "\n\n".join(
        (
            findings_list([finding], words_of(case.facts)),
            "Doses, and what can be accepted, stand on the first card for this order.",
            footer(assessment, "every proposal is a draft that you sign"),
        )
    )


def footer(assessment: Assessment, last: str) -> str:
    """By which rules, for which day, and that no clinician has signed them off."""
    return (
        f"Rules {assessment.rules_version}, on {day(assessment.on)}. Not reviewed by a clinician; "
        f"{last}."
    )


def say_how_fresh(cards: Iterable[dict[str, Any]], background: Background | None) -> None:
    """Add to each card's detail that a kept history was used, and how old it is."""
    if background is None:
        return
    for card in cards:
        card["detail"] += f"\n\n{markdown.text(sentence(background.words))}"


def found_parts(told: Iterable[Finding], case: OrderCase, words: Words) -> list[str]:
    """What was found, most severe first; then what only supports it, under a head of its own."""
    findings, alone = tuple(told), own_cards(case.policy)
    own = [f for f in findings if f.check in alone]
    others = [f for f in findings if f.check not in alone]
    heads = (("What was found", own), ("Also in the chart", others))
    return [f"**{head}**\n\n{findings_list(found, words)}" for head, found in heads if found]


def findings_list(told: Iterable[Finding], words: Words) -> str:
    """Each finding with its severity, its reason, what follows from it and its sources."""
    lines = []
    for finding in told:
        fired = finding.fired
        sources = ", ".join(cite(key).called for key in fired.evidence)
        sentences = " ".join(words(said) for said in (fired.why, *fired.details))
        lines.append(
            f"**{fired.severity.word}: {TITLES[finding.check]}.** {sentences} _({sources})_"
        )
    return markdown.bullets(lines)


def dependence_lines(found: Dependence | NotEvaluable) -> list[str]:
    """Whether dependence is likely, to be confirmed; or why the chart does not tell."""
    source = f" _({cite('ASAM').called})_"
    if isinstance(found, Dependence):
        return [markdown.text(found.in_words) + source]
    why = sentence(f"whether dependence is likely cannot be estimated: {found.why}")
    return [f"{markdown.text(why)} Ask how it is taken.{source}"]


def unknowns_part(unknown: Collection[Checked], own: Collection[CheckId], words: Words) -> str:
    """What could not be checked, and why; nothing when everything could.

    `own` are the checks with a card of their own. Of those that only support others the names
    are told: their reasons stand in the account.
    """
    lines = [
        f"{TITLES[checked.check]}: {words(checked.verdict.why)}"
        for checked in unknown
        if isinstance(checked.verdict, NotEvaluable) and checked.check in own
    ]
    # How long it has been taken stands under "Dependence" already.
    others = [
        TITLES[it.check].lower()
        for it in unknown
        if it.check not in own and it.check is not CheckId.LONG_TERM_USE
    ]
    if others:
        lines.append(f"The chart does not tell enough about: {', '.join(others)}.")
    return "**What could not be checked**\n\n" + markdown.bullets(lines) if lines else ""


def own_cards(policy: Policy) -> frozenset[CheckId]:
    """The checks that raise a card by themselves."""
    return frozenset(check for check, choice in policy.checks.items() if choice.own_card)


def not_evaluable(assessment: Assessment, quiet: Collection[CheckId] = ()) -> list[Checked]:
    """The checks that could not be made, but for those that are not to be told."""
    return [
        checked
        for checked in assessment.checks
        if isinstance(checked.verdict, NotEvaluable) and checked.check not in quiet
    ]


def _offer_parts(offer: Offer | None, desk: Desk, words: Words) -> list[str]:
    match offer:
        case TaperOffer():
            return [
                *(_taper_part(offer, proposal) for proposal in offer.proposals),
                _accepting_part(offer, desk),
            ]
        case NoOffer():
            lines = [words(why) for why in offer.why]
            if offer.gated:
                lines.append("Keep the present dose until then: an abrupt stop can cause seizures.")
            return ["**No taper drafts on this card**\n\n" + markdown.bullets(lines)]
        case NewStart():
            return [_new_start_part(offer, words)]
        case _:
            return []


def _new_start_part(offer: NewStart, words: Words) -> str:
    lines = ["No clonazepam is current, so there is nothing to taper."]
    if offer.why_not_lower is None:
        lines.append("If it is needed, the label starts with 0.25 mg twice a day.")
    else:
        lines.append(words(offer.why_not_lower))
    return "**New start**\n\n" + " ".join(lines)


def _running_part(running: TaperInProgress, offer: Offer | None) -> str:
    lines = [sentence(running.in_words(day))]
    if isinstance(offer, UnderWay):
        changed = "open the planner" if running.ours else "change its orders"
        stay = "withdraw the stop" if offer.about.stops else "remove the new order"
        lines.append(
            "No second taper is drafted: its doses would add up with the one in progress. To "
            f"change that one, {changed}; to stay with it, {stay}."
        )
    if not running.signed:
        lines.append("Its draft orders have no effect until they are signed.")
    elif not running.taken:
        lines.append(
            "An order of today's step is not signed, so less may be taken than planned: sign the "
            "rest of the step, or ask what the patient takes."
        )
    return "**A taper is in progress**\n\n" + markdown.bullets(map(markdown.text, lines))


def _doses_part(case: OrderCase) -> str:
    about = case.replaced
    effect = case.effect
    charted = {r.source: r for r in case.charted.medications}
    lines = []
    if effect is not None:
        signed = charted | {d.record.source: d.record for d in case.facts.drafts}
        lines.append(f"After signing: {_total_words(effect.replacing, signed)}")
    if about.current:
        lines.append(f"Present: {_total_words(about.present, charted)}")
    if effect is not None:
        lines += _further_doses(case, effect)
    return "**Doses of clonazepam**\n\n" + markdown.bullets(lines) if lines else ""


def _further_doses(case: OrderCase, effect: Effect) -> list[str]:
    """What both orders together would be, and a rise that is too slow for an escalation."""
    lines = []
    if effect.continuing and effect.adding.mg_per_day > effect.replacing.mg_per_day:
        lines.append(
            f"If the present orders continue beside the new one: {plain(effect.adding.mg_per_day)}"
            " mg/day"
        )
    creep = slow_creep(case.told, case.on, case.policy, effect.replacing.mg_per_day)
    # A rise by this order alone is told already: it is the escalation.
    if creep is not None and creep.then != effect.present.mg_per_day:
        rise = percent_text(creep.now / creep.then - 1, Fraction(0))
        lines.append(
            f"Slow rise: {plain(creep.then)} mg/day on {day(creep.day)}, "
            f"{case.policy.creep_days} days ago; {plain(creep.now)} mg/day is {rise} more"
        )
    return lines


def _total_words(total: Total, records: dict[str, MedicationRecord]) -> str:
    workings = "; ".join(
        f"{markdown.text(drug_name(records[source]))}: {markdown.text(working)}"
        for source, working in zip(total.sources, total.workings, strict=True)
    )
    words = f"**{total}**" if total.sources else "not computable"
    if workings:
        words += f" ({workings})"
    if not total.complete:
        reasons = listed(f"{drug_name(records[it.source])}: {it.why}" for it in total.uncounted)
        words += f"; not counted: {markdown.text(reasons)}"
    return words


def _taper_part(offer: TaperOffer, proposal: Proposal) -> str:
    schedule = proposal.schedule
    which = "recommended" if proposal.recommended else "second choice"
    most = _MOST_ROWS if proposal.recommended else _MOST_ROWS_OF_A_SECOND_PACE
    rows = len(schedule.steps) + 1
    if rows == most + 1:
        most = rows  # a line that says "1 more row" is as long as the row
    parts = [
        f"**Taper from {schedule.from_mg}/day: {proposal.pace.called}** ({which})",
        _schedule_table(schedule, most),
    ]
    more = f"{rows - most} more rows; " if rows > most else ""
    end = f"{schedule.to_mg}/day on {day(schedule.ends_on)}, after {schedule.days} days"
    parts.append(f"{sentence(f'{more}reaches {end}')} The whole plan is in the planner.")
    warnings = _warnings(proposal)
    if proposal.recommended:
        warnings += offer.notes
    if warnings:
        parts.append(markdown.bullets(map(markdown.text, warnings)))
    return "\n\n".join(parts)


def _schedule_table(schedule: Schedule, most: int) -> str:
    rows = [
        (
            day(step.starts),
            plain(step.dose.value),
            f"{step.cut_percent} %",
            _tablets(step.intakes),
        )
        for step in schedule.steps
    ]
    rows.append(
        (
            day(schedule.ends_on),
            plain(schedule.target.dose.value),
            f"{schedule.target.cut_percent} %",
            _tablets(schedule.target.intakes) or "none",
        )
    )
    head = ("From", "mg/day", "Cut", "Tablets (ODT: disintegrating)")
    return markdown.table(head, rows[:most], numbers=("mg/day", "Cut"))


def _tablets(intakes: Iterable[Intake]) -> str:
    """For example "morning 3 x 0.25 mg ODT; night 1 x 1 mg": short, for a row has to fit."""
    return "; ".join(
        f"{intake.time} "
        + " + ".join(
            f"{plain(Fraction(piece.count))} x {piece.product.strength}"
            + (" ODT" if piece.product.disintegrates else "")
            for piece in intake.pieces
        )
        for intake in intakes
    )


def _warnings(proposal: Proposal) -> list[str]:
    """The pace's limits, the schedule's warnings, and its large cuts in one sentence."""
    schedule = proposal.schedule
    large = {b.text for b in proposal.broken if b.limit is Limit.CUT_OVER_CAP}
    found = [proposal.pace.limits] if proposal.pace.limits_always_shown else []
    found += schedule.warnings
    found += [warning for step in schedule.steps for warning in step.warnings]
    others = [warning for warning in dict.fromkeys(found) if warning not in large]
    cap = conventions().cap * 100
    cuts = [
        f"{plain(dose.value)} mg/day from {day(on)} ({percent} %)"
        for on, dose, percent in (
            *((s.starts, s.dose, s.cut_percent_14_days) for s in schedule.steps),
            (schedule.ends_on, schedule.target.dose, schedule.target.cut_percent_14_days),
        )
        if percent > cap
    ]
    if cuts:
        said = listed(cuts)
        if len(cuts) > _MOST_CUTS_NAMED:
            said = f"{len(cuts)} cuts, the first to {cuts[0]}"
        others.append(
            f"More than {plain(cap)} % within 14 days: {said}. Hold the dose before such "
            "a cut longer, use a product with a smaller unit, or ask a specialist."
        )
    return others


def _accepting_part(offer: TaperOffer, desk: Desk) -> str:
    about = offer.about
    becomes = (
        "the stop is withdrawn, and step one"
        if about.stops
        else "the new order becomes step one and"
    )
    covers = (
        "Only the first step is drafted"
        if desk.first_step_only
        else f"The drafts cover {desk.horizon_days} days"
    )
    later = f"{covers}; later steps wait for the reassessment at each reduction."
    stop = discontinued(about)
    if not stop:
        return f"**When accepting:** {becomes} begins the taper. {later}"
    names = markdown.bullets(markdown.text(order_name(record)) for record in stop)
    return (
        f"**When accepting:** {becomes} takes the place of what is taken now. {later} "
        f"Discontinue when signing, or the doses add up:\n\n{names}"
    )
