"""What a new dose is measured against when no order is current, and the doses held before.

Baseline: the present orders' total, else the last total that ended within the policy's days
(CLINICAL 3, dose-escalation). A return to a dose that was held lately is the label's own way back.
Doses are totals of a day: a step made of two orders was held as their sum.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from clinical.dose_history import DoseHistory, Known, dose_on_day
from clinical.facts import PatientFacts, RecordKind, is_clonazepam
from clinical.policy import Policy
from clinical.standing import Stood, stood
from clinical.totals import Total, highest_total_from, total_on


@dataclass(frozen=True, slots=True)
class Held:
    """A total that was taken, and the last day on which it was."""

    until: date
    total: Total


@dataclass(frozen=True, slots=True)
class Creep:
    """A dose that rose slowly: what was ordered so many days ago, in mg/day."""

    day: date
    then: Fraction
    now: Fraction


def last_ended(facts: PatientFacts, re_signed: Collection[str], on: date, days: int) -> Held | None:
    """The last total of orders that ended within so many days before; None when none did."""
    held = _held(facts, re_signed, on, days, steps=False)
    return held[0] if held else None


def earlier_doses(facts: PatientFacts, on: date, days: int) -> tuple[Held, ...]:
    """Doses held within so many days before: the last day of each, newest first."""
    return _held(facts, (), on, days, steps=True)


def _held(
    facts: PatientFacts, without: Collection[str], on: date, days: int, *, steps: bool
) -> tuple[Held, ...]:
    orders = [
        it
        for it in stood(facts.medications)
        if is_clonazepam(it.record)
        and it.record.kind is RecordKind.REQUEST
        and it.record.source not in without
    ]
    lasts = {day for it in orders for day in _last_days(it, steps=steps)}
    earliest = on - timedelta(days=days)
    return tuple(
        Held(day, _total(orders, day))
        for day in sorted((d for d in lasts if earliest <= d < on), reverse=True)
    )


def _last_days(it: Stood, *, steps: bool) -> list[date]:
    """The last day of an order, and of each of its doses in turn.

    An order that has ended and says no end cannot have ended before it began.
    """
    last = it.ends
    if last is None and not it.goes_on:
        last = it.by
    found = [] if last is None else [last]
    if steps:
        found += [step.ends for step in it.record.course.steps if step.ends is not None]
    return found


def _total(orders: list[Stood], day: date) -> Total:
    """What the orders that stood on their last day came to."""
    there = [it.record for it in orders if _stood_on(it, day)]
    total = total_on(there, day)
    if total.sources or total.uncounted:
        return total
    return highest_total_from(there, day)


def _stood_on(it: Stood, day: date) -> bool:
    """What does not say its start, or has ended and not said when, counts on its last day only."""
    if it.starts is None or (it.ends is None and not it.goes_on):
        return day in _last_days(it, steps=False)
    return it.starts <= day and (it.ends is None or day <= it.ends)


def slow_creep(told: DoseHistory, on: date, policy: Policy, now: Fraction) -> Creep | None:
    """The rise to `now` (mg/day) over the dose of the policy's days ago, where it is slow creep.

    None where there is none, or where the dose of that day is not known.
    """
    day = on - timedelta(days=policy.creep_days)
    then = dose_on_day(told.stretches, day)
    if not isinstance(then, Known) or then.high <= 0:
        return None
    return Creep(day, then.high, now) if now >= then.high * (1 + policy.creep_fraction) else None
