"""A medication history that was read in the background: what is kept of it, and how it is used.

Kept is what a check may look at, as raw JSON: it goes through the same reader as a prefetch.
What a door was given itself is newer and wins, by type and id. The history fills in what a gap
left out, and closes the gap only when it is whole and fresh: an order that was written after it
was read may stand on the very page that the EHR did not supply.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from clinical import dose_history_json
from clinical.dose_history import DoseHistory
from ehr.decode import NotJson, decode, encode
from ehr.needs import CONDITIONS, DISPENSES, MEDICATIONS, PATIENT, STATEMENTS, Need
from ehr.read.chart import Background, Resources
from ehr.read.json import as_text
from ehr.read.medications import MEDICATION_RECORDS

Resource = dict[str, Any]

NEEDS: tuple[Need, ...] = (PATIENT, MEDICATIONS, CONDITIONS, STATEMENTS, DISPENSES)
"""What a background read asks for, of `ehr.needs`."""

FRESH_WITH_GAPS = timedelta(minutes=5)
"""How long a history that is not whole is not read again: what failed may have passed."""

BEING_READ = "the history is being read in the background"

_FORM = 1
_DOSE_TYPES = (*MEDICATION_RECORDS, "Medication")


class NotAHistory(ValueError):
    """The bytes are no history that this version wrote."""


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """One patient's history as it was read at `read_at`, on the clinic's day `on`.

    `by_type` holds what a check may look at; `dropped` names ("Type/id") the medication records
    of drugs that no check looks at. `records` counts all medication records that were read, in
    `pages` pages. `gaps` are by key of `ehr.needs`: why a list is absent or incomplete.
    """

    read_at: datetime
    on: date
    records: int
    pages: int
    by_type: Mapping[str, tuple[Resource, ...]] = field(repr=False)
    dropped: tuple[str, ...] = field(repr=False)
    gaps: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    dose: DoseHistory = field(repr=False)

    def to_bytes(self) -> bytes:
        """Compressed, as it is sealed and kept."""
        return zlib.compress(
            encode(
                {
                    "form": _FORM,
                    "read_at": self.read_at.isoformat(),
                    "on": self.on.isoformat(),
                    "records": self.records,
                    "pages": self.pages,
                    "by_type": {kind: list(found) for kind, found in self.by_type.items()},
                    "dropped": list(self.dropped),
                    "gaps": dict(self.gaps),
                    "notes": list(self.notes),
                    "dose": dose_history_json.to_json(self.dose),
                }
            ),
            6,
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> KeptHistory:
        """Read back. Raises NotAHistory, also for what another version wrote."""
        try:
            kept = decode(zlib.decompress(raw))
            if kept["form"] != _FORM:
                raise NotAHistory("the history was kept by another version")
            return cls(
                read_at=datetime.fromisoformat(kept["read_at"]),
                on=date.fromisoformat(kept["on"]),
                records=kept["records"],
                pages=kept["pages"],
                by_type={kind: tuple(found) for kind, found in kept["by_type"].items()},
                dropped=tuple(kept["dropped"]),
                gaps=kept["gaps"],
                notes=tuple(kept["notes"]),
                dose=dose_history_json.from_json(kept["dose"]),
            )
        except (zlib.error, NotJson, KeyError, TypeError, AttributeError, ValueError) as error:
            raise NotAHistory("what is kept is no history") from error

    def freshness(self, now: datetime) -> str:
        """As in "medication history read 4 minutes ago: 1,000 records"."""
        records = "1 record" if self.records == 1 else f"{self.records:,} records"
        return f"medication history read {ago(now - self.read_at)}: {records}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a door sees of the kept history of a patient, at the instant `now`.

    `fresh` tells whether it is young enough to close a gap; `being_read` that a read is under
    way or asked for; `trouble` is a sentence: why the last read failed, or that nobody could
    look. All empty: no background reads for this EHR, and none is promised.
    """

    now: datetime
    kept: KeptHistory | None = None
    fresh: bool = False
    being_read: bool = False
    trouble: str | None = None


class Histories(Protocol):
    """The kept histories, as the doors ask for them. Never raises, never waits long."""

    def seen(self, ehr_id: str, patient_id: str, *, wanted: bool) -> Seen:
        """What is kept; `wanted` asks for a read unless it is fresh, asked for or under way."""
        ...


