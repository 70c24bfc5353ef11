"""What the label names as a contraindication: liver disease, acute glaucoma, a benzodiazepine
allergy (LABEL).

Critical; a warning where all that is there is not confirmed, or an intolerance: a side effect is
not the sensitivity that the label means. Porphyria is no contraindication: the label asks for care.
"""

from __future__ import annotations

from clinical.checks.charted import named, sources_of, without_order
from clinical.checks.words import listed
from clinical.facts import AllergyFact, Unknown
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.CONTRAINDICATION).sources

FORBIDDING = {
    "hepatic_impairment": "significant liver disease",
    "angle_closure_glaucoma_acute": "acute narrow-angle glaucoma",
}
"""Conditions that the label names, with their words on the card."""

_REMARKS = {
    "hepatic_impairment": "Clonazepam is broken down in the liver, so that it builds up.",
    "angle_closure_glaucoma_acute": "In treated open-angle glaucoma the label allows it.",
}


def contraindication(case: OrderCase) -> Verdict:
    """One finding that names all that the label forbids clonazepam for."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    facts = case.facts
    conditions = facts.has_condition(*FORBIDDING)
    allergies = _allergies(case)
    if not (conditions or allergies):
        return _nothing_found(case)
    names = [*named(conditions, FORBIDDING), *dict.fromkeys(_allergy_words(a) for a in allergies)]
    certain = any(c.confirmed for c in conditions) or any(
        a.confirmed and not a.intolerance for a in allergies
    )
    meaning = "and the label forbids clonazepam then"
    if not certain:
        meaning = "which may be a contraindication of the label"
    return Fired(
        severity=Severity.CRITICAL if certain else Severity.WARNING,
        summary=f"with {listed(names)}",
        why=f"the chart has {listed(names)}, {meaning}",
        sources=(*sources_of(conditions), *(a.source for a in allergies)),
        evidence=EVIDENCE,
        details=tuple(_details(case, {c.concept for c in conditions}, allergies)),
    )


def _details(case: OrderCase, concepts: set[str], allergies: tuple[AllergyFact, ...]) -> list[str]:
    lines = [words for concept, words in _REMARKS.items() if concept in concepts]
    if allergies:
        lines.append(
            "Ask what happened: a side effect is not the sensitivity that the label means."
            if all(a.intolerance for a in allergies)
            else "Ask what happened, and when."
        )
    if case.current:
        lines.append(
            "Clonazepam is taken now: do not stop it abruptly, agree with a specialist how it ends."
        )
    if case.facts.has_condition("porphyria"):
        lines.append("Porphyria is in the chart too: the label asks for care.")
    return lines


def _allergies(case: OrderCase) -> tuple[AllergyFact, ...]:
    known = case.facts.allergies
    return () if isinstance(known, Unknown) else tuple(a for a in known if a.benzodiazepine)


def _allergy_words(allergy: AllergyFact) -> str:
    kind = "an intolerance of" if allergy.intolerance else "an allergy to"
    return f"{kind} {allergy.agent}" + ("" if allergy.confirmed else " (not confirmed)")


def _nothing_found(case: OrderCase) -> Verdict:
    facts = case.facts
    gaps = [gap.why for gap in (facts.conditions_gap, facts.allergies_gap) if gap is not None]
    if gaps:
        return NotEvaluable(f"whether a contraindication is in the chart: {'; '.join(gaps)}")
    looked = "no significant liver disease and no acute narrow-angle glaucoma is in the chart"
    if isinstance(facts.allergies, Unknown):
        looked += f"; {facts.allergies.why}"
    else:
        looked += ", and no allergy to a benzodiazepine"
    care = facts.has_condition("porphyria")
    if care:
        looked += "; porphyria is: the label asks for care and does not forbid it"
    return Clear(looked, sources_of(care))
