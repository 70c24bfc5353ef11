"""The list of draft orders of a patient. It lives in the store: a restart loses nothing.

Every change is made to the list as it was seen (`revision`), so that two windows, a double click
or the back button never change a list that nobody looked at.

Drafts that an app wrote into the chart over FHIR stand on the list as well, set aside until the
prescriber selects them. Such a draft is one thing in two places: what is done to it here is done
in the chart, in the same transaction, and what the app does to it in the chart is done here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..records import json_text
from ..records.json_text import Resource
from ..records.store import Charts
from .check import Fault, NotAccepted
from .references import ORDER, references

STOPPED = "stopped"


class Changed(Exception):
    """The list is not the one that was seen."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One order on the list. `in_chart` are drafts that an app wrote; others were begun here.

    A current order that is to be stopped stands here as a copy of it with the status stopped.
    """

    resource: Resource
    selected: bool = True
    in_chart: bool = False

    @property
    def id(self) -> str:
        """Its id, which it keeps when it is signed."""
        return str(self.resource["id"])

    @property
    def reference(self) -> str:
        """What others refer to it by: "MedicationRequest/id"."""
        return f"{ORDER}/{self.id}"

    @property
    def stops(self) -> bool:
        """Whether signing it stops a current order, and writes none."""
        return bool(self.resource.get("status") == STOPPED)


@dataclass(frozen=True, slots=True)
class Checked:
    """The last time safety services were asked: on which hook, about which list, with what trouble.

    `problem` is a sentence when a service did not answer, else empty.
    """

    hook: str
    revision: int
    problem: str


@dataclass(frozen=True, slots=True)
class Worklist:
    """A patient's drafts, in order. `notice` says what happened last."""

    patient_id: str
    revision: int = 0
    drafts: tuple[Draft, ...] = ()
    checked: Checked | None = None
    notice: str = ""

    @property
    def selected(self) -> tuple[Draft, ...]:
        """The drafts that would be signed."""
        return tuple(draft for draft in self.drafts if draft.selected)

    @property
    def is_checked_for_signing(self) -> bool:
        """Whether the services were asked about signing this very list."""
        checked = self.checked
        return (
            checked is not None
            and checked.hook == "order-sign"
            and checked.revision == self.revision
        )

    @property
    def from_apps(self) -> tuple[Draft, ...]:
        """The drafts that apps wrote into the chart."""
        return tuple(draft for draft in self.drafts if draft.in_chart)

    def draft(self, draft_id: str) -> Draft:
        """The draft with this id; NotAccepted when it is not on the list."""
        for draft in self.drafts:
            if draft.id == draft_id:
                return draft
        raise NotAccepted(Fault("draft", "That draft is no longer on the list."))

    def as_seen(self, revision: int) -> Worklist:
        """The list, if it still has the revision that somebody saw; Changed otherwise."""
        if revision != self.revision:
            raise Changed
        return self

    def having(self, drafts: Sequence[Draft]) -> Worklist:
        """The list with other drafts."""
        return replace(self, drafts=tuple(drafts))

    def putting(self, order: Resource, *, in_place_of: str | None = None) -> Worklist:
        """The list with this order at its end, or in the place of a draft; selected."""
        if in_place_of is None:
            return self.having([*self.drafts, Draft(order)])
        new = replace(self.draft(in_place_of), resource=order, selected=True)
        return self.having([new if item.id == in_place_of else item for item in self.drafts])

    def selecting(self, ids: Collection[str], *, selected: bool) -> Worklist:
        """The list with these drafts selected, or set aside."""
        return self.having(
            [replace(item, selected=selected) if item.id in ids else item for item in self.drafts]
        )

    def toggling(self, draft_id: str) -> Worklist:
        """The list with one draft selected that was not, or the other way round."""
        return self.selecting([draft_id], selected=not self.draft(draft_id).selected)

    def without(self, ids: Sequence[str]) -> Worklist:
        """The list without some drafts; NotAccepted when one is not on it."""
        for draft_id in ids:
            self.draft(draft_id)
        return self.having([item for item in self.drafts if item.id not in ids])


class Worklists:
    """The lists of all patients, in the store of the charts."""

    def __init__(self, charts: Charts) -> None:
        self._charts = charts

    def read(self, patient_id: str) -> Worklist:
        """A patient's list; empty when nobody has ordered anything."""
        with self._charts.transaction() as db:
            return read_in(db, patient_id)

    def write(self, changed: Worklist, notice: str) -> Worklist:
        """Keep a changed list; Changed when another change came first."""
        with self._charts.transaction(writing=True) as db:
            return write_in(db, self._charts, changed, notice)


def read_in(db: sqlite3.Connection, patient_id: str) -> Worklist:
    """A patient's list, within a transaction."""
    row = db.execute(
        "SELECT revision, notice, checked_hook, checked_revision, check_problem"
        " FROM worklists WHERE patient = ?",
        (patient_id,),
    ).fetchone()
    if row is None:
        return Worklist(patient_id)
    revision, notice, hook, checked_revision, problem = row
    drafts = db.execute(
        "SELECT d.text, d.selected, r.id IS NOT NULL FROM drafts d LEFT JOIN resources r"
        " ON r.type = ? AND r.id = d.id WHERE d.patient = ? ORDER BY d.place",
        (ORDER, patient_id),
    ).fetchall()
    return Worklist(
        patient_id=patient_id,
        revision=revision,
        drafts=tuple(
            _draft(json_text.read(text), bool(selected), bool(in_chart))
            for text, selected, in_chart in drafts
        ),
        checked=None if hook is None else Checked(hook, checked_revision, problem),
        notice=notice,
    )


