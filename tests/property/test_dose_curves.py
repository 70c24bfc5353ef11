"""What holds for every dose curve, on generated tapers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import exp, log

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical.kinetics import dose_curve, kinetics
from clinical.quantities import Milligrams
from clinical.taper import CannotTaper, IntakeTime, Schedule, TaperRequest, paces, plan
from clinical.taper.intakes import present_regimen

SEEDED = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
MONDAY = date(2027, 1, 4)
CLOCK = {
    IntakeTime.MORNING: 8,
    IntakeTime.MIDDAY: 12,
    IntakeTime.EVENING: 18,
    IntakeTime.NIGHT: 22,
}
DAYS_BEFORE = 60
"""60 days are 24 of the longest half-lives: what was taken earlier is 6 in a hundred million."""

Plan = tuple[Schedule, Mapping[IntakeTime, Fraction]]


@st.composite
def requests(draw: st.DrawFn) -> TaperRequest:
    """Every pace from 0.125 to 8 mg/day on and off the grid, 1 to 4 intakes, any makeable goal."""
    eighths = draw(st.integers(2, 64))
    return TaperRequest(
        from_mg=Milligrams(Fraction(eighths, 8) + draw(st.sampled_from([0, Fraction(1, 10)]))),
        to_mg=Milligrams(Fraction(draw(st.integers(0, eighths - 1)), 8)),
        starts_on=MONDAY,
        pace=draw(st.sampled_from(paces())),
        times_per_day=draw(st.integers(1, 4)),
    )


def planned(request: TaperRequest) -> Plan:
    """The request's schedule and present regimen; where it is refused, one down to 0.125 mg."""
    try:
        return plan(request), present_regimen(request)
    except CannotTaper:
        slower = replace(request, pace=paces()[0], to_mg=Milligrams(Fraction(1, 8)))
        return plan(slower), present_regimen(slower)


def taken_on(taper: Plan, day: int) -> dict[IntakeTime, float]:
    """Micrograms at each time of a day (0: the first cut), read off the schedule."""
    schedule, present = taper
    if day < 0:
        return {time: float(amount) for time, amount in present.items()}
    on = MONDAY + timedelta(days=day)
    intakes = schedule.target.intakes
    for step in schedule.steps:
        if step.starts <= on <= step.ends:
            intakes = step.intakes
    return {intake.time: float(intake.micrograms) for intake in intakes}


def superposed(taper: Plan, hour: float, half_life: float) -> float:
    """Percent of the present average at an hour after the first midnight: dose upon dose.

    Each dose by the textbook's formula with a volume (CL / k), one after the other.
    """
    _, present = taper
    clearance, ka = 4.32, 1.73
    k = log(2) / half_life
    level = 0.0
    for day in range(int(hour // 24) - DAYS_BEFORE, int(hour // 24) + 1):
        for time, micrograms in taken_on(taper, day).items():
            since = hour - (24 * day + CLOCK[time])
            if since > 0:
                volume = clearance / k
                level += (
                    micrograms * ka / (volume * (ka - k)) * (exp(-k * since) - exp(-ka * since))
                )
    return 100 * level / (float(sum(present.values())) / (clearance * 24))


@SEEDED
@given(requests(), st.floats(-72, 24 * 400))
def test_a_level_is_the_sum_of_the_levels_of_all_doses_before(
    request: TaperRequest, hour: float
) -> None:
    taper = planned(request)
    curve = dose_curve(*taper)
    level = curve.at(datetime(2027, 1, 4) + timedelta(hours=hour))  # noqa: DTZ001 - patient's clock
    # A datetime has microseconds.
    assert level.percent == pytest.approx(superposed(taper, hour, 40), abs=1e-4)
    assert level.shortest == pytest.approx(superposed(taper, hour, 19), abs=1e-4)
    assert level.longest == pytest.approx(superposed(taper, hour, 60), abs=1e-4)
    assert min(level.percent, level.shortest, level.longest) >= 0


@settings(SEEDED, max_examples=15)
@given(requests(), st.integers(-3, 300))
def test_the_mean_of_a_day_is_that_of_its_minutes(request: TaperRequest, day: int) -> None:
    """The middle of each of 480 three-minute pieces; between them the level is nearly straight."""
    curve = dose_curve(*planned(request))
    start = datetime(2027, 1, 4) + timedelta(days=day, minutes=1.5)  # noqa: DTZ001
    pieces = [curve.at(start + timedelta(minutes=3 * n)).percent for n in range(480)]
    mean = curve.on(MONDAY + timedelta(days=day)).percent
    assert sum(pieces) / 480 == pytest.approx(mean, abs=0.005)


@SEEDED
@given(requests())
def test_it_starts_at_100_percent_and_ends_at_the_goal_s_share(request: TaperRequest) -> None:
    taper = planned(request)
    schedule, _ = taper
    drawn = dose_curve(*taper).drawn()
    first, last = drawn[0], drawn[-1]
    assert first.day == -1
    assert (first.level.percent, first.level.shortest, first.level.longest) == (100, 100, 100)
    goal = float(100 * schedule.to_mg.value / schedule.from_mg.value)
    for end in (last.level.percent, last.level.shortest, last.level.longest):
        assert end == pytest.approx(goal, abs=0.2)


@SEEDED
@given(requests())
def test_the_level_follows_the_dose_from_above_and_the_band_holds_the_line(
    request: TaperRequest,
) -> None:
    """A level never falls below what the present step would keep, and a shorter half-life is
    never behind a longer one. So for the dose of a day; intakes that grow for want of tablets
    move it within the day.
    """
    taper = planned(request)
    schedule, present = taper
    drawn = dose_curve(*taper).drawn()
    whole = float(sum(present.values()))
    for point in drawn:
        level, share = point.level, 100 * sum(taken_on(taper, point.day).values()) / whole
        grown = any("intake grows" in note for step in schedule.steps for note in step.warnings)
        slack = 3 if grown else 1e-9
        assert share - slack <= level.shortest <= level.percent + slack
        assert level.percent <= level.longest + slack <= 100 + 2 * slack


@SEEDED
@given(requests())
def test_between_two_drawn_days_the_level_is_near_the_straight_line(request: TaperRequest) -> None:
    curve = dose_curve(*planned(request))
    drawn = curve.drawn()
    assert [point.day for point in drawn] == sorted({point.day for point in drawn})
    for before, after in pairwise(drawn):
        for day in range(before.day + 1, after.day):
            share = (day - before.day) / (after.day - before.day)
            exact = curve.on(MONDAY + timedelta(days=day))
            straight = before.level.percent + share * (after.level.percent - before.level.percent)
            assert straight == pytest.approx(exact.percent, abs=1)
            straight = before.level.longest + share * (after.level.longest - before.level.longest)
            assert straight == pytest.approx(exact.longest, abs=1)


def test_the_clock_of_these_tests_is_the_shipped_one() -> None:
    assert kinetics().clock_hours == CLOCK
