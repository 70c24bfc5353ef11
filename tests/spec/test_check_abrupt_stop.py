"""Clonazepam is stopped, or cut too fast (CLINICAL section 4, abrupt-stop).

Nobody who is likely to be physically dependent should be taken off at once: that can bring
seizures. Today is 23 Nov 2026. "For long" is an order of 400 days ago that is still active: over
3 months on every day of the week, so that dependence is likely at any dose (ASAM table 2).
"""

from datetime import date
from fractions import Fraction

import pytest

from clinical.assess import assess
from clinical.checks.abrupt_stop import abrupt_stop
from clinical.daily_dose import DailyDose, DoseCourse, DoseStep
from clinical.facts import OWN_PLAN, DraftOrder, Unknown
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, SetAside, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)


@pytest.fixture
def case(tell):
    def run(**facts):
        return OrderCase(tell.patient(**facts), TODAY, default_policy())

    return run


@pytest.fixture
def check(case):
    return lambda **facts: abrupt_stop(case(**facts))


@pytest.fixture
def for_long(tell):
    """The present order: 2 mg/day, written 400 days ago."""
    return tell.order("old", "2", ago=400)


def stopping(tell, key="old", mg="2", status="stopped", *, selected=True, **more):
    """The draft that ends an order: the same order, with another status."""
    return DraftOrder(tell.order(key, mg, ago=400, status=status, **more), selected)


# --- An order is stopped ----------------------------------------------------------------


@pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "on-hold"])
def test_an_order_that_is_ended_after_long_use_is_an_abrupt_stop(check, tell, for_long, status):
    verdict = check(medications=[for_long], drafts=[stopping(tell, status=status)])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.summary) == (
        Severity.WARNING,
        "2 mg/day is being stopped at once",
    )
    assert verdict.sources == ("MedicationRequest/old",)
    assert verdict.why == (
        "clonazepam 2 mg/day is stopped at once, and physical dependence is likely: over a year "
        "at 2 mg/day, if taken as ordered"
    )
    assert verdict.details[0] == (
        "A fall of more than 25 % in 14 days can cause seizures: taper from the present dose "
        "instead."
    )


def test_an_order_that_says_not_to_give_it_is_a_stop(check, tell, for_long):
    forbids = tell.draft(None, do_not_perform=True)
    assert isinstance(check(medications=[for_long], drafts=[forbids]), Fired)


def test_a_stop_may_name_the_order_as_its_prior(check, tell, for_long):
    ends = DraftOrder(tell.record("end", status="cancelled", replaces=("old",)))
    assert isinstance(check(medications=[for_long], drafts=[ends]), Fired)


def test_what_was_entered_in_error_is_no_stop(check, tell, for_long):
    drafts = [stopping(tell, status="entered-in-error")]
    assert check(medications=[for_long], drafts=drafts) == Clear(
        "no clonazepam is being stopped, and none is ordered"
    )


def test_a_stop_that_is_not_selected_is_not_nagged_about(check, tell, for_long):
    drafts = [stopping(tell, selected=False), DraftOrder(tell.record("x", "metformin 500 mg"))]
    assert isinstance(check(medications=[for_long], drafts=drafts), Clear)


def test_an_order_that_had_ended_before_is_no_present_dose(check, tell):
    ended = tell.order("old", "2", ago=400, until=40, status="completed")
    assert isinstance(check(medications=[ended], drafts=[stopping(tell)]), Clear)


def test_a_stopped_order_that_the_chart_does_not_hold_speaks_for_itself(check, tell):
    verdict = check(medications=[], drafts=[stopping(tell)])
    assert isinstance(verdict, Fired)
    assert verdict.summary == "2 mg/day is being stopped at once"


