"""What services said last, what was answered to their cards, and the record of calls."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..records import json_text
from ..records.store import Charts
from .cards import Card, read_card
from .http import Exchange

_CALLS_KEPT = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What the prescriber did with a card: accepted suggestions, or overrode it with a reason."""

    outcome: str = ""
    accepted: tuple[int, ...] = ()
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card on the screen. `read` is the card, or what is wrong with it.

    `revision` is the list that it is about.
    """

    number: int
    service: str
    address: str
    revision: int
    raw: Any
    read: Card | list[str]
    answer: Answer

    @property
    def is_open(self) -> bool:
        """Whether it is understood and still waits for an answer."""
        return isinstance(self.read, Card) and not self.answer.outcome


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the inspector shows it."""

    number: int
    hook: str
    address: str
    at: str
    status: int | None
    milliseconds: int
    problem: str
    request: str
    response: str


def cards_of(charts: Charts, patient_id: str) -> list[ShownCard]:
    """The cards that a patient's screen shows, as the services ordered them."""
    with charts.transaction() as db:
        return cards_in(db, patient_id)


def cards_in(db: sqlite3.Connection, patient_id: str) -> list[ShownCard]:
    """The same within a transaction."""
    rows = db.execute(
        "SELECT number, service, address, revision, text, answer FROM cards"
        " WHERE patient = ? ORDER BY number",
        (patient_id,),
    ).fetchall()
    return [_shown(*row) for row in rows]


def _shown(number: int, service: str, address: str, revision: int, text: str, answer: str) -> Any:
    raw = json_text.read(text)
    said = json.loads(answer)
    said["accepted"] = tuple(said["accepted"])
    return ShownCard(number, service, address, revision, raw, read_card(raw), Answer(**said))


def put_cards(
    db: sqlite3.Connection,
    patient_id: str,
    *,
    service: str,
    address: str,
    revision: int,
    cards: Sequence[Any],
) -> None:
    """A service's new cards instead of its earlier ones (CDS Hooks 2.0: the later replaces)."""
    db.execute(
        "DELETE FROM cards WHERE patient = ? AND address = ?",
        (patient_id, address),
    )
    nothing = json.dumps(asdict(Answer()))
    db.executemany(
        "INSERT INTO cards (patient, service, address, revision, text, answer)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (patient_id, service, address, revision, json_text.write(card), nothing)
            for card in cards
        ],
    )


def set_answer(db: sqlite3.Connection, number: int, answer: Answer) -> None:
    """Keep what was answered to a card."""
    db.execute("UPDATE cards SET answer = ? WHERE number = ?", (json.dumps(asdict(answer)), number))


def clear_cards(db: sqlite3.Connection, patient_id: str) -> None:
    """Take all cards of a patient off the screen."""
    db.execute("DELETE FROM cards WHERE patient = ?", (patient_id,))


def clear_open_cards(db: sqlite3.Connection, patient_id: str) -> None:
    """Take the cards off the screen that wait for an answer about orders that are gone."""
    for shown in cards_in(db, patient_id):
        if not shown.answer.outcome:
            db.execute("DELETE FROM cards WHERE number = ?", (shown.number,))


def put_call(
    db: sqlite3.Connection, patient_id: str, hook: str, at: str, call: Exchange, problem: str
) -> None:
    """Record a call; a patient's oldest on the same hook are forgotten."""
    db.execute(
        "INSERT INTO calls (patient, hook, address, at, status, milliseconds, problem, request,"
        " response) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            patient_id,
            hook,
            call.address,
            at,
            call.status,
            call.milliseconds,
            problem,
            call.request,
            call.response,
        ),
    )
    db.execute(
        "DELETE FROM calls WHERE patient = ? AND hook = ? AND number NOT IN (SELECT number"
        " FROM calls WHERE patient = ? AND hook = ? ORDER BY number DESC LIMIT ?)",
        (patient_id, hook, patient_id, hook, _CALLS_KEPT),
    )


def calls_of(charts: Charts, patient_id: str) -> list[Call]:
    """The recorded calls, newest first."""
    with charts.transaction() as db:
        rows = db.execute(
            "SELECT number, hook, address, at, status, milliseconds, problem, request, response"
            " FROM calls WHERE patient = ? ORDER BY number DESC",
            (patient_id,),
        ).fetchall()
    return [Call(*row) for row in rows]
