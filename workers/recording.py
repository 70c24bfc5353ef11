"""Keeps what letters about shown cards promised. Knows nothing of Celery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Engine

from ehr import log
from store import cards_shown, outbox
from store.database import writing
from store.sealing import Sealer


def record_cards_shown(
    engine: Engine, sealer: Sealer, letter_ids: Sequence[str], now: datetime
) -> int:
    """Record the cards of these letters and mark them done, in one transaction; how many were new.

    A letter that is done or gone changes nothing: brokers deliver more than once. Of one that was
    altered nothing is written, and it stays; the others are kept, and then this raises what the
    sealer raised. When the database takes one of them not, none is kept, and each comes back alone.
    """
    unread: Exception | None = None
    new = 0
    with writing(engine) as connection:
        for letter in outbox.hold(connection, letter_ids):
            try:
                shown = cards_shown.CardsShown.from_payload(letter.open(sealer))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the end
                log.get(__name__).error("letter not read", letter=letter.id)
                unread = unread or error
                continue
            new += cards_shown.record(connection, shown, sealer=sealer, now=now)
            outbox.mark_done(connection, letter.id, now)
    log.get(__name__).info("cards shown recorded", letters=len(letter_ids), count=new)
    if unread is not None:
        raise unread
    return new
