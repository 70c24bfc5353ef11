"""Which cards were shown to whom is kept: without patient identifiers, once per card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from store.sealing import Sealer
from store.tables import cards_shown

KIND = "cards-shown"

USER_ROLES = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")
"""FHIR types of the user of a hook."""


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One card: its uuid, the checks it spoke for, and the severity it was shown with."""

    uuid: str
    checks: tuple[str, ...]
    severity: str


@dataclass(frozen=True, slots=True)
class CardsShown:
    """The cards of one answer to one hook. `shown_at` is an instant with its time zone.

    `shown_on` is the day at the clinic, None where that is not known (then it is UTC's). Of who
    saw them nothing is kept but `user_role`, the FHIR type of the hook's user; None: not known.
    """

    ehr_id: str
    patient_id: str
    hook_instance: str
    hook: str
    service: str
    rules_version: str
    cards: tuple[ShownCard, ...]
    shown_at: datetime
    shown_on: date | None = None
    user_role: str | None = None

    def __post_init__(self) -> None:
        if self.shown_at.tzinfo is None:
            raise ValueError("the instant at which cards were shown needs a time zone")

    @property
    def month(self) -> str:
        """As in "2026-11"."""
        return (self.shown_on or self.shown_at.astimezone(UTC).date()).isoformat()[:7]

    def to_payload(self) -> dict[str, Any]:
        """As a letter of the outbox holds it (sealed there)."""
        return {
            "ehr_id": self.ehr_id,
            "patient_id": self.patient_id,
            "hook_instance": self.hook_instance,
            "hook": self.hook,
            "service": self.service,
            "rules_version": self.rules_version,
            "cards": [
                {"uuid": card.uuid, "checks": list(card.checks), "severity": card.severity}
                for card in self.cards
            ],
            "shown_at": self.shown_at.isoformat(),
            "shown_on": None if self.shown_on is None else self.shown_on.isoformat(),
            "user_role": self.user_role,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> CardsShown:
        """Read back from a letter. One of an older version names neither day nor role."""
        shown_on = payload.get("shown_on")
        return cls(
            ehr_id=payload["ehr_id"],
            patient_id=payload["patient_id"],
            hook_instance=payload["hook_instance"],
            hook=payload["hook"],
            service=payload["service"],
            rules_version=payload["rules_version"],
            cards=tuple(
                ShownCard(card["uuid"], tuple(card["checks"]), card["severity"])
                for card in payload["cards"]
            ),
            shown_at=datetime.fromisoformat(payload["shown_at"]),
            shown_on=None if shown_on is None else date.fromisoformat(shown_on),
            user_role=payload.get("user_role"),
        )


def record(connection: Connection, shown: CardsShown, *, sealer: Sealer, now: datetime) -> int:
    """Keep the cards that are not kept yet; how many were new. The first record stands."""
    if not shown.cards:
        return 0
    patient = sealer.fingerprint("patient", shown.ehr_id, shown.patient_id)
    rows = [
        {
            "card_uuid": card.uuid,
            "hook_instance": _fitting(shown.hook_instance, cards_shown.c.hook_instance),
            "hook": shown.hook,
            "service": shown.service,
            "ehr_id": shown.ehr_id,
            "patient_fingerprint": patient,
            "checks": list(card.checks),
            "severity": card.severity,
            "rules_version": shown.rules_version,
            "shown_at": shown.shown_at,
            "recorded_at": now,
            "shown_month": shown.month,
            "user_role": shown.user_role,
        }
        for card in shown.cards
    ]
    if connection.dialect.name == "postgresql":
        insert: Any = postgresql.insert(cards_shown)
    else:
        insert = sqlite.insert(cards_shown)
    insert = insert.on_conflict_do_nothing(index_elements=["card_uuid"])
    insert = insert.execution_options(preserve_rowcount=True)
    return sum(connection.execute(insert.values(row)).rowcount for row in rows)


def _fitting(text: str, column: sa.Column[Any]) -> str:
    """A client's text as any database takes it: it should be a UUID and may be anything."""
    plain = text.encode("utf-8", errors="replace").decode().replace("\x00", "?")
    length: int = column.type.length  # type: ignore[attr-defined]
    return plain[:length]


def count(connection: Connection) -> int:
    """How many cards are kept."""
    query = sa.select(sa.func.count()).select_from(cards_shown)
    return int(connection.execute(query).scalar_one())