def test_a_stop_is_one_whatever_the_dose(check, tell):
    """One tablet a day of a strength that is not known: all of it ends."""
    one = DailyDose("tablet", Fraction(1), Fraction(1), Fraction(1), False, "1/day x 1 tablet")
    course = DoseCourse(one, (DoseStep(None, None, one),))
    order = tell.order("old", ago=400, course=course)
    verdict = check(medications=[order], drafts=[stopping(tell, course=course)])
    assert isinstance(verdict, Fired)
    assert verdict.summary == "is being stopped at once"


def test_without_any_dosage_dependence_cannot_be_estimated(check, tell):
    unknown = tell.order("old", None, ago=400)
    verdict = check(medications=[unknown], drafts=[stopping(tell, mg=None)])
    assert isinstance(verdict, NotEvaluable)
    assert "on how many days of a week it is taken is not stated" in verdict.why


# --- What goes on counts ----------------------------------------------------------------


def test_a_stop_while_another_draft_continues_the_same_dose_is_none(check, tell, for_long):
    drafts = [stopping(tell), tell.draft("2", name="clonazepam 0.5 mg tablet")]
    assert isinstance(check(medications=[for_long], drafts=drafts), Clear)


def test_a_new_order_may_begin_on_the_day_after_the_stop(check, tell, for_long):
    tomorrow = tell.draft("2", starts=date(2026, 11, 24))
    assert isinstance(check(medications=[for_long], drafts=[stopping(tell), tomorrow]), Clear)
    # Two days without any are a stop: nothing is taken on 24 and 25 November.
    later = tell.draft("2", starts=date(2026, 11, 26))
    assert isinstance(check(medications=[for_long], drafts=[stopping(tell), later]), Fired)


@pytest.mark.parametrize(
    ("stopped_mg", "left_mg", "fires"),
    [
        # 0.5 of 2 is 25 %, and not more.
        ("0.5", "1.5", False),
        # 0.75 of 2 is 37.5 %.
        ("0.75", "1.25", True),
    ],
)
def test_of_two_orders_the_remaining_total_counts(check, tell, stopped_mg, left_mg, fires):
    both = [tell.order("old", stopped_mg, ago=400), tell.order("other", left_mg, ago=400)]
    verdict = check(medications=both, drafts=[stopping(tell, mg=stopped_mg)])
    assert isinstance(verdict, Fired if fires else Clear)
    if fires:
        assert verdict.summary == "cut from 2 mg/day to 1.25 mg/day"
        assert verdict.why.startswith(
            "clonazepam is cut from 2 mg/day to 1.25 mg/day, by 37.5 %, and"
        )


def test_a_dose_that_ends_by_its_own_instructions_is_no_stop(check, tell, for_long):
    """A week's supply of the same dose: what comes after it is another decision."""
    a_week = tell.draft("2", replaces=("old",), ends=date(2026, 11, 29))
    assert isinstance(check(medications=[for_long], drafts=[a_week]), Clear)


# --- A new order by less ----------------------------------------------------------------


@pytest.mark.parametrize(("mg", "fires"), [("1.5", False), ("1.499", True), ("1", True)])
def test_a_replacement_may_cut_by_a_quarter_and_not_by_more(check, tell, for_long, mg, fires):
    verdict = check(medications=[for_long], drafts=[tell.draft(mg, replaces=("old",))])
    assert isinstance(verdict, Fired if fires else Clear)


def test_a_cut_just_above_a_quarter_does_not_read_as_a_quarter(check, tell, for_long):
    # 0.501 of 2 mg is 25.05 %.
    verdict = check(medications=[for_long], drafts=[tell.draft("1.499", replaces=("old",))])
    assert "from 2 mg/day to 1.499 mg/day, by 25.1 %, and" in verdict.why


def test_the_same_order_signed_again_by_less_is_a_cut(check, tell, for_long):
    assert isinstance(check(medications=[for_long], drafts=[tell.draft("1", key="old")]), Fired)


