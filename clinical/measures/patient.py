"""Every measure of one patient on one day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from clinical.facts import PatientFacts
from clinical.measures.case import Case
from clinical.measures.definitions import MEASURES, MeasureRules, measure_rules
from clinical.measures.dose import dose_today, high_dose
from clinical.measures.result import MeasureResult, PatientMeasures, not_evaluable, outside
from clinical.measures.use import long_term_use, older_adult
from clinical.policy import Policy
from clinical.totals import Total

_BY_FACTS: dict[str, Callable[[Case], MeasureResult]] = {
    "long-term-use": long_term_use,
    "high-dose": high_dose,
    "older-adult": older_adult,
}


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
    del before  # compared once the measures of change are here
    case = Case(facts, on, policy, rules or measure_rules())
    if facts.deceased is True:
        dead = outside("the chart says that the patient has died")
        return PatientMeasures({measure.id: dead for measure in MEASURES})
    micrograms, why_not, bar = dose_today(case)
    return PatientMeasures(
        results={key: _with_gap(answer(case), facts) for key, answer in _BY_FACTS.items()},
        groups=_groups(case),
        micrograms_per_day=micrograms,
        dose_why_not=why_not,
        dose_bar=bar,
        options=_options(case),
        uncomputable=_uncomputable(case),
    )


def _with_gap(result: MeasureResult, facts: PatientFacts) -> MeasureResult:
    """A list of medications that is not whole can deny nothing; what it shows still stands."""
    if facts.medications_gap is None or result.met is not False:
        return result
    return not_evaluable(f"the list of medications is not whole: {facts.medications_gap.why}")


def _groups(case: Case) -> frozenset[str]:
    groups = {
        "benzodiazepine": case.uses_benzodiazepine,
        "clonazepam": case.uses_clonazepam,
        "clonazepam-today": bool(case.current),
    }
    return frozenset(name for name, held in groups.items() if held)


def _options(case: Case) -> dict[str, MeasureResult]:
    return {
        f"long-term-use at {days} days": replace(
            _with_gap(long_term_use(case, days), case.facts), sources=()
        )
        for days in case.rules.long_term_options
    }


def _uncomputable(case: Case) -> tuple[tuple[str, str], ...]:
    """Records of clonazepam whose days or dose could not be worked out, each reason once."""
    found = {(unsaid.source, unsaid.why) for unsaid in case.clonazepam.unsaid}
    total: Total = case.present
    found |= {(item.source, item.why) for item in total.uncounted}
    return tuple(sorted(found))
