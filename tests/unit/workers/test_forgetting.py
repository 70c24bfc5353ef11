"""What need not be kept any more goes, by the task that the beat posts every hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Engine

from ehr.seal import Sealer
from store import card_memory, follow_ups
from store.card_memory import Whose
from store.database import writing
from store.follow_ups import FollowUp
from workers.app import FORGET_OLD_CARDS, make_app
from workers.forgetting import forget_old_cards

SHOWN_AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
ALDER = Whose("sandbox", "alder", "clonazepam-safety")


def test_an_unanswered_card_and_an_old_follow_up_are_forgotten(
    store: Engine, sealer: Sealer, rows: Callable[..., list[Any]]
) -> None:
    """The card after 30 days, the follow-up when 18 Dec 2026 and the days it is kept are over."""
    day = SHOWN_AT.date()
    with writing(store) as connection:
        facts = {"card-1": {"high-dose": "after signing 3 mg/day"}}
        card_memory.remember(connection, ALDER, facts, sealer=sealer, now=SHOWN_AT)
        card = card_memory.find(connection, "card-1", service=ALDER.service)
        assert card is not None
        due_on = day + timedelta(days=28)
        given = FollowUp(("high-dose",), "will-monitor", day, due_on)
        follow_ups.promise(connection, card, given, kept_until=due_on)

    def left_after(days: int) -> tuple[int, int]:
        forget_old_cards(store, SHOWN_AT + timedelta(days=days))
        return len(rows(store, "card_memory")), len(rows(store, "follow_ups"))

    assert left_after(29) == (1, 1)
    assert left_after(31) == (0, 0)


def test_the_beat_posts_it() -> None:
    schedule = make_app("redis+socket:///nowhere/broker.sock").conf.beat_schedule
    assert FORGET_OLD_CARDS in {entry["task"] for entry in schedule.values()}
