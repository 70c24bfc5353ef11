"""Patient -> birth date and whether the patient has died."""

from __future__ import annotations

from typing import Any

from clinical.facts import BirthDate, Unknown
from ehr.read.dates import date_range


def birth_date(patient: dict[str, Any]) -> BirthDate | Unknown:
    """The birth date, exact or as precise as the EHR has it."""
    written = patient.get("birthDate")
    if written is None:
        return Unknown("the patient's birth date was not supplied")
    days = date_range(written)
    if days is None:
        return Unknown("the patient's birth date could not be read")
    return BirthDate(*days)


def deceased(patient: dict[str, Any]) -> bool:
    """Whether the chart says that the patient has died; absent means no (FHIR R4, Patient)."""
    return patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime") is not None
