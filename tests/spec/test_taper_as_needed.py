"""Clonazepam taken as needed: a taper is made of what is really taken, never of the maximum.

`TakenAsNeeded` holds the two questions that a prescriber asks: how much on a day with
clonazepam, and on how many days of the week. A daily schedule stays below the week's average.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from taper_tables import MONDAY, by_hand, course, number, taper

from clinical.quantities import Milligrams
from clinical.taper import CannotTaper, Schedule, TakenAsNeeded, TaperRequest, pace, plan


def taken(on_a_day: str, days_a_week: int) -> TakenAsNeeded:
    return TakenAsNeeded(Milligrams.of(on_a_day), days_a_week)


def tapered(use: TakenAsNeeded, from_mg: Milligrams | None = None) -> Schedule:
    return plan(
        TaperRequest(
            from_mg=use.average if from_mg is None else from_mg,
            to_mg=Milligrams.of(0),
            starts_on=MONDAY,
            pace=pace("asam-2025"),
            as_needed=use,
        )
    )


def test_use_on_five_days_a_week_becomes_a_daily_schedule_below_its_average() -> None:
    """1 mg on 5 days is 5 mg a week, 0.714 mg a day: 0.9 of that is 0.643, below 0.714 only 0.625.

    0.643 goes up to 0.75, which is no cut; 7 x 0.625 is 4.375 mg a week.
    """
    schedule = tapered(taken("1", 5))
    assert course(schedule) == by_hand("""
        0.625 on 0
        0.5 on 28     | 20 %: 28 days; from here on as from 0.5 mg
        0.375 on 56
        0.25 on 84
        0.125 on 112
        0 on 168
        """)
    assert schedule.warnings[0] == (
        "1 mg on 5 days a week is 0.714286 mg/day on average. The schedule begins below that and "
        "is taken every day, the days without included: no week has more than before. Cuts are "
        "counted from the average."
    )
    # 0.714286 is no dose of tablets, but nobody takes it: nothing more is said of it.
    assert not any("do not make the present" in text for text in schedule.warnings)


def test_use_on_every_day_is_a_daily_dose_like_any_other() -> None:
    schedule = tapered(taken("1", 7))
    assert course(schedule) == course(taper("asam-2025", "1"))
    assert schedule.warnings == taper("asam-2025", "1").warnings


@pytest.mark.parametrize("days", [4, 5, 6])
@pytest.mark.parametrize("on_a_day", ["0.5", "1", "1.5", "2"])
def test_no_week_has_more_than_before_and_no_day_more_than_a_day_had(
    on_a_day: str, days: int
) -> None:
    a_day = Fraction(on_a_day)
    for step in tapered(taken(on_a_day, days)).steps:
        assert step.dose.value * 7 < a_day * days
        assert step.dose.value < a_day


@pytest.mark.parametrize("days", [1, 2, 3])
def test_use_on_up_to_three_days_a_week_is_not_made_a_daily_medicine(days: int) -> None:
    """Dependence is rare there (ASAM table 2); leaving out days is the taper."""
    with pytest.raises(CannotTaper) as refusal:
        tapered(taken("0.5", days))
    on_days = "1 day" if days == 1 else f"{days} days"
    assert str(refusal.value) == (
        f"0.5 mg on {on_days} a week is no daily use, and no daily schedule is made of it: every "
        "day would be a rise on the days without. Dependence is rare at up to 3 days a week: take "
        "it on one day less at a time, or less on those days (never above 0.5 mg), then stop."
    )


def test_a_daily_schedule_from_the_dose_of_one_day_would_be_a_rise() -> None:
    # The order allows 2 mg a day; 1 mg is taken on 5 days.
    for from_mg in ("2", "1", "0.75"):
        with pytest.raises(CannotTaper) as refusal:
            tapered(taken("1", 5), Milligrams.of(from_mg))
        assert str(refusal.value) == (
            "1 mg on 5 days a week is 0.714286 mg/day on average: a daily schedule from "
            f"{from_mg} mg/day would be a rise. Start from 0.714286 mg/day."
        )


def test_less_than_what_is_taken_is_asked_again() -> None:
    with pytest.raises(CannotTaper, match=r"not 0\.5 mg/day: ask again what is taken\.$"):
        tapered(taken("1", 5), Milligrams.of("0.5"))


def test_a_small_dose_on_some_days_leaves_no_daily_step() -> None:
    # 0.125 mg on 6 days is 0.107 mg/day: no tablet makes less, so a daily schedule is a stop.
    with pytest.raises(CannotTaper, match="would be to 0, an abrupt stop"):
        tapered(taken("0.125", 6))


def test_the_two_answers_have_to_make_sense() -> None:
    for days in (0, 8):
        with pytest.raises(CannotTaper, match=f"cannot be taken on {days} days a week; 1 to 7 can"):
            taken("1", days)
    with pytest.raises(CannotTaper, match="Nothing is taken on those days"):
        taken("0", 4)


def test_the_average_is_exact() -> None:
    assert taken("0.5", 4).average == Milligrams(Fraction(2, 7))
    assert number(taken("1.75", 4).average) == "1"
