"""What each card stood on, and whether it was settled: by feedback, and only by that.

A row is written with the answer that shows the card, in the transaction of its outbox letter, so
that no worker has to have run when feedback comes. It says nothing readable of the patient: whose
it is and the facts of each check are keyed hashes, the patient's reference is sealed. A card that
nobody answers is forgotten after a month, a settled one when it need not be kept quiet any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.feedback import Outcome
from store.sealing import Sealer
from store.tables import card_memory, follow_ups

KEPT_UNANSWERED = timedelta(days=30)
"""For how long feedback on a card is waited for."""


@dataclass(frozen=True, slots=True)
class Whose:
    """A patient of one EHR, as one service speaks of them."""

    ehr_id: str
    patient_id: str = field(repr=False)
    service: str

    def patient_fingerprint(self, sealer: Sealer) -> str:
        """By which the patient's cards are found again, of whichever service."""
        return sealer.fingerprint("patient", self.ehr_id, self.patient_id)

    def facts_fingerprint(self, sealer: Sealer, check: str, facts: str) -> str:
        """The facts of a check: the same of another patient have another."""
        whole = (self.ehr_id, self.patient_id, self.service, check, facts)
        return sealer.fingerprint("card-facts", *whole)


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was shown, as it is kept. `patient` is sealed (`open_patient`)."""

    uuid: str
    ehr_id: str
    service: str
    patient_fingerprint: str
    patient: bytes = field(repr=False)
    checks: tuple[str, ...]
    shown_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """How a card was settled, and the last day on which that keeps it quiet."""

    facts: Mapping[str, str] = field(repr=False)
    settled_at: datetime
    settled_on: date
    quiet_until: date
    outcome: Outcome
    reason_code: str | None


def remember(
    connection: Connection,
    whose: Whose,
    cards: Mapping[str, Mapping[str, str]],
    *,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Keep what these cards stand on: by the card's uuid, by check, the facts as text."""
    patient = whose.patient_fingerprint(sealer)
    rows = [
        {
            "card_uuid": card,
            "ehr_id": whose.ehr_id,
            "service": whose.service,
            "patient_fingerprint": patient,
            "patient": sealer.seal(whose.patient_id.encode(errors="surrogatepass"), about(card)),
            "facts": {
                check: whose.facts_fingerprint(sealer, check, text) for check, text in facts.items()
            },
            "shown_at": now,
            "kept_until": now + KEPT_UNANSWERED,
        }
        for card, facts in cards.items()
    ]
    if rows:
        connection.execute(_REMEMBER, rows)


_REMEMBER = sa.insert(card_memory)


def find(
    connection: Connection, card: str, *, service: str, ehr_id: str | None = None
) -> Card | None:
    """The card, locked, if this service showed it; None for any other and for one never shown.

    `ehr_id`: the EHR that asks, where that is known; it finds no other's cards.
    """
    query = sa.select(card_memory).where(
        card_memory.c.card_uuid == card, card_memory.c.service == service
    )
    if ehr_id is not None:
        query = query.where(card_memory.c.ehr_id == ehr_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        return None
    return Card(
        uuid=row.card_uuid,
        ehr_id=row.ehr_id,
        service=row.service,
        patient_fingerprint=row.patient_fingerprint,
        patient=row.patient,
        checks=tuple(row.facts),
        shown_at=row.shown_at,
        settled_at=row.settled_at,
    )


def settle(
    connection: Connection,
    card: Card,
    *,
    outcome: Outcome,
    reason_code: str | None,
    at: datetime,
    on: date,
    quiet_until: date,
) -> bool:
    """Keep that the card was answered; False when what is kept of it was said later than this."""
    if card.settled_at is not None and at < card.settled_at:
        return False
    connection.execute(
        sa.update(card_memory)
        .where(card_memory.c.card_uuid == card.uuid)
        .values(
            settled_at=at,
            settled_on=on,
            quiet_until=quiet_until,
            outcome=outcome.value,
            reason_code=reason_code,
            kept_until=day_after(quiet_until),
        )
    )
    return True


def anything(connection: Connection, patient_fingerprint: str, service: str, on: date) -> bool:
    """Whether anything is settled of the patient and service on the day, or a follow-up is due.

    Of nearly every patient there is not: then this one look is all.
    """
    asked = {"patient": patient_fingerprint, "service": service, "on": on}
    return bool(connection.execute(_ANYTHING, asked).scalar_one())


def recall(connection: Connection, whose: Whose, on: date, *, sealer: Sealer) -> list[Settled]:
    """What is settled of this patient and service on the day, the latest first."""
    asked = {
        "patient": whose.patient_fingerprint(sealer),
        "service": whose.service,
        "on": on,
    }
    return [
        Settled(
            facts=row.facts,
            settled_at=row.settled_at,
            settled_on=row.settled_on,
            quiet_until=row.quiet_until,
            outcome=Outcome(row.outcome),
            reason_code=row.reason_code,
        )
        for row in connection.execute(_SETTLED, asked)
    ]


_IS_SETTLED = sa.and_(
    card_memory.c.patient_fingerprint == sa.bindparam("patient"),
    card_memory.c.service == sa.bindparam("service"),
    card_memory.c.settled_at.is_not(None),
    card_memory.c.quiet_until >= sa.bindparam("on"),
)
_IS_DUE = sa.and_(
    follow_ups.c.patient_fingerprint == sa.bindparam("patient"),
    follow_ups.c.due_on <= sa.bindparam("on"),
)
_SETTLED = sa.select(card_memory).where(_IS_SETTLED).order_by(card_memory.c.settled_at.desc())
_ANYTHING = sa.select(sa.or_(sa.exists().where(_IS_SETTLED), sa.exists().where(_IS_DUE)))
# Made once, for they are asked in the middle of an order.


def settled_by_check(
    found: Iterable[Settled], whose: Whose, standing: Mapping[str, str], *, sealer: Sealer
) -> dict[str, Settled]:
    """Of these checks with their facts those that were settled on just these facts."""
    by_facts: dict[Any, Settled] = {}
    for settled in found:
        for pair in settled.facts.items():
            by_facts.setdefault(pair, settled)
    same: dict[str, Settled] = {}
    if not by_facts:
        return same
    for check, facts in standing.items():
        settled_now = by_facts.get((check, whose.facts_fingerprint(sealer, check, facts)))
        if settled_now is not None:
            same[check] = settled_now
    return same


def forget(connection: Connection, now: datetime) -> int:
    """Remove what need not be kept any more; how many cards."""
    return connection.execute(sa.delete(card_memory).where(card_memory.c.kept_until < now)).rowcount


def open_patient(card_uuid: str, sealed: bytes, sealer: Sealer) -> str:
    """The patient's reference. Raises what the sealer raises when the row was altered."""
    return sealer.open(sealed, about(card_uuid)).decode(errors="surrogatepass")


def about(card_uuid: str) -> str:
    """What a sealed patient belongs to: the card, in whichever table."""
    return f"card-memory/{card_uuid}"


def day_after(day: date) -> datetime:
    """An instant at which the day is over in every time zone."""
    return datetime.combine(day + timedelta(days=2), time(), UTC)
