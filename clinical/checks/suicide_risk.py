"""Suicidal thoughts or behaviour in the chart, or in the answers to PHQ-9 item 9 (LABEL).

The label carries the warning of antiepileptic drugs as a class. Clonazepam was not among the 11
drugs of FDA's analysis of 2008, so no number of that analysis is said of it.
"""

from __future__ import annotations

from fractions import Fraction

from clinical.checks.charted import named, sources_of, without_order
from clinical.checks.words import listed
from clinical.facts import ConditionFact, ObservationFact, PatientFacts, Unknown
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.quantities import plain
from clinical.rules import rule

EVIDENCE = rule(CheckId.SUICIDE_RISK).sources

THOUGHTS = "suicidal_ideation"
EVER = {
    "suicide_attempt": "a suicide attempt",
    "self_harm_history": "self-harm or suicidal behaviour",
}
"""What counts however long ago it was, with its words on the card."""

ITEM_9 = "phq9_item9"
"""PHQ-9 item 9: thoughts of being better off dead or of self-harm, 0 (not at all) to 3."""


def suicide_risk(case: OrderCase) -> Verdict:
    """Present thoughts, an attempt or self-harm at any time, or the latest item 9 above 0.

    Thoughts that the chart has closed are information: a history, and no present sign.
    """
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    facts = case.facts
    item = facts.latest_observed(ITEM_9, case.on)
    positive = item if item is not None and item.value > 0 else None
    behaviour = facts.has_had_condition(*EVER)
    now = facts.has_condition(THOUGHTS)
    past = () if now else facts.has_had_condition(THOUGHTS)
    if not (positive or behaviour or now or past):
        return _nothing_found(facts, item)
    names = [
        *named(now, {THOUGHTS: "suicidal thoughts"}),
        *_behaviour(behaviour),
        *named(past, {THOUGHTS: "earlier suicidal thoughts"}),
    ]
    said = [*([f"the chart has {listed(names)}"] if names else [])]
    if positive is not None:
        names.append("PHQ-9 item 9 above 0")
        said.append(_item_words(positive))
    sources = sources_of((*now, *behaviour, *past))
    return Fired(
        severity=Severity.WARNING if positive or behaviour or now else Severity.INFORMATION,
        summary=f"with {listed(names)}",
        why="; ".join(said),
        sources=sources if positive is None else (*sources, positive.source),
        evidence=EVIDENCE,
        details=(
            "Ask about it before signing.",
            "The label warns of suicidal thoughts with antiepileptic drugs as a class; clonazepam "
            "was not among the 11 drugs of that analysis.",
        ),
    )


def _behaviour(found: tuple[ConditionFact, ...]) -> list[str]:
    """Each kind once, with the day of the latest where the chart states one."""
    names = []
    for concept, name in EVER.items():
        of_kind = [c for c in found if c.concept == concept]
        days = [c.onset for c in of_kind if c.onset is not None]
        on = f" ({max(days).isoformat()})" if days else ""
        names += [f"{said}{on}" for said in named(of_kind, {concept: name})]
    return names


def _item_words(item: ObservationFact) -> str:
    score = f"PHQ-9 item 9 was {plain(Fraction(item.value))}"
    if item.observed_on is None:
        return f"{score} (on a day that is not stated)"
    return f"{score} on {item.observed_on.isoformat()}"


def _nothing_found(facts: PatientFacts, item: ObservationFact | None) -> Verdict:
    gaps = [gap.why for gap in (facts.conditions_gap, facts.observations_gap) if gap is not None]
    if gaps:
        return NotEvaluable(
            f"whether suicidal thoughts or behaviour are in the chart: {'; '.join(gaps)}"
        )
    if item is not None:
        looked = _item_words(item)
    elif isinstance(facts.observations, Unknown):
        looked = f"PHQ-9 was not looked at: {facts.observations.why}"
    else:
        looked = "no answer to PHQ-9 item 9 is recorded"
    return Clear(
        f"no suicidal thoughts or behaviour are in the chart; {looked}",
        () if item is None else (item.source,),
    )
