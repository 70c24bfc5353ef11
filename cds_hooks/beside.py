"""Work beside the event loop, in threads that are kept for the next.

For what computes for milliseconds or waits for a store. Every hook goes this way, with a token
twice, so it is a short one: it takes less than half the CPU of `anyio.to_thread`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

_MOST_AT_ONCE = 40

_Asked = ParamSpec("_Asked")
_Found = TypeVar("_Found")


class Hands:
    """Threads that work for event loops; what comes when so many are busy waits its turn.

    The one that was busy last is asked first, and a new one is started when none is idle: a
    single caller keeps one warm. They are daemons, so none that hangs keeps the process alive.
    A system that has no thread for the first is a RuntimeError; later it means to wait.
    """

    def __init__(self, most_at_once: int = _MOST_AT_ONCE) -> None:
        self._most_at_once = self._may_start = most_at_once
        self._idle: list[SimpleQueue[_Job[Any]]] = []
        self._waiting: deque[_Job[Any]] = deque()
        self._lock = threading.Lock()

    async def __call__(
        self, work: Callable[_Asked, _Found], *asked: _Asked.args, **named: _Asked.kwargs
    ) -> _Found:
        """What the work gives, or raises. Who is cancelled meanwhile leaves it behind."""
        loop = asyncio.get_running_loop()
        job = _Job(lambda: work(*asked, **named), loop, loop.create_future())
        self._hand_over(job)
        await job.is_done
        return job.outcome()

    def _hand_over(self, job: _Job[Any]) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(job)
                return
            if not self._may_start:
                self._waiting.append(job)
                return
            self._may_start -= 1
        given: SimpleQueue[_Job[Any]] = SimpleQueue()
        given.put(job)
        thread = threading.Thread(
            target=self._serve, args=(given,), name="beside the loop", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            if not self._serves_without_more(job):
                raise

    def _serves_without_more(self, job: _Job[Any]) -> bool:
        """The system has no thread left: whether one that we have does the work, now or later."""
        with self._lock:
            self._may_start += 1
            if self._idle:
                self._idle.pop().put(job)
            elif self._may_start < self._most_at_once:
                self._waiting.append(job)
            else:
                return False
        return True

    def _serve(self, given: SimpleQueue[_Job[Any]]) -> None:
        following: _Job[Any] | None = None
        while True:
            job = following or given.get()
            job.do()
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                if following is None:
                    self._idle.append(given)
            job.tell()
            del job  # It holds a patient's record, and the next one may be far.


class _Job(Generic[_Found]):
    """A piece of work, the loop that waits for it, and what has come of it."""

    __slots__ = ("_error", "_found", "_loop", "_work", "is_done")

    def __init__(
        self,
        work: Callable[[], _Found],
        loop: asyncio.AbstractEventLoop,
        is_done: asyncio.Future[None],
    ) -> None:
        self._work = work
        self._loop = loop
        self.is_done = is_done
        self._error: BaseException | None = None

    def do(self) -> None:
        """In the thread."""
        try:
            self._found = self._work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error

    def tell(self) -> None:
        """In the thread: wake who waits, unless its loop has ended."""
        try:
            self._loop.call_soon_threadsafe(self._told)
        except RuntimeError:
            return

    def _told(self) -> None:
        if not self.is_done.done():
            self.is_done.set_result(None)

    def outcome(self) -> _Found:
        """In the loop: what the work gave, or raised."""
        if self._error is not None:
            raise self._error
        return self._found


beside_the_loop = Hands()
"""The hands of this process, for all doors of it."""