def is_fresh(kept: KeptHistory, now: datetime, fresh: timedelta) -> bool:
    """Whether the history is young enough to be used as it is, and not to be read again."""
    return now - kept.read_at <= (min(fresh, FRESH_WITH_GAPS) if kept.gaps else fresh)


def ago(age: timedelta) -> str:
    """An age in words, rounded down: "just now", "1 minute ago", "3 hours ago"."""
    minutes = max(0, age // timedelta(minutes=1))
    if minutes < 1:
        return "just now"
    hours = minutes // 60
    count, unit = (minutes, "minute") if hours < 1 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def wants_history(resources: Resources) -> bool:
    """Whether a list that a background read would bring is absent or incomplete."""
    return any(need.key in resources.gaps for need in NEEDS)


def completed(
    resources: Resources, seen: Seen, on: date, *, absent: Collection[str] = ()
) -> Resources:
    """The resources with what the kept history adds, and with its state in words.

    `absent` are keys of optional lists that nobody asked for, which the history may supply.
    """
    if seen.kept is None:
        return _without_history(resources, seen)
    filled = [n for n in NEEDS if n.key in resources.gaps or (not n.required and n.key in absent)]
    if not filled:
        return resources
    kept = seen.kept
    by_type = _merged(resources, kept, {need.resource_type for need in filled})
    words = kept.freshness(seen.now)
    gaps = dict(resources.gaps)
    notes = [*resources.notes, words, *kept.notes]
    for need in filled:
        missing = kept.gaps.get(need.key)
        if need.key in gaps:
            why = missing or (None if seen.fresh else f"filled up from a {words}")
            if why is None:
                del gaps[need.key]
            else:
                gaps[need.key] = f"{gaps[need.key]}; {why}"
        elif missing is not None:
            notes.append(missing)
    if seen.being_read:
        notes.append(f"{BEING_READ} again")
    if seen.trouble is not None:
        notes.append(seen.trouble)
    return replace(
        resources,
        by_type=by_type,
        gaps=gaps,
        notes=tuple(dict.fromkeys(notes)),
        background=Background(words, kept.dose if _says_no_more(by_type, kept, on) else None),
    )


def _without_history(resources: Resources, seen: Seen) -> Resources:
    said = BEING_READ if seen.being_read else seen.trouble
    if said is None or not wants_history(resources):
        return resources
    keys = {need.key for need in NEEDS}
    gaps = {key: f"{why}; {said}" if key in keys else why for key, why in resources.gaps.items()}
    return replace(resources, gaps=gaps)


def _merged(
    resources: Resources, kept: KeptHistory, types: set[str]
) -> dict[str, tuple[Resource, ...]]:
    """By type and without doubles; what a door was given stands first and wins."""
    by_type = dict(resources.by_type)
    for kind in (*types, "Medication"):
        given = by_type.get(kind, ())
        ids = {as_text(resource.get("id")) for resource in given}
        if kind == PATIENT.resource_type and given:
            continue
        added = tuple(r for r in kept.by_type.get(kind, ()) if as_text(r.get("id")) not in ids)
        if added:
            by_type[kind] = (*given, *added)
    return by_type


def _says_no_more(by_type: Mapping[str, tuple[Resource, ...]], kept: KeptHistory, on: date) -> bool:
    """Whether the dose over time of these records is the one that was computed and kept."""
    if kept.on != on:
        return False
    known = {_key(r): r for kind in _DOSE_TYPES for r in kept.by_type.get(kind, ())}
    met = 0
    for kind in _DOSE_TYPES:
        for resource in by_type.get(kind, ()):
            key = _key(resource)
            if key in known:
                met += 1
                if slim(resource) != known[key]:
                    return False
            elif key not in kept.dropped:
                return False
    return met == len(known)


def slim(resource: Resource) -> Resource:
    """Without the narrative: it says again, in HTML and with names, what the elements say."""
    return {name: value for name, value in resource.items() if name != "text"}


def _key(resource: Resource) -> str:
    return f"{resource.get('resourceType')}/{as_text(resource.get('id'))}"
