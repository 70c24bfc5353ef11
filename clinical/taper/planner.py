"""From a request to a schedule, by the conventions of CLINICAL 6.

The first cut is on the start date; the schedule ends on the day the target begins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from clinical.quantities import Milligrams
from clinical.taper.as_needed import evened_out
from clinical.taper.choice import choose
from clinical.taper.custom import CUSTOM
from clinical.taper.intakes import cut_to, present_regimen
from clinical.taper.limits import (
    DoseOnDays,
    Limit,
    amounts_of,
    highest_before_each,
    in_micrograms,
    judge,
)
from clinical.taper.refusal import CannotTaper
from clinical.taper.request import IntakeTime, TaperRequest, refuse_unusable
from clinical.taper.schedule import (
    DispenseLine,
    Intake,
    Schedule,
    TaperStep,
    Target,
    halves_a_day,
    percent_of,
)
from clinical.taper.tablets import dose_text

_ONE_DAY = timedelta(days=1)

CALENDAR_AFTER = timedelta(days=366)
"""The calendar has to hold what follows a taper too: check-ins, the fall of the level."""


@lru_cache(maxsize=1024)
def _milligrams(micrograms: int) -> Milligrams:
    """Kept: the doses that tablets make are few."""
    return Milligrams(Fraction(micrograms, 1000))


def plan(request: TaperRequest) -> Schedule:
    """The schedule that the request asks for, with every limit it breaks in its warnings.

    Raises CannotTaper, with a sentence, when there is none: doses that make no sense, a goal
    that the tablets cannot make, or tablets so coarse that the first cut would be a stop.
    """
    refuse_unusable(request)
    doses, course = _course(request)
    _refuse_early_review(request, course[-1].starts)
    splits = _splits(request, doses)
    return assemble(request, course, _tablets(request, splits), request.review_on)


def assemble(
    request: TaperRequest,
    course: Sequence[DoseOnDays],
    intakes: Sequence[tuple[Intake, ...]],
    review_on: date | None = None,
    stepped_back_on: Collection[date] = (),
) -> Schedule:
    """A course of doses, each with the tablets that make it, as a schedule with its warnings.

    `course` is in the order of its days; its last part is the target (`ends` None), reviewed
    on `review_on` where it stays. The dose rises on the days of `stepped_back_on`: that was
    decided, and is no broken limit.
    """
    cuts = _cuts(request.from_mg, course)
    notes = _notes(request, course, intakes)
    *_, end = course
    use = request.as_needed
    steps = tuple(
        TaperStep(
            starts=part.starts,
            ends=part.ends,
            dose=part.dose,
            cut_percent=cut,
            cut_percent_14_days=in_window,
            intakes=taken,
            dispense=_dispense(taken, (part.ends - part.starts).days + 1),
            warnings=note,
        )
        for part, (cut, in_window), taken, note in zip(course, cuts, intakes, notes, strict=True)
        if part.ends is not None
    )
    schedule = Schedule(
        pace=request.pace,
        from_mg=request.from_mg,
        to_mg=end.dose,
        starts_on=course[0].starts,
        ends_on=end.starts,
        steps=steps,
        target=Target(
            dose=end.dose,
            cut_percent=cuts[-1][0],
            cut_percent_14_days=cuts[-1][1],
            intakes=intakes[-1],
            warnings=notes[-1],
        ),
        products=request.tablets,
        review_on=review_on,
        as_needed=None if use is None or use.is_daily else use,
        cut_order=request.order_of_cuts,
    )
    return _with_warnings(schedule, request, stepped_back_on)


def _refuse_early_review(request: TaperRequest, ends_on: date) -> None:
    if request.review_on is not None and request.review_on <= ends_on:
        raise CannotTaper(
            f"The review on {request.review_on} is not after {ends_on}, when {request.to_mg}/day "
            "begins: choose a later day."
        )


def _course(request: TaperRequest) -> tuple[list[int], list[DoseOnDays]]:
    """The doses from the first cut to the target in micrograms, and the same with their days."""
    box, pace = request.box, request.pace
    goal = int(request.to_mg.value * 1000)
    dose = _first_dose(request, goal)
    doses: list[int] = []
    course: list[DoseOnDays] = []
    day = request.starts_on
    try:
        while dose > goal:
            following = pace.next_dose(dose, goal, box)
            next_day = day + timedelta(days=pace.hold_days(dose, following))
            doses.append(dose)
            course.append(DoseOnDays(day, next_day - _ONE_DAY, _milligrams(dose)))
            dose, day = following, next_day
        day + CALENDAR_AFTER  # raises where the calendar ends
    except OverflowError:
        raise CannotTaper("The start is too late: the calendar ends before the taper.") from None
    return [*doses, dose], [*course, DoseOnDays(day, None, _milligrams(dose))]


def _first_dose(request: TaperRequest, goal: int) -> int:
    """What the first cut leaves, in micrograms. Raises CannotTaper where that is nothing."""
    box, pace, present = request.box, request.pace, in_micrograms(request.from_mg)
    dose = pace.next_dose(present, goal, box)
    if dose == 0:
        slower = box.below(present) > 0
        why = "this pace leaves" if slower else "these tablets leave"
        remedy = "a slower pace" if slower else "a product with a smaller unit"
        called = pace.title if pace.id == CUSTOM else pace.id
        raise CannotTaper(
            f"From {request.from_mg}/day the first cut of {called} would be to 0, an abrupt stop: "
            f"{why} no step between. Choose {remedy}, or ask a specialist."
        )
    return dose


def _splits(request: TaperRequest, doses: Sequence[int]) -> list[dict[IntakeTime, int]]:
    """Each dose over the day."""
    before: Mapping[IntakeTime, Fraction | int] = present_regimen(request)
    box, order = request.box, request.cut_order
    splits: list[dict[IntakeTime, int]] = []
    for dose in doses:
        split = cut_to(dose, before, order, box)
        splits.append(split)
        before = {time: split.get(time, 0) for time in before}
    return splits


def _tablets(
    request: TaperRequest, splits: Sequence[dict[IntakeTime, int]]
) -> list[tuple[Intake, ...]]:
    box = request.box
    choices = choose([frozenset(split.values()) for split in splits], box)
    return [
        tuple(Intake(time, box.pieces(choice[amount])) for time, amount in split.items())
        for split, choice in zip(splits, choices, strict=True)
    ]


def _cuts(from_mg: Milligrams, course: Sequence[DoseOnDays]) -> list[tuple[Decimal, Decimal]]:
    """For each dose its cut at once and its fall from the highest dose that counts, in percent."""
    amounts = amounts_of(from_mg, course)
    highest = highest_before_each(course, amounts)
    return [
        (_fall(before, dose), _fall(most, dose))
        for most, before, dose in zip(highest, amounts, amounts[1:], strict=False)
    ]


def _fall(before: int | Fraction, dose: int | Fraction) -> Decimal:
    return percent_of(before - dose, before) if dose < before else Decimal(0)


def _notes(
    request: TaperRequest, course: Sequence[DoseOnDays], intakes: Sequence[tuple[Intake, ...]]
) -> list[tuple[str, ...]]:
    """For each dose that is no rise, a note where one of its intakes has to grow."""
    before: Mapping[IntakeTime, Fraction | int] = present_regimen(request)
    dose = request.from_mg
    notes: list[tuple[str, ...]] = []
    for part, taken in zip(course, intakes, strict=True):
        amounts = {intake.time: intake.micrograms for intake in taken}
        grown = [time for time, amount in amounts.items() if amount > before[time]]
        if grown and part.dose > dose:
            grown = []
        notes.append(
            tuple(
                f"The {time} intake grows from {dose_text(before[time])} to "
                f"{dose_text(amounts[time])}, for these tablets cannot be spread otherwise; the "
                "daily dose does not rise."
                for time in grown
            )
        )
        before = {time: amounts.get(time, 0) for time in before}
        dose = part.dose
    return notes


def _dispense(intakes: Sequence[Intake], days: int) -> tuple[DispenseLine, ...]:
    """Whole tablets of each product for these days; a half left over is the next day's half."""
    return tuple(
        DispenseLine(product, -(-halves * days // 2))
        for product, halves in halves_a_day(intakes).items()
    )


def _with_warnings(
    schedule: Schedule, request: TaperRequest, stepped_back_on: Collection[date]
) -> Schedule:
    """The schedule with what it breaks said where it happens, and what is true of the whole."""
    decided = {n for n, step in enumerate(schedule.steps) if step.starts in stepped_back_on}
    texts: dict[int, list[str]] = {}
    for found in judge(schedule):
        if found.limit is Limit.RISE and found.step in decided:
            continue
        texts.setdefault(found.step, []).append(found.text)
    steps = tuple(
        replace(step, warnings=(*texts[place], *step.warnings)) if place in texts else step
        for place, step in enumerate(schedule.steps)
    )
    at_the_end = (*texts.get(len(steps), ()), *schedule.target.warnings)
    whole = []
    if schedule.as_needed is not None:
        whole.append(evened_out(schedule.as_needed))
    elif not request.box.makes(schedule.from_mg.value * 1000):
        whole.append(
            f"These tablets do not make the present {schedule.from_mg}/day; the first cut is "
            "counted from it all the same."
        )
    if request.pace.limits_always_shown and schedule.from_mg != schedule.to_mg:
        whole.append(request.pace.limits)
    return replace(
        schedule,
        steps=steps,
        target=replace(schedule.target, warnings=at_the_end),
        warnings=(*whole, *at_the_end, *_from_then_on(schedule)),
    )


def _from_then_on(schedule: Schedule) -> tuple[str, ...]:
    """What is taken once the schedule has ended, where that is not nothing."""
    if not schedule.target.intakes:
        return ()
    tablets = "; ".join(intake.in_words for intake in schedule.target.intakes)
    needs = "an order of its own and a review date"
    if schedule.review_on is not None:
        needs = f"an order of its own and the review on {schedule.review_on}"
    sentence = (
        f"From {schedule.ends_on} on {schedule.to_mg}/day is maintained ({tablets}): it needs "
        f"{needs}."
    )
    return (sentence,)
