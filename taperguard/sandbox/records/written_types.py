"""What this EHR lets apps write: the types, what they are found by, and what metadata says of it.

The names are those of FHIR R4 (each resource's page, "Search Parameters").
"""

from __future__ import annotations

from .json_text import Resource
from .parameters import PARAMETERS, Kind, Parameter

WRITABLE = {
    "MedicationRequest": ("create", "update"),
    "CarePlan": ("create", "update"),
    "DocumentReference": ("create",),
    "Provenance": ("create",),
}

_SUBJECT = Parameter(Kind.REFERENCE, ("subject",), "Patient")
_IDENTIFIER = Parameter(Kind.TOKEN, ("identifier",))
_STATUS = Parameter(Kind.TOKEN, ("status",))
_CATEGORY = Parameter(Kind.TOKEN, ("category",))

ADDED: dict[str, dict[str, Parameter]] = {
    "MedicationRequest": {"identifier": _IDENTIFIER},
    "CarePlan": {
        "patient": _SUBJECT,
        "subject": _SUBJECT,
        "identifier": _IDENTIFIER,
        "status": _STATUS,
        "intent": Parameter(Kind.TOKEN, ("intent",)),
        "category": _CATEGORY,
        "date": Parameter(Kind.DATE, ("period",)),
        "encounter": Parameter(Kind.REFERENCE, ("encounter",), "Encounter"),
    },
    "DocumentReference": {
        "patient": _SUBJECT,
        "subject": _SUBJECT,
        "identifier": _IDENTIFIER,
        "status": _STATUS,
        "type": Parameter(Kind.TOKEN, ("type",)),
        "category": _CATEGORY,
        "date": Parameter(Kind.DATE, ("date",)),
    },
    "Provenance": {
        # FHIR R4: the targets that are patients.
        "patient": Parameter(Kind.REFERENCE, ("target",), "Patient"),
        "target": Parameter(Kind.REFERENCE, ("target",), "Patient"),
        "recorded": Parameter(Kind.DATE, ("recorded",)),
        "agent": Parameter(Kind.REFERENCE, ("agent.who",), "Practitioner"),
    },
}


def hold_written_types() -> None:
    """Let the store hold and find what is written; doing so again changes nothing."""
    for resource_type, parameters in ADDED.items():
        PARAMETERS.setdefault(resource_type, {}).update(parameters)


def with_writes(statement: Resource, *, authorize: str, token: str) -> Resource:
    """A CapabilityStatement that also says what can be written and how an app signs in."""
    (rest,) = statement["rest"]
    resources = [_described(resource) for resource in rest["resource"]]
    oauth = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    smart = {
        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
        "code": "SMART-on-FHIR",
    }
    security: Resource = {
        "extension": [
            {
                "url": oauth,
                "extension": [
                    {"url": "authorize", "valueUri": authorize},
                    {"url": "token", "valueUri": token},
                ],
            }
        ],
        "service": [{"coding": [smart], "text": "SMART on FHIR"}],
        "description": "Reading is open in this sandbox; writing needs an access token.",
    }
    whole = {
        "mode": rest["mode"],
        "security": security,
        "resource": resources,
        "interaction": [{"code": "transaction"}],
    }
    return {**statement, "rest": [whole]}


def _described(resource: Resource) -> Resource:
    written = WRITABLE.get(resource["type"], ())
    if not written:
        return resource
    described = {
        **resource,
        "interaction": [*resource["interaction"], *({"code": code} for code in written)],
        "conditionalCreate": True,
    }
    if "update" in written:
        described["versioning"] = "versioned-update"
        described["updateCreate"] = False
    return described
