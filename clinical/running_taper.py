"""A taper of ours that the chart already holds: saved as drafts, or signed and under way.

Recognised by the group that joins a plan's orders (`OWN_PLAN`). A second taper, or another order
beside a running one, would add up with it, so whoever orders has to be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from clinical.facts import OWN_PLAN, MedicationRecord, PatientFacts, RecordKind, is_clonazepam
from clinical.totals import Total, total_on

_WAITING = frozenset({"draft", "active"})
# Not what is on hold: such a step waits, and the one before it goes on.
_OF_THE_PLAN = _WAITING | {"completed"}


@dataclass(frozen=True, slots=True)
class RunningTaper:
    """The orders of one plan, in the order of their days.

    `signed` is false while all of them are drafts, and `unsigned` how many are. `now` is what the
    plan says for the day, None before its first step; `taken` is false where an order of that day
    is a draft, so that the dose is only planned. `next` is the day of its next change with the
    dose from then on; `ends` is the last day that its orders speak of (None: they do not say).
    """

    group: str
    records: tuple[MedicationRecord, ...]
    signed: bool
    unsigned: int
    now: Total | None
    taken: bool
    next: tuple[date, Total] | None
    ends: date | None

    def in_words(self, day: Callable[[date], str] = date.isoformat) -> str:
        """One sentence; `day` writes a date."""
        when = "now" if self.taken else "planned for today"
        doses = [] if self.now is None else [f"{_dose(self.now)} {when}"]
        if self.next is not None:
            starts, total = self.next
            doses.append(f"{_dose(total)} from {day(starts)}")
        if self.signed and self.unsigned:
            are = "is" if self.unsigned == 1 else "are"
            doses.append(f"{self.unsigned} of its orders {are} not signed yet")
        if self.ends is not None:
            doses.append(f"its orders reach to {day(self.ends)}")
        plan = ", ".join(doses) or "its doses cannot be read"
        if self.signed:
            return f"a taper is in progress: {plan}"
        written = [r.authored_on for r in self.records if r.authored_on is not None]
        saved = f", saved on {day(min(written))}," if written else ""
        orders = "draft order" if len(self.records) == 1 else "draft orders"
        return (
            f"a taper is in progress: {len(self.records)} {orders}{saved} not signed yet ({plan})"
        )


def running_taper(facts: PatientFacts, on: date) -> RunningTaper | None:
    """The plan that is under way on the day and that none of the drafts belongs to; else None.

    Of several the one that was written last: an earlier one was planned anew.
    """
    being_signed = {draft.record.group for draft in facts.drafts}
    groups: dict[str, list[MedicationRecord]] = {}
    for record in facts.medications:
        if _is_of_a_plan(record) and record.group is not None and record.group not in being_signed:
            groups.setdefault(record.group, []).append(record)
    running = [
        (group, records)
        for group, records in groups.items()
        if any(r.status in _WAITING and not _is_over(r, on) for r in records)
    ]
    if not running:
        return None
    group, records = max(running, key=lambda item: (_written(item[1]), item[0]))
    return _taper(group, sorted(records, key=lambda r: (_starts(r), r.source)), on)


def _is_of_a_plan(record: MedicationRecord) -> bool:
    return (
        record.kind is RecordKind.REQUEST
        and (record.group or "").startswith(f"{OWN_PLAN}|")
        and record.status in _OF_THE_PLAN
        and is_clonazepam(record)
    )


def _is_over(record: MedicationRecord, on: date) -> bool:
    return record.course.ends is not None and record.course.ends < on


def _starts(record: MedicationRecord) -> date:
    return record.course.starts or record.period_starts or record.authored_on or date.min


def _written(records: Sequence[MedicationRecord]) -> date:
    return max(record.authored_on or date.min for record in records)


def _taper(group: str, records: Sequence[MedicationRecord], on: date) -> RunningTaper:
    now = total_on(records, on)
    of_today = [r for r in records if _starts(r) <= on and not _is_over(r, on)]
    begun = bool(of_today)
    changes = sorted({_starts(record) for record in records if _starts(record) > on})
    coming = ((day, total_on(records, day)) for day in changes)
    ends = [record.course.ends for record in records]
    return RunningTaper(
        group=group,
        records=tuple(records),
        signed=any(record.status != "draft" for record in records),
        unsigned=sum(record.status == "draft" for record in records),
        now=now if begun else None,
        taken=not any(record.status == "draft" for record in of_today),
        next=next(((d, t) for d, t in coming if not begun or _differs(t, now)), None),
        ends=None if None in ends else max(day for day in ends if day is not None),
    )


def _differs(total: Total, before: Total) -> bool:
    return (total.mg_per_day, total.complete) != (before.mg_per_day, before.complete)


def _dose(total: Total) -> str:
    return str(total) if total.complete else "a dose that cannot be computed"
