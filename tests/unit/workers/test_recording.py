"""What becomes of a letter about shown cards, with no Celery anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ehr.seal import CannotOpen, Sealer
from store import cards_shown, outbox, tables
from store.cards_shown import CardsShown, ShownCard
from store.database import reading, writing
from workers.recording import record_cards_shown

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=5)
SHOWN = CardsShown(
    ehr_id="sandbox",
    patient_id="example-1",
    hook_instance="0f2b0f4e-1111-4111-8111-000000000001",
    hook="order-sign",
    service="clonazepam-safety",
    rules_version="2026.11",
    cards=(
        ShownCard("card-1", ("opioid-together",), "critical"),
        ShownCard("card-2", ("naloxone",), "info"),
    ),
    shown_at=NOON,
)


def _promise(store: Engine, sealer: Sealer) -> str:
    with writing(store) as connection:
        return outbox.put(connection, cards_shown.KIND, SHOWN.to_payload(), sealer=sealer, now=NOON)


def _done_at(store: Engine, letter_id: str) -> datetime | None:
    with reading(store) as connection:
        letter = outbox.get(connection, letter_id)
    assert letter is not None
    return letter.done_at


def test_the_cards_are_kept_and_the_letter_is_done(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter = _promise(store, sealer)
    assert record_cards_shown(store, sealer, letter, LATER) == 2
    assert {row["card_uuid"] for row in rows(store, "cards_shown")} == {"card-1", "card-2"}
    assert _done_at(store, letter) == LATER


def test_a_letter_delivered_twice_leaves_the_same_state(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter = _promise(store, sealer)
    record_cards_shown(store, sealer, letter, LATER)
    before = rows(store, "cards_shown"), rows(store, "outbox")
    assert record_cards_shown(store, sealer, letter, LATER + timedelta(hours=1)) == 0
    assert (rows(store, "cards_shown"), rows(store, "outbox")) == before


def test_a_letter_that_is_gone_changes_nothing(store: Engine, sealer: Sealer) -> None:
    assert record_cards_shown(store, sealer, "0" * 32, LATER) == 0


def test_an_altered_letter_writes_nothing_and_stays_waiting(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter = _promise(store, sealer)
    with writing(store) as connection:
        payload = bytearray(connection.execute(sa.select(tables.outbox.c.payload)).scalar_one())
        payload[-1] ^= 1
        connection.execute(sa.update(tables.outbox).values(payload=bytes(payload)))
    with pytest.raises(CannotOpen):
        record_cards_shown(store, sealer, letter, LATER)
    assert rows(store, "cards_shown") == []
    assert _done_at(store, letter) is None
