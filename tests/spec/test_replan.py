"""A plan under way that is changed (CLINICAL section 6, "Hold and step back"), by hand.

The past stays; the future is worked out anew from the doses that were planned. Days are counted
from the day of the first cut. All stories change the same plan, `asam-2025` from 1 mg/day:

    0.875 on 0    for 21 days
    0.75 on 21    for 28
    0.625 on 49   for 28
    0.5 on 77     for 28
    0.375 on 105  for 28
    0.25 on 133   for 28
    0.125 on 161  for 56
    0 on 217
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from clinical.follow_up import check_ins
from clinical.quantities import Milligrams
from clinical.taper import (
    Hold,
    LateFill,
    Limit,
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
    as_known_on,
    begin,
    change,
    judge,
    pace,
    stand,
    urgent_pathway,
)

MONDAY = date(2027, 1, 4)
BY = {"who": "Dr. Ada Example", "why": "poor sleep and restlessness since the last cut"}


def on(day: int) -> date:
    return MONDAY + timedelta(days=day)


def planned(from_mg: str = "1") -> TaperPlan:
    return begin(TaperRequest(Milligrams.of(from_mg), Milligrams.of(0), MONDAY, pace("asam-2025")))


def after(*changes: PlanChange, from_mg: str = "1") -> StandingPlan:
    return stand(change(planned(from_mg), *changes))


def hold(day: int, days: int) -> Hold:
    return Hold(on=on(day), days=days, **BY)


def back(day: int) -> StepBack:
    return StepBack(on=on(day), **BY)


def slower(day: int) -> SlowDown:
    return SlowDown(on=on(day), **BY)


def course(given: StandingPlan) -> list[str]:
    """Each step, and the goal where there is one, as "dose on day"."""
    begins = [(step.dose, step.starts) for step in given.steps]
    if given.schedule is not None:
        begins.append((given.schedule.to_mg, given.schedule.ends_on))
    return [f"{str(dose).removesuffix(' mg')} on {(day - MONDAY).days}" for dose, day in begins]


def by_hand(table: str) -> list[str]:
    """The dose and day of each line; what stands after the bar is the calculation."""
    return [line.split("|")[0].strip() for line in table.strip().splitlines()]


STORIES: dict[str, tuple[list[PlanChange], str]] = {
    "no change": (
        [],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.5 on 77
        0.375 on 105
        0.25 on 133
        0.125 on 161
        0 on 217
        """,
    ),
    "a hold within a step makes that step longer and moves all that follows": (
        [hold(30, days=14)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 63   | 49 + 14
        0.5 on 91
        0.375 on 119
        0.25 on 147
        0.125 on 175
        0 on 231
        """,
    ),
    "a hold on the day of a cut: the cut is not made": (
        [hold(21, days=7)],
        """
        0.875 on 0
        0.75 on 28    | 21 + 7
        0.625 on 56
        0.5 on 84
        0.375 on 112
        0.25 on 140
        0.125 on 168
        0 on 224
        """,
    ),
    "a hold before the first cut moves the start": (
        [hold(0, days=10)],
        """
        0.875 on 10
        0.75 on 31
        0.625 on 59
        0.5 on 87
        0.375 on 115
        0.25 on 143
        0.125 on 171
        0 on 227
        """,
    ),
    "a hold of the last dose": (
        [hold(217, days=14)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.5 on 77
        0.375 on 105
        0.25 on 133
        0.125 on 161
        0 on 231
        """,
    ),
    "resume ends a hold early, and the step goes on where it stood": (
        [hold(30, days=14), Resume(on=on(37), **BY)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 56   | held on days 30 to 36 only: 49 + 7
        0.5 on 84
        0.375 on 112
        0.25 on 140
        0.125 on 168
        0 on 224
        """,
    ),
    "a second hold counts from its own day and replaces the rest of the first": (
        [hold(30, days=14), hold(40, days=14)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 73   | held on days 30 to 39 and 40 to 53: 49 + 24
        0.5 on 101
        0.375 on 129
        0.25 on 157
        0.125 on 185
        0 on 241
        """,
    ),
    "slow down within a step: the days that are left of it, and all that follow, twice": (
        [slower(35)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 63   | 14 days are left of 0.75 on day 35: 28
        0.5 on 119    | 2 x 28
        0.375 on 175
        0.25 on 231
        0.125 on 287
        0 on 399      | 2 x 56
        """,
    ),
    "slow down on the day of a cut: the cut is made, and the step lasts twice as long": (
        [slower(21)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 77   | 2 x 28
        0.5 on 133
        0.375 on 189
        0.25 on 245
        0.125 on 301
        0 on 413
        """,
    ),
    "a hold is not made longer by slowing down": (
        [hold(30, days=14), slower(35)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 82   | held until day 43; the 19 days left of 0.75 on day 30 twice: 44 + 38
        0.5 on 138
        0.375 on 194
        0.25 on 250
        0.125 on 306
        0 on 418
        """,
    ),
    "a step back: the dose before again, then down at half the pace": (
        [back(55)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.75 on 55    | the previous step, for 2 x 28 days
        0.625 on 111
        0.5 on 167
        0.375 on 223
        0.25 on 279
        0.125 on 335
        0 on 447      | 2 x 56
        """,
    ),
    "a step back from the first step goes to the dose before the taper": (
        [back(10)],
        """
        0.875 on 0
        1 on 10       | a cut of 12.5 % ends it: 17.5 days, 3 weeks; twice that is 42
        0.875 on 52   | 2 x 21
        0.75 on 94
        0.625 on 150
        0.5 on 206
        0.375 on 262
        0.25 on 318
        0.125 on 374
        0 on 486
        """,
    ),
    "a second step back goes one step further, and halves the pace again": (
        [back(55), back(60)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.75 on 55
        0.875 on 60   | 4 x 21
        0.75 on 144   | 4 x 28
        0.625 on 256
        0.5 on 368
        0.375 on 480
        0.25 on 592
        0.125 on 704
        0 on 928      | 4 x 56
        """,
    ),
    "a step back on the day of a cut: from the dose of the day before": (
        [back(49)],
        """
        0.875 on 0
        0.75 on 21
        0.875 on 49   | 0.625 was not begun; 2 x 21
        0.75 on 91
        0.625 on 147
        0.5 on 203
        0.375 on 259
        0.25 on 315
        0.125 on 371
        0 on 483
        """,
    ),
    "a step back after the last cut": (
        [back(224)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.5 on 77
        0.375 on 105
        0.25 on 133
        0.125 on 161
        0 on 217      | a week without
        0.125 on 224  | 2 x 56
        0 on 336
        """,
    ),
    "skip forward: the dose that the plan has on day 120, for all its days": (
        [SkipForward(on=on(30), to_day=on(120), **BY)],
        """
        0.875 on 0
        0.75 on 21
        0.375 on 30   | planned for days 105 to 132: 28 days
        0.25 on 58
        0.125 on 86
        0 on 142
        """,
    ),
    "a step back after a skip that went too far takes the steps between": (
        [SkipForward(on=on(30), to_day=on(120), **BY), back(35)],
        """
        0.875 on 0
        0.75 on 21
        0.375 on 30
        0.75 on 35    | the dose before, and not the planned 0.5
        0.625 on 91
        0.5 on 147
        0.375 on 203
        0.25 on 259
        0.125 on 315
        0 on 427
        """,
    ),
    "a late fill: the dose before went on, and all moves by the days late": (
        [LateFill(on=on(26), due_on=on(21), **BY)],
        """
        0.875 on 0
        0.75 on 26    | due on day 21, 5 days late
        0.625 on 54
        0.5 on 82
        0.375 on 110
        0.25 on 138
        0.125 on 166
        0 on 222
        """,
    ),
    "a fill so late that two cuts would have passed shifts both": (
        [LateFill(on=on(47), due_on=on(21), **BY), LateFill(on=on(80), due_on=on(75), **BY)],
        """
        0.875 on 0
        0.75 on 47    | 26 days late; now until day 74
        0.625 on 80   | due on day 75, 5 days late
        0.5 on 108
        0.375 on 136
        0.25 on 164
        0.125 on 192
        0 on 248
        """,
    ),
    "a check-in missed: the next cut waits for as long": (
        [MissedCheckIn(on=on(31), due_on=on(28), **BY)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 52   | 3 days late
        0.5 on 80
        0.375 on 108
        0.25 on 136
        0.125 on 164
        0 on 220
        """,
    ),
    "a red flag: nothing of the plan is to come": (
        [Stop(on=on(50), red_flag=RedFlag.SEIZURE, **BY)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        """,
    ),
    "maintain: the dose of the day before is the goal": (
        [Maintain(on=on(60), review_on=on(144), **BY)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.625 on 60   | the goal from now on
        """,
    ),
    "a step back from a maintained dose comes down to that dose, no further": (
        [Maintain(on=on(60), review_on=on(144), **BY), back(70)],
        """
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.75 on 70    | 2 x 28
        0.625 on 126
        """,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_calendar_after(story: str) -> None:
    changes, table = STORIES[story]
    assert course(after(*changes)) == by_hand(table)


def test_what_each_change_did_is_told_in_a_sentence() -> None:
    """With the next cut and the end, so that nobody has to compare two tables."""
    plan = after(
        hold(30, days=14),
        Resume(on=on(37), **BY),
        LateFill(on=on(58), due_on=on(56), **BY),
        slower(60),
        back(70),
        SkipForward(on=on(80), to_day=on(320), **BY),
    )
    # Held on days 30 to 43: 0.625 on 63, 0 on 231.
    # Held to day 36 only: 56 and 224; 2 days late: 58 and 226.
    # Slower from day 60: 26 days of 0.625 are left, so 52 to 0.5 on 112; 0 on 112 + 3 x 56 + 112.
    # Back on day 70: 4 x 28 days each, 0.625 on 182, 0.5 on 294; 0 on 294 + 3 x 112 + 224 = 854.
    # Day 320 has 0.5; begun on day 80 instead of 294, the plan ends on 854 - 214 = 640.
    assert [decision.what for decision in plan.decisions] == [
        "0.75 mg/day is held from 2027-02-03 to 2027-02-16. Next cut on 2027-03-08, to 0.625 "
        "mg/day; 0 mg/day from 2027-08-23.",
        "The hold at 0.75 mg/day ends. Next cut on 2027-03-01, to 0.625 mg/day; 0 mg/day from "
        "2027-08-16.",
        "The fill due on 2027-03-01 was 2 days late: 0.75 mg/day went on for as long, and all "
        "that follows moves by as much. Next cut on 2027-03-03, to 0.625 mg/day; 0 mg/day from "
        "2027-08-18.",
        "All that is to come before 0 mg/day lasts 2 times as long. Next cut on 2027-04-26, to "
        "0.5 mg/day; 0 mg/day from 2028-01-31.",
        "Stepped back from 0.625 mg to 0.75 mg/day, then down again with 4 times the days that "
        "each dose was planned for. Next cut on 2027-07-05, to 0.625 mg/day; 0 mg/day from "
        "2029-05-07.",
        "On from 0.5 mg/day, which the plan has on 2027-11-20. Next cut on 2027-03-25, to 0.5 "
        "mg/day; 0 mg/day from 2028-10-05.",
    ]
    assert plan.times_slower == 4


def test_a_change_says_who_and_why() -> None:
    (decision,) = after(hold(30, days=7)).decisions
    assert (decision.change.who, decision.change.why, decision.change.on) == (
        "Dr. Ada Example",
        "poor sleep and restlessness since the last cut",
        date(2027, 2, 3),
    )


def test_a_red_flag_stops_the_plan_and_shows_the_urgent_pathway() -> None:
    plan = after(Stop(on=on(50), red_flag=RedFlag.DELIRIUM, **BY))
    assert plan.schedule is None
    assert plan.decisions[-1].what == "Stopped for delirium: nothing of the plan is to come."
    assert plan.dose_on(on(49)) == Milligrams.of("0.625")
    assert plan.dose_on(on(50)) is None
    urgent = urgent_pathway()
    assert urgent.title == "Urgent: the taper is stopped"
    assert any("do not stop clonazepam" in step for step in urgent.steps)


def test_a_red_flag_takes_effect_on_the_day_of_another_change_and_before_the_first_cut() -> None:
    assert after(hold(30, days=7), Stop(on=on(30), red_flag=RedFlag.SEIZURE, **BY)).stopped
    before = after(Stop(on=on(-3), red_flag=RedFlag.SUICIDAL_THOUGHTS, **BY))
    assert (before.steps, before.schedule) == ((), None)


def test_a_maintained_dose_is_the_goal_with_its_tablets_and_its_review() -> None:
    plan = after(Maintain(on=on(60), review_on=on(144), **BY))
    assert plan.schedule is not None
    assert plan.review_on == on(144)
    assert plan.schedule.to_mg == Milligrams.of("0.625")
    assert plan.schedule.target.intakes == plan.steps[-1].intakes
    assert plan.schedule.warnings == (
        "From 2027-03-05 on 0.625 mg/day is maintained (night: 1 x 0.5 mg tablet + 1 x 0.125 mg "
        "disintegrating tablet): it needs an order of its own and the review on 2027-05-28.",
    )


def test_a_review_moves_with_the_dose_that_is_reviewed() -> None:
    # To 0.5 mg/day on day 77, reviewed on day 161, which is 84 days later; 14 days of hold.
    request = TaperRequest(
        Milligrams.of("1"), Milligrams.of("0.5"), MONDAY, pace("asam-2025"), review_on=on(161)
    )
    plan = stand(change(begin(request), hold(30, days=14)))
    assert plan.schedule is not None
    assert (plan.schedule.ends_on, plan.review_on) == (on(91), on(175))


def test_a_step_back_is_a_decision_and_no_fault() -> None:
    """It is the one rise there is: the limits would name it, the plan does not warn of it."""
    plan = after(back(55))
    assert plan.schedule is not None
    rises = [found for found in judge(plan.schedule) if found.limit is Limit.RISE]
    assert [found.step for found in rises] == [3]
    stepped_back = plan.steps[3]
    assert (stepped_back.dose, stepped_back.warnings) == (Milligrams.of("0.75"), ())
    assert stepped_back.cut_percent == Decimal(0)


def test_the_limits_hold_for_a_skip_too() -> None:
    # From 0.75 to 0.375 is 50 %. 14 days before day 30 is day 16, with 0.875: 0.5 / 0.875 = 57.1 %.
    (step,) = [s for s in after(*STORIES[SKIP][0]).steps if s.starts == on(30)]
    assert step.warnings == (
        "The cut from 0.75 mg to 0.375 mg/day on 2027-02-03 is 50 % (57.1 % within 14 days), "
        "more than 25 % in 14 days: choose smaller cuts with a longer interval, or ask a "
        "specialist.",
    )


SKIP = "skip forward: the dose that the plan has on day 120, for all its days"


def test_a_dose_keeps_its_tablets_however_the_plan_is_changed() -> None:
    plan = after(back(10), slower(100))
    first = {step.dose: step.intakes for step in planned().planned.steps}
    assert all(step.intakes == first[step.dose] for step in plan.steps if step.dose in first)
    # The 1 mg before the taper is one tablet of 1 mg at night.
    assert [intake.in_words for intake in plan.steps[1].intakes] == ["night: 1 x 1 mg tablet"]


def test_a_held_step_needs_tablets_for_all_its_days() -> None:
    # 0.75 mg is 3 x 0.25 mg; 28 days and 14 held: 126.
    (step,) = [s for s in after(hold(30, days=14)).steps if s.dose == Milligrams.of("0.75")]
    assert [line.quantity for line in step.dispense] == [126]


def test_check_ins_follow_the_steps_as_they_stand() -> None:
    """7 and 14 days after a step back as after a cut: it is then that one assesses again."""
    plan = after(back(55))
    assert plan.schedule is not None
    assert {on(62), on(69)} <= {contact.on for contact in check_ins(plan.schedule)}


def test_a_dose_before_the_taper_that_tablets_do_not_make_is_gone_back_to_as_far_as_they_do() -> (
    None
):
    # 0.9 x 2.7 = 2.43, so 2.5 first. Of 0.125 mg tablets the most up to 2.7 is 2.625.
    plan = after(back(10), from_mg="2.7")
    assert course(plan)[:2] == ["2.5 on 0", "2.625 on 10"]
    assert plan.decisions[0].what.startswith(
        "Stepped back from 2.5 mg to 2.625 mg/day (these tablets do not make the 2.7 mg of before)"
    )


def test_the_plan_as_it_was_known_on_an_earlier_day() -> None:
    plan = change(planned(), hold(30, days=14), back(70))
    assert as_known_on(plan, on(69)) == change(planned(), hold(30, days=14))
    assert as_known_on(plan, on(30)) == change(planned(), hold(30, days=14))
    assert as_known_on(plan, on(29)) == planned()


def test_the_dose_of_any_day() -> None:
    plan = after(hold(0, days=10))
    doses = [str(plan.dose_on(on(day))) for day in (-1, 9, 10, 226, 227, 500)]
    assert doses == ["1 mg", "1 mg", "0.875 mg", "0.125 mg", "0 mg", "0 mg"]
