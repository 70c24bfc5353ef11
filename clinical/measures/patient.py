"""Every measure of one patient on one day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from clinical.facts import PatientFacts
from clinical.measures.case import Case
from clinical.measures.company import naloxone_held, opioid_overlap, poly_cns, triple
from clinical.measures.definitions import MEASURES, MeasureRules, measure_rules, options
from clinical.measures.dose import dose_today, escalated, high_dose, how_it_ended, reduced
from clinical.measures.result import MeasureResult, PatientMeasures, not_evaluable, outside
from clinical.measures.tapering import how_it_goes, no_check_in, off_by_month, on_taper
from clinical.measures.use import (
    discontinued,
    left_since,
    long_term_use,
    new_since,
    older_adult,
    supply_ending,
)
from clinical.policy import Policy
from clinical.tapers import Taper, taper_under_way, tapers

_STANDS_WITH_A_GAP = frozenset(
    {
        *("long-term-use", "high-dose", "older-adult", "opioid-overlap", "poly-cns"),
        *("triple", "naloxone-held"),
    }
)
"""Measures whose yes no further record could turn into a no."""

_OPTIONS = {"long-term-use": long_term_use, "discontinued": discontinued}


def measure_patient(
    facts: PatientFacts,
    on: date,
    policy: Policy,
    *,
    before: PatientMeasures | None = None,
    rules: MeasureRules | None = None,
) -> PatientMeasures:
    """Every measure of the patient on the day. Pure: the same facts give the same answers.

    `before` is what the report of the night before held of the patient:
    `PatientMeasures.not_there()` when it held nothing, None when there is no such night.
    """
    case = Case(facts, on, policy, rules or measure_rules())
    if facts.deceased is True:
        dead = outside("the chart says that the patient has died")
        return PatientMeasures({measure.id: dead for measure in MEASURES})
    found = tapers(facts, case.stretches, on, case.rules.tapers)
    results = _results(case, found, before)
    micrograms, why_not, bar = dose_today(case)
    return PatientMeasures(
        results={m.id: _with_gap(m.id, results[m.id], facts) for m in MEASURES},
        groups=_groups(case),
        micrograms_per_day=micrograms,
        dose_why_not=why_not,
        dose_bar=bar,
        options=_options(case),
        off_by_month=off_by_month(case, found),
        uncomputable=_uncomputable(case),
    )


def _results(
    case: Case, found: tuple[Taper, ...], before: PatientMeasures | None
) -> dict[str, MeasureResult]:
    signs = case.rules.tapers
    running = taper_under_way(found, case.stretches, case.on, signs) if case.current else None
    abrupt, tapered = how_it_ended(case)
    on_plan, stalled, reversed_ = how_it_goes(case, running)
    return {
        "long-term-use": long_term_use(case),
        "high-dose": high_dose(case),
        "older-adult": older_adult(case),
        "opioid-overlap": opioid_overlap(case),
        "poly-cns": poly_cns(case),
        "triple": triple(case),
        "escalated": escalated(case),
        "reduced-25": reduced(case),
        "on-taper": on_taper(case, running),
        "taper-on-plan": on_plan,
        "taper-stalled": stalled,
        "taper-reversed": reversed_,
        "discontinued": discontinued(case),
        "discontinued-abrupt": abrupt,
        "discontinued-tapered": tapered,
        "no-check-in": no_check_in(case, running),
        "naloxone-held": naloxone_held(case),
        "supply-ending": supply_ending(case),
        "new-since-last-night": new_since(case, before),
        "left-since-last-night": left_since(case, before),
    }


def _with_gap(measure_id: str, result: MeasureResult, facts: PatientFacts) -> MeasureResult:
    """A list of medications that is not whole: only what no further record could change stands."""
    gap = facts.medications_gap
    if gap is None or result.not_evaluable:
        return result
    if measure_id == "older-adult" and result.counted:
        return result
    if result.met and measure_id in _STANDS_WITH_A_GAP:
        return result
    return not_evaluable(f"the list of medications is not whole: {gap.why}")


def _groups(case: Case) -> frozenset[str]:
    groups = {
        "benzodiazepine": case.uses_benzodiazepine,
        "clonazepam": case.uses_clonazepam,
        "clonazepam-today": bool(case.current),
    }
    return frozenset(name for name, held in groups.items() if held)


def _options(case: Case) -> dict[str, MeasureResult]:
    answers = {}
    for option in options():
        answer = _OPTIONS[option.measure](case, option.days)
        answers[option.id] = replace(
            _with_gap(option.measure, answer, case.facts), why="", sources=()
        )
    return answers


def _uncomputable(case: Case) -> tuple[tuple[str, str], ...]:
    """Benzodiazepines and opioids of the past year whose days or dose could not be worked out.

    Of a patient without a benzodiazepine nothing is worked out, so nothing is missing either.
    """
    if not case.uses_benzodiazepine:
        return ()
    unsaid = (*case.benzodiazepines.unsaid_in(case.window), *case.opioids.unsaid_in(case.window))
    found = {(item.source, item.why) for item in unsaid}
    found |= {(item.source, item.why) for item in case.present.uncounted}
    return tuple(sorted(found))
