"""The taper that the chart holds for today or later: saved as drafts, or signed and not over.

A second taper, or another order beside a running one, would add up with it, so whoever orders has
to be told: of ours, recognised by its group or its CarePlan, and of somebody else's plan. A falling
series is none, for no order says that it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from clinical.care_plans import PlannedStep, TaperCarePlan
from clinical.dose_history import clonazepam_stretches
from clinical.facts import MedicationRecord, PatientFacts, is_clonazepam
from clinical.quantities import plain
from clinical.tapers.plans import ChartedPlan, Shape, charted_plans, starts_on
from clinical.tapers.progress import Progress, progress
from clinical.tapers.reader import taper_of
from clinical.tapers.signs import taper_signs
from clinical.totals import Total, total_on

_WAITING = frozenset({"draft", "active"})
# Not what was stopped or is on hold: such a step waits, and the one before it goes on.
_OF_THE_PLAN = _WAITING | {"completed"}


@dataclass(frozen=True, slots=True)
class TaperInProgress:
    """One plan, with its orders in the order of their days.

    `ours` is false for somebody else's. `signed` is false while all of its orders are drafts, and
    `unsigned` how many are; without orders both are of its care plan. `now` is what the plan says
    for the day, None before its first step; `taken` is false where that stands in a draft, so that
    the dose is only planned. `next` is the day of its next change with the dose from then
    on; `ends` is the last day that its orders speak of (None: they do not say); `goal` the dose
    that its care plan reaches, with the day. `progress` is how it goes, None where none of it has
    been signed and begun.
    """

    ours: bool
    key: str
    records: tuple[MedicationRecord, ...]
    care_plan: TaperCarePlan | None
    signed: bool
    unsigned: int
    now: Total | None
    taken: bool
    next: tuple[date, Total] | None
    ends: date | None
    goal: PlannedStep | None
    progress: Progress | None

    def in_words(self, day: Callable[[date], str] = date.isoformat) -> str:
        """One sentence; `day` writes a date."""
        plan = ", ".join(self._doses(day)) or "its doses cannot be read"
        if self.signed:
            told = self.progress is not None and self.taken
            how = f"; {self.progress.in_words}" if told and self.progress else ""
            return f"a taper is in progress: {plan}{how}"
        written = [r.authored_on for r in self.records if r.authored_on is not None]
        if self.care_plan is not None and self.care_plan.created_on is not None:
            written.append(self.care_plan.created_on)
        saved = f", saved on {day(min(written))}," if written else ""
        return f"a taper is in progress: {self._unsigned()}{saved} not signed yet ({plan})"

    def _unsigned(self) -> str:
        if not self.records:
            return "a draft care plan"
        return f"{len(self.records)} draft {'order' if len(self.records) == 1 else 'orders'}"

    def _doses(self, day: Callable[[date], str]) -> Iterator[str]:
        if self.now is not None:
            yield f"{_dose(self.now)} {'now' if self.taken else 'planned for today'}"
        if self.next is not None:
            starts, total = self.next
            yield f"{_dose(total)} from {day(starts)}"
        if self.signed and self.unsigned:
            are = "is" if self.unsigned == 1 else "are"
            yield f"{self.unsigned} of its orders {are} not signed yet"
        if self.ends is not None:
            orders = (
                "its orders reach" if self.ours or len(self.records) > 1 else "its order reaches"
            )
            yield f"{orders} to {day(self.ends)}"
        if self.goal is not None and (self.next is None or self.next[0] != self.goal.starts):
            goal = f"{plain(self.goal.dose)} mg/day"
            yield f"its care plan reaches {goal} on {day(self.goal.starts)}"


def taper_in_progress(facts: PatientFacts, on: date) -> TaperInProgress | None:
    """The plan that is under way on the day and that none of the drafts belongs to; else None.

    Ours before somebody else's; of several the one that was written last: an earlier one was
    planned anew.
    """
    if not facts.taper_plans and not any(map(is_clonazepam, facts.medications)):
        return None
    groups = {draft.record.group for draft in facts.drafts}
    sources = {draft.record.source for draft in facts.drafts}
    others = replace(
        facts,
        medications=tuple(
            r
            for r in facts.medications
            if (r.group is None or r.group not in groups) and r.source not in sources
        ),
        taper_plans=tuple(plan for plan in facts.taper_plans if plan.group not in groups),
    )
    plans = [p for p in charted_plans(others, taper_signs(), drafts=True) if _is_in_progress(p, on)]
    if not plans:
        return None
    chosen = max(plans, key=lambda plan: (plan.shape is Shape.OURS, _written(plan), plan.key))
    return _taper(chosen, others, on)


def _is_in_progress(plan: ChartedPlan, on: date) -> bool:
    last = plan.steps[-1] if plan.steps else None
    if plan.shape is not Shape.OURS:
        # Where the last dose goes on, the taper is over once that is reached.
        if last is None or on > (last.ends or last.starts):
            return False
    elif plan.care_plan is not None and last is not None and on <= (last.ends or last.starts):
        return True
    return any(r.status in _WAITING and not _is_over(r, on) for r in plan.orders)


def _is_over(record: MedicationRecord, on: date) -> bool:
    return record.course.ends is not None and record.course.ends < on


def _written(plan: ChartedPlan) -> date:
    days = [order.authored_on for order in plan.orders]
    days += [] if plan.care_plan is None else [plan.care_plan.created_on]
    return max((day for day in days if day is not None), default=date.min)


def _taper(plan: ChartedPlan, facts: PatientFacts, on: date) -> TaperInProgress:
    orders = tuple(order for order in plan.orders if order.status in _OF_THE_PLAN)
    of_today = [r for r in orders if starts_on(r) <= on and not _is_over(r, on)]
    now = _total(plan, orders, on)
    begun = bool(of_today) or now is not None
    days = {starts_on(order) for order in orders}
    days |= {step.starts for order in orders for step in order.course.steps if step.starts}
    days |= {step.starts for step in plan.steps}
    coming = ((day, _total(plan, orders, day)) for day in sorted(days) if day > on)
    ends = [order.course.ends for order in orders]
    drafts = sum(order.status == "draft" for order in orders)
    draft_plan = plan.care_plan is not None and plan.care_plan.is_draft
    return TaperInProgress(
        ours=plan.shape is Shape.OURS,
        key=plan.key,
        records=orders,
        care_plan=plan.care_plan,
        signed=drafts < len(orders) if orders else not draft_plan,
        unsigned=drafts,
        now=now if begun else None,
        taken=not (any(r.status == "draft" for r in of_today) or (draft_plan and not of_today)),
        next=next(((d, t) for d, t in coming if t and (not begun or _differs(t, now))), None),
        ends=None if None in ends else max((day for day in ends if day is not None), default=None),
        goal=plan.care_plan.steps[-1] if plan.care_plan and plan.care_plan.steps else None,
        progress=_progress(plan, facts, on),
    )


def _total(plan: ChartedPlan, orders: Sequence[MedicationRecord], day: date) -> Total | None:
    """What the plan says for a day: by its orders, else by its care plan."""
    if any(starts_on(order) <= day and not _is_over(order, day) for order in orders):
        return total_on(orders, day)
    if plan.care_plan is None:
        return None
    begun = [step for step in plan.care_plan.steps if step.starts <= day]
    return Total(begun[-1].dose, (), (plan.care_plan.source,), ()) if begun else None


def _progress(plan: ChartedPlan, facts: PatientFacts, on: date) -> Progress | None:
    """How the signed part of the plan goes; None where there is none that has begun."""
    signs = taper_signs()
    signed = {p.key: p for p in charted_plans(facts, signs)}
    taper = taper_of(signed[plan.key], signs) if plan.key in signed else None
    if taper is None or taper.begun > on:
        return None
    return progress(taper, facts, clonazepam_stretches(facts, on), on, signs)


def _differs(total: Total, before: Total | None) -> bool:
    if before is None:
        return True
    return (total.mg_per_day, total.complete) != (before.mg_per_day, before.complete)


def _dose(total: Total) -> str:
    return str(total) if total.complete else "a dose that cannot be computed"
