"""Clonazepam together with an opioid (CLINICAL section 3, opioid-together)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinical.checks.opioid_together import opioid_together
from clinical.drugs import Coded, DrugDescription, recognise
from clinical.facts import DraftOrder, RecordKind, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def check(tell):
    def run(**facts):
        return opioid_together(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


def test_clonazepam_is_ordered_and_oxycodone_is_current(check, tell):
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[tell.record("oxy", "oxycodone 5 mg tablet", "20")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.CRITICAL
    assert verdict.why == "clonazepam together with oxycodone"
    assert verdict.sources == ("MedicationRequest/new", "MedicationRequest/oxy")


def test_morphine_equivalents_are_shown(check, tell):
    """20 mg of oxycodone x 1.5 (CDC 2022) = 30 MME/day."""
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[tell.record("oxy", "oxycodone 5 mg tablet", "20")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.details[0] == "Opioids come to 30 MME/day (CDC 2022 factors)."


def test_an_order_and_its_dispense_are_one_dose(check, tell):
    """CLINICAL 1: never summed. 20 mg x 1.5 = 30 MME/day, not 60."""
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[
            tell.record(
                "fill",
                "oxycodone 5 mg tablet",
                "20",
                kind=RecordKind.DISPENSE,
                status="completed",
                period_starts=TODAY,
                period_ends=TODAY,
            ),
            tell.record("oxy", "oxycodone 5 mg tablet", "20"),
        ],
    )
    assert isinstance(verdict, Fired)
    assert verdict.details[0] == "Opioids come to 30 MME/day (CDC 2022 factors)."
    assert "MedicationDispense/fill" in verdict.sources


def test_both_in_one_signing(check, tell):
    drafts = [tell.draft("1"), tell.draft("20", key="oxy", name="oxycodone 5 mg tablet")]
    assert isinstance(check(drafts=drafts), Fired)


def test_an_opioid_is_ordered_while_clonazepam_is_current(check, tell):
    verdict = check(
        drafts=[tell.draft("20", key="oxy", name="oxycodone 5 mg tablet")],
        medications=[tell.record("clz", mg_per_day="1")],
    )
    assert isinstance(verdict, Fired)


@pytest.mark.parametrize(
    "name",
    [
        "tramadol 50 mg tablet",
        "codeine / guaifenesin oral solution",
        "fentanyl 25 mcg/hr patch",
        "butorphanol nasal spray",
        "pentazocine / naloxone tablet",
    ],
)
def test_every_systemic_opioid_counts_in_every_route(check, tell, name):
    assert isinstance(check(drafts=[tell.draft("1")], medications=[tell.record("o", name)]), Fired)


@pytest.mark.parametrize(
    "name",
    [
        "naloxone nasal spray",
        "naltrexone 50 mg tablet",
        "bupropion / naltrexone tablet",
        "methylnaltrexone tablet",
        "loperamide 2 mg capsule",
        "dextromethorphan oral solution",
    ],
)
def test_antagonists_and_what_only_sounds_like_an_opioid_do_not(check, tell, name):
    assert isinstance(check(drafts=[tell.draft("1")], medications=[tell.record("o", name)]), Clear)


def test_treatment_of_opioid_use_disorder_is_a_warning_and_is_not_to_be_stopped(check, tell):
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[tell.record("bup", "buprenorphine / naloxone 8-2 mg sublingual film")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.WARNING
    assert any("do not stop" in line for line in verdict.details)


def test_a_buprenorphine_patch_is_for_pain(check, tell):
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[tell.record("bup", "buprenorphine 10 mcg/hr transdermal patch")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("conditions", "severity"),
    [(["opioid_use_disorder"], Severity.WARNING), ([], Severity.CRITICAL)],
)
def test_methadone_treats_use_disorder_only_with_that_condition(check, tell, conditions, severity):
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[tell.record("meth", "methadone 10 mg tablet", "40")],
        conditions=conditions,
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is severity


def test_a_second_opioid_beside_the_treatment_is_critical(check, tell):
    verdict = check(
        drafts=[tell.draft("1")],
        medications=[
            tell.record("bup", "buprenorphine 8 mg sublingual tablet"),
            tell.record("oxy", "oxycodone 5 mg tablet", "20"),
        ],
    )
    assert isinstance(verdict, Fired)
    assert verdict.severity is Severity.CRITICAL


def test_an_opioid_that_was_stopped_yesterday_is_not_current(check, tell):
    stopped = tell.record("oxy", "oxycodone 5 mg tablet", "20", status="stopped")
    ended = tell.record("tra", "tramadol 50 mg tablet", "100", ends=YESTERDAY)
    assert isinstance(check(drafts=[tell.draft("1")], medications=[stopped, ended]), Clear)


def test_an_opioid_that_the_same_signing_stops_is_not_taken_together(check, tell):
    """It is stopped with the order that is signed; another opioid that goes on still counts."""
    chart = [tell.record("oxy", "oxycodone 5 mg tablet", "20")]
    stop = DraftOrder(replace(chart[0], status="stopped"))
    assert isinstance(check(drafts=[tell.draft("1"), stop], medications=chart), Clear)
    chart.append(tell.record("tra", "tramadol 50 mg tablet", "100"))
    verdict = check(drafts=[tell.draft("1"), stop], medications=chart)
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with tramadol"


def test_a_dispensed_opioid_counts_while_its_supply_lasts(check, tell):
    supply = tell.record(
        "d",
        "oxycodone 5 mg tablet",
        kind=RecordKind.DISPENSE,
        status="completed",
        period_starts=TODAY - timedelta(days=6),
        period_ends=TODAY,
    )
    assert isinstance(check(drafts=[tell.draft("1")], medications=[supply]), Fired)


def test_a_missing_list_is_not_an_empty_one(check, tell):
    verdict = check(drafts=[tell.draft("1")], medications_gap=Unknown("the list was not supplied"))
    assert verdict == NotEvaluable("whether an opioid is current: the list was not supplied")


def test_a_medicine_that_nothing_identifies_may_be_an_opioid(check, tell):
    verdict = check(drafts=[tell.draft("1")], medications=[tell.record("x", "", "1")])
    assert isinstance(verdict, NotEvaluable)
    assert verdict.sources == ("MedicationRequest/x",)


def test_without_either_it_is_clear(check, tell):
    drafts = [tell.draft("10", name="lisinopril 10 mg tablet")]
    assert check(drafts=drafts) == Clear("no clonazepam order and no opioid order")


def test_an_unselected_opioid_beside_a_selected_clonazepam_is_context(check, tell):
    opioid = tell.draft("20", key="oxy", name="oxycodone 5 mg tablet", selected=False)
    assert isinstance(check(drafts=[tell.draft("1"), opioid]), Fired)


def test_two_unselected_orders_do_not_nag(check, tell):
    drafts = [
        tell.draft("1", selected=False),
        tell.draft("20", key="oxy", name="oxycodone 5 mg tablet", selected=False),
    ]
    assert isinstance(check(drafts=drafts), Clear)


def test_a_code_for_clonazepam_beside_the_words_oxycodone_is_not_passed_over(check, tell):
    """One of the two is wrong, and nobody here can tell which."""
    disputed = recognise(
        DrugDescription(
            codes=(Coded("http://www.nlm.nih.gov/research/umls/rxnorm", "197528", None),),
            text="oxycodone 5 mg tablet",
        )
    )
    draft = tell.draft("1")
    verdict = check(drafts=[replace(draft, record=replace(draft.record, drug=disputed))])
    assert isinstance(verdict, Fired)
    assert verdict.why == "clonazepam together with oxycodone"
