"""Which records count as being taken on which day (CLINICAL section 1).

Two questions are asked of a record. *Today* (`standing`): is it current, planned, or neither?
*Ever* (`stood`): from which day to which did it stand? Both rest on the same reading of kinds,
intents, statuses, starts and ends, and every engine that looks back rests on `stood`:

- A record that tells of no use at all (`why_not_used`) never stood: what was cancelled, entered in
  error or not to be given, what is a plan or a proposal, and what was given in hospital.
- A step on hold has not begun while the one before it goes on (`waiting`).
- An order that has ended, ended at the latest on the day before the one that names it as its
  prior. An order that is still active goes on, whatever names it: the chart says so, and its dose
  is part of the present dose.
- A record that comes twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from clinical.dosing.units import shown
from clinical.facts import MedicationRecord, RecordKind

_ORDERING_INTENTS = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order"}
)
_HANDED_OVER = frozenset({"completed", "in-progress"})
_ENDING = frozenset({"stopped", "cancelled", "completed", "on-hold"})
_GOES_ON = frozenset({"active", "intended"})
_SIGNED = frozenset({"active"})
_SIGNED_OR_DRAFT = _SIGNED | {"draft"}
_USED = {
    # An order that was cancelled was withdrawn before anything was given (FHIR R4).
    RecordKind.REQUEST: frozenset({"active", "completed", "stopped", "on-hold"}),
    RecordKind.STATEMENT: frozenset({"active", "completed", "stopped", "on-hold", "intended"}),
    RecordKind.DISPENSE: _HANDED_OVER,
}


class When(Enum):
    """Where a record stands on the day."""

    CURRENT = "current"
    PLANNED = "planned"
    ENDED_NOT_CLOSED = "ended, not closed"
    NOT_COUNTED = "not counted"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a record stands on the day, and why it does not count where it does not."""

    when: When
    why: str | None = None

    @property
    def counts(self) -> bool:
        """Whether the record is current."""
        return self.when is When.CURRENT


_CURRENT = Standing(When.CURRENT)


def standing(record: MedicationRecord, on: date, *, draft: bool = False) -> Standing:
    """Whether the record is current on the day, planned, ended but not closed, or not counted.

    `draft` is true for an order among the hook's draftOrders: there status draft counts.
    """
    refused = _refused(record, draft=draft)
    if refused is not None:
        return Standing(When.NOT_COUNTED, refused)
    return _by_period(record, on)


def ends_use(draft: MedicationRecord) -> bool:
    """Whether signing this order ends a medicine: it stops, cancels, completes, holds or forbids.

    What was entered in error ends nothing: it should never have been there.
    """
    if draft.kind is not RecordKind.REQUEST:
        return False
    if draft.intent is not None and draft.intent not in _ORDERING_INTENTS:
        return False
    return draft.do_not_perform or draft.status in _ENDING


def _refused(record: MedicationRecord, *, draft: bool) -> str | None:
    if record.do_not_perform:
        return "it says that the medicine is not to be given (doNotPerform)"
    match record.kind:
        case RecordKind.REQUEST:
            return _request_refused(record, draft=draft)
        case RecordKind.STATEMENT:
            allowed = _GOES_ON
        case RecordKind.DISPENSE:
            allowed = _HANDED_OVER
    if record.status is None:
        return "its status is not stated"
    return None if record.status in allowed else f"its status is {shown(record.status)}"


def _request_refused(record: MedicationRecord, *, draft: bool) -> str | None:
    if record.intent is not None and record.intent not in _ORDERING_INTENTS:
        return f"its intent is {shown(record.intent)}, not an order"
    if record.status is None:
        return None if draft else "its status is not stated"
    # order-sign may carry re-signed orders that are no drafts (CDS Hooks 2.0, order-sign).
    allowed = _SIGNED_OR_DRAFT if draft else _SIGNED
    return None if record.status in allowed else f"its status is {shown(record.status)}"


def _by_period(record: MedicationRecord, on: date) -> Standing:
    starts, ends = starts_said(record), ends_said(record)
    if record.kind is RecordKind.DISPENSE and (record.period_starts is None or ends is None):
        return Standing(When.NOT_COUNTED, "its supply period is not stated")
    if record.status == "intended" and starts is None:
        return Standing(When.NOT_COUNTED, "it is intended and its start is not stated")
    if ends is not None and ends < on:
        return Standing(When.ENDED_NOT_CLOSED, f"its instructions ended on {ends.isoformat()}")
    if starts is not None and starts > on:
        return Standing(When.PLANNED, f"it starts on {starts.isoformat()}")
    return _CURRENT


def starts_said(record: MedicationRecord) -> date | None:
    """The first day that its instructions and its period allow; None when neither states one."""
    own, written = record.period_starts, record.course.starts
    if own is None or written is None:
        return own or written
    return max(own, written)


def first_day(record: MedicationRecord) -> date | None:
    """The first day, where none is stated the day on which it was written."""
    return starts_said(record) or record.authored_on


