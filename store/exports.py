"""Exports of an EHR's records: how far each has come. The files stand in `store.export_files`.

An export goes asked -> waiting (kicked off, its status address is kept) -> downloading (its
manifest is known) -> complete -> released; or it has failed, and `why` says so in a sentence.
Whoever takes a step holds the export's lease; a step that outlived its lease changes nothing.
Addresses are keys to records of patients: they are sealed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import bulk_export_files, bulk_exports


class ExportState(StrEnum):
    """How far an export has come."""

    ASKED = "asked"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    COMPLETE = "complete"
    FAILED = "failed"
    RELEASED = "released"


UNDER_WAY = (ExportState.ASKED, ExportState.WAITING, ExportState.DOWNLOADING)
"""The states in which the next step is ours to take."""


@dataclass(frozen=True, slots=True)
class Export:
    """One export. `problems` are sentences without patient data; `why`: the reason of a failure.

    `transaction_time`: the records are as they were then. `next_look_at` is None when there is
    nothing to be done. `looks` counts the steps in which the EHR had nothing new, `manifests` how
    often its manifest was taken. `status_url` is sealed.
    """

    id: str
    ehr_id: str
    group_id: str | None
    types: tuple[str, ...]
    state: ExportState
    why: str | None
    status_url: bytes | None = field(repr=False)
    needs_token: bool
    transaction_time: datetime | None
    problems: tuple[str, ...]
    manifests: int
    looks: int
    begun_at: datetime
    next_look_at: datetime | None

    def open_status_url(self, sealer: Sealer) -> str | None:
        """Where the EHR says how the export is going."""
        if self.status_url is None:
            return None
        return sealer.open(self.status_url, _about(self.id)).decode()


def begin(
    connection: Connection,
    *,
    export_id: str,
    ehr_id: str,
    group_id: str | None,
    types: Sequence[str],
    now: datetime,
) -> None:
    """Ask for an export; it is due at once. An export of this id that is there stays as it is."""
    row = {
        "id": export_id,
        "ehr_id": ehr_id,
        "group_id": group_id,
        "types": list(types),
        "state": ExportState.ASKED.value,
        "needs_token": True,
        "problems": [],
        "manifests": 0,
        "looks": 0,
        "begun_at": now,
        "next_look_at": now,
    }
    if connection.dialect.name == "postgresql":
        insert: Any = postgresql.insert(bulk_exports)
    else:
        insert = sqlite.insert(bulk_exports)
    connection.execute(insert.values(row).on_conflict_do_nothing(index_elements=["id"]))


def get(connection: Connection, export_id: str) -> Export | None:
    """The export of this id, with the problems of its error files."""
    row = connection.execute(
        sa.select(bulk_exports).where(bulk_exports.c.id == export_id)
    ).one_or_none()
    return None if row is None else _export(connection, row._mapping)


def due(connection: Connection, now: datetime, limit: int = 20) -> list[Export]:
    """Exports whose next step may be taken now, the longest due first."""
    query = (
        sa.select(bulk_exports)
        .where(bulk_exports.c.next_look_at <= now, _free(now))
        .order_by(bulk_exports.c.next_look_at, bulk_exports.c.id)
        .limit(limit)
    )
    return [_export(connection, row._mapping) for row in connection.execute(query)]


def claim(connection: Connection, export_id: str, *, now: datetime, until: datetime) -> str | None:
    """The lease of an export whose next step is due; None when it is not, or is another's."""
    lease = uuid.uuid4().hex
    taken = connection.execute(
        sa.update(bulk_exports)
        .where(
            bulk_exports.c.id == export_id,
            bulk_exports.c.next_look_at <= now,
            _free(now),
        )
        .values(lease=lease, leased_until=until)
    )
    return lease if taken.rowcount == 1 else None


def renew(connection: Connection, export_id: str, lease: str, *, until: datetime) -> bool:
    """Hold the lease for longer; False when it is not ours any more."""
    return _settle(connection, export_id, lease, {"leased_until": until}, keep_lease=True)


def keep_status_url(
    connection: Connection,
    export_id: str,
    lease: str,
    status_url: str,
    *,
    sealer: Sealer,
    next_look_at: datetime,
) -> bool:
    """The EHR has begun: where its status is. It is kept before anybody looks there."""
    return _settle(
        connection,
        export_id,
        lease,
        {
            "state": ExportState.WAITING.value,
            "status_url": sealer.seal(status_url.encode(), _about(export_id)),
            "looks": 0,
            "next_look_at": next_look_at,
        },
    )


def look_again(connection: Connection, export_id: str, lease: str, *, at: datetime) -> bool:
    """The step brought nothing new; the next is due then."""
    values = {"looks": bulk_exports.c.looks + 1, "next_look_at": at}
    return _settle(connection, export_id, lease, values)


