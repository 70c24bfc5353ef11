"""A circuit breaker: an EHR that fails again and again is left alone for a while. Pure.

Without one each hook would spend its whole time budget on an EHR that is down, and an EHR that
struggles would be asked the more often the slower it answers. The clock comes in with each call,
in seconds of any beginning. One event loop uses it: nothing here is locked.
"""

from __future__ import annotations

from enum import StrEnum

FAILURES_TO_OPEN = 10
"""In a row. A hook asks for up to seven lists at once: one bad moment closes no way."""

REST_SECONDS = 30.0
"""Long enough for a restart or a fail-over to make progress; short beside a prescriber's day."""


class Way(StrEnum):
    """Whether an EHR is asked: as usual, not at all, or once, to see whether it answers again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """The state for one EHR. Ask `lets_pass` before each request, and `note` how it ended."""

    def __init__(
        self, *, failures_to_open: int = FAILURES_TO_OPEN, rest_seconds: float = REST_SECONDS
    ) -> None:
        self._failures_to_open = failures_to_open
        self._rest_seconds = rest_seconds
        self._failures = 0
        self._asked_again_at: float | None = None
        self.way = Way.CLOSED

    def lets_pass(self, now: float) -> bool:
        """Whether the EHR may be asked now. After a rest this lets one request pass as a trial.

        A trial that never ends (its caller was cancelled) is followed by the next after one rest.
        """
        if self._asked_again_at is None:
            return True
        if now < self._asked_again_at:
            return False
        self.way = Way.HALF_OPEN
        self._asked_again_at = now + self._rest_seconds
        return True

    def note(self, *, answered: bool, now: float) -> None:
        """How a request ended: with an answer of a working EHR (a 404 is one), or not."""
        if answered:
            self._failures, self._asked_again_at, self.way = 0, None, Way.CLOSED
            return
        self._failures += 1
        if self.way is Way.HALF_OPEN or self._failures >= self._failures_to_open:
            self.way, self._asked_again_at = Way.OPEN, now + self._rest_seconds
