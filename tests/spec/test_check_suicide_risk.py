"""Suicidal thoughts or behaviour beside an order of clonazepam (CLINICAL section 4)."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from clinical.checks.suicide_risk import suicide_risk
from clinical.facts import ConditionFact, ObservationFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 3)


def item_9(score, on, key="p"):
    return ObservationFact(f"Observation/{key}", "phq9_item9", Fraction(score), on)


def earlier(concept, on=None):
    return ConditionFact(f"Condition/{concept}", concept, active=False, onset=on)


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        return suicide_risk(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


# --- In the chart -------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("suicidal_ideation", "the chart has suicidal thoughts"),
        ("suicide_attempt", "the chart has a suicide attempt"),
        ("self_harm_history", "the chart has self-harm or suicidal behaviour"),
    ],
)
def test_each_is_a_warning(check, condition, why):
    verdict = check(conditions=[condition])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (Severity.WARNING, why)


def test_an_old_attempt_counts_and_its_day_is_said(check):
    verdict = check(conditions=[earlier("suicide_attempt", date(2009, 5, 1))])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING
    assert verdict.why == "the chart has a suicide attempt (2009-05-01)"


def test_of_two_attempts_the_latest_day_is_said(check):
    attempts = [
        ConditionFact("Condition/a", "suicide_attempt", False, date(2009, 5, 1)),
        ConditionFact("Condition/b", "suicide_attempt", False, date(2021, 2, 3)),
    ]
    verdict = check(conditions=attempts)
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has a suicide attempt (2021-02-03)"
    assert verdict.sources == ("Condition/a", "Condition/b")


def test_thoughts_that_the_chart_has_closed_are_information(check):
    verdict = check(conditions=[earlier("suicidal_ideation")])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.INFORMATION
    assert verdict.why == "the chart has earlier suicidal thoughts"


def test_suspected_thoughts_say_so(check):
    unsure = ConditionFact("Condition/s", "suicidal_ideation", active=True, confirmed=False)
    verdict = check(conditions=[unsure])
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has suicidal thoughts (not confirmed)"


# --- PHQ-9 item 9 -------------------------------------------------------------


@pytest.mark.parametrize(("score", "verdict"), [("0", Clear), ("1", Fired), ("3", Fired)])
def test_item_9_fires_above_0(check, score, verdict):
    assert isinstance(check(observations=(item_9(score, NOVEMBER),)), verdict)


def test_the_answer_is_told_with_its_day(check):
    verdict = check(observations=(item_9("2", NOVEMBER),))
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING
    assert verdict.why == "PHQ-9 item 9 was 2 on 2026-11-03"
    assert verdict.summary == "with PHQ-9 item 9 above 0"
    assert verdict.sources == ("Observation/p",)


@pytest.mark.parametrize(
    ("october", "november", "verdict"),
    [
        ("2", "0", Clear),  # it was 2, and has become 0
        ("0", "2", Fired),
    ],
)
def test_the_latest_answer_counts(check, october, november, verdict):
    answers = (item_9(november, NOVEMBER), item_9(october, OCTOBER, "o"))
    assert isinstance(check(observations=answers), verdict)


def test_of_two_answers_of_one_day_the_higher_counts(check):
    answers = (item_9("1", NOVEMBER), item_9("0", NOVEMBER, "q"))
    assert isinstance(check(observations=answers), Fired)


def test_an_answer_dated_tomorrow_is_not_looked_at(check):
    verdict = check(observations=(item_9("3", TODAY + timedelta(days=1)),))
    assert isinstance(verdict, Clear)


def test_an_answer_without_a_day_counts_where_no_other_has_one(check):
    verdict = check(observations=(item_9("1", None),))
    assert isinstance(verdict, Fired)
    assert verdict.why == "PHQ-9 item 9 was 1 (on a day that is not stated)"
    dated = check(observations=(item_9("1", None), item_9("0", OCTOBER, "o")))
    assert isinstance(dated, Clear)


def test_the_total_of_the_phq_9_is_none_of_this_checks_business(check):
    total = ObservationFact("Observation/t", "phq9_total", Fraction(21), NOVEMBER)
    assert isinstance(check(observations=(total,)), Clear)


def test_the_chart_and_the_answer_are_one_finding(check):
    verdict = check(
        conditions=["suicide_attempt"],
        observations=(item_9("1", NOVEMBER),),
    )
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with a suicide attempt and PHQ-9 item 9 above 0"
    assert verdict.why == "the chart has a suicide attempt; PHQ-9 item 9 was 1 on 2026-11-03"
    assert verdict.sources == ("Condition/suicide_attempt", "Observation/p")


# --- What is said of clonazepam -----------------------------------------------


def test_it_never_says_that_clonazepam_doubles_the_risk(check):
    """Clonazepam was not among the 11 drugs of FDA's analysis, whatever SEED says of it."""
    verdict = check(conditions=["suicidal_ideation"])
    assert isinstance(verdict, Fired)
    words = " ".join((verdict.summary, verdict.why, *verdict.details)).lower()
    assert "not among the 11 drugs" in words
    assert "double" not in words


# --- Clear, not evaluable -----------------------------------------------------


def test_where_nobody_asked_for_observations_it_says_what_it_did_not_look_at(check):
    assert check() == Clear(
        "no suicidal thoughts or behaviour are in the chart; PHQ-9 was not looked at: "
        "observations were not asked for"
    )


def test_where_observations_hold_no_item_9_it_says_that(check):
    assert check(observations=()) == Clear(
        "no suicidal thoughts or behaviour are in the chart; no answer to PHQ-9 item 9 is recorded"
    )


@pytest.mark.parametrize("gap", ["conditions_gap", "observations_gap"])
def test_a_list_that_failed_is_not_an_empty_one(check, gap):
    verdict = check(**{gap: Unknown("the list failed")}, observations=())
    assert verdict == NotEvaluable(
        "whether suicidal thoughts or behaviour are in the chart: the list failed"
    )


def test_a_failed_list_does_not_hide_what_another_says(check):
    gap = Unknown("the list of conditions failed")
    verdict = check(conditions_gap=gap, observations=(item_9("1", NOVEMBER),))
    assert isinstance(verdict, Fired)


def test_without_a_clonazepam_order_it_is_clear(check):
    assert check(drafts=[], conditions=["suicide_attempt"]) == Clear("no clonazepam order")


def test_an_order_that_is_not_selected_does_not_nag(check, tell):
    drafts = [tell.draft("1", selected=False)]
    assert isinstance(check(drafts=drafts, conditions=["suicide_attempt"]), Clear)


def test_an_order_whose_drug_nothing_names_may_be_clonazepam(check, tell):
    verdict = check(drafts=[tell.draft("1", name="")], conditions=["suicide_attempt"])
    assert isinstance(verdict, NotEvaluable)


def test_comfort_care_does_not_silence_it(check):
    """Who thinks of dying is asked about it in hospice too."""
    assert isinstance(check(conditions=["hospice", "suicidal_ideation"]), Fired)
