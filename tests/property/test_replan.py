"""What holds for every plan under way, whatever is done to it in whatever order.

Stories come from seeds: a plan, and changes tried without regard to whether they can be done;
those that are refused leave the plan as it is. A second implementation does the same to a
plain list with one entry a day. (Hypothesis, asked for such sequences, mostly holds and stops.)
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import dropwhile, pairwise
from random import Random

import pytest

from clinical.quantities import Milligrams
from clinical.taper import (
    CannotChange,
    Hold,
    LateFill,
    Maintain,
    MissedCheckIn,
    PlanChange,
    RedFlag,
    Resume,
    SkipForward,
    SlowDown,
    StandingPlan,
    StepBack,
    Stop,
    TaperPlan,
    TaperRequest,
    begin,
    change,
    default_products,
    fills,
    pace,
    stand,
)
from clinical.taper.plan_json import from_json, to_json

MONDAY = date(2027, 1, 4)
BY = {"who": "somebody", "why": "some reason"}
FEW = tuple(p for p in default_products() if p.strength_ug in {250, 500, 1000})


def on(day: int) -> date:
    return MONDAY + timedelta(days=day)


KINDS = [Hold, Hold, Resume, SlowDown, StepBack, SkipForward, LateFill, MissedCheckIn]
ENDINGS = [Maintain, Stop]


def some_plan(dice: Random) -> TaperPlan:
    """Doses on the grid, and 2.7 mg which is not; every kind of pace; goals with and without 0."""
    from_mg, to_mg = dice.choice(
        [("1", "0"), ("2", "0"), ("2.7", "0"), ("1.5", "0.5"), ("0.75", "0.5")]
    )
    return begin(
        TaperRequest(
            Milligrams.of(from_mg),
            Milligrams.of(to_mg),
            MONDAY,
            pace(dice.choice(["asam-2025", "nardi-2010", "bzra-25"])),
            products=dice.choice([(), FEW]),
            times_per_day=dice.randint(1, 2),
        )
    )


def some_change(dice: Random, before: int, after_a_hold: bool) -> PlanChange:
    """Any change some days after the last, more often one that is possible than not."""
    kinds = KINDS * 3 + ENDINGS
    kind = dice.choice([*kinds, *[Resume] * len(kinds)] if after_a_hold else kinds)
    day = before + dice.choice([dice.randint(1, 10), dice.randint(0, 40)])
    more: dict[str, object] = {}
    if kind is Hold:
        more["days"] = dice.choice([dice.randint(7, 14), dice.randint(0, 16)])
    elif kind is SkipForward:
        more["to_day"] = on(day + dice.randint(-5, 120))
    elif kind in {LateFill, MissedCheckIn}:
        more["due_on"] = on(day - dice.randint(0, 12))
    elif kind is Maintain:
        more["review_on"] = on(day + 84)
    elif kind is Stop:
        more["red_flag"] = dice.choice(list(RedFlag))
    return kind(on=on(day), **BY, **more)


@dataclass(frozen=True)
class Story:
    """A plan, the changes that it took one by one, and how it stood after each."""

    seed: int
    planned: TaperPlan
    taken: tuple[PlanChange, ...]
    stood: tuple[StandingPlan, ...]


@cache
def story_of(seed: int) -> Story:
    dice = Random(seed)  # noqa: S311 - a seed, not a secret
    plan = planned = some_plan(dice)
    stood, day = [stand(plan)], dice.randint(-2, 20)
    for _ in range(dice.randint(1, 8)):
        each = some_change(dice, day, bool(plan.changes) and isinstance(plan.changes[-1], Hold))
        try:
            plan = change(plan, each)
        except CannotChange:
            continue
        day = (each.on - MONDAY).days
        stood.append(stand(plan))
    return Story(seed, planned, plan.changes, tuple(stood))


@pytest.fixture(
    params=[
        pytest.param(range(100), id="a hundred"),
        pytest.param(range(100, 1000), id="many", marks=pytest.mark.long),
    ]
)
def stories(request: pytest.FixtureRequest) -> list[Story]:
    return [story_of(seed) for seed in request.param]


def doses(plan: StandingPlan, days: int) -> list[Fraction | None]:
    """The dose of each day from 20 days before the first planned cut on; None: stopped."""
    return [None if d is None else d.value for d in (plan.dose_on(on(n)) for n in range(-20, days))]


def length(*plans: StandingPlan) -> int:
    ends = [p.schedule.ends_on for p in plans if p.schedule is not None]
    ends += [step.ends for p in plans for step in p.steps]
    return (max(ends, default=MONDAY) - MONDAY).days + 30


def test_no_change_alters_a_day_before_its_first(stories: list[Story]) -> None:
    for story in stories:
        for each, (before, after) in zip(story.taken, pairwise(story.stood), strict=True):
            past = (each.first_day - MONDAY).days
            assert doses(before, past) == doses(after, past)


def test_the_dose_rises_only_on_a_step_back_and_to_the_dose_taken_before(
    stories: list[Story],
) -> None:
    """To what was last taken above the present dose, or as near below as the tablets make."""
    for story in stories:
        final = story.stood[-1]
        backs = {each.on for each in story.taken if isinstance(each, StepBack)}
        taken = doses(final, length(final))
        rises = set()
        for place, (before, after) in enumerate(pairwise(taken), start=1):
            if before is None or after is None or after <= before:
                continue
            previous = next(d for d in reversed(taken[:place]) if d is not None and d > before)
            assert before < after <= previous
            assert previous in {after, story.planned.request.from_mg.value}
            rises.add(on(place - 20))
        assert rises == {day for day in backs if final.stopped is None or day < final.stopped.on}


def test_no_dose_is_taken_for_fewer_days_than_planned_unless_it_is_left_by_decision(
    stories: list[Story],
) -> None:
    for story in stories:
        planned = {step.dose: step.days for step in story.planned.planned.steps}
        left = {
            each.on
            for each in story.taken
            if isinstance(each, StepBack | SkipForward | Stop | Maintain)
        }
        for step in story.stood[-1].steps:
            if step.dose in planned and step.ends + timedelta(days=1) not in left:
                assert step.days >= planned[step.dose]


def test_it_ends_at_its_goal_or_at_a_maintained_dose_or_is_stopped(stories: list[Story]) -> None:
    for story in stories:
        final = story.stood[-1]
        kept = [each for each in story.taken if isinstance(each, Maintain)]
        if final.stopped is not None:
            assert final.schedule is None
            assert final.dose_on(final.stopped.on) is None
            continue
        assert final.schedule is not None
        last = final.dose_on(on(length(final)))
        if kept:
            assert last == final.dose_on(kept[-1].on)
            assert final.review_on == kept[-1].review_on
        else:
            assert last == story.planned.request.to_mg


def test_one_by_one_and_all_at_once_and_out_of_json_it_is_the_same_plan(
    stories: list[Story],
) -> None:
    for story in stories:
        at_once = change(story.planned, *story.taken)
        assert stand(at_once) == story.stood[-1]
        kept = json.dumps(to_json(at_once))
        assert stand(from_json(json.loads(kept))) == story.stood[-1]


def test_no_fall_above_a_quarter_in_14_days_is_without_its_warning(stories: list[Story]) -> None:
    """Judged day by day, with the days before the first cut at the dose before the taper."""
    for story in stories:
        final = story.stood[-1]
        taken = doses(final, length(final))
        parts = [(step.starts, step.dose, step.warnings) for step in final.steps]
        if final.schedule is not None:
            parts.append((final.schedule.ends_on, final.schedule.to_mg, final.schedule.warnings))
        for day, dose, texts in parts:
            place = (day - MONDAY).days + 20
            if place < 14:
                continue
            highest = max(d for d in taken[place - 14 : place] if d is not None)
            named = any(
                f"on {day}" in text and "more than 25 % in 14 days" in text for text in texts
            )
            assert named == (highest - dose.value > highest / 4)
            assert not any("rises" in text for text in texts)


def test_tablets_add_up_for_every_day_of_what_stands(stories: list[Story]) -> None:
    for story in stories:
        final = story.stood[-1]
        for step in final.steps:
            assert sum(intake.micrograms for intake in step.intakes) == step.dose.value * 1000
        if final.schedule is None:
            continue
        filled = sum(fill.quantity * fill.product.strength_ug for fill in fills(final.schedule))
        needed = sum(step.dose.value * 1000 * step.days for step in final.steps)
        assert filled >= needed


# --- one entry a day ------------------------------------------------------------------------


@dataclass(frozen=True)
class Day:
    dose: Fraction
    held: bool = False


def day_by_day(story: Story) -> list[Day]:
    """The same by cutting and pasting days; entry 0 is the day of the first planned cut.

    Holds up to and including the last change; what follows the list is the goal.
    """
    planned, request = story.planned.planned, story.planned.request
    from_mg, goal = request.from_mg.value, planned.to_mg.value
    days = [Day(step.dose.value) for step in planned.steps for _ in range(step.days)]
    steps = [(step.dose.value, step.days) for step in planned.steps]
    first = steps[0][0] if steps else goal
    top = Fraction(request.box.at_most(from_mg * 1000), 1000)
    if top > first:
        steps.insert(0, (top, request.pace.hold_days(top * 1000, int(first * 1000))))
    slower = 1
    for each in story.taken:
        at = max((each.first_day - MONDAY).days, 0)
        past = (days + [Day(goal)] * at)[:at]
        rest = days[at:]
        now = past[-1].dose if past else from_mg
        unheld = list(dropwhile(_held, rest))
        match each:
            case Hold(days=number):
                rest = [Day(now, held=True)] * number + unheld
            case LateFill() | MissedCheckIn():
                rest = [Day(now, held=True)] * each.days_late + rest
            case Resume():
                rest = unheld
            case SlowDown():
                slower *= 2
                rest = [day for day in rest for _ in range(1 if day.held else 2)]
            case StepBack():
                slower *= 2
                before = next((d.dose for d in reversed(past) if d.dose > now), from_mg)
                rest = [
                    Day(dose)
                    for dose, number in steps
                    if goal < dose <= before
                    for _ in range(number * slower)
                ]
            case SkipForward(to_day=to_day):
                wanted = days[(to_day - MONDAY).days].dose
                rest = [day for day in rest if day.dose <= wanted]
            case Maintain() | Stop():
                goal, rest = now, []
        days = past + rest
    return days


def _held(day: Day) -> bool:
    return day.held


def test_it_stands_as_cutting_and_pasting_days_says(stories: list[Story]) -> None:
    for story in stories:
        final, by_days = story.stood[-1], day_by_day(story)
        if final.schedule is not None:
            assert final.schedule.ends_on == on(len(by_days))
        for number, day in enumerate(by_days):
            assert final.dose_on(on(number)) == Milligrams(day.dose)


def test_the_stories_take_changes_of_every_kind(stories: list[Story]) -> None:
    """Or all of the above would hold of plans that nothing was done to."""
    taken = Counter(kind for story in stories for kind in {type(each) for each in story.taken})
    assert all(taken[kind] >= 5 for kind in {*KINDS, *ENDINGS}), taken
