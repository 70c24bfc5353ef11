"""The limits, judged on courses typed in by hand and on schedules that were tampered with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from clinical.quantities import Milligrams
from clinical.taper import (
    BrokenLimit,
    DoseOnDays,
    Limit,
    Pieces,
    TaperRequest,
    default_products,
    judge,
    judge_course,
    pace,
    plan,
)

MONDAY = date(2027, 1, 4)


def course(*parts: tuple[str, int | None]) -> tuple[DoseOnDays, ...]:
    """Doses with their number of days, one after the other; None for the open target."""
    made, day = [], MONDAY
    for dose, days in parts:
        ends = None if days is None else day + timedelta(days=days - 1)
        made.append(DoseOnDays(day, ends, Milligrams.of(dose)))
        day += timedelta(days=days or 0)
    return tuple(made)


def judged(from_mg: str, *parts: tuple[str, int | None], to_mg: str = "0") -> Any:
    return judge_course(
        Milligrams.of(from_mg), Milligrams.of(to_mg), course(*parts), default_products()
    )


def limits(broken: tuple[BrokenLimit, ...]) -> list[tuple[Limit, int]]:
    return [(found.limit, found.step) for found in broken]


def test_a_course_within_all_limits_breaks_none() -> None:
    assert judged("2", ("1.75", 14), ("1.5", 14), ("1.25", None), to_mg="1.25") == ()


def test_a_rise_is_named_with_its_day() -> None:
    (rise,) = judged("2", ("1.75", 14), ("1.875", 14), ("1.5", None), to_mg="1.5")
    assert (rise.limit, rise.step) == (Limit.RISE, 1)
    assert rise.text == (
        "The dose rises on 2027-01-18 from 1.75 mg to 1.875 mg/day; a taper never rises: hold "
        "the lower dose, or step back as a decision of its own."
    )


def test_a_quarter_is_the_limit_and_not_above_it() -> None:
    assert judged("2", ("1.5", None), to_mg="1.5") == ()


def test_a_cut_above_a_quarter_is_named_with_a_remedy() -> None:
    (cut,) = judged("2", ("1.375", None), to_mg="1.375")
    assert cut.text == (
        "The cut from 2 mg to 1.375 mg/day on 2027-01-04 is 31.3 %, more than 25 % in 14 days: "
        "choose smaller cuts with a longer interval, or ask a specialist."
    )


def test_two_small_cuts_within_14_days_count_together() -> None:
    # 2 to 1.5 in 13 days is 25 %; to 1.375 it is 31.3 %, though the last cut alone is 8.3 %.
    (cut,) = judged("2", ("1.5", 13), ("1.375", None), to_mg="1.375")
    assert cut.text == (
        "The cut from 1.5 mg to 1.375 mg/day on 2027-01-17 makes 31.3 % within 14 days (from "
        "2 mg), more than 25 % in 14 days: choose a longer interval, or ask a specialist."
    )


def test_a_cut_on_the_15th_day_stands_alone() -> None:
    # Days 0 to 13 at 1.5 mg are the 14 days before the cut.
    assert judged("2", ("1.5", 14), ("1.375", None), to_mg="1.375") == ()


def test_the_14th_day_before_a_cut_still_counts() -> None:
    # The cut on day 20 looks back to day 6, the last at 1.75 mg: 1.75 to 1.25 is 28.6 %.
    (cut,) = judged("2", ("1.75", 7), ("1.5", 13), ("1.25", None), to_mg="1.25")
    assert (cut.limit, cut.step) == (Limit.CUT_OVER_CAP, 2)
    assert "makes 28.6 % within 14 days (from 1.75 mg)" in cut.text
    assert judged("2", ("1.75", 6), ("1.5", 14), ("1.25", None), to_mg="1.25") == ()


def test_what_is_above_the_limit_never_reads_as_the_limit() -> None:
    # 20.01 to 15 mg is a cut of 25.037 %.
    (cut,) = judged("20.01", ("15", None), to_mg="15")
    assert "is just over 25 %, more than 25 %" in cut.text


@pytest.mark.parametrize(
    ("second_starts", "words"),
    [
        pytest.param(
            date(2027, 1, 20), "ends on 2027-01-17, the next begins on 2027-01-20", id="gap"
        ),
        pytest.param(
            date(2027, 1, 16), "ends on 2027-01-17, the next begins on 2027-01-16", id="overlap"
        ),
    ],
)
def test_days_without_a_dose_or_with_two_are_named(second_starts: date, words: str) -> None:
    first, second = course(("1.75", 14), ("1.5", None))
    typed = (first, replace(second, starts=second_starts))
    broken = judge_course(Milligrams.of(2), Milligrams.of("1.5"), typed, default_products())
    assert limits(broken) == [(Limit.GAP, 1)]
    assert words in broken[0].text


def test_a_course_without_an_end_is_named() -> None:
    assert limits(judged("2", ("1.75", 14), ("1.5", 14))) == [(Limit.NO_END, 1)]
    assert limits(judged("2")) == [(Limit.NO_END, 0)]


def test_a_dose_that_the_tablets_do_not_make_is_named_with_the_nearest() -> None:
    (found,) = judged("2", ("1.8", None), to_mg="1.8")
    assert found.text == (
        "These tablets do not make 1.8 mg/day; the nearest doses they make are 1.75 mg and "
        "1.875 mg: change the dose or add a product."
    )


def test_tablets_that_do_not_add_up_to_the_dose_are_found_in_a_schedule() -> None:
    request = TaperRequest(Milligrams.of(1), Milligrams.of("0.5"), MONDAY, pace("asam-2025"))
    schedule = plan(request)
    assert judge(schedule) == ()
    step = schedule.steps[1]
    (intake,) = step.intakes
    more = Pieces(intake.pieces[0].product, intake.pieces[0].count + 1)
    tampered = replace(step, intakes=(replace(intake, pieces=(more,)),))
    broken = judge(replace(schedule, steps=(schedule.steps[0], tampered, *schedule.steps[2:])))
    # The tablet more a day also uses up what was dispensed before the step ends.
    assert limits(broken) == [(Limit.UNMAKEABLE, 1), (Limit.STEP_LONGER_THAN_FILL, 1)]


def test_half_a_tablet_that_may_not_be_halved_is_found_in_a_schedule() -> None:
    request = TaperRequest(Milligrams.of("0.75"), Milligrams.of("0.5"), MONDAY, pace("asam-2025"))
    schedule = plan(request)
    one_mg = next(p for p in default_products() if p.strength_ug == 1000)
    half = replace(
        schedule.target,
        intakes=(replace(schedule.target.intakes[0], pieces=(Pieces(one_mg, Decimal("0.5")),)),),
    )
    assert limits(judge(replace(schedule, target=half))) == [(Limit.UNMAKEABLE, 1)]
