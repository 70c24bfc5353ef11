"""Plans of falling doses in the chart: ours and somebody else's.

- *Ours*: orders that carry our own group, with the CarePlan of the same key where the chart holds
  it. They are a plan whatever their doses do: the first step is a cut already, and a step back is
  a part of it.
- *A group*: orders that another system's groupIdentifier joins, whose doses fall and never rise.
- *One order* with several steps in turn that fall: as structure or in its text, which is read to
  the same steps. Its last step may have no end: then that dose is the goal.
- *A chain*: orders that name each other as their prior and state their days, with so many cuts in
  a row (`series_cuts`, `series_days`). One order that replaces another by less is no plan. The plan
  begins with the first cut.

Of a plan all orders count that tell of use, and drafts where they are asked for; not a later step
that is on hold while the one before it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction
from itertools import pairwise

from clinical.care_plans import PlannedStep, TaperCarePlan
from clinical.daily_dose import DailyDose
from clinical.facts import OWN_PLAN, MedicationRecord, PatientFacts, RecordKind, is_clonazepam
from clinical.standing import each_once, first_day, waiting, why_not_used
from clinical.tapers.signs import TaperSigns
from clinical.totals import total_on

_DAY = timedelta(days=1)


class Shape(Enum):
    """By what a taper is recognised."""

    OURS = "a plan of ours"
    GROUP = "orders of one group"
    ONE_ORDER = "one order with several steps"
    CHAIN = "orders that replace each other"
    SERIES = "a falling series of doses"


@dataclass(frozen=True, slots=True)
class ChartedPlan:
    """A plan as the chart holds it.

    `key` is its group ("system|value"), or the source of its first order. `orders` are those that
    count, in the order of their days; `held` are the sources of what waits on hold. `steps` are the
    doses that the orders state, and on later days without an order those of the care plan; empty
    where no record states them.
    """

    shape: Shape
    key: str
    orders: tuple[MedicationRecord, ...]
    held: tuple[str, ...]
    care_plan: TaperCarePlan | None
    steps: tuple[PlannedStep, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Every record of it, in the order of their names."""
        plan = [] if self.care_plan is None else [self.care_plan.source]
        return tuple(sorted({*plan, *self.held, *(order.source for order in self.orders)}))


def charted_plans(
    facts: PatientFacts, signs: TaperSigns, *, drafts: bool = False
) -> tuple[ChartedPlan, ...]:
    """Every plan in the chart, in an order that no order of the list changes.

    With `drafts` orders and care plans count that nobody has signed or made active yet.
    """
    usable = each_once(r for r in facts.medications if _may_be_of_a_plan(r, drafts=drafts))
    held = waiting(usable)
    orders = [record for record in usable if record.source not in held]
    counting = [it for it in facts.taper_plans if it.counts and (drafts or not it.is_draft)]
    replaced = {source for plan in counting for source in plan.replaces}
    care_plans = {plan.group: plan for plan in counting if plan.source not in replaced}
    found = [
        *_grouped(orders, usable, held, care_plans),
        *(_plan(Shape.ONE_ORDER, r.source, [r], steps) for r, steps in _single_orders(orders)),
    ]
    taken = {order.source for plan in found for order in plan.orders}
    found += _chained([record for record in orders if record.source not in taken], signs)
    return tuple(sorted(found, key=lambda plan: (plan.shape.value, plan.key)))


def is_ours(group: str | None) -> bool:
    """Whether a groupIdentifier is one of our plans."""
    return (group or "").startswith(f"{OWN_PLAN}|")


def starts_on(order: MedicationRecord) -> date:
    """The first day of an order; the first of all days where none is stated."""
    return order.course.starts or first_day(order) or date.min


def _may_be_of_a_plan(record: MedicationRecord, *, drafts: bool) -> bool:
    if record.kind is not RecordKind.REQUEST or not is_clonazepam(record):
        return False
    if drafts and record.status == "draft":
        record = replace(record, status="active")
    return why_not_used(record) is None


def _plan(
    shape: Shape,
    key: str,
    orders: Sequence[MedicationRecord],
    steps: tuple[PlannedStep, ...],
    held: tuple[str, ...] = (),
    care_plan: TaperCarePlan | None = None,
) -> ChartedPlan:
    in_turn = sorted(orders, key=lambda order: (starts_on(order), order.source))
    return ChartedPlan(shape, key, tuple(in_turn), held, care_plan, steps)


def _grouped(
    orders: Iterable[MedicationRecord],
    usable: Iterable[MedicationRecord],
    held: frozenset[str],
    care_plans: dict[str, TaperCarePlan],
) -> Iterator[ChartedPlan]:
    groups: dict[str, list[MedicationRecord]] = {group: [] for group in care_plans}
    for record in orders:
        if record.group is not None:
            groups.setdefault(record.group, []).append(record)
    for group, joined in groups.items():
        steps = steps_of(joined)
        if is_ours(group):
            waits = sorted(r.source for r in usable if r.group == group and r.source in held)
            plan = care_plans.get(group)
            if plan is not None and plan.status == "on-hold":
                waits.append(plan.source)
            yield _plan(Shape.OURS, group, joined, _completed(steps, plan), tuple(waits), plan)
        elif _falls(steps):
            yield _plan(Shape.GROUP, group, joined, steps)


