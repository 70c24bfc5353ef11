"""The reports of the nights: counts in clear, and who is behind them sealed.

One report for each EHR and night: a report that is made again replaces that night's.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import reports


@dataclass(frozen=True, slots=True)
class Kept:
    """One night's report: `report` holds counts only, no patient."""

    ehr_id: str
    night: date
    made_at: datetime
    report: dict[str, Any]


def keep(
    connection: Connection,
    *,
    ehr_id: str,
    night: date,
    made_at: datetime,
    report: Mapping[str, Any],
    worklist: Sequence[Mapping[str, Any]],
    compared: Mapping[str, Any] | None = None,
    sealer: Sealer,
) -> None:
    """Keep a night's report, in place of an earlier one of the same night.

    `worklist` and `compared` (what the next night is compared with, by patient) are sealed.
    """
    same = (reports.c.ehr_id == ehr_id, reports.c.night == night)
    connection.execute(sa.delete(reports).where(*same))
    connection.execute(
        sa.insert(reports).values(
            ehr_id=ehr_id,
            night=night,
            made_at=made_at,
            report=dict(report),
            worklist=sealer.seal(_packed(list(worklist)), _about("worklist", ehr_id, night)),
            compared=sealer.seal(_packed(dict(compared or {})), _about("compared", ehr_id, night)),
        )
    )


def nights(connection: Connection, ehr_id: str) -> list[date]:
    """The nights that have a report, newest first."""
    query = (
        sa.select(reports.c.night)
        .where(reports.c.ehr_id == ehr_id)
        .order_by(reports.c.night.desc())
    )
    return list(connection.execute(query).scalars())


def get(connection: Connection, ehr_id: str, night: date) -> Kept | None:
    """The report of one night, or None."""
    query = sa.select(reports.c.ehr_id, reports.c.night, reports.c.made_at, reports.c.report).where(
        reports.c.ehr_id == ehr_id, reports.c.night == night
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Kept(**row._mapping)


def before(connection: Connection, ehr_id: str, night: date, limit: int) -> list[Kept]:
    """The reports of the nights before this one, newest first."""
    query = (
        sa.select(reports.c.ehr_id, reports.c.night, reports.c.made_at, reports.c.report)
        .where(reports.c.ehr_id == ehr_id, reports.c.night < night)
        .order_by(reports.c.night.desc())
        .limit(limit)
    )
    return [Kept(**row._mapping) for row in connection.execute(query)]


def worklist(
    connection: Connection, ehr_id: str, night: date, *, sealer: Sealer
) -> list[dict[str, Any]] | None:
    """Who is behind the numbers of one night, or None. For an authorised user only.

    Raises what the sealer raises when the row was altered.
    """
    sealed = _sealed(connection, reports.c.worklist, ehr_id, night)
    if sealed is None:
        return None
    opened: list[dict[str, Any]] = _unpacked(sealer.open(sealed, _about("worklist", ehr_id, night)))
    return opened


def compared(
    connection: Connection, ehr_id: str, night: date, *, sealer: Sealer
) -> dict[str, Any] | None:
    """What a later night is compared with, by patient, or None.

    Raises what the sealer raises when the row was altered.
    """
    sealed = _sealed(connection, reports.c.compared, ehr_id, night)
    if sealed is None:
        return None
    opened: dict[str, Any] = _unpacked(sealer.open(sealed, _about("compared", ehr_id, night)))
    return opened


def _sealed(
    connection: Connection, column: sa.Column[Any], ehr_id: str, night: date
) -> bytes | None:
    query = sa.select(column).where(reports.c.ehr_id == ehr_id, reports.c.night == night)
    sealed: bytes | None = connection.execute(query).scalar_one_or_none()
    return sealed


def _packed(value: object) -> bytes:
    return zlib.compress(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())


def _unpacked(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))


def _about(what: str, ehr_id: str, night: date) -> str:
    return f"report/{what}/{ehr_id}/{night.isoformat()}"
