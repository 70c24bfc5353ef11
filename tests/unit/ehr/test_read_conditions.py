"""Condition -> what is or was so, since when, how sure - whatever shape the record has."""

from datetime import date
from typing import Any

import pytest

from clinical.facts import ConditionFact
from ehr.read.conditions import condition_facts, uncoded

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
ON = date(2026, 11, 26)


def condition(code: str = "R29.6", *, system: str = ICD10, **more: Any) -> dict[str, Any]:
    coding = {"system": system, "code": code}
    return {"resourceType": "Condition", "id": "c", "code": {"coding": [coding]}, **more}


def in_words(words: Any = "Epilepsy", **more: Any) -> dict[str, Any]:
    return {**condition(**more), "code": {"text": words}}


def fact(resource: dict[str, Any]) -> ConditionFact:
    (found,) = condition_facts(resource, ON)
    return found


def clinical(code: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {"coding": [{"system": system, "code": code}]}


def verification(code: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {"coding": [{"system": system, "code": code}]}


def category(*codes: str) -> list[dict[str, Any]]:
    system = "http://terminology.hl7.org/CodeSystem/condition-category"
    return [{"coding": [{"system": system, "code": code}]} for code in codes]


VISIT = category("encounter-diagnosis")


# --- how sure -----------------------------------------------------------------------------------


def test_a_condition_without_statuses_is_active_and_confirmed():
    """FHIR R4 lets both be absent; what stands in a chart is taken as said."""
    assert fact(condition()) == ConditionFact("Condition/c", "falls_history", active=True)


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_what_is_refuted_or_entered_in_error_is_no_fact(status):
    assert condition_facts(condition(verificationStatus=verification(status)), ON) == ()
    assert condition_facts(condition(verificationStatus=status), ON) == ()  # STU3


@pytest.mark.parametrize("status", ["provisional", "differential", "unconfirmed"])
def test_what_is_only_suspected_is_a_fact_that_is_not_confirmed(status):
    found = fact(condition(verificationStatus=verification(status)))
    assert (found.active, found.confirmed) == (True, False)


@pytest.mark.parametrize("status", ["confirmed", "unknown"])
def test_any_other_verification_is_confirmed(status):
    assert fact(condition(verificationStatus=status)).confirmed


def test_a_status_of_another_code_system_says_nothing():
    other = {"coding": [{"system": "urn:oid:1.2.3", "code": "resolved"}]}
    assert fact(condition(clinicalStatus=other)).active


@pytest.mark.parametrize("status", ["inactive", "remission", "resolved"])
def test_a_condition_that_is_over_is_a_fact_that_is_not_active(status):
    assert not fact(condition(clinicalStatus=clinical(status))).active
    assert not fact(condition(clinicalStatus=status)).active  # STU3 and DSTU2


@pytest.mark.parametrize("status", ["active", "recurrence", "relapse"])
def test_a_condition_that_came_back_is_active(status):
    assert fact(condition(clinicalStatus=clinical(status))).active


def test_the_code_systems_of_stu3_are_known():
    old = {"coding": [{"system": "http://hl7.org/fhir/condition-clinical", "code": "resolved"}]}
    assert not fact(condition(clinicalStatus=old)).active


# --- since when ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "onset"),
    [
        ({"onsetDateTime": "2024-03-05"}, date(2024, 3, 5)),
        ({"onsetDateTime": "2024-03"}, date(2024, 3, 1)),  # the earliest day that it may mean
        ({"onsetDateTime": "2024"}, date(2024, 1, 1)),
        ({"onsetPeriod": {"start": "2024-03-05", "end": "2024-04-01"}}, date(2024, 3, 5)),
        ({"recordedDate": "2025-01-02"}, date(2025, 1, 2)),
        ({"assertedDate": "2025-01-02"}, date(2025, 1, 2)),  # STU3
        ({"dateRecorded": "2025-01-02"}, date(2025, 1, 2)),  # DSTU2
        ({"onsetDateTime": "2024-03-05", "recordedDate": "2025-01-02"}, date(2024, 3, 5)),
        ({"onsetDateTime": "soon", "recordedDate": "2025-01-02"}, date(2025, 1, 2)),
        ({"onsetString": "in childhood"}, None),
        ({}, None),
    ],
)
def test_a_condition_began_on_its_onset_else_on_the_day_it_was_recorded(said, onset):
    assert fact(condition(**said)).onset == onset


# --- until when ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "abated_on", "active"),
    [
        ({"abatementDateTime": "2026-11-25"}, date(2026, 11, 25), False),
        ({"abatementDateTime": "2026-11-26"}, date(2026, 11, 26), True),  # it may be the last day
        ({"abatementDateTime": "2027-03-01"}, date(2027, 3, 1), True),
        # A month or a year: the latest day that it can have lasted until.
        ({"abatementDateTime": "2026-10"}, date(2026, 10, 31), False),
        ({"abatementDateTime": "2026"}, date(2026, 12, 31), True),
        (
            {"abatementPeriod": {"start": "2026-01-01", "end": "2026-02-01"}},
            date(2026, 2, 1),
            False,
        ),
        ({"abatementPeriod": {"start": "2026-01-01"}}, date(2026, 1, 1), False),
        ({"abatementBoolean": True}, None, False),  # STU3 and DSTU2
        ({"abatementBoolean": False}, None, True),
        ({"abatementAge": {"value": 40, "unit": "a"}}, None, False),
        ({"abatementString": "not yet"}, None, True),  # words are not understood
        ({"abatementDateTime": "nonsense"}, None, True),
    ],
)
def test_a_condition_that_abated_is_over_whatever_its_status_says(said, abated_on, active):
    """R4 con-4: what is abated cannot be active. A day that is still to come ends nothing."""
    found = fact(condition(clinicalStatus=clinical("active"), **said))
    assert (found.abated_on, found.active) == (abated_on, active)


