"""What was counted of months is kept, and is at every time what a count of single cards finds."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ehr.seal import Sealer
from store import card_months, card_outcomes, cards_shown, feedback
from store.card_outcomes import IN_WORDS_ONLY
from store.cards_shown import CardsShown, ShownCard
from store.database import reading, writing
from store.feedback import Feedback, Outcome, OverrideReason
from store.tables import card_feedback
from store.tables import cards_shown as table_of_cards

START = datetime(2026, 9, 28, 12, tzinfo=UTC)
MONTHS = ("2026-09", "2026-10", "2026-11")
SERVICES = ("clonazepam-safety", "clonazepam-review")
EHRS = ("north", "south")
ENOUGH = 3
_CHECKS = ((), ("high-dose",), ("high-dose", "opioid-together"))
_REASONS = (
    None,
    OverrideReason("https://example.org/reasons", "will-monitor", None),
    OverrideReason(None, "x", "Their own words"),
    OverrideReason(None, None, "Their own words"),
)

Groups = dict[tuple[object, ...], tuple[int, set[str]]]


class Clinics:
    """Cards and reports that come in any order: early, late, twice, and to the wrong place."""

    def __init__(self, store: Engine, sealer: Sealer, seed: int) -> None:
        self.store, self.sealer = store, sealer
        self._chance = random.Random(seed)  # noqa: S311
        self._cards = [f"00000000-0000-4000-8000-{number:012}" for number in range(60)]

    def go_on(self, events: int) -> None:
        for _ in range(events):
            with writing(self.store) as connection:
                if self._chance.random() < 0.4:
                    self._show(connection)
                else:
                    self._report(connection)

    def _show(self, connection: sa.Connection) -> None:
        chance = self._chance
        at = START + timedelta(days=chance.choice((0, 9, 40)))
        shown = CardsShown(
            *(chance.choice(EHRS), str(chance.randrange(5)), "an-instance"),
            *(chance.choice(("order-sign", "order-select")), chance.choice(SERVICES), "2026.11"),
            cards=(ShownCard(chance.choice(self._cards), chance.choice(_CHECKS), "warning"),),
            shown_at=at,
            user_role=chance.choice(("Practitioner", None)),
        )
        cards_shown.record(connection, shown, sealer=self.sealer, now=at)

    def _report(self, connection: sa.Connection) -> None:
        chance = self._chance
        acted_at = START + timedelta(minutes=chance.randrange(6))
        outcome = chance.choice(tuple(Outcome))
        given = Feedback(
            *(chance.choice(self._cards), outcome, acted_at),
            reason=chance.choice(_REASONS) if outcome is Outcome.OVERRIDDEN else None,
        )
        feedback.record(
            *(connection, chance.choice(SERVICES), [given]),
            sealer=self.sealer,
            now=START + timedelta(minutes=chance.randrange(6)),
            ehr_id=chance.choice((*EHRS, None)),
        )


def counted_singly(store: Engine, ehr_id: str) -> tuple[Groups, int]:
    """The same by reading every row, from the words of the docstrings: groups, and in vain."""
    with reading(store) as connection:
        cards = [row._mapping for row in connection.execute(sa.select(table_of_cards))]
        reports = [row._mapping for row in connection.execute(sa.select(card_feedback))]

    def is_bound(report: Any, card: Any) -> bool:
        same = all(report[name] == card[name] for name in ("card_uuid", "service"))
        return same and report["ehr_id"] in (None, card["ehr_id"])

    groups: Groups = defaultdict(lambda: (0, set()))
    for card in cards:
        if card["ehr_id"] != ehr_id:
            continue
        last = max(
            (one for one in reports if is_bound(one, card)),
            key=lambda one: (
                *(min(one["outcome_at"], one["received_at"]), one["received_at"]),
                *(one["place"], one["fingerprint"]),
            ),
            default=None,
        )
        outcome = reason = None
        if last is not None:
            outcome = last["outcome"]
            if last["reason_code"] is not None:
                reason = f"{last['reason_system'] or ''}|{last['reason_code']}"
            elif last["words"] is not None:
                reason = IN_WORDS_ONLY
        key = (
            *(card["shown_month"], json.dumps(card["checks"]), card["severity"], card["hook"]),
            *(card["user_role"], card["rules_version"], outcome, reason),
        )
        number, patients = groups[key]
        groups[key] = number + 1, patients | {card["patient_fingerprint"]}
    in_vain = {
        one["card_uuid"]
        for one in reports
        if one["ehr_id"] == ehr_id and not any(is_bound(one, card) for card in cards)
    }
    return dict(groups), len(in_vain)


def look(store: Engine, ehr_id: str, months: Sequence[str] = MONTHS) -> tuple[Groups, int]:
    found = card_months.of_ehr(store, ehr_id, months, enough_patients=ENOUGH)
    groups: Groups = {
        (
            *(one.month, json.dumps(one.checks), one.severity, one.hook),
            *(one.user_role, one.rules_version, one.outcome, one.reason),
        ): (one.cards, set(one.patients))
        for one in found
    }
    assert len(groups) == len(found)
    with reading(store) as connection:
        return groups, card_outcomes.cards_reported_in_vain(connection, ehr_id)


@pytest.mark.parametrize("seed", range(3))
def test_at_every_time_the_numbers_are_those_of_the_single_cards(
    store: Engine, sealer: Sealer, seed: int
) -> None:
    """Looked at again and again, while cards and reports come to old months and new."""
    clinics = Clinics(store, sealer, seed)
    for events in (0, 80, 1, 1, 1, 1, 1, 1, 40, 5, 5, 5):
        clinics.go_on(events)
        for ehr_id in EHRS:
            (groups, in_vain), (single, in_vain_singly) = (
                look(store, ehr_id),
                counted_singly(store, ehr_id),
            )
            assert in_vain == in_vain_singly
            assert {key: it[0] for key, it in groups.items()} == {
                key: it[0] for key, it in single.items()
            }
            for key, (_, patients) in groups.items():
                # Of many patients some; of few all.
                assert patients <= single[key][1]
                assert len(patients) == min(len(single[key][1]), ENOUGH)
    assert {key[0] for key in counted_singly(store, "north")[0]} == set(MONTHS)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The months whose cards were read, in order."""
    months: list[str] = []
    of_month = card_outcomes.of_month

    def read(connection: sa.Connection, ehr_id: str, month: str, **told: int) -> Any:
        months.append(month)
        return of_month(connection, ehr_id, month, **told)

    monkeypatch.setattr(card_outcomes, "of_month", read)
    return months


