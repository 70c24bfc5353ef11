"""Forgets what need not be kept any more. Knows nothing of Celery."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Engine

from ehr import log
from store import card_memory, follow_ups
from store.database import writing


def forget_old_cards(engine: Engine, now: datetime) -> None:
    """Cards that nobody answered, those that need not be quiet any more, and old follow-ups."""
    with writing(engine) as connection:
        cards = card_memory.forget(connection, now)
        promised = follow_ups.forget(connection, now)
    if cards or promised:
        log.get(__name__).info("old cards forgotten", cards=cards, follow_ups=promised)
