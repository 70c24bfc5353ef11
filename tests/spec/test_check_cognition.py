"""Impaired cognition beside an order of clonazepam (CLINICAL section 4, cognition)."""

import pytest

from clinical.checks.cognition import cognition
from clinical.facts import ConditionFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        return cognition(OrderCase(tell.patient(**facts), tell.today, default_policy()))

    return run


# --- What it finds ------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "why"),
    [
        ("dementia", "the chart has dementia"),
        ("mci", "the chart has mild cognitive impairment"),
        ("delirium", "the chart has delirium"),
    ],
)
def test_each_condition_is_a_warning_at_any_age(check, concept, why):
    """The patient of this page is 41: from 65 on the check of older adults speaks as well."""
    verdict = check(conditions=[concept])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (Severity.WARNING, why)
    assert verdict.sources == (f"Condition/{concept}",)


def test_several_are_one_finding(check):
    verdict = check(conditions=["dementia", "delirium"])
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with delirium and dementia"


def test_a_suspected_dementia_says_so(check):
    suspected = ConditionFact("Condition/d", "dementia", active=True, confirmed=False)
    verdict = check(conditions=[suspected])
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has dementia (not confirmed)"


# --- Delirium -----------------------------------------------------------------


def test_with_delirium_stopping_abruptly_is_no_way_out(check):
    verdict = check(conditions=["delirium"])
    assert isinstance(verdict, Fired)
    assert verdict.details[-1] == "Delirium may also come of stopping a benzodiazepine abruptly."


@pytest.mark.parametrize("withdrawal", ["alcohol_withdrawal", "benzodiazepine_withdrawal"])
def test_in_withdrawal_a_benzodiazepine_treats_delirium(check, withdrawal):
    verdict = check(conditions=["delirium", withdrawal])
    assert isinstance(verdict, Fired)
    assert verdict.details[-1] == (
        "Withdrawal is in the chart as well: there a benzodiazepine is the treatment."
    )


def test_a_delirium_that_is_over_is_not_counted(check):
    over = ConditionFact("Condition/d", "delirium", active=False)
    assert check(conditions=[over]) == Clear("no impaired cognition is in the chart")


# --- Clear, not evaluable -----------------------------------------------------


def test_without_a_clonazepam_order_it_is_clear(check):
    assert check(drafts=[], conditions=["dementia"]) == Clear("no clonazepam order")


def test_an_order_that_is_not_selected_does_not_nag(check, tell):
    drafts = [tell.draft("1", selected=False)]
    assert isinstance(check(drafts=drafts, conditions=["dementia"]), Clear)


def test_an_order_whose_drug_nothing_names_may_be_clonazepam(check, tell):
    verdict = check(drafts=[tell.draft("1", name="")], conditions=["dementia"])
    assert isinstance(verdict, NotEvaluable)


def test_a_list_of_conditions_that_failed_is_not_an_empty_one(check):
    verdict = check(conditions_gap=Unknown("the list of conditions failed"))
    assert verdict == NotEvaluable(
        "whether impaired cognition is in the chart: the list of conditions failed"
    )


def test_a_list_that_is_partial_does_not_hide_what_is_known(check):
    gap = Unknown("page 2 of the list failed")
    assert isinstance(check(conditions=["mci"], conditions_gap=gap), Fired)
