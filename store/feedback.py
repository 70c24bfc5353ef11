"""What users did with cards is kept: append-only, once per report, its free text sealed.

A report may come before its card is recorded (cards are recorded by way of the outbox), so it
holds the card's uuid and nothing else of it; `summary` joins the two. Of several reports about
one card all are kept and the latest counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import card_feedback, cards_shown

NOT_RECORDED = "card not recorded (yet)"
"""What a summary says in place of a check when the card is not known here, or not yet."""

IN_WORDS_ONLY = "in words only"
"""What a summary says in place of a reason's code when there is a text and no code."""


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


@dataclass(frozen=True, slots=True)
class Line:
    """So many cards about this check, shown with this severity, had this outcome and reason.

    `check` is None for a card that spoke for no check, NOT_RECORDED for a card that is not
    known here (its severity is None). `reason` is "system|code" as in a FHIR token, IN_WORDS_ONLY,
    or None when none was given.
    """

    check: str | None
    severity: str | None
    outcome: Outcome
    reason: str | None
    cards: int


def record(
    connection: Connection,
    service: str,
    given: Sequence[Feedback],
    *,
    sealer: Sealer,
    now: datetime,
) -> tuple[Feedback, ...]:
    """Keep what is not kept yet, in the caller's transaction; what was new.

    Two reports are the same when they agree in all that they say: a repeated call changes
    nothing, and a second suggestion that was accepted within the same second is not lost.
    """
    rows: dict[str, tuple[dict[str, Any], Feedback]] = {}
    for place, one in enumerate(given):
        row = _row(one, sealer)
        row |= {"service": service, "received_at": now, "place": place}
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
        sa.select(card_feedback).where(card_feedback.c.card_uuid == card).order_by(*_latest_first())
    )
    return tuple(_read(row._mapping, sealer) for row in connection.execute(query))


def summary(connection: Connection) -> tuple[Line, ...]:
    """How many cards had which outcome, by check, severity, outcome and reason.

    Each card counts once, by its latest report, under every check that it spoke for: the lines
    of different checks do not add up to a number of cards.
    """
    ranked = sa.select(
        card_feedback.c.card_uuid,
        card_feedback.c.outcome,
        card_feedback.c.reason_system,
        card_feedback.c.reason_code,
        card_feedback.c.words.is_not(None).label("has_words"),
        sa.func.row_number()
        .over(partition_by=card_feedback.c.card_uuid, order_by=_latest_first())
        .label("rank"),
    ).subquery()
    # PostgreSQL does not compare JSON; as text equal lists are equal.
    checks = sa.cast(cards_shown.c.checks, sa.Text)
    columns = (
        cards_shown.c.card_uuid.is_not(None).label("recorded"),
        checks.label("checks"),
        cards_shown.c.severity,
        ranked.c.outcome,
        ranked.c.reason_system,
        ranked.c.reason_code,
        ranked.c.has_words,
    )
    query = (
        sa.select(*columns, sa.func.count().label("cards"))
        .select_from(ranked.outerjoin(cards_shown, cards_shown.c.card_uuid == ranked.c.card_uuid))
        .where(ranked.c.rank == 1)
        .group_by(*columns)
    )
    cards: Counter[tuple[str | None, str | None, str, str | None]] = Counter()
    for row in connection.execute(query):
        reason = _token(row.reason_system, row.reason_code, has_words=row.has_words)
        names = (json.loads(row.checks) or [None]) if row.recorded else [NOT_RECORDED]
        for check in names:
            cards[check, row.severity, row.outcome, reason] += row.cards
    lines = [
        Line(check, severity, Outcome(outcome), reason, count)
        for (check, severity, outcome, reason), count in cards.items()
    ]
    return tuple(
        sorted(lines, key=lambda x: (x.check or "", x.severity or "", x.outcome, x.reason or ""))
    )


def _row(one: Feedback, sealer: Sealer) -> dict[str, Any]:
    """What is kept of a report, but for how it came."""
    reason = one.reason or OverrideReason(None, None, None)
    words = {"display": reason.display, "userComment": one.user_comment}
    has_words = any(words.values())
    outcome_at = one.outcome_timestamp.astimezone(UTC)
    suggestions = sorted(set(one.accepted_suggestions))
    says = [
        *(one.card, one.outcome, outcome_at.isoformat(), suggestions),
        *(reason.system, reason.code, words["display"], words["userComment"]),
    ]
    fingerprint = sealer.fingerprint("card-feedback", json.dumps(says))
    return {
        "fingerprint": fingerprint,
        "card_uuid": one.card,
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


def _latest_first() -> tuple[sa.ColumnElement[Any], ...]:
    """By when the user acted; at one instant, by when and where in its call it came.

    An EHR whose clock is ahead does not win for ever: no report is later than its arrival.
    """
    acted_at, received_at = card_feedback.c.outcome_at, card_feedback.c.received_at
    effective = sa.case((acted_at > received_at, received_at), else_=acted_at)
    order = (effective, received_at, card_feedback.c.place, card_feedback.c.fingerprint)
    return tuple(column.desc() for column in order)


def _token(system: str | None, code: str | None, *, has_words: bool) -> str | None:
    if code is not None:
        return f"{system or ''}|{code}"
    return IN_WORDS_ONLY if has_words else None


def _about(fingerprint: str) -> str:
    return f"card-feedback/{fingerprint}"
