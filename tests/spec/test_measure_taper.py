"""Who is on a taper, how it goes, and who is off (CLINICAL section 9).

Recognised by a plan (orders of one group, or steps of one order, whose doses fall), or by a
falling series: two cuts in a row within 180 days.
"""

from datetime import date
from fractions import Fraction

import pytest

from clinical.daily_dose import DailyDose, DoseCourse, DoseStep
from clinical.facts import OWN_PLAN

TODAY = date(2026, 11, 23)
YES, NO, NOT_EVALUABLE, OUTSIDE = (True, True), (True, False), (False, None), (False, False)
STATES = ("taper-on-plan", "taper-stalled", "taper-reversed")


def answer(result):
    return (result.counted, result.met)


def states(found):
    return tuple(answer(found.results[key]) for key in STATES)


def orders_of_a_plan(tell, *steps, group="urn:plans|p1"):
    """Steps as (mg, first day ago, last day ago); those of the past are completed."""
    return [
        tell.order(
            *(f"s{n}", mg),
            ago=first,
            until=last,
            group=group,
            status="active" if last <= 0 else "completed",
        )
        for n, (mg, first, last) in enumerate(steps)
    ]


def series(tell, *steps):
    """Doses in turn as (mg, first day ago); the last goes on."""
    ends = [first + 1 for _, first in steps[1:]]
    past = [
        tell.order(f"s{n}", mg, ago=first, until=until, status="completed")
        for n, ((mg, first), until) in enumerate(zip(steps, ends, strict=False))
    ]
    mg, first = steps[-1]
    return [*past, tell.order("now", mg, ago=first)]


# A plan.


def test_orders_of_one_group_whose_doses_fall_are_a_taper_on_plan(measured, tell):
    """2 mg 20 days ago, 1.5 since 6 days ago, 1 mg planned in 8 days."""
    plan = orders_of_a_plan(tell, ("2", 20, 7), ("1.5", 6, -7), ("1", -8, -21))
    found = measured(*plan)
    assert answer(found.results["on-taper"]) == YES
    assert found.results["on-taper"].why == "a plan since 2026-11-03"
    assert states(found) == (YES, NO, NO)
    assert found.results["taper-on-plan"].why == "1.5 mg/day today, planned 1.5 mg/day"


def test_one_order_with_falling_steps_is_a_taper(measured, tell):
    def step(mg, first, last):
        dose = DailyDose("mg", Fraction(mg), Fraction(mg), Fraction(mg), False, f"{mg} mg")
        return DoseStep(tell.ago(first), tell.ago(last), dose)

    steps = (step("2", 20, 7), step("1.5", 6, -7), step("1", -8, -21))
    course = DoseCourse(steps[0].dose, steps, starts=tell.ago(20), ends=tell.ago(-21))
    found = measured(tell.order("one", ago=20, course=course))
    assert states(found) == (YES, NO, NO)


def test_a_plan_up_to_the_calendar_s_last_day_is_one_like_any_other(measured, tell):
    """Some EHRs write 9999-12-30 for "until further notice"."""
    plan = orders_of_a_plan(tell, ("2", 20, 7))
    last = tell.record(
        "s9",
        mg_per_day="1.5",
        starts=tell.ago(6),
        ends=date(9999, 12, 30),
        group="urn:plans|p1",
    )
    assert states(measured(*plan, last)) == (YES, NO, NO)


def test_orders_of_one_group_that_rise_are_no_taper(measured, tell):
    """A titration."""
    plan = orders_of_a_plan(tell, ("0.5", 20, 7), ("1", 6, -7), ("2", -8, -21))
    assert answer(measured(*plan).results["on-taper"]) == NO


def test_renewals_in_one_group_are_no_taper(measured, tell):
    plan = orders_of_a_plan(tell, ("1", 20, 7), ("1", 6, -7))
    assert answer(measured(*plan).results["on-taper"]) == NO


def test_the_first_step_of_our_own_plan_is_a_taper_already(measured, tell):
    before = tell.order("old", "2", ago=200, until=4, status="stopped")
    first = orders_of_a_plan(tell, ("1.875", 3, -10), group=f"{OWN_PLAN}|abc")
    assert answer(measured(before, *first).results["on-taper"]) == YES
    other = orders_of_a_plan(tell, ("1.875", 3, -10), group="urn:other|abc")
    assert answer(measured(before, *other).results["on-taper"]) == NO


def test_the_tablets_of_one_step_are_one_dose(measured, tell):
    """1.5 mg as 1 + 0.5, then 1 mg."""
    plan = orders_of_a_plan(tell, ("1", 20, 7), ("0.5", 20, 7), ("1", 6, -7))
    assert states(measured(*plan)) == (YES, NO, NO)


def test_a_dose_above_the_planned_one_is_off_plan(measured, tell):
    """Another order, outside the plan, stands beside it."""
    plan = orders_of_a_plan(tell, ("2", 20, 7), ("1.5", 6, -7))
    found = measured(*plan, tell.order("more", "1", ago=2))
    assert answer(found.results["taper-on-plan"]) == NO
    assert found.results["taper-on-plan"].why == "2.5 mg/day today, planned 1.5 mg/day"
    assert answer(found.results["taper-reversed"]) == YES


