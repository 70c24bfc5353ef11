"""PTSD, or a mood disorder with disturbed sleep: its own treatment comes first (ASAM 24-26)."""

from __future__ import annotations

from clinical.checks.charted import named, sources_of, without_order
from clinical.checks.words import listed
from clinical.facts import ConditionFact
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.indication import conditions_and_reasons, why_not_known
from clinical.order_case import OrderCase
from clinical.rules import rule

EVIDENCE = rule(CheckId.PSYCHIATRIC_FIRST).sources

PTSD = {"ptsd": "PTSD"}
MOOD = {"bipolar": "bipolar disorder", "depression": "depression"}
SLEEP = {"insomnia": "insomnia"}


def psychiatric_first(case: OrderCase) -> Verdict:
    """Whether the chart has PTSD, or a mood disorder together with insomnia."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    ptsd, mood, sleep = (
        conditions_and_reasons(case.facts, case.clonazepam, *concepts)
        for concepts in (PTSD, MOOD, SLEEP)
    )
    unsettled = mood if sleep else ()
    if not (ptsd or unsettled):
        return _nothing_found(case, mood)
    names = named(ptsd, PTSD)
    if unsettled:
        names.append(f"{listed(named(mood, MOOD))} with {listed(named(sleep, SLEEP))}")
    return Fired(
        severity=Severity.INFORMATION,
        summary=f"with {listed(names)}",
        why=f"the chart has {listed(names)}",
        sources=sources_of((*ptsd, *unsettled, *(sleep if unsettled else ()))),
        evidence=EVIDENCE,
        details=tuple(_details(ptsd, unsettled)),
    )


def _details(ptsd: tuple[ConditionFact, ...], unsettled: tuple[ConditionFact, ...]) -> list[str]:
    lines = [
        "Bring the illness's own treatment up to date, before a taper or beside it (ASAM 2025, "
        "statement 24)."
    ]
    if ptsd:
        lines.append("In PTSD a taper should be strongly considered (ASAM 2025, statement 25).")
    if unsettled:
        mania = any(c.concept == "bipolar" for c in unsettled)
        lines.append(
            "Watch sleep closely, and pause a taper while it is much disturbed"
            + (", for lost sleep can set off mania" if mania else "")
            + " (ASAM 2025, statement 26)."
        )
    return lines


def _nothing_found(case: OrderCase, mood: tuple[ConditionFact, ...]) -> Verdict:
    unknown = why_not_known(case.facts)
    if unknown is not None:
        return NotEvaluable(f"whether PTSD or a mood disorder is in the chart: {unknown}")
    if mood:
        return Clear(
            f"{listed(named(mood, MOOD))} is in the chart, and no insomnia", sources_of(mood)
        )
    return Clear("no PTSD and no mood disorder is in the chart")
