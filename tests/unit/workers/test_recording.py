"""What becomes of a letter about shown cards, with no Celery anywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

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


def _promise(store: Engine, sealer: Sealer, shown: CardsShown = SHOWN) -> str:
    with writing(store) as connection:
        return outbox.put(connection, cards_shown.KIND, shown.to_payload(), sealer=sealer, now=NOON)


def _alter(store: Engine, letter_id: str) -> None:
    """Change one bit of what the letter says."""
    its = tables.outbox.c.id == letter_id
    with writing(store) as connection:
        query = sa.select(tables.outbox.c.payload).where(its)
        payload = bytearray(connection.execute(query).scalar_one())
        payload[-1] ^= 1
        connection.execute(sa.update(tables.outbox).where(its).values(payload=bytes(payload)))


def _done_at(store: Engine, letter_id: str) -> datetime | None:
    with reading(store) as connection:
        letter = outbox.get(connection, letter_id)
    assert letter is not None
    return letter.done_at


def test_the_cards_are_kept_and_the_letter_is_done(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter = _promise(store, sealer)
    assert record_cards_shown(store, sealer, [letter], LATER) == 2
    assert {row["card_uuid"] for row in rows(store, "cards_shown")} == {"card-1", "card-2"}
    assert _done_at(store, letter) == LATER


def test_a_letter_delivered_twice_leaves_the_same_state(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter = _promise(store, sealer)
    record_cards_shown(store, sealer, [letter], LATER)
    before = rows(store, "cards_shown"), rows(store, "outbox")
    assert record_cards_shown(store, sealer, [letter], LATER + timedelta(hours=1)) == 0
    assert (rows(store, "cards_shown"), rows(store, "outbox")) == before


def test_a_letter_that_is_gone_changes_nothing(store: Engine, sealer: Sealer) -> None:
    assert record_cards_shown(store, sealer, ["0" * 32], LATER) == 0


def test_an_altered_letter_writes_nothing_and_stays_waiting(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letter = _promise(store, sealer)
    _alter(store, letter)
    with pytest.raises(CannotOpen):
        record_cards_shown(store, sealer, [letter], LATER)
    assert rows(store, "cards_shown") == []
    assert _done_at(store, letter) is None


def _one_card(uuid: str) -> CardsShown:
    return dataclasses.replace(SHOWN, cards=(ShownCard(uuid, ("high-dose",), "warning"),))


def test_letters_of_one_message_are_kept_together_and_done(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letters = [_promise(store, sealer, _one_card(f"card-{n}")) for n in range(3)]
    record_cards_shown(store, sealer, letters[:1], NOON)
    assert record_cards_shown(store, sealer, letters, LATER) == 2
    assert len(rows(store, "cards_shown")) == 3
    assert [_done_at(store, letter) for letter in letters] == [NOON, LATER, LATER]


def test_an_altered_letter_keeps_no_other_of_its_message_from_being_kept(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    """Whoever looks after the worker hears of it all the same."""
    letters = [_promise(store, sealer, _one_card(f"card-{n}")) for n in range(3)]
    _alter(store, letters[1])
    with pytest.raises(CannotOpen):
        record_cards_shown(store, sealer, letters, LATER)
    assert {row["card_uuid"] for row in rows(store, "cards_shown")} == {"card-0", "card-2"}
    assert [_done_at(store, letter) for letter in letters] == [LATER, None, LATER]


def test_what_the_database_does_not_take_leaves_the_whole_message_to_be_posted_again(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    letters = [_promise(store, sealer, _one_card(uuid)) for uuid in ("card-0", None)]  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        record_cards_shown(store, sealer, letters, LATER)
    assert rows(store, "cards_shown") == []
    assert [_done_at(store, letter) for letter in letters] == [None, None]
