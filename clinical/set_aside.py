"""Why a check is set aside that was, or could have been, made (CLINICAL 4, "Kept quiet").

Two reasons set every check aside: the patient has died, or the drafts are the orders of a plan of
ours that was accepted. Of these one thing is kept: what rests on another medicine that is signed
along, for it was no part of what was accepted. Three grounds set some checks aside; which, by
which sources, stands in `knowledge/set_aside.toml`. They only ever quiet what would be said: what
is clear stays clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.care_plans import PlannedStep
from clinical.checks.words import listed
from clinical.facts import ConditionFact, is_clonazepam
from clinical.findings import CheckId, Clear, SetAside, Verdict
from clinical.knowledge import document
from clinical.order_case import OrderCase
from clinical.signing import Effect, Signing, is_own_plan
from clinical.standing import starts_said
from clinical.tapers import taper_signs
from clinical.tapers.plans import ChartedPlan, charted_plans, starts_on
from clinical.totals import total_on

OF_OTHER_MEDICINES = frozenset(
    {CheckId.OPIOID_TOGETHER, CheckId.OTHER_SEDATIVES, CheckId.ENZYME_CHANGE}
)
"""Checks that look at what else is taken, and so at what else is signed."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Why some checks are set aside. `but_signed_along`: not what rests on these sources."""

    checks: frozenset[CheckId]
    why: SetAside
    but_signed_along: frozenset[str] = frozenset()

    def of(self, check: CheckId, verdict: Verdict) -> bool:
        """Whether this verdict is set aside."""
        along = check in OF_OTHER_MEDICINES and self.but_signed_along & set(verdict.sources)
        return check in self.checks and not along


def whole_set_aside(case: OrderCase) -> Quiet | None:
    """Why no check of this case is said at all; None when they are."""
    if case.facts.deceased is True:
        return Quiet(frozenset(CheckId), SetAside("the chart says that the patient has died"))
    effect = case.effect
    if effect is None or not is_own_plan(effect):
        return None
    along = {d.record.source for d in case.facts.drafts if not is_clonazepam(d.record)}
    why = f"the orders are the taper that was accepted: from {effect.present} to {effect.replacing}"
    sources = tuple(draft.source for draft in effect.drafts)
    return Quiet(frozenset(CheckId), SetAside(why, sources), frozenset(along))


def grounds(case: OrderCase) -> tuple[Quiet, ...]:
    """The grounds that hold for this case, each with the checks that it sets aside."""
    found = []
    for name, judge in _GROUNDS.items():
        why = judge(case, _document()["grounds"][name])
        if why is not None:
            checks = frozenset(map(CheckId, _document()["grounds"][name]["checks"]))
            found.append(Quiet(checks, why))
    return tuple(found)


def said(check: CheckId, verdict: Verdict, quiet: tuple[Quiet, ...], case: OrderCase) -> Verdict:
    """The verdict, or that it is set aside by the first ground that holds for it."""
    if isinstance(verdict, Clear | SetAside) or _is_never_quiet(check, case):
        return verdict
    return next((ground.why for ground in quiet if ground.of(check, verdict)), verdict)


def _is_never_quiet(check: CheckId, case: OrderCase) -> bool:
    """Whether the dose is above the label's maximum for any use."""
    if check is not CheckId.HIGH_DOSE or case.effect is None:
        return False
    return case.effect.replacing.mg_per_day > case.policy.absolute_maximum_mg_per_day


# --- comfort care and withdrawal ------------------------------------------------------------

_TREATED = {
    "alcohol_withdrawal": "alcohol withdrawal",
    "benzodiazepine_withdrawal": "benzodiazepine withdrawal",
}


def _comfort_care(case: OrderCase, row: Mapping[str, Any]) -> SetAside | None:
    found = [c for c in case.facts.has_condition(*row["conditions"]) if c.confirmed]
    return SetAside(row["why"], _sources(found)) if found else None


def _withdrawal_treatment(case: OrderCase, row: Mapping[str, Any]) -> SetAside | None:
    earliest = case.on - timedelta(days=case.policy.withdrawal_days)
    reasons = [
        ConditionFact(order.source, concept, active=True)
        for order in case.ordered
        for concept in row["conditions"]
        if concept in order.reasons
    ]
    lately = [
        c
        for c in case.facts.has_condition(*row["conditions"])
        if c.confirmed and c.onset is not None and earliest <= c.onset <= case.on
    ]
    found = [*reasons, *lately]
    if not found:
        return None
    what = listed(dict.fromkeys(_TREATED[c.concept] for c in found))
    return SetAside(row["why"].format(what=what), _sources(found))


def _sources(found: list[ConditionFact]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c.source for c in found))


# --- a taper in progress, and on plan -------------------------------------------------------


def _taper_on_plan(case: OrderCase, row: Mapping[str, Any]) -> SetAside | None:
    effect = case.effect
    if effect is None or not _may_be_a_step(case, effect):
        return None
    charted = charted_plans(case.facts, taper_signs(), drafts=True)
    plans = [plan for plan in charted if _has_begun(plan, case.on)]
    doses = dict(_doses_from(effect, case.on)) if plans else {}
    for plan in plans:
        if all(_planned(plan.steps, day) == dose for day, dose in doses.items()):
            day = min(doses).isoformat()
            why = row["why"].format(dose=f"{total_on(effect.drafts, min(doses))}", day=day)
            sources = (*(draft.source for draft in effect.drafts), *plan.sources)
            return SetAside(why, tuple(dict.fromkeys(sources)))
    return None


def _may_be_a_step(case: OrderCase, effect: Effect) -> bool:
    """Whether something new is signed, of a known dose, and nothing rises by it."""
    if all(draft in case.facts.medications for draft in effect.drafts):
        return False  # the present orders as they stand: nothing is signed (clinical.review)
    present = effect.present if effect.current else effect.baseline
    if present is None or not (present.complete and effect.adding.complete):
        return False
    most = effect.adding if effect.signing is Signing.UNLINKED_CHANGE else effect.replacing
    return most.mg_per_day <= present.mg_per_day


def _doses_from(effect: Effect, on: date) -> Iterator[tuple[date, Fraction]]:
    """The totals of the days on which the new orders, or steps of theirs, begin."""
    lasting = effect.drafts
    if effect.signing is Signing.REPLACEMENT:
        lasting += effect.continuing
    begins = [max(starts_said(draft) or on, on) for draft in effect.drafts]
    steps = [
        step.starts
        for draft in effect.drafts
        for step in draft.course.steps
        if step.starts is not None and step.starts > on
    ]
    for day in (*begins, *steps):
        yield day, total_on(lasting, day).mg_per_day


def _has_begun(plan: ChartedPlan, on: date) -> bool:
    """Whether an order of the plan was signed and has begun."""
    return any(order.status != "draft" and starts_on(order) <= on for order in plan.orders)


def _planned(steps: tuple[PlannedStep, ...], day: date) -> Fraction | None:
    there = [s for s in steps if s.starts <= day and (s.ends is None or day <= s.ends)]
    return there[-1].dose if there else None


# --- as data --------------------------------------------------------------------------------

_GROUNDS: Mapping[str, Callable[[OrderCase, Mapping[str, Any]], SetAside | None]] = {
    "comfort-care": _comfort_care,
    "withdrawal-treatment": _withdrawal_treatment,
    "taper-on-plan": _taper_on_plan,
}


@cache
def _document() -> Mapping[str, Any]:
    return document("set_aside.toml")
