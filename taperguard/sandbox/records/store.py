"""The charts of the sandbox: one SQLite file with each resource as text and what it is found by.

The text is what was saved, digit for digit. The index rows are made from it and say nothing new.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from . import json_text
from .json_text import Resource
from .parameters import PARAMETERS, index_rows
from .question import Clause, Question

_LAYOUT = 2
_TABLES = """
CREATE TABLE resources (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, updated TEXT NOT NULL,
    origin TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (type, id)
) WITHOUT ROWID;
CREATE TABLE index_rows (
    type TEXT NOT NULL, id TEXT NOT NULL, parameter TEXT NOT NULL,
    one TEXT, two TEXT, plain INTEGER NOT NULL
);
CREATE INDEX index_rows_of ON index_rows (type, id, parameter);
CREATE INDEX index_rows_saying ON index_rows (parameter, one);
"""
# Since layout 2: the orders that are being written, and what safety services said about them.
_WORK_TABLES = """
CREATE TABLE worklists (
    patient TEXT PRIMARY KEY, revision INTEGER NOT NULL, notice TEXT NOT NULL,
    checked_hook TEXT, checked_revision INTEGER, check_problem TEXT
) WITHOUT ROWID;
CREATE TABLE drafts (
    patient TEXT NOT NULL, id TEXT NOT NULL, place INTEGER NOT NULL, selected INTEGER NOT NULL,
    text TEXT NOT NULL, PRIMARY KEY (patient, id)
) WITHOUT ROWID;
CREATE TABLE calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT, patient TEXT NOT NULL, hook TEXT NOT NULL,
    address TEXT NOT NULL, at TEXT NOT NULL, status INTEGER, milliseconds INTEGER NOT NULL,
    problem TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL
);
CREATE INDEX calls_of ON calls (patient, number);
CREATE TABLE cards (
    number INTEGER PRIMARY KEY AUTOINCREMENT, patient TEXT NOT NULL, service TEXT NOT NULL,
    address TEXT NOT NULL, revision INTEGER NOT NULL, text TEXT NOT NULL, answer TEXT NOT NULL
);
CREATE INDEX cards_of ON cards (patient, number);
CREATE TABLE feedback (
    number INTEGER PRIMARY KEY AUTOINCREMENT, patient TEXT NOT NULL, address TEXT NOT NULL,
    text TEXT NOT NULL, words TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL,
    last_answer TEXT NOT NULL
);
CREATE INDEX feedback_in ON feedback (state, number);
"""


# What the stories were when they were told last, so that a restart need not tell them again.
_TOLD = (
    "CREATE TABLE IF NOT EXISTS told (place INTEGER PRIMARY KEY CHECK (place = 1),"
    " day TEXT NOT NULL, edition TEXT NOT NULL)"
)


class Origin(StrEnum):
    """Where a resource comes from: a story, which is told anew each day, or somebody's work."""

    STORY = "story"
    CHART = "chart"


class UnusableStore(Exception):
    """The data file cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as it stands in the store."""

    type: str
    id: str
    version: int
    updated: str
    text: str

    def resource(self) -> Resource:
        """The resource as data, decimals as Decimal."""
        value: Resource = json_text.read(self.text)
        return value


class Answer(NamedTuple):
    """One page of matches, what was included with them, and how many matches there are in all."""

    matches: list[Stored]
    included: list[Stored]
    total: int


