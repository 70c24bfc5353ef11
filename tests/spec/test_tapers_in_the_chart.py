"""A taper that the chart already holds: recognised, followed on its days, and told before a second.

A chart does not say "taper". Taken for one are:

- a plan of ours, by the group of its orders or by its CarePlan;
- somebody else's plan: orders of one group whose doses fall; one order with falling steps, as
  structure or in its text; orders that name each other as their prior, with two cuts or more;
- for the report only, a falling series of doses without any plan (see the report's pages).

Whoever orders clonazepam is told, for a second taper would add up with the first. And how it
goes: *on plan* (today's dose is at or below the planned one, and no more was handed over than is
planned), *stalled* (no cut for twice the planned hold), *reversed* (above the lowest dose of the
past 60 days).

Two steps of our own plan are used below. Today is Monday, 23 November 2026.

| days | planned | mg in all |
|---|---|---|
| 9 to 22 November (14 days) | 1.875 mg/day | 26.25 |
| 23 November to 6 December (14 days) | 1.75 mg/day | 24.5 |
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from clinical.care_plans import PlannedStep, TaperCarePlan
from clinical.dosage import Amount
from clinical.dose_history import clonazepam_stretches
from clinical.dosing.units import known_unit
from clinical.facts import OWN_PLAN
from clinical.tapers import taper_in_progress, taper_signs, taper_under_way, tapers
from ehr.read.chart import Resources, read_chart

OURS = f"{OWN_PLAN}|plan-1"
THEIRS = "urn:clinic|visit-7"


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


@pytest.fixture
def told(tell):
    """The sentence of a patient with these records; None where no taper is in progress."""

    def run(*records, on=tell.today, **facts):
        found = taper_in_progress(tell.patient(medications=records, **facts), on)
        return None if found is None else found.in_words()

    return run


# --- a plan of ours ---------------------------------------------------------------------------


def test_a_signed_plan_tells_the_dose_of_the_day_and_where_its_orders_end(tell, told):
    assert told(*two_steps(tell)) == (
        "a taper is in progress: 1.75 mg/day now, its orders reach to 2026-12-06; on plan"
    )


def test_the_next_fall_is_told_with_its_day(tell, told):
    """On 22 November step one still holds; the next day is 1.75 mg."""
    assert told(*two_steps(tell), on=date(2026, 11, 22)) == (
        "a taper is in progress: 1.875 mg/day now, 1.75 mg/day from 2026-11-23, "
        "its orders reach to 2026-12-06; on plan"
    )


def test_the_orders_of_one_step_add_up_and_a_second_fill_is_no_fall(tell):
    """0.5 mg + 1 mg tablets are one step of 1.5 mg/day, filled twice."""
    first, second = (date(2026, 11, 23), date(2026, 12, 6)), (date(2026, 12, 7), date(2026, 12, 20))
    orders = [
        step(tell, f"{mg}-{starts}", mg, starts, ends)
        for starts, ends in (first, second)
        for mg in ("0.5", "1")
    ]
    found = taper_in_progress(tell.patient(medications=orders), tell.today)
    assert found is not None
    assert found.now is not None
    assert str(found.now) == "1.5 mg/day"
    assert found.next is None


def test_drafts_that_wait_for_a_signature_are_a_taper_in_progress(tell, told):
    assert told(*two_steps(tell, status="draft"), on=date(2026, 11, 8)) == (
        "a taper is in progress: 2 draft orders, saved on 2026-11-09, not signed yet "
        "(1.875 mg/day from 2026-11-09, its orders reach to 2026-12-06)"
    )


def test_drafts_that_begin_today_are_planned_and_not_taken(tell, told):
    """Nothing of it is signed: nobody may read that the patient takes 1.75 mg now."""
    assert told(*two_steps(tell, status="draft")) == (
        "a taper is in progress: 2 draft orders, saved on 2026-11-09, not signed yet "
        "(1.75 mg/day planned for today, its orders reach to 2026-12-06)"
    )


def test_a_step_of_which_only_a_part_is_signed_is_said_to_be_so(tell, told):
    """1 mg is signed and 0.5 mg is not: what was planned as 1.5 mg/day is a cut to 1 mg."""
    days = (date(2026, 11, 23), date(2026, 12, 6))
    orders = [step(tell, "a", "1", *days), step(tell, "b", "0.5", *days, status="draft")]
    assert told(*orders) == (
        "a taper is in progress: 1.5 mg/day planned for today, 1 of its orders is not signed yet, "
        "its orders reach to 2026-12-06"
    )


def test_a_later_step_that_waits_for_its_signature_leaves_the_dose_of_today_as_it_is(tell, told):
    """Later Schedule IV steps wait for the reassessment: that is no warning."""
    first, second = two_steps(tell)
    waiting = replace(second, status="draft")
    assert told(first, waiting, on=date(2026, 11, 22)) == (
        "a taper is in progress: 1.875 mg/day now, 1.75 mg/day from 2026-11-23, 1 of its orders "
        "is not signed yet, its orders reach to 2026-12-06; on plan"
    )


def test_a_step_on_hold_does_not_add_to_the_one_that_goes_on(tell, told):
    """1.875 mg goes on and the next step waits: 1.875, not 3.625 mg/day."""
    runs = step(tell, "s1", "1.875", date(2026, 11, 9), date(2026, 12, 6))
    held = step(tell, "s2", "1.75", date(2026, 11, 23), date(2026, 12, 6), status="on-hold")
    assert told(runs, held) == (
        "a taper is in progress: 1.875 mg/day now, its orders reach to 2026-12-06; whether it is "
        "on plan is not known: a later step is on hold, so what is planned now is not said"
    )


def test_a_step_back_is_a_part_of_our_plan(tell, told):
    """1.875 mg for two weeks, then back to 2 mg, signed as a part of the plan."""
    back = step(tell, "s2", "2", date(2026, 11, 23), date(2026, 12, 6))
    assert told(two_steps(tell)[0], back) == (
        "a taper is in progress: 2 mg/day now, its orders reach to 2026-12-06; on plan; "
        "reversed: 2 mg/day today, at least 1.875 mg/day in 60 days"
    )


def test_a_plan_whose_last_day_is_over_is_not_in_progress(tell, told):
    """The last order ends on 6 December: on that day it runs, the day after it does not."""
    assert told(*two_steps(tell), on=date(2026, 12, 6)) is not None
    assert told(*two_steps(tell), on=date(2026, 12, 7)) is None


def test_a_plan_that_was_stopped_is_not_in_progress(tell, told):
    assert told(*two_steps(tell, status="stopped")) is None


def test_an_order_of_the_plan_itself_is_not_told_of_itself(tell, told):
    assert told(*two_steps(tell), drafts=[tell.draft("1.5", group=OURS)]) is None


def test_of_two_plans_the_one_that_was_written_last_counts(tell, told):
    newer = step(
        tell,
        "n1",
        "1",
        date(2026, 11, 20),
        date(2026, 12, 10),
        group=f"{OURS}-anew",
        authored_on=date(2026, 11, 20),
    )
    found = taper_in_progress(tell.patient(medications=(*two_steps(tell), newer)), tell.today)
    assert found is not None
    assert str(found.now) == "1 mg/day"


def test_a_dose_that_cannot_be_computed_is_said_to_be_so(tell, told):
    assert told(step(tell, "s1", None, None, None)) == (
        "a taper is in progress: a dose that cannot be computed now; whether it is on plan is not "
        "known: the doses or the days of its orders cannot be read"
    )


# --- its CarePlan -----------------------------------------------------------------------------


def care_plan(status="active", *steps):
    """The course of the two steps, then 1.5 mg/day until 20 December, then nothing."""
    course = steps or (
        PlannedStep(date(2026, 11, 9), date(2026, 11, 22), Fraction(15, 8)),
        PlannedStep(date(2026, 11, 23), date(2026, 12, 6), Fraction(7, 4)),
        PlannedStep(date(2026, 12, 7), date(2026, 12, 20), Fraction(3, 2)),
        PlannedStep(date(2026, 12, 21), None, Fraction(0)),
    )
    return TaperCarePlan("CarePlan/p", OURS, status, course, created_on=date(2026, 11, 6))


def test_the_care_plan_tells_the_doses_after_the_last_order(tell, told):
    """Orders reach to 6 December; what comes then stands in the plan."""
    assert told(*two_steps(tell), taper_plans=(care_plan(),)) == (
        "a taper is in progress: 1.75 mg/day now, 1.5 mg/day from 2026-12-07, its orders reach to "
        "2026-12-06, its care plan reaches 0 mg/day on 2026-12-21; on plan"
    )


def test_a_step_that_nobody_ordered_in_time_is_not_on_plan(tell, told):
    """On 8 December 1.5 mg is planned, and another order of 1.75 mg goes on."""
    other = tell.record("o", "clonazepam 1 mg tablet", "1.75", starts=date(2026, 12, 7))
    found = told(*two_steps(tell), other, on=date(2026, 12, 8), taper_plans=(care_plan(),))
    assert found == (
        "a taper is in progress: 1.5 mg/day now, 0 mg/day from 2026-12-21, its orders reach to "
        "2026-12-06; not on plan: 1.75 mg/day today, planned 1.5 mg/day"
    )


def test_a_draft_of_the_care_plan_says_what_comes_and_holds_nobody_to_it(tell, told):
    """The EHR signs orders; that the plan beside them stays a draft makes no step overdue."""
    first = two_steps(tell)[0]
    other = tell.record("o", "clonazepam 1 mg tablet", "1.875", starts=date(2026, 11, 23))
    found = told(first, other, taper_plans=(care_plan("draft"),))
    assert found == (
        "a taper is in progress: 1.75 mg/day planned for today, 1.5 mg/day from 2026-12-07, its "
        "orders reach to 2026-11-22, its care plan reaches 0 mg/day on 2026-12-21"
    )


def test_a_plan_saved_without_orders_is_a_taper_that_nobody_signed(tell, told):
    assert told(taper_plans=(care_plan("draft"),)) == (
        "a taper is in progress: a draft care plan, saved on 2026-11-06, not signed yet (1.75 "
        "mg/day planned for today, 1.5 mg/day from 2026-12-07, its care plan reaches 0 mg/day on "
        "2026-12-21)"
    )
    assert told(taper_plans=(care_plan("revoked"),)) is None


def test_an_order_written_for_longer_than_its_step_is_stalled_and_no_longer_hold(tell, told):
    """Planned are steps of 14 days. Cut to 1.875 mg on 28 September, 56 days ago; 2 x 14 are 28."""
    before = tell.record(
        "b", mg_per_day="2", starts=date(2026, 1, 1), ends=date(2026, 9, 27), status="completed"
    )
    goes_on = step(tell, "s1", "1.875", date(2026, 9, 28), date(2026, 12, 31))
    plan = care_plan(
        "active",
        PlannedStep(date(2026, 9, 28), date(2026, 10, 11), Fraction(15, 8)),
        PlannedStep(date(2026, 10, 12), date(2026, 10, 25), Fraction(7, 4)),
        PlannedStep(date(2026, 10, 26), None, Fraction(3, 2)),
    )
    found = told(before, goes_on, taper_plans=(plan,))
    assert found is not None
    assert found.endswith("; stalled: last cut 56 days ago; 2 holds are 28 days")


# --- somebody else's plan ---------------------------------------------------------------------


def test_orders_of_another_system_s_group_whose_doses_fall_are_a_taper(tell, told):
    assert told(*two_steps(tell, group=THEIRS)) == (
        "a taper is in progress: 1.75 mg/day now, its orders reach to 2026-12-06; on plan"
    )


def test_orders_of_another_system_s_group_whose_doses_rise_are_none(tell, told):
    first, _ = two_steps(tell, group=THEIRS)
    more = step(tell, "s2", "2", date(2026, 11, 23), date(2026, 12, 6), group=THEIRS)
    assert told(first, more) is None


def test_our_plan_is_told_before_somebody_else_s(tell, told):
    theirs = [
        step(tell, "t1", "1", date(2026, 11, 9), date(2026, 11, 29), group=THEIRS),
        step(tell, "t2", "0.5", date(2026, 11, 30), date(2026, 12, 20), group=THEIRS),
    ]
    found = taper_in_progress(tell.patient(medications=[*theirs, *two_steps(tell)]), tell.today)
    assert found is not None
    assert found.ours


def order_in_words(text):
    """An order of 0.5 mg tablets that says everything in its text, written on 2 November."""
    return {
        "resourceType": "MedicationRequest",
        "id": "t",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-11-02",
        "medicationCodeableConcept": {"text": "clonazepam 0.5 mg tablet"},
        "dosageInstruction": [{"text": text}],
    }


def in_words(text, on=date(2026, 11, 23)):
    facts = read_chart(Resources({"MedicationRequest": (order_in_words(text),)}), on).facts
    found = taper_in_progress(facts, on)
    return None if found is None else found.in_words()


def test_a_taper_that_stands_only_in_a_text_is_read_from_it():
    """2 to 15 November 4 tablets, 16 to 29 November 3, 30 November to 13 December 2."""
    text = "4 tablets daily for 14 days, then 3 tablets daily for 14 days, "
    assert in_words(text + "then 2 tablets daily for 14 days") == (
        "a taper is in progress: 1.5 mg/day now, 1 mg/day from 2026-11-30, its order reaches to "
        "2026-12-13; on plan"
    )


def test_a_text_whose_last_dose_goes_on_is_a_taper_until_that_is_reached():
    """3 tablets until 29 November, then 2: from 30 November on 1 mg is the goal."""
    text = "4 tablets daily for 14 days, then 3 tablets daily for 14 days, then 2 tablets daily"
    assert in_words(text) == (
        "a taper is in progress: 1.5 mg/day now, 1 mg/day from 2026-11-30; on plan"
    )
    assert in_words(text, date(2026, 11, 30)) is not None
    assert in_words(text, date(2026, 12, 1)) is None


def test_a_text_that_is_not_wholly_understood_is_no_taper():
    assert in_words("4 tablets daily, wean as able") is None


def replacing(tell, *doses):
    """Orders of 30 days in turn, each naming the one before; the last begins today."""
    last = len(doses) - 1
    return [
        tell.order(
            f"o{number}",
            mg,
            ago=30 * (last - number),
            until=30 * (last - number) - 29,
            replaces=() if number == 0 else (f"o{number - 1}",),
            status="active" if number == last else "completed",
        )
        for number, mg in enumerate(doses)
    ]


def test_orders_that_replace_each_other_with_two_cuts_are_a_taper(tell, told):
    """2 mg until 24 October, 1.5 mg until 22 November, 1 mg from today to 22 December."""
    assert told(*replacing(tell, "2", "1.5", "1")) == (
        "a taper is in progress: 1 mg/day now, its orders reach to 2026-12-22; on plan"
    )


def test_it_begins_with_its_first_cut_and_not_with_the_years_before(tell):
    """2 mg for three times 30 days, then 1.5 mg from 24 October on (30 days ago)."""
    facts = tell.patient(medications=replacing(tell, "2", "2", "2", "1.5", "1"))
    (taper,) = tapers(facts, clonazepam_stretches(facts, tell.today), tell.today, taper_signs())
    assert taper.begun == date(2026, 10, 24)
    assert taper.hold_days == 30


@pytest.mark.parametrize(
    "doses",
    [
        # One order that replaces another by less is a change of dose.
        ("2", "1.5"),
        # A rise between the cuts.
        ("2", "1.5", "2", "1.5"),
        # Renewals.
        ("2", "2", "2"),
    ],
)
def test_orders_that_replace_each_other_otherwise_are_no_taper(tell, told, doses):
    assert told(*replacing(tell, *doses)) is None


# --- what was handed over ---------------------------------------------------------------------


def handed(tell, key, tablets, days, ago, **more):
    """So many tablets of 1 mg, handed over so many days ago for so many days."""
    unit = known_unit("tablet")
    assert unit is not None
    quantity = None if tablets is None else Amount(Fraction(tablets), Fraction(tablets), unit)
    return tell.fill(key, days, ago=ago, quantity=quantity, **more)


@pytest.mark.parametrize(
    ("tablets", "answer"),
    [
        # 28 mg for 9 to 22 November; planned until 29 November are 26.25 + 7 x 1.75 = 38.5 mg.
        (28, "on plan"),
        (38, "on plan"),
        (
            39,
            "not on plan: 39 mg were handed over since it began, and 38.5 mg are planned until "
            "7 days after they last",
        ),
    ],
)
def test_no_more_is_handed_over_than_is_planned(tell, told, tablets, answer):
    found = told(*two_steps(tell), handed(tell, "f", tablets, 14, 14))
    assert found is not None
    assert found.split("; ", 1)[1] == answer


def test_a_fill_some_days_early_is_on_plan(tell, told):
    """28 mg on 9 November for 14 days, 26 mg on 20 November (3 days early) for 14 days.

    Taken one after the other they last until 6 December: 54 mg. Planned until 13 December are
    26.25 + 24.5 + 7 x 1.75 = 63 mg.
    """
    fills = [handed(tell, "f1", 28, 14, 14), handed(tell, "f2", 26, 14, 3)]
    found = told(*two_steps(tell), *fills)
    assert found is not None
    assert found.endswith("; on plan")


def test_supply_from_before_the_taper_is_not_counted(tell, told):
    """60 tablets of 8 November, the day before: the first steps may be taken from them."""
    found = told(*two_steps(tell), handed(tell, "old", 60, 30, 15))
    assert found is not None
    assert found.endswith("; on plan")


def test_a_refill_of_the_old_dose_is_not_on_plan_and_reverses_the_taper(tell, told):
    """28 mg on 9 November for 14 days, 64 mg on 20 November for 30: taken until 22 December.

    Planned until 29 December are 26.25 + 24.5 + 23 x 1.75 = 91 mg, and 92 mg were handed over.
    1.875 mg/day for 30 + 7 days are 69.375 mg, so the second fill alone is not too much; one of 70
    mg is.
    """
    orders, first = two_steps(tell), handed(tell, "f1", 28, 14, 14)
    found = told(*orders, first, handed(tell, "f2", 64, 30, 3))
    assert found is not None
    assert found.split("; ", 1)[1] == (
        "not on plan: 92 mg were handed over since it began, and 91 mg are planned until 7 days "
        "after they last"
    )
    found = told(*orders, first, handed(tell, "f2", 70, 30, 3))
    assert found is not None
    assert found.endswith(
        "; reversed: a fill of 70 mg for 30 days, and 1.875 mg/day were ordered before it"
    )


def test_a_fill_that_states_no_amount_leaves_open_whether_it_is_on_plan(tell, told):
    found = told(*two_steps(tell), handed(tell, "f", None, 14, 14))
    assert found is not None
    assert found.split("; ", 1)[1] == (
        "whether it is on plan is not known: how much was handed over since it began, or for how "
        "many days, is not stated"
    )


def test_an_order_above_the_plan_is_known_whatever_the_fills_do_not_say(tell, told):
    """1.75 mg is planned, and 1 mg more is ordered beside it."""
    more = tell.order("more", "1", ago=2)
    found = told(*two_steps(tell), more, handed(tell, "f", None, 14, 14))
    assert found is not None
    assert found.split("; ", 1)[1] == (
        "not on plan: 2.75 mg/day today, planned 1.75 mg/day; "
        "reversed: 2.75 mg/day today, at least 1.875 mg/day in 60 days"
    )


# --- card and report --------------------------------------------------------------------------


def test_card_and_report_speak_of_the_same_taper(tell):
    facts = tell.patient(medications=two_steps(tell))
    card = taper_in_progress(facts, tell.today)
    stretches = clonazepam_stretches(facts, tell.today)
    signs = taper_signs()
    running = taper_under_way(
        tapers(facts, stretches, tell.today, signs), stretches, tell.today, signs
    )
    assert card is not None
    assert running is not None
    assert running.sources == tuple(sorted(record.source for record in card.records))
    assert running.planned_on(tell.today) == Fraction(7, 4)
