"""Exports in the store: a snapshot of a Group's records, and when it may be fetched.

The snapshot is taken when it is asked for, in one transaction: the files hold the state at
`transaction_time`. That an export takes its time is a moment in the store, compared with the
clock; nothing sleeps, and a restart changes nothing.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from ..records import json_text
from ..records.json_text import Resource
from ..records.outcome import outcome
from ..records.store import Charts
from .asked import Asked

_TABLES = (
    "CREATE TABLE IF NOT EXISTS export_jobs (id TEXT PRIMARY KEY, client TEXT NOT NULL,"
    " request TEXT NOT NULL, types TEXT NOT NULL, asked_at REAL NOT NULL, ready_at REAL NOT NULL,"
    " ends_at REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS export_files (job TEXT NOT NULL, place INTEGER NOT NULL,"
    " name TEXT NOT NULL, type TEXT NOT NULL, about TEXT NOT NULL, rows INTEGER NOT NULL,"
    " text TEXT NOT NULL, PRIMARY KEY (job, name))",
)
_KEPT = timedelta(hours=24)
_PROBLEMS = "error"


@dataclass(frozen=True, slots=True)
class File:
    """One file of an export: so many resources of a type, one in a line."""

    name: str
    type: str
    rows: int


@dataclass(frozen=True, slots=True)
class Job:
    """One export. Its times have a zone; `problems` are files of OperationOutcomes."""

    id: str
    client: str
    request: str
    types: tuple[str, ...]
    asked_at: datetime
    ready_at: datetime
    ends_at: datetime
    files: tuple[File, ...]
    problems: tuple[File, ...]

    def progress(self, now: datetime) -> float | None:
        """How much of it is done, from 0 to 1; None when all of it is."""
        if now >= self.ready_at:
            return None
        return max(0.0, (now - self.asked_at) / (self.ready_at - self.asked_at))


@dataclass(frozen=True, slots=True)
class Habits:
    """How this EHR exports: how long one takes, and the most resources of one file.

    ValueError for a time below 0 and for files without rows.
    """

    seconds: float = 0.0
    rows: int = 500

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.seconds < 86_400 or self.rows < 1:
            raise ValueError("an export takes 0 seconds to a day, and a file has 1 row or more")


class Exports:
    """The exports of this EHR. `clock` gives the time with a zone; `base` is the FHIR address."""

    def __init__(
        self,
        charts: Callable[[], Charts],
        *,
        base: str,
        clock: Callable[[], datetime],
        habits: Habits,
    ) -> None:
        self._charts = charts
        self._base = base
        self._clock = clock
        self._length = timedelta(seconds=habits.seconds)
        self._rows = habits.rows
        with charts().transaction(writing=True) as db:
            for table in _TABLES:
                db.execute(table)

    def begin(self, asked: Asked, group: Resource, *, client: str, request: str) -> str:
        """Take the snapshot; the id of the new export."""
        job, charts = secrets.token_hex(16), self._charts()
        with charts.transaction(writing=True) as db:
            # Read within the transaction: nothing is written between the snapshot and its time.
            now = self._clock()
            _forget(db, "ends_at <= ?", now.timestamp())
            row = (
                job,
                client,
                request,
                ",".join(asked.types),
                now.timestamp(),
                (now + self._length).timestamp(),
                (now + self._length + _KEPT).timestamp(),
            )
            db.execute("INSERT INTO export_jobs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._write(db, job, asked, group)
        return job

    def _write(self, db: sqlite3.Connection, job: str, asked: Asked, group: Resource) -> None:
        place = 0
        _note_members(db, group, self._base)
        for name in asked.types:
            lines = (text for (text,) in db.execute(*_of_type(name, group, asked.since)))
            for number, some in enumerate(_in_portions(lines, self._rows)):
                file = f"{name}.{number}.ndjson"
                row = (job, place, file, name, "", len(some), "\n".join(some) + "\n")
                db.execute("INSERT INTO export_files VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                place += 1
        if asked.ignored:
            said = [
                json_text.write(outcome("not-supported", why, "warning")) for why in asked.ignored
            ]
            row = (
                job,
                place,
                "OperationOutcome.0.ndjson",
                "OperationOutcome",
                _PROBLEMS,
                len(said),
                "\n".join(said) + "\n",
            )
            db.execute("INSERT INTO export_files VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def get(self, job: str, *, client: str) -> Job | None:
        """An export of a client that is not over; None when there is none."""
        with self._charts().transaction() as db:
            found = db.execute(
                "SELECT request, types, asked_at, ready_at, ends_at FROM export_jobs"
                " WHERE id = ? AND client = ?",
                (job, client),
            ).fetchone()
            files = db.execute(
                "SELECT about, name, type, rows FROM export_files WHERE job = ? ORDER BY place",
                (job,),
            ).fetchall()
        if found is None or found[4] <= self._clock().timestamp():
            return None
        request, types, *times = found
        asked_at, ready_at, ends_at = (datetime.fromtimestamp(at, UTC) for at in times)
        return Job(
            job,
            client,
            request,
            tuple(types.split(",")),
            asked_at,
            ready_at,
            ends_at,
            files=tuple(File(*row) for about, *row in files if about != _PROBLEMS),
            problems=tuple(File(*row) for about, *row in files if about == _PROBLEMS),
        )

    def text(self, job: Job, name: str) -> str | None:
        """What a file of an export says; None when it has no such file."""
        with self._charts().transaction() as db:
            row = db.execute(
                "SELECT text FROM export_files WHERE job = ? AND name = ?", (job.id, name)
            ).fetchone()
        return row[0] if row else None

    def forget(self, job: Job) -> None:
        """Remove an export and its files."""
        with self._charts().transaction(writing=True) as db:
            _forget(db, "id = ?", job.id)


def _forget(db: sqlite3.Connection, condition: str, value: str | float) -> None:
    """Remove the exports that meet a condition of ours, and their files."""
    which = " ".join(["(SELECT id FROM export_jobs WHERE", condition, ")"])
    db.execute(" ".join(["DELETE FROM export_files WHERE job IN", which]), (value,))
    db.execute(" ".join(["DELETE FROM export_jobs WHERE id IN", which]), (value,))


def _note_members(db: sqlite3.Connection, group: Resource, base: str) -> None:
    """The members of a Group in a table of this connection, as references are written."""
    db.execute("CREATE TEMP TABLE members (reference TEXT PRIMARY KEY, id TEXT NOT NULL)")
    for member in group.get("member", []):
        reference = str(member["entity"]["reference"]).removeprefix(f"{base}/")
        kind, _, patient_id = reference.partition("/")
        if kind == "Patient" and not member.get("inactive", False):
            for written in (reference, f"{base}/{reference}"):
                db.execute("INSERT OR IGNORE INTO members VALUES (?, ?)", (written, patient_id))


_ABOUT_A_MEMBER = (
    "(type, id) IN (SELECT type, id FROM index_rows WHERE parameter = 'patient'"
    " AND one IN (SELECT reference FROM members))"
)
_POINTED_TO = " ".join(
    [
        "'Medication/' || id IN (SELECT one FROM index_rows WHERE parameter = 'medication' AND",
        _ABOUT_A_MEMBER,
        ")",
    ]
)


def _of_type(name: str, group: Resource, since: str | None) -> tuple[str, tuple[str, ...]]:
    """The query for the records of one type of a Group, and its values."""
    values: tuple[str, ...] = (name,)
    match name:
        case "Patient":
            which = "id IN (SELECT id FROM members)"
        case "Group":
            which, values = "id = ?", (name, str(group["id"]))
        case "Medication":
            which = _POINTED_TO
        case _:
            which = _ABOUT_A_MEMBER
    if since is not None:
        # What changed within the second of `since` comes again: records say no fractions.
        which, values = f"{which} AND updated >= ?", (*values, since)
    query = ["SELECT text FROM resources WHERE type = ? AND", which, "ORDER BY id"]
    return " ".join(query), values


def _in_portions(lines: Iterator[str], most: int) -> Iterator[list[str]]:
    while some := list(islice(lines, most)):
        yield some
