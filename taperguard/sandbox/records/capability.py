"""What this EHR says of itself: the CapabilityStatement of `GET /fhir/metadata`."""

from __future__ import annotations

from .json_text import Resource
from .parameters import PARAMETERS, Kind, parameters_of

_WRITTEN_ON = "2026-11-23"
_BULK = "http://hl7.org/fhir/uv/bulkdata"
# Bulk Data Access 2.0.0: who conforms says so in `instantiates`, and names the operation.
_OPERATIONS = {
    "Group": [{"name": "export", "definition": f"{_BULK}/OperationDefinition/group-export"}]
}


def capability_statement(*, base: str, version: str) -> Resource:
    """The CapabilityStatement (FHIR R4 5.1); every line of it is made from what is supported."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": True,
        "date": _WRITTEN_ON,
        "kind": "instance",
        "software": {"name": "Sandbox EHR", "version": version},
        "implementation": {
            "description": "A pretend EHR. Every patient in it is synthetic.",
            "url": base,
        },
        "instantiates": [f"{_BULK}/CapabilityStatement/bulk-data"],
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": [_resource(name) for name in sorted(PARAMETERS)]}],
    }


def _resource(resource_type: str) -> Resource:
    includes = [
        f"{resource_type}:{name}"
        for name, parameter in PARAMETERS[resource_type].items()
        if parameter.kind is Kind.REFERENCE
    ]
    described: Resource = {
        "type": resource_type,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
    }
    if includes:
        described["searchInclude"] = includes
    described["searchParam"] = [
        {"name": name, "type": parameter.kind.value}
        for name, parameter in parameters_of(resource_type).items()
    ]
    if resource_type in _OPERATIONS:
        described["operation"] = _OPERATIONS[resource_type]
    return described
