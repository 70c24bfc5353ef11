"""A pace chosen by hand: a step in % or mg, an interval and a floor (CLINICAL section 6).

All limits stay on. What breaks the cap at every dose is refused; what breaks it at some doses
is planned, and each of those cuts says so.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from taper_tables import by_hand, course, taper

from clinical.quantities import Milligrams
from clinical.taper import CannotTaper, Pace, milligram_pace, percent_pace


def percent(step: str, days: int, floor: str = "0") -> Pace:
    return percent_pace(Fraction(step), days, Milligrams.of(floor))


def mg(step: str, days: int, floor: str = "0") -> Pace:
    return milligram_pace(Milligrams.of(step), days, Milligrams.of(floor))


def test_five_percent_every_three_weeks_from_1_mg() -> None:
    assert course(taper(percent("5", 21), "1")) == by_hand("""
        0.875 on 0   | 0.95, up to 1: no cut, so the next below
        0.75 on 42   | 14.3 %: 21 x 14.3/5 = 60 days, but at most 2 x 21
        0.625 on 84  | every further cut is larger: 42 days while 56 x c is less
        0.5 on 126
        0.375 on 168
        0.25 on 210
        0.125 on 252 | 50 %: max(42, 28)
        0 on 308     | 100 %: max(42, 56) = 56
        """)


def test_a_floor_is_the_last_dose_before_the_goal() -> None:
    assert course(taper(percent("10", 14, floor="0.5"), "1")) == by_hand("""
        0.875 on 0
        0.75 on 21
        0.625 on 49
        0.5 on 77    | as asam-2025 from 1 mg down to here
        0 on 133     | 100 %: max(28, 56) = 56 days
        """)


def test_a_floor_that_the_tablets_do_not_make_is_not_gone_below_either() -> None:
    # 0.375 is the lowest dose above 0.3; 0.25 would be below the floor.
    assert course(taper(percent("10", 14, floor="0.3"), "0.75")) == by_hand("""
        0.625 on 0
        0.5 on 28    | 20 %: 28 days
        0.375 on 56  | 25 %: at most 28
        0 on 112     | 100 %: 56
        """)


def test_a_floor_below_the_goal_changes_nothing() -> None:
    assert course(taper(mg("0.25", 14, floor="0.25"), "1", to_mg="0.5")) == "0.75 on 0\n0.5 on 14"


def test_a_quarter_milligram_every_two_weeks_from_1_5_mg() -> None:
    assert course(taper(mg("0.25", 14), "1.5")) == by_hand("""
        1.25 on 0
        1 on 14
        0.75 on 28
        0.5 on 42
        0.25 on 56
        0 on 70
        """)


def test_a_step_in_mg_off_the_grid_is_rounded_up_to_what_the_tablets_make() -> None:
    assert course(taper(mg("0.2", 7), "1")) == by_hand("""
        0.875 on 0   | 0.8, up
        0.75 on 7    | 0.675, up
        0.625 on 14  | 0.55, up
        0.5 on 21    | 0.425, up
        0.375 on 28  | 0.3, up
        0.25 on 35   | 0.175, up
        0.125 on 42  | 0.05, up
        0 on 49
        """)


def test_each_cut_above_the_cap_warns_and_says_why() -> None:
    """0.2 mg a week: two cuts fall within 14 days."""
    steps = taper(mg("0.2", 7), "1").steps
    told = [(str(step.dose), str(step.cut_percent_14_days), bool(step.warnings)) for step in steps]
    assert told == [
        ("0.875 mg", "12.5", False),
        ("0.75 mg", "25", False),  # 1 mg is still one of the 14 days before: exactly a quarter
        ("0.625 mg", "28.6", True),  # of 0.875
        ("0.5 mg", "33.3", True),  # of 0.75
        ("0.375 mg", "40", True),  # of 0.625
        ("0.25 mg", "50", True),  # of 0.5
        ("0.125 mg", "66.7", True),  # of 0.375
    ]
    assert steps[2].warnings == (
        "The cut from 0.75 mg to 0.625 mg/day on 2027-01-18 makes 28.6 % within 14 days (from "
        "0.875 mg), more than 25 % in 14 days: choose a longer interval, or ask a specialist.",
    )


def test_a_pace_by_hand_always_says_that_it_rests_on_no_guideline() -> None:
    schedule = taper(percent("10", 14), "2", to_mg="1")
    assert schedule.pace.id == "custom"
    assert schedule.warnings[0].startswith("This pace was chosen by hand and rests on no guideline")


@pytest.mark.parametrize(
    ("pace", "title"),
    [
        (percent("7.5", 21), "7.5 % of the current dose every 3 weeks"),
        (mg("0.25", 7), "0.25 mg every week"),
        (mg("0.125", 28, "0.25"), "0.125 mg every 4 weeks, not below 0.25 mg before the goal"),
    ],
)
def test_a_pace_by_hand_is_called_what_it_does(pace: Pace, title: str) -> None:
    assert pace.title == title


@pytest.mark.parametrize(
    ("step", "days"),
    [
        pytest.param("25", 14, id="a quarter in 14 days is the cap, not above it"),
        pytest.param("13", 7, id="two cuts in 14 days: 1 - 0.87 x 0.87 = 24.3 %"),
        pytest.param("1", 84, id="the slowest"),
    ],
)
def test_within_the_cap_any_step_may_be_chosen(step: str, days: int) -> None:
    assert taper(percent(step, days), "2").steps


@pytest.mark.parametrize(
    ("step", "days", "sentence"),
    [
        (
            "26",
            14,
            "A step of 26 % every 14 days would be a cut of more than 25 % in 14 days at every "
            "dose: choose a smaller step or a longer interval, or ask a specialist.",
        ),
        (
            "14",  # 1 - 0.86 x 0.86 = 26.04 %
            7,
            "2 steps of 14 % every 7 days would be a cut of more than 25 % in 14 days at every "
            "dose: choose a smaller step or a longer interval, or ask a specialist.",
        ),
        (
            "150",
            28,
            "A step of 150 % every 28 days would be a cut of more than 25 % in 14 days at every "
            "dose: choose a smaller step or a longer interval, or ask a specialist.",
        ),
        ("0", 14, "A step of 0 % is no cut: choose 5 or 10 %, or a step in mg."),
        ("-5", 14, "A step of -5 % is no cut: choose 5 or 10 %, or a step in mg."),
    ],
)
def test_a_step_that_is_no_cut_or_always_above_the_cap_is_refused(
    step: str, days: int, sentence: str
) -> None:
    with pytest.raises(CannotTaper) as refusal:
        percent(step, days)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("days", [-7, 0, 3, 10, 91])
def test_an_interval_is_whole_weeks_from_one_to_twelve(days: int) -> None:
    for pace in (percent, mg):
        with pytest.raises(CannotTaper) as refusal:
            pace("0.25", days)
        assert str(refusal.value) == (
            f"An interval of {days} days cannot be planned: give whole weeks, from 7 to 84 days. "
            "To wait longer, maintain the dose until a review."
        )


def test_a_step_of_no_milligrams_is_refused() -> None:
    with pytest.raises(CannotTaper, match="A step of 0 mg is no cut"):
        mg("0", 14)


def test_a_step_as_large_as_the_dose_is_an_abrupt_stop() -> None:
    with pytest.raises(CannotTaper) as refusal:
        taper(mg("2", 14), "1")
    assert str(refusal.value) == (
        "From 1 mg/day the first cut of 2 mg every 2 weeks would be to 0, an abrupt stop: this "
        "pace leaves no step between. Choose a slower pace, or ask a specialist."
    )


def test_to_stop_from_a_floor_above_half_the_present_dose_is_refused() -> None:
    """Half is where the report's measure of an abrupt end begins (CLINICAL section 9)."""
    assert taper(percent("10", 14, floor="0.5"), "1").steps[-1].dose == Milligrams.of("0.5")
    with pytest.raises(CannotTaper) as refusal:
        taper(percent("10", 14, floor="0.625"), "1")
    assert str(refusal.value) == (
        "To stop from a floor of 0.625 mg/day, more than 50 % of the present 1 mg/day, would be "
        "an abrupt stop: choose a floor up to 0.5 mg/day."
    )
    # To stay at a dose is no stop.
    assert taper(percent("10", 14, floor="0.75"), "1", to_mg="0.625").days == 49  # 21 + 28


def test_a_floor_that_leaves_no_step_before_the_goal_is_refused() -> None:
    with pytest.raises(CannotTaper) as refusal:
        taper(percent("10", 14, floor="1"), "1", to_mg="0.5")
    assert str(refusal.value) == (
        "The floor of 1 mg/day is not below the present 1 mg/day: no step is left before the "
        "goal. Choose a lower floor, or none."
    )
