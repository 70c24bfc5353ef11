"""Impaired breathing beside an order of clonazepam (CLINICAL section 4, breathing)."""

import pytest

from clinical.checks.breathing import breathing
from clinical.facts import ConditionFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        return breathing(OrderCase(tell.patient(**facts), tell.today, default_policy()))

    return run


# --- What it finds ------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "why"),
    [
        ("sleep_apnoea", "the chart has sleep apnoea"),
        ("copd", "the chart has COPD"),
        ("hypoventilation", "the chart has hypoventilation"),
        ("respiratory_insufficiency", "the chart has respiratory failure"),
        ("myasthenia_gravis", "the chart has myasthenia gravis"),
    ],
)
def test_each_condition_that_impairs_breathing_is_a_warning(check, concept, why):
    verdict = check(conditions=[concept])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (Severity.WARNING, why)
    assert verdict.sources == (f"Condition/{concept}",)


def test_several_are_one_finding_the_gravest_first(check):
    verdict = check(conditions=["sleep_apnoea", "copd"])
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with COPD and sleep apnoea"


def test_two_records_of_one_condition_are_said_once(check):
    twice = [ConditionFact(f"Condition/{n}", "copd", active=True) for n in ("a", "b")]
    verdict = check(conditions=twice)
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has COPD"
    assert verdict.sources == ("Condition/a", "Condition/b")


def test_a_condition_that_is_only_suspected_says_so(check):
    suspected = ConditionFact("Condition/s", "sleep_apnoea", active=True, confirmed=False)
    verdict = check(conditions=[suspected])
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has sleep apnoea (not confirmed)"


def test_a_second_record_that_is_confirmed_settles_it(check):
    suspected = ConditionFact("Condition/s", "sleep_apnoea", active=True, confirmed=False)
    verdict = check(conditions=[suspected, "sleep_apnoea"])
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has sleep apnoea"


def test_myasthenia_gravis_says_whose_contraindication_it_is(check):
    """It is a warning here: the US label has three contraindications, and this is none of them."""
    verdict = check(conditions=["myasthenia_gravis"])
    assert isinstance(verdict, Fired)
    assert "the US label does not name it" in verdict.details[1]


# --- An opioid beside it ------------------------------------------------------


def test_an_opioid_beside_it_is_said_in_one_line(check, tell):
    """The opioid has a card of its own; here it is no second alarm."""
    verdict = check(conditions=["copd"], medications=[tell.record("oxy", "oxycodone 5 mg tablet")])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING
    assert verdict.details[-1] == "The opioid beside it slows breathing too."


def test_an_opioid_in_the_same_orders_is_said_as_well(check, tell):
    drafts = [tell.draft("0.5"), tell.draft("20", key="oxy", name="oxycodone 5 mg tablet")]
    verdict = check(conditions=["copd"], drafts=drafts)
    assert isinstance(verdict, Fired)
    assert verdict.details[-1] == "The opioid beside it slows breathing too."


def test_an_opioid_that_was_stopped_is_not(check, tell):
    stopped = tell.record("oxy", "oxycodone 5 mg tablet", status="stopped")
    verdict = check(conditions=["copd"], medications=[stopped])
    assert isinstance(verdict, Fired)
    assert not any("opioid" in line for line in verdict.details)


# --- Clear, not evaluable -----------------------------------------------------


def test_a_resolved_condition_is_not_counted(check):
    resolved = ConditionFact("Condition/s", "sleep_apnoea", active=False)
    assert check(conditions=[resolved]) == Clear("no impaired breathing is in the chart")


def test_another_condition_is_none_of_these(check):
    assert isinstance(check(conditions=["dementia"]), Clear)


def test_without_a_clonazepam_order_it_is_clear(check, tell):
    current = [tell.record("clz", mg_per_day="1")]
    verdict = check(drafts=[], medications=current, conditions=["copd"])
    assert verdict == Clear("no clonazepam order")


def test_an_order_that_is_not_selected_does_not_nag(check, tell):
    assert isinstance(check(drafts=[tell.draft("1", selected=False)], conditions=["copd"]), Clear)


def test_an_order_whose_drug_nothing_names_may_be_clonazepam(check, tell):
    verdict = check(drafts=[tell.draft("1", name="")], conditions=["copd"])
    assert verdict == NotEvaluable("the drug of MedicationRequest/new could not be identified")


def test_a_list_of_conditions_that_failed_is_not_an_empty_one(check):
    verdict = check(conditions_gap=Unknown("the list of conditions failed"))
    assert verdict == NotEvaluable(
        "whether impaired breathing is in the chart: the list of conditions failed"
    )


def test_a_list_that_is_partial_does_not_hide_what_is_known(check):
    verdict = check(conditions=["copd"], conditions_gap=Unknown("page 2 of the list failed"))
    assert isinstance(verdict, Fired)
