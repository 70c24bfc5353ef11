"""The relay: takes due letters from the outbox and posts them, in a thread of the service.

A stopped or hung broker costs this thread its patience and nobody else anything. Beat has the
workers do the same round as a safety net, for letters that no service is there to post.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from ehr import log
from store import outbox
from store.database import writing
from store.outbox import Claimed
from workers.letterbox import NotPosted, UnknownKind

_LOOK_EVERY_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 10.0
_LONGEST_LEASE = timedelta(hours=6)
_MOST_AT_ONCE = 100

GATHERING_SECONDS = 0.1
"""So long a letter waits for others that go with it, and for the answer that it belongs to."""


class Posts(Protocol):
    """Whatever can hand letters to the workers."""

    @property
    def together(self) -> Collection[str]:
        """The kinds of which one message may name several letters."""
        ...

    def post(self, kind: str, letter_ids: Sequence[str]) -> None:
        """Hand over letters of one kind in one message: all or none.

        Raises NotPosted or UnknownKind.
        """
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
    """Post every letter that is due, many at once. They are claimed first: two relays post it once.

    A letter that keeps failing waits longer each time (its lease doubles, to six hours): it is
    never dropped, and it does not crowd out the others.
    """

    def lease_of(attempts: int) -> timedelta:
        return min(lease * (1 << min(attempts, 20)), _LONGEST_LEASE)

    posted = 0
    while not stop():
        with writing(engine) as connection:
            letters = outbox.claim(connection, clock(), lease_of=lease_of, most=_MOST_AT_ONCE)
        done = _post(engine, letterbox, letters, clock, stop)
        posted += done.posted
        if done.broker_failed:
            return Round(posted, broker_failed=True)
        if len(letters) < _MOST_AT_ONCE:
            break
    return Round(posted)


def _post(
    engine: Engine,
    letterbox: Posts,
    letters: Sequence[Claimed],
    clock: Callable[[], datetime],
    stop: Callable[[], bool],
) -> Round:
    """Post letters that were claimed; whatever happens, those not tried are given back."""
    waiting = deque(_messages(letters, letterbox.together))
    posted: list[str] = []
    broker_failed = False
    try:
        while waiting and not stop() and not broker_failed:
            message = waiting.popleft()
            kind, letter_ids = message[0].kind, [letter.id for letter in message]
            try:
                letterbox.post(kind, letter_ids)
            except UnknownKind:
                # Written by a newer version that runs beside us: its relay will know the kind.
                for letter_id in letter_ids:
                    log.get(__name__).warning("letter of unknown kind", letter=letter_id)
            except NotPosted:
                waiting.appendleft(message)
                broker_failed = True
            else:
                posted += letter_ids
    finally:
        if posted or waiting:
            with writing(engine) as connection:
                outbox.mark_posted(connection, posted, clock())
                outbox.give_back(connection, chain.from_iterable(waiting))
    return Round(len(posted), broker_failed)


def _messages(letters: Sequence[Claimed], together: Collection[str]) -> list[list[Claimed]]:
    """The letters by message, each message as old as its first letter.

    One that was posted before and is not done goes alone: what hinders it hinders no other then.
    """
    messages: list[list[Claimed]] = []
    shared: dict[str, list[Claimed]] = {}
    for letter in letters:
        if letter.kind not in together or letter.attempts:
            messages.append([letter])
        elif letter.kind in shared:
            shared[letter.kind].append(letter)
        else:
            shared[letter.kind] = [letter]
            messages.append(shared[letter.kind])
    return messages


class Relay:
    """Rounds of posting in a thread: a moment after it was woken, and every few seconds.

    A round costs the same for one letter and for many: what is promised within the moment goes
    together.
    """

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
            elif self._woken.wait(_LOOK_EVERY_SECONDS):
                self._stopping.wait(GATHERING_SECONDS)

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
