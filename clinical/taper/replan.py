"""A plan under way: what was planned, and every change of it, never overwritten.

How it stands is worked out anew from both: each change leaves the days before it as they were
and makes the days from it on out of the doses that were planned. So a dose has the tablets and
at least the days that it was planned with, and nothing rises but by a step back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby

from clinical.quantities import Milligrams
from clinical.taper.changes import (
    CannotChange,
    Maintain,
    PlanChange,
    StepBack,
    Stop,
    refuse_unusable,
    replan_rules,
)
from clinical.taper.choice import choose
from clinical.taper.course import Course, Part, followed
from clinical.taper.intakes import cut_to, present_regimen
from clinical.taper.limits import DoseOnDays
from clinical.taper.planner import CALENDAR_AFTER, assemble, plan
from clinical.taper.request import TaperRequest
from clinical.taper.schedule import Intake, Schedule, TaperStep


@dataclass(frozen=True, slots=True)
class TaperPlan:
    """What was asked for, what was planned then, and the changes in the order of their days.

    `before` is the dose before the taper, as far as the tablets make it, for the days that the
    pace would hold it; None where that is not above the first dose of the plan. It and `planned`
    are kept, not made again: a pace that is reviewed later changes no plan under way.
    """

    request: TaperRequest
    planned: Schedule
    before: Part | None
    changes: tuple[PlanChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A change, and in a sentence what it did to the plan."""

    change: PlanChange
    what: str


@dataclass(frozen=True, slots=True)
class StandingPlan:
    """A plan as it stands: the past as it was taken, and the future as it is planned now.

    `schedule` is both, None once a red flag has `stopped` the plan; `steps` are then those up
    to the day before. `times_slower` is how many times as long the doses last as planned.
    `review_on` is when a dose that is maintained is looked at again.
    """

    from_mg: Milligrams
    steps: tuple[TaperStep, ...]
    schedule: Schedule | None
    decisions: tuple[Decision, ...]
    times_slower: int
    stopped: Stop | None
    review_on: date | None

    def dose_on(self, day: date) -> Milligrams | None:
        """The dose of a day by this plan; None from the day on which it was stopped."""
        if self.stopped is not None and day >= self.stopped.on:
            return None
        for step in self.steps:
            if step.starts <= day <= step.ends:
                return step.dose
        if self.schedule is not None and day >= self.schedule.ends_on:
            return self.schedule.to_mg
        return self.from_mg


def begin(request: TaperRequest) -> TaperPlan:
    """A plan without changes. Raises CannotTaper where there is no schedule."""
    return under_way(request, plan(request))


def under_way(request: TaperRequest, planned: Schedule) -> TaperPlan:
    """A schedule as a plan without changes, for one that `plan` did not make."""
    pinned = replace(request, products=request.tablets)
    made = _most_makeable(pinned)
    first = planned.steps[0].dose if planned.steps else planned.to_mg
    if made <= first.value * 1000:
        return TaperPlan(pinned, planned, None)
    days = pinned.pace.hold_days(made, int(first.value * 1000))
    return TaperPlan(pinned, planned, Part(Milligrams(Fraction(made, 1000)), days))


def change(given: TaperPlan, *changes: PlanChange) -> TaperPlan:
    """The plan with further changes. Raises CannotChange, with a sentence, for what cannot be."""
    changed = replace(given, changes=(*given.changes, *changes))
    _followed(changed)
    return changed


def as_known_on(given: TaperPlan, day: date) -> TaperPlan:
    """The plan as it was on the evening of a day: without the changes that came later."""
    return replace(given, changes=tuple(each for each in given.changes if each.on <= day))


def stand(given: TaperPlan) -> StandingPlan:
    """How a plan stands after all its changes.

    Raises CannotChange where they do not follow on each other, which `change` never makes.
    """
    course, decisions = _followed(given)
    last = given.changes[-1] if given.changes else None
    stopped = last if isinstance(last, Stop) else None
    schedule = _schedule(given, course)
    return StandingPlan(
        from_mg=given.request.from_mg,
        steps=schedule.steps,
        schedule=None if stopped else schedule,
        decisions=decisions,
        times_slower=course.times_slower,
        stopped=stopped,
        review_on=None if stopped else schedule.review_on,
    )


# --- the course of a plan ------------------------------------------------------------------


