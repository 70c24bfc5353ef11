"""The words of the review's card: the dose and since when, what it means, and what to ask."""

from __future__ import annotations

from datetime import date

from cds_hooks import markdown, wording
from clinical.checks.words import drug_name
from clinical.dependence import dependence
from clinical.dose_history import DoseHistory, Known
from clinical.duration import PresentUse
from clinical.evidence import cite
from clinical.facts import PatientFacts
from clinical.findings import Assessment, CheckId, Fired
from clinical.present import why_not_steady
from clinical.signing import current_clonazepam
from clinical.tapers import taper_in_progress
from clinical.totals import total_on


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
        line += f"{' since' if _one_dose_since(told, since) else used} {_day(since)}"
    if taper_in_progress(facts, on) is not None:
        line += ", a taper is in progress"
    return line


def _one_dose_since(told: DoseHistory, since: date) -> bool:
    """Whether one known dose reaches from that day to the end."""
    last = told.stretches[-1] if told.stretches else None
    return last is not None and isinstance(last.dose, Known) and last.starts <= since


def detail(assessment: Assessment, use: PresentUse, told: DoseHistory, facts: PatientFacts) -> str:
    """What long-term use means, the taper that is there, the present orders, what was found."""
    parts = [_use_part(assessment, use, told, facts)]
    running = taper_in_progress(facts, assessment.on)
    if running is not None:
        words = markdown.text(wording.sentence(running.in_words(_day)))
        parts.append(f"**A taper is in progress**\n\n{markdown.bullets([words])}")
    parts.append(_orders_part(facts, assessment.on))
    others = [f for f in assessment.findings if f.check is not CheckId.LONG_TERM_USE]
    if others:
        parts.append(wording.findings_part(others))
    unknown = wording.unknowns_part(assessment)
    if unknown:
        parts.append(unknown)
    parts.append(
        f"Rules {assessment.rules_version}, on {_day(assessment.on)}. Not reviewed "
        "by a clinician; nothing was ordered and nothing is changed."
    )
    return "\n\n".join(parts)


def _use_part(
    assessment: Assessment, use: PresentUse, told: DoseHistory, facts: PatientFacts
) -> str:
    on = assessment.on
    verdict = assessment.verdict(CheckId.LONG_TERM_USE)
    said = (verdict.why, *(verdict.details if isinstance(verdict, Fired) else ()))
    counted = " ".join(wording.sentence(words) for words in said)
    lines = [f"{markdown.text(counted)} _({cite('PQA').called})_"]
    current = current_clonazepam(facts, on)
    unsteady = why_not_steady(current, on)
    if unsteady is not None:
        lines.append(markdown.text(wording.sentence(unsteady)))
    lines += wording.dependence_lines(dependence(use, told, current))
    lines.append(
        "Ask whether the patient would want to take less. A taper can be planned; an abrupt stop "
        "can cause seizures."
    )
    return "**Long-term use**\n\n" + markdown.bullets(lines)


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


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
