"""Long-term use: most of a patient's risk with clonazepam comes with the months (PQA, ASAM).

Asked when a chart is opened and beside an order, of the same days as in the population report
(`clinical.duration`): at least 120 covered days of the past 365 (CLINICAL 9). Days that cannot be
worked out are said: they decide only whether "no" can be answered.
"""

from __future__ import annotations

from datetime import date

from clinical import duration
from clinical.checks.charted import without_order
from clinical.checks.words import listed, unidentified_use
from clinical.day_set import DaySet
from clinical.duration import LongTermUse, clonazepam_days, window_of
from clinical.facts import PatientFacts
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, SetAside, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.rules import rule

EVIDENCE = rule(CheckId.LONG_TERM_USE).sources


def year_of_use(facts: PatientFacts, on: date, policy: Policy) -> LongTermUse:
    """The days of the year that ends with the day, the day included."""
    window = DaySet.between(*window_of(on, policy))
    return duration.long_term_use(clonazepam_days(facts, on, policy), window, policy.long_term_days)


def long_term_use_at_order(case: OrderCase) -> Verdict:
    """The same beside an order of clonazepam, where it supports other findings."""
    return without_order(case) or long_term_use(case)


def long_term_use(case: OrderCase) -> Verdict:
    """Whether clonazepam was used on enough days.

    It fires on the known days alone; a list that is incomplete, and days that are not known,
    only keep it from being clear.
    """
    facts, on, policy = case.facts, case.on, case.policy
    if facts.deceased is True:
        return SetAside("the chart says that the patient has died")
    use = year_of_use(facts, on, policy)
    limit = f"long-term use is {policy.long_term_days} or more"
    unsaid = () if use.unsaid is None else (use.unsaid,)
    if use.met:
        return Fired(
            severity=Severity.INFORMATION,
            summary="long-term use",
            why=f"{use.said}; {limit}",
            sources=use.sources,
            evidence=EVIDENCE,
            details=unsaid,
        )
    if facts.medications_gap is not None:
        why = "; ".join((use.said, *unsaid, facts.medications_gap.why))
        return NotEvaluable(why, use.sources)
    if use.met is None:
        return NotEvaluable("; ".join((use.said, *unsaid)), use.sources)
    nameless = unidentified_use(facts.medications)
    if nameless:
        unknown = f"the drug of {listed(r.source for r in nameless)} could not be identified"
        return NotEvaluable("; ".join((use.said, *unsaid, unknown)), use.sources)
    if not use.sources and not use.perhaps:
        return Clear("no clonazepam in the past year is in the chart")
    return Clear("; ".join((use.said, *unsaid, limit)), use.sources)