def _draft(resource: Resource, selected: bool, in_chart: bool) -> Draft:
    """An order that is to be stopped is in the chart too, and no app's draft."""
    return Draft(resource, selected, in_chart and resource.get("status") != STOPPED)


def write_in(
    db: sqlite3.Connection,
    charts: Charts,
    changed: Worklist,
    notice: str,
    *,
    signed: Collection[str] = (),
) -> Worklist:
    """Keep a changed list within a transaction; its revision rises by one.

    An app's draft that is no longer on it is discarded in the chart too, unless its id is among
    the `signed`, which are being written into the chart as orders. A draft care plan goes with
    the last of its drafts.
    """
    before = read_in(db, changed.patient_id)
    if before.revision != changed.revision:
        raise Changed
    drafts = {draft.id: draft for draft in changed.drafts}
    at = datetime.now(UTC)
    discarded = [
        draft for draft in before.from_apps if draft.id not in drafts and draft.id not in signed
    ]
    why = {"text": f"discarded in the ordering screen on {at.date().isoformat()}"}
    for draft in discarded:
        gone = {**draft.resource, "status": "cancelled", "statusReason": why}
        charts.save_in(db, gone, at=at)
    for plan in plans_without_orders(discarded, changed, charts):
        charts.save_in(db, {**plan, "status": "revoked"}, at=at)
    for draft in before.from_apps:
        now = drafts.get(draft.id)
        if now is not None and now.resource != draft.resource:
            # Who wrote it stays known, whoever changed it.
            kept = {**now.resource, "meta": draft.resource.get("meta", {})}
            saved = charts.save_in(db, kept, at=at)
            drafts[draft.id] = replace(now, resource=saved.resource())
    return _put(db, replace(changed, drafts=tuple(drafts.values())), notice)


def plans_without_orders(
    discarded: Sequence[Draft], left: Worklist, charts: Charts
) -> list[Resource]:
    """The draft care plans whose last drafts these are."""
    going = {plan for draft in discarded for plan in _plans_of(draft)}
    staying = {plan for draft in left.drafts for plan in _plans_of(draft)}
    found = [charts.read("CarePlan", plan) for plan in sorted(going - staying)]
    plans = [stored.resource() for stored in found if stored is not None]
    return [plan for plan in plans if plan.get("status") == "draft"]


def _plans_of(draft: Draft) -> set[str]:
    """The ids of the care plans that a draft is based on."""
    ids = set()
    for path, said in references(draft.resource):
        resource_type, _, plan_id = "/".join(said.split("/")[-2:]).partition("/")
        if path == "basedOn" and resource_type == "CarePlan":
            ids.add(plan_id)
    return ids


def take_up(
    db: sqlite3.Connection, patient_id: str, written: Sequence[Resource], *, app: str
) -> None:
    """Bring on the list what an app has just written into the chart, within its transaction.

    New drafts are set aside, and so is one that the app has changed: what was selected was
    something else. What is no draft any more leaves the list. `app` is its name.
    """
    orders = [resource for resource in written if resource.get("resourceType") == ORDER]
    if not orders:
        return
    before = read_in(db, patient_id)
    drafts = {draft.id: draft for draft in before.drafts}
    for order in orders:
        if order.get("status") == "draft":
            drafts[str(order["id"])] = Draft(order, selected=False, in_chart=True)
        else:
            drafts.pop(str(order["id"]), None)
    _put(db, before.having(list(drafts.values())), _taken_up(orders, app))


def _taken_up(orders: Sequence[Resource], app: str) -> str:
    count = sum(order.get("status") == "draft" for order in orders)
    if not count:
        return f"{app} has withdrawn what it had drafted."
    drafts, them = ("1 draft order", "it") if count == 1 else (f"{count} draft orders", "those")
    return f"{app} has written {drafts} into the chart. Select {them} to sign, or discard."


def _put(db: sqlite3.Connection, changed: Worklist, notice: str) -> Worklist:
    patient_id = changed.patient_id
    written = replace(changed, revision=changed.revision + 1, notice=notice)
    db.execute(
        "INSERT INTO worklists (patient, revision, notice) VALUES (?, ?, ?)"
        " ON CONFLICT (patient) DO UPDATE SET revision = excluded.revision,"
        " notice = excluded.notice",
        (patient_id, written.revision, notice),
    )
    db.execute("DELETE FROM drafts WHERE patient = ?", (patient_id,))
    db.executemany(
        "INSERT INTO drafts VALUES (?, ?, ?, ?, ?)",
        [
            (patient_id, draft.id, place, draft.selected, json_text.write(draft.resource))
            for place, draft in enumerate(written.drafts)
        ],
    )
    return written


def note_check(db: sqlite3.Connection, patient_id: str, checked: Checked) -> None:
    """Remember that services were asked about a list."""
    db.execute(
        "UPDATE worklists SET checked_hook = ?, checked_revision = ?, check_problem = ?"
        " WHERE patient = ?",
        (checked.hook, checked.revision, checked.problem, patient_id),
    )


def note(db: sqlite3.Connection, patient_id: str, notice: str) -> None:
    """Say what happened last, where the list itself stays as it is."""
    db.execute("UPDATE worklists SET notice = ? WHERE patient = ?", (notice, patient_id))
