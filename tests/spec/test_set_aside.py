"""What keeps a finding quiet, and which (CLINICAL section 4, "Kept quiet").

A finding that does not fit the patient or the order is set aside, and the account says why. What
is clear stays clear. Below, F is a finding that is said although the ground holds, and "aside" one
that is not. The patient is 72, takes 2 mg/day and is ordered 3 mg/day, so that `high-dose`,
`dose-escalation` and `older-adult-fall-risk` fire.

| | died | accepted plan of ours | hospice, palliative | withdrawal treatment | taper on plan |
|---|---|---|---|---|---|
| opioid-together | aside | aside, F if signed along | F | F | F |
| high-dose | aside | aside | F | aside (F above 20 mg/day) | aside |
| dose-escalation | aside | aside | aside | aside | aside |
| older-adult-fall-risk | aside | aside | aside | F, as information | aside |
| long-term-use | aside | aside | aside | aside | aside |
| other-sedatives | aside | aside, F if signed along | aside | F | F |
| breathing, cognition, substance-use | aside | aside | aside | F | F |
| abrupt-stop, contraindication, pregnancy, suicide-risk | aside | aside | F | F | F |
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest

from clinical.assess import CHECKS, assess
from clinical.care_plans import PlannedStep, TaperCarePlan
from clinical.evidence import cite
from clinical.facts import OWN_PLAN, ConditionFact, DraftOrder
from clinical.findings import CheckId, Clear, Fired, SetAside, Severity
from clinical.knowledge import document
from clinical.order_case import OrderCase
from clinical.policy import default_policy
from clinical.review import review

TODAY = date(2026, 11, 23)
BORN_72 = date(1954, 3, 1)
OURS = f"{OWN_PLAN}|plan-1"
C = CheckId


@pytest.fixture
def found(tell):
    """Every verdict on a patient of 72 who takes 2 mg/day and is ordered 3 mg/day."""

    def run(**facts):
        facts.setdefault("born", BORN_72)
        facts.setdefault("drafts", [tell.draft("3")])
        facts.setdefault("medications", [tell.order("now", "2", ago=400, supply=401)])
        facts.setdefault("allergies", ())
        return assess(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


SEDATING = {C.OTHER_SEDATIVES, C.BREATHING, C.COGNITION, C.SUBSTANCE_USE}
"""Quiet in comfort care with the others, where there is anything to be quiet about."""


def aside(assessment):
    return {c.check for c in assessment.checks if isinstance(c.verdict, SetAside)}


def fired(assessment):
    return {finding.check for finding in assessment.findings}


def test_without_a_ground_nothing_is_set_aside(found):
    assert aside(found()) == set()
    assert fired(found()) >= {C.HIGH_DOSE, C.DOSE_ESCALATION, C.OLDER_ADULT, C.LONG_TERM_USE}


# --- The patient has died ---------------------------------------------------------------


def test_for_a_patient_who_has_died_every_check_is_set_aside(found, tell):
    opioid = tell.draft("20", key="oxy", name="oxycodone 5 mg tablet")
    dead = found(deceased=True, drafts=[tell.draft("3"), opioid], conditions=["pregnancy"])
    assert aside(dead) == set(CHECKS)
    assert dead.verdict(C.HIGH_DOSE) == SetAside("the chart says that the patient has died")


# --- The accepted orders of a plan of ours ----------------------------------------------


def test_the_accepted_orders_of_a_plan_of_ours_are_not_told_again(found, tell):
    first = tell.draft("1.875", replaces=("now",), group=OURS)
    accepted = found(drafts=[first], conditions=["fall_event"])
    assert aside(accepted) == set(CHECKS)
    assert accepted.verdict(C.HIGH_DOSE) == SetAside(
        "the orders are the taper that was accepted: from 2 mg/day to 1.875 mg/day",
        ("MedicationRequest/new",),
    )


def test_an_opioid_signed_along_was_no_part_of_what_was_accepted(found, tell):
    first = tell.draft("1.875", replaces=("now",), group=OURS)
    opioid = tell.draft("20", key="oxy", name="oxycodone 5 mg tablet")
    assert fired(found(drafts=[first, opioid])) & set(CHECKS) == {C.OPIOID_TOGETHER}
    # One that was there before was on the card from which the plan was accepted.
    before = [
        tell.order("now", "2", ago=400),
        tell.record("oxy", "oxycodone 5 mg tablet", "20"),
    ]
    assert fired(found(drafts=[first], medications=before)) == set()


def test_a_dose_that_was_raised_in_a_plan_of_ours_is_no_accepted_plan(found, tell):
    raised = found(drafts=[tell.draft("3", replaces=("now",), group=OURS)])
    assert {C.HIGH_DOSE, C.DOSE_ESCALATION} <= fired(raised)


# --- Hospice and palliative care --------------------------------------------------------


@pytest.mark.parametrize("concept", ["hospice", "palliative"])
def test_comfort_care_quiets_what_looks_far_ahead(found, tell, concept):
    comfort = found(
        drafts=[tell.draft("3"), tell.draft(None, key="z", name="zolpidem 5 mg tablet")],
        conditions=[
            concept,
            "fall_event",
            "pregnancy",
            "hepatic_impairment",
            "sleep_apnoea",
            "mci",
            "alcohol_use_disorder",
        ],
    )
    assert aside(comfort) == {
        C.OLDER_ADULT,
        C.DOSE_ESCALATION,
        C.OTHER_SEDATIVES,
        C.BREATHING,
        C.COGNITION,
        C.SUBSTANCE_USE,
        C.LONG_TERM_USE,
    }
    assert fired(comfort) >= {C.HIGH_DOSE, C.PREGNANCY, C.CONTRAINDICATION}
    assert comfort.verdict(C.OLDER_ADULT) == SetAside(
        "hospice or palliative care is in the chart", (f"Condition/{concept}",)
    )


def test_an_opioid_in_comfort_care_is_told(found, tell):
    opioid = tell.draft("20", key="oxy", name="oxycodone 5 mg tablet")
    comfort = found(drafts=[tell.draft("3"), opioid], conditions=["hospice"])
    assert C.OPIOID_TOGETHER in fired(comfort)


@pytest.mark.parametrize("told", [{"active": False}, {"active": True, "confirmed": False}])
def test_comfort_care_that_is_over_or_not_confirmed_quiets_nothing(found, told):
    comfort = found(conditions=[ConditionFact("Condition/h", "hospice", **told)])
    assert aside(comfort) - SEDATING == set()


def test_what_is_clear_stays_clear(found):
    young = found(born=date(1985, 6, 1), conditions=["hospice"])
    assert young.verdict(C.OLDER_ADULT) == Clear("age 41 is under 65")


# --- Treatment of alcohol or benzodiazepine withdrawal ----------------------------------


@pytest.mark.parametrize("concept", ["alcohol_withdrawal", "benzodiazepine_withdrawal"])
def test_in_withdrawal_treatment_the_dose_follows_the_symptoms(found, concept):
    now = ConditionFact("Condition/w", concept, True, TODAY - timedelta(days=2))
    treated = found(conditions=[now])
    assert aside(treated) == {C.HIGH_DOSE, C.DOSE_ESCALATION, C.LONG_TERM_USE}
    assert treated.verdict(C.HIGH_DOSE) == SetAside(
        f"{concept.replace('_', ' ')} is being treated: doses follow the symptoms",
        ("Condition/w",),
    )
    # An appropriate use (BEERS23): it is told, and raises no card.
    older = treated.verdict(C.OLDER_ADULT)
    assert isinstance(older, Fired)
    assert older.severity is Severity.INFORMATION


@pytest.mark.parametrize(
    ("days", "active", "confirmed", "quiets"),
    [
        (30, True, True, True),
        (31, True, True, False),
        (None, True, True, False),
        (2, False, True, False),
        (2, True, False, False),
        (-1, True, True, False),  # tomorrow
    ],
)
def test_such_codes_stay_in_lists_so_only_a_recent_one_counts(
    found, days, active, confirmed, quiets
):
    on = None if days is None else TODAY - timedelta(days=days)
    code = ConditionFact("Condition/w", "alcohol_withdrawal", active, on, confirmed=confirmed)
    assert (C.HIGH_DOSE in aside(found(conditions=[code]))) is quiets


def test_the_reason_of_the_order_counts(found, tell):
    ordered = tell.draft("3", reasons=frozenset({"alcohol_withdrawal"}))
    assert C.HIGH_DOSE in aside(found(drafts=[ordered]))


def test_above_the_label_s_maximum_for_any_use_a_dose_is_never_quiet(found, tell):
    reason = frozenset({"alcohol_withdrawal"})
    twenty = found(drafts=[tell.draft("20", reasons=reason)])
    assert C.HIGH_DOSE in aside(twenty)
    more = found(drafts=[tell.draft("20.5", reasons=reason)])
    assert C.HIGH_DOSE in fired(more)


# --- A taper in progress, and on plan ---------------------------------------------------
#
# Planned: 2.5 mg/day from 9 to 22 November, 2.25 mg/day from 23 November to 6 December, and by the
# care plan 2 mg/day from 7 December on.


def step(tell, key, mg, starts, ends, **more):
    more.setdefault("group", OURS)
    return tell.record(
        key, mg_per_day=mg, starts=starts, ends=ends, authored_on=date(2026, 11, 9), **more
    )


@pytest.fixture
def first(tell):
    return step(tell, "s1", "2.5", date(2026, 11, 9), date(2026, 11, 22))


@pytest.fixture
def second(tell):
    return step(tell, "s2", "2.25", date(2026, 11, 23), date(2026, 12, 6), status="draft")


CARE_PLAN = TaperCarePlan(
    "CarePlan/p",
    OURS,
    "active",
    (
        PlannedStep(date(2026, 11, 9), date(2026, 11, 22), Fraction(5, 2)),
        PlannedStep(date(2026, 11, 23), date(2026, 12, 6), Fraction(9, 4)),
        PlannedStep(date(2026, 12, 7), None, Fraction(2)),
    ),
    created_on=date(2026, 11, 9),
)
QUIET_ON_PLAN = {C.HIGH_DOSE, C.OLDER_ADULT}
"""Of what fires here: nothing is raised, and two weeks are no long-term use."""


def signed(record, **changes):
    return DraftOrder(replace(record, **changes))


def test_the_next_step_of_a_plan_is_quiet(found, first, second):
    """Saved as a draft two weeks ago, and signed on its day with its EHR's own changes."""
    next_step = found(drafts=[signed(second, authored_on=TODAY)], medications=[first, second])
    assert aside(next_step) >= QUIET_ON_PLAN
    assert next_step.verdict(C.HIGH_DOSE) == SetAside(
        "the order is a step of a taper that is in progress: 2.25 mg/day, as planned for "
        "2026-11-23",
        ("MedicationRequest/s2", "MedicationRequest/s1"),
    )


