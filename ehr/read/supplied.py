"""What an EHR supplied in a prefetch: lists with their gaps (CDS Hooks 2.0, Prefetch).

A key that is absent was not supplied; `null` was searched and not found; an OperationOutcome
failed; a searchset may hold an OperationOutcome among its entries; `link.next` means that the
list is incomplete. An error is not an empty list and a partial list is not a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehr.errors import outcome_sentence
from ehr.needs import NEEDS, PATIENT, Need
from ehr.read.json import as_list, as_object, as_text, reference_key

Resource = dict[str, Any]

NOT_SUPPLIED = "was not supplied"

_FAILED = frozenset({"error", "fatal"})
_OUTCOME = "OperationOutcome"
BESIDE_MATCHES = ("include", "outcome")
_NEEDS: Mapping[str, Need] = {need.key: need for need in NEEDS}


class WrongPatient(ValueError):
    """A resource that decides the request belongs to another patient. The message names it."""


@dataclass(slots=True)
class Supplied:
    """What a prefetch holds, by type and without doubles, and what it lacks, by key.

    `asked` are the keys of `ehr.needs` that it has, whether anything was found or not.
    """

    by_type: dict[str, list[Resource]] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    asked: frozenset[str] = frozenset()


def read_prefetch(prefetch: Mapping[str, Any], patient_id: str) -> Supplied:
    """Sort a prefetch by type.

    Raises WrongPatient when the prefetched Patient is not the patient of the context. Another
    stray resource is set aside, and its list is then incomplete.
    """
    supplied = Supplied(asked=frozenset(_NEEDS.keys() & prefetch.keys()))
    seen: set[tuple[str, str]] = set()
    for need in NEEDS:
        if need.required and need.key not in prefetch:
            supplied.gaps[need.key] = f"{need.wanted} {NOT_SUPPLIED}"
    # In our order and not in that of the sender, so that what is told does not depend on it.
    known = (key for key in _NEEDS if key in prefetch)
    for key in (*known, *sorted(prefetch.keys() - _NEEDS.keys())):
        value, need_of_key = prefetch[key], _NEEDS.get(key)
        entries = _entries(value)
        gap = _flaw(value, entries, need_of_key)
        for entry in entries:
            stray = _take(supplied, entry.get("resource"), patient_id, seen)
            gap = gap or stray
        if gap is not None and need_of_key is not None:
            supplied.gaps[key] = f"{need_of_key.wanted} {gap}"
        elif gap is not None:
            supplied.notes.append(f"the prefetch {_safe_key(key)} {gap}")
    return supplied


def flaw(prefetch: Mapping[str, Any], need: Need) -> str | None:
    """Why a prefetch does not hold all that a need asks for, as in "was not supplied"; else None.

    Whose records they are is not looked at here.
    """
    if need.key not in prefetch:
        return NOT_SUPPLIED
    value = prefetch[need.key]
    return _flaw(value, _entries(value), need)


def _safe_key(key: str) -> str:
    """A client's own prefetch key, fit to be printed."""
    return "".join(c for c in key[:40] if c.isalnum() or c in "-_.") or "without a name"


def _flaw(value: object, entries: list[dict[str, Any]], need: Need | None) -> str | None:
    """What is wrong with one prefetch value as a whole, or with the shape of an entry."""
    if value is None:
        return "was not found" if need is PATIENT else None
    if not isinstance(value, dict | list):
        return "could not be read: it is no FHIR resource"
    whole = as_object(value)
    kind = whole.get("resourceType")
    if kind == _OUTCOME:
        why = outcome_sentence(whole)
        return f"could not be supplied by the EHR{f': {why}' if why else ''}"
    if kind == "Bundle" and (incomplete := _incomplete(whole, entries)) is not None:
        return incomplete
    kinds: set[str] = set()
    for entry in entries:
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            return "has an entry that is no FHIR resource"
        kind = as_text(resource.get("resourceType"))
        if kind is None:
            return "has an entry without a resourceType"
        if kind == _OUTCOME and _is_error(resource):
            return "is incomplete: the EHR reports an error among its entries"
        if _mode(entry) not in BESIDE_MATCHES:
            kinds.add(kind)
    return None if need is None else _of_another_kind(kinds - {_OUTCOME}, need)