def test_a_new_order_without_a_link_is_taken_to_replace_the_present_one(check, tell, for_long):
    verdict = check(medications=[for_long], drafts=[tell.draft("1")])
    assert isinstance(verdict, Fired)
    assert "If the present orders continue beside the new one, nothing is cut." in verdict.details


def test_where_a_stop_says_what_ends_the_other_order_goes_on(check, tell):
    """1 mg is exchanged for 1 mg of other tablets, and 1 mg beside it goes on: 2 mg as before."""
    both = [tell.order("old", "1", ago=400), tell.order("other", "1", ago=400)]
    drafts = [stopping(tell, mg="1"), tell.draft("1", name="clonazepam 0.5 mg tablet")]
    assert isinstance(check(medications=both, drafts=drafts), Clear)


@pytest.mark.parametrize(
    ("second_step_on", "fires"),
    # 23 November is the first of the 14 days, 6 December the last.
    [(date(2026, 12, 6), True), (date(2026, 12, 7), False)],
)
def test_steps_add_up_for_fourteen_days(check, tell, for_long, second_step_on, fires):
    """2 mg, then 1.75 (12.5 %), then 1.25: 37.5 % of the present dose."""
    first = tell.draft(
        "1.75",
        replaces=("old",),
        starts=TODAY,
        ends=date.fromordinal(second_step_on.toordinal() - 1),
    )
    second = tell.draft("1.25", key="second", replaces=("new",), starts=second_step_on)
    verdict = check(medications=[for_long], drafts=[first, second])
    assert isinstance(verdict, Fired if fires else Clear)


def test_a_fall_that_the_present_order_states_itself_is_not_of_this_signing(check, tell):
    """An order goes from 2 to 1 mg in a week; what is signed beside it is the same 0.5 mg."""
    steps = [("2", None, date(2026, 11, 29)), ("1", date(2026, 11, 30), None)]
    doses = [
        DoseStep(starts, ends, DailyDose("mg", *[Fraction(mg)] * 3, False, f"{mg} mg/day as told"))
        for mg, starts, ends in steps
    ]
    falling = tell.order("falls", ago=400, course=DoseCourse(doses[0].dose, tuple(doses)))
    beside = tell.order("old", "0.5", ago=400)
    again = tell.draft("0.5", replaces=("old",))
    assert isinstance(check(medications=[falling, beside], drafts=[again]), Clear)


def test_where_the_tablets_make_no_smaller_cut_it_is_information(check, tell):
    """0.25 to 0.125 mg is half, and no tablet is smaller than 0.125 mg."""
    low = tell.order("old", "0.25", ago=400)
    verdict = check(medications=[low], drafts=[tell.draft("0.125", replaces=("old",))])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.INFORMATION
    assert "The tablets make no smaller cut than 0.125 mg." in verdict.details


# --- Likely to be dependent, or not -----------------------------------------------------


def test_after_short_use_a_stop_is_acceptable(check, tell):
    # 20 days: under a month.
    verdict = check(
        medications=[tell.order("old", "2", ago=19)],
        drafts=[DraftOrder(tell.order("old", "2", ago=19, status="stopped"))],
    )
    assert isinstance(verdict, Clear)
    assert verdict.why == (
        "clonazepam 2 mg/day is stopped at once; physical dependence is lower but possible: 20 "
        "days at 2 mg/day, if taken as ordered"
    )


def test_since_when_it_is_taken_may_decide_and_not_be_known(check, tell):
    undated = tell.record("old", mg_per_day="2")
    verdict = check(
        medications=[undated],
        drafts=[DraftOrder(tell.record("old", mg_per_day="2", status="stopped"))],
    )
    assert isinstance(verdict, NotEvaluable)
    assert verdict.why == (
        "clonazepam 2 mg/day is stopped at once; whether dependence is likely is not known: since "
        "when clonazepam is taken is not stated"
    )


