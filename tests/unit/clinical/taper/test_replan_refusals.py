"""A change that cannot be is refused with a sentence, and the plan stays as it is."""

from __future__ import annotations

from datetime import date, timedelta

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
    StepBack,
    Stop,
    TaperPlan,
    TaperRequest,
    begin,
    change,
    pace,
    products_of,
)

MONDAY = date(2027, 1, 4)
BY = {"who": "Dr. Ada Example", "why": "as agreed"}


def on(day: int) -> date:
    return MONDAY + timedelta(days=day)


def plan_from(
    from_mg: str = "1", pace_id: str = "asam-2025", products: tuple[str, ...] = ()
) -> TaperPlan:
    """From 1 mg/day: 0.875 on day 0, 0.75 on 21, 0.625 on 49, ... 0.125 on 161, 0 on 217."""
    tablets = products_of(products) if products else ()
    request = TaperRequest(
        Milligrams.of(from_mg), Milligrams.of(0), MONDAY, pace(pace_id), products=tablets
    )
    return begin(request)


def hold(day: int, days: int = 7) -> Hold:
    return Hold(on=on(day), days=days, **BY)


def skip(day: int, to: int) -> SkipForward:
    return SkipForward(on=on(day), to_day=on(to), **BY)


STOPPED = Stop(on=on(50), red_flag=RedFlag.SEIZURE, **BY)
MAINTAINED = Maintain(on=on(60), review_on=on(144), **BY)


@pytest.mark.parametrize(
    ("before", "refused", "sentence"),
    [
        (
            [],
            Hold(on=on(30), days=7, who=" ", why="sleep"),
            "A change of the plan needs to say who decides it.",
        ),
        (
            [],
            StepBack(on=on(30), who="Dr. Ada Example", why=""),
            "A change of the plan needs to say why.",
        ),
        (
            [],
            StepBack(on=on(30), who="Dr. Ada Example", why="x" * 501),
            "Say why in at most 500 characters.",
        ),
        ([], hold(30, days=0), "A hold lasts at least a day."),
        (
            [],
            hold(30, days=15),
            "A hold lasts at most 14 days, then the patient is seen again: hold for fewer than 15 "
            "days, or maintain the dose with a review date.",
        ),
        (
            [],
            hold(-1),
            "The plan begins on 2027-01-04: before that day it is made anew, not changed.",
        ),
        (
            [],
            hold(218),
            "The plan ended on 2027-08-09 with 0 mg/day: make a new plan from the dose that is "
            "taken now.",
        ),
        (
            [],
            StepBack(on=on(217 + 29), **BY),  # check-ins go on until 4 weeks after the last dose
            "The plan ended on 2027-08-09 with 0 mg/day: make a new plan from the dose that is "
            "taken now.",
        ),
        (
            [MAINTAINED],
            hold(61),
            "The plan ended on 2027-03-05 with 0.625 mg/day: make a new plan from the dose that "
            "is taken now.",
        ),
        (
            [hold(30)],
            SlowDown(on=on(29), **BY),
            "The plan was changed on 2027-02-03, and a change leaves the days before it as they "
            "are: date this one after 2027-02-03.",
        ),
        (
            [hold(30)],
            StepBack(on=on(30), **BY),
            "The plan was changed on 2027-02-03, and a change leaves the days before it as they "
            "are: date this one after 2027-02-03.",
        ),
        (
            [hold(30)],
            LateFill(on=on(33), due_on=on(28), **BY),  # told later, but of days before the hold
            "The plan was changed on 2027-02-03, and a change leaves the days before it as they "
            "are: date this one after 2027-02-03.",
        ),
        (
            [hold(30)],
            Stop(on=on(29), red_flag=RedFlag.SEIZURE, **BY),
            "The plan was changed on 2027-02-03: stop it on that day or later.",
        ),
        (
            [STOPPED],
            Resume(on=on(70), **BY),
            "The plan was stopped on 2027-02-23 for a seizure and is not taken up again: make a "
            "new plan once the patient has been assessed.",
        ),
        (
            [],
            StepBack(on=on(0), **BY),
            "No step was taken before 1 mg/day: it is the dose before the taper. Hold instead, "
            "or make a new plan.",
        ),
        (
            [StepBack(on=on(10), **BY)],
            StepBack(on=on(20), **BY),
            "No step was taken before 1 mg/day: it is the dose before the taper. Hold instead, "
            "or make a new plan.",
        ),
        (
            [],
            skip(30, to=217),
            "The plan's last dose ends before 2027-08-09: skipping there would stop clonazepam, "
            "or reach the goal, without the steps between. Skip to a day before 2027-08-09.",
        ),
        (
            [],
            skip(30, to=48),  # 0.75 on both days
            "The plan has no other dose on 2027-02-21 than on 2027-02-03: skip to a day of a "
            "later step.",
        ),
        (
            [],
            skip(49, to=60),  # 0.625 begins on day 49 by itself
            "The plan has no other dose on 2027-03-05 than on 2027-02-22: skip to a day of a "
            "later step.",
        ),
        (
            [],
            skip(30, to=10),
            "The plan has no other dose on 2027-01-14 than on 2027-02-03: skip to a day of a "
            "later step.",
        ),
        (
            [hold(30, days=14)],
            skip(35, to=50),  # held on day 43, then 19 days of 0.75 are left, until day 62
            "The plan has no other dose on 2027-02-23 than on 2027-02-08: skip to a day of a "
            "later step.",
        ),
        (
            [],
            Resume(on=on(30), **BY),
            "Nothing is on hold on 2027-02-03: there is nothing to resume.",
        ),
        (
            [hold(30)],
            Resume(on=on(37), **BY),
            "Nothing is on hold on 2027-02-10: there is nothing to resume.",
        ),
        (
            [],
            SlowDown(on=on(217), **BY),
            "No dose is left to take longer: 0 mg/day is next. Hold, or maintain.",
        ),
        (
            [],
            LateFill(on=on(21), due_on=on(21), **BY),
            "What was due on 2027-01-25 was not late on 2027-01-25.",
        ),
        (
            [],
            MissedCheckIn(on=on(57), due_on=on(28), **BY),
            "29 days late is more than the 28 days of the longest fill, so this plan does not "
            "know what was taken: make a new plan from the dose that is taken now.",
        ),
        (
            [],
            Maintain(on=on(0), review_on=on(84), **BY),
            "Nothing has been cut yet: to keep 1 mg/day takes a review date, no plan.",
        ),
        (
            [],
            Maintain(on=on(60), review_on=on(60), **BY),
            "A dose is maintained to a review later than 2027-03-05.",
        ),
    ],
)
def test_it_is_refused_in_words(
    before: list[PlanChange], refused: PlanChange, sentence: str
) -> None:
    plan = change(plan_from(), *before)
    with pytest.raises(CannotChange) as refusal:
        change(plan, refused)
    assert str(refusal.value) == sentence


