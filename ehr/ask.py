"""Renderings of `ehr.needs` in the languages that EHRs are asked in."""

from __future__ import annotations

from collections.abc import Collection

from ehr.needs import NEEDS, Need


def prefetch_templates(optional: Collection[str] = ()) -> dict[str, str]:
    """Prefetch templates: every required need, and the optional ones named by key.

    Only what the CDS Hooks 2.0 grammar allows: instance reads and searches by one token.
    """
    asked = (need for need in NEEDS if need.required or need.key in optional)
    return {need.key: _template(need) for need in asked}


def _template(need: Need) -> str:
    patient = "{{context.patientId}}"
    if need.by_id:
        return f"{need.resource_type}/{patient}"
    return f"{need.resource_type}?patient={patient}"
