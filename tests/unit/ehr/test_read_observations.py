"""Observation -> PHQ-9, falls and pregnancy, in every form that a value comes in."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from clinical.facts import ObservationFact
from ehr.read.observations import observation_facts

ON = date(2026, 11, 26)
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
YES_NO = "http://terminology.hl7.org/CodeSystem/v2-0136"
ITEM_9, TOTAL, PHQ9 = "44260-8", "44261-6", "44249-1"
FALLS_IN_A_YEAR, MORSE_FALLS, PREGNANCY = "52552-7", "59454-9", "82810-3"


def code(loinc: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": loinc}]}


def answer(system: str, said: str) -> dict[str, Any]:
    return {"valueCodeableConcept": {"coding": [{"system": system, "code": said}]}}


def observation(loinc: str = ITEM_9, on: str | None = "2026-11-20", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": code(loinc),
        "effectiveDateTime": on,
        **more,
    }


def facts(*resources: dict[str, Any]) -> tuple[ObservationFact, ...]:
    found, notes = observation_facts(resources, ON)
    assert notes == ()
    return found


def value(loinc: str, said: dict[str, Any]) -> Fraction | bool:
    (found,) = facts(observation(loinc, **said))
    return found.value


def test_a_finding_says_what_when_and_where():
    assert facts(observation(valueInteger=1)) == (
        ObservationFact("Observation/o", "phq9_item9", Fraction(1), date(2026, 11, 20)),
    )


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loinc", "said", "expected"),
    [
        (ITEM_9, {"valueInteger": 0}, 0),
        (ITEM_9, {"valueQuantity": {"value": Decimal("2.0"), "unit": "{score}"}}, 2),
        # The answer list LL358-3: not at all, several days, more than half, nearly every day.
        (ITEM_9, answer(LOINC, "LA6568-5"), 0),
        (ITEM_9, answer(LOINC, "LA6569-3"), 1),
        (ITEM_9, answer(LOINC, "LA6570-1"), 2),
        (ITEM_9, answer(LOINC, "LA6571-9"), 3),
        (ITEM_9, {"valueQuantity": {"value": 3}}, 3),
        (FALLS_IN_A_YEAR, {"valueInteger": 2}, 2),
        (FALLS_IN_A_YEAR, {"valueBoolean": True}, True),
        (FALLS_IN_A_YEAR, answer(LOINC, "LA33-6"), True),
        (FALLS_IN_A_YEAR, answer(SNOMED, "373067005"), False),
        (FALLS_IN_A_YEAR, answer(YES_NO, "Y"), True),
        # The Morse Fall Scale gives 25 points to a history of falls.
        (MORSE_FALLS, {"valueInteger": 25}, True),
        (MORSE_FALLS, {"valueInteger": 0}, False),
        (MORSE_FALLS, answer(LOINC, "LA32-8"), False),
        (PREGNANCY, answer(LOINC, "LA15173-0"), True),
        (PREGNANCY, answer(LOINC, "LA26683-5"), False),
        (PREGNANCY, answer(SNOMED, "77386006"), True),
        (PREGNANCY, answer("http://hl7.org/fhir/v2/0136", "N"), False),
        (PREGNANCY, {"valueBoolean": True}, True),
    ],
)
def test_a_value_is_read_in_each_of_its_forms(loinc, said, expected):
    found = value(loinc, said)
    assert found == expected
    assert isinstance(found, bool) == isinstance(expected, bool)


def test_the_first_coding_that_is_an_answer_counts():
    coding = [{"system": "urn:x", "code": "1"}, {"system": LOINC, "code": "LA6570-1"}]
    assert value(ITEM_9, {"valueCodeableConcept": {"coding": coding}}) == 2


@pytest.mark.parametrize(
    ("loinc", "said"),
    [
        (ITEM_9, {"valueInteger": 4}),  # 0 to 3
        (ITEM_9, {"valueInteger": -1}),
        (ITEM_9, {"valueInteger": "1"}),
        (ITEM_9, {"valueQuantity": {"value": Decimal("1.5")}}),
        (ITEM_9, {"valueQuantity": {"value": 1, "comparator": ">"}}),
        (ITEM_9, {"valueString": "Several days"}),
        (ITEM_9, {"valueBoolean": True}),
        (ITEM_9, answer(LOINC, "LA33-6")),
        (PREGNANCY, {"valueInteger": 1}),
        (PREGNANCY, answer(SNOMED, "102874004")),  # possible pregnancy
        (FALLS_IN_A_YEAR, {"valueRange": {"low": {"value": 1}}}),
    ],
)
def test_a_value_that_cannot_be_read_is_a_note_and_no_fact(loinc, said):
    found, notes = observation_facts([observation(loinc, **said)], ON)
    assert found == ()
    assert notes == (
        "Observation/o is an observation that a check looks at, and its value could not be read",
    )


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"dataAbsentReason": {"text": "asked, declined"}},
        answer(LOINC, "LA4489-6"),  # unknown
        answer("http://terminology.hl7.org/CodeSystem/v2-0532", "ASKU"),
    ],
)
def test_an_answer_that_nobody_gave_is_no_fact_and_no_note(said):
    assert facts(observation(PREGNANCY, **said)) == ()


# --- which count --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["registered", "preliminary", "cancelled", "entered-in-error"])
def test_only_what_is_complete_and_holds_counts(status):
    assert facts(observation(status=status, valueInteger=1)) == ()


@pytest.mark.parametrize("status", ["amended", "corrected"])
def test_what_was_corrected_counts(status):
    assert len(facts(observation(status=status, valueInteger=1))) == 1


def test_another_observation_is_none_of_ours():
    """That a risk assessment was made (57254-5) does not say that the patient fell."""
    assert facts(observation("57254-5", valueBoolean=True), observation("8302-2")) == ()
    elsewhere = {"coding": [{"system": "urn:oid:1.2.3", "code": ITEM_9}]}
    assert facts(observation(code=elsewhere, valueInteger=1)) == ()


def test_a_code_without_a_system_is_taken_as_loinc():
    assert len(facts(observation(code={"coding": [{"code": ITEM_9}]}, valueInteger=1))) == 1


def test_a_panel_is_read_by_its_components():
    panel = observation(
        PHQ9,
        component=[
            {"code": code(ITEM_9), **answer(LOINC, "LA6569-3")},
            {"code": code(TOTAL), "valueInteger": 12},
            {"code": code("44250-9"), **answer(LOINC, "LA6571-9")},
        ],
        hasMember=[{"reference": "Observation/other"}],
    )
    assert [(f.concept, f.value) for f in facts(panel)] == [("phq9_item9", 1)]


# --- when ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "observed_on"),
    [
        ({"effectiveDateTime": "2026-03"}, date(2026, 3, 31)),
        ({"effectiveDateTime": "2026"}, ON),  # the latest day that it may mean is not to come
        ({"effectiveDateTime": "2026-11-26T23:00:00-05:00"}, date(2026, 11, 26)),
        ({"effectivePeriod": {"start": "2026-01-01", "end": "2026-01-05"}}, date(2026, 1, 5)),
        ({"effectivePeriod": {"start": "2026-01-01"}}, date(2026, 1, 1)),
        ({"effectiveInstant": "2026-01-01T10:00:00Z"}, date(2026, 1, 1)),
        ({"issued": "2026-01-01T10:00:00Z"}, date(2026, 1, 1)),
        ({}, None),
    ],
)
def test_a_finding_was_made_on_the_latest_day_that_it_may_mean(said, observed_on):
    (found,) = facts(observation(**{"on": None, "valueInteger": 1} | said))
    assert found.observed_on == observed_on


@pytest.mark.parametrize(("on", "count"), [("2025-11-26", 1), ("2025-11-25", 0)])
def test_falls_are_asked_for_the_past_year_and_tell_of_a_year(on, count):
    assert len(facts(observation(FALLS_IN_A_YEAR, on, valueInteger=1))) == count


def test_an_old_phq_9_is_a_fact_with_its_day():
    (found,) = facts(observation(ITEM_9, "2019-05-01", valueInteger=1))
    assert found.observed_on == date(2019, 5, 1)


def test_what_was_made_after_the_day_is_no_fact_of_it():
    assert facts(observation(on="2026-11-27", valueInteger=1)) == ()


@pytest.mark.parametrize(
    "broken",
    [
        {},
        observation(component=[7, None, {"code": code(ITEM_9), "valueQuantity": 3}]),
        observation(valueQuantity=[]),
        observation(valueCodeableConcept="LA33-6"),
        observation(effectivePeriod=3, effectiveDateTime=[]),
        observation(status=["final"]),
    ],
)
def test_no_shape_of_an_observation_raises(broken):
    observation_facts([broken], ON)