def _completed(
    steps: tuple[PlannedStep, ...], plan: TaperCarePlan | None
) -> tuple[PlannedStep, ...]:
    """The ordered steps, and where no order stands after the first the care plan's."""
    if plan is None or not steps:
        return steps if plan is None else plan.steps
    whole: list[PlannedStep] = []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        whole.append(step)
        if step.ends is not None and step.ends < date.max:
            last = None if following is None else following.starts - _DAY
            whole += _between(plan.steps, step.ends + _DAY, last)
    return tuple(_joined(whole))


def _between(steps: Iterable[PlannedStep], first: date, last: date | None) -> Iterator[PlannedStep]:
    """The steps of the days from the first to the last; None: of all that follow."""
    for step in steps:
        starts = max(step.starts, first)
        known = [day for day in (step.ends, last) if day is not None]
        ends = min(known, default=None)
        if ends is None or starts <= ends:
            yield replace(step, starts=starts, ends=ends)


def _single_orders(
    orders: Iterable[MedicationRecord],
) -> Iterator[tuple[MedicationRecord, tuple[PlannedStep, ...]]]:
    for record in orders:
        if record.group is None and len(record.course.steps) > 1:
            steps = steps_of([record], open_end=True)
            if _falls(steps):
                yield record, steps


def _chained(orders: Sequence[MedicationRecord], signs: TaperSigns) -> Iterator[ChartedPlan]:
    for chain in _chains(orders):
        steps = _falling_end(steps_of(chain), signs)
        if len(steps) >= signs.series_cuts:
            begun = steps[0].starts
            falling = [order for order in chain if (order.course.ends or date.max) >= begun]
            key = min(falling, key=lambda order: (starts_on(order), order.source)).source
            yield _plan(Shape.CHAIN, key, falling, steps)


def _chains(orders: Sequence[MedicationRecord]) -> list[list[MedicationRecord]]:
    """Orders that are linked by priorPrescription, directly or over others."""
    chain_of: dict[str, list[MedicationRecord]] = {}
    for order in orders:
        chain_of.setdefault(order.source, []).append(order)
    for order in orders:
        for prior in order.replaces:
            mine, other = chain_of[order.source], chain_of.get(prior)
            if other is None or other is mine:
                continue
            if len(mine) < len(other):
                mine, other = other, mine
            mine.extend(other)
            for moved in other:
                chain_of[moved.source] = mine
    chains = {id(chain): chain for chain in chain_of.values()}
    return [chain for chain in chains.values() if len(chain) > 1]


def _falling_end(steps: Sequence[PlannedStep], signs: TaperSigns) -> tuple[PlannedStep, ...]:
    """The last run of cuts, each within so many days of the next: the steps that they begin."""
    run: list[PlannedStep] = []
    for before, step in pairwise(steps):
        cut = step.dose < before.dose
        near = not run or (step.starts - run[-1].starts).days <= signs.series_days
        run = [*(run if near else ()), step] if cut else []
    return tuple(run)


def _falls(steps: Sequence[PlannedStep]) -> bool:
    doses = [step.dose for step in steps]
    return all(b <= a for a, b in pairwise(doses)) and any(b < a for a, b in pairwise(doses))


def steps_of(
    orders: Sequence[MedicationRecord], *, open_end: bool = False
) -> tuple[PlannedStep, ...]:
    """The daily totals of the orders in turn; empty where a day or a dose is not stated.

    With `open_end` the last one may go on until further notice.
    """
    edges: set[date] = set()
    for order in orders:
        overall = order.course.overall
        if not isinstance(overall, DailyDose) or overall.unit != "mg":
            return ()
        for step in order.course.steps:
            last = step.ends or date.max
            if step.starts is None or (last == date.max and not open_end):
                return ()
            edges |= {step.starts} if last == date.max else {step.starts, last + _DAY}
    days = sorted(edges)
    ends = (*(day - _DAY for day in days[1:]), None)
    parts = [
        PlannedStep(starts, last, dose)
        for starts, last, dose in zip(days, ends, _totals(orders, days), strict=False)
        if dose > 0
    ]
    return tuple(_joined(parts))


def _totals(orders: Sequence[MedicationRecord], days: Sequence[date]) -> Iterator[Fraction]:
    """Mg of each of the days, which are in turn; of a long chain only what stands is added up."""
    to_come = sorted(orders, key=_begins, reverse=True)
    standing: list[MedicationRecord] = []
    for day in days:
        while to_come and _begins(to_come[-1]) <= day:
            standing.append(to_come.pop())
        standing = [order for order in standing if (order.course.ends or date.max) >= day]
        yield total_on(standing, day).mg_per_day


def _begins(order: MedicationRecord) -> date:
    return min((step.starts or date.min for step in order.course.steps), default=date.min)


def _joined(parts: Iterable[PlannedStep]) -> list[PlannedStep]:
    joined: list[PlannedStep] = []
    for part in parts:
        if joined and joined[-1].dose == part.dose:
            joined[-1] = replace(joined[-1], ends=part.ends)
        else:
            joined.append(part)
    return joined
