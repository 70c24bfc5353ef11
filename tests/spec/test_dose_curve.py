"""The dose curve of CLINICAL section 6, by hand: one compartment, ka 1.73/h, half-life 40 h.

k = ln 2 / 40 h = 0.0173287/h, and in a day e^(-24 k) = 0.659754 of a level is left. One intake of
the whole daily dose adds a (e^(-k t) - e^(-ka t)) percent of the present average, with
a = 100 x 24 k ka / (ka - k) = 100 x 24 x 0.0173287 x 1.73 / 1.7126713 = 42.0096. At night is
22:00, in the morning 8:00, in the evening 18:00, at midday 12:00. It sets no dose.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import exp, log

import pytest

from clinical.kinetics import DoseCurve, Level, dose_curve, kinetics
from clinical.quantities import Milligrams
from clinical.taper import TaperRequest, pace, plan
from clinical.taper.intakes import present_regimen

MONDAY = date(2027, 1, 4)
FIRST_CUT = datetime(2027, 1, 4)  # noqa: DTZ001 - the patient's clock


def curve(from_mg: str = "2", to_mg: str = "0", pace_id: str = "nardi-2010", times: int = 1):
    request = TaperRequest(
        Milligrams.of(from_mg), Milligrams.of(to_mg), MONDAY, pace(pace_id), times_per_day=times
    )
    return dose_curve(plan(request), present_regimen(request))


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def on_day(given: DoseCurve, number: int) -> Level:
    return given.on(MONDAY + timedelta(days=number))


def test_before_the_first_cut_the_mean_of_every_day_is_100_percent():
    for before in (1, 2, 400):
        assert on_day(curve(), -before) == Level(100, 100, 100)


def test_100_percent_is_the_daily_dose_by_the_clearance():
    """2 mg/day: 2000 micrograms / (4.32 L/h x 24 h) = 19.29 micrograms/L, which is ng/mL."""
    assert curve("2").average_ng_per_ml == pytest.approx(19.290, abs=0.001)
    assert curve("0.5").average_ng_per_ml == pytest.approx(4.823, abs=0.001)


def test_once_a_day_the_level_before_an_intake_is_that_of_one_dose_times_2_94():
    """24 h after one dose: 42.0096 x 0.659754 = 27.716. Accumulation 1/(1 - 0.659754) = 2.939.

    27.716 x 2.939 = 81.459 percent of the mean.
    """
    night_before = FIRST_CUT - hours(2)
    assert curve(times=1).at(night_before).percent == pytest.approx(81.459, abs=0.001)


def test_two_hours_after_an_intake_the_level_is_at_its_height():
    """81.459 x e^(-2 k) + 42.0096 x (e^(-2 k) - e^(-2 ka)).

    e^(-2 k) = 0.965936 and e^(-2 ka) = 0.031430: 78.684 + 42.0096 x 0.934506 = 117.942.
    """
    assert curve(times=1).at(FIRST_CUT).percent == pytest.approx(117.942, abs=0.001)


def test_more_intakes_a_day_make_the_level_even():
    """Half at 8:00, half at 22:00. Before the morning's it is ten hours since the night's.

    (21.0048 x e^(-10 k) + 21.0048 x e^(-24 k)) x 2.939 = (17.6629 + 13.8580) x 2.939 = 92.641.
    """
    before = FIRST_CUT - hours(24 - 8)
    assert curve(times=2).at(before).percent == pytest.approx(92.641, abs=0.002)


def test_after_a_cut_the_excess_falls_to_two_thirds_each_day():
    """From 2 to 1.5 mg at night: 25 % less, first missing at 22:00 of day 0.

    What is left at the mean of day n of the former 25 %: 25 x 1.010118 (= ka/(ka - k)) x 0.965936
    (two hours since the last full dose) x 0.659754^n = 24.3929 x 0.659754^n; on day 0 absorption
    takes 25 x 0.010118 x 0.031430 = 0.0080 of it away.
    """
    given = curve()
    assert on_day(given, 0).percent == pytest.approx(75 + 24.3929 - 0.0080, abs=0.001)
    assert on_day(given, 1).percent == pytest.approx(75 + 16.0933, abs=0.001)
    assert on_day(given, 3).percent == pytest.approx(75 + 7.0049, abs=0.001)
    # CLINICAL 7: a new steady state takes 6-8 days. On day 7 a twentieth of the excess is left.
    assert on_day(given, 7).percent == pytest.approx(75 + 1.3273, abs=0.001)


def test_the_band_is_a_half_life_of_19_and_of_60_hours():
    """Day 1, by the same formula.

    19 h: k = 0.0364814, e^(-24 k) = 0.416634, e^(-2 k) = 0.929635, ka/(ka - k) = 1.021542:
    25 x 1.021542 x 0.929635 x 0.416634 = 9.8915. 60 h: k = 0.0115525, 0.757858, 0.977160,
    1.006723: 25 x 1.006723 x 0.977160 x 0.757858 = 18.6383.
    """
    level = on_day(curve(), 1)
    assert level.shortest == pytest.approx(75 + 9.8915, abs=0.001)
    assert level.longest == pytest.approx(75 + 18.6383, abs=0.001)


def test_after_the_last_dose_the_level_halves_in_each_half_life():
    """nardi-2010 from 2 mg: nothing from day 42 on, so the last tablet is taken on day 41."""
    given = curve()
    absorbed = FIRST_CUT + timedelta(days=42)
    now = given.at(absorbed + hours(12))
    assert given.at(absorbed + hours(12 + 40)).percent == pytest.approx(now.percent / 2)
    assert given.at(absorbed + hours(12 + 19)).shortest == pytest.approx(now.shortest / 2)
    assert given.at(absorbed + hours(12 + 60)).longest == pytest.approx(now.longest / 2)
    assert given.at(absorbed + hours(12 + 400)).percent == pytest.approx(now.percent / 1024)


def test_it_is_drawn_until_ten_of_the_longest_half_lives_after_the_end():
    """10 x 60 h = 25 days after day 42, when 2^-10 of that day's level is left."""
    given = curve()
    assert given.ends_on == MONDAY + timedelta(days=42 + 25)
    assert given.drawn()[-1].day == 67
    assert given.drawn()[-1].level.longest < on_day(given, 42).longest / 1000


def test_a_dose_that_is_kept_keeps_its_share_of_the_level():
    """nardi-2010 from 2 to 1 mg (days 0 and 14): half of the present level."""
    given = curve(to_mg="1")
    assert given.drawn()[-1].level.percent == pytest.approx(50, abs=0.01)
    assert on_day(given, 5000).percent == pytest.approx(50)


def test_a_cut_as_first_step_and_last_is_a_curve_too():
    """From 0.25 mg to 0.125 mg: the target begins on the first day."""
    given = curve("0.25", "0.125", "bzra-25")
    assert on_day(given, -1).percent == 100
    assert given.drawn()[-1].level.percent == pytest.approx(50, abs=0.01)


def test_an_absorption_half_life_of_24_minutes_is_the_rate_and_72_ml_a_minute_the_clearance():
    """Greenblatt 2005: ln 2 / 0.4 h = 1.733/h and 72 x 60 / 1000 = 4.32 L/h."""
    assert kinetics().absorption_per_hour == pytest.approx(log(2) / 0.4, abs=0.005)
    assert kinetics().clearance_litres_per_hour == pytest.approx(72 * 60 / 1000)
    assert exp(-24 * log(2) / kinetics().half_life_hours) == pytest.approx(0.659754, abs=1e-6)
