"""The dose is being raised (CLINICAL section 3, dose-escalation)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinical.checks.dose_escalation import dose_escalation
from clinical.facts import RecordKind, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, SetAside, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)


@pytest.fixture
def check(tell):
    def run(**facts):
        return dose_escalation(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


def test_three_after_two_is_an_escalation(check, tell):
    verdict = check(drafts=[tell.draft("3")], medications=[tell.record("old", mg_per_day="2")])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.summary) == (
        Severity.WARNING,
        "raised from 2 mg/day to 3 mg/day",
    )


def test_a_seizure_disorder_makes_it_information(check, tell):
    verdict = check(
        drafts=[tell.draft("3")],
        medications=[tell.record("old", mg_per_day="2")],
        conditions=["seizure_disorder"],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.INFORMATION


def test_the_same_dose_in_other_tablets_is_no_escalation(check, tell):
    verdict = check(
        drafts=[tell.draft("2", name="clonazepam 0.5 mg tablet")],
        medications=[tell.record("old", mg_per_day="2")],
    )
    assert isinstance(verdict, Clear)


def test_less_is_no_escalation(check, tell):
    verdict = check(drafts=[tell.draft("1")], medications=[tell.record("old", mg_per_day="2")])
    assert isinstance(verdict, Clear)


def test_a_first_order_is_a_new_start(check, tell):
    verdict = check(drafts=[tell.draft("3")])
    assert isinstance(verdict, Clear)
    assert verdict.why == "a new start: there is no present dose"


@pytest.mark.parametrize(("days_ago", "fires"), [(1, True), (30, True), (31, False)])
def test_an_order_that_ended_within_thirty_days_is_the_baseline(check, tell, days_ago, fires):
    ended = tell.record(
        "old", mg_per_day="1", status="completed", ends=TODAY - timedelta(days=days_ago)
    )
    verdict = check(drafts=[tell.draft("2")], medications=[ended])
    assert isinstance(verdict, Fired if fires else Clear)


def test_a_re_signed_order_is_no_part_of_its_own_baseline(check, tell):
    """The chart's version of the order, 2 mg, is being re-signed at 3 mg: nothing to compare."""
    verdict = check(
        drafts=[tell.draft("3", key="same")], medications=[tell.record("same", mg_per_day="2")]
    )
    assert isinstance(verdict, Clear)


def test_a_step_back_to_the_dose_before_is_the_label_s_own_way(check, tell):
    """Down from 2 to 1.5 three weeks ago; back to 2 now."""
    before = tell.record(
        "before", mg_per_day="2", status="completed", ends=TODAY - timedelta(days=21)
    )
    now = tell.record("now", mg_per_day="1.5", replaces=("before",))
    verdict = check(drafts=[tell.draft("2", replaces=("now",))], medications=[before, now])
    assert isinstance(verdict, Clear)
    assert "step back" in verdict.why


def test_a_step_back_after_more_than_sixty_days_is_an_escalation(check, tell):
    before = tell.record(
        "before", mg_per_day="2", status="completed", ends=TODAY - timedelta(days=61)
    )
    now = tell.record("now", mg_per_day="1.5")
    verdict = check(drafts=[tell.draft("2", replaces=("now",))], medications=[before, now])
    assert isinstance(verdict, Fired)


def test_a_present_dose_that_cannot_be_computed_is_not_evaluable(check, tell):
    verdict = check(drafts=[tell.draft("3")], medications=[tell.record("old")])
    assert isinstance(verdict, NotEvaluable)


def test_an_order_that_replaces_one_without_a_name_lets_the_others_continue(check, tell):
    """1 mg/day replaces an order that nothing identifies; 1 mg/day goes on: 2 after 1."""
    chart = [tell.record("a", name="", mg_per_day="0.5"), tell.record("b", mg_per_day="1")]
    verdict = check(drafts=[tell.draft("1", replaces=("a",))], medications=chart)
    assert isinstance(verdict, Fired)
    assert verdict.summary == "raised from 1 mg/day to 2 mg/day"


def test_what_is_known_of_the_present_dose_may_suffice(check, tell):
    """0.25 mg/day after 0.5 and an order without a dose: whatever that is, it is no rise."""
    chart = [tell.record("a", mg_per_day="0.5"), tell.record("b")]
    verdict = check(drafts=[tell.draft("0.25")], medications=chart)
    assert verdict == Clear(
        "0.25 mg/day is not above the present dose, at least 0.5 mg/day",
        ("MedicationRequest/new", "MedicationRequest/a"),
    )
    assert isinstance(check(drafts=[tell.draft("0.75")], medications=chart), NotEvaluable)


def test_a_missing_list_is_not_evaluable(check, tell):
    verdict = check(drafts=[tell.draft("3")], medications_gap=Unknown("the list was not supplied"))
    assert verdict == NotEvaluable("the present dose is not known: the list was not supplied")


def test_a_statement_counts_only_where_no_order_exists(check, tell):
    said = tell.record("said", mg_per_day="1", kind=RecordKind.STATEMENT)
    assert isinstance(check(drafts=[tell.draft("2")], medications=[said]), Fired)
    ordered = tell.record("ordered", mg_per_day="2")
    assert isinstance(check(drafts=[tell.draft("2")], medications=[said, ordered]), Clear)


def test_an_unlinked_order_escalates_only_if_replacing_does(check, tell):
    """1 mg/day beside a present 2: less if it replaces, 3 if both continue. No escalation."""
    verdict = check(drafts=[tell.draft("1")], medications=[tell.record("old", mg_per_day="2")])
    assert verdict == Clear(
        "1 mg/day is under the present 2 mg/day",
        ("MedicationRequest/new", "MedicationRequest/old"),
    )


def test_planned_steps_are_not_added_up(check, tell):
    """The chart holds 1.5 from next week and 1.25 after it: the present dose is 2, not 4.75."""
    week = [TODAY + timedelta(days=days) for days in (7, 14, 21)]
    chart = [
        tell.record("now", mg_per_day="2", ends=week[0] - timedelta(days=1)),
        tell.record("next", mg_per_day="1.5", starts=week[0], ends=week[1] - timedelta(days=1)),
        tell.record("then", mg_per_day="1.25", starts=week[1], ends=week[2]),
    ]
    verdict = check(drafts=[tell.draft("2.5")], medications=chart)
    assert isinstance(verdict, Fired)
    assert verdict.summary == "raised from 2 mg/day to 2.5 mg/day"


def test_a_single_dose_is_set_aside(check, tell):
    single = replace(tell.draft("2").record.course, single_dose=True)
    verdict = check(
        drafts=[tell.draft("2", course=single)], medications=[tell.record("old", mg_per_day="1")]
    )
    assert isinstance(verdict, SetAside)


def test_a_present_medicine_that_nothing_identifies_may_be_clonazepam(check, tell):
    """Then there may be a present dose: "a new start" would be a guess."""
    nameless = tell.record("x", name="", mg_per_day="2")
    verdict = check(drafts=[tell.draft("1")], medications=[nameless])
    assert verdict == NotEvaluable(
        "the present dose is not known: the drug of MedicationRequest/x could not be identified, "
        "so it may be clonazepam"
    )


def test_a_rise_over_the_known_present_dose_is_told_beside_a_medicine_without_a_name(check, tell):
    chart = [tell.record("old", mg_per_day="1"), tell.record("x", name="", mg_per_day="2")]
    assert isinstance(check(drafts=[tell.draft("2")], medications=chart), Fired)
