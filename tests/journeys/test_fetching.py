"""The sandbox sends no prefetch: the service fetches with the hook's token, and there is a card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from ehr_screen import Screen

FAULTS = "/sandbox/faults"


@pytest.fixture(scope="module")
def ehr(served: Callable[..., Any]) -> Iterator[httpx2.Client]:
    """The sandbox of a service with more time to fetch than a busy machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPERGUARD_HOOK_FETCH_SECONDS", "2")
        with (
            served() as (_, running),
            httpx2.Client(base_url=running.ehr, timeout=20, trust_env=False) as client,
        ):
            yield client


def words_after(ehr: httpx2.Client, **switches: Any) -> str:
    """The words of Ruth's screen when 3 mg a day was ordered. She takes 2 mg and oxycodone."""
    screen = Screen(ehr, "alder")
    for number in screen.drafts:
        screen.post("remove", order=number)
    assert ehr.put(FAULTS, json=switches).status_code == 200
    screen.add()
    assert ehr.delete(FAULTS).status_code == 200
    return screen.words


def test_without_any_prefetch_the_card_tells_the_same(ehr: httpx2.Client) -> None:
    for switches in ({}, {"without_prefetch": ["*"]}, {"without_prefetch": ["medications"]}):
        words = words_after(ehr, **switches)
        assert "with oxycodone, age 72, a history of falls" in words, switches


def test_what_cannot_be_fetched_either_is_said_on_the_card(ehr: httpx2.Client) -> None:
    fault = {"do": "429", "type": "MedicationRequest", "seconds": 30}
    words = words_after(ehr, without_prefetch=["medications"], faults=[fault])
    assert "Clonazepam 3 mg/day, age 72, a history of falls" in words
    assert "asks to wait 30 s, for which there is no time" in words
