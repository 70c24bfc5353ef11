"""How much a day: the distribution, 2 mg or more, raised, reduced, and how use ended.

CLINICAL section 9. "Today" is the highest total of one day of the present orders.
"""

from datetime import date
from fractions import Fraction

import pytest

from clinical.daily_dose import DailyDose, DoseCourse, DoseStep

TODAY = date(2026, 11, 23)
YES, NO, NOT_EVALUABLE, OUTSIDE = (True, True), (True, False), (False, None), (False, False)


def answer(result):
    return (result.counted, result.met)


# 2 mg a day or more.


@pytest.mark.parametrize(
    ("mg", "expected", "micrograms"),
    [("1.999", NO, 1999), ("2.000", YES, 2000), ("1.9999999", NO, 1999)],
)
def test_2_mg_is_high_and_1_999_is_not(measured, tell, mg, expected, micrograms):
    found = measured(tell.order("a", mg, ago=10, supply=30))
    assert answer(found.results["high-dose"]) == expected
    assert found.micrograms_per_day == micrograms


def test_orders_of_one_day_add_up(measured, tell):
    found = measured(tell.order("a", "1.5", ago=10), tell.order("b", "0.5", ago=5))
    assert answer(found.results["high-dose"]) == YES
    assert found.results["high-dose"].sources == ("MedicationRequest/a", "MedicationRequest/b")


def test_every_other_day_counts_by_its_highest_day(measured, tell):
    dose = DailyDose("mg", Fraction(1), Fraction(1), Fraction(2), False, "2 mg every other day")
    every_other = DoseCourse(dose, (DoseStep(None, None, dose),))
    found = measured(tell.order("a", ago=10, course=every_other))
    assert answer(found.results["high-dose"]) == YES


def test_the_known_part_may_suffice(measured, tell):
    """2 mg and an order whose dose is not known: high, and without a place in the distribution."""
    found = measured(tell.order("a", "2", ago=10), tell.order("b", None, ago=10))
    assert answer(found.results["high-dose"]) == YES
    assert (found.micrograms_per_day, found.dose_bar) == (None, None)
    assert found.dose_why_not == "MedicationRequest/b: no dosage was given"


def test_a_dose_that_cannot_be_said_is_not_evaluable(measured, tell):
    found = measured(tell.order("a", None, ago=10)).results["high-dose"]
    assert answer(found) == NOT_EVALUABLE
    assert found.why == "the dose cannot be said: MedicationRequest/a: no dosage was given"


def test_who_has_no_order_today_is_not_asked(measured, tell):
    past = tell.order("a", "3", ago=100, until=50, status="completed")
    found = measured(past)
    assert answer(found.results["high-dose"]) == OUTSIDE
    assert (found.micrograms_per_day, found.dose_why_not, found.dose_bar) == (None, None, None)


@pytest.mark.parametrize("more", [{"inpatient": True}, {"status": "on-hold"}])
def test_inpatient_orders_and_orders_on_hold_are_no_present_dose(measured, tell, more):
    assert answer(measured(tell.order("a", "3", ago=1, **more)).results["high-dose"]) == OUTSIDE


# The distribution.


@pytest.mark.parametrize(
    ("mg", "bar"),
    [
        ("0.125", "under-0.5"),
        ("0.499", "under-0.5"),
        ("0.5", "0.5-1"),
        ("0.999", "0.5-1"),
        ("1", "1-2"),
        ("1.9999999", "1-2"),
        ("2", "2-4"),
        ("4", "4-and-more"),
        ("40", "4-and-more"),
    ],
)
def test_a_bar_holds_the_doses_from_its_lower_edge_to_under_the_upper(measured, tell, mg, bar):
    assert measured(tell.order("a", mg, ago=10)).dose_bar == bar


def test_nothing_to_take_today_is_no_dose_of_zero(measured, tell):
    """A course that pauses today: a step until yesterday, the next from tomorrow."""
    dose = DailyDose("mg", Fraction(1), Fraction(1), Fraction(1), False, "1 mg")
    steps = (DoseStep(tell.ago(9), tell.ago(1), dose), DoseStep(tell.ago(-1), tell.ago(-9), dose))
    course = DoseCourse(dose, steps, starts=tell.ago(9), ends=tell.ago(-9))
    found = measured(tell.order("a", ago=9, course=course))
    assert (found.dose_bar, found.dose_why_not) == (None, "nothing is to be taken on this day")


# Raised: the highest of the past 90 days against the day 91 days ago.


def changed(tell, before, after, on_day):
    return (
        tell.order("before", before, ago=200, until=on_day + 1, status="completed"),
        tell.order("after", after, ago=on_day),
    )


@pytest.mark.parametrize(("on_day", "expected"), [(0, YES), (90, YES), (91, NO)])
def test_a_rise_within_90_days_counts_and_one_of_91_days_ago_does_not(
    measured, tell, on_day, expected
):
    found = measured(*changed(tell, "1", "1.5", on_day)).results["escalated"]
    assert answer(found) == expected


