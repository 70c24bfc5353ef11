"""Follow-ups that were promised with an answer to a card ("will monitor"), until they are answered.

One for a card at most. It ends when the patient's next card about the same is answered, when the
answer to its own card is changed, or when it is long over. The patient's reference is sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.card_memory import Card, day_after, open_patient
from store.sealing import Sealer
from store.tables import follow_ups


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up: what about, why it was promised and when, and from which day it is due."""

    checks: tuple[str, ...]
    reason_code: str
    promised_on: date
    due_on: date


def promise(connection: Connection, card: Card, given: FollowUp, *, kept_until: date) -> None:
    """Keep the follow-up of a card that has none. It is kept until that day is over."""
    connection.execute(
        sa.insert(follow_ups).values(
            card_uuid=card.uuid,
            ehr_id=card.ehr_id,
            patient_fingerprint=card.patient_fingerprint,
            patient=card.patient,
            checks=list(given.checks),
            reason_code=given.reason_code,
            promised_on=given.promised_on,
            due_on=given.due_on,
            kept_until=day_after(kept_until),
        )
    )


def end(connection: Connection, card: Card, on: date, *, whole: bool, anew: bool) -> int:
    """End what an answer to this card ends; how many follow-ups.

    Always the one of the card itself; of the others those that are due and speak of one of its
    checks (`whole`: of anything, for the card told of all of them), and with `anew` also those of
    its checks that are not due yet, for a new promise takes their place.
    """
    query = sa.select(follow_ups.c.card_uuid, follow_ups.c.checks, follow_ups.c.due_on).where(
        follow_ups.c.patient_fingerprint == card.patient_fingerprint
    )
    ended = []
    for row in connection.execute(query):
        same = bool(set(card.checks) & set(row.checks))
        due = row.due_on <= on
        if row.card_uuid == card.uuid or (same and (due or anew)) or (whole and due):
            ended.append(row.card_uuid)
    if ended:
        connection.execute(sa.delete(follow_ups).where(follow_ups.c.card_uuid.in_(ended)))
    return len(ended)


def due_of(connection: Connection, patient_fingerprint: str, on: date) -> tuple[FollowUp, ...]:
    """A patient's follow-ups that are due on the day, the oldest first."""
    rows = connection.execute(_DUE_OF, {"patient": patient_fingerprint, "on": on})
    return tuple(_read(row) for row in rows)


_DUE_OF = (
    sa.select(follow_ups)
    .where(
        follow_ups.c.patient_fingerprint == sa.bindparam("patient"),
        follow_ups.c.due_on <= sa.bindparam("on"),
    )
    .order_by(follow_ups.c.due_on, follow_ups.c.card_uuid)
)
"""Made once, for it is asked in the middle of an order."""


def due_in(
    connection: Connection, ehr_id: str, on: date, *, sealer: Sealer
) -> tuple[tuple[str, FollowUp], ...]:
    """All follow-ups of an EHR that are due on the day, each with its patient, the oldest first.

    Raises what the sealer raises when a row was altered.
    """
    query = (
        sa.select(follow_ups)
        .where(follow_ups.c.ehr_id == ehr_id, follow_ups.c.due_on <= on)
        .order_by(follow_ups.c.due_on, follow_ups.c.card_uuid)
    )
    return tuple(
        (open_patient(row.card_uuid, row.patient, sealer), _read(row))
        for row in connection.execute(query)
    )


def forget(connection: Connection, now: datetime) -> int:
    """Remove those that are long over; how many."""
    return connection.execute(sa.delete(follow_ups).where(follow_ups.c.kept_until < now)).rowcount


def _read(row: Any) -> FollowUp:
    return FollowUp(tuple(row.checks), row.reason_code, row.promised_on, row.due_on)
