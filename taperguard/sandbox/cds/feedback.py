"""Feedback to services (CDS Hooks 2.0, Feedback): queued in the store, sent, and never lost.

It is written in the same transaction as the answer that it reports. What a service did not take
is tried again until it does; a service without the endpoint (404) is not asked again about it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..records import json_text
from ..records.json_text import Resource
from ..records.store import Charts
from .http import Ask, Exchange, Sign, exchange

_AT_ONCE = 50
_SOONEST, _LATEST = 1.0, 30.0
_TRY_AGAIN = {401, 403, 408, 425, 429}


class State(StrEnum):
    """How far a piece of feedback has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    NOT_SUPPORTED = "not supported"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One piece of feedback. `words` say it to a person, `last_answer` how its last try went."""

    number: int
    address: str
    text: str
    words: str
    state: State
    tries: int
    last_answer: str


def accepted(card: str, suggestions: Sequence[str], at: str) -> Resource:
    """Feedback that suggestions of a card were accepted."""
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": suggestion} for suggestion in suggestions],
        "outcomeTimestamp": at,
    }


def overridden(card: str, reason: Resource | None, comment: str, at: str) -> Resource:
    """Feedback that a card was overridden; without a reason when none was given."""
    why: Resource = {}
    if reason is not None:
        why["reason"] = reason
    if comment:
        why["userComment"] = comment
    feedback: Resource = {"card": card, "outcome": "overridden"}
    if why:
        feedback["overrideReason"] = why
    return {**feedback, "outcomeTimestamp": at}


def put(
    db: sqlite3.Connection, patient_id: str, *, service: str, feedback: Resource, words: str
) -> None:
    """Queue feedback for the service at this address, within a transaction."""
    db.execute(
        "INSERT INTO feedback (patient, address, text, words, state, tries, last_answer)"
        " VALUES (?, ?, ?, ?, ?, 0, '')",
        (
            patient_id,
            f"{service}/feedback",
            json_text.write({"feedback": [feedback]}),
            words,
            State.WAITING,
        ),
    )


_COLUMNS = "SELECT number, address, text, words, state, tries, last_answer FROM feedback"


def feedback_of(charts: Charts, patient_id: str, *, most: int = 12) -> list[Feedback]:
    """A patient's feedback, newest first."""
    with charts.transaction() as db:
        rows = db.execute(
            f"{_COLUMNS} WHERE patient = ? ORDER BY number DESC LIMIT ?", (patient_id, most)
        ).fetchall()
    return [_feedback(row) for row in rows]


def _feedback(row: tuple[int, str, str, str, str, int, str]) -> Feedback:
    number, address, text, words, state, tries, last = row
    return Feedback(number, address, text, words, State(state), tries, last)


class Sender:
    """Sends what waits: when told, and again and again while a service does not take it."""

    def __init__(
        self, charts: Charts, sign: Sign | None = None, *, soonest: float = _SOONEST
    ) -> None:
        self._charts = charts
        self._sign = sign
        self._soonest = soonest
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Send in a thread of its own until `stop`; what waited from an earlier run goes first."""
        self._ending = False
        self._wake.set()
        self._thread = threading.Thread(target=self._run, name="feedback", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what still waits stays in the store."""
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def send(self) -> bool:
        """Send what waits, in order. False when something still waits for a service."""
        with self._lock:
            unreachable: set[str] = set()
            for feedback in self._waiting():
                if feedback.address in unreachable:
                    continue
                (answer,) = exchange([Ask(feedback.address, feedback.text)], sign=self._sign)
                state = _state(answer)
                self._keep(feedback.number, state, answer)
                if state is State.WAITING:
                    unreachable.add(feedback.address)
            return not unreachable

    def _run(self) -> None:
        pause = self._soonest
        while not self._ending:
            self._wake.clear()
            try:
                done = self.send()
            except sqlite3.Error:
                done = False  # a full disk or a lock: what waits stays where it is
            pause = self._soonest if done else min(pause * 2, _LATEST)
            self._wake.wait(None if done else pause)

    def wake(self) -> None:
        """Something waits: do not wait any longer."""
        self._wake.set()

    def _waiting(self) -> list[Feedback]:
        with self._charts.transaction() as db:
            rows = db.execute(
                f"{_COLUMNS} WHERE state = ? ORDER BY number LIMIT ?", (State.WAITING, _AT_ONCE)
            ).fetchall()
        return [_feedback(row) for row in rows]

    def _keep(self, number: int, state: State, answer: Exchange) -> None:
        words = answer.problem or f"HTTP status {answer.status}"
        with self._charts.transaction(writing=True) as db:
            db.execute(
                "UPDATE feedback SET state = ?, tries = tries + 1, last_answer = ?"
                " WHERE number = ?",
                (state, words, number),
            )


def _state(answer: Exchange) -> State:
    status = answer.status
    if status is not None and not answer.problem:
        return State.DELIVERED
    if status is None or status >= 500 or status in _TRY_AGAIN or status < 400:
        return State.WAITING
    return State.NOT_SUPPORTED if status == 404 else State.REFUSED