def test_more_handed_over_than_is_planned_is_off_plan(measured, tell):
    """2 mg for 14 days, 1.5 mg since 6 days ago. Handed over 20 days ago: 2 mg a day for 60 days.

    These 120 mg last until the 39th day after today. Planned until the 46th are 14 days of 2 mg and
    53 (6 before today, today, 46 after) of 1.5 mg: 28 + 79.5 = 107.5 mg. 60 days and 7 at 2 mg/day
    take 134 mg, so the fill alone reverses nothing.
    """
    plan = orders_of_a_plan(tell, ("2", 20, 7), ("1.5", 6, -7))
    found = measured(*plan, tell.fill("f", 60, ago=20, mg_per_day="2"))
    assert states(found) == (NO, NO, NO)
    assert found.results["taper-on-plan"].why.startswith(
        "120 mg were handed over since it began, and 107.5 mg are planned"
    )
    assert "MedicationDispense/f" in found.results["taper-on-plan"].sources


@pytest.mark.parametrize(("since", "expected"), [(28, NO), (29, YES)])
def test_a_taper_without_a_cut_for_more_than_two_holds_is_stalled(measured, tell, since, expected):
    """Steps of 14 days; the last cut 28 or 29 days ago, and an order goes on at that dose."""
    plan = orders_of_a_plan(tell, ("2", since + 14, since + 1), ("1.5", since, since - 13))
    goes_on = tell.order("on", "1.5", ago=since - 14)
    found = measured(*plan, goes_on)
    assert answer(found.results["on-taper"]) == YES
    assert answer(found.results["taper-stalled"]) == expected


def test_a_plan_that_ended_longer_ago_than_a_stall_is_noticed_is_over(measured, tell):
    """Steps of 14 days, the last of them over 29 days ago; the dose then went on for long."""
    plan = orders_of_a_plan(tell, ("2", 256, 243), ("1.5", 242, 229))
    found = measured(*plan, tell.order("on", "1.5", ago=228))
    assert answer(found.results["on-taper"]) == NO
    assert states(found) == (OUTSIDE, OUTSIDE, OUTSIDE)


def test_cuts_that_go_on_after_the_plan_are_a_series(measured, tell):
    """The plan of 100 to 73 days ago ended; two more cuts followed without one."""
    plan = orders_of_a_plan(tell, ("3", 100, 87), ("2.5", 86, 73))
    goes_on = series(tell, ("2", 72), ("1.5", 50), ("1", 20))
    found = measured(*plan, *goes_on).results["on-taper"]
    assert found.why == "a falling series of doses since 2026-08-29"


def test_a_plan_that_is_held_has_no_planned_dose_and_may_be_stalled(measured, tell):
    """Cut to 1 mg 50 days ago and held there; 0.5 mg of 36 to 23 days ago is on hold."""
    held = [
        tell.order("before", "2", ago=300, until=65, status="completed"),
        tell.order("s0", "1.5", ago=64, until=51, group="urn:plans|p1", status="completed"),
        tell.order("s1", "1", ago=50, group="urn:plans|p1"),
        tell.order("s2", "0.5", ago=36, until=23, group="urn:plans|p1", status="on-hold"),
    ]
    found = measured(*held)
    assert states(found) == (NOT_EVALUABLE, YES, NO)
    assert found.results["taper-stalled"].why == "last cut 50 days ago; 2 holds are 28 days"


def test_how_a_taper_goes_is_asked_of_those_who_are_known_to_be_on_one(measured, tell):
    """Take as directed: whether the dose falls is not known."""
    found = measured(tell.order("a", None, ago=200))
    assert answer(found.results["on-taper"]) == NOT_EVALUABLE
    assert states(found) == (OUTSIDE, OUTSIDE, OUTSIDE)
    assert answer(found.results["no-check-in"]) == OUTSIDE


# A falling series.


def test_two_cuts_in_a_row_are_taken_for_a_taper(measured, tell):
    found = measured(*series(tell, ("2", 200), ("1.5", 30), ("1", 10)))
    assert answer(found.results["on-taper"]) == YES
    assert found.results["on-taper"].why == "a falling series of doses since 2026-10-24"
    assert states(found) == (NOT_EVALUABLE, NO, NO)
    assert found.results["taper-on-plan"].why == "no plan states the doses of this taper"


def test_one_cut_is_a_change_of_dose_and_no_taper(measured, tell):
    found = measured(*series(tell, ("2", 200), ("1", 10)))
    assert answer(found.results["on-taper"]) == NO


def test_a_rise_between_two_cuts_makes_no_series(measured, tell):
    found = measured(*series(tell, ("2", 200), ("1.5", 60), ("2", 40), ("1.5", 10)))
    assert answer(found.results["on-taper"]) == NO


