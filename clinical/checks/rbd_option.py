"""REM sleep behaviour disorder: melatonin is an option beside clonazepam (AASM23).

The guideline gives immediate-release melatonin and clonazepam the same conditional
recommendation, so "option" and not "preferred", as SEED has it.
"""

from __future__ import annotations

from clinical.checks.charted import named, sources_of, without_order
from clinical.drugs import Drug
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.indication import conditions_and_reasons, why_not_known
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.RBD_OPTION).sources

RBD = {"rbd": "REM sleep behaviour disorder"}


def rbd_option(case: OrderCase) -> Verdict:
    """Whether the chart, or the reason of an order, names the disorder."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    found = conditions_and_reasons(case.facts, case.clonazepam, *RBD)
    if not found:
        unknown = why_not_known(case.facts)
        if unknown is not None:
            return NotEvaluable(f"whether REM sleep behaviour disorder is in the chart: {unknown}")
        return Clear("no REM sleep behaviour disorder is in the chart")
    (name,) = named(found, RBD)
    taken = tuple(
        r.source for r in case.taken if isinstance(r.drug, Drug) and r.drug.contains("melatonin")
    )
    low, high = case.policy.rbd_melatonin_from_mg, case.policy.rbd_melatonin_to_mg
    option = (
        f"Immediate-release melatonin, {low}-{high} mg at bedtime, is an option: the guideline "
        "recommends both alike, conditionally; melatonin has fewer side effects and brings no "
        "dependence (clinical brief)."
    )
    if taken:
        option = f"Melatonin is on the list already: ask whether its dose ({low}-{high} mg) helps."
    return Fired(
        severity=Severity.INFORMATION,
        summary=f"with {name}",
        why=f"the chart has {name}",
        sources=(*sources_of(found), *taken),
        evidence=EVIDENCE,
        details=(option,),
    )
