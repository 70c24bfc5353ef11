"""How a change turns one course of doses into the next.

A course is days with doses, one part after the other, and the goal after the last. A change
leaves the parts before its first day; what comes from then on is made of the
doses that were planned, with the days that they were planned for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from clinical.quantities import Milligrams
from clinical.taper.changes import (
    CannotChange,
    Hold,
    LateFill,
    Maintain,
    MissedCheckIn,
    PlanChange,
    Resume,
    SkipForward,
    SlowDown,
    StepBack,
    Stop,
    replan_rules,
)


@dataclass(frozen=True, slots=True)
class Part:
    """Days with one dose (mg/day). `held`: days of a hold, which no slower pace makes longer."""

    dose: Milligrams
    days: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """Doses from the day of the first cut as it was planned, `starts_on`; the goal after them.

    `planned` is the doses from the one before the taper (where the tablets make it) down to the
    last above the goal. `rises` are the days of the steps back.
    """

    from_mg: Milligrams
    starts_on: date
    planned: tuple[Part, ...]
    parts: tuple[Part, ...]
    goal: Milligrams
    times_slower: int = 1
    rises: frozenset[date] = frozenset()

    @property
    def ends_on(self) -> date:
        """The day on which the goal begins."""
        return self.starts_on + timedelta(days=sum(part.days for part in self.parts))

    def split(self, day: date) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """The parts before a day, and those from it on; the goal's own days are before it."""
        left = max((day - self.starts_on).days, 0)
        past: list[Part] = []
        for place, part in enumerate(self.parts):
            if left < part.days:
                begun = (replace(part, days=left),) if left else ()
                rest = replace(part, days=part.days - left)
                return (*past, *begun), (rest, *self.parts[place + 1 :])
            past.append(part)
            left -= part.days
        return (*past, Part(self.goal, left)) if left else tuple(past), ()

    def next_cut(self, day: date) -> tuple[date, Milligrams]:
        """The first cut on or after a day: when, and the dose from then on."""
        past, coming = self.split(day)
        before = past[-1].dose if past else self.from_mg
        for part in coming:
            if part.dose < before:
                return day, part.dose
            before = part.dose
            day += timedelta(days=part.days)
        return day, self.goal


def followed(course: Course, change: PlanChange) -> tuple[Course, str]:
    """The course after a change, and in a sentence what the change did.

    Raises CannotChange, with a sentence, where it does nothing or cannot be done.
    """
    past, coming = course.split(change.first_day)
    taken = past[-1].dose if past else course.from_mg
    match change:
        case Stop():
            what = f"Stopped for {change.red_flag.called}: nothing of the plan is to come."
            return replace(course, parts=past), what
        case Maintain():
            if all(part.dose == course.from_mg for part in past):
                raise CannotChange(
                    f"Nothing has been cut yet: to keep {taken}/day takes a review date, no plan."
                )
            what = (
                f"{taken}/day is maintained from {change.on}, with a review on {change.review_on}."
            )
            return replace(course, parts=past, goal=taken), what
        case StepBack():
            course, what = _stepped_back(course, past, taken, change)
        case SlowDown():
            course, what = _slowed(course, past, coming)
        case SkipForward():
            coming = _from(course, coming, taken, change)
            what = f"On from {coming[0].dose}/day, which the plan has on {change.to_day}."
            course = replace(course, parts=(*past, *coming))
        case Hold():
            # A further hold takes the place of what is left of one: 14 days from the last look.
            held = Part(taken, change.days, held=True)
            last = change.on + timedelta(days=change.days - 1)
            what = f"{taken}/day is held from {change.on} to {last}."
            course = replace(course, parts=(*past, held, *_without_hold(coming)))
        case Resume():
            if not (coming and coming[0].held):
                raise CannotChange(
                    f"Nothing is on hold on {change.on}: there is nothing to resume."
                )
            what = f"The hold at {taken}/day ends."
            course = replace(course, parts=(*past, *_without_hold(coming)))
        case LateFill() | MissedCheckIn():
            what = _late(change, taken)
            waited = Part(taken, change.days_late, held=True)
            course = replace(course, parts=(*past, waited, *coming))
    day, dose = course.next_cut(change.on)
    after = "" if day == course.ends_on else f"; {course.goal}/day from {course.ends_on}"
    return course, f"{what} Next cut on {day}, to {dose}/day{after}."


def _without_hold(coming: tuple[Part, ...]) -> tuple[Part, ...]:
    return coming[1:] if coming and coming[0].held else coming


def _late(change: LateFill | MissedCheckIn, taken: Milligrams) -> str:
    thing = "fill" if isinstance(change, LateFill) else "check-in"
    days = "1 day" if change.days_late == 1 else f"{change.days_late} days"
    return (
        f"The {thing} due on {change.due_on} was {days} late: {taken}/day went on for as long, and "
        "all that follows moves by as much."
    )


def _slowed(course: Course, past: tuple[Part, ...], coming: tuple[Part, ...]) -> tuple[Course, str]:
    if not _without_hold(coming):
        raise CannotChange(
            f"No dose is left to take longer: {course.goal}/day is next. Hold, or maintain."
        )
    slower = replan_rules().slower
    longer = tuple(part if part.held else replace(part, days=part.days * slower) for part in coming)
    what = f"All that is to come before {course.goal}/day lasts {slower} times as long."
    times_slower = course.times_slower * slower
    return replace(course, parts=(*past, *longer), times_slower=times_slower), what


def _stepped_back(
    course: Course, past: tuple[Part, ...], taken: Milligrams, change: StepBack
) -> tuple[Course, str]:
    """Back to the dose that was taken before the present one; down again as was planned.

    As planned, and not by what was left of the course: a step that was skipped is taken after
    all, now that the skip went too far.
    """
    above = [part.dose for part in past if part.dose > taken]
    before = above[-1] if above else course.from_mg
    if before == taken:
        raise CannotChange(
            f"No step was taken before {taken}/day: it is the dose before the taper. Hold instead, "
            "or make a new plan."
        )
    steps = [step for step in course.planned if course.goal < step.dose <= before]
    if not steps or steps[0].dose <= taken:
        raise CannotChange(
            f"These tablets do not make the {before}/day of before, nor a dose between: hold "
            f"{taken}/day, or make a new plan with other tablets."
        )
    times_slower = course.times_slower * replan_rules().slower
    again = tuple(Part(step.dose, step.days * times_slower) for step in steps)
    short = (
        "" if steps[0].dose == before else f" (these tablets do not make the {before} of before)"
    )
    what = (
        f"Stepped back from {taken} to {again[0].dose}/day{short}, then down again with "
        f"{times_slower} times the days that each dose was planned for."
    )
    return replace(
        course,
        parts=(*past, *again),
        times_slower=times_slower,
        rises=course.rises | {change.on},
    ), what


def _from(
    course: Course, coming: tuple[Part, ...], taken: Milligrams, change: SkipForward
) -> tuple[Part, ...]:
    """What is to come, from the step that the plan has on the day that is skipped to."""
    if change.to_day >= course.ends_on:
        raise CannotChange(
            f"The plan's last dose ends before {change.to_day}: skipping there would stop "
            "clonazepam, or reach the goal, without the steps between. Skip to a day before "
            f"{course.ends_on}."
        )
    day = change.on
    for place, part in enumerate(coming):
        day += timedelta(days=part.days)
        if change.to_day < day:
            if part.dose >= taken or place == 0:
                break
            return coming[place:]
    raise CannotChange(
        f"The plan has no other dose on {change.to_day} than on {change.on}: skip to a day of a "
        "later step."
    )