def begin_downloads(
    connection: Connection,
    export_id: str,
    lease: str,
    *,
    needs_token: bool,
    transaction_time: datetime | None,
    problems: Sequence[str],
    now: datetime,
) -> bool:
    """The manifest is taken; its files were added in the same transaction."""
    return _settle(
        connection,
        export_id,
        lease,
        {
            "state": ExportState.DOWNLOADING.value,
            "needs_token": needs_token,
            "transaction_time": transaction_time,
            "problems": list(problems),
            "manifests": bulk_exports.c.manifests + 1,
            "looks": 0,
            "next_look_at": now,
        },
    )


def take_manifest_again(
    connection: Connection, export_id: str, *, now: datetime, most: int
) -> bool:
    """The addresses of the files do not hold; False when that was so too often."""
    taken = connection.execute(
        sa.update(bulk_exports)
        .where(
            bulk_exports.c.id == export_id,
            bulk_exports.c.state.in_((ExportState.DOWNLOADING.value, ExportState.WAITING.value)),
            bulk_exports.c.manifests < most,
        )
        .values(state=ExportState.WAITING.value, next_look_at=now)
    )
    return taken.rowcount == 1


def complete_when_all_is_here(connection: Connection, export_id: str) -> bool:
    """Complete an export none of whose files is missing; whether it was now completed."""
    missing = sa.exists().where(
        bulk_export_files.c.export_id == export_id, bulk_export_files.c.done_at.is_(None)
    )
    done = connection.execute(
        sa.update(bulk_exports)
        .where(
            bulk_exports.c.id == export_id,
            bulk_exports.c.state == ExportState.DOWNLOADING.value,
            ~missing,
        )
        .values(state=ExportState.COMPLETE.value, next_look_at=None, lease=None, leased_until=None)
    )
    return done.rowcount == 1


def fail(connection: Connection, export_id: str, why: str) -> bool:
    """The export cannot be had. `why` is a sentence without patient data or address."""
    failed = connection.execute(
        sa.update(bulk_exports)
        .where(
            bulk_exports.c.id == export_id,
            bulk_exports.c.state.in_([state.value for state in UNDER_WAY]),
        )
        .values(
            state=ExportState.FAILED.value,
            why=why,
            next_look_at=None,
            lease=None,
            leased_until=None,
        )
    )
    return failed.rowcount == 1


def want_release(connection: Connection, export_id: str, *, now: datetime) -> bool:
    """The files are not needed any more: the release is due. False while a step is under way."""
    wanted = connection.execute(
        sa.update(bulk_exports)
        .where(
            bulk_exports.c.id == export_id,
            bulk_exports.c.state.in_((ExportState.COMPLETE.value, ExportState.FAILED.value)),
        )
        .values(next_look_at=now, looks=0)
    )
    return wanted.rowcount == 1


def mark_released(connection: Connection, export_id: str, lease: str) -> bool:
    """Deleted at the EHR, and its folder here; addresses are forgotten."""
    done = _settle(
        connection,
        export_id,
        lease,
        {"state": ExportState.RELEASED.value, "status_url": None, "next_look_at": None},
    )
    if done:
        connection.execute(
            sa.update(bulk_export_files)
            .where(bulk_export_files.c.export_id == export_id)
            .values(url=b"")
        )
    return done


def _settle(
    connection: Connection,
    export_id: str,
    lease: str,
    values: Mapping[str, Any],
    *,
    keep_lease: bool = False,
) -> bool:
    """Write the outcome of a step, if the lease is still ours; the lease ends with it."""
    ends: dict[str, Any] = {} if keep_lease else {"lease": None, "leased_until": None}
    settled = connection.execute(
        sa.update(bulk_exports)
        .where(bulk_exports.c.id == export_id, bulk_exports.c.lease == lease)
        .values(**values, **ends)
    )
    return settled.rowcount == 1


def _free(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(bulk_exports.c.leased_until.is_(None), bulk_exports.c.leased_until <= now)


def _export(connection: Connection, row: Mapping[Any, Any]) -> Export:
    said = connection.execute(
        sa.select(bulk_export_files.c.problems)
        .where(bulk_export_files.c.export_id == row["id"], bulk_export_files.c.is_error)
        .order_by(bulk_export_files.c.position)
    ).scalars()
    problems = [*row["problems"], *(sentence for some in said for sentence in some)]
    fields = {name: row[name] for name in Export.__dataclass_fields__}
    return Export(
        **{
            **fields,
            "types": tuple(row["types"]),
            "state": ExportState(row["state"]),
            "problems": tuple(dict.fromkeys(problems)),
        }
    )


def _about(export_id: str) -> str:
    return f"bulk-export/{export_id}"
