"""What a write asks for, and what it will do: ids, references and checks of one or many entries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl
from uuid import uuid4

from ..orders.check import Fault, Rules
from ..orders.references import rewritten
from .access import Access
from .json_text import Resource
from .outcome import Refused
from .question import understand
from .store import Charts, Stored
from .valid import faults_in
from .written_types import WRITABLE

_MOST_ENTRIES = 200
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MATCH = re.compile(r'(?:W/)?"(?P<version>\d{1,9})"')


class Invalid(Exception):
    """What was sent is not accepted, for these reasons (422)."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.sentence for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Asked:
    """One create or update as it was asked for. `full_url` is what other entries call it."""

    method: str
    resource_type: str
    resource: Resource
    resource_id: str = ""
    full_url: str = ""
    if_match: str | None = None
    if_none_exist: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What will be written; `stored` is there already when nothing has to be (If-None-Exist)."""

    resource: Resource
    is_new: bool
    before: Resource | None = None
    stored: Stored | None = None


def from_bundle(bundle: Resource, base: str) -> list[Asked]:
    """The entries of a transaction. Raises Refused (400) for one that cannot be."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise Refused(400, "not-supported", "Only a transaction Bundle can be sent here.")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > _MOST_ENTRIES:
        raise Refused(400, "too-costly", f"A transaction has at most {_MOST_ENTRIES} entries.")
    asked = [_asked(entry, f"Bundle.entry[{number}]", base) for number, entry in enumerate(entries)]
    names = [one.full_url for one in asked if one.full_url]
    names += [f"{one.resource_type}/{one.resource_id}" for one in asked if one.resource_id]
    if len(set(names)) != len(names):
        raise Refused(400, "duplicate", "Two entries of the transaction are the same resource.")
    return asked


def _asked(entry: object, place: str, base: str) -> Asked:
    request = entry.get("request") if isinstance(entry, dict) else None
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(request, dict):
        raise Refused(400, "structure", f"{place} has no request.")
    if not isinstance(resource, dict):
        raise Refused(400, "structure", f"{place} has no resource.")
    method, url = request.get("method"), request.get("url")
    full_url, match, exist = (
        _text_or_none(said, place)
        for said in (entry.get("fullUrl"), request.get("ifMatch"), request.get("ifNoneExist"))
    )
    parts = str(url).removeprefix(f"{base}/").split("/")
    wanted = {"POST": ("create", 1), "PUT": ("update", 2)}.get(str(method))
    if wanted is None or len(parts) != wanted[1] or wanted[0] not in WRITABLE.get(parts[0], ()):
        raise Refused(405, "not-supported", f"{place} asks for what cannot be done here.")
    is_new = method == "POST"
    return Asked(
        method=str(method),
        resource_type=parts[0],
        resource=resource,
        resource_id="" if is_new else parts[1],
        full_url=full_url or "" if is_new else "",
        if_match=match,
        if_none_exist=exist,
        place=place,
    )


def _text_or_none(said: object, place: str) -> str | None:
    if said is None or isinstance(said, str):
        return said
    raise Refused(400, "structure", f"{place} says something that is no text.")


def plan(
    asked: Sequence[Asked], access: Access, charts: Charts, *, base: str, today: date
) -> list[Planned]:
    """What these writes will do, with ids given and references rewritten.

    Called with the store held for writing. Raises Refused, or Invalid with every fault.
    """
    if access.patient_id is None and asked:
        raise Refused(403, "forbidden", "The app was given no patient.")
    for one in asked:
        access.require(one.resource_type, "c" if one.method == "POST" else "u")
        if one.resource.get("resourceType") != one.resource_type:
            raise Refused(400, "invalid", "The resource is of another type than the address.")
    drawn = [_drawn(one, access, charts, base) for one in asked]
    names = {
        one.full_url: f"{one.resource_type}/{_id_of(found)}"
        for one, found in zip(asked, drawn, strict=True)
        if one.full_url
    }
    planned = [
        found
        if found.stored
        else Planned(rewritten(found.resource, names, base), found.is_new, found.before)
        for found in drawn
    ]
    _check(asked, planned, _rules(planned, access, charts, base, today))
    return planned


def _drawn(one: Asked, access: Access, charts: Charts, base: str) -> Planned:
    """One entry with its id, before references are rewritten."""
    if one.method == "PUT":
        return _update(one, access, charts, base)
    if one.if_none_exist is not None:
        found = _existing(one, access, charts, base)
        if found is not None:
            return Planned(found.resource(), is_new=False, stored=found)
    return Planned({**one.resource, "id": str(uuid4())}, is_new=True)


def _existing(one: Asked, access: Access, charts: Charts, base: str) -> Stored | None:
    """What a conditional create finds in this patient's chart (FHIR R4, 3.1.0.8.1)."""
    pairs = parse_qsl(str(one.if_none_exist).removeprefix("?"), keep_blank_values=True)
    question = understand(
        one.resource_type, [*pairs, ("patient", str(access.patient_id))], base=base, strict=True
    )
    if len(question.clauses) < 2:
        raise Refused(412, "not-supported", "If-None-Exist does not say what to look for.")
    answer = charts.find(question, base=base)
    if answer.total > 1:
        raise Refused(412, "duplicate", "More than one resource fits the condition of the create.")
    return answer.matches[0] if answer.matches else None


def _update(one: Asked, access: Access, charts: Charts, base: str) -> Planned:
    if not _ID.fullmatch(one.resource_id) or one.resource.get("id") != one.resource_id:
        raise Refused(400, "invalid", "The id of the resource is not that of the address.")
    stored = charts.read(one.resource_type, one.resource_id)
    if stored is None:
        raise Refused(405, "not-supported", "This EHR gives ids itself: create it instead.")
    before = stored.resource()
    if not access.may_see(before, base):
        raise Refused(405, "not-supported", "This EHR gives ids itself: create it instead.")
    if one.if_match is not None:
        match = _MATCH.fullmatch(one.if_match.strip())
        if match is None or int(match["version"]) != stored.version:
            raise Refused(
                412, "conflict", f"The resource was changed: it is at version {stored.version} now."
            )
    return Planned(one.resource, is_new=False, before=before)


def _rules(
    planned: Sequence[Planned], access: Access, charts: Charts, base: str, today: date
) -> Rules:
    together: Mapping[str, Resource] = {
        f"{one.resource['resourceType']}/{_id_of(one)}": one.resource for one in planned
    }

    def lookup(reference: str) -> Resource | None:
        if reference in together:
            return together[reference]
        resource_type, _, resource_id = reference.partition("/")
        stored = charts.read(resource_type, resource_id)
        return None if stored is None else stored.resource()

    return Rules(str(access.patient_id), today, base, lookup)


def _check(asked: Sequence[Asked], planned: Sequence[Planned], rules: Rules) -> None:
    faults = []
    for one, found in zip(asked, planned, strict=True):
        if found.stored is not None:
            continue
        where = f"{one.place}.resource" if one.place else one.resource_type
        for fault in faults_in(found.resource, rules, found.before):
            path = f"{where}.{fault.field}" if fault.field else where
            faults.append(Fault(path, fault.sentence))
    if faults:
        raise Invalid(faults)


def _id_of(planned: Planned) -> str:
    return str(planned.resource["id"])