def test_an_order_that_lost_the_plan_s_group_is_quiet_at_the_planned_dose(found, tell, first):
    ordered = tell.draft("2.25", starts=TODAY)
    assert (
        aside(found(drafts=[ordered], medications=[first], taper_plans=(CARE_PLAN,)))
        >= QUIET_ON_PLAN
    )


@pytest.mark.parametrize("mg", ["2.249", "2.251", "2.5"])
def test_another_dose_than_planned_is_told(found, tell, first, mg):
    off = found(
        drafts=[tell.draft(mg, starts=TODAY)], medications=[first], taper_plans=(CARE_PLAN,)
    )
    assert fired(off) >= QUIET_ON_PLAN


def test_every_step_of_the_order_has_to_be_as_planned(found, tell, first):
    """2.25 from 23 November as planned, and 2.25 again from 7 December, where 2 is planned."""
    drafts = [
        tell.draft("2.25", key="a", starts=TODAY, ends=date(2026, 12, 6)),
        tell.draft("2.25", key="b", starts=date(2026, 12, 7), replaces=("a",)),
    ]
    held = found(drafts=drafts, medications=[first], taper_plans=(CARE_PLAN,))
    assert fired(held) >= QUIET_ON_PLAN


def test_a_planned_dose_above_the_present_one_is_told(found, tell):
    """Already down at 2 mg/day on a day for which 2.25 is planned."""
    ahead = tell.order("ahead", "2", ago=5)
    plan = step(tell, "s1", "2.5", date(2026, 11, 9), date(2026, 11, 22), status="stopped")
    raised = found(
        drafts=[tell.draft("2.25", starts=TODAY, replaces=("ahead",))],
        medications=[plan, ahead],
        taper_plans=(CARE_PLAN,),
    )
    assert {C.HIGH_DOSE, C.DOSE_ESCALATION} <= fired(raised)


