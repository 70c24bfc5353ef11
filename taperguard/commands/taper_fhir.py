"""A schedule as a FHIR R4 transaction: the draft CarePlan, and draft orders of its first weeks.

The same entries as the planner saves, of a patient whom the caller names. Later steps are in the
plan, not in orders: each is ordered after the reassessment that it asks for.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from clinical.follow_up import check_ins
from clinical.policy import default_policy
from clinical.taper import Schedule
from ehr.decode import pretty
from ehr.write.care_plan import PlanWords, care_plan
from ehr.write.draft_orders import OrderContext
from ehr.write.plan_entries import first_orders, plan_entries, plan_key

PLACEHOLDER = "Patient/synthetic"
"""The subject where the caller names none: no patient of any server."""

_REFERENCE = re.compile(r"(?:Patient/)?([A-Za-z0-9.-]{1,64})", re.ASCII)


def patient_id(reference: str) -> str | None:
    """The id in "Patient/123" or "123" (FHIR R4, id); None where it is neither."""
    found = _REFERENCE.fullmatch(reference.strip())
    return None if found is None else found[1]


def as_fhir(schedule: Schedule, patient: str, authored_on: date) -> str:
    """The transaction Bundle as JSON text. `patient` is an id, `authored_on` the orders' day."""
    policy = default_policy()
    context = OrderContext(patient_id=patient, authored_on=authored_on)
    key = plan_key(schedule, patient, policy.rules_version)
    words = PlanWords(policy.rules_version)
    plan = care_plan(schedule, check_ins(schedule), context, words, key=key)
    orders = first_orders(schedule, context, key, policy.card_horizon_days, present=None)
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": list(plan_entries(key, plan, orders)),
    }
    return pretty(bundle) + "\n"
