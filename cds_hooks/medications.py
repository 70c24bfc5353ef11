"""The Medications that records refer to: which are missing, and those that were fetched before.

A Medication says what a product is, and nothing of a patient: what is kept of one serves the next
hook of the same EHR, whoever it is about.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ehr import guard
from ehr.decode import encode
from ehr.read.json import as_object, as_text, reference_key
from ehr.read.medications import MEDICATION_RECORDS

Resource = dict[str, Any]

MEDICATION = "Medication"
KEPT_SECONDS = 3600.0
"""A product's code and strength stay; a formulary that is corrected is believed within the hour."""

MOST_KEPT = 2000
"""Products, over all EHRs: a hospital's formulary has thousands, what it orders daily hundreds."""

MOST_BYTES_KEPT = 10_000
"""Of one Medication; a larger one is used and not kept."""

# What the reader looks at (`ehr.read.drugs`); the rest, with all narrative, is not kept.
_READ = (
    "resourceType",
    "id",
    "code",
    "form",
    "doseForm",
    "ingredient",
    "product",
    "contained",
)
_NOW = frozenset({"active", "draft", "on-hold", "intended"})


class MedicationCache:
    """Medications by EHR and reference, the least used forgotten first. For one event loop."""

    def __init__(self, seconds_now: Callable[[], float] = time.monotonic) -> None:
        self._seconds_now = seconds_now
        self._kept: OrderedDict[tuple[str, str], tuple[float, Resource]] = OrderedDict()

    def get(self, ehr_id: str, reference: str) -> Resource | None:
        """The Medication of "Medication/id", unless it is unknown or too old."""
        key = (ehr_id, reference)
        until, found = self._kept.get(key, (0.0, None))
        if found is None or self._seconds_now() >= until:
            self._kept.pop(key, None)
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, ehr_id: str, reference: str, medication: Resource) -> Resource:
        """Keep what is read of a Medication, and answer with it."""
        slim = {name: medication[name] for name in _READ if name in medication}
        if len(encode(slim)) <= MOST_BYTES_KEPT:
            self._kept[ehr_id, reference] = (self._seconds_now() + KEPT_SECONDS, slim)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return slim


class References:
    """The Medications that the records of one request refer to instead of naming a drug."""

    def __init__(self, ehr_id: str, base: str, cache: MedicationCache) -> None:
        self._ehr_id = ehr_id
        self._base = base
        self._cache = cache
        self._seen: set[str] = set()
        self.found: list[Resource] = []
        self.elsewhere = 0

    def of(self, resources: Iterable[object]) -> list[str]:
        """Those that nobody has yet, as "Medication/id", present orders first.

        What is kept is taken at once; what lies on another server is counted in `elsewhere`.
        """
        objects = list(map(as_object, resources))
        self.holds(objects)
        missing = []
        records = (
            (one.get("status") not in _NOW, reference)
            for one in objects
            if (reference := _reference(one)) is not None
        )
        for _, reference in sorted(records):
            key = reference_key(reference)
            if key is None or not key.startswith(f"{MEDICATION}/") or key in self._seen:
                continue
            self._seen.add(key)
            kept = self._cache.get(self._ehr_id, key)
            if kept is not None:
                self.found.append(kept)
            elif guard.local_reference(self._base, reference) == key:
                missing.append(key)
            else:
                self.elsewhere += 1
        return missing

    def holds(self, resources: Iterable[object]) -> None:
        """Medications that are at hand need not be fetched."""
        for one in map(as_object, resources):
            if one.get("resourceType") == MEDICATION:
                self._seen.add(f"{MEDICATION}/{as_text(one.get('id'))}")

    def take(self, reference: str, medication: Resource) -> None:
        """One that was fetched."""
        self.found.append(self._cache.keep(self._ehr_id, reference, medication))


def _reference(record: Mapping[str, Any]) -> str | None:
    """The reference of a medication record that has no code or text of its own (R4, R5)."""
    if record.get("resourceType") not in MEDICATION_RECORDS:
        return None
    both = as_object(record.get("medication"))
    if as_object(record.get("medicationCodeableConcept")) or as_object(both.get("concept")):
        return None
    held = as_object(record.get("medicationReference")) or both
    inner = held.get("reference")
    return as_text(as_object(inner).get("reference") if isinstance(inner, dict) else inner)
