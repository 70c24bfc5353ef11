"""Fills: one product, one count, at most 28 days, and together what the step needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from clinical.quantities import Milligrams
from clinical.taper import (
    Fill,
    IntakeTime,
    Schedule,
    TaperRequest,
    fills,
    pace,
    plan,
    products_of,
)


def taper(from_mg: str, **more: Any) -> Schedule:
    return plan(
        TaperRequest(
            Milligrams.of(from_mg), Milligrams.of(0), date(2027, 1, 4), pace("asam-2025"), **more
        )
    )


def words(fill: Fill) -> str:
    times = "+".join(time for time, _ in fill.per_intake)
    count = fill.per_intake[0][1]
    tablets = f"{times} {count} x {fill.product.strength}"
    return f"{fill.starts} {fill.days} days: {tablets}, {fill.quantity}"


def of_step(schedule: Schedule, place: int) -> list[str]:
    return [words(fill) for fill in fills(schedule) if fill.step_index == place]


def test_a_step_up_to_28_days_is_one_fill_of_each_product() -> None:
    # 1.875 mg at night: 3 x 0.5 mg and 3 x 0.125 mg for 14 days.
    assert of_step(taper("2"), 0) == [
        "2027-01-04 14 days: night 3 x 0.5 mg, 42",
        "2027-01-04 14 days: night 3 x 0.125 mg, 42",
    ]


def test_a_step_of_56_days_is_two_fills_of_28() -> None:
    # asam-2025 from 0.5 mg holds 0.125 mg from day 56 to day 111.
    assert of_step(taper("0.5"), 2) == [
        "2027-03-01 28 days: night 1 x 0.125 mg, 28",
        "2027-03-29 28 days: night 1 x 0.125 mg, 28",
    ]


@pytest.mark.parametrize(
    ("max_days", "lengths"),
    [
        (28, [28, 28]),
        (21, [21, 21, 14]),
        (14, [14, 14, 14, 14]),
        (30, [28, 28]),
        (25, [19, 19, 18]),
    ],
)
def test_a_long_step_is_divided_evenly_and_leaves_no_short_remainder(
    max_days: int, lengths: list[int]
) -> None:
    parts = [fill for fill in fills(taper("0.5"), max_days) if fill.step_index == 2]
    assert [fill.days for fill in parts] == lengths
    assert sum(fill.quantity for fill in parts) == 56


def test_the_same_count_morning_and_night_is_one_fill() -> None:
    # 3 mg is 1 mg three times a day; at 2 mg midday is used up and 1 mg is left at both ends.
    schedule = taper("3", times_per_day=3)
    place = [str(step.dose) for step in schedule.steps].index("2 mg")
    assert of_step(schedule, place) == ["2027-03-01 14 days: morning+night 1 x 1 mg, 28"]


def test_different_counts_of_one_product_are_fills_of_their_own() -> None:
    # 1.75 mg is held 3 weeks: the next cut, to 1.5 mg, is 14.3 % (20 days).
    only_quarter = products_of(["349195"])
    schedule = taper("2", times_per_day=2, products=only_quarter)
    assert of_step(schedule, 0) == [
        "2027-01-04 21 days: morning 3 x 0.25 mg, 63",
        "2027-01-04 21 days: night 4 x 0.25 mg, 84",
    ]


def test_the_other_half_of_a_tablet_is_taken_the_next_day() -> None:
    (half_mg,) = (replace(p, halvable=True) for p in products_of(["197527"]))
    schedule = taper("1", products=(half_mg,))
    step = schedule.steps[0]  # 0.75 mg is 1.5 tablets: 7 days take 10.5, dispensed as 11
    short = replace(schedule, steps=(replace(step, ends=date(2027, 1, 10)),))
    parts = fills(short, max_days=3)
    assert [(fill.days, fill.per_intake) for fill in parts] == [
        (3, ((IntakeTime.NIGHT, Decimal("1.5")),)),
        (2, ((IntakeTime.NIGHT, Decimal("1.5")),)),
        (2, ((IntakeTime.NIGHT, Decimal("1.5")),)),
    ]
    # 4.5 -> 5 tablets, 7.5 -> 8 in all, 10.5 -> 11 in all.
    assert [fill.quantity for fill in parts] == [5, 3, 3]


def test_a_fill_lasts_at_least_a_day() -> None:
    with pytest.raises(ValueError, match="at least a day"):
        fills(taper("1"), max_days=0)


def test_from_a_day_on_a_step_under_way_is_filled_for_what_is_left_of_it() -> None:
    # asam-2025 from 2 mg: 1.875 from 4 to 17 Jan, 1.75 from 18 Jan. From 10 Jan 8 days are left.
    left = fills(taper("2"), first_day=date(2027, 1, 10))
    assert [words(fill) for fill in left if fill.step_index == 0] == [
        "2027-01-10 8 days: night 3 x 0.5 mg, 24",
        "2027-01-10 8 days: night 3 x 0.125 mg, 24",
    ]
    assert [fill for fill in left if fill.step_index > 0] == [
        fill for fill in fills(taper("2")) if fill.step_index > 0
    ]


def test_steps_that_are_over_are_not_filled() -> None:
    assert {fill.step_index for fill in fills(taper("2"), first_day=date(2027, 1, 18))} >= {1, 2}
    assert 0 not in {fill.step_index for fill in fills(taper("2"), first_day=date(2027, 1, 18))}


def test_fills_begun_by_a_day_are_the_first_of_all_fills() -> None:
    schedule = taper("4")
    every = fills(schedule)
    for day in (date(2027, 1, 3), date(2027, 1, 4), date(2027, 2, 10), date(2040, 1, 1)):
        assert fills(schedule, begun_by=day) == tuple(it for it in every if it.starts <= day)
    assert 0 < len(fills(schedule, begun_by=date(2027, 2, 10))) < len(every)
