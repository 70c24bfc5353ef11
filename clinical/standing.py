"""Which records count as being taken on a day (CLINICAL section 1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from clinical.dosing.units import shown
from clinical.facts import MedicationRecord, RecordKind

_ORDERING_INTENTS = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order"}
)
_HANDED_OVER = frozenset({"completed", "in-progress"})


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


def _refused(record: MedicationRecord, *, draft: bool) -> str | None:
    if record.do_not_perform:
        return "it says that the medicine is not to be given (doNotPerform)"
    match record.kind:
        case RecordKind.REQUEST:
            return _request_refused(record, draft=draft)
        case RecordKind.STATEMENT:
            allowed = {"active", "intended"}
        case RecordKind.DISPENSE:
            allowed = set(_HANDED_OVER)
    if record.status is None:
        return "its status is not stated"
    return None if record.status in allowed else f"its status is {shown(record.status)}"


def _request_refused(record: MedicationRecord, *, draft: bool) -> str | None:
    if record.intent is not None and record.intent not in _ORDERING_INTENTS:
        return f"its intent is {shown(record.intent)}, not an order"
    if record.status is None:
        return None if draft else "its status is not stated"
    # order-sign may carry re-signed orders that are no drafts (CDS Hooks 2.0, order-sign).
    allowed = {"draft", "active"} if draft else {"active"}
    return None if record.status in allowed else f"its status is {shown(record.status)}"


def waiting(records: Iterable[MedicationRecord]) -> frozenset[str]:
    """The sources of orders on hold that have not begun, for the order before still goes on.

    Such is a later step of a plan that is held. The order before is one that it names as its
    prior, or one of its group that begins earlier; that one is active and does not end before.
    """
    orders = [record for record in records if record.kind is RecordKind.REQUEST]
    active = [record for record in orders if record.status == "active"]
    return frozenset(
        record.source
        for record in orders
        if record.status == "on-hold" and any(_goes_on_instead(other, record) for other in active)
    )


def _goes_on_instead(before: MedicationRecord, held: MedicationRecord) -> bool:
    in_turn = before.source in held.replaces or (
        before.group is not None and before.group == held.group
    )
    began, begins = _begins(before), _begins(held)
    if not in_turn or began is None or begins is None or began >= begins:
        return False
    ends = [day for day in (before.period_ends, before.course.ends) if day is not None]
    return min(ends, default=date.max) >= begins


def _begins(record: MedicationRecord) -> date | None:
    said = [day for day in (record.period_starts, record.course.starts) if day is not None]
    return max(said, default=record.authored_on)


def _by_period(record: MedicationRecord, on: date) -> Standing:
    starts = max((d for d in (record.period_starts, record.course.starts) if d), default=None)
    ends = min((d for d in (record.period_ends, record.course.ends) if d), default=None)
    if record.kind is RecordKind.DISPENSE and (record.period_starts is None or ends is None):
        return Standing(When.NOT_COUNTED, "its supply period is not stated")
    if record.status == "intended" and starts is None:
        return Standing(When.NOT_COUNTED, "it is intended and its start is not stated")
    if ends is not None and ends < on:
        return Standing(When.ENDED_NOT_CLOSED, f"its instructions ended on {ends.isoformat()}")
    if starts is not None and starts > on:
        return Standing(When.PLANNED, f"it starts on {starts.isoformat()}")
    return _CURRENT
