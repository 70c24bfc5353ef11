"""From 65 on: falls, fractures and confusion (CLINICAL section 3, older-adult-fall-risk)."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from clinical.checks.older_adult_fall_risk import older_adult_fall_risk
from clinical.facts import BirthDate, ConditionFact, ObservationFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
BORN_72 = date(1954, 3, 1)


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        return older_adult_fall_risk(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


@pytest.mark.parametrize(
    ("born", "fires"),
    [
        (date(1961, 11, 23), True),  # 65 today
        (date(1961, 11, 24), False),  # 65 tomorrow
    ],
)
def test_it_fires_from_the_65th_birthday_on(check, born, fires):
    assert isinstance(check(born=born), Fired if fires else Clear)


@pytest.mark.parametrize(("year", "verdict"), [(1960, Fired), (1961, NotEvaluable), (1962, Clear)])
def test_a_birth_year_may_be_certain_or_not(check, year, verdict):
    """On 23 November 2026 somebody born in 1960 is 65 or 66, in 1961 64 or 65, in 1962 63 or 64."""
    born = BirthDate(date(year, 1, 1), date(year, 12, 31))
    assert isinstance(check(born=born), verdict)


def test_a_missing_birth_date_is_not_evaluable(check):
    assert check(born=None) == NotEvaluable("the patient's birth date was not supplied")


def test_age_alone_is_a_warning(check):
    verdict = check(born=BORN_72)
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (Severity.WARNING, "age 72")


@pytest.mark.parametrize(
    "concept",
    [
        "falls_history",
        "fall_event",
        "fracture",
        "gait_problem",
        "osteoporosis",
        "dementia",
        "delirium",
    ],
)
def test_each_risk_makes_it_critical(check, concept):
    verdict = check(born=BORN_72, conditions=[concept])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.CRITICAL
    assert f"Condition/{concept}" in verdict.sources


def screening(value, on=date(2026, 10, 5), key="f"):
    return ObservationFact(f"Observation/{key}", "falls", value, on)


@pytest.mark.parametrize("value", [Fraction(2), True])
def test_a_positive_falls_screening_makes_it_critical(check, value):
    """Two falls in the past year, or points of the Morse scale."""
    verdict = check(born=BORN_72, observations=(screening(value),))
    assert (verdict.severity, verdict.why) == (
        Severity.CRITICAL,
        "age 72 with a positive falls screening",
    )
    assert "Observation/f" in verdict.sources
    assert "The falls screening is of 2026-10-05." in verdict.details


@pytest.mark.parametrize("value", [Fraction(0), False])
def test_a_later_screening_without_falls_answers_an_earlier_one(check, value):
    before = screening(Fraction(1), date(2026, 1, 5), "before")
    assert check(born=BORN_72, observations=(before, screening(value))).severity is Severity.WARNING


def test_observations_that_failed_are_said_and_do_not_stop_it(check):
    verdict = check(born=BORN_72, observations=(), observations_gap=Unknown("the list failed"))
    assert verdict.severity is Severity.WARNING
    assert "A falls screening could not be looked up: the list failed." in verdict.details


def test_an_old_fracture_no_longer_does(check):
    old = ConditionFact("Condition/f", "fracture", True, TODAY - timedelta(days=366))
    verdict = check(born=BORN_72, conditions=[old])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING


def test_a_resolved_condition_is_not_counted(check):
    resolved = ConditionFact("Condition/d", "delirium", active=False)
    verdict = check(born=BORN_72, conditions=[resolved])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING


def test_three_cns_active_ingredients_counting_clonazepam_are_critical(check, tell):
    verdict = check(
        born=BORN_72,
        medications=[
            tell.record("a", "sertraline 50 mg tablet"),
            tell.record("b", "gabapentin 300 mg capsule"),
        ],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.CRITICAL
    assert verdict.why.endswith("3 CNS-active medicines (clonazepam, gabapentin and sertraline)")


def test_ingredients_are_counted_once_and_not_as_classes(check, tell):
    """Two orders of clonazepam and one of sertraline are two ingredients."""
    verdict = check(
        born=BORN_72,
        medications=[
            tell.record("c", mg_per_day="0.5"),
            tell.record("a", "sertraline 50 mg tablet"),
            tell.record("b", "sertraline 100 mg tablet"),
        ],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING


@pytest.mark.parametrize(
    "concept", ["seizure_disorder", "rbd", "alcohol_withdrawal", "benzodiazepine_withdrawal"]
)
def test_a_use_that_beers_calls_appropriate_is_information(check, concept):
    verdict = check(born=BORN_72, conditions=[concept])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.INFORMATION


def test_an_appropriate_use_with_a_fall_is_still_a_warning(check):
    verdict = check(born=BORN_72, conditions=["rbd", "falls_history"])
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING


def test_missing_conditions_do_not_stop_it(check):
    verdict = check(born=BORN_72, conditions_gap=Unknown("the list of conditions failed"))
    assert isinstance(verdict, Fired)
    assert any("the list of conditions failed" in line for line in verdict.details)


def test_an_inpatient_order_is_checked_for_age(check, tell):
    assert isinstance(check(born=BORN_72, drafts=[tell.draft("0.5", inpatient=True)]), Fired)


def test_without_a_clonazepam_order_it_is_clear(check):
    assert check(born=BORN_72, drafts=[]) == Clear("no clonazepam order")
