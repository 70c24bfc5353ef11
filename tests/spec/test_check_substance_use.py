"""Alcohol, sedative or opioid use disorder beside an order of clonazepam (CLINICAL section 4)."""

import pytest

from clinical.checks.substance_use import substance_use
from clinical.facts import ConditionFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy


def earlier(concept):
    return ConditionFact(f"Condition/{concept}", concept, active=False)


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        return substance_use(OrderCase(tell.patient(**facts), tell.today, default_policy()))

    return run


# --- What it finds ------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "why"),
    [
        ("alcohol_use_disorder", "the chart has alcohol use disorder"),
        ("sedative_use_disorder", "the chart has sedative use disorder"),
        ("opioid_use_disorder", "the chart has opioid use disorder"),
    ],
)
def test_each_present_disorder_is_a_warning(check, concept, why):
    verdict = check(conditions=[concept])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (Severity.WARNING, why)
    assert verdict.sources == (f"Condition/{concept}",)


def test_a_disorder_in_remission_is_a_history_and_information(check):
    """The boxed warning asks for the risk of each patient, and a history is part of it."""
    verdict = check(conditions=[earlier("alcohol_use_disorder")])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.INFORMATION
    assert verdict.why == "the chart has earlier alcohol use disorder"


def test_a_present_and_an_earlier_disorder_are_told_apart(check):
    verdict = check(conditions=["alcohol_use_disorder", earlier("opioid_use_disorder")])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING
    assert verdict.summary == "with alcohol use disorder and earlier opioid use disorder"


def test_an_old_record_of_a_present_disorder_makes_it_no_earlier_one(check):
    old = ConditionFact("Condition/old", "alcohol_use_disorder", active=False)
    verdict = check(conditions=["alcohol_use_disorder", old])
    assert isinstance(verdict, Fired)
    assert verdict.why == "the chart has alcohol use disorder"


# --- What is said of each -----------------------------------------------------


@pytest.mark.parametrize(
    "condition", ["opioid_use_disorder", earlier("opioid_use_disorder")], ids=["present", "earlier"]
)
def test_treatment_of_opioid_use_disorder_is_never_advised_against(check, condition):
    """In remission on buprenorphine: it is the treatment that keeps it so (ASAM 21)."""
    verdict = check(conditions=[condition])
    assert isinstance(verdict, Fired)
    assert verdict.details[-1] == (
        "Treatment of opioid use disorder goes on: do not stop it because of the "
        "benzodiazepine (ASAM 2025, statement 21)."
    )


def test_a_code_of_sedative_dependence_is_no_diagnosis_of_misuse(check):
    verdict = check(conditions=["sedative_use_disorder"])
    assert isinstance(verdict, Fired)
    assert "physical dependence on a prescribed medicine" in verdict.details[-1]
    assert "do not stop abruptly" in verdict.details[-1]


def test_present_drinking_adds_to_sedation_and_earlier_drinking_does_not(check):
    line = "Alcohol adds to sedation and slows breathing."
    present = check(conditions=["alcohol_use_disorder"])
    past = check(conditions=[earlier("alcohol_use_disorder")])
    assert isinstance(present, Fired)
    assert isinstance(past, Fired)
    assert line in present.details
    assert line not in past.details


# --- Clear, not evaluable -----------------------------------------------------


def test_without_one_it_is_clear(check):
    assert check() == Clear("no alcohol, sedative or opioid use disorder is in the chart")


def test_without_a_clonazepam_order_it_is_clear(check):
    assert check(drafts=[], conditions=["alcohol_use_disorder"]) == Clear("no clonazepam order")


def test_an_order_that_is_not_selected_does_not_nag(check, tell):
    drafts = [tell.draft("1", selected=False)]
    assert isinstance(check(drafts=drafts, conditions=["alcohol_use_disorder"]), Clear)


def test_an_order_whose_drug_nothing_names_may_be_clonazepam(check, tell):
    verdict = check(drafts=[tell.draft("1", name="")], conditions=["alcohol_use_disorder"])
    assert isinstance(verdict, NotEvaluable)


def test_a_list_of_conditions_that_failed_is_not_an_empty_one(check):
    verdict = check(conditions_gap=Unknown("the list of conditions failed"))
    assert isinstance(verdict, NotEvaluable)
    assert verdict.why.endswith("is in the chart: the list of conditions failed")