def test_a_present_order_that_goes_on_beside_it_is_told(found, tell):
    """2.5 mg/day are still in force and not named as replaced: 4.75 if both continue."""
    still = step(tell, "s1", "2.5", date(2026, 11, 9), None)
    both = found(
        drafts=[tell.draft("2.25", starts=TODAY)], medications=[still], taper_plans=(CARE_PLAN,)
    )
    assert C.HIGH_DOSE in fired(both)


def test_a_plan_of_which_nothing_was_signed_is_not_in_progress(found, tell, first, second):
    saved = [replace(first, status="draft"), second, tell.order("now", "2.5", ago=400)]
    ordered = tell.draft("2.25", replaces=("now",))
    assert C.HIGH_DOSE in fired(found(drafts=[ordered], medications=saved))


@pytest.mark.parametrize("group", [None, "urn:clinic|visit-7"])
def test_somebody_else_s_plan_counts_as_well(found, tell, group):
    """One group of two orders whose doses fall, or two cuts in a chain: signed, and begun."""
    plan = [
        step(tell, "t0", "3", date(2026, 10, 26), date(2026, 11, 8), group=group),
        step(
            tell, "t1", "2.5", date(2026, 11, 9), date(2026, 11, 22), group=group, replaces=("t0",)
        ),
        step(
            tell, "t2", "2.25", date(2026, 11, 23), date(2026, 12, 6), group=group, replaces=("t1",)
        ),
    ]
    again = found(drafts=[tell.draft("2.25", starts=TODAY, replaces=("t2",))], medications=plan)
    assert aside(again) >= QUIET_ON_PLAN


