"""What a signed-in user may see of an EHR's report; asked anew with every request."""

from __future__ import annotations

from enum import IntEnum

from ehr.registry import ANYBODY, TrustedEhr


class Role(IntEnum):
    """Each role may see what the one before it may."""

    NOBODY = 0
    REPORT = 1
    WORKLIST = 2


def role_of(ehr: TrustedEhr, fhir_user: str | None) -> Role:
    """By the fhirUser reference; a user whom the EHR does not name can hold no role by name.

    A patient is never a reader, not even where anybody is one: "anybody" means the staff.
    """
    if fhir_user is not None and fhir_user in ehr.worklist_readers:
        return Role.WORKLIST
    if fhir_user is not None and fhir_user in ehr.report_readers:
        return Role.REPORT
    if ANYBODY in ehr.report_readers and _is_staff(fhir_user):
        return Role.REPORT
    return Role.NOBODY


def _is_staff(fhir_user: str | None) -> bool:
    kind = (fhir_user or "").partition("/")[0]
    return kind in ("Practitioner", "PractitionerRole", "Person")