def test_a_dose_of_before_that_the_tablets_come_nowhere_near_is_refused() -> None:
    # 0.3 mg/day is tapered to 0.25 first; of 0.125 mg tablets nothing is between the two.
    with pytest.raises(CannotChange) as refusal:
        change(plan_from("0.3"), StepBack(on=on(5), **BY))
    assert str(refusal.value) == (
        "These tablets do not make the 0.3 mg/day of before, nor a dose between: hold 0.25 "
        "mg/day, or make a new plan with other tablets."
    )


def test_slowing_down_without_end_meets_the_end_of_the_calendar() -> None:
    # The 217 days double with each; after 14 times they are some 9,700 years.
    halves = [SlowDown(on=on(day), **BY) for day in range(14)]
    with pytest.raises(CannotChange) as refusal:
        change(plan_from(), *halves)
    assert str(refusal.value) == "The calendar ends before the plan would."


def test_a_refused_change_leaves_the_plan_as_it_was() -> None:
    plan = plan_from()
    with pytest.raises(CannotChange):
        change(plan, hold(30), hold(20))
    assert plan == plan_from()


def test_a_step_back_after_a_hold_before_the_first_cut_has_nowhere_to_go() -> None:
    with pytest.raises(CannotChange, match=r"^No step was taken before 1 mg/day"):
        change(plan_from(), hold(0, days=10), StepBack(on=on(5), **BY))


@pytest.mark.parametrize("flag", RedFlag)
def test_every_red_flag_has_its_words(flag: RedFlag) -> None:
    assert flag.called
    stopped = change(plan_from(), Stop(on=on(1), red_flag=flag, **BY))
    assert len(stopped.changes) == 1
