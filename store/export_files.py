"""The files of an export: announced by its manifest, fetched one by one, each under a lease.

A file's hash is recorded before the file gets its name on disk, and the file is done after that:
whoever comes after a crash knows by the hash whether what lies there is whole. Addresses are
sealed. `posted_until` only keeps tasks from being posted twice; the lease keeps them apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import bulk_export_files as files


@dataclass(frozen=True, slots=True)
class Announced:
    """A file as a manifest lists it: the `number`th of its type, holding `count` records."""

    type: str
    number: int
    url: str = field(repr=False)
    count: int | None
    is_error: bool


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export; `lines`, `sha256` and `size` (bytes) are known once it was fetched.

    `url` is sealed. An error file is read for its problems and not kept.
    """

    export_id: str
    position: int
    type: str
    number: int
    is_error: bool
    url: bytes = field(repr=False)
    count: int | None
    lines: int | None
    sha256: str | None
    size: int | None
    problems: tuple[str, ...]
    done_at: datetime | None
    attempts: int

    @property
    def name(self) -> str:
        """What it is called in the folder of the export."""
        return f"{self.type}.{self.number}.ndjson"

    def open_url(self, sealer: Sealer) -> str:
        """Where the EHR keeps it."""
        return sealer.open(self.url, _about(self.export_id, self.position)).decode()


def announce(
    connection: Connection,
    export_id: str,
    announced: Sequence[Announced],
    *,
    sealer: Sealer,
    now: datetime,
) -> bool:
    """Keep the files of a manifest. Whether they are other files than those known before.

    The same files again (a manifest that was taken again) get fresh addresses and stay done.
    """
    known = [_told(file) for file in of_export(connection, export_id)]
    fresh = [(one.type, one.number, one.is_error, one.count) for one in announced]
    changed = known != fresh
    if changed:
        connection.execute(sa.delete(files).where(files.c.export_id == export_id))
    for position, one in enumerate(announced):
        url = sealer.seal(one.url.encode(), _about(export_id, position))
        if not changed:
            connection.execute(
                sa.update(files)
                .where(files.c.export_id == export_id, files.c.position == position)
                .values(url=url, next_attempt_at=now)
            )
            continue
        connection.execute(
            sa.insert(files).values(
                export_id=export_id,
                position=position,
                type=one.type,
                number=one.number,
                is_error=one.is_error,
                url=url,
                count=one.count,
                problems=[],
                attempts=0,
                next_attempt_at=now,
            )
        )
    return changed


def of_export(connection: Connection, export_id: str) -> tuple[ExportFile, ...]:
    """All files of an export, in the manifest's order."""
    query = sa.select(files).where(files.c.export_id == export_id).order_by(files.c.position)
    return tuple(_file(row._mapping) for row in connection.execute(query))


def take_for_posting(
    connection: Connection, export_id: str, *, now: datetime, until: datetime, most: int
) -> list[int]:
    """Positions of files to fetch, so many that at most `most` are posted or at work at once."""
    missing = sa.and_(files.c.export_id == export_id, files.c.done_at.is_(None))
    busy = sa.or_(files.c.posted_until > now, files.c.leased_until > now)
    query = sa.select(sa.func.count()).select_from(files).where(missing, busy)
    room = most - int(connection.execute(query).scalar_one())
    if room <= 0:
        return []
    free = sa.and_(
        sa.or_(files.c.posted_until.is_(None), files.c.posted_until <= now),
        sa.or_(files.c.leased_until.is_(None), files.c.leased_until <= now),
    )
    found = sa.select(files.c.position).where(missing, free, files.c.next_attempt_at <= now)
    positions = connection.execute(found.order_by(files.c.position).limit(room)).scalars().all()
    taken = []
    for position in positions:
        posted = connection.execute(
            sa.update(files)
            .where(missing, free, files.c.position == position)
            .values(posted_until=until)
        )
        if posted.rowcount == 1:
            taken.append(position)
    return taken


def claim(
    connection: Connection, export_id: str, position: int, *, now: datetime, until: datetime
) -> tuple[ExportFile, str] | None:
    """A file that is missing, and its lease; None when it is done, at work, or not due."""
    lease = uuid.uuid4().hex
    here = sa.and_(files.c.export_id == export_id, files.c.position == position)
    taken = connection.execute(
        sa.update(files)
        .where(
            here,
            files.c.done_at.is_(None),
            files.c.next_attempt_at <= now,
            sa.or_(files.c.leased_until.is_(None), files.c.leased_until <= now),
        )
        .values(lease=lease, leased_until=until, posted_until=None)
    )
    if taken.rowcount != 1:
        return None
    return _file(connection.execute(sa.select(files).where(here)).one()._mapping), lease


def renew(connection: Connection, file: ExportFile, lease: str, *, until: datetime) -> bool:
    """Hold the lease for longer; False when it is not ours any more."""
    return _update(connection, file, lease, {"leased_until": until})


def record(
    connection: Connection, file: ExportFile, lease: str, *, lines: int, sha256: str, size: int
) -> bool:
    """What was fetched, before the file gets its name on disk. False: the lease is another's."""
    return _update(connection, file, lease, {"lines": lines, "sha256": sha256, "size": size})


def mark_done(
    connection: Connection,
    file: ExportFile,
    lease: str,
    *,
    now: datetime,
    problems: Sequence[str] = (),
) -> bool:
    """The file is durable (or, an error file, read). False: the lease is another's."""
    values = {"done_at": now, "problems": list(problems), "lease": None, "leased_until": None}
    return _update(connection, file, lease, values)


def put_back(connection: Connection, file: ExportFile, lease: str, *, at: datetime) -> bool:
    """The attempt brought nothing; the next is due then."""
    values = {
        "attempts": file.attempts + 1,
        "next_attempt_at": at,
        "lease": None,
        "leased_until": None,
    }
    return _update(connection, file, lease, values)


def _update(
    connection: Connection, file: ExportFile, lease: str, values: Mapping[str, Any]
) -> bool:
    settled = connection.execute(
        sa.update(files)
        .where(
            files.c.export_id == file.export_id,
            files.c.position == file.position,
            files.c.lease == lease,
        )
        .values(**values)
    )
    return settled.rowcount == 1


def _file(row: Mapping[Any, Any]) -> ExportFile:
    fields = {name: row[name] for name in ExportFile.__dataclass_fields__}
    return ExportFile(**{**fields, "problems": tuple(row["problems"])})


def _told(file: ExportFile) -> tuple[str, int, bool, int | None]:
    return file.type, file.number, file.is_error, file.count


def _about(export_id: str, position: int) -> str:
    return f"bulk-export/{export_id}/file/{position}"
