"""Which cards were shown is kept once, without the patient's id."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from ehr.seal import Sealer
from store import cards_shown
from store.cards_shown import CardsShown, ShownCard
from store.database import reading, writing

SHOWN_AT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


def _shown(*uuids: str, patient: str = "example-1") -> CardsShown:
    return CardsShown(
        ehr_id="sandbox",
        patient_id=patient,
        hook_instance="0f2b0f4e-1111-4111-8111-000000000001",
        hook="order-sign",
        service="clonazepam-safety",
        rules_version="2026.11",
        cards=tuple(
            ShownCard(uuid, ("opioid-together", "high-dose"), "critical") for uuid in uuids
        ),
        shown_at=SHOWN_AT,
    )


def _record(store: Engine, sealer: Sealer, shown: CardsShown) -> int:
    with writing(store) as connection:
        return cards_shown.record(connection, shown, sealer=sealer, now=SHOWN_AT)


def test_a_card_is_kept_with_what_it_spoke_for(
    store: Engine, sealer: Sealer, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    assert _record(store, sealer, _shown("card-1")) == 1
    with store.connect() as connection:
        query = cards_shown.cards_shown.select()
        row = connection.execute(query).one()
    assert row.checks == ["opioid-together", "high-dose"]
    assert (row.severity, row.rules_version, row.shown_at) == ("critical", "2026.11", SHOWN_AT)
    assert "example-1" not in str(rows(store, "cards_shown"))


def test_the_same_cards_twice_are_kept_once(store: Engine, sealer: Sealer) -> None:
    """A broker delivers at least once: 2 cards, then the same 2 and 1 more, make 3."""
    assert _record(store, sealer, _shown("a", "b")) == 2
    assert _record(store, sealer, _shown("a", "b", "c")) == 1
    with reading(store) as connection:
        assert cards_shown.count(connection) == 3


@pytest.mark.parametrize("instance", ["x" * 500, "a\x00b", "half a pair \ud83d", ""])
def test_whatever_a_client_calls_its_hook_instance_the_cards_are_kept(
    store: Engine, sealer: Sealer, instance: str
) -> None:
    """It should be a UUID; a letter that no database takes would come back for ever."""
    shown = dataclasses.replace(_shown("a"), hook_instance=instance, patient_id=instance)
    assert _record(store, sealer, CardsShown.from_payload(shown.to_payload())) == 1


def test_a_patient_is_found_again_by_fingerprint_only_within_one_ehr(sealer: Sealer) -> None:
    """Ids are an EHR's own: patient 1 here and patient 1 there are two people."""
    here = sealer.fingerprint("patient", "sandbox", "1")
    assert here == sealer.fingerprint("patient", "sandbox", "1")
    assert here != sealer.fingerprint("patient", "elsewhere", "1")
    assert here != sealer.fingerprint("patient", "sandbox1", "")


def test_a_letter_gives_back_exactly_what_was_shown() -> None:
    shown = _shown("a", "b")
    assert CardsShown.from_payload(shown.to_payload()) == shown


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        CardsShown("e", "p", "h", "order-sign", "s", "v", (), datetime(2026, 11, 23))  # noqa: DTZ001
