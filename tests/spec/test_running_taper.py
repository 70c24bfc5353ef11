"""A taper that the chart already holds is told of before a second order adds to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from clinical.running_taper import running_taper

OURS = "https://taperguard.org/fhir/NamingSystem/taper|plan-1"


def step(tell, key, mg, starts, ends, *, status="active", group=OURS, **more):
    return tell.record(
        key,
        mg_per_day=mg,
        starts=starts,
        ends=ends,
        status=status,
        group=group,
        authored_on=more.pop("authored_on", date(2026, 11, 9)),
        **more,
    )


def two_steps(tell, **more):
    """1.875 mg/day from 9 to 22 November, 1.75 mg/day from 23 November (today) to 6 December."""
    return (
        step(tell, "s1", "1.875", date(2026, 11, 9), date(2026, 11, 22), **more),
        step(tell, "s2", "1.75", date(2026, 11, 23), date(2026, 12, 6), **more),
    )


def test_a_signed_plan_tells_the_dose_of_the_day_and_where_its_orders_end(tell):
    found = running_taper(tell.patient(medications=two_steps(tell)), tell.today)
    assert found is not None
    assert found.signed
    assert found.in_words() == (
        "a taper is in progress: 1.75 mg/day now, its orders reach to 2026-12-06"
    )


def test_the_next_fall_is_told_with_its_day(tell):
    """On 22 November step one still holds; the next day is 1.75 mg."""
    found = running_taper(tell.patient(medications=two_steps(tell)), date(2026, 11, 22))
    assert found is not None
    assert found.in_words() == (
        "a taper is in progress: 1.875 mg/day now, 1.75 mg/day from 2026-11-23, "
        "its orders reach to 2026-12-06"
    )


def test_the_orders_of_one_step_add_up_and_a_second_fill_is_no_fall(tell):
    """0.5 mg + 1 mg tablets are one step of 1.5 mg/day, filled twice."""
    first, second = (date(2026, 11, 23), date(2026, 12, 6)), (date(2026, 12, 7), date(2026, 12, 20))
    orders = [
        step(tell, f"{mg}-{starts}", mg, starts, ends)
        for starts, ends in (first, second)
        for mg in ("0.5", "1")
    ]
    found = running_taper(tell.patient(medications=orders), tell.today)
    assert found is not None
    assert found.now is not None
    assert str(found.now) == "1.5 mg/day"
    assert found.next is None


def test_drafts_that_wait_for_a_signature_are_a_taper_in_progress(tell):
    drafts = two_steps(tell, status="draft")
    found = running_taper(tell.patient(medications=drafts), date(2026, 11, 8))
    assert found is not None
    assert not found.signed
    assert found.in_words() == (
        "a taper is in progress: 2 draft orders, saved on 2026-11-09, not signed yet "
        "(1.875 mg/day from 2026-11-09, its orders reach to 2026-12-06)"
    )


def test_drafts_that_begin_today_are_planned_and_not_taken(tell):
    """Nothing of it is signed: nobody may read that the patient takes 1.75 mg now."""
    drafts = two_steps(tell, status="draft")
    found = running_taper(tell.patient(medications=drafts), tell.today)
    assert found is not None
    assert found.in_words() == (
        "a taper is in progress: 2 draft orders, saved on 2026-11-09, not signed yet "
        "(1.75 mg/day planned for today, its orders reach to 2026-12-06)"
    )


def test_a_step_of_which_only_a_part_is_signed_is_said_to_be_so(tell):
    """1 mg is signed and 0.5 mg is not: what was planned as 1.5 mg/day is a cut to 1 mg."""
    days = (date(2026, 11, 23), date(2026, 12, 6))
    orders = [step(tell, "a", "1", *days), step(tell, "b", "0.5", *days, status="draft")]
    found = running_taper(tell.patient(medications=orders), tell.today)
    assert found is not None
    assert found.in_words() == (
        "a taper is in progress: 1.5 mg/day planned for today, 1 of its orders is not signed yet, "
        "its orders reach to 2026-12-06"
    )


def test_a_later_step_that_waits_for_its_signature_leaves_the_dose_of_today_as_it_is(tell):
    """Later Schedule IV steps wait for the reassessment: that is no warning."""
    first, second = two_steps(tell)
    waiting = replace(second, status="draft")
    found = running_taper(tell.patient(medications=[first, waiting]), date(2026, 11, 22))
    assert found is not None
    assert found.in_words() == (
        "a taper is in progress: 1.875 mg/day now, 1.75 mg/day from 2026-11-23, 1 of its orders "
        "is not signed yet, its orders reach to 2026-12-06"
    )


def test_a_step_on_hold_does_not_add_to_the_one_that_goes_on(tell):
    """1.875 mg goes on and the next step waits: 1.875, not 3.625 mg/day."""
    runs = step(tell, "s1", "1.875", date(2026, 11, 9), date(2026, 12, 6))
    held = step(tell, "s2", "1.75", date(2026, 11, 23), date(2026, 12, 6), status="on-hold")
    found = running_taper(tell.patient(medications=[runs, held]), tell.today)
    assert found is not None
    assert str(found.now) == "1.875 mg/day"


def test_a_plan_whose_last_day_is_over_is_not_in_progress(tell):
    """The last order ends on 6 December: on that day it runs, the day after it does not."""
    facts = tell.patient(medications=two_steps(tell))
    assert running_taper(facts, date(2026, 12, 6)) is not None
    assert running_taper(facts, date(2026, 12, 7)) is None


def test_a_plan_that_was_stopped_is_not_in_progress(tell):
    stopped = two_steps(tell, status="stopped")
    assert running_taper(tell.patient(medications=stopped), tell.today) is None


def test_an_order_of_another_system_s_group_is_no_taper_of_ours(tell):
    orders = two_steps(tell, group="urn:clinic|visit-7")
    assert running_taper(tell.patient(medications=orders), tell.today) is None


def test_an_order_of_the_plan_itself_is_not_told_of_itself(tell):
    facts = tell.patient(medications=two_steps(tell), drafts=[tell.draft("1.5", group=OURS)])
    assert running_taper(facts, tell.today) is None


def test_of_two_plans_the_one_that_was_written_last_counts(tell):
    newer = step(
        tell,
        "n1",
        "1",
        date(2026, 11, 20),
        date(2026, 12, 10),
        group=f"{OURS}-anew",
        authored_on=date(2026, 11, 20),
    )
    found = running_taper(tell.patient(medications=(*two_steps(tell), newer)), tell.today)
    assert found is not None
    assert str(found.now) == "1 mg/day"


def test_a_dose_that_cannot_be_computed_is_said_to_be_so(tell):
    order = step(tell, "s1", None, None, None)
    found = running_taper(tell.patient(medications=[order]), tell.today)
    assert found is not None
    assert found.in_words() == "a taper is in progress: a dose that cannot be computed now"
