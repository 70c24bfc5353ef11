"""Who may do what with whose records: what an access token allows, as the FHIR door needs it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from .json_text import Resource
from .outcome import Refused
from .parameters import PARAMETERS, values_at

_KEY = "sandbox.access"
_OF_MANY = {"Group"}


@dataclass(frozen=True, slots=True)
class Access:
    """What an app may do: interactions by type ("cruds"), in the compartment of one patient.

    `patient_id` is None where the app was given no patient: then it sees no patient's records.
    `user` is the reference of the person who uses the app. A system (`is_system`) has neither: it
    reads everybody's records of its types and writes none. `app` is the id of the app or system.
    """

    letters: Mapping[str, str]
    patient_id: str | None
    user: str
    app: str = ""
    is_system: bool = False

    def allows(self, resource_type: str, letter: str) -> bool:
        """Whether a scope allows c(reate), r(ead), u(pdate), d(elete) or s(earch) on a type."""
        return letter in self.letters.get(resource_type, "")

    def require(self, resource_type: str, letter: str) -> None:
        """Refuse (403) what no scope allows."""
        if not self.allows(resource_type, letter):
            words = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search for"}
            raise Refused(
                403,
                "forbidden",
                f"The app may not {words[letter]} {resource_type}: no granted scope says so.",
            )

    def may_see(self, resource: Resource, base: str) -> bool:
        """Whether a resource is in the patient's compartment, or is nobody's (a Medication)."""
        if self.is_system:
            return True
        if resource["resourceType"] in _OF_MANY:
            return False  # a list of patients is for systems, not for an app in one chart
        if not is_of_a_patient(resource["resourceType"]):
            return True
        return self.patient_id is not None and self.patient_id in patients_of(resource, base)


def is_of_a_patient(resource_type: str) -> bool:
    """Whether resources of this type are about a patient."""
    return resource_type == "Patient" or "patient" in PARAMETERS.get(resource_type, {})


def patients_of(resource: Resource, base: str) -> set[str]:
    """The ids of the patients that a resource is about (FHIR R4, compartment of Patient)."""
    resource_type = resource["resourceType"]
    if resource_type == "Patient":
        return {str(resource.get("id"))}
    parameter = PARAMETERS.get(resource_type, {}).get("patient")
    found = set()
    for path in parameter.paths if parameter else ():
        for value in values_at(resource, path):
            said = value.get("reference") if isinstance(value, dict) else None
            if isinstance(said, str):
                local = said.removeprefix(f"{base}/").partition("/_history/")[0]
                if local.startswith("Patient/"):
                    found.add(local.removeprefix("Patient/"))
    return found


def give(scope: MutableMapping[str, Any], access: Access) -> None:
    """Note on a request what it may do."""
    scope[_KEY] = access


def of(request: Request) -> Access:
    """What a request may do; Refused (401) when nobody has said so."""
    access = request.scope.get(_KEY)
    if not isinstance(access, Access):
        raise Refused(401, "login", "Writing needs an access token.")
    return access
