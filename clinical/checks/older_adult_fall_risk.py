"""From 65 on benzodiazepines bring falls, fractures, delirium and confusion (BEERS23)."""

from __future__ import annotations

from datetime import date, timedelta

from clinical.checks.charted import without_order
from clinical.checks.words import listed
from clinical.drugs import Drug
from clinical.facts import ConditionFact, ObservationFact, PatientFacts, Unknown
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.rules import rule

EVIDENCE = rule(CheckId.OLDER_ADULT).sources

RISKS = {
    "falls_history": "a history of falls",
    "fall_event": "a fall",
    "fracture": "a fracture",
    "gait_problem": "a gait disorder",
    "osteoporosis": "osteoporosis",
    "dementia": "dementia",
    "delirium": "delirium",
}
"""Conditions that make the finding critical, with their words on the card."""

FALLS = "falls"
"""A falls screening, by concept of `knowledge/observations.csv`."""

APPROPRIATE = {
    "seizure_disorder": "a seizure disorder",
    "rbd": "REM sleep behaviour disorder",
    "alcohol_withdrawal": "alcohol withdrawal treatment",
    "benzodiazepine_withdrawal": "benzodiazepine withdrawal treatment",
}
"""Uses that BEERS23 calls appropriate."""


def older_adult_fall_risk(case: OrderCase) -> Verdict:
    """Age on the day, then what raises or lowers the weight of the finding."""
    facts, on, policy = case.facts, case.on, case.policy
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    born = facts.birth_date
    if isinstance(born, Unknown):
        return NotEvaluable(born.why)
    limit = policy.older_adult_from_years
    if born.oldest_age_on(on) < limit:
        return Clear(f"age {born.oldest_age_on(on)} is under {limit}")
    if born.youngest_age_on(on) < limit:
        return NotEvaluable(
            f"the birth date is not exact: the age is {born.youngest_age_on(on)} "
            f"to {born.oldest_age_on(on)}"
        )
    return _fired(case, born.youngest_age_on(on))


def _fired(case: OrderCase, age: int) -> Fired:
    facts, on, policy = case.facts, case.on, case.policy
    risks = [c for c in facts.has_condition(*RISKS) if _recent(c, on, policy)]
    cns_active, cns_sources = cns_active_taken(case)
    many = len(cns_active) >= policy.cns_active_many
    uses = facts.has_condition(*APPROPRIATE)
    screened = _screened(facts, on)
    at_risk = bool(risks or many or screened)
    severity = Severity.CRITICAL if at_risk else Severity.WARNING
    if uses:
        # BEERS23 calls these uses appropriate. A fall risk beside them is still worth a line
        # on the prescriber's screen, so it lowers the weight by one step and not to nothing.
        severity = Severity.WARNING if at_risk else Severity.INFORMATION
    reasons = list(dict.fromkeys(RISKS[c.concept] for c in risks))
    if screened is not None:
        reasons.append("a positive falls screening")
    if many:
        reasons.append(f"{len(cns_active)} CNS-active medicines ({listed(cns_active)})")
    return Fired(
        severity=severity,
        summary=f"age {age}" + (f", {reasons[0]}" if reasons else ""),
        why=f"age {age}" + (f" with {listed(reasons)}" if reasons else ""),
        sources=tuple(
            dict.fromkeys(
                (
                    *(c.source for c in (*risks, *uses)),
                    *(() if screened is None else (screened.source,)),
                    *(cns_sources if many else ()),
                )
            )
        ),
        evidence=EVIDENCE,
        details=tuple(_details(facts, uses, screened)),
    )


def _screened(facts: PatientFacts, on: date) -> ObservationFact | None:
    """The latest falls screening, if it found a fall; older ones are answered by it."""
    latest = facts.latest_observed(FALLS, on)
    return latest if latest is not None and latest.value > 0 else None


def _details(
    facts: PatientFacts, uses: tuple[ConditionFact, ...], screened: ObservationFact | None
) -> list[str]:
    lines = ["Benzodiazepines raise the risk of falls, fractures and confusion at this age."]
    if uses:
        words = listed(dict.fromkeys(APPROPRIATE[c.concept] for c in uses))
        lines.append(f"The chart names {words}, a use that the Beers Criteria call appropriate.")
    if screened is not None and screened.observed_on is not None:
        lines.append(f"The falls screening is of {screened.observed_on.isoformat()}.")
    if facts.observations_gap is not None:
        why = facts.observations_gap.why
        lines.append(f"A falls screening could not be looked up: {why}.")
    if facts.conditions_gap is not None:
        lines.append(f"Falls and fractures could not be looked up: {facts.conditions_gap.why}.")
    return lines


def _recent(condition: ConditionFact, on: date, policy: Policy) -> bool:
    """An injury code counts for a while after its date; a condition counts while it is active."""
    if condition.concept != "fracture" or condition.onset is None:
        return True
    return condition.onset >= on - timedelta(days=policy.fracture_lookback_days)


def cns_active_taken(case: OrderCase) -> tuple[list[str], tuple[str, ...]]:
    """The distinct CNS-active ingredients current or being ordered, and where they stand."""
    names: dict[str, None] = {}
    sources: dict[str, None] = {}
    for record in case.taken:
        if isinstance(record.drug, Drug) and record.drug.cns_active:
            names.update(dict.fromkeys(sorted(record.drug.cns_active)))
            sources[record.source] = None
    return sorted(names), tuple(sources)
