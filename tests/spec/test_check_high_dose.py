"""2 mg of clonazepam a day or more (CLINICAL section 3, high-dose)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinical.checks.high_dose import high_dose
from clinical.facts import Unknown
from clinical.findings import Clear, Fired, NotEvaluable, SetAside, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)


@pytest.fixture
def check(tell):
    def run(**facts):
        return high_dose(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


def test_just_under_two_milligrams_is_clear(check, tell):
    verdict = check(drafts=[tell.draft("1.999")])
    assert verdict == Clear("1.999 mg/day is under 2 mg/day", ("MedicationRequest/new",))


def test_two_milligrams_fires_as_a_warning(check, tell):
    verdict = check(drafts=[tell.draft("2")])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.why) == (
        Severity.WARNING,
        "2 mg/day is at or above 2 mg/day",
    )


def test_orders_signed_together_add_up(check, tell):
    """1.25 + 0.75 = 2."""
    drafts = [tell.draft("1.25", key="a"), tell.draft("0.75", key="b")]
    verdict = check(drafts=drafts)
    assert isinstance(verdict, Fired)
    assert verdict.sources == ("MedicationRequest/a", "MedicationRequest/b")


def test_twenty_tenths_are_two(check, tell):
    drafts = [tell.draft("0.1", key=f"d{number}") for number in range(20)]
    assert isinstance(check(drafts=drafts), Fired)
    assert isinstance(check(drafts=drafts[1:]), Clear)


@pytest.mark.parametrize(
    ("mg", "conditions", "severity"),
    [
        ("4", [], Severity.WARNING),  # the label's maximum for panic disorder is not above it
        ("4.125", [], Severity.CRITICAL),
        ("4.125", ["seizure_disorder"], Severity.WARNING),
        ("20", ["seizure_disorder"], Severity.WARNING),
        ("20.5", ["seizure_disorder"], Severity.CRITICAL),
    ],
)
def test_the_label_s_maxima_make_it_critical(check, tell, mg, conditions, severity):
    verdict = check(drafts=[tell.draft(mg)], conditions=conditions)
    assert isinstance(verdict, Fired)
    assert verdict.severity is severity


def test_an_unknown_seizure_history_does_not_lower_the_severity(check, tell):
    verdict = check(drafts=[tell.draft("5")], conditions_gap=Unknown("the list failed"))
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.CRITICAL
    assert "the list failed" in verdict.details[0]


def test_a_reduction_that_is_still_high_is_information(check, tell):
    verdict = check(
        drafts=[tell.draft("3", replaces=("old",))],
        medications=[tell.record("old", mg_per_day="4")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.INFORMATION


def test_without_a_link_only_the_sum_reaches_the_threshold_so_it_is_information(check, tell):
    """0.5 + 1.5 = 2, if both continue; 1.5 if the new order replaces the old."""
    verdict = check(drafts=[tell.draft("1.5")], medications=[tell.record("old", mg_per_day="0.5")])
    assert isinstance(verdict, Fired)
    assert verdict.only_if_added
    assert verdict.severity is Severity.INFORMATION
    assert verdict.summary == "2 mg/day if both continue"


def test_with_a_link_the_old_order_does_not_count(check, tell):
    verdict = check(
        drafts=[tell.draft("1.5", replaces=("old",))],
        medications=[tell.record("old", mg_per_day="0.5")],
    )
    assert verdict == Clear("1.5 mg/day is under 2 mg/day", ("MedicationRequest/new",))


def test_a_link_to_one_order_lets_the_other_continue(check, tell):
    """0.5 replaces 0.25; 1.5 continues: 0.5 + 1.5 = 2."""
    verdict = check(
        drafts=[tell.draft("0.5", replaces=("small",))],
        medications=[tell.record("small", mg_per_day="0.25"), tell.record("big", mg_per_day="1.5")],
    )
    assert isinstance(verdict, Fired)
    assert not verdict.only_if_added


def test_the_same_total_in_other_tablets_is_a_renewal_and_does_not_add(check, tell):
    """1 mg/day as one order is renewed as 0.5 + 0.5: 1, not 2."""
    verdict = check(
        drafts=[tell.draft("0.5", key="a"), tell.draft("0.5", key="b")],
        medications=[tell.record("old", mg_per_day="1")],
    )
    assert isinstance(verdict, Clear)


def test_a_dose_that_rises_later_counts_at_its_highest_day(check, tell):
    """1 mg/day now, and an order of the same signing adds 1 mg/day from 7 December on."""
    later = tell.draft("1", key="later", starts=date(2026, 12, 7))
    assert isinstance(check(drafts=[tell.draft("1"), later]), Fired)


def test_a_shared_boundary_day_of_one_group_counts_the_later_step(check, tell):
    """Steps of 1.5 and 1 mg meet on 30 November: 1 on that day, not 2.5."""
    day = date(2026, 11, 30)
    first = tell.draft("1.5", key="a", starts=TODAY, ends=day, group="urn:plan|1")
    second = tell.draft("1", key="b", starts=day, ends=date(2026, 12, 7), group="urn:plan|1")
    assert isinstance(check(drafts=[first, second]), Clear)
    apart = tell.draft("1", key="b", starts=day, ends=date(2026, 12, 7))
    assert isinstance(check(drafts=[first, apart]), Fired)


def test_the_tablets_of_a_step_of_one_day_add_up(check, tell):
    """1.5 + 1 mg on 30 November alone, in one group: 2.5 mg; neither comes after the other."""
    day = date(2026, 11, 30)
    tablets = [
        tell.draft(mg, key=mg, starts=day, ends=day, group="urn:plan|1") for mg in ("1.5", "1")
    ]
    assert isinstance(check(drafts=tablets), Fired)


def test_a_dose_that_cannot_be_computed_is_not_evaluable(check, tell):
    verdict = check(drafts=[tell.draft(None)])
    assert verdict == NotEvaluable(
        "the dose cannot be computed (MedicationRequest/new: no dosage was given)",
        ("MedicationRequest/new",),
    )


def test_the_known_part_suffices_to_fire(check, tell):
    verdict = check(drafts=[tell.draft("2", key="a"), tell.draft(None, key="b")])
    assert isinstance(verdict, Fired)
    assert "at least" in verdict.summary


def test_a_missing_list_of_medications_is_not_taken_for_an_empty_one(check, tell):
    verdict = check(drafts=[tell.draft("1")], medications_gap=Unknown("the list was not supplied"))
    assert isinstance(verdict, NotEvaluable)


def test_a_present_medicine_that_nothing_identifies_may_add_to_it(check, tell):
    nameless = tell.record("x", name="", mg_per_day="1")
    verdict = check(drafts=[tell.draft("1")], medications=[nameless])
    assert verdict == NotEvaluable(
        "the new order is 1 mg/day; the drug of MedicationRequest/x could not be identified, so "
        "it may be clonazepam"
    )
    assert isinstance(check(drafts=[tell.draft("2")], medications=[nameless]), Fired)


def test_planned_steps_are_not_added_up(check, tell):
    """The present 1.5 ends tonight, 1 follows: at most 1.5 on a day, not 2.5."""
    chart = [
        tell.record("now", mg_per_day="1.5", ends=TODAY),
        tell.record("next", mg_per_day="1", starts=TODAY + timedelta(days=1)),
    ]
    verdict = check(drafts=[tell.draft("0.25")], medications=chart)
    assert isinstance(verdict, Clear)


def test_a_missing_list_does_not_stop_what_the_draft_alone_decides(check, tell):
    verdict = check(drafts=[tell.draft("2")], medications_gap=Unknown("the list was not supplied"))
    assert isinstance(verdict, Fired)


def test_a_single_dose_sets_no_daily_dose(check, tell):
    draft = tell.draft("2")
    single = tell.draft("2", course=_single(draft.record.course))
    assert isinstance(check(drafts=[single]), SetAside)


def test_an_inpatient_order_sets_no_lasting_dose(check, tell):
    assert isinstance(check(drafts=[tell.draft("2", inpatient=True)]), SetAside)


def test_without_a_clonazepam_order_it_is_clear(check, tell):
    drafts = [tell.draft("10", name="lorazepam 2 mg tablet")]
    assert check(drafts=drafts) == Clear("no clonazepam order")


def test_an_unidentified_draft_may_be_clonazepam(check, tell):
    verdict = check(drafts=[tell.draft("3", name="")])
    assert verdict == NotEvaluable("the drug of MedicationRequest/new could not be identified")


def test_an_unselected_order_does_not_nag(check, tell):
    assert check(drafts=[tell.draft("3", selected=False)]) == Clear("no clonazepam order")


def _single(course):
    return replace(course, single_dose=True)