def test_a_rise_counts_even_if_the_dose_came_down_again(measured, tell):
    found = measured(
        tell.order("a", "1", ago=200, until=61, status="completed"),
        tell.order("b", "2", ago=60, until=31, status="completed"),
        tell.order("c", "1", ago=30),
    ).results["escalated"]
    assert answer(found) == YES
    assert found.why == "up to 2 mg/day since, from 1 mg/day on 2026-08-24"
    assert found.sources == ("MedicationRequest/a", "MedicationRequest/b")


def test_the_same_dose_in_other_tablets_is_not_raised(measured, tell):
    before, after = changed(tell, "1", "1", 30)
    assert answer(measured(before, after).results["escalated"]) == NO


def test_a_new_start_is_not_asked(measured, tell):
    assert answer(measured(tell.order("a", "2", ago=60)).results["escalated"]) == OUTSIDE


def test_an_unknown_dose_since_is_not_evaluable_unless_the_known_part_is_a_rise(measured, tell):
    before = tell.order("before", "1", ago=200, until=61, status="completed")
    unsure = tell.order("x", None, ago=60, until=31, status="completed")
    same = tell.order("after", "1", ago=30)
    more = tell.order("after", "2", ago=30)
    assert answer(measured(before, unsure, same).results["escalated"]) == NOT_EVALUABLE
    assert answer(measured(before, unsure, more).results["escalated"]) == YES


def test_an_unknown_dose_to_compare_with_is_not_evaluable(measured, tell):
    found = measured(*changed(tell, None, "1", 30)).results
    assert answer(found["escalated"]) == NOT_EVALUABLE
    assert answer(found["reduced-25"]) == NOT_EVALUABLE


# Reduced by a quarter or more.


@pytest.mark.parametrize(("after", "expected"), [("1.5", YES), ("1.501", NO), ("2", NO)])
def test_a_quarter_less_than_91_days_ago_is_a_reduction(measured, tell, after, expected):
    """2 x 75 % = 1.5."""
    assert answer(measured(*changed(tell, "2", after, 30)).results["reduced-25"]) == expected


def test_an_order_on_hold_is_no_dose_of_today_to_compare(measured, tell):
    held = tell.order("a", "2", ago=200, status="on-hold")
    assert answer(measured(held).results["reduced-25"]) == OUTSIDE


def test_who_is_off_is_counted_under_discontinued(measured, tell):
    past = tell.order("a", "2", ago=200, until=40, status="completed")
    found = measured(past).results
    assert answer(found["reduced-25"]) == OUTSIDE
    assert answer(found["discontinued"]) == YES


# Discontinued abruptly or by tapering: the last covered dose against the highest of 90 days.


@pytest.mark.parametrize(
    ("last", "abrupt", "tapered"), [("1", NO, YES), ("1.02", YES, NO), ("2", YES, NO)]
)
def test_up_to_half_of_the_highest_dose_is_tapered_and_51_percent_is_abrupt(
    measured, tell, last, abrupt, tapered
):
    """From 2 mg; the last covered day is 40 days ago."""
    found = measured(
        tell.order("a", "2", ago=150, until=70, status="completed"),
        tell.order("b", last, ago=69, until=40, status="completed"),
    ).results
    assert answer(found["discontinued"]) == YES
    assert answer(found["discontinued-abrupt"]) == abrupt
    assert answer(found["discontinued-tapered"]) == tapered


@pytest.mark.parametrize(("until", "abrupt"), [(129, NO), (130, YES)])
def test_only_the_90_days_up_to_the_last_covered_day_are_looked_at(measured, tell, until, abrupt):
    """The last covered day is 40 days ago, its 90 days begin 129 days ago.

    From 2.5 to 1 mg: 40 % of the 2.5 that still stood on that day is tapered; a day earlier the
    highest of the 90 days is 1 mg, and stopping from it is abrupt.
    """
    found = measured(
        tell.order("a", "2.5", ago=300, until=until, status="completed"),
        tell.order("b", "1", ago=until - 1, until=40, status="completed"),
    ).results
    assert answer(found["discontinued-abrupt"]) == abrupt


def test_the_ordered_dose_counts_where_carried_supply_outlasts_the_orders(measured, tell):
    """Ordered until 60 days ago, supplied until 40 days ago: the last ordered dose."""
    found = measured(
        tell.order("a", "2", ago=150, until=60, status="completed"),
        tell.fill("f1", 60, ago=130),
        tell.fill("f2", 31, ago=100),
    ).results
    assert answer(found["discontinued-abrupt"]) == YES
    assert found["discontinued-abrupt"].why.startswith("2 mg/day on 2026-10-14")


def test_without_a_known_dose_how_it_ended_is_not_evaluable(measured, tell):
    found = measured(tell.order("a", None, ago=150, supply=90, status="completed")).results
    assert answer(found["discontinued"]) == YES
    assert answer(found["discontinued-abrupt"]) == NOT_EVALUABLE
    assert answer(found["discontinued-tapered"]) == NOT_EVALUABLE


def test_who_did_not_discontinue_is_not_asked_how(measured, tell):
    found = measured(tell.order("a", "2", ago=10, supply=30)).results
    assert answer(found["discontinued-abrupt"]) == OUTSIDE
