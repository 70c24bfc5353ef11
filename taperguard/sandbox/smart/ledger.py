"""What the authorization server remembers: launches, codes and tokens, by their hash only.

A secret is 256 random bits. Who has the file cannot use what is in it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..records.store import Charts

_TABLES = (
    "CREATE TABLE IF NOT EXISTS smart_secrets (hash TEXT PRIMARY KEY, kind TEXT NOT NULL,"
    " family TEXT NOT NULL, expires REAL NOT NULL, used INTEGER NOT NULL, said TEXT NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS smart_revoked (family TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS smart_assertions (client TEXT NOT NULL, jti TEXT NOT NULL,"
    " expires REAL NOT NULL, PRIMARY KEY (client, jti)) WITHOUT ROWID",
)
# A used code is kept this long, so that its replay is known for what it is.
_REMEMBERED_SECONDS = 86_400


class Kind(StrEnum):
    """What a secret is good for; one of another kind is unknown."""

    LAUNCH = "launch"
    PENDING = "pending"
    CODE = "code"
    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a secret stands for. `family` joins a code with all tokens that came of it."""

    said: Mapping[str, Any]
    family: str
    is_expired: bool
    was_used: bool

    @property
    def is_good(self) -> bool:
        """Whether it may be used now."""
        return not self.is_expired and not self.was_used


class Ledger:
    """The book of secrets, in the file of the charts. `clock` gives the time, with a zone."""

    def __init__(self, charts: Charts, clock: Callable[[], datetime]) -> None:
        self._charts = charts
        self._clock = clock
        with charts.transaction(writing=True) as db:
            for table in _TABLES:
                db.execute(table)

    def issue(
        self, kind: Kind, seconds: int, said: Mapping[str, Any], *, family: str | None = None
    ) -> str:
        """A new secret that is good for so many seconds; without a family it founds one."""
        secret = secrets.token_urlsafe(32)
        now = self._clock().timestamp()
        row = (
            _hash(secret),
            kind.value,
            family or secrets.token_hex(16),
            now + seconds,
            0,
            json.dumps(said),
        )
        with self._charts.transaction(writing=True) as db:
            db.execute("DELETE FROM smart_secrets WHERE expires < ?", (now - _REMEMBERED_SECONDS,))
            db.execute("INSERT INTO smart_secrets VALUES (?, ?, ?, ?, ?, ?)", row)
        return secret

    def look(self, kind: Kind, secret: str) -> Entry | None:
        """What a secret stands for, without using it; None when it is unknown or revoked."""
        with self._charts.transaction() as db:
            row = db.execute(_LOOK, (_hash(secret), kind.value)).fetchone()
        return self._entry(row)

    def take(self, kind: Kind, secret: str) -> Entry | None:
        """The same, and it is used from now on: only one caller ever sees it unused."""
        with self._charts.transaction(writing=True) as db:
            row = db.execute(_LOOK, (_hash(secret), kind.value)).fetchone()
            db.execute(
                "UPDATE smart_secrets SET used = 1 WHERE hash = ? AND kind = ?",
                (_hash(secret), kind.value),
            )
        return self._entry(row)

    def revoke(self, family: str) -> None:
        """End everything that came of one authorization, also what is issued later."""
        with self._charts.transaction(writing=True) as db:
            db.execute("INSERT OR IGNORE INTO smart_revoked VALUES (?)", (family,))

    def is_first(self, client_id: str, jti: str, *, expires: float) -> bool:
        """Whether a client's assertion was never seen before; from now on it was."""
        now = self._clock().timestamp()
        with self._charts.transaction(writing=True) as db:
            db.execute("DELETE FROM smart_assertions WHERE expires < ?", (now - 60,))
            added = db.execute(
                "INSERT OR IGNORE INTO smart_assertions VALUES (?, ?, ?)",
                (client_id, jti, expires),
            )
            return added.rowcount == 1

    def _entry(self, row: tuple[str, float, int, str] | None) -> Entry | None:
        if row is None:
            return None
        family, expires, used, said = row
        return Entry(json.loads(said), family, expires <= self._clock().timestamp(), bool(used))


_LOOK = (
    "SELECT family, expires, used, said FROM smart_secrets WHERE hash = ? AND kind = ?"
    " AND family NOT IN (SELECT family FROM smart_revoked)"
)


def _hash(secret: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
