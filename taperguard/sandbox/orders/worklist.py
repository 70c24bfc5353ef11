"""The list of draft orders of a patient. It lives in the store: a restart loses nothing.

Every change is made to the list as it was seen (`revision`), so that two windows, a double click
or the back button never change a list that nobody looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..records import json_text
from ..records.json_text import Resource
from ..records.store import Charts
from .check import Fault, NotAccepted
from .references import ORDER


class Changed(Exception):
    """The list is not the one that was seen."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One order on the list."""

    resource: Resource
    selected: bool = True

    @property
    def id(self) -> str:
        """Its id, which it keeps when it is signed."""
        return str(self.resource["id"])

    @property
    def reference(self) -> str:
        """What others refer to it by: "MedicationRequest/id"."""
        return f"{ORDER}/{self.id}"


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
        new = Draft(order)
        if in_place_of is None:
            return self.having([*self.drafts, new])
        self.draft(in_place_of)
        return self.having([new if item.id == in_place_of else item for item in self.drafts])

    def toggling(self, draft_id: str) -> Worklist:
        """The list with one draft selected that was not, or the other way round."""
        self.draft(draft_id)
        return self.having(
            [
                replace(item, selected=not item.selected) if item.id == draft_id else item
                for item in self.drafts
            ]
        )

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
            return write_in(db, changed, notice)


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
        "SELECT text, selected FROM drafts WHERE patient = ? ORDER BY place", (patient_id,)
    ).fetchall()
    return Worklist(
        patient_id=patient_id,
        revision=revision,
        drafts=tuple(Draft(json_text.read(text), bool(selected)) for text, selected in drafts),
        checked=None if hook is None else Checked(hook, checked_revision, problem),
        notice=notice,
    )


def write_in(db: sqlite3.Connection, changed: Worklist, notice: str) -> Worklist:
    """Keep a changed list within a transaction; its revision rises by one."""
    patient_id = changed.patient_id
    if read_in(db, patient_id).revision != changed.revision:
        raise Changed
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
