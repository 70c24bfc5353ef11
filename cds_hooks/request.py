"""The hook request: bytes in, a checked HookRequest out (CDS Hooks 2.0, Calling a CDS Service).

Everything that makes the request unusable is a BadRequest whose message names the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ehr.decode import NotJson, OtherShape, ShapeDecoder, decode, is_text_in_bounds
from ehr.read.chart import DraftResource
from ehr.read.json import as_object, as_text, reference_key
from ehr.read.sifted import Glanced, Unread, sifted
from ehr.read.supplied import belongs_to_another

CONFIGURATION = "org.taperguard.configuration"
"""The key of the extension that carries an EHR's configuration (`cds_hooks/configuration.py`)."""

ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW = "order-select", "order-sign", "patient-view"
LONGEST_ID = 512
# RFC 6750, 2.1: what may stand behind "Bearer", and no line break that would end the header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*", re.ASCII)
MOST_DRAFTS = 500


class BadRequest(ValueError):
    """The request cannot be used. `field` is the path of the culprit, as in `context.patientId`."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


@dataclass(frozen=True, slots=True)
class FhirAuthorization:
    """The request's own access to the EHR (CDS Hooks 2.0, FHIR Resource Access).

    The token lives as long as the answer: it is neither kept nor logged, and goes to the
    registered EHR only. `patient` and `scope` are what the EHR says that it reaches.
    """

    access_token: str = field(repr=False)
    scope: str | None
    patient: str | None


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of an EHR. `prefetch` is raw JSON; None when the EHR sent none. Records that no
    check looks at may be missing from it (`ehr.read.sifted`).

    `configuration` is what the EHR wishes of this answer, by code, as it was sent.
    `unfetched` says, by prefetch key, why a part that was not supplied could not be fetched.
    """

    hook: str
    hook_instance: str
    user_id: str
    patient_id: str
    encounter_id: str | None
    drafts: tuple[DraftResource, ...]
    prefetch: Mapping[str, Any] | None
    fhir_server: str | None
    notes: tuple[str, ...]
    configuration: Mapping[str, Any]
    authorization: FhirAuthorization | None = None
    unfetched: Mapping[str, str] = field(default_factory=dict)


def read_request(raw: bytes, hooks: frozenset[str]) -> HookRequest:
    """The request for a service that answers these hooks. Raises BadRequest."""
    try:
        return _glanced(raw, hooks)
    except (OtherShape, NotJson):
        return _whole(raw, hooks)


class _Body(msgspec.Struct, gc=False, rename="camel"):
    """A request in the shapes of the specification; what an element holds is looked at later."""

    hook: Any = None
    hook_instance: Any = None
    fhir_server: Any = None
    fhir_authorization: Any = None
    context: Any = None
    extension: Any = None
    prefetch: Glanced | None = None


class _UnreadBody(msgspec.Struct, gc=False):
    prefetch: Unread


_body_of: ShapeDecoder[_Body] = ShapeDecoder(_Body)
_unread_body_of: ShapeDecoder[_UnreadBody] = ShapeDecoder(_UnreadBody)
_NAMES = {one.encode_name: one.name for one in msgspec.structs.fields(_Body)}


def _glanced(raw: bytes, hooks: frozenset[str]) -> HookRequest:
    """The request without records that matter to no check. Raises BadRequest, and OtherShape or
    NotJson where it has to be read as a whole.
    """
    if not is_text_in_bounds(raw):
        raise OtherShape("the whole body is judged")
    body = _body_of(raw)
    prefetch, body.prefetch = body.prefetch, None
    request = _request({name: getattr(body, our) for name, our in _NAMES.items()}, hooks)
    if prefetch is None:
        return request
    drafts = [draft.resource for draft in request.drafts]
    found = sifted(prefetch, lambda: _unread_body_of(raw).prefetch, request.patient_id, drafts)
    return replace(request, prefetch=found)


def _whole(raw: bytes, hooks: frozenset[str]) -> HookRequest:
    try:
        body = decode(raw)
    except NotJson as error:
        raise BadRequest("body", str(error)) from None
    if not isinstance(body, dict):
        raise BadRequest("body", "a JSON object is expected")
    return _request(body, hooks)


def _request(body: Mapping[str, Any], hooks: frozenset[str]) -> HookRequest:
    hook = _required_text(body, "hook")
    if hook not in hooks:
        raise BadRequest("hook", f"this service answers {' and '.join(sorted(hooks))}")
    context = body.get("context")
    if not isinstance(context, dict):
        raise BadRequest("context", "a JSON object is expected")
    patient_id = _required_text(context, "patientId", "context.").removeprefix("Patient/")
    notes: list[str] = []
    drafts = _drafts(context, hook, patient_id, notes) if hook != PATIENT_VIEW else ()
    return HookRequest(
        hook=hook,
        hook_instance=_required_text(body, "hookInstance"),
        user_id=_required_text(context, "userId", "context."),
        patient_id=patient_id,
        encounter_id=as_text(context.get("encounterId")),
        drafts=drafts,
        prefetch=_prefetch(body),
        fhir_server=_fhir_server(body),
        configuration=_configuration(body, notes),
        authorization=_authorization(body, notes),
        notes=tuple(notes),
    )


