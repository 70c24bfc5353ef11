"""Renderings of `ehr.needs` in the languages that EHRs are asked in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ehr.needs import NEEDS, Need

# What the planner reads beside the needs of the checks: plans that it saved before, and the
# Medications that orders refer to. No check looks at them, so they are no `NEEDS`.
CARE_PLANS = Need("care-plans", "CarePlan", "the care plans", required=False)
MEDICATION = Need("medication", "Medication", "the medications referred to", required=False)

PAGE_SIZE = 200
"""Records that a search asks for at once; a server may give fewer."""


@dataclass(frozen=True, slots=True)
class Search:
    """A need as a SMART app asks for it: a read of `reference`, or a search with `parameters`."""

    need: Need
    reference: str | None
    parameters: tuple[tuple[str, str], ...] = ()


def searches(patient_id: str) -> tuple[Search, ...]:
    """Every need of one patient, and the plans: reads by id, searches by patient (FHIR R4)."""
    return tuple(
        Search(need, f"{need.resource_type}/{patient_id}")
        if need.by_id
        else Search(need, None, (("patient", patient_id), *_code(need), ("_count", str(PAGE_SIZE))))
        for need in (*NEEDS, CARE_PLANS)
    )


def export_types() -> tuple[str, ...]:
    """Every need as the `_type` of a Bulk Data export, with plans and Medications."""
    return tuple(dict.fromkeys(need.resource_type for need in (*NEEDS, CARE_PLANS, MEDICATION)))


def prefetch_templates(optional: Collection[str] = ()) -> dict[str, str]:
    """Prefetch templates: every required need, and the optional ones named by key.

    Only what the CDS Hooks 2.0 grammar allows: instance reads, and type searches by tokens with
    equality. Commas between values of a token are FHIR's "or" (R4, Search).
    """
    asked = (need for need in NEEDS if need.required or need.key in optional)
    return {need.key: _template(need) for need in asked}


def _template(need: Need) -> str:
    patient = "{{context.patientId}}"
    if need.by_id:
        return f"{need.resource_type}/{patient}"
    return "&".join((f"{need.resource_type}?patient={patient}", *map("=".join, _code(need))))


def _code(need: Need) -> tuple[tuple[str, str], ...]:
    """The codes of a need as a search parameter; without a system, which not every EHR stores."""
    return (("code", ",".join(need.codes)),) if need.codes else ()
