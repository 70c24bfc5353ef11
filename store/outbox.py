"""What a response promised. A row is written with the answer; a relay posts it later.

So no answer ever waits for a broker, and no promise is lost with one. A row goes through:
waiting (due at `next_attempt_at`) -> claimed by one relay under a lease -> posted -> done.
A row that was posted and not done when its lease ends is due again; what the worker does with
it is idempotent. The payload is sealed and is emptied when the row is done.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
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
class Claimed:
    """A letter that one relay took, and what it was before: nothing of what it says."""

    id: str
    kind: str
    attempts: int
    next_attempt_at: datetime


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


def get(connection: Connection, letter_id: str) -> Letter | None:
    """The letter, or None."""
    row = connection.execute(sa.select(outbox).where(outbox.c.id == letter_id)).one_or_none()
    return None if row is None else Letter(**row._mapping)


def hold(connection: Connection, letter_ids: Collection[str]) -> list[Letter]:
    """Those of the letters that are not done; no other transaction changes them until this ends."""
    rows = connection.execute(_HOLD, {"letters": list(letter_ids)})
    return [Letter(**row._mapping) for row in rows]


_HOLD = (
    sa.select(outbox)
    .where(outbox.c.id.in_(sa.bindparam("letters", expanding=True)), outbox.c.done_at.is_(None))
    # Whoever takes several takes them in one order, so that no two wait for each other.
    .order_by(outbox.c.id)
    .with_for_update()
)


def claim(
    connection: Connection, now: datetime, *, lease_of: Callable[[int], timedelta], most: int
) -> list[Claimed]:
    """Take the letters that are due for one posting, the longest due first.

    No other relay gets them before the lease is over, which `lease_of` tells by how often a
    letter was taken before.
    """
    rows = connection.execute(_DUE, {"at": now, "most": most})
    claimed = [Claimed(**row._mapping) for row in rows]
    if claimed:
        connection.execute(
            _CLAIM,
            [
                {"letter": it.id, "until": now + lease_of(it.attempts), "tries": it.attempts + 1}
                for it in claimed
            ],
        )
    return claimed


_DUE = (
    sa.select(outbox.c.id, outbox.c.kind, outbox.c.attempts, outbox.c.next_attempt_at)
    .where(outbox.c.done_at.is_(None), outbox.c.next_attempt_at <= sa.bindparam("at"))
    .order_by(outbox.c.next_attempt_at, outbox.c.id)
    .limit(sa.bindparam("most"))
    # What another relay is about to claim is not waited for (SQLite has one writer at a time).
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("letter"))
    .values(next_attempt_at=sa.bindparam("until"), attempts=sa.bindparam("tries"))
)


def give_back(connection: Connection, letters: Iterable[Claimed]) -> None:
    """Undo the claim of letters that were not posted: they are due as they were before."""
    rows = [
        {
            "letter": it.id,
            "tries": it.attempts + 1,
            "tried": it.attempts,
            "was_due_at": it.next_attempt_at,
        }
        for it in sorted(letters, key=attrgetter("id"))
    ]
    if rows:
        connection.execute(_GIVE_BACK, rows)


_GIVE_BACK = (
    sa.update(outbox)
    .where(
        outbox.c.id == sa.bindparam("letter"),
        outbox.c.done_at.is_(None),
        outbox.c.attempts == sa.bindparam("tries"),
    )
    .values(next_attempt_at=sa.bindparam("was_due_at"), attempts=sa.bindparam("tried"))
)


def mark_posted(connection: Connection, letter_ids: Collection[str], now: datetime) -> None:
    """The broker took the letters. Each stays due after its lease until it is done."""
    if letter_ids:
        rows = [{"letter": letter_id, "at": now} for letter_id in sorted(letter_ids)]
        connection.execute(_MARK_POSTED, rows)


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
    connection.execute(_MARK_DONE, {"letter": letter_id, "at": now})


_MARK_DONE = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("letter"), outbox.c.done_at.is_(None))
    .values(done_at=sa.bindparam("at"), payload=b"")
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
