"""What the checks share that look in the chart for what makes an order of clonazepam riskier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clinical.checks.words import NO_CLONAZEPAM_ORDER, unidentified_draft
from clinical.facts import ConditionFact
from clinical.findings import Clear, NotEvaluable
from clinical.order_case import OrderCase


def without_order(case: OrderCase) -> Clear | NotEvaluable | None:
    """The verdict where no clonazepam is being ordered; None where it is."""
    if case.ordered:
        return None
    unknown = unidentified_draft(case.facts)
    return Clear(NO_CLONAZEPAM_ORDER) if unknown is None else NotEvaluable(unknown)


def not_charted(case: OrderCase, what: str) -> Clear | NotEvaluable:
    """The verdict where no condition was found: `what` is "impaired breathing"."""
    gap = case.facts.conditions_gap
    if gap is not None:
        return NotEvaluable(f"whether {what} is in the chart: {gap.why}")
    return Clear(f"no {what} is in the chart")


def named(conditions: Iterable[ConditionFact], words: Mapping[str, str]) -> list[str]:
    """Each concept once, in the order and with the words of `words`.

    A concept whose every record is provisional, differential or unconfirmed says so.
    """
    found = tuple(conditions)
    names = []
    for concept, name in words.items():
        records = [c for c in found if c.concept == concept]
        if records:
            sure = any(c.confirmed for c in records)
            names.append(name if sure else f"{name} (not confirmed)")
    return names


def sources_of(conditions: Iterable[ConditionFact]) -> tuple[str, ...]:
    """Where the conditions stand, each record once."""
    return tuple(dict.fromkeys(c.source for c in conditions))