def test_an_incomplete_list_fires_on_what_is_known_and_is_never_clear(check, tell, for_long):
    gap = Unknown("the list of medications is incomplete")
    stop = [stopping(tell)]
    assert isinstance(check(medications=[for_long], drafts=stop, medications_gap=gap), Fired)
    short = [tell.order("old", "2", ago=19)]
    assert isinstance(check(medications=short, drafts=stop, medications_gap=gap), NotEvaluable)
    nothing = check(drafts=[tell.draft("1")], medications_gap=gap)
    assert nothing == NotEvaluable(
        "whether a present dose is cut is not known: the list of medications is incomplete"
    )


def test_a_present_medicine_without_a_name_may_be_clonazepam(check, tell):
    nameless = tell.record("x", "", "1")
    verdict = check(medications=[nameless], drafts=[tell.draft("1")])
    assert isinstance(verdict, NotEvaluable)


def test_a_new_dose_that_cannot_be_computed_is_not_evaluable(check, tell, for_long):
    verdict = check(medications=[for_long], drafts=[tell.draft(None, replaces=("old",))])
    assert verdict == NotEvaluable(
        "the new dose cannot be computed (MedicationRequest/new: no dosage was given)",
        ("MedicationRequest/new",),
    )


def test_a_change_to_another_benzodiazepine_is_not_evaluable(check, tell, for_long):
    """Published ratios differ twofold: 1 mg of clonazepam is 10 or 20 mg of diazepam."""
    diazepam = tell.draft("20", key="d", name="diazepam 10 mg tablet")
    verdict = check(medications=[for_long], drafts=[stopping(tell), diazepam])
    assert isinstance(verdict, NotEvaluable)
    assert "published ratios differ twofold" in verdict.why


# --- Set aside --------------------------------------------------------------------------


def test_an_accepted_plan_of_ours_is_never_an_abrupt_stop(case, tell, for_long):
    """0.5 to 0.25 mg is half, as a plan of ours has it near its end."""
    low = tell.order("old", "0.5", ago=400)
    plan = tell.draft("0.25", replaces=("old",), group=f"{OWN_PLAN}|t1")
    drafts = [plan, stopping(tell, mg="0.5")]
    assessment = assess(case(medications=[low], drafts=drafts))
    assert isinstance(assessment.verdict(CheckId.ABRUPT_STOP), SetAside)


def test_comfort_care_does_not_set_it_aside(case, tell, for_long):
    found = assess(
        case(medications=[for_long], drafts=[stopping(tell)], conditions=["hospice", "palliative"])
    )
    assert isinstance(found.verdict(CheckId.ABRUPT_STOP), Fired)


# --- The four main checks ---------------------------------------------------------------


def test_a_stop_alone_is_no_clonazepam_order_for_the_main_checks(case, tell, for_long):
    found = assess(case(medications=[for_long], drafts=[stopping(tell)]))
    for check in (CheckId.HIGH_DOSE, CheckId.DOSE_ESCALATION, CheckId.OLDER_ADULT):
        assert found.verdict(check) == Clear("no clonazepam order")


def test_a_stopped_order_does_not_add_up_with_the_new_one(case, tell, for_long):
    """1 mg is ordered and 2 mg are stopped: 1 mg after signing, and never 3."""
    effect = case(medications=[for_long], drafts=[stopping(tell), tell.draft("1")]).effect
    assert str(effect.replacing) == str(effect.adding) == "1 mg/day"
    assert str(effect.baseline) == "2 mg/day"


def test_the_case_says_what_is_stopped_and_what_is_left(case, tell):
    both = [tell.order("old", "0.75", ago=400), tell.order("other", "1.25", ago=400)]
    stopped = case(medications=both, drafts=[stopping(tell, mg="0.75")]).stopped
    assert [record.source for record in stopped.orders] == ["MedicationRequest/old"]
    assert (str(stopped.present), str(stopped.remaining)) == ("2 mg/day", "1.25 mg/day")
    assert not stopped.whole
