"""What the label forbids clonazepam for (CLINICAL section 4, contraindication).

Significant liver disease, acute narrow-angle glaucoma, and an allergy to a benzodiazepine: these
three the label names, and no other.
"""

from datetime import date

import pytest

from clinical.checks.contraindication import contraindication
from clinical.drugs import Unrecognised
from clinical.facts import AllergyFact, ConditionFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
GAP = Unknown("the list was refused (403)")


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        facts.setdefault("allergies", ())
        return contraindication(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


def allergy(agent="lorazepam", **told):
    return AllergyFact("AllergyIntolerance/a", agent, told.pop("benzodiazepine", True), **told)


# --- Conditions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        ("hepatic_impairment", "significant liver disease"),
        ("angle_closure_glaucoma_acute", "acute narrow-angle glaucoma"),
    ],
)
def test_each_condition_of_the_label_is_critical(check, concept, words):
    verdict = check(conditions=[concept])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.summary) == (Severity.CRITICAL, f"with {words}")
    assert verdict.why == f"the chart has {words}, and the label forbids clonazepam then"
    assert verdict.sources == (f"Condition/{concept}",)


def test_two_are_one_finding(check):
    verdict = check(conditions=["hepatic_impairment"], allergies=(allergy(),))
    assert verdict.why == (
        "the chart has significant liver disease and an allergy to lorazepam, and the label "
        "forbids clonazepam then"
    )


def test_a_condition_that_is_not_confirmed_is_a_warning_and_says_so(check):
    suspected = ConditionFact("Condition/l", "hepatic_impairment", True, confirmed=False)
    verdict = check(conditions=[suspected])
    assert verdict.severity is Severity.WARNING
    assert verdict.summary == "with significant liver disease (not confirmed)"


def test_a_resolved_condition_does_not_count(check):
    over = ConditionFact("Condition/g", "angle_closure_glaucoma_acute", active=False)
    assert isinstance(check(conditions=[over]), Clear)


def test_porphyria_is_no_contraindication_and_is_told(check):
    verdict = check(conditions=["porphyria"])
    assert isinstance(verdict, Clear)
    assert verdict.why.endswith("porphyria is: the label asks for care and does not forbid it")


def test_myasthenia_is_none_of_the_label(check):
    assert isinstance(check(conditions=["myasthenia_gravis"]), Clear)


# --- Allergies --------------------------------------------------------------------------


def test_an_allergy_to_any_benzodiazepine_is_critical(check):
    verdict = check(allergies=(allergy(),))
    assert (verdict.severity, verdict.summary) == (
        Severity.CRITICAL,
        "with an allergy to lorazepam",
    )
    assert verdict.sources == ("AllergyIntolerance/a",)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"intolerance": True}, "with an intolerance of lorazepam"),
        ({"confirmed": False}, "with an allergy to lorazepam (not confirmed)"),
    ],
)
def test_an_intolerance_or_an_unconfirmed_allergy_is_a_warning(check, told, words):
    verdict = check(allergies=(allergy(**told),))
    assert (verdict.severity, verdict.summary) == (Severity.WARNING, words)
    assert verdict.why.endswith("which may be a contraindication of the label")


def test_a_certain_condition_beside_a_doubtful_allergy_stays_critical(check):
    verdict = check(conditions=["hepatic_impairment"], allergies=(allergy(confirmed=False),))
    assert verdict.severity is Severity.CRITICAL


def test_another_allergy_does_not_count(check):
    assert isinstance(check(allergies=(allergy("penicillin", benzodiazepine=False),)), Clear)


def test_allergies_that_were_not_asked_for_are_said(check):
    verdict = check(allergies=Unknown("allergies were not asked for"))
    assert verdict == Clear(
        "no significant liver disease and no acute narrow-angle glaucoma is in the chart; "
        "allergies were not asked for"
    )


# --- Who takes it already ---------------------------------------------------------------


def test_who_takes_it_already_is_not_to_stop_it_abruptly(check, tell):
    now = [tell.record("old", mg_per_day="0.5")]
    line = "Clonazepam is taken now: do not stop it abruptly, agree with a specialist how it ends."
    assert line in check(conditions=["hepatic_impairment"], medications=now).details
    assert line not in check(conditions=["hepatic_impairment"]).details


# --- Not evaluable, and no order --------------------------------------------------------


@pytest.mark.parametrize("gap", ["conditions_gap", "allergies_gap"])
def test_a_list_that_failed_is_never_clear(check, gap):
    assert check(**{gap: GAP}) == NotEvaluable(
        "whether a contraindication is in the chart: the list was refused (403)"
    )
    assert isinstance(check(conditions=["hepatic_impairment"], **{gap: GAP}), Fired)


def test_without_a_clonazepam_order_it_is_clear(check, tell):
    assert check(drafts=[], conditions=["hepatic_impairment"]) == Clear("no clonazepam order")


def test_a_draft_without_a_name_may_be_clonazepam(check, tell):
    nameless = tell.draft("1", name="")
    assert isinstance(nameless.record.drug, Unrecognised)
    assert isinstance(check(drafts=[nameless]), NotEvaluable)
