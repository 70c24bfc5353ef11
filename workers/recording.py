"""Keeps what a letter about shown cards promised. Knows nothing of Celery."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Engine

from ehr import log
from store import cards_shown, outbox
from store.database import writing
from store.sealing import Sealer


def record_cards_shown(engine: Engine, sealer: Sealer, letter_id: str, now: datetime) -> int:
    """Record the cards of one letter and mark it done, in one transaction; how many were new.

    A letter that is done or gone changes nothing: brokers deliver more than once. Raises what
    the sealer raises when the letter was altered; then nothing is written.
    """
    with writing(engine) as connection:
        letter = outbox.get(connection, letter_id, lock=True)
        if letter is None or letter.done_at is not None:
            return 0
        shown = cards_shown.CardsShown.from_payload(letter.open(sealer))
        new = cards_shown.record(connection, shown, sealer=sealer, now=now)
        outbox.mark_done(connection, letter.id, now)
    log.get(__name__).info("cards shown recorded", letter=letter.id, count=new)
    return new
