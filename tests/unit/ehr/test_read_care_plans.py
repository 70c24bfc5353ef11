"""CarePlans of our tapers as facts, and what is made of those that somebody changed."""

from copy import deepcopy
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from clinical.care_plans import PlannedStep
from ehr.read.care_plans import taper_plans

PLAN = {
    "resourceType": "CarePlan",
    "id": "p",
    "identifier": [
        {"system": "urn:ehr", "value": "7"},
        {"system": "https://taperguard.org/fhir/NamingSystem/taper", "value": "k1"},
    ],
    "instantiatesUri": ["https://taperguard.org/fhir/rules/2026.11/pace/asam-2025"],
    "status": "active",
    "created": "2026-11-23",
    "activity": [
        {
            "detail": {
                "kind": "MedicationRequest",
                "scheduledPeriod": {"start": "2026-11-23", "end": "2026-12-06"},
                "dailyAmount": {"value": Decimal("0.125"), "unit": "mg", "code": "mg"},
            }
        },
        {"detail": {"kind": "Task", "scheduledPeriod": {"start": "2026-11-30"}}},
        {
            "detail": {
                "kind": "MedicationRequest",
                "scheduledPeriod": {"start": "2026-12-07", "end": "2026-12-07"},
                "dailyAmount": {"value": 0, "unit": "mg", "code": "mg"},
            }
        },
    ],
}


def changed(value, *path):
    plan = deepcopy(PLAN)
    place = plan
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return plan


STEP = ("activity", 0, "detail")


def test_a_plan_is_its_steps_its_goal_and_by_what_it_was_made():
    """Nothing is taken from 7 December on: that day is not the last of anything."""
    (plan,) = taper_plans([PLAN])
    assert plan.steps == (
        PlannedStep(date(2026, 11, 23), date(2026, 12, 6), Fraction(1, 8)),
        PlannedStep(date(2026, 12, 7), None, Fraction(0)),
    )
    assert plan.source == "CarePlan/p"
    assert plan.group == "https://taperguard.org/fhir/NamingSystem/taper|k1"
    assert (plan.pace_id, plan.rules_version) == ("asam-2025", "2026.11")
    assert plan.created_on == date(2026, 11, 23)


@pytest.mark.parametrize("identifier", [[], {}, None, "k1", [None], [{"value": "k1"}]])
def test_a_care_plan_without_our_key_is_none_of_ours(identifier):
    assert taper_plans([changed(identifier, "identifier")]) == ()


@pytest.mark.parametrize(
    "plan",
    [
        changed(None, *STEP, "dailyAmount"),
        changed({"value": -1, "unit": "mg"}, *STEP, "dailyAmount"),
        changed({"value": 1, "unit": "tablet"}, *STEP, "dailyAmount"),
        changed({"value": 1, "unit": "mg", "comparator": "<"}, *STEP, "dailyAmount"),
        changed("2026-11-23", *STEP, "scheduledPeriod"),
        changed({"start": "2026-11-23", "end": "soon"}, *STEP, "scheduledPeriod"),
        changed({"start": "2026-11-23", "end": "2026-11-22"}, *STEP, "scheduledPeriod"),
        # Two doses on 7 December.
        changed({"start": "2026-11-23", "end": "2026-12-07"}, *STEP, "scheduledPeriod"),
        # A dose that goes on, and another after it.
        changed({"start": "2026-11-23"}, *STEP, "scheduledPeriod"),
        changed([], "activity"),
        changed("none", "activity"),
    ],
)
def test_where_one_step_cannot_be_read_none_is(plan):
    (found,) = taper_plans([plan])
    assert found.steps == ()
    assert found.status == "active"


@pytest.mark.parametrize("uri", [None, [], "x", ["https://elsewhere/pace/asam-2025"], [7]])
def test_a_plan_that_does_not_say_by_what_it_was_made_is_read_all_the_same(uri):
    (plan,) = taper_plans([changed(uri, "instantiatesUri")])
    assert (plan.pace_id, plan.rules_version) == (None, None)
    assert len(plan.steps) == 2
