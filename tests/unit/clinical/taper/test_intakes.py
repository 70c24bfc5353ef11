"""A daily dose over the day: how it is split and which intake is cut."""

from __future__ import annotations

from datetime import date

import pytest

from clinical.quantities import Milligrams
from clinical.taper import (
    CUT_ORDER,
    IntakeTime,
    Schedule,
    TaperRequest,
    TaperStep,
    pace,
    plan,
    products_of,
)
from clinical.taper.intakes import present_regimen

MORNING, MIDDAY, EVENING, NIGHT = IntakeTime


def request(from_mg: str, **more: object) -> TaperRequest:
    return TaperRequest(
        Milligrams.of(from_mg),
        Milligrams.of(0),
        date(2027, 1, 4),
        pace("asam-2025"),
        **more,  # type: ignore[arg-type]
    )


def amounts(step: TaperStep) -> dict[IntakeTime, int]:
    return {intake.time: intake.micrograms for intake in step.intakes}


def first(schedule: Schedule) -> dict[IntakeTime, int]:
    return amounts(schedule.steps[0])


@pytest.mark.parametrize(
    ("from_mg", "times", "split"),
    [
        ("2", 1, {NIGHT: 2000}),
        ("2", 2, {MORNING: 1000, NIGHT: 1000}),
        ("3", 3, {MORNING: 1000, MIDDAY: 1000, NIGHT: 1000}),
        ("4", 4, {MORNING: 1000, MIDDAY: 1000, EVENING: 1000, NIGHT: 1000}),
        ("1.125", 2, {MORNING: 500, NIGHT: 625}),  # 0.5625 each, down to the grid
        ("1", 3, {MORNING: 250, MIDDAY: 375, NIGHT: 375}),  # 1/3, then 0.75/2
        ("2.7", 2, {MORNING: 1250, NIGHT: 1450}),  # what is off the grid stays at night
        # 6.67 mg each, in whole tablets of 2 mg, the strongest up to a third of it.
        ("20", 3, {MORNING: 6000, MIDDAY: 6000, NIGHT: 8000}),
        # 1.33 mg each, in steps of 0.25 mg.
        ("4", 3, {MORNING: 1250, MIDDAY: 1250, NIGHT: 1500}),
    ],
)
def test_a_dose_is_split_about_evenly_with_the_larger_part_at_night(
    from_mg: str, times: int, split: dict[IntakeTime, int]
) -> None:
    assert present_regimen(request(from_mg, times_per_day=times)) == split


def test_the_regimen_as_taken_is_kept_where_it_is_given() -> None:
    # 1.75 mg of 2: the morning's 0.5 mg gives the 0.125, the night keeps its 1.5.
    as_taken = (Milligrams.of("0.5"), Milligrams.of("1.5"))
    assert first(plan(request("2", intakes=as_taken))) == {MORNING: 375, NIGHT: 1500}


def test_another_order_of_cuts_is_a_choice() -> None:
    night_first = (NIGHT, MORNING, MIDDAY, EVENING)
    assert first(plan(request("2", times_per_day=2, cut_order=night_first))) == {
        MORNING: 1000,
        NIGHT: 875,
    }
    assert CUT_ORDER == (MIDDAY, MORNING, EVENING, NIGHT)


def test_a_cut_larger_than_the_first_intake_goes_on_with_the_next() -> None:
    # 2 mg to 1.875: midday's 0.125 is used up; to 1.75: the morning gives 0.125.
    as_taken = tuple(Milligrams.of(mg) for mg in ("0.875", "0.125", "1"))
    steps = plan(request("2", intakes=as_taken)).steps
    assert amounts(steps[0]) == {MORNING: 875, NIGHT: 1000}
    assert amounts(steps[1]) == {MORNING: 750, NIGHT: 1000}


def test_an_intake_grows_only_where_the_tablets_leave_no_other_way_and_says_so() -> None:
    # Four halves of 1 mg a day, but only whole 1 mg tablets from now on: 1 mg at night.
    halves = (Milligrams.of("0.5"),) * 4
    schedule = plan(request("2", intakes=halves, products=products_of(["197528"])))
    assert first(schedule) == {NIGHT: 1000}
    assert schedule.steps[0].warnings[-1] == (
        "The night intake grows from 0.5 mg to 1 mg, for these tablets cannot be spread "
        "otherwise; the daily dose does not rise."
    )


def test_intakes_off_the_grid_are_brought_to_it_by_the_first_cut() -> None:
    # 0.9 mg three times: 2.43 goes up to 2.5; night and morning keep 0.875, midday has the rest.
    as_taken = (Milligrams.of("0.9"),) * 3
    assert first(plan(request("2.7", intakes=as_taken))) == {
        MORNING: 875,
        MIDDAY: 750,
        NIGHT: 875,
    }