def test_opioid_pregnancy_and_contraindication_are_told_on_any_plan(found, tell, first, second):
    told = found(
        drafts=[signed(second, authored_on=TODAY)],
        medications=[first, second, tell.record("oxy", "oxycodone 5 mg tablet", "20")],
        conditions=["pregnancy", "hepatic_impairment"],
    )
    assert fired(told) >= {C.OPIOID_TOGETHER, C.PREGNANCY, C.CONTRAINDICATION}


def test_the_present_orders_as_they_stand_are_no_next_step(tell, first, second):
    """The planner looks at them as if signed again, and tells what they are."""
    now = replace(second, status="active")
    facts = tell.patient(born=BORN_72, medications=[first, now])
    assert fired(review(facts, TODAY, default_policy())) >= QUIET_ON_PLAN


# --- Their data -------------------------------------------------------------------------


def test_every_ground_names_checks_and_sources_that_exist():
    data = document("set_aside.toml")
    for ground in data["grounds"].values():
        assert {CheckId(check) for check in ground["checks"]}
    for row in (*data["grounds"].values(), *data["numbers"].values()):
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_what_harms_at_once_is_quieted_by_no_ground():
    named = {
        check for row in document("set_aside.toml")["grounds"].values() for check in row["checks"]
    }
    at_once = ["opioid-together", "abrupt-stop", "contraindication", "pregnancy", "suicide-risk"]
    assert not named & set(at_once)
