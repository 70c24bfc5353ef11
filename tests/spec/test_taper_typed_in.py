"""The limits of a schedule typed in by hand, each with words and a remedy (CLINICAL section 6).

`judge_course` takes the doses with their days and, where they are known, the tablets of a day
and how long each fill lasts. It judges; it refuses nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from taper_tables import taper

from clinical.quantities import Milligrams
from clinical.taper import (
    BrokenLimit,
    DispenseLine,
    DoseOnDays,
    Intake,
    IntakeTime,
    Limit,
    Pieces,
    default_products,
    fills,
    judge,
    judge_course,
    products_of,
)


def typed(
    starts: str,
    ends: str | None,
    dose: str,
    intakes: tuple[Intake, ...] | None = None,
    fill_days: tuple[int, ...] | None = None,
) -> DoseOnDays:
    last = None if ends is None else date.fromisoformat(ends)
    return DoseOnDays(date.fromisoformat(starts), last, Milligrams.of(dose), intakes, fill_days)


def judged(from_mg: str, to_mg: str, *course: DoseOnDays) -> list[BrokenLimit]:
    return list(
        judge_course(Milligrams.of(from_mg), Milligrams.of(to_mg), course, default_products())
    )


def night(rxcui: str, count: str) -> tuple[Intake, ...]:
    (product,) = products_of([rxcui])
    return (Intake(IntakeTime.NIGHT, (Pieces(product, Decimal(count)),)),)


def test_a_schedule_within_all_limits_has_no_findings() -> None:
    assert not judged(
        "2",
        "1",
        typed("2027-01-04", "2027-01-31", "1.5", night("197527", "3"), (28,)),
        typed("2027-02-01", "2027-03-14", "1.25", None, (28, 14)),
        typed("2027-03-15", None, "1", night("197528", "1")),
    )


def test_every_fault_of_a_careless_schedule_is_found_in_the_order_of_its_steps() -> None:
    found = judged(
        "2",
        "0",
        typed("2027-01-04", "2027-01-31", "1.4", None, (14,)),
        typed("2027-02-03", "2027-03-30", "1.5", night("197528", "1"), (56,)),
        typed("2027-03-31", "2027-04-30", "0.5"),
    )
    assert [(broken.step, broken.limit) for broken in found] == [
        (0, Limit.CUT_OVER_CAP),  # 2 to 1.4 mg is 30 %
        (0, Limit.UNMAKEABLE),  # 1.375 or 1.5
        (0, Limit.STEP_LONGER_THAN_FILL),  # 28 days, tablets for 14
        (1, Limit.RISE),  # 1.4 to 1.5
        (1, Limit.GAP),  # 1 and 2 February
        (1, Limit.UNMAKEABLE),  # 1 mg is listed
        (1, Limit.FILL_TOO_LONG),  # 56 days
        (2, Limit.CUT_OVER_CAP),  # 1.5 to 0.5 is 66.7 %
        (2, Limit.NO_END),  # nothing says when 0 mg begins
    ]
    assert all(broken.text.endswith(".") and ": " in broken.text for broken in found)


def test_cuts_are_added_up_over_any_14_days() -> None:
    """Three cuts of about 10 % in ten days: none is above the cap, all together are."""
    found = judged(
        "20",
        "14.5",
        typed("2027-01-04", "2027-01-08", "18"),
        typed("2027-01-09", "2027-01-13", "16.25"),
        typed("2027-01-14", None, "14.5"),  # 20 to 14.5 is 27.5 %
    )
    assert [(broken.step, broken.limit) for broken in found] == [(2, Limit.CUT_OVER_CAP)]
    assert "makes 27.5 % within 14 days (from 20 mg)" in found[0].text


def test_a_step_longer_than_its_fills_runs_out_on_a_day() -> None:
    (found,) = judged(
        "0.25",
        "0",
        typed("2027-01-04", "2027-02-28", "0.25", None, (28,)),
        typed("2027-03-01", None, "0"),
    )[:1]
    assert found.limit is Limit.STEP_LONGER_THAN_FILL
    assert found.text == (
        "The step from 2027-01-04 lasts 56 days, its supply of 0.25 mg/day 28: add a fill from "
        "2027-02-01 on, or nothing is left to take."
    )


def test_a_fill_of_more_than_28_days_is_divided() -> None:
    (found,) = judged(
        "2",
        "1.5",
        typed("2027-01-04", "2027-02-14", "1.75", None, (42,)),
        typed("2027-02-15", None, "1.5"),
    )
    assert (found.limit, found.text) == (
        Limit.FILL_TOO_LONG,
        "A fill for the step from 2027-01-04 is for 42 days, more than 28: divide it into fills "
        "of at most 28 days.",
    )


def test_fills_that_were_not_typed_are_not_judged() -> None:
    course = (typed("2027-01-04", "2027-02-28", "1.75"), typed("2027-03-01", None, "1.5"))
    assert not judged("2", "1.5", *course)
    # To say that there is none is something else.
    none = replace(course[0], fill_days=())
    assert [b.limit for b in judged("2", "1.5", none, course[1])] == [Limit.STEP_LONGER_THAN_FILL]


def test_a_step_that_ends_before_it_begins_is_named() -> None:
    found = judged(
        "2",
        "1.5",
        typed("2027-02-04", "2027-01-31", "1.75"),
        typed("2027-02-01", None, "1.5"),
    )
    assert (found[0].limit, found[0].text) == (
        Limit.GAP,
        "The dose of 1.75 mg/day ends on 2027-01-31, before it begins on 2027-02-04: correct one "
        "of the two days.",
    )


@pytest.mark.parametrize(
    "intakes",
    [
        pytest.param(night("197528", "1"), id="1 mg for 1.5 mg"),
        pytest.param(night("197528", "1.5"), id="half a tablet that is not halved"),
        pytest.param((), id="no tablets at all"),
        pytest.param(night("206157", "3"), id="a product that was not chosen"),
    ],
)
def test_tablets_that_do_not_make_the_dose_are_named(intakes: tuple[Intake, ...]) -> None:
    (found,) = judged("2", "1.5", typed("2027-01-04", None, "1.5", intakes))
    assert found.text == (
        "The tablets listed do not make 1.5 mg/day out of the products chosen: list other tablets "
        "or change the dose."
    )


def test_dispensing_too_few_tablets_is_found_in_a_schedule() -> None:
    """1.875 mg for 14 days needs 42 of each; 30 of the 0.5 mg last 10 days."""
    schedule = taper("asam-2025", "2", "1.5")
    first = schedule.steps[0]
    few = tuple(
        DispenseLine(line.product, 30 if line.product.strength_ug == 500 else line.quantity)
        for line in first.dispense
    )
    short = replace(schedule, steps=(replace(first, dispense=few), *schedule.steps[1:]))
    (found,) = judge(short)
    assert (found.limit, found.step) == (Limit.STEP_LONGER_THAN_FILL, 0)
    assert found.text == (
        "The step from 2027-01-04 lasts 14 days, its supply of 0.5 mg tablet 10: add a fill from "
        "2027-01-14 on, or nothing is left to take."
    )


def test_our_own_fills_last_as_long_as_their_steps() -> None:
    schedule = taper("asam-2025-slow", "2")
    course = [
        DoseOnDays(
            step.starts,
            step.ends,
            step.dose,
            step.intakes,
            tuple(
                fill.days
                for fill in fills(schedule)
                if fill.step_index == place and fill.product == step.dispense[0].product
            ),
        )
        for place, step in enumerate(schedule.steps)
    ]
    course.append(DoseOnDays(schedule.ends_on, None, schedule.to_mg))
    found = judge_course(schedule.from_mg, schedule.to_mg, course, schedule.products)
    assert {broken.limit for broken in found} == {Limit.CUT_OVER_CAP}  # below 0.5 mg only
