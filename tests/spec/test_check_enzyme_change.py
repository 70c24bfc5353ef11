"""A CYP3A4 inhibitor or inducer that starts or stops beside clonazepam (CLINICAL section 4).

Today is 23 November 2026. Within 28 days means since 26 October; what was taken on that day
already, and is taken now, is no change.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinical.checks.enzyme_change import enzyme_change
from clinical.facts import DraftOrder, RecordKind, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
NO_CHANGE = Clear("no CYP3A4 inhibitor or inducer was started or stopped within 28 days")

CLARITHROMYCIN = "clarithromycin 500 mg tablet"
CARBAMAZEPINE = "carbamazepine 200 mg tablet"


@pytest.fixture
def check(tell):
    def run(*medications, **facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        patient = tell.patient(medications=medications, **facts)
        return enzyme_change(OrderCase(patient, TODAY, default_policy()))

    return run


# --- Started ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why", "level"),
    [
        (
            CLARITHROMYCIN,
            "clarithromycin (CYP3A4 inhibitor) is being ordered",
            "may rise",
        ),
        (
            "fluconazole 150 mg tablet",
            "fluconazole (CYP3A4 inhibitor) is being ordered",
            "may rise",
        ),
        (CARBAMAZEPINE, "carbamazepine (CYP3A4 inducer) is being ordered", "may fall"),
        ("St. John's Wort capsule", "st john's wort (CYP3A4 inducer) is being ordered", "may fall"),
    ],
)
def test_one_in_the_same_orders_is_a_change(check, tell, name, why, level):
    verdict = check(drafts=[tell.draft("0.5"), tell.draft("1", key="e", name=name)])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (Severity.INFORMATION, why)
    assert level in verdict.details[0]
    assert verdict.sources == ("MedicationRequest/e",)


@pytest.mark.parametrize(
    ("ago", "verdict"),
    [
        (0, Fired),
        (27, Fired),  # 27 October
        (28, Clear),  # 26 October: taken on the day that today is compared with
        (400, Clear),
    ],
)
def test_one_that_began_within_28_days_is_a_change(check, tell, ago, verdict):
    found = check(tell.order("c", ago=ago, name=CARBAMAZEPINE))
    assert isinstance(found, verdict)


def test_the_day_on_which_it_began_is_said(check, tell):
    verdict = check(tell.order("c", ago=10, name=CARBAMAZEPINE))
    assert isinstance(verdict, Fired)
    assert verdict.why == "carbamazepine (CYP3A4 inducer) began on 2026-11-13"
    assert verdict.summary == "with carbamazepine started"


def test_a_renewal_in_the_same_orders_is_no_change(check, tell):
    renewal = tell.draft("400", key="r", name=CARBAMAZEPINE)
    verdict = check(
        tell.order("c", ago=300, name=CARBAMAZEPINE), drafts=[tell.draft("0.5"), renewal]
    )
    assert verdict == NO_CHANGE


def test_a_new_order_after_an_older_one_of_the_same_drug_is_no_change(check, tell):
    verdict = check(
        tell.order("old", ago=300, until=11, name=CARBAMAZEPINE, status="completed"),
        tell.order("new-one", ago=10, name=CARBAMAZEPINE),
    )
    assert verdict == NO_CHANGE


def test_an_order_re_signed_is_no_new_one(check, tell):
    old = tell.order("c", ago=300, name=CARBAMAZEPINE)
    again = tell.draft("400", key="c", name=CARBAMAZEPINE)
    assert check(old, drafts=[tell.draft("0.5"), again]) == NO_CHANGE


def test_an_old_course_that_nobody_closed_began_long_ago(check, tell):
    old = tell.order("c", ago=200, supply=7, refills=0, name=CLARITHROMYCIN)
    assert check(old) == NO_CHANGE


# --- Stopped ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "verdict"),
    [
        (1, Fired),  # its last day was yesterday
        (28, Fired),  # 26 October
        (29, Clear),
    ],
)
def test_one_that_ended_within_28_days_is_a_change(check, tell, until, verdict):
    ended = tell.order("c", ago=300, until=until, name=CARBAMAZEPINE, status="completed")
    assert isinstance(check(ended), verdict)


def test_when_an_inducer_stops_clonazepam_may_rise(check, tell):
    """13 November is 10 days ago."""
    verdict = check(tell.order("c", ago=300, until=10, name=CARBAMAZEPINE, status="completed"))
    assert isinstance(verdict, Fired)
    assert verdict.why == "carbamazepine (CYP3A4 inducer) ended on 2026-11-13"
    assert verdict.summary == "with carbamazepine stopped"
    assert verdict.details == (
        "The level of clonazepam may rise: watch for sedation and falls.",
        "An inducer needs about two weeks to act, and as long to cease.",
    )


def test_when_an_inhibitor_stops_clonazepam_may_fall(check, tell):
    verdict = check(tell.order("c", ago=14, until=4, name=CLARITHROMYCIN, status="completed"))
    assert isinstance(verdict, Fired)
    assert verdict.details == (
        "The level of clonazepam may fall: watch for symptoms that come back and for withdrawal, "
        "before the dose is raised.",
    )


def test_of_several_orders_the_last_to_end_is_named(check, tell):
    verdict = check(
        tell.order("a", ago=300, until=100, name=CARBAMAZEPINE, status="completed"),
        tell.order("b", ago=99, until=10, name=CARBAMAZEPINE, status="completed"),
    )
    assert isinstance(verdict, Fired)
    assert verdict.why == "carbamazepine (CYP3A4 inducer) ended on 2026-11-13"
    assert verdict.sources == ("MedicationRequest/b",)


def test_a_stop_whose_day_is_not_stated_lies_after_the_start(check, tell):
    """Written 10 days ago and stopped since: whenever that was, it was lately."""
    verdict = check(tell.order("c", ago=10, name=CLARITHROMYCIN, status="stopped"))
    assert isinstance(verdict, Fired)
    assert verdict.why == "clarithromycin (CYP3A4 inhibitor) has ended lately"


def test_a_stop_that_may_lie_within_28_days_or_before_is_not_evaluable(check, tell):
    verdict = check(tell.order("c", ago=100, name=CARBAMAZEPINE, status="stopped"))
    assert verdict == NotEvaluable(
        "whether a CYP3A4 inhibitor or inducer was started or stopped: when carbamazepine ended "
        "is not stated",
        ("MedicationRequest/c",),
    )


def test_one_that_the_same_signing_stops_is_told(check, tell):
    taken = tell.order("c", ago=300, name=CARBAMAZEPINE)
    stop = DraftOrder(replace(taken, status="stopped"))
    verdict = check(taken, drafts=[tell.draft("0.5"), stop])
    assert isinstance(verdict, Fired)
    assert verdict.why == "carbamazepine (CYP3A4 inducer) ends with this signing"


def test_one_that_the_new_order_replaces_stops(check, tell):
    verdict = check(
        tell.order("p", ago=300, name="phenobarbital 32.4 mg tablet"),
        drafts=[tell.draft("0.5", replaces=("p",))],
    )
    assert isinstance(verdict, Fired)
    assert verdict.why == "phenobarbital (CYP3A4 inducer) ends with this signing"


def test_an_order_that_was_stopped_goes_on_while_its_supply_lasts(check, tell):
    """The fill began 40 days ago and holds 60 days: taken then, and taken now."""
    verdict = check(
        tell.order("c", ago=40, name=CARBAMAZEPINE, status="stopped"),
        tell.record(
            "d",
            CARBAMAZEPINE,
            kind=RecordKind.DISPENSE,
            status="completed",
            period_starts=tell.ago(40),
            period_ends=TODAY + timedelta(days=19),
            supply_days=60,
        ),
    )
    assert verdict == NO_CHANGE


# --- Both ---------------------------------------------------------------------


def test_a_start_and_a_stop_are_one_finding_with_both_directions(check, tell):
    """An inhibitor that starts raises the level, one that stops lets it fall back."""
    verdict = check(
        tell.order("f", ago=14, until=4, name="fluconazole 150 mg tablet", status="completed"),
        drafts=[tell.draft("0.5"), tell.draft("500", key="e", name=CLARITHROMYCIN)],
    )
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with fluconazole stopped and clarithromycin started"
    assert "may rise" in verdict.details[0]
    assert "may fall" in verdict.details[1]


# --- What is none -------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "azithromycin 250 mg tablet",
        "lamotrigine 100 mg tablet",  # the label names it, and it is no CYP3A4 inducer
        "oxcarbazepine 300 mg tablet",  # a weak inducer
        "ketoconazole 2 % topical cream",
        "ciprofloxacin 0.3 % otic solution",
        "erythromycin eye ointment",
    ],
)
def test_none_of_these_is_a_change(check, tell, name):
    assert check(drafts=[tell.draft("0.5"), tell.draft("1", key="e", name=name)]) == NO_CHANGE


@pytest.mark.parametrize("told", [{"status": "entered-in-error"}, {"status": "cancelled"}])
def test_what_was_never_taken_is_no_change(check, tell, told):
    assert check(tell.order("c", ago=10, name=CLARITHROMYCIN, **told)) == NO_CHANGE


@pytest.mark.parametrize("supply", [None, 7])
def test_an_order_in_the_chart_that_starts_tomorrow_has_not_begun(check, tell, supply):
    assert check(tell.order("c", ago=-1, supply=supply, name=CLARITHROMYCIN)) == NO_CHANGE


# --- Clear, not evaluable -----------------------------------------------------


def test_since_when_it_is_taken_may_not_be_stated(check, tell):
    verdict = check(tell.record("c", CARBAMAZEPINE))
    assert isinstance(verdict, NotEvaluable)
    assert verdict.why.endswith("since when carbamazepine is taken is not stated")


def test_without_a_clonazepam_order_it_is_clear(check, tell):
    drafts = [tell.draft("500", key="e", name=CLARITHROMYCIN)]
    verdict = check(tell.record("clz", mg_per_day="1"), drafts=drafts)
    assert verdict == Clear("no clonazepam order")


def test_a_clonazepam_order_that_is_not_selected_does_not_nag(check, tell):
    drafts = [
        tell.draft("0.5", selected=False),
        tell.draft("500", key="e", name=CLARITHROMYCIN),
    ]
    assert isinstance(check(drafts=drafts), Clear)


def test_an_order_whose_drug_nothing_names_may_be_clonazepam(check, tell):
    assert isinstance(check(drafts=[tell.draft("1", name="")]), NotEvaluable)


def test_a_missing_list_is_not_an_empty_one(check):
    verdict = check(medications_gap=Unknown("the list was not supplied"))
    assert isinstance(verdict, NotEvaluable)
    assert verdict.why.endswith("was started or stopped: the list was not supplied")


def test_a_partial_list_does_not_hide_what_is_known(check, tell):
    gap = Unknown("page 2 of the list failed")
    assert isinstance(
        check(tell.order("c", ago=10, name=CARBAMAZEPINE), medications_gap=gap), Fired
    )


def test_a_medicine_that_nothing_identifies_may_be_one(check, tell):
    assert isinstance(check(tell.record("x", "")), NotEvaluable)
