"""What a response promised. A row is written with the answer; a relay posts it later.

So no answer ever waits for a broker, and no promise is lost with one. A row goes through:
waiting (due at `next_attempt_at`) -> claimed by one relay under a lease -> posted -> done.
A row that was posted and not done when its lease ends is due again; what the worker does with
it is idempotent. The payload is sealed and is emptied when the row is done.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import outbox


@dataclass(frozen=True, slots=True)
class Letter:
    """One row of the outbox. `payload` is sealed."""

    id: str
    kind: str
    payload: bytes = field(repr=False)
    created_at: datetime
    next_attempt_at: datetime
    attempts: int
    posted_at: datetime | None
    done_at: datetime | None

    def open(self, sealer: Sealer) -> dict[str, Any]:
        """What was promised. Raises what the sealer raises when the row was altered."""
        content: dict[str, Any] = json.loads(sealer.open(self.payload, _about(self.id, self.kind)))
        return content


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many letters are not done, and since when the oldest of them waits."""

    waiting: int
    oldest: datetime | None


def put(
    connection: Connection, kind: str, payload: Mapping[str, Any], *, sealer: Sealer, now: datetime
) -> str:
    """Write one letter, due at once; its id. It is kept when the caller's transaction is."""
    letter_id = uuid.uuid4().hex
    plain = json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
    letter = {
        "id": letter_id,
        "kind": kind,
        "payload": sealer.seal(plain, _about(letter_id, kind)),
        "created_at": now,
        "next_attempt_at": now,
        "attempts": 0,
    }
    connection.execute(_PUT, letter)
    return letter_id


_PUT = sa.insert(outbox)
# The statements of every letter's way are made once: to make one takes as long as to run it.


def get(connection: Connection, letter_id: str, *, lock: bool = False) -> Letter | None:
    """The letter, or None. With `lock` no other transaction changes it until this one ends."""
    query = sa.select(outbox).where(outbox.c.id == letter_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Letter(**row._mapping)


def due(connection: Connection, now: datetime, limit: int = 100) -> list[Letter]:
    """Letters to post now, the longest due first."""
    rows = connection.execute(_DUE, {"at": now, "most": limit})
    return [Letter(**row._mapping) for row in rows]


_DUE = (
    sa.select(outbox)
    .where(outbox.c.done_at.is_(None), outbox.c.next_attempt_at <= sa.bindparam("at"))
    .order_by(outbox.c.next_attempt_at, outbox.c.id)
    .limit(sa.bindparam("most"))
)


def claim(connection: Connection, letter: Letter, *, until: datetime) -> bool:
    """Take the letter for one posting; False when another relay was faster."""
    seen = {"letter": letter.id, "tried": letter.attempts, "was_due_at": letter.next_attempt_at}
    claimed = {"until": until, "tries": letter.attempts + 1}
    return connection.execute(_CLAIM, seen | claimed).rowcount == 1


_CLAIM = (
    sa.update(outbox)
    .where(
        outbox.c.id == sa.bindparam("letter"),
        outbox.c.done_at.is_(None),
        outbox.c.attempts == sa.bindparam("tried"),
        outbox.c.next_attempt_at == sa.bindparam("was_due_at"),
    )
    .values(next_attempt_at=sa.bindparam("until"), attempts=sa.bindparam("tries"))
)


def give_back(connection: Connection, letter: Letter) -> None:
    """Undo a claim of a letter that could not be posted: it is due as it was before."""
    connection.execute(
        sa.update(outbox)
        .where(
            outbox.c.id == letter.id,
            outbox.c.done_at.is_(None),
            outbox.c.attempts == letter.attempts + 1,
        )
        .values(next_attempt_at=letter.next_attempt_at, attempts=letter.attempts)
    )


def mark_posted(connection: Connection, letter_id: str, now: datetime) -> None:
    """The broker took the letter. It stays due after its lease until it is done."""
    connection.execute(_MARK_POSTED, {"letter": letter_id, "at": now})


_MARK_POSTED = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("letter"))
    .values(posted_at=sa.bindparam("at"))
)


def postpone(connection: Connection, letter_id: str, until: datetime) -> None:
    """The letter cannot be kept just now: it is due at this instant, not at its lease's end."""
    connection.execute(
        sa.update(outbox)
        .where(outbox.c.id == letter_id, outbox.c.done_at.is_(None))
        .values(next_attempt_at=until)
    )


def mark_done(connection: Connection, letter_id: str, now: datetime) -> None:
    """What the letter promised is kept; what it said is emptied. A second time changes nothing."""
    connection.execute(
        sa.update(outbox)
        .where(outbox.c.id == letter_id, outbox.c.done_at.is_(None))
        .values(done_at=now, payload=b"")
    )


def backlog(connection: Connection) -> Backlog:
    """What is promised and not done yet."""
    query = sa.select(sa.func.count(), sa.func.min(outbox.c.created_at)).where(
        outbox.c.done_at.is_(None)
    )
    waiting, oldest = connection.execute(query).one()
    return Backlog(waiting, oldest)


def forget_done(connection: Connection, before: datetime) -> int:
    """Remove letters that were done before this instant; how many."""
    return connection.execute(sa.delete(outbox).where(outbox.c.done_at < before)).rowcount


def _about(letter_id: str, kind: str) -> str:
    return f"outbox/{kind}/{letter_id}"
