"""What an EHR supplied in a prefetch: lists with their gaps (CDS Hooks 2.0, Prefetch).

A key that is absent was not supplied; `null` was searched and not found; an OperationOutcome
failed; a searchset may hold an OperationOutcome among its entries; `link.next` means that the
list is incomplete. An error is not an empty list and a partial list is not a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehr.needs import NEEDS, PATIENT, Need
from ehr.read.json import as_list, as_object, as_text, reference_key

Resource = dict[str, Any]

_FAILED = frozenset({"error", "fatal"})


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
    needs = {need.key: need for need in NEEDS}
    supplied = Supplied(asked=frozenset(needs.keys() & prefetch.keys()))
    seen: set[tuple[str, str]] = set()
    for need in NEEDS:
        if need.required and need.key not in prefetch:
            supplied.gaps[need.key] = f"{need.wanted} was not supplied"
    for key, value in prefetch.items():
        asked = needs.get(key)
        gap = _take(supplied, value, asked, patient_id, seen)
        if gap is not None and asked is not None:
            supplied.gaps[key] = f"{asked.wanted} {gap}"
        elif gap is not None:
            supplied.notes.append(f"the prefetch {_safe_key(key)} {gap}")
    return supplied


def _safe_key(key: str) -> str:
    """A client's own prefetch key, fit to be printed."""
    return "".join(c for c in key[:40] if c.isalnum() or c in "-_.") or "without a name"


def _take(
    supplied: Supplied,
    value: object,
    need: Need | None,
    patient_id: str,
    seen: set[tuple[str, str]],
) -> str | None:
    """Take the resources of one prefetch value; answer what is wrong with the list, if anything."""
    if value is None:
        return "was not found" if need is PATIENT else None
    if not isinstance(value, dict | list):
        return "could not be read: it is no FHIR resource"
    bundle = as_object(value)
    if bundle.get("resourceType") == "OperationOutcome":
        return "could not be supplied by the EHR"
    gap = None
    if bundle.get("resourceType") == "Bundle":
        gap = _incomplete(bundle)
        resources: Iterable[object] = (
            as_object(entry).get("resource") for entry in as_list(bundle.get("entry"))
        )
    else:
        resources = as_list(value)
    for resource in resources:
        trouble = _take_one(supplied, resource, need, patient_id, seen)
        gap = gap or trouble
    return gap


def _take_one(
    supplied: Supplied,
    resource: object,
    need: Need | None,
    patient_id: str,
    seen: set[tuple[str, str]],
) -> str | None:
    if not isinstance(resource, dict):
        return "has an entry that is no FHIR resource"
    kind = as_text(resource.get("resourceType"))
    if kind is None:
        return "has an entry without a resourceType"
    if kind == "OperationOutcome":
        return _outcome(resource, supplied)
    key = as_text(resource.get("id"))
    if kind == "Patient":
        if key is not None and key != patient_id:
            raise WrongPatient("the prefetched Patient is not the patient of context.patientId")
    elif belongs_to_another(resource, patient_id):
        supplied.notes.append(
            f"{kind}/{key or 'without-id'} belongs to another patient and was set aside"
        )
        return "holds a record of another patient, so it may not be this patient's list"
    elif need is PATIENT:
        return "is no Patient"
    if key is None or (kind, key) not in seen:
        supplied.by_type.setdefault(kind, []).append(resource)
    if key is not None:
        seen.add((kind, key))
    return None


def _incomplete(bundle: Resource) -> str | None:
    """Why a searchset is not the whole list, or None when it is."""
    if any(
        as_text(as_object(link).get("relation")) == "next" for link in as_list(bundle.get("link"))
    ):
        return "is incomplete: only its first page was supplied"
    entries = as_list(bundle.get("entry"))
    matches = sum(
        1
        for entry in map(as_object, entries)
        if as_object(entry.get("search")).get("mode") in {None, "match"}
    )
    total = bundle.get("total")
    if isinstance(total, int) and not isinstance(total, bool) and total > matches:
        return f"is incomplete: {matches} of {total} records were supplied"
    return None


def _outcome(outcome: Resource, supplied: Supplied) -> str | None:
    """An OperationOutcome among the entries: an error makes the list partial, a remark does not."""
    severities = {
        as_text(as_object(issue).get("severity")) for issue in as_list(outcome.get("issue"))
    }
    if severities & _FAILED or not severities:
        return "is incomplete: the EHR reports an error among its entries"
    supplied.notes.append("the EHR sent a remark (OperationOutcome) with one of the lists")
    return None


def belongs_to_another(resource: Resource, patient_id: str) -> bool:
    """Whether the resource says that it is about another patient.

    Relative, absolute and versioned references are compared; a reference that names no
    Patient by id (a contained resource, a urn, an identifier) says nothing.
    """
    for name in ("subject", "patient", "beneficiary", "for"):
        key = reference_key(as_object(resource.get(name)).get("reference"))
        if key is not None and key.startswith("Patient/"):
            return key != f"Patient/{patient_id}"
    return False
