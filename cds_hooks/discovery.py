"""GET /cds-services (CDS Hooks 2.0, Discovery)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cds_hooks.configuration import options
from cds_hooks.request import CONFIGURATION, ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW
from clinical.policy import Policy, default_policy
from ehr.ask import prefetch_templates

ORDER_SAFETY = "clonazepam-safety"
PATIENT_REVIEW = "clonazepam-review"

SPECIFICATION = "3.0.0-ballot"
"""The version of CDS Hooks that discovery names. What we answer is valid under 2.0 as well; only
clients that know the ballot read this member, and to them it says which errors, scopes and
members they meet."""

HOOK_VERSION = "1.0"
"""Of each of the three hooks, as the CDS Hooks Library publishes them."""

_TITLE = "Clonazepam safety"
_DESCRIPTION = (
    "Looks at orders of clonazepam, and at their stopping: opioids and other sedatives beside it, "
    "a high or rising dose, falls in older adults, contraindications, pregnancy, an abrupt stop. "
    "Answers with one card that carries taper drafts to accept."
)
_REVIEW_TITLE = "Clonazepam review"
_REVIEW_DESCRIPTION = (
    "Looks at the chart that is opened: one information card with the planner's link for a "
    "patient who has used clonazepam for long or of whom a follow-up is due, and none for anybody "
    "else."
)
_REQUIREMENTS = (
    "FHIR R4. Needs the patient, the medication requests and the conditions, prefetched or to be "
    "read at fhirServer with fhirAuthorization; what could not be had is named in the answer."
)


def services(optional_needs: Collection[str] = (), policy: Policy | None = None) -> dict[str, Any]:
    """The discovery document. One id under two hooks: the later card replaces the earlier.

    `policy` (as shipped without one) says what an EHR may configure in a request.
    """
    prefetch = prefetch_templates(optional_needs)
    policy = policy or default_policy()
    return {
        "services": [
            {
                "hook": hook,
                "id": service,
                "title": title,
                "description": description,
                "prefetch": prefetch,
                "usageRequirements": _REQUIREMENTS,
                "version": SPECIFICATION,
                "hookVersion": HOOK_VERSION,
                **_extension(options(policy, review=service == PATIENT_REVIEW)),
            }
            for hook, service, title, description in (
                (ORDER_SELECT, ORDER_SAFETY, _TITLE, _DESCRIPTION),
                (ORDER_SIGN, ORDER_SAFETY, _TITLE, _DESCRIPTION),
                (PATIENT_VIEW, PATIENT_REVIEW, _REVIEW_TITLE, _REVIEW_DESCRIPTION),
            )
        ]
    }


def _extension(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"extension": {CONFIGURATION: found}} if found else {}
