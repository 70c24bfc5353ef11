"""Alcohol, sedative or opioid use disorder: misuse, addiction and overdose (FDA2020, LABEL).

A disorder in remission, or closed in the chart, is a history: it still counts, as information.
Treatment of opioid use disorder is never advised against (ASAM 21).
"""

from __future__ import annotations

from collections.abc import Collection

from clinical.checks.charted import named, not_charted, sources_of, without_order
from clinical.checks.words import listed
from clinical.findings import CheckId, Fired, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.SUBSTANCE_USE).sources

DISORDERS = {
    "opioid_use_disorder": "opioid use disorder",
    "alcohol_use_disorder": "alcohol use disorder",
    "sedative_use_disorder": "sedative use disorder",
}
"""Use disorders, with their words on the card."""


def substance_use(case: OrderCase) -> Verdict:
    """One finding that names every disorder, present or past."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    found = case.facts.has_had_condition(*DISORDERS)
    if not found:
        return not_charted(case, "alcohol, sedative or opioid use disorder")
    present = {c.concept for c in found if c.active}
    now = named((c for c in found if c.active), DISORDERS)
    past = named((c for c in found if c.concept not in present), DISORDERS)
    names = listed([*now, *(f"earlier {name}" for name in past)])
    return Fired(
        severity=Severity.WARNING if now else Severity.INFORMATION,
        summary=f"with {names}",
        why=f"the chart has {names}",
        sources=sources_of(found),
        evidence=EVIDENCE,
        details=_details({c.concept for c in found}, present),
    )


def _details(ever: Collection[str], present: Collection[str]) -> tuple[str, ...]:
    lines = [
        "The boxed warning asks to assess the risk of misuse, addiction and overdose, now and "
        "throughout treatment."
    ]
    if "alcohol_use_disorder" in present:
        lines.append("Alcohol adds to sedation and slows breathing.")
    if "sedative_use_disorder" in present:
        lines.append(
            "The code may stand for physical dependence on a prescribed medicine, which is no use "
            "disorder: ask, and do not stop abruptly."
        )
    if "opioid_use_disorder" in ever:
        lines.append(
            "Treatment of opioid use disorder goes on: do not stop it because of the "
            "benzodiazepine (ASAM 2025, statement 21)."
        )
    return tuple(lines)
