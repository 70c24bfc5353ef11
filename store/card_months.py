"""What was counted of the cards of a month is kept, for as long as nothing came to it.

Cards and reports are never changed or deleted, and a report is bound to a card for good. So as long
as a month has as many cards, and they as many reports, as when it was counted, what was counted of
it is what a new count would find. Of a clinic's year that leaves about one month to count again.
A version that counts something else has to empty the table in its migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from store import card_outcomes
from store.card_outcomes import Shown
from store.database import reading, writing
from store.feedback import Outcome
from store.tables import card_feedback, card_months, cards_shown


class _Stamp(NamedTuple):
    """How many cards were shown in a month, and how many reports are bound to them."""

    cards: int
    reports: int


def of_ehr(
    engine: Engine, ehr_id: str, months: Sequence[str], *, enough_patients: int
) -> tuple[Shown, ...]:
    """The cards that users of an EHR were shown in these months.

    Each card counts once, by its latest bound report. Of cards that agree in everything no more
    patients are told than `enough_patients`.
    """
    card_outcomes.bind_reports(engine, ehr_id)
    fresh: list[dict[str, Any]] = []
    found: list[Shown] = []
    with reading(engine) as connection:
        # Read before the cards are: what comes in between is counted, and then counted again.
        stamps = _stamps(connection, ehr_id, months)
        kept = _kept(connection, ehr_id, stamps, enough_patients)
        for month, stamp in stamps.items():
            if month in kept:
                found += kept[month]
                continue
            counted = card_outcomes.of_month(
                connection, ehr_id, month, enough_patients=enough_patients
            )
            found += counted
            fresh.append(
                {
                    "ehr_id": ehr_id,
                    "month": month,
                    "cards": stamp.cards,
                    "reports": stamp.reports,
                    "enough_patients": enough_patients,
                    "counted": [_written(one) for one in counted],
                }
            )
    if fresh:
        with writing(engine) as connection:
            _keep(connection, fresh)
    return tuple(found)


def _stamps(connection: Connection, ehr_id: str, months: Sequence[str]) -> dict[str, _Stamp]:
    """Of each of these months in which a card was shown, the oldest first."""

    def by_month(ehr: sa.Column[Any], month: sa.Column[Any]) -> dict[str, int]:
        query = sa.select(month, sa.func.count()).where(ehr == ehr_id, month.in_(months))
        return {row[0]: row[1] for row in connection.execute(query.group_by(month))}

    reports = by_month(card_feedback.c.card_ehr_id, card_feedback.c.card_month)
    cards = by_month(cards_shown.c.ehr_id, cards_shown.c.shown_month)
    return {month: _Stamp(cards[month], reports.get(month, 0)) for month in sorted(cards)}


def _kept(
    connection: Connection, ehr_id: str, stamps: dict[str, _Stamp], enough_patients: int
) -> dict[str, tuple[Shown, ...]]:
    """Of the months that are as they were when they were counted."""
    whose = card_months.c.ehr_id == ehr_id
    known = {
        row.month
        for row in connection.execute(
            sa.select(
                card_months.c.month,
                card_months.c.cards,
                card_months.c.reports,
                card_months.c.enough_patients,
            ).where(whose)
        )
        if row.enough_patients == enough_patients
        and stamps.get(row.month) == _Stamp(row.cards, row.reports)
    }
    query = sa.select(card_months.c.month, card_months.c.counted).where(
        whose, card_months.c.month.in_(known)
    )
    return {
        row.month: tuple(_read(row.month, one) for one in row.counted)
        for row in connection.execute(query)
    }


def _keep(connection: Connection, fresh: Sequence[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        insert: Any = postgresql.insert(card_months)
    else:
        insert = sqlite.insert(card_months)
    whose = ["ehr_id", "month"]
    new = {it.name: insert.excluded[it.name] for it in card_months.c if it.name not in whose}
    connection.execute(insert.on_conflict_do_update(index_elements=whose, set_=new), fresh)


def _written(one: Shown) -> list[object]:
    return [
        *(one.checks, one.severity, one.hook, one.user_role, one.rules_version),
        *(one.outcome, one.reason, sorted(one.patients), one.cards),
    ]


def _read(month: str, written: Sequence[Any]) -> Shown:
    checks, severity, hook, user_role, rules_version, outcome, reason, patients, cards = written
    return Shown(
        month=month,
        checks=tuple(checks),
        severity=severity,
        hook=hook,
        user_role=user_role,
        rules_version=rules_version,
        outcome=None if outcome is None else Outcome(outcome),
        reason=reason,
        patients=frozenset(patients),
        cards=cards,
    )
