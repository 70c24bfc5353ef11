"""What users did with cards is kept: append-only, once per report, its free text sealed.

A report may come before its card is recorded (cards are recorded by way of the outbox), so it
holds the card's uuid and which service and which EHR reported, of the card its EHR and month once
it is recorded, and nothing else; `card_outcomes` joins the two. Of several reports about one card
all are kept and the latest counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import card_feedback, cards_shown


class Outcome(StrEnum):
    """What became of a card (CDS Hooks 2.0, Feedback)."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """A reason chosen from a list. `display` may be an EHR's own free text and is kept sealed."""

    system: str | None
    code: str | None
    display: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user did with one card, and when; `outcome_timestamp` has its time zone.

    `card` and `accepted_suggestions` are the uuids of our response. `notes` say what the reader
    tolerated; they are not kept.
    """

    card: str
    outcome: Outcome
    outcome_timestamp: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason: OverrideReason | None = None
    user_comment: str | None = field(default=None, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if self.outcome_timestamp.tzinfo is None:
            raise ValueError("the instant of an outcome needs a time zone")


def record(
    connection: Connection,
    service: str,
    given: Sequence[Feedback],
    *,
    sealer: Sealer,
    now: datetime,
    ehr_id: str | None = None,
) -> tuple[Feedback, ...]:
    """Keep what is not kept yet, in the caller's transaction; what was new.

    `ehr_id`: the EHR that reports; None where nobody says who calls. Two reports are the same when
    they come from one EHR, to one service, and agree in all that they say: a repeated call changes
    nothing, a second suggestion that was accepted within the same second is not lost, and nobody
    keeps the report of another EHR out by sending it first.
    """
    rows: dict[str, tuple[dict[str, Any], Feedback]] = {}
    cards = _cards(connection, {one.card for one in given}, service, ehr_id)
    for place, one in enumerate(given):
        row = _row(one, service, ehr_id, sealer)
        row |= {"received_at": now, "place": place}
        row["card_ehr_id"], row["card_month"] = cards.get(one.card, (None, None))
        rows.setdefault(row["fingerprint"], (row, one))
    if connection.dialect.name == "postgresql":
        insert: Any = postgresql.insert(card_feedback)
    else:
        insert = sqlite.insert(card_feedback)
    insert = insert.on_conflict_do_nothing(index_elements=["fingerprint"])
    insert = insert.execution_options(preserve_rowcount=True)
    # Always in the same order: two calls with the same reports wait for each other and never
    # each for the other.
    return tuple(
        one
        for _, (row, one) in sorted(rows.items())
        if connection.execute(insert.values(row)).rowcount
    )


def of_card(connection: Connection, card: str, *, sealer: Sealer) -> tuple[Feedback, ...]:
    """All that was reported about a card, the latest (which counts) first.

    Raises what the sealer raises when a row was altered.
    """
    query = (
        sa.select(card_feedback).where(card_feedback.c.card_uuid == card).order_by(*latest_first())
    )
    return tuple(_read(row._mapping, sealer) for row in connection.execute(query))


def _cards(
    connection: Connection, cards: Collection[str], service: str, ehr_id: str | None
) -> dict[str, tuple[str, str]]:
    """EHR and month of those cards for which this EHR may report on this service."""
    query = sa.select(
        cards_shown.c.card_uuid, cards_shown.c.ehr_id, cards_shown.c.shown_month
    ).where(cards_shown.c.card_uuid.in_(cards), cards_shown.c.service == service)
    return {
        row.card_uuid: (row.ehr_id, row.shown_month)
        for row in connection.execute(query)
        if ehr_id in (None, row.ehr_id)
    }


def _row(one: Feedback, service: str, ehr_id: str | None, sealer: Sealer) -> dict[str, Any]:
    """What is kept of a report, but for how it came."""
    reason = one.reason or OverrideReason(None, None, None)
    words = {"display": reason.display, "userComment": one.user_comment}
    has_words = any(words.values())
    outcome_at = one.outcome_timestamp.astimezone(UTC)
    suggestions = sorted(set(one.accepted_suggestions))
    says = [
        *(one.card, one.outcome, outcome_at.isoformat(), suggestions),
        *(reason.system, reason.code, words["display"], words["userComment"]),
        *(service, ehr_id),
    ]
    fingerprint = sealer.fingerprint("card-feedback", json.dumps(says))
    return {
        "fingerprint": fingerprint,
        "card_uuid": one.card,
        "service": service,
        "ehr_id": ehr_id,
        "outcome": one.outcome.value,
        "outcome_at": outcome_at,
        "accepted_suggestions": suggestions,
        "reason_system": reason.system,
        "reason_code": reason.code,
        "words": (
            sealer.seal(json.dumps(words).encode(), _about(fingerprint)) if has_words else None
        ),
    }


def _read(row: Any, sealer: Sealer) -> Feedback:
    """A row as the report that it was."""
    words: dict[str, str | None] = {"display": None, "userComment": None}
    if row["words"] is not None:
        words = json.loads(sealer.open(row["words"], _about(row["fingerprint"])))
    reason = OverrideReason(row["reason_system"], row["reason_code"], words["display"])
    return Feedback(
        card=row["card_uuid"],
        outcome=Outcome(row["outcome"]),
        outcome_timestamp=row["outcome_at"],
        accepted_suggestions=tuple(row["accepted_suggestions"]),
        reason=None if reason == OverrideReason(None, None, None) else reason,
        user_comment=words["userComment"],
    )


def latest_first() -> tuple[sa.ColumnElement[Any], ...]:
    """By when the user acted; at one instant, by when and where in its call it came.

    An EHR whose clock is ahead does not win for ever: no report is later than its arrival.
    """
    acted_at, received_at = card_feedback.c.outcome_at, card_feedback.c.received_at
    effective = sa.case((acted_at > received_at, received_at), else_=acted_at)
    order = (effective, received_at, card_feedback.c.place, card_feedback.c.fingerprint)
    return tuple(column.desc() for column in order)


def _about(fingerprint: str) -> str:
    return f"card-feedback/{fingerprint}"
