"""The words of the review's card: the dose and since when, what it means, and what to ask."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from cds_hooks import markdown, wording
from cds_hooks.plain import day, sentence, words_of
from clinical.checks.words import drug_name
from clinical.dependence import dependence
from clinical.dose_history import DoseHistory, Known, Stretch, why_unknown
from clinical.duration import PresentUse
from clinical.evidence import cite
from clinical.facts import PatientFacts
from clinical.findings import Assessment, CheckId, Fired
from clinical.present import why_not_steady
from clinical.quantities import plain
from clinical.rules import rules
from clinical.signing import current_clonazepam
from clinical.tapers import taper_in_progress
from clinical.totals import total_on

_MOST_STRETCHES = 12


def summary(facts: PatientFacts, on: date, use: PresentUse, told: DoseHistory) -> str:
    """One line: "Clonazepam 2 mg/day since 3 Mar 2024"; where the dose changed since then, so.

    "Ordered since" where nobody states that the orders were filled.
    """
    total = total_on(current_clonazepam(facts, on), on)
    if not total.sources:
        line = "Clonazepam (dose not computable)"
    else:
        line = f"Clonazepam {'' if total.complete else 'at least '}{total}"
    since = use.at_most_since
    if since is not None:
        used = ", in use since" if use.certain else ", ordered since"
        line += f"{' since' if _one_dose_since(told, since) else used} {day(since)}"
    if taper_in_progress(facts, on) is not None:
        line += ", a taper is in progress"
    return line


def _one_dose_since(told: DoseHistory, since: date) -> bool:
    """Whether one known dose reaches from that day to the end."""
    last = told.stretches[-1] if told.stretches else None
    return last is not None and isinstance(last.dose, Known) and last.starts <= since


def detail(
    assessment: Assessment,
    use: PresentUse,
    told: DoseHistory,
    facts: PatientFacts,
    quiet: Collection[CheckId] = (),
) -> str:
    """What long-term use means, the dose since its start, the taper that is there, the present
    orders, what was found.

    `quiet` are checks that are not to be told of.
    """
    words = words_of(facts)
    parts = [_use_part(assessment, use, told, facts), _history_part(told, assessment.on)]
    running = taper_in_progress(facts, assessment.on)
    if running is not None:
        progress = markdown.text(sentence(running.in_words(day)))
        parts.append(f"**A taper is in progress**\n\n{markdown.bullets([progress])}")
    parts.append(_orders_part(facts, assessment.on))
    not_told = {CheckId.LONG_TERM_USE, *quiet}
    others = [f for f in assessment.findings if f.check not in not_told]
    if others:
        found = wording.findings_list(others, words)
        parts.append(f"**What was found**\n\n{found}")
    # Why long-term use could not be told stands first already.
    unknown = wording.not_evaluable(assessment, not_told)
    own = {rule.check for rule in rules() if rule.own_card}
    parts.append(wording.unknowns_part(unknown, own, words))
    parts.append(wording.footer(assessment, "nothing was ordered and nothing is changed"))
    return "\n\n".join(filter(None, parts))


def _use_part(
    assessment: Assessment, use: PresentUse, told: DoseHistory, facts: PatientFacts
) -> str:
    on = assessment.on
    verdict = assessment.verdict(CheckId.LONG_TERM_USE)
    said = (verdict.why, *(verdict.details if isinstance(verdict, Fired) else ()))
    counted = " ".join(sentence(words) for words in said)
    lines = [f"{markdown.text(counted)} _({cite('PQA').called})_"]
    current = current_clonazepam(facts, on)
    unsteady = why_not_steady(current, on)
    if unsteady is not None:
        lines.append(markdown.text(sentence(unsteady)))
    lines += wording.dependence_lines(dependence(use, told, current))
    lines.append(
        "Ask whether the patient would want to take less. A taper can be planned; an abrupt stop "
        "can cause seizures."
    )
    return "**Long-term use**\n\n" + markdown.bullets(lines)


def _history_part(told: DoseHistory, on: date) -> str:
    """The dose over time since the first order; of a long history its last stretches.

    Markdown has no picture: this is the planner's dose curve, as the numbers behind it.
    """
    if not told.stretches:
        return ""
    earlier, shown = told.stretches[:-_MOST_STRETCHES], told.stretches[-_MOST_STRETCHES:]
    rows = [
        (day(it.starts), "today" if it.ends >= on else day(it.ends), _dose_of(it)) for it in shown
    ]
    parts = ["**Dose over time**", markdown.table(("From", "To", "mg/day"), rows)]
    if earlier:
        begins = day(earlier[0].starts)
        parts.append(f"It begins on {begins}; {len(earlier)} earlier rows are in the planner.")
    why = why_unknown(shown)
    if why is not None:
        parts.append(markdown.text(sentence(f"not known: {why}")))
    return "\n\n".join(parts)


def _dose_of(stretch: Stretch) -> str:
    dose = stretch.dose
    if not isinstance(dose, Known):
        return "no order" if dose.no_order else "not known"
    return plain(dose.high) if dose.low == dose.high else f"{plain(dose.low)} to {plain(dose.high)}"


def _orders_part(facts: PatientFacts, on: date) -> str:
    current = current_clonazepam(facts, on)
    total = total_on(current, on)
    names = {record.source: drug_name(record) for record in current}
    lines = [
        f"{markdown.text(names[source])}: {markdown.text(working)}"
        for source, working in zip(total.sources, total.workings, strict=True)
    ]
    lines += [
        f"{markdown.text(names[item.source])}: not computable, {markdown.text(item.why)}"
        for item in total.uncounted
    ]
    return "**Present orders**\n\n" + markdown.bullets(lines)