# --- what passes by itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "onset", "active"),
    [
        ("F05", "2025-11-26", True),  # delirium, 365 days ago
        ("F05", "2025-11-25", False),
        ("F05", "2015-03-01", False),
        ("W01.0XXA", "2025-11-25", False),  # a fall
        ("Z51.5", "2025-11-25", False),  # palliative care
        ("G40.909", "2015-03-01", True),  # epilepsy does not pass
        ("J44.9", "2015-03-01", True),
    ],
)
def test_a_visits_diagnosis_of_what_passes_counts_for_a_year(code, onset, active):
    assert fact(condition(code, category=VISIT, onsetDateTime=onset)).active is active


@pytest.mark.parametrize(
    "kept",
    [category("problem-list-item"), category("problem-list-item", "encounter-diagnosis"), []],
)
def test_on_a_problem_list_it_counts_until_somebody_ends_it(kept):
    assert fact(condition("F05", category=kept, onsetDateTime="2015-03-01")).active


def test_a_visits_diagnosis_without_a_day_counts():
    assert fact(condition("F05", category=VISIT)).active


@pytest.mark.parametrize(
    ("code", "onset", "active"),
    [
        # 90 days before is 28 August.
        ("F13.931", "2026-08-28", True),
        ("F13.931", "2026-08-27", False),
    ],
)
def test_nobody_is_in_withdrawal_for_years_on_any_list(code, onset, active):
    found = condition_facts(
        condition(code, category=category("problem-list-item"), onsetDateTime=onset), ON
    )
    now = {f.concept for f in found if f.active}
    assert ("benzodiazepine_withdrawal" in now) is active


def test_alcohol_withdrawal_of_30_days_ago_is_history_and_the_disorder_stays():
    found = condition_facts(condition("F10.230", onsetDateTime="2026-10-26"), ON)
    assert {f.concept: f.active for f in found} == {
        "alcohol_use_disorder": True,
        "alcohol_withdrawal": False,  # 31 days
        "seizure_withdrawal_risk_history": True,
    }


@pytest.mark.parametrize(("code", "active"), [("S72.001A", True), ("S72.001D", True)])
def test_an_injury_counts_at_its_first_and_at_later_visits(code, active):
    assert fact(condition(code)).active is active


@pytest.mark.parametrize("code", ["S72.001S", "W01.0XXS"])
def test_a_late_effect_tells_of_an_injury_of_the_past(code):
    """The seventh character S is a sequela: when the injury itself was, nobody says."""
    assert not fact(condition(code)).active


def test_a_late_effect_beside_the_injury_itself_leaves_it_present():
    coding = [{"system": ICD10, "code": code} for code in ("S72.001S", "S72.002A")]
    assert fact({**condition(), "code": {"coding": coding}}).active


# --- what cannot be looked up -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "is_uncoded"),
    [
        (condition("I10"), False),  # a code of a table that we have: none of our concepts
        (condition("84757009", system=SNOMED), False),
        (condition("38341003", system=SNOMED), True),  # no descendants of ours are known
        (condition("401.9", system="http://hl7.org/fhir/sid/icd-9-cm"), True),
        (condition("nonsense"), True),
        (in_words(), True),
        ({"resourceType": "Condition"}, True),
        (in_words(verificationStatus="refuted"), False),
        (in_words(clinicalStatus="resolved"), False),
    ],
)
def test_a_condition_that_cannot_be_looked_up_is_counted(resource, is_uncoded):
    assert uncoded(resource, ON) is is_uncoded


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"code": 7},
        {"code": {"coding": "x"}},
        condition(clinicalStatus=[{}]),
        condition(category=[7, None]),
        condition(abatementPeriod="x", onsetPeriod=[1]),
        condition(onsetDateTime=2024),
    ],
)
def test_no_shape_of_a_condition_raises(broken):
    condition_facts(broken, ON)
    uncoded(broken, ON)
