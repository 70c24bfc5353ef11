"""The relay: takes due letters from the outbox and posts them, in a thread of the service.

A stopped or hung broker costs this thread its patience and nobody else anything. Beat has the
workers do the same round as a safety net, for letters that no service is there to post.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from ehr import log
from store import outbox
from store.database import reading, writing
from workers.letterbox import NotPosted, UnknownKind

_LOOK_EVERY_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 10.0
_LONGEST_LEASE = timedelta(hours=6)


class Posts(Protocol):
    """Whatever can hand a letter to the workers."""

    def post(self, kind: str, letter_id: str) -> None:
        """Raises NotPosted or UnknownKind."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of posting did. `broker_failed`: stopped early, letters stay due."""

    posted: int = 0
    broker_failed: bool = False


def post_due_letters(
    engine: Engine,
    letterbox: Posts,
    *,
    clock: Callable[[], datetime],
    lease: timedelta,
    stop: Callable[[], bool] = lambda: False,
) -> Round:
    """Post every letter that is due. Each is claimed first, so two relays post it once.

    A letter that keeps failing waits longer each time (its lease doubles, to six hours): it is
    never dropped, and it does not crowd out the others.
    """
    posted = 0
    while not stop():
        with reading(engine) as connection:
            letters = outbox.due(connection, clock())
        if not letters:
            break
        for letter in letters:
            if stop():
                break
            outcome = _post(engine, letterbox, letter, clock, lease)
            if outcome is None:
                return Round(posted, broker_failed=True)
            posted += outcome
    return Round(posted)


def _post(
    engine: Engine,
    letterbox: Posts,
    letter: outbox.Letter,
    clock: Callable[[], datetime],
    lease: timedelta,
) -> int | None:
    """How many letters were posted (0 or 1), or None when the broker failed."""
    wait = min(lease * 2 ** min(letter.attempts, 20), _LONGEST_LEASE)
    with writing(engine) as connection:
        if not outbox.claim(connection, letter, until=clock() + wait):
            return 0
    try:
        letterbox.post(letter.kind, letter.id)
    except UnknownKind:
        # Written by a newer version that runs beside us: its relay will know the kind.
        log.get(__name__).warning("letter of unknown kind", letter=letter.id)
        return 0
    except NotPosted:
        with writing(engine) as connection:
            outbox.give_back(connection, letter)
        return None
    with writing(engine) as connection:
        outbox.mark_posted(connection, letter.id, clock())
    return 1


class Relay:
    """Rounds of posting in a thread: at once when woken, and every few seconds."""

    def __init__(
        self,
        engine: Engine,
        letterbox: Posts,
        *,
        clock: Callable[[], datetime],
        lease: timedelta,
    ) -> None:
        self._engine = engine
        self._letterbox = letterbox
        self._clock = clock
        self._lease = lease
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """There is a new letter. Returns at once, whatever the broker does."""
        self._woken.set()

    def run_once(self) -> Round:
        """One round, in the caller's thread."""
        with self._lock:
            return post_due_letters(
                self._engine,
                self._letterbox,
                clock=self._clock,
                lease=self._lease,
                stop=self._stopping.is_set,
            )

    def start(self) -> None:
        """Begin the rounds."""
        self._stopping.clear()
        # A daemon: a broker that hangs in the last moment does not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def stop(self, patience_seconds: float = 3.0) -> None:
        """End the rounds; what is not posted stays in the outbox."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(patience_seconds)
            if not self._thread.is_alive():
                self._letterbox.close()
            self._thread = None

    def _run(self) -> None:
        failures = 0
        while True:
            # Cleared before looking: whoever stops us sets "stopping" first and wakes us then.
            self._woken.clear()
            if self._stopping.is_set():
                return
            failures = failures + 1 if self._round_failed() else 0
            if failures:
                # Not woken by new letters: a broker that is down is not asked more often.
                self._stopping.wait(min(0.5 * 2 ** min(failures - 1, 10), _LONGEST_PAUSE_SECONDS))
            else:
                self._woken.wait(_LOOK_EVERY_SECONDS)

    def _round_failed(self) -> bool:
        logger = log.get(__name__)
        try:
            done = self.run_once()
        except SQLAlchemyError:
            logger.warning("relay could not read the outbox", exc_info=True)
            return True
        except Exception:
            # The relay outlives whatever goes wrong in a round.
            logger.exception("relay round failed")
            return True
        if done.posted:
            logger.info("letters posted", count=done.posted)
        if done.broker_failed:
            logger.warning("broker did not take a letter")
        return done.broker_failed
