"""How far the report of a night is. One run for each EHR and night.

A run goes through: asked -> exporting -> preparing -> counting -> finishing -> done, or failed.
Whoever looks at a run holds it under a lease: after that it is due again, for the work of each
step is not done twice. A run that is asked for again begins anew and replaces its night.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.tables import report_runs


class RunState(StrEnum):
    """Where a run stands."""

    ASKED = "asked"
    EXPORTING = "exporting"
    PREPARING = "preparing"
    COUNTING = "counting"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"


ENDED = (RunState.DONE, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `why` is a sentence when it failed; `turn` counts changes, for the lease."""

    id: str
    ehr_id: str
    night: date
    group_id: str | None
    export_id: str | None
    state: RunState
    why: str | None
    asked_at: datetime
    updated_at: datetime
    next_look_at: datetime
    turn: int
    released_at: datetime | None


def begin(
    connection: Connection, *, ehr_id: str, night: date, group_id: str | None, now: datetime
) -> str:
    """Ask for the report of a night; the run's id. An earlier run of the night is forgotten."""
    run_id = uuid.uuid4().hex
    connection.execute(
        sa.delete(report_runs).where(report_runs.c.ehr_id == ehr_id, report_runs.c.night == night)
    )
    connection.execute(
        sa.insert(report_runs).values(
            id=run_id,
            ehr_id=ehr_id,
            night=night,
            group_id=group_id,
            state=RunState.ASKED.value,
            asked_at=now,
            updated_at=now,
            next_look_at=now,
            turn=0,
        )
    )
    return run_id


def get(connection: Connection, run_id: str) -> Run | None:
    """The run, or None."""
    return _run(connection.execute(sa.select(report_runs).where(report_runs.c.id == run_id)))


def of_night(connection: Connection, ehr_id: str, night: date) -> Run | None:
    """The run of one night, or None."""
    query = sa.select(report_runs).where(
        report_runs.c.ehr_id == ehr_id, report_runs.c.night == night
    )
    return _run(connection.execute(query))


def latest(connection: Connection, ehr_id: str) -> Run | None:
    """The run of the newest night that was asked for, or None."""
    query = (
        sa.select(report_runs)
        .where(report_runs.c.ehr_id == ehr_id)
        .order_by(report_runs.c.night.desc())
        .limit(1)
    )
    return _run(connection.execute(query))


def due(connection: Connection, now: datetime, limit: int = 20) -> list[Run]:
    """Runs that have not ended and that nobody looks at, the longest due first."""
    query = (
        sa.select(report_runs)
        .where(
            report_runs.c.state.not_in([state.value for state in ENDED]),
            report_runs.c.next_look_at <= now,
        )
        .order_by(report_runs.c.next_look_at, report_runs.c.id)
        .limit(limit)
    )
    return [_of(row) for row in connection.execute(query)]


def claim(connection: Connection, run: Run, *, until: datetime) -> bool:
    """Take the run until this instant; False when another was faster."""
    taken = connection.execute(
        sa.update(report_runs)
        .where(report_runs.c.id == run.id, report_runs.c.turn == run.turn)
        .values(next_look_at=until, turn=run.turn + 1)
    )
    return taken.rowcount == 1


def advance(
    connection: Connection,
    run_id: str,
    *,
    expected: RunState,
    to: RunState,
    now: datetime,
    next_look_at: datetime | None = None,
    export_id: str | None = None,
    why: str | None = None,
) -> bool:
    """Go from one state to the next; False when the run was elsewhere by now.

    It is looked at again at once, or when the caller says.
    """
    values: dict[str, object] = {
        "state": to.value,
        "why": why,
        "updated_at": now,
        "next_look_at": next_look_at or now,
        "turn": report_runs.c.turn + 1,
    }
    if export_id is not None:
        values["export_id"] = export_id
    changed = connection.execute(
        sa.update(report_runs)
        .where(report_runs.c.id == run_id, report_runs.c.state == expected.value)
        .values(**values)
    )
    return changed.rowcount == 1


def unreleased(connection: Connection, limit: int = 20) -> list[Run]:
    """Runs that have ended and whose export and folder are not given up yet."""
    query = (
        sa.select(report_runs)
        .where(
            report_runs.c.state.in_([state.value for state in ENDED]),
            report_runs.c.released_at.is_(None),
        )
        .order_by(report_runs.c.updated_at, report_runs.c.id)
        .limit(limit)
    )
    return [_of(row) for row in connection.execute(query)]


def mark_released(connection: Connection, run_id: str, now: datetime) -> None:
    """The run has nothing left that takes up room."""
    connection.execute(
        sa.update(report_runs).where(report_runs.c.id == run_id).values(released_at=now)
    )


def all_ids(connection: Connection) -> set[str]:
    """The ids of all runs, ended ones too."""
    return set(connection.execute(sa.select(report_runs.c.id)).scalars())


def _run(result: sa.CursorResult[tuple[object, ...]]) -> Run | None:
    row = result.one_or_none()
    return None if row is None else _of(row)


def _of(row: sa.Row[tuple[object, ...]]) -> Run:
    values = dict(row._mapping)
    return Run(**{**values, "state": RunState(str(values["state"]))})
