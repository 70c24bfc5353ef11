"""What became of the cards that were shown: each joined with the report that counts for it.

A report is *bound* to a card when the card was shown by the service that the report names, and to
users of the EHR that sends it. Others are kept and count for no card: one about a uuid that we
never gave out, about a card of another service, or about a card of another EHR. The join is made
when somebody asks, for a report may come before its card is recorded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import card_memory
from store.feedback import Outcome, latest_first
from store.tables import card_feedback, cards_shown

IN_WORDS_ONLY = "in words only"
"""In place of a reason's code when there is a text and no code."""


@dataclass(frozen=True, slots=True)
class Shown:
    """So many cards of one patient that agree in all of this.

    `month` as in "2026-11", at the clinic. `checks` are those that the card spoke for. `user_role`
    is the FHIR type of the hook's user, None when it is not known. `outcome` is None when nobody
    answered. `reason` is "system|code" as in a FHIR token, IN_WORDS_ONLY, or None when none was
    given. `patient` is a fingerprint.
    """

    month: str
    checks: tuple[str, ...]
    severity: str
    hook: str
    user_role: str | None
    rules_version: str
    outcome: Outcome | None
    reason: str | None
    patient: str = field(repr=False)
    cards: int


def _bound(report: sa.FromClause) -> sa.ColumnElement[bool]:
    """The report is about this card. One without an EHR came when nobody had to say who calls."""
    return sa.and_(
        report.c.card_uuid == cards_shown.c.card_uuid,
        report.c.service == cards_shown.c.service,
        sa.or_(report.c.ehr_id.is_(None), report.c.ehr_id == cards_shown.c.ehr_id),
    )


def of_ehr(
    connection: Connection, ehr_id: str, *, first_month: str, last_month: str
) -> tuple[Shown, ...]:
    """The cards that users of an EHR were shown in these months (both included).

    Each card counts once, by its latest bound report.
    """
    report = card_feedback.alias("report")
    # Asked for each card by its index: SQLite finds no way to join with reports that are ranked
    # all together but to read them all for each card.
    latest = (
        sa.select(report.c.fingerprint)
        .where(_bound(report))
        .order_by(*latest_first(report))
        .limit(1)
        .correlate(cards_shown)
        .scalar_subquery()
    )
    columns = (
        cards_shown.c.shown_month,
        # PostgreSQL does not compare JSON; as text equal lists are equal.
        sa.cast(cards_shown.c.checks, sa.Text).label("checks"),
        cards_shown.c.severity,
        cards_shown.c.hook,
        cards_shown.c.user_role,
        cards_shown.c.rules_version,
        card_feedback.c.outcome,
        card_feedback.c.reason_system,
        card_feedback.c.reason_code,
        card_feedback.c.words.is_not(None).label("has_words"),
        cards_shown.c.patient_fingerprint,
    )
    query = (
        sa.select(*columns, sa.func.count().label("cards"))
        .select_from(cards_shown.outerjoin(card_feedback, card_feedback.c.fingerprint == latest))
        .where(
            cards_shown.c.ehr_id == ehr_id,
            cards_shown.c.shown_month.between(first_month, last_month),
        )
        .group_by(*columns)
    )
    return tuple(
        Shown(
            month=row.shown_month,
            checks=tuple(json.loads(row.checks)),
            severity=row.severity,
            hook=row.hook,
            user_role=row.user_role,
            rules_version=row.rules_version,
            outcome=None if row.outcome is None else Outcome(row.outcome),
            reason=_token(row.reason_system, row.reason_code, has_words=bool(row.has_words)),
            patient=row.patient_fingerprint,
            cards=row.cards,
        )
        for row in connection.execute(query)
    )


def cards_reported_in_vain(connection: Connection, ehr_id: str) -> int:
    """Of how many uuids this EHR reported an outcome that is bound to no card (yet)."""
    unbound = card_feedback.outerjoin(cards_shown, _bound(card_feedback))
    query = (
        sa.select(sa.func.count(sa.distinct(card_feedback.c.card_uuid)))
        .select_from(unbound)
        .where(card_feedback.c.ehr_id == ehr_id, cards_shown.c.card_uuid.is_(None))
    )
    return int(connection.execute(query).scalar_one())


def checks_of_card(
    connection: Connection, card: str, *, service: str, ehr_id: str | None
) -> tuple[str, ...] | None:
    """The checks of a card for which this EHR may report on this service, else None.

    Before the card is recorded by way of the outbox, those that the memory holds of it.
    """
    query = sa.select(cards_shown.c.checks, cards_shown.c.service, cards_shown.c.ehr_id).where(
        cards_shown.c.card_uuid == card
    )
    row = connection.execute(query).one_or_none()
    if row is not None:
        is_bound = row.service == service and ehr_id in (None, row.ehr_id)
        return tuple(row.checks) if is_bound else None
    remembered = card_memory.find(connection, card, service=service, ehr_id=ehr_id)
    return None if remembered is None else remembered.checks


def _token(system: str | None, code: str | None, *, has_words: bool) -> str | None:
    if code is not None:
        return f"{system or ''}|{code}"
    return IN_WORDS_ONLY if has_words else None
