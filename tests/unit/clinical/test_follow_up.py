"""Check-ins: days 7 and 14 after each step, until 4 weeks after the last dose (CLINICAL 7)."""

from datetime import date, timedelta
from fractions import Fraction

from clinical.follow_up import check_in_rules, check_ins
from clinical.quantities import Milligrams
from clinical.taper import TaperRequest, pace, plan

START = date(2027, 1, 4)


def days_of(schedule):
    return [(contact.on - START).days for contact in check_ins(schedule)]


def taper(from_mg, to_mg, pace_id):
    return plan(TaperRequest(Milligrams.of(from_mg), Milligrams.of(to_mg), START, pace(pace_id)))


def test_each_cut_is_followed_up_on_day_7_and_14_and_the_last_for_four_weeks():
    """asam-2025 from 0.5 mg: cuts on days 0, 28, 56 and the last dose ends on day 112."""
    schedule = taper("0.5", 0, "asam-2025")
    assert days_of(schedule) == [7, 14, 35, 42, 63, 70, 119, 126, 140]


def test_contacts_of_two_cuts_on_one_day_are_one():
    """nardi-2010 from 1 mg: cuts on days 0, 7, 14 and 21; day 14 follows up two of them."""
    found = check_ins(taper(1, 0, "nardi-2010"))
    assert [(c.on - START).days for c in found] == [7, 14, 21, 28, 35, 49]
    assert found[1].on == START + timedelta(days=14)
    assert found[1].after == ((7, Milligrams(Fraction(1, 2))), (14, Milligrams(Fraction(3, 4))))


def test_a_dose_that_is_maintained_is_followed_up_as_a_step():
    assert days_of(taper(1, "0.875", "asam-2025")) == [7, 14]


def test_what_is_asked_is_said():
    assert "falls" in check_in_rules().what