def _required_text(holder: Mapping[str, Any], name: str, path: str = "") -> str:
    value = as_text(holder.get(name))
    if value is None:
        raise BadRequest(f"{path}{name}", "a text is required")
    if len(value) > LONGEST_ID:
        raise BadRequest(f"{path}{name}", "the text is too long")
    return value


def _prefetch(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    prefetch = body.get("prefetch")
    if prefetch is None or isinstance(prefetch, dict):
        return prefetch
    raise BadRequest("prefetch", "a JSON object is expected")


def _configuration(body: Mapping[str, Any], notes: list[str]) -> Mapping[str, Any]:
    """The configuration; one that is malformed is noted and never a reason to refuse the order."""
    extension = body.get("extension")
    given = extension.get(CONFIGURATION) if isinstance(extension, dict) else extension
    if given is None or isinstance(given, dict):
        return given or {}
    notes.append("the configuration in the request's extension is no JSON object: not followed")
    return {}


def _authorization(body: Mapping[str, Any], notes: list[str]) -> FhirAuthorization | None:
    """The token of the request; one that cannot be used is noted: the prefetch may do without."""
    given = body.get("fhirAuthorization")
    if given is None:
        return None
    held = as_object(given)
    token, kind = as_text(held.get("access_token")), as_text(held.get("token_type"))
    if token is None or (kind or "").lower() != "bearer" or not _TOKEN.fullmatch(token):
        notes.append("the request's fhirAuthorization holds no bearer token that can be used")
        return None
    patient = as_text(held.get("patient"))
    return FhirAuthorization(
        access_token=token,
        scope=as_text(held.get("scope")),
        patient=None if patient is None else patient.removeprefix("Patient/"),
    )


def _fhir_server(body: Mapping[str, Any]) -> str | None:
    value = body.get("fhirServer")
    if value is None:
        return None
    text = as_text(value)
    if text is None or not text.startswith(("https://", "http://")):
        raise BadRequest("fhirServer", "an http(s) URL is expected")
    return text.rstrip("/")


def _drafts(
    context: Mapping[str, Any], hook: str, patient_id: str, notes: list[str]
) -> tuple[DraftResource, ...]:
    """The draft orders, each with whether it was selected; on order-sign all are."""
    selections = _selections(context) if hook == ORDER_SELECT else None
    resources = _draft_resources(context.get("draftOrders"))
    known = set()
    drafts = []
    for number, resource in enumerate(resources):
        path = f"context.draftOrders.entry[{number}].resource"
        _check_subject(resource, patient_id, path, notes)
        key = f"{resource['resourceType']}/{as_text(resource.get('id')) or ''}"
        known.add(key)
        drafts.append(DraftResource(resource, selections is None or key in selections))
    missing = len((selections or frozenset()) - known)
    if missing:
        notes.append(f"{missing} selection(s) name no resource in draftOrders")
        if resources and not any(draft.selected for draft in drafts):
            # Which order is meant cannot be told: look at all rather than at none.
            notes.append("no selection could be found, so every draft order was looked at")
            drafts = [DraftResource(draft.resource, selected=True) for draft in drafts]
    return tuple(drafts)


def _selections(context: Mapping[str, Any]) -> frozenset[str]:
    value = context.get("selections")
    if not isinstance(value, list):
        raise BadRequest("context.selections", "a list of references is required")
    texts = [as_text(item) for item in value]
    if any(text is None for text in texts):
        raise BadRequest("context.selections", "each selection is a text such as Type/id")
    return frozenset(reference_key(text) or text for text in texts if text is not None)


def _draft_resources(value: object) -> list[dict[str, Any]]:
    """Resources of a Bundle; bare resources and lists are tolerated, as sandboxes send them."""
    path = "context.draftOrders"
    if isinstance(value, list):
        entries: list[Any] = value
    elif isinstance(value, dict):
        if as_text(value.get("resourceType")) not in {None, "Bundle"}:
            entries = [value]
        else:
            found = value.get("entry", [])
            entries = found if isinstance(found, list) else [found]
    else:
        raise BadRequest(path, "a Bundle is required")
    if len(entries) > MOST_DRAFTS:
        raise BadRequest(path, f"more than {MOST_DRAFTS} draft orders")
    resources = []
    for number, entry in enumerate(entries):
        holder = as_object(entry)
        resource = holder if as_text(holder.get("resourceType")) else holder.get("resource")
        if not isinstance(resource, dict) or as_text(resource.get("resourceType")) is None:
            raise BadRequest(
                f"{path}.entry[{number}]", "a resource with a resourceType is required"
            )
        resources.append(resource)
    return resources


def _check_subject(
    resource: Mapping[str, Any], patient_id: str, path: str, notes: list[str]
) -> None:
    """Raises BadRequest for another patient's draft; a draft without subject gets a note."""
    if belongs_to_another(dict(resource), patient_id):
        raise BadRequest(f"{path}.subject", "the draft belongs to another patient than the context")
    subject = as_object(resource.get("subject") or resource.get("patient"))
    if not (reference_key(subject.get("reference")) or "").startswith("Patient/"):
        kind, key = resource["resourceType"], as_text(resource.get("id")) or "without-id"
        notes.append(f"{kind}/{key} names no patient and is taken as the context's")