class Charts:
    """All charts of the sandbox, in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.DatabaseError as broken:
            raise UnusableStore(
                f"{file} cannot be used as the sandbox's data ({broken}). "
                "Move it away or start with --fresh."
            ) from broken

    # --- reading ------------------------------------------------------------------------------

    def read(self, resource_type: str, resource_id: str) -> Stored | None:
        """One resource, or None."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT type, id, version, updated, text FROM resources WHERE type = ? AND id = ?",
                (resource_type, resource_id),
            ).fetchone()
        return Stored(*row) if row else None

    def all_of(self, resource_type: str) -> list[Stored]:
        """Every resource of a type, by id."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT type, id, version, updated, text FROM resources WHERE type = ? ORDER BY id",
                (resource_type,),
            ).fetchall()
        return [Stored(*row) for row in rows]

    def chart_of(self, patient_id: str, *, base: str) -> dict[str, list[Stored]]:
        """Every resource about one patient, by type."""
        here = f"Patient/{patient_id}"
        with self.transaction() as db:
            rows = db.execute(
                "SELECT type, id, version, updated, text FROM resources WHERE (type, id) IN ("
                "SELECT type, id FROM index_rows WHERE parameter = 'patient' AND one IN (?, ?))"
                " ORDER BY type, id",
                (here, f"{base}/{here}"),
            ).fetchall()
        chart: dict[str, list[Stored]] = {}
        for row in rows:
            stored = Stored(*row)
            chart.setdefault(stored.type, []).append(stored)
        return chart

    def find(self, question: Question, *, base: str) -> Answer:
        """The page of matches that a question asks for."""
        where, values = _where(question)
        with self.transaction() as db:
            (total,) = db.execute(
                " ".join(["SELECT count(*) FROM resources r WHERE", where]), values
            ).fetchone()
            if question.only_count:
                return Answer([], [], total)
            order, order_values = _order(question)
            rows = db.execute(
                " ".join(
                    [
                        "SELECT type, id, version, updated, text FROM resources r WHERE",
                        where,
                        order,
                        "LIMIT ? OFFSET ?",
                    ]
                ),
                [*values, *order_values, question.count, question.offset],
            ).fetchall()
            matches = [Stored(*row) for row in rows]
            return Answer(matches, list(_included(db, question, matches, base)), total)

    def is_ready(self) -> bool:
        """Whether the file answers."""
        try:
            with self.transaction() as db:
                db.execute("SELECT count(*) FROM resources").fetchone()
        except sqlite3.Error:
            return False
        return True

    # --- writing ------------------------------------------------------------------------------

    def save(self, resource: Resource, *, at: datetime) -> Stored:
        """Put a resource into a chart, as a new version if it was there before.

        `at` has a zone. ValueError for a type that this EHR does not hold or a missing id.
        """
        with self.transaction(writing=True) as db:
            return self.save_in(db, resource, at=at)

    def save_in(self, db: sqlite3.Connection, resource: Resource, *, at: datetime) -> Stored:
        """The same within a transaction that does more than this."""
        return _save(db, resource, at, Origin.CHART)

    def was_told(self, *, on: date, edition: str) -> bool:
        """Whether the stories of this edition stand here as they are true on a day."""
        with self.transaction() as db:
            row = db.execute("SELECT day, edition FROM told").fetchone()
        return bool(row == (on.isoformat(), edition))

    def tell(self, resources: Iterable[Resource], *, on: date, edition: str = "") -> None:
        """Write the stories as they are true on a day, instead of those of another day.

        What somebody signed or changed in the meantime stays as it is. `edition` is whatever names
        these stories.
        """
        at = datetime.combine(on, time(), tzinfo=UTC)
        with self.transaction(writing=True) as db:
            db.execute("INSERT OR REPLACE INTO told VALUES (1, ?, ?)", (on.isoformat(), edition))
            kept = {
                (row[0], row[1])
                for row in db.execute(
                    "SELECT type, id FROM resources WHERE origin = ?", (Origin.CHART,)
                )
            }
            db.execute(
                "DELETE FROM index_rows WHERE (type, id) IN"
                " (SELECT type, id FROM resources WHERE origin = ?)",
                (Origin.STORY,),
            )
            db.execute("DELETE FROM resources WHERE origin = ?", (Origin.STORY,))
            _write(
                db,
                [
                    _versioned(resource, 1, at)
                    for resource in resources
                    if (resource["resourceType"], resource["id"]) not in kept
                ],
                Origin.STORY,
            )

    # --- the file -----------------------------------------------------------------------------

    def _prepare(self) -> None:
        with self.transaction() as db:
            (layout,) = db.execute("PRAGMA user_version").fetchone()
        if layout not in range(_LAYOUT + 1):
            raise UnusableStore(
                f"{self._file} was written by another release of the sandbox. "
                "Move it away or start with --fresh."
            )
        missing = {0: _TABLES + _WORK_TABLES, 1: _WORK_TABLES}.get(layout)
        if missing is not None:
            with self.transaction() as db:
                db.executescript(f"BEGIN; {missing} PRAGMA user_version = {_LAYOUT}; COMMIT;")
        with self.transaction(writing=True) as db:
            db.execute(_TOLD)

    @contextmanager
    def transaction(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection and a transaction of its own for each use: requests run in threads."""
        db = sqlite3.connect(self._file, timeout=10, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            yield db
            if db.in_transaction:
                db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        finally:
            db.close()


def _save(db: sqlite3.Connection, resource: Resource, at: datetime, origin: Origin) -> Stored:
    resource_type, resource_id = resource.get("resourceType"), resource.get("id")
    if resource_type not in PARAMETERS:
        raise ValueError("this EHR does not hold that type of resource")
    if not isinstance(resource_id, str) or not resource_id:
        raise ValueError("a resource in a chart has an id")
    row = db.execute(
        "SELECT version FROM resources WHERE type = ? AND id = ?", (resource_type, resource_id)
    ).fetchone()
    stored = _versioned(resource, row[0] + 1 if row else 1, at)
    db.execute("DELETE FROM index_rows WHERE type = ? AND id = ?", (resource_type, resource_id))
    _write(db, [stored], origin)
    return stored[0]


def _versioned(resource: Resource, version: int, at: datetime) -> tuple[Stored, Resource]:
    """A resource as it will stand in the store, as text and as data."""
    whole = as_stored(resource, version, at)
    meta = whole["meta"]
    text = json_text.write(whole)
    stored = Stored(whole["resourceType"], whole["id"], version, meta["lastUpdated"], text)
    return stored, whole


def as_stored(resource: Resource, version: int, at: datetime) -> Resource:
    """A resource with the version and the time that a store gives it; `at` has a zone."""
    updated = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": updated}
    return {
        "resourceType": resource["resourceType"],
        "id": resource["id"],
        "meta": meta,
        **{key: value for key, value in resource.items() if key not in _AT_THE_HEAD},
    }


def _write(db: sqlite3.Connection, made: Sequence[tuple[Stored, Resource]], origin: Origin) -> None:
    """Write resources that have no index rows: many at once, for a clinic is told in one go."""
    db.executemany(
        "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?)",
        [
            (stored.type, stored.id, stored.version, stored.updated, origin, stored.text)
            for stored, _ in made
        ],
    )
    db.executemany(
        "INSERT INTO index_rows VALUES (?, ?, ?, ?, ?, ?)",
        (
            (stored.type, stored.id, row.parameter, row.one, row.two, row.plain)
            for stored, whole in made
            for row in index_rows(whole)
        ),
    )


_AT_THE_HEAD = ("resourceType", "id", "meta")


def _where(question: Question) -> tuple[str, list[str]]:
    conditions, values = ["type = ?"], [question.resource_type]
    for clause in question.clauses:
        if clause.is_narrow:
            conditions.append(_among(clause))
            values.append(question.resource_type)
        else:
            conditions.append(_exists(clause))
        values += [clause.parameter, *clause.values]
    return " AND ".join(conditions), values


def _among(clause: Clause) -> str:
    """The few resources that point somewhere, from the index: not one question for each of all."""
    return " ".join(
        [
            "id IN (SELECT i.id FROM index_rows i WHERE i.type = ? AND i.parameter = ? AND (",
            clause.sql,
            "))",
        ]
    )


def _exists(clause: Clause) -> str:
    return " ".join(
        [
            "NOT EXISTS (" if clause.negated else "EXISTS (",
            "SELECT 1 FROM index_rows i WHERE i.type = r.type AND i.id = r.id",
            "AND i.parameter = ? AND (",
            clause.sql,
            "))",
        ]
    )


def _order(question: Question) -> tuple[str, list[str]]:
    """Sorted as asked, resources without the value last, and by id where nothing else decides."""
    parts = [
        " ".join(
            [
                "(SELECT min(coalesce(one, two)) FROM index_rows i WHERE i.type = r.type"
                " AND i.id = r.id AND i.parameter = ?)",
                "DESC NULLS LAST" if key.descending else "ASC NULLS LAST",
            ]
        )
        for key in question.sort
    ]
    return "ORDER BY " + ", ".join([*parts, "id"]), [key.parameter for key in question.sort]


def _included(
    db: sqlite3.Connection, question: Question, matches: Sequence[Stored], base: str
) -> Iterator[Stored]:
    """What the matches refer to and a question asked to include: each resource once."""
    sent = {(match.type, match.id) for match in matches}
    for match in matches:
        for include in question.includes:
            rows = db.execute(
                "SELECT one FROM index_rows WHERE type = ? AND id = ? AND parameter = ?",
                (match.type, match.id, include.parameter),
            ).fetchall()
            for (reference,) in rows:
                target_type, _, target_id = str(reference).removeprefix(f"{base}/").partition("/")
                key = (target_type, target_id)
                if key in sent or include.target_type not in (None, target_type):
                    continue
                row = db.execute(
                    "SELECT type, id, version, updated, text FROM resources"
                    " WHERE type = ? AND id = ?",
                    key,
                ).fetchone()
                if row:
                    sent.add(key)
                    yield Stored(*row)
