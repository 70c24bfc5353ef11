"""What became of the cards that were shown: each joined with the report that counts for it.

A report is *bound* to a card when the card was shown by the service that the report names, and to
users of the EHR that sends it. Others are kept and count for no card: one about a uuid that we
never gave out, about a card of another service, or about a card of another EHR. A report may come
before its card is recorded; it is bound when somebody asks (`bind_reports`), and for good.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store import card_memory
from store.database import reading, writing
from store.feedback import Outcome, latest_first
from store.tables import card_feedback, cards_shown

IN_WORDS_ONLY = "in words only"
"""In place of a reason's code when there is a text and no code."""

_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Shown:
    """So many cards that agree in all of this.

    `month` as in "2026-11", at the clinic. `checks` are those that the card spoke for. `user_role`
    is the FHIR type of the hook's user, None when it is not known. `outcome` is None when nobody
    answered. `reason` is "system|code" as in a FHIR token, IN_WORDS_ONLY, or None when none was
    given. `patients` are fingerprints: of few patients all, of many as many as are enough to know.
    """

    month: str
    checks: tuple[str, ...]
    severity: str
    hook: str
    user_role: str | None
    rules_version: str
    outcome: Outcome | None
    reason: str | None
    patients: frozenset[str] = field(repr=False)
    cards: int


class _Report(NamedTuple):
    """What of a report cards are counted by."""

    outcome: Outcome | None
    reason: str | None


_NO_REPORT = _Report(None, None)


def bind_reports(engine: Engine, ehr_id: str) -> None:
    """Note of reports that came before their card which card they are about."""
    query = (
        sa.select(card_feedback.c.fingerprint, cards_shown.c.ehr_id, cards_shown.c.shown_month)
        .join(
            cards_shown,
            sa.and_(
                card_feedback.c.card_uuid == cards_shown.c.card_uuid,
                card_feedback.c.service == cards_shown.c.service,
            ),
        )
        .where(
            card_feedback.c.card_month.is_(None),
            # One without an EHR came when nobody had to say who calls.
            sa.or_(
                card_feedback.c.ehr_id.is_(None),
                sa.and_(card_feedback.c.ehr_id == ehr_id, cards_shown.c.ehr_id == ehr_id),
            ),
        )
    )
    with reading(engine) as connection:
        # Always in the same order: two that do this at once never wait each for the other. (Asked
        # for it, SQLite reads all reports in this order.)
        bound = [
            {"of": row.fingerprint, "card_ehr_id": row.ehr_id, "card_month": row.shown_month}
            for row in sorted(connection.execute(query), key=lambda row: str(row.fingerprint))
        ]
    if bound:
        update = card_feedback.update().where(card_feedback.c.fingerprint == sa.bindparam("of"))
        with writing(engine) as connection:
            connection.execute(update, bound)


def of_month(
    connection: Connection, ehr_id: str, month: str, *, enough_patients: int
) -> tuple[Shown, ...]:
    """The cards that users of an EHR were shown in a month, as far as their reports are bound.

    Each card counts once, by its latest bound report. Of no group more patients are told than
    `enough_patients`.
    """
    # Joined and grouped here, a month at a time: a database that has to sort so many wide rows, or
    # to find the latest report of each card, takes many times as long.
    reports = _latest_reports(connection, ehr_id, month)
    cards: Counter[tuple[Any, ...]] = Counter()
    patients: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    query = (
        sa.select(
            cards_shown.c.card_uuid,
            cards_shown.c.patient_fingerprint,
            # As text: equal lists are equal, and few of them have to be read.
            sa.cast(cards_shown.c.checks, sa.Text),
            cards_shown.c.severity,
            cards_shown.c.hook,
            cards_shown.c.user_role,
            cards_shown.c.rules_version,
        )
        .where(cards_shown.c.ehr_id == ehr_id, cards_shown.c.shown_month == month)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for card, patient, *said in connection.execute(query):
        key = (*said, reports.get(card, _NO_REPORT))
        cards[key] += 1
        if len(patients[key]) < enough_patients:
            patients[key].add(patient)
    return tuple(_shown(month, key, patients[key], number) for key, number in cards.items())


def _shown(month: str, key: tuple[Any, ...], patients: set[str], cards: int) -> Shown:
    checks, severity, hook, user_role, rules_version, report = key
    return Shown(
        month=month,
        checks=tuple(json.loads(checks)),
        severity=severity,
        hook=hook,
        user_role=user_role,
        rules_version=rules_version,
        outcome=report.outcome,
        reason=report.reason,
        patients=frozenset(patients),
        cards=cards,
    )


def _latest_reports(connection: Connection, ehr_id: str, month: str) -> dict[str, _Report]:
    """What the latest report about each card of a month says, by the card's uuid."""
    query = (
        sa.select(
            card_feedback.c.card_uuid,
            card_feedback.c.outcome,
            card_feedback.c.reason_system,
            card_feedback.c.reason_code,
            card_feedback.c.words.is_not(None),
        )
        .where(card_feedback.c.card_ehr_id == ehr_id, card_feedback.c.card_month == month)
        .order_by(*latest_first())
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    told: dict[tuple[Any, ...], _Report] = {}
    found: dict[str, _Report] = {}
    for card, *said in connection.execute(query):
        key = tuple(said)
        if key not in told:
            outcome, system, code, has_words = said
            told[key] = _Report(Outcome(outcome), _token(system, code, has_words=bool(has_words)))
        found.setdefault(card, told[key])
    return found


def cards_reported_in_vain(connection: Connection, ehr_id: str) -> int:
    """Of how many uuids this EHR reported an outcome that is bound to no card (yet)."""
    query = sa.select(sa.func.count(sa.distinct(card_feedback.c.card_uuid))).where(
        card_feedback.c.ehr_id == ehr_id, card_feedback.c.card_month.is_(None)
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