@pytest.mark.parametrize(("second", "expected"), [(180, YES), (181, NO)])
def test_the_last_cut_lies_within_180_days(measured, tell, second, expected):
    found = measured(*series(tell, ("2", 400), ("1.5", second + 20), ("1", second)))
    assert answer(found.results["on-taper"]) == expected


@pytest.mark.parametrize(("last_cut", "expected"), [(40, NO), (41, YES)])
def test_without_a_plan_the_hold_is_the_longest_time_between_two_cuts(
    measured, tell, last_cut, expected
):
    """20 days between the cuts; two holds are 40 days."""
    found = measured(*series(tell, ("2", 200), ("1.5", last_cut + 20), ("1", last_cut)))
    assert answer(found.results["taper-stalled"]) == expected


def test_a_dose_above_the_lowest_of_60_days_is_reversed(measured, tell):
    found = measured(*series(tell, ("2", 200), ("1.5", 60), ("1", 40), ("1.5", 10)))
    assert answer(found.results["taper-reversed"]) == YES
    assert found.results["taper-reversed"].why == ("1.5 mg/day today, at least 1 mg/day in 60 days")


def test_back_where_it_began_a_series_is_no_taper_any_more(measured, tell):
    found = measured(*series(tell, ("2", 200), ("1.5", 60), ("1", 40), ("2", 10)))
    assert answer(found.results["on-taper"]) == NO


def test_an_unknown_dose_leaves_it_open_whether_it_falls(measured, tell):
    found = measured(*series(tell, ("2", 200), (None, 40), ("1", 10)))
    assert answer(found.results["on-taper"]) == NOT_EVALUABLE


def test_who_takes_nothing_today_is_not_asked(measured, tell):
    plan = orders_of_a_plan(tell, ("2", 50, 37), ("1", 36, 23))
    assert answer(measured(*plan).results["on-taper"]) == OUTSIDE


# Check-ins.


def test_without_check_in_data_nothing_can_be_said_about_check_ins(measured, tell):
    plan = orders_of_a_plan(tell, ("2", 20, 7), ("1.5", 6, -7))
    found = measured(*plan).results["no-check-in"]
    assert answer(found) == NOT_EVALUABLE
    assert found.why == "no check-in data was supplied"


@pytest.mark.parametrize(
    ("check_ins", "expected"),
    [((), YES), ((date(2026, 10, 26),), YES), ((date(2026, 10, 27),), NO), ((TODAY,), NO)],
)
def test_a_check_in_within_28_days_is_recent(measured, tell, check_ins, expected):
    """26 October is 28 days ago, 27 October 27."""
    plan = orders_of_a_plan(tell, ("2", 40, 7), ("1.5", 6, -7))
    found = measured(*plan, check_ins=check_ins)
    assert answer(found.results["no-check-in"]) == expected


def test_before_the_first_check_in_is_due_nobody_asks_for_it(measured, tell):
    """Day 7 after the first step."""
    for begun, expected in ((6, OUTSIDE), (7, YES)):
        plan = orders_of_a_plan(tell, ("2", begun, -7), ("1.5", -8, -21))
        assert answer(measured(*plan, check_ins=()).results["no-check-in"]) == expected


# Off at month 4 and 7.


def test_who_is_off_is_told_month_by_month_since_the_taper_began(measured, tell):
    """Begun on 2026-03-23 (245 days ago), 30 days a step, off since 2026-06-21.

    23 April and 23 May fall into the second and the third step, 23 June is off.
    """
    plan = orders_of_a_plan(tell, ("2", 245, 216), ("1", 215, 186), ("0.5", 185, 156))
    assert measured(*plan).off_by_month == (
        *((1, False), (2, False)),
        *((3, True), (4, True), (5, True), (6, True), (7, True), (8, True)),
    )


def test_a_day_of_which_nothing_is_known_is_left_out(measured, tell):
    """An order written 100 days ago was stopped since, on which day is not stated.

    Its one fill of 60 days was used up on the 41st day at the latest. Months after 23 Mar: the
    fifth is 23 Aug (92 days ago), the sixth 23 Sep (61), the seventh 23 Oct (31).
    """
    plan = orders_of_a_plan(tell, ("2", 245, 216), ("1", 215, 186), ("0.5", 185, 156))
    unsure = tell.order("x", None, ago=100, supply=60, status="stopped", until=None)
    months = dict(measured(*plan, unsure).off_by_month)
    assert set(months) == {1, 2, 3, 4, 7, 8}


def test_the_latest_taper_counts(measured, tell):
    first = orders_of_a_plan(tell, ("2", 500, 471), ("1", 470, 441), group="urn:p|1")
    again = [
        tell.order("again-1", "2", ago=70, until=36, group="urn:p|2", status="completed"),
        tell.order("again-2", "1", ago=35, until=-20, group="urn:p|2"),
    ]
    assert measured(*first, *again).off_by_month == ((1, False), (2, False))


def test_nobody_is_followed_who_never_tapered(measured, tell):
    assert measured(tell.order("a", "2", ago=300)).off_by_month == ()