def _of_another_kind(kinds: set[str], need: Need) -> str | None:
    """A list that holds records, but none of the kind that was asked for, is not that list.

    What a search includes beside its matches (Medications, mostly) says nothing about it.
    """
    if need.resource_type in kinds or (not kinds and need is not PATIENT):
        return None
    if not kinds:
        return "was not found"
    return f"is something else than a {need.resource_type}"


def _mode(entry: dict[str, Any]) -> object:
    """How an entry came into a searchset (FHIR R4, Bundle.entry.search.mode)."""
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else None


def _entries(value: object) -> list[dict[str, Any]]:
    """A Bundle's entries; bare resources as such entries.

    An OperationOutcome by itself is none: it says why there is nothing.
    """
    if isinstance(value, dict):
        kind = value.get("resourceType")
        if kind == "Bundle":
            return [as_object(entry) for entry in as_list(value.get("entry"))]
        return [] if kind == _OUTCOME else [{"resource": value}]
    return [{"resource": resource} for resource in value] if isinstance(value, list) else []


def resources_in(value: object) -> Iterator[object]:
    """What stands in a prefetch value: in a Bundle, in a list or by itself."""
    return (entry.get("resource") for entry in _entries(value))


def _take(
    supplied: Supplied, resource: object, patient_id: str, seen: set[tuple[str, str]]
) -> str | None:
    """Take one resource; answer what it says against its list, if anything."""
    if not isinstance(resource, dict):
        return None
    kind = as_text(resource.get("resourceType"))
    if kind is None:
        return None
    if kind == _OUTCOME:
        if not _is_error(resource):
            supplied.notes.append("the EHR sent a remark (OperationOutcome) with one of the lists")
        return None
    key = as_text(resource.get("id"))
    if kind == "Patient":
        if key is not None and key != patient_id:
            raise WrongPatient("the prefetched Patient is not the patient of context.patientId")
    elif belongs_to_another(resource, patient_id):
        supplied.notes.append(
            f"{kind}/{key or 'without-id'} belongs to another patient and was set aside"
        )
        return "holds a record of another patient, so it may not be this patient's list"
    if key is not None:
        if (kind, key) in seen:
            return None
        seen.add((kind, key))
    supplied.by_type.setdefault(kind, []).append(resource)
    return None


def _is_error(outcome: Resource) -> bool:
    """Whether an OperationOutcome tells of an error; a remark makes no list partial."""
    severities = {
        as_text(as_object(issue).get("severity")) for issue in as_list(outcome.get("issue"))
    }
    return bool(severities & _FAILED) or not severities


def _incomplete(bundle: Resource, entries: list[dict[str, Any]]) -> str | None:
    """Why a searchset is not the whole list, or None when it is."""
    if any(
        as_text(as_object(link).get("relation")) == "next" for link in as_list(bundle.get("link"))
    ):
        return "is incomplete: only its first page was supplied"
    total = bundle.get("total")
    if not isinstance(total, int) or isinstance(total, bool):
        return None
    matches = sum(_mode(entry) in (None, "match") for entry in entries)
    return f"is incomplete: {matches} of {total} records were supplied" if total > matches else None


def belongs_to_another(resource: Resource, patient_id: str) -> bool:
    """Whether the resource says that it is about another patient.

    Relative, absolute and versioned references are compared; a reference that names no
    Patient by id (a contained resource, a urn, an identifier) says nothing.
    """
    own = f"Patient/{patient_id}"
    subject = resource.get("subject")
    if isinstance(subject, dict) and subject.get("reference") == own:
        return False  # as most records say it
    for name in ("subject", "patient", "beneficiary", "for"):
        reference = as_object(resource.get(name)).get("reference")
        key = reference_key(reference)
        if key is not None and key.startswith("Patient/"):
            return key != own
    return False
