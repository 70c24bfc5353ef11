"""What an EHR's answer to a read is: a resource, or a sentence why not. For every FHIR client."""

from __future__ import annotations

from typing import Any

from ehr.decode import NotJson, decode
from ehr.errors import Unusable, from_status, outcome_sentence
from ehr.read.json import as_object, as_text

Resource = dict[str, Any]


def decoded(raw: bytes, status: int) -> object:
    """The JSON of a body; None for an empty one, and for what an error has in place of JSON.

    Raises Unusable when a success is no JSON.
    """
    if not raw.strip():
        return None
    try:
        return decode(raw)
    except NotJson:
        if 200 <= status < 300:
            raise Unusable("the EHR's answer is not JSON") from None
        return None


def resource_of(status: int, body: object) -> Resource:
    """The resource that was asked for. Raises EhrError: a refusal, no resource, an outcome."""
    if not 200 <= status < 300:
        raise from_status(status, body)
    resource = as_object(body)
    if as_text(resource.get("resourceType")) is None:
        raise Unusable("the EHR's answer is no FHIR resource")
    if resource.get("resourceType") == "OperationOutcome":
        why = outcome_sentence(resource) or "it gives no reason"
        raise Unusable(f"the EHR answered with an OperationOutcome: {why}")
    return resource


def checked(resource: Resource, reference: str) -> Resource:
    """The resource, if it is that of the reference "Type/id". Raises Unusable."""
    kind, _, key = reference.partition("/")
    if resource.get("resourceType") != kind or resource.get("id") != key:
        raise Unusable(f"the EHR answered with something else than the {kind} asked for")
    return resource