def _followed(given: TaperPlan) -> tuple[Course, tuple[Decision, ...]]:
    course = _as_planned(given)
    decisions: list[Decision] = []
    for each in given.changes:
        refuse_unusable(each)
        last = decisions[-1].change if decisions else None
        try:
            _refuse_day(course, each, last)
            course, what = followed(course, each)
            course.ends_on + CALENDAR_AFTER  # raises where the calendar ends
        except OverflowError:
            raise CannotChange("The calendar ends before the plan would.") from None
        decisions.append(Decision(each, what))
    return course, tuple(decisions)


def _refuse_day(course: Course, each: PlanChange, last: PlanChange | None) -> None:
    """Raise CannotChange for a change on a day on which the plan cannot be changed so."""
    if isinstance(last, Stop):
        raise CannotChange(
            f"The plan was stopped on {last.on} for {last.red_flag.called} and is not taken up "
            "again: make a new plan once the patient has been assessed."
        )
    day = each.first_day
    if isinstance(each, Stop):
        # A red flag never waits: on the day of another change, before the first cut, at any time.
        if last is not None and day < last.on:
            raise CannotChange(f"The plan was changed on {last.on}: stop it on that day or later.")
        return
    if last is not None and day <= last.on:
        raise CannotChange(
            f"The plan was changed on {last.on}, and a change leaves the days before it as they "
            f"are: date this one after {last.on}."
        )
    if day < course.starts_on:
        raise CannotChange(
            f"The plan begins on {course.starts_on}: before that day it is made anew, not changed."
        )
    grace = replan_rules().follow_up_days if isinstance(each, StepBack) else 0
    if day > course.ends_on + timedelta(days=grace):
        raise CannotChange(
            f"The plan ended on {course.ends_on} with {course.goal}/day: make a new plan from the "
            "dose that is taken now."
        )


def _as_planned(given: TaperPlan) -> Course:
    planned = given.planned
    steps = tuple(Part(step.dose, step.days) for step in planned.steps)
    return Course(
        from_mg=planned.from_mg,
        starts_on=planned.starts_on,
        planned=steps if given.before is None else (given.before, *steps),
        parts=steps,
        goal=planned.to_mg,
    )


def _most_makeable(request: TaperRequest) -> int:
    return request.box.at_most(request.from_mg.value * 1000)


# --- the schedule of a course ---------------------------------------------------------------


def _schedule(given: TaperPlan, course: Course) -> Schedule:
    """A course as a schedule: each dose with the tablets that it was planned with."""
    parts = [*_doses_on_days(course), DoseOnDays(course.ends_on, None, course.goal)]
    tablets = _tablets(given)
    intakes = [tablets[part.dose] for part in parts]
    return assemble(given.request, parts, intakes, _review_on(given, course), course.rises)


def _review_on(given: TaperPlan, course: Course) -> date | None:
    """The review of a dose that stays: as it was maintained, or as many days after the end as
    was planned.
    """
    for each in reversed(given.changes):
        if isinstance(each, Maintain):
            return each.review_on
    planned = given.planned
    if planned.review_on is None:
        return None
    return course.ends_on + (planned.review_on - planned.ends_on)


def _doses_on_days(course: Course) -> Iterator[DoseOnDays]:
    """The days from the first cut on; what is held before it is no step of the taper."""
    day = course.starts_on
    uncut = True
    for dose, same in groupby(course.parts, key=lambda part: part.dose):
        starts, day = day, day + timedelta(days=sum(part.days for part in same))
        uncut = uncut and dose == course.from_mg
        if not uncut:
            yield DoseOnDays(starts, day - timedelta(days=1), dose)


def _tablets(given: TaperPlan) -> dict[Milligrams, tuple[Intake, ...]]:
    """The tablets of every dose that the plan can have, the one before the taper included."""
    request, planned = given.request, given.planned
    made = _most_makeable(request)
    split = cut_to(made, present_regimen(request), request.cut_order, request.box)
    (choice,) = choose([frozenset(split.values())], request.box)
    top = tuple(Intake(time, request.box.pieces(choice[amount])) for time, amount in split.items())
    return {
        Milligrams(Fraction(made, 1000)): top,
        **{step.dose: step.intakes for step in planned.steps},
        planned.to_mg: planned.target.intakes,
    }
