"""Other medicines that sedate beside an order of clonazepam (CLINICAL section 4)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinical.checks.other_sedatives import other_sedatives
from clinical.facts import DraftOrder, RecordKind, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


@pytest.fixture
def check(tell):
    def run(*names, **facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        current = [tell.record(f"m{n}", name) for n, name in enumerate(names)]
        facts["medications"] = [*current, *facts.pop("medications", ())]
        return other_sedatives(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


# --- What counts --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("lorazepam 1 mg tablet", "with lorazepam"),  # a second benzodiazepine
        ("zolpidem 10 mg tablet", "with zolpidem"),
        ("phenobarbital 32.4 mg tablet", "with phenobarbital"),
        ("gabapentin 300 mg capsule", "with gabapentin"),
        ("baclofen 10 mg tablet", "with baclofen"),
        ("quetiapine 100 mg tablet", "with quetiapine"),
        ("haloperidol 2 mg tablet", "with haloperidol"),  # a butyrophenone: the label names them
        ("hydroxyzine 25 mg tablet", "with hydroxyzine"),
        ("chlorpheniramine 4 mg tablet", "with chlorpheniramine"),
        ("amitriptyline 25 mg tablet", "with amitriptyline"),
        ("suvorexant 10 mg tablet", "with suvorexant"),
        ("trazodone 50 mg tablet", "with trazodone"),
        ("mirtazapine 15 mg tablet", "with mirtazapine"),
    ],
)
def test_each_of_these_is_a_warning(check, name, summary):
    verdict = check(name)
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.summary) == (Severity.WARNING, summary)
    assert verdict.sources == ("MedicationRequest/new", "MedicationRequest/m0")


@pytest.mark.parametrize(
    "name",
    [
        "oxycodone 5 mg tablet",  # opioids have a check of their own
        "sertraline 50 mg tablet",
        "venlafaxine 75 mg capsule",
        "lamotrigine 100 mg tablet",  # an antiepileptic as such
        "levetiracetam 500 mg tablet",
        "aripiprazole 5 mg tablet",  # an antipsychotic that hardly sedates
        "melatonin 3 mg tablet",
        "buspirone 10 mg tablet",
        "lisinopril 10 mg tablet",
        "clonazepam 1 mg tablet",  # the drug itself is a matter of dose
    ],
)
def test_none_of_these_does(check, name):
    verdict = check(name)
    assert verdict == Clear("no other sedating medicine is current or in the same orders")


@pytest.mark.parametrize("name", ["doxepin 50 MG/ML Topical Cream", "diphenhydramine 2 % cream"])
def test_a_cream_sedates_nobody(check, name):
    assert isinstance(check(name), Clear)


def test_a_gel_for_the_rectum_does(check):
    assert isinstance(check("diazepam 10 mg rectal gel"), Fired)


def test_of_a_combination_the_sedating_part_is_named(check):
    verdict = check("butalbital / acetaminophen / caffeine tablet")
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with butalbital"


def test_of_an_opioid_cough_syrup_the_antihistamine_is_named(check):
    verdict = check("hydrocodone / chlorpheniramine suspension")
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with chlorpheniramine"


# --- How it is said -----------------------------------------------------------


def test_a_second_benzodiazepine_and_a_z_drug_are_named_first(check):
    verdict = check("amitriptyline 25 mg", "gabapentin 300 mg", "zolpidem 10 mg", "lorazepam 1 mg")
    assert isinstance(verdict, Fired)
    assert verdict.why == (
        "clonazepam together with lorazepam, zolpidem, gabapentin and amitriptyline"
    )
    assert verdict.summary == "with lorazepam, zolpidem, gabapentin and 1 more"


def test_zolpidem_and_gabapentin_fit_a_cards_first_line(check):
    verdict = check("gabapentin 300 mg capsule", "zolpidem 10 mg tablet")
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with zolpidem and gabapentin"
    assert verdict.details == (
        "Zolpidem acts on the same receptor as clonazepam: the effects add up.",
        "Each adds to sedation, falls and slowed breathing: weigh which are needed, and stop none "
        "abruptly.",
    )


def test_one_that_acts_elsewhere_has_one_line(check):
    verdict = check("gabapentin 300 mg capsule")
    assert isinstance(verdict, Fired)
    assert verdict.details == (
        "It adds to sedation, falls and slowed breathing: weigh whether both are needed, and stop "
        "neither abruptly.",
    )


# --- Which records ------------------------------------------------------------


def test_an_order_a_statement_and_a_dispense_of_one_drug_are_one(check, tell):
    name = "zolpidem 10 mg tablet"
    verdict = check(
        medications=[
            tell.record("o", name),
            tell.record("s", name, kind=RecordKind.STATEMENT),
            tell.record(
                "d",
                name,
                kind=RecordKind.DISPENSE,
                status="completed",
                period_starts=TODAY,
                period_ends=TODAY,
            ),
        ]
    )
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with zolpidem"
    assert verdict.sources == (
        "MedicationRequest/new",
        "MedicationRequest/o",
        "MedicationStatement/s",
        "MedicationDispense/d",
    )


def test_two_orders_of_one_drug_are_one(check):
    verdict = check("zolpidem 5 mg tablet", "zolpidem 10 mg tablet")
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with zolpidem"


@pytest.mark.parametrize("selected", [True, False])
def test_one_in_the_same_orders_counts_selected_or_not(check, tell, selected):
    zolpidem = tell.draft("10", key="z", name="zolpidem 10 mg tablet", selected=selected)
    verdict = check(drafts=[tell.draft("0.5"), zolpidem])
    assert isinstance(verdict, Fired)
    assert "MedicationRequest/z" in verdict.sources


def test_one_in_the_same_orders_may_start_tomorrow(check, tell):
    zolpidem = tell.draft("10", key="z", name="zolpidem 10 mg tablet", starts=TOMORROW)
    assert isinstance(check(drafts=[tell.draft("0.5"), zolpidem]), Fired)


@pytest.mark.parametrize(
    "told",
    [
        {"status": "stopped"},
        {"status": "on-hold"},
        {"status": "entered-in-error"},
        {"status": "cancelled"},
        {"do_not_perform": True},
        {"mg_per_day": "10", "ends": YESTERDAY},
        {"mg_per_day": "10", "starts": TOMORROW},
    ],
    ids=lambda told: next(reversed(told)),
)
def test_what_is_not_current_does_not_count(check, tell, told):
    record = tell.record("z", "zolpidem 10 mg tablet", **told)
    assert isinstance(check(medications=[record]), Clear)


@pytest.mark.parametrize("told", [{"ends": TODAY}, {"starts": TODAY}], ids=["ends", "starts"])
def test_the_last_and_the_first_day_count(check, tell, told):
    record = tell.record("z", "zolpidem 10 mg tablet", "10", **told)
    assert isinstance(check(medications=[record]), Fired)


def test_an_order_stopped_yesterday_counts_while_its_supply_lasts(check, tell):
    """What is in the cupboard may be taken tonight."""
    name = "zolpidem 10 mg tablet"
    supply = tell.record(
        "d",
        name,
        kind=RecordKind.DISPENSE,
        status="completed",
        period_starts=YESTERDAY,
        period_ends=TOMORROW,
    )
    assert isinstance(check(medications=[tell.record("o", name, status="stopped"), supply]), Fired)


# --- A switch to clonazepam ---------------------------------------------------


def test_a_drug_that_the_same_signing_stops_is_not_beside_it(check, tell):
    chart = [tell.record("z", "zolpidem 5 mg tablet", "5")]
    stop = DraftOrder(replace(chart[0], status="stopped"))
    verdict = check(drafts=[tell.draft("0.5"), stop], medications=chart)
    assert verdict == Clear("zolpidem is stopped or replaced by this signing")


def test_a_drug_that_the_new_order_replaces_is_not_beside_it(check, tell):
    verdict = check(
        drafts=[tell.draft("0.5", replaces=("z",))],
        medications=[tell.record("z", "zolpidem 10 mg tablet")],
    )
    assert verdict == Clear("zolpidem is stopped or replaced by this signing")


def test_its_statement_and_its_supply_go_with_it(check, tell):
    name = "zolpidem 10 mg tablet"
    supply = tell.record(
        "d",
        name,
        kind=RecordKind.DISPENSE,
        status="completed",
        period_starts=YESTERDAY,
        period_ends=TOMORROW,
    )
    statement = tell.record("s", name, kind=RecordKind.STATEMENT)
    verdict = check(
        drafts=[tell.draft("0.5", replaces=("z",))],
        medications=[tell.record("z", name), statement, supply],
    )
    assert verdict == Clear("zolpidem is stopped or replaced by this signing")


def test_another_order_of_the_same_drug_goes_on(check, tell):
    verdict = check(
        drafts=[tell.draft("0.5", replaces=("z",))],
        medications=[
            tell.record("z", "zolpidem 5 mg tablet"),
            tell.record("y", "zolpidem 10 mg tablet"),
        ],
    )
    assert isinstance(verdict, Fired)
    assert verdict.sources == ("MedicationRequest/new", "MedicationRequest/y")


def test_another_drug_goes_on(check, tell):
    verdict = check(
        "gabapentin 300 mg capsule",
        drafts=[tell.draft("0.5", replaces=("z",))],
        medications=[tell.record("z", "zolpidem 10 mg tablet")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.summary == "with gabapentin"


def test_without_the_link_nobody_can_tell_a_switch_from_an_addition(check, tell):
    verdict = check(medications=[tell.record("z", "zolpidem 10 mg tablet")])
    assert isinstance(verdict, Fired)


def test_a_renewal_of_the_sedative_in_the_same_orders_stays_beside_it(check, tell):
    renewal = tell.draft("10", key="y", name="zolpidem 10 mg tablet", replaces=("z",))
    verdict = check(
        drafts=[tell.draft("0.5"), renewal],
        medications=[tell.record("z", "zolpidem 10 mg tablet")],
    )
    assert isinstance(verdict, Fired)
    assert verdict.sources == ("MedicationRequest/new", "MedicationRequest/y")


# --- Clear, not evaluable -----------------------------------------------------


def test_without_a_clonazepam_order_it_is_clear(check, tell):
    verdict = check("clonazepam 1 mg tablet", drafts=[tell.draft("10", name="zolpidem 10 mg")])
    assert verdict == Clear("no clonazepam order")


def test_a_clonazepam_order_that_is_not_selected_does_not_nag(check, tell):
    drafts = [tell.draft("0.5", selected=False)]
    assert isinstance(check("zolpidem 10 mg tablet", drafts=drafts), Clear)


def test_an_order_whose_drug_nothing_names_may_be_clonazepam(check, tell):
    verdict = check("zolpidem 10 mg tablet", drafts=[tell.draft("1", name="")])
    assert verdict == NotEvaluable("the drug of MedicationRequest/new could not be identified")


def test_a_missing_list_is_not_an_empty_one(check):
    verdict = check(medications_gap=Unknown("the list was not supplied"))
    assert verdict == NotEvaluable(
        "whether another sedating medicine is current: the list was not supplied"
    )


def test_a_partial_list_does_not_hide_what_is_known(check):
    verdict = check("zolpidem 10 mg", medications_gap=Unknown("page 2 of the list failed"))
    assert isinstance(verdict, Fired)
    assert verdict.details[-1] == "There may be more: page 2 of the list failed."


def test_a_medicine_that_nothing_identifies_may_sedate(check, tell):
    verdict = check("")
    assert isinstance(verdict, NotEvaluable)
    assert verdict.sources == ("MedicationRequest/m0",)
    assert isinstance(check("", "zolpidem 10 mg tablet"), Fired)
