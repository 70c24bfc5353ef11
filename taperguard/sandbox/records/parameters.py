"""Which search parameters this EHR knows, and where in a resource each one looks.

The names and kinds are those of FHIR R4 (each resource's page, "Search Parameters"). What is not
listed here is not supported, and the CapabilityStatement says so because it is made from this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from . import moments
from .json_text import Resource


class Kind(StrEnum):
    """The kinds of search parameter (FHIR R4 section 3.1.1.4) that are known here."""

    TOKEN = "token"  # noqa: S105 - a kind of search parameter, no secret
    REFERENCE = "reference"
    DATE = "date"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: `paths` are the elements it looks at, with dots between names.

    `target` is the resource type that a reference without a type means.
    """

    kind: Kind
    paths: tuple[str, ...]
    target: str = ""


def _token(*paths: str) -> Parameter:
    return Parameter(Kind.TOKEN, paths)


def _reference(path: str, target: str) -> Parameter:
    return Parameter(Kind.REFERENCE, (path,), target)


def _date(*paths: str) -> Parameter:
    return Parameter(Kind.DATE, paths)


def _string(*paths: str) -> Parameter:
    return Parameter(Kind.STRING, paths)


_ABOUT_A_PATIENT = {
    "patient": _reference("subject", "Patient"),
    "subject": _reference("subject", "Patient"),
}
_OF_A_MEDICINE = {
    "code": _token("medicationCodeableConcept"),
    "medication": _reference("medicationReference", "Medication"),
}

EVERYWHERE = {"_id": _token("id"), "_lastUpdated": _date("meta.lastUpdated")}

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Patient": {
        "identifier": _token("identifier"),
        "name": _string("name.family", "name.given", "name.text"),
        "family": _string("name.family"),
        "given": _string("name.given"),
        "gender": _token("gender"),
        "birthdate": _date("birthDate"),
    },
    "MedicationRequest": {
        **_ABOUT_A_PATIENT,
        **_OF_A_MEDICINE,
        "status": _token("status"),
        "intent": _token("intent"),
        "category": _token("category"),
        "authoredon": _date("authoredOn"),
        "encounter": _reference("encounter", "Encounter"),
        "requester": _reference("requester", "Practitioner"),
    },
    "MedicationStatement": {
        **_ABOUT_A_PATIENT,
        **_OF_A_MEDICINE,
        "status": _token("status"),
        "category": _token("category"),
        "effective": _date("effectiveDateTime", "effectivePeriod"),
    },
    "MedicationDispense": {
        **_ABOUT_A_PATIENT,
        **_OF_A_MEDICINE,
        "status": _token("status"),
        "whenhandedover": _date("whenHandedOver"),
        "prescription": _reference("authorizingPrescription", "MedicationRequest"),
    },
    "Medication": {
        "code": _token("code"),
        "status": _token("status"),
        "ingredient-code": _token("ingredient.itemCodeableConcept"),
    },
    "Condition": {
        **_ABOUT_A_PATIENT,
        "code": _token("code"),
        "category": _token("category"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "recorded-date": _date("recordedDate"),
        "encounter": _reference("encounter", "Encounter"),
    },
    "AllergyIntolerance": {
        "patient": _reference("patient", "Patient"),
        "code": _token("code", "reaction.substance"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "category": _token("category"),
        "date": _date("recordedDate"),
    },
    "Observation": {
        **_ABOUT_A_PATIENT,
        "code": _token("code"),
        "category": _token("category"),
        "status": _token("status"),
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        "encounter": _reference("encounter", "Encounter"),
    },
    "Encounter": {
        **_ABOUT_A_PATIENT,
        "status": _token("status"),
        "class": _token("class"),
        "date": _date("period"),
    },
    "Practitioner": {
        "identifier": _token("identifier"),
        "name": _string("name.family", "name.given", "name.text"),
        "family": _string("name.family"),
    },
    "Group": {
        "identifier": _token("identifier"),
        "type": _token("type"),
        "code": _token("code"),
        "member": _reference("member.entity", "Patient"),
    },
    "Organization": {"identifier": _token("identifier"), "name": _string("name", "alias")},
}


def parameters_of(resource_type: str) -> dict[str, Parameter]:
    """Every search parameter of a resource type, those of every type among them."""
    return {**EVERYWHERE, **PARAMETERS[resource_type]}


def values_at(resource: Any, path: str) -> Iterator[Any]:
    """Each value at a path, lists opened on the way: "name.given" gives every given name."""
    if isinstance(resource, list):
        for item in resource:
            yield from values_at(item, path)
    elif not path:
        yield resource
    elif isinstance(resource, dict):
        name, _, rest = path.partition(".")
        if name in resource:
            yield from values_at(resource[name], rest)


def tokens(value: Any) -> Iterator[tuple[str | None, str]]:
    """The (system, code) pairs of a code, Coding, CodeableConcept or Identifier."""
    match value:
        case str():
            yield None, value
        case {"coding": list(codings)}:
            for coding in codings:
                yield from tokens(coding)
        case {"code": str(code)} | {"value": str(code)}:
            system = value.get("system")
            yield system if isinstance(system, str) else None, code


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One searchable value of a resource. What `one` and `two` hold depends on the kind:
    system and code, target, low and high end of a stretch, or lower-case text. `plain` marks an
    element of type code, whose system is implied by its binding and not written.
    """

    parameter: str
    one: str | None
    two: str | None = None
    plain: bool = False


def index_rows(resource: Resource) -> Iterator[IndexRow]:
    """All that a search may find this resource by."""
    for name, parameter in parameters_of(resource["resourceType"]).items():
        for path in parameter.paths:
            for value in values_at(resource, path):
                yield from _rows(name, parameter.kind, value)


def _rows(name: str, kind: Kind, value: Any) -> Iterator[IndexRow]:
    match kind:
        case Kind.TOKEN:
            for system, code in tokens(value):
                yield IndexRow(name, system, code, plain=isinstance(value, str))
        case Kind.REFERENCE:
            if isinstance(value, dict) and isinstance(value.get("reference"), str):
                yield IndexRow(name, value["reference"])
        case Kind.DATE:
            if (when := moments.of_element(value)) is not None:
                yield IndexRow(name, when.low, when.high)
        case Kind.STRING:
            if isinstance(value, str):
                yield IndexRow(name, value.casefold())
