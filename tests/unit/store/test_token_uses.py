"""A token opens the door once, however many processes are asked at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from ehr import seal
from store.sealed_cache import CacheDown, SealedCache, connect
from store.token_uses import OwnUses, SharedUses, TokenUses

ISSUER, OTHER = "https://north.example.org/cds", "https://south.example.org/cds"
LIFE = timedelta(minutes=10)
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.fixture
def shared(broker: Any, sealer: seal.Sealer) -> Iterator[SharedUses]:
    uses = SharedUses(SealedCache(connect(broker.url, 2.0), sealer), LIFE)
    yield uses
    uses.close()


@pytest.fixture(params=["shared", "own"])
def uses(request: pytest.FixtureRequest) -> TokenUses:
    if request.param == "own":
        return OwnUses(lambda: NOW, LIFE)
    found: TokenUses = request.getfixturevalue("shared")
    return found


def test_a_use_is_the_first_one_once(uses: TokenUses) -> None:
    assert uses.is_first(ISSUER, "one")
    assert not uses.is_first(ISSUER, "one")
    assert uses.is_first(ISSUER, "two")
    assert uses.is_first(OTHER, "one")


def test_issuer_and_id_cannot_be_split_otherwise(uses: TokenUses) -> None:
    assert uses.is_first("https://a.example", "b/c")
    assert uses.is_first("https://a.example/b", "c")


def test_of_twenty_uses_at_once_exactly_one_is_the_first(uses: TokenUses) -> None:
    start = Barrier(20)

    def use(_: int) -> bool:
        start.wait(10)
        return uses.is_first(ISSUER, "one")

    with ThreadPoolExecutor(20) as together:
        assert sum(together.map(use, range(20))) == 1


def test_two_processes_share_the_memory(broker: Any, sealer: seal.Sealer) -> None:
    one, two = (SharedUses(SealedCache(connect(broker.url, 2.0), sealer), LIFE) for _ in "ab")
    assert one.is_first(ISSUER, "one")
    assert not two.is_first(ISSUER, "one")
    one.close()
    two.close()


def test_redis_holds_neither_issuer_nor_id_and_forgets_after_the_life(
    shared: SharedUses, broker: Any
) -> None:
    shared.is_first(ISSUER, "the-id-of-a-token")
    client = connect(broker.url, 2.0)
    (key,) = client.keys("*")
    assert b"north" not in key
    assert b"the-id-of-a-token" not in key + client.get(key)
    assert 590_000 < client.pttl(key) <= 600_000
    client.close()


def test_a_use_is_forgotten_after_its_life(
    broker: Any, sealer: seal.Sealer, until: Callable[..., None]
) -> None:
    brief = SharedUses(SealedCache(connect(broker.url, 2.0), sealer), timedelta(milliseconds=50))
    assert brief.is_first(ISSUER, "one")
    until(lambda: brief.is_first(ISSUER, "one"), 5)
    brief.close()
    moment = [NOW]
    own = OwnUses(lambda: moment[0], LIFE)
    assert own.is_first(ISSUER, "one")
    moment[0] += LIFE
    assert own.is_first(ISSUER, "one")


def test_without_redis_nobody_is_first(broker: Any, sealer: seal.Sealer) -> None:
    """Production: a token that was used before could be used again, so none is."""
    clock = [0.0]
    cache = SealedCache(
        connect(broker.url, 2.0), sealer, rest_seconds=1, seconds_now=lambda: clock[0]
    )
    uses = SharedUses(cache, LIFE)
    assert uses.is_first(ISSUER, "one")
    broker.stop()
    with pytest.raises(CacheDown):
        uses.is_first(ISSUER, "two")
    broker.start()
    clock[0] += 1.1
    assert uses.is_first(ISSUER, "two")
    uses.close()


def test_development_does_without_redis(sealer: seal.Sealer) -> None:
    nowhere = SealedCache(connect("redis+socket:///nowhere/broker.sock", 0.05), sealer)
    uses = SharedUses(nowhere, LIFE, otherwise=OwnUses(lambda: NOW, LIFE))
    assert uses.is_first(ISSUER, "one")
    assert not uses.is_first(ISSUER, "one")
    uses.close()