def test_only_a_month_to_which_something_came_is_counted_again(
    store: Engine, sealer: Sealer, counted: list[str]
) -> None:
    """A card in each of two months; then a late report on the first."""
    days = (datetime(2026, 10, 5, 12, tzinfo=UTC), datetime(2026, 11, 5, 12, tzinfo=UTC))
    uuids = [f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2)]
    for uuid, day in zip(uuids, days, strict=True):
        shown = CardsShown(
            *("north", "1", "an-instance", "order-sign", SERVICES[0], "2026.11"),
            cards=(ShownCard(uuid, ("high-dose",), "warning"),),
            shown_at=day,
        )
        with writing(store) as connection:
            cards_shown.record(connection, shown, sealer=sealer, now=day)
    look(store, "north")
    assert counted == ["2026-10", "2026-11"]
    look(store, "north")
    assert counted == ["2026-10", "2026-11"]
    late = Feedback(uuids[0], Outcome.ACCEPTED, days[1])
    with writing(store) as connection:
        feedback.record(connection, SERVICES[0], [late], sealer=sealer, now=days[1], ehr_id="north")
    groups, _ = look(store, "north")
    assert counted == ["2026-10", "2026-11", "2026-10"]
    assert sorted((key[0], key[6]) for key in groups) == [
        ("2026-10", "accepted"),
        ("2026-11", None),
    ]


def test_when_more_patients_have_to_be_known_all_months_are_counted_again(
    store: Engine, sealer: Sealer, counted: list[str]
) -> None:
    """What was kept names as many patients as were enough then."""
    Clinics(store, sealer, 0).go_on(40)
    for enough in (3, 3, 4):
        card_months.of_ehr(store, "north", MONTHS, enough_patients=enough)
    assert counted == [*MONTHS, *MONTHS]
