"""Reading a whole medication history: every list over all its pages, then what orders refer to.

Knows no queue and no cache. What fails is a gap in words; the read raises only when the EHR
answers for another patient, or lets us read nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Protocol

from clinical.conditions import can_be_looked_up, concepts_of
from clinical.dose_history import dose_history
from ehr import ask, history
from ehr.client import Found
from ehr.errors import EhrError, NotFound
from ehr.history import KeptHistory, slim
from ehr.needs import PATIENT, Need
from ehr.read.chart import Resources, lookup_in, read_chart
from ehr.read.conditions import codes_of
from ehr.read.drugs import drug_of, is_foreign
from ehr.read.json import as_list, as_object, reference_key
from ehr.read.medications import MEDICATION_RECORDS, source_of
from ehr.read.supplied import WrongPatient, read_prefetch

Resource = dict[str, Any]

MOST_KEPT_BYTES = 4_000_000
"""The largest history that is kept, compressed: thousands of orders of our drugs have less."""

_MOST_MEDICATIONS = 60
_NOT_OFFERED = (404, 405, 501)


class Server(Protocol):
    """An EHR that can be read and searched, as `ehr.history_server` is."""

    @property
    def pages(self) -> int:
        """Pages read so far."""
        ...

    def read(self, reference: str) -> Resource:
        """The resource of "Type/id". Raises EhrError."""
        ...

    def search(self, kind: str, parameters: Mapping[str, str]) -> Found:
        """All pages of a search. Raises EhrError when not even the first came."""
        ...


def read_history(server: Server, patient_id: str, *, on: date, now: datetime) -> KeptHistory:
    """The patient's history on the clinic's day. Raises EhrError when nothing could be read."""
    lists: dict[str, object] = {}
    gaps: dict[str, str] = {}
    notes: list[str] = []
    first_error: EhrError | None = None
    for need in history.NEEDS:
        try:
            lists[need.key] = _list(server, need, patient_id, gaps)
        except EhrError as error:
            absent = isinstance(error, NotFound) or error.status in _NOT_OFFERED
            if absent and not need.required:
                notes.append(f"{need.wanted}: this EHR does not offer them")
                continue
            first_error = first_error or error
            gaps[need.key] = f"{need.wanted} could not be read: {error}"
    if first_error is not None and not lists:
        raise first_error
    lists[ask.MEDICATION.key] = _referred(server, lists, notes)
    try:
        supplied = read_prefetch(lists, patient_id)
    except WrongPatient:
        raise EhrError("the EHR answered with the record of another patient") from None
    whole = Resources(
        by_type={kind: tuple(map(slim, found)) for kind, found in supplied.by_type.items()},
        gaps={**supplied.gaps, **gaps},
        notes=(*supplied.notes, *notes),
    )
    return _kept(whole, server.pages, on, now)


def _list(server: Server, need: Need, patient_id: str, gaps: dict[str, str]) -> object:
    if need is PATIENT:
        return server.read(f"{need.resource_type}/{patient_id}")
    parameters = {"patient": patient_id, "_count": str(ask.PAGE_SIZE)}
    found = server.search(need.resource_type, parameters)
    if found.incomplete is not None:
        gaps[need.key] = f"{need.wanted} is incomplete: {found.incomplete}"
    return found.bundle


def _referred(server: Server, lists: dict[str, object], notes: list[str]) -> Resource:
    """The Medications that records refer to and no page held."""
    held: set[str] = set()
    meant: dict[str, None] = {}
    for bundle in lists.values():
        for entry in map(as_object, as_list(as_object(bundle).get("entry"))):
            resource = as_object(entry.get("resource"))
            held.add(source_of(resource))
            key = reference_key(resource.get("medicationReference"))
            if key is not None and key.startswith("Medication/"):
                meant[key] = None
    missing = [key for key in meant if key not in held]
    read = []
    for key in missing[:_MOST_MEDICATIONS]:
        try:
            read.append({"resource": server.read(key)})
        except EhrError:
            # Counted below; the records that refer to it are then of an unidentified drug.
            continue
    if len(read) < len(missing):
        failed = len(missing) - len(read)
        notes.append(f"{failed} medications that records refer to could not be read")
    return {"resourceType": "Bundle", "type": "collection", "entry": read}


def _kept(whole: Resources, pages: int, on: date, now: datetime) -> KeptHistory:
    """What a check may look at: records of drugs that are named and none of ours are dropped."""
    by_type: dict[str, tuple[Resource, ...]] = {}
    dropped: list[str] = []
    records = 0
    for kind, found in whole.by_type.items():
        if kind in MEDICATION_RECORDS:
            records += len(found)
            foreign = [r for r in found if _is_foreign(r, whole)]
            dropped += [source_of(r) for r in foreign]
            left = {id(r) for r in foreign}
            by_type[kind] = tuple(r for r in found if id(r) not in left)
        elif kind == "Condition":
            by_type[kind] = tuple(r for r in found if _is_of_use(r))
        else:
            by_type[kind] = found
    needed = {
        reference_key(r.get("medicationReference"))
        for kind in MEDICATION_RECORDS
        for r in by_type.get(kind, ())
    }
    by_type["Medication"] = tuple(
        r for r in by_type.get("Medication", ()) if source_of(r) in needed
    )
    by_type = {kind: found for kind, found in by_type.items() if found}
    facts = read_chart(Resources(by_type, gaps=whole.gaps), on).facts
    kept = KeptHistory(
        read_at=now,
        on=on,
        records=records,
        pages=pages,
        by_type=by_type,
        dropped=tuple(dropped),
        gaps=whole.gaps,
        notes=whole.notes,
        dose=dose_history(facts, on),
    )
    size = len(kept.to_bytes())
    return kept if size <= MOST_KEPT_BYTES else _too_large(kept)


def _is_foreign(resource: Resource, whole: Resources) -> bool:
    return is_foreign(drug_of(resource, lookup_in(whole, resource)))


def _is_of_use(condition: Resource) -> bool:
    """A condition that a check knows, or one that nobody can look up and that is counted."""
    codes = codes_of(condition.get("code"))
    return bool(concepts_of(codes)) or not can_be_looked_up(codes)


def _too_large(kept: KeptHistory) -> KeptHistory:
    """Nothing but that it is too large: half a history is not told from a whole one."""
    why = "the medication history is too large to be kept"
    gaps = {need.key: f"{need.wanted}: {why}" for need in history.NEEDS if need is not PATIENT}
    return replace(kept, by_type={}, dropped=(), gaps=gaps, notes=(why,))
