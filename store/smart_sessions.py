"""SMART launches under way and sessions: what only the server may know, sealed.

A launch is found by its state, a session by the id in its path; both only with the browser that
began them. State, browser and patient stand as fingerprints or sealed; nothing in the clear.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import smart_launches, smart_sessions

_KEPT_AFTER_EXPIRY = timedelta(days=1)


class LaunchRefused(Exception):
    """A launch that cannot be continued."""


class UnknownState(LaunchRefused):
    """No launch with this state began here, or it was long ago."""


class OtherBrowser(LaunchRefused):
    """The launch began in another browser."""


class Expired(LaunchRefused):
    """The launch began too long ago."""


class AlreadyUsed(LaunchRefused):
    """The state was used before."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session. `kept` is the JSON that was sealed; `turn` counts its changes."""

    launch_id: str
    ehr_id: str
    kept: dict[str, Any] = field(repr=False)
    turn: int
    expires_at: datetime


def begin(
    connection: Connection,
    *,
    state: str,
    browser: str,
    ehr_id: str,
    kept: dict[str, Any],
    sealer: Sealer,
    now: datetime,
    life: timedelta,
) -> None:
    """Keep a launch until its callback; forget those that are long over."""
    long_over = now - _KEPT_AFTER_EXPIRY
    for table in (smart_launches, smart_sessions):
        connection.execute(table.delete().where(table.c.expires_at < long_over))
    key = _state_key(sealer, state)
    connection.execute(
        smart_launches.insert().values(
            state_fingerprint=key,
            ehr_id=ehr_id,
            browser_fingerprint=_browser_key(sealer, browser),
            kept=_seal(sealer, kept, f"smart-launch/{key}"),
            started_at=now,
            expires_at=now + life,
            used_at=None,
        )
    )


def take(
    connection: Connection, *, state: str, browser: str | None, sealer: Sealer, now: datetime
) -> tuple[str, dict[str, Any]]:
    """The EHR and what was kept of a launch, once. Raises LaunchRefused.

    Who has not the browser that began it does not use it up.
    """
    key = _state_key(sealer, state)
    query = sa.select(smart_launches).where(smart_launches.c.state_fingerprint == key)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownState
    if browser is None or row["browser_fingerprint"] != _browser_key(sealer, browser):
        raise OtherBrowser
    if row["used_at"] is not None:
        raise AlreadyUsed
    if now >= row["expires_at"]:
        raise Expired
    used = connection.execute(
        smart_launches.update()
        .where(smart_launches.c.state_fingerprint == key, smart_launches.c.used_at.is_(None))
        .values(used_at=now)
    )
    if used.rowcount != 1:
        raise AlreadyUsed
    return row["ehr_id"], _open(sealer, row["kept"], f"smart-launch/{key}")


def open_session(
    connection: Connection,
    *,
    launch_id: str,
    browser: str,
    ehr_id: str,
    kept: dict[str, Any],
    sealer: Sealer,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep a new session."""
    connection.execute(
        smart_sessions.insert().values(
            launch_id=launch_id,
            ehr_id=ehr_id,
            browser_fingerprint=_browser_key(sealer, browser),
            kept=_seal(sealer, kept, _about(launch_id)),
            turn=0,
            renewing_until=None,
            started_at=now,
            expires_at=expires_at,
        )
    )


def find(
    connection: Connection, *, launch_id: str, browser: str | None, sealer: Sealer
) -> Session | None:
    """The session of this path and this browser; None when there is none."""
    if browser is None:
        return None
    return _session(
        connection,
        sealer,
        smart_sessions.c.launch_id == launch_id,
        smart_sessions.c.browser_fingerprint == _browser_key(sealer, browser),
    )


def again(connection: Connection, launch_id: str, *, sealer: Sealer) -> Session | None:
    """The session as it is now; only for who has found it with its browser before."""
    return _session(connection, sealer, smart_sessions.c.launch_id == launch_id)


def of_browser(
    connection: Connection, *, browser: str | None, ehr_id: str, sealer: Sealer, now: datetime
) -> list[Session]:
    """The live sessions of a browser at an EHR, the newest first.

    For pages whose path names no launch. Who asks looks what each session is for.
    """
    if browser is None:
        return []
    query = (
        sa.select(smart_sessions)
        .where(
            smart_sessions.c.browser_fingerprint == _browser_key(sealer, browser),
            smart_sessions.c.ehr_id == ehr_id,
            smart_sessions.c.expires_at > now,
        )
        .order_by(smart_sessions.c.started_at.desc(), smart_sessions.c.launch_id)
    )
    return [_opened(row, sealer) for row in connection.execute(query).mappings()]


def claim_renewal(
    connection: Connection, launch_id: str, turn: int, *, now: datetime, lease: timedelta
) -> bool:
    """Whether it is ours to renew this turn of the session; of several askers one gets it."""
    table = smart_sessions
    claimed = connection.execute(
        table.update()
        .where(
            table.c.launch_id == launch_id,
            table.c.turn == turn,
            sa.or_(table.c.renewing_until.is_(None), table.c.renewing_until <= now),
        )
        .values(renewing_until=now + lease)
    )
    return claimed.rowcount == 1


def keep_renewed(
    connection: Connection, launch_id: str, turn: int, kept: dict[str, Any], *, sealer: Sealer
) -> None:
    """Keep what the renewal of this turn brought."""
    table = smart_sessions
    connection.execute(
        table.update()
        .where(table.c.launch_id == launch_id, table.c.turn == turn)
        .values(kept=_seal(sealer, kept, _about(launch_id)), turn=turn + 1, renewing_until=None)
    )


def give_up_renewal(connection: Connection, launch_id: str, turn: int) -> None:
    """Let others try."""
    table = smart_sessions
    connection.execute(
        table.update()
        .where(table.c.launch_id == launch_id, table.c.turn == turn)
        .values(renewing_until=None)
    )


def end(connection: Connection, launch_id: str) -> None:
    """Forget a session with its tokens."""
    connection.execute(smart_sessions.delete().where(smart_sessions.c.launch_id == launch_id))


def _session(
    connection: Connection, sealer: Sealer, *where: sa.ColumnElement[bool]
) -> Session | None:
    row = connection.execute(sa.select(smart_sessions).where(*where)).mappings().one_or_none()
    return None if row is None else _opened(row, sealer)


def _opened(row: sa.RowMapping, sealer: Sealer) -> Session:
    return Session(
        launch_id=row["launch_id"],
        ehr_id=row["ehr_id"],
        kept=_open(sealer, row["kept"], _about(row["launch_id"])),
        turn=row["turn"],
        expires_at=row["expires_at"],
    )


def _seal(sealer: Sealer, kept: dict[str, Any], about: str) -> bytes:
    return sealer.seal(json.dumps(kept).encode(), about)


def _open(sealer: Sealer, sealed: bytes, about: str) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(sealer.open(sealed, about))
    return opened


def _about(launch_id: str) -> str:
    return f"smart-session/{launch_id}"


def _state_key(sealer: Sealer, state: str) -> str:
    return sealer.fingerprint("smart-state", state)


def _browser_key(sealer: Sealer, browser: str) -> str:
    return sealer.fingerprint("smart-browser", browser)