def ends_said(record: MedicationRecord) -> date | None:
    """The last day that its instructions and its period allow; None when neither states one."""
    own, written = record.period_ends, record.course.ends
    if own is None or written is None:
        return own or written
    return min(own, written)


def why_not_used(record: MedicationRecord) -> str | None:
    """Why a record tells of no use at all, past or present; None when it may."""
    if record.do_not_perform:
        return "it says that the medicine is not to be given (doNotPerform)"
    if record.inpatient:
        return "it is an inpatient order"
    intent = record.intent
    if record.kind is RecordKind.REQUEST and intent is not None and intent not in _ORDERING_INTENTS:
        return f"its intent is {shown(intent)}, not an order"
    if record.status is None:
        return "its status is not stated"
    return None if record.status in _USED[record.kind] else f"its status is {shown(record.status)}"


def waiting(records: Iterable[MedicationRecord]) -> frozenset[str]:
    """The sources of orders on hold that have not begun, for the order before still goes on.

    Such is a later step of a plan that is held. The order before is one that it names as its
    prior, or one of its group that begins earlier; that one is active and does not end before.
    """
    listed = tuple(records)
    held = [record for record in listed if record.status == "on-hold" and _is_used_order(record)]
    if not held:
        return frozenset()  # as in most charts: nothing else of the list is looked at
    active = [record for record in listed if record.status == "active" and _is_used_order(record)]
    return frozenset(
        record.source for record in held if any(_goes_on_instead(other, record) for other in active)
    )


def _is_used_order(record: MedicationRecord) -> bool:
    return record.kind is RecordKind.REQUEST and why_not_used(record) is None


def _goes_on_instead(before: MedicationRecord, held: MedicationRecord) -> bool:
    in_turn = before.source in held.replaces or (
        before.group is not None and before.group == held.group
    )
    began, begins = first_day(before), first_day(held)
    if not in_turn or began is None or begins is None or began >= begins:
        return False
    return (ends_said(before) or date.max) >= begins


def followed_on(records: Iterable[MedicationRecord]) -> Mapping[str, date]:
    """By source: the first day of an order that names it as its prior."""
    found: dict[str, date] = {}
    listed = tuple(records)
    not_begun = waiting(listed)
    for record in listed:
        if not record.replaces:
            continue
        if record.source in not_begun or why_not_used(record) is not None:
            continue
        starts = first_day(record)
        if starts is None:
            continue
        for source in record.replaces:
            found[source] = min(found.get(source, starts), starts)
    return found


@dataclass(frozen=True, slots=True)
class Stood:
    """The days for which a record stood, as far as the chart states them (both inclusive).

    `starts` None: its first day is not stated. `ends` None: its last day is not stated; then it
    stands until further notice if it `goes_on`, and has ended on an unknown day if not. `followed`
    is true where the end is that of an order that was followed by another.
    """

    record: MedicationRecord
    starts: date | None
    ends: date | None
    goes_on: bool
    followed: bool = False

    @property
    def by(self) -> date | None:
        """A day by which it had begun: a statement without a start is true of its own day."""
        return self.starts or self.record.authored_on


def stood(
    records: Iterable[MedicationRecord], followed: Mapping[str, date] | None = None
) -> tuple[Stood, ...]:
    """Each record that tells of use, once, with the days for which it stood.

    `followed` is `followed_on` of the patient's whole list, where `records` is a part of it. A
    record whose last day lies before its first never stood.
    """
    listed = tuple(records)
    not_begun = waiting(listed)
    by_prior = followed_on(listed) if followed is None else followed
    found = (
        _stood(record, by_prior.get(record.source))
        for record in each_once(listed)
        if record.source not in not_begun and why_not_used(record) is None
    )
    return tuple(s for s in found if s.starts is None or s.ends is None or s.starts <= s.ends)


def _stood(record: MedicationRecord, next_begins: date | None) -> Stood:
    request = record.kind is RecordKind.REQUEST
    if record.kind is RecordKind.DISPENSE:
        # How long a fill lasts is a question of supply; its dosage's days do not hand it over.
        return Stood(record, record.period_starts, None, goes_on=False)
    starts = first_day(record) if request else starts_said(record)
    ends, goes_on = ends_said(record), record.status in _GOES_ON
    if not request or goes_on or next_begins is None:
        return Stood(record, starts, ends, goes_on)
    before = date.fromordinal(max(next_begins.toordinal() - 1, 1))
    return Stood(record, starts, min(ends or before, before), goes_on, followed=True)


def each_once(records: Iterable[MedicationRecord]) -> list[MedicationRecord]:
    """Without repetitions. Several records without an id share a source and are kept apart."""
    by_source: dict[str, list[MedicationRecord]] = {}
    for record in records:
        same = by_source.setdefault(record.source, [])
        if record not in same:
            same.append(record)
    return [record for same in by_source.values() for record in same]
