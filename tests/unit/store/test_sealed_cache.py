"""What is kept in Redis is sealed, expires, and never holds anybody up."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ehr import seal
from store.sealed_cache import CacheDown, SealedCache, connect

HOUR = timedelta(hours=1)


@pytest.fixture
def cache(broker: Any, sealer: seal.Sealer) -> Iterator[SealedCache]:
    cache = SealedCache(connect(broker.url, 2.0), sealer)
    yield cache
    cache.close()


def everything(broker: Any) -> bytes:
    """Every key and value of the server, as one text."""
    client = connect(broker.url, 2.0)
    found = b""
    for key in client.scan_iter():
        found += key + b" " + (client.get(key) or b"") + b"\n"
    client.close()
    return found


def test_what_was_put_is_there_and_what_was_forgotten_is_not(cache: SealedCache) -> None:
    cache.put("history", "sandbox", "p1", value=b"whole", life=HOUR)
    assert cache.get("history", "sandbox", "p1") == b"whole"
    assert cache.get("history", "sandbox", "p2") is None
    assert cache.get("token", "sandbox", "p1") is None
    cache.forget("history", "sandbox", "p1")
    assert cache.get("history", "sandbox", "p1") is None


def test_a_value_is_gone_after_its_life(cache: SealedCache, until: Callable[..., None]) -> None:
    cache.put("history", "sandbox", "p1", value=b"whole", life=timedelta(milliseconds=50))
    until(lambda: cache.get("history", "sandbox", "p1") is None, 5)


def test_neither_key_nor_value_holds_anything_in_clear(cache: SealedCache, broker: Any) -> None:
    cache.put("history", "sandbox", "patient-alder", value=b"Ruth Alder 1954", life=HOUR)
    cache.claim("history", "sandbox", "patient-alder", life=HOUR)
    kept = everything(broker)
    assert kept.count(b"taperguard:") == 2
    for secret in (b"alder", b"Alder", b"Ruth", b"1954", b"sandbox"):
        assert secret not in kept


def test_a_value_that_was_moved_to_another_patient_does_not_open(
    cache: SealedCache, broker: Any
) -> None:
    client = connect(broker.url, 2.0)
    cache.put("history", "sandbox", "p1", value=b"of p1", life=HOUR)
    (first,) = client.keys("*:kept:*")
    cache.put("history", "sandbox", "p2", value=b"of p2", life=HOUR)
    client.copy(first, next(key for key in client.keys("*:kept:*") if key != first), replace=True)
    client.close()
    assert cache.get("history", "sandbox", "p1") == b"of p1"
    assert cache.get("history", "sandbox", "p2") is None


def test_a_lease_is_held_by_one_until_it_is_given_back(cache: SealedCache) -> None:
    mine = cache.claim("history", "sandbox", "p1", life=HOUR)
    assert mine is not None
    assert cache.is_claimed("history", "sandbox", "p1")
    assert cache.claim("history", "sandbox", "p1", life=HOUR) is None
    assert cache.claim("history", "sandbox", "p2", life=HOUR) is not None
    cache.release("history", "sandbox", "p1", lease="somebody else's")
    assert cache.claim("history", "sandbox", "p1", life=HOUR) is None
    cache.release("history", "sandbox", "p1", lease=mine)
    assert not cache.is_claimed("history", "sandbox", "p1")
    assert cache.claim("history", "sandbox", "p1", life=HOUR) is not None


def test_a_lease_ends_by_itself_unless_its_holder_renews_it(
    cache: SealedCache, until: Callable[..., None]
) -> None:
    lease = cache.claim("history", "p1", life=timedelta(milliseconds=200))
    assert lease is not None
    assert cache.renew("history", "p1", lease=lease, life=HOUR)
    time.sleep(0.3)
    assert cache.claim("history", "p1", life=HOUR) is None
    assert cache.renew("history", "p1", lease=lease, life=timedelta(milliseconds=10))
    until(lambda: not cache.is_claimed("history", "p1"), 5)
    assert not cache.renew("history", "p1", lease=lease, life=HOUR)


@pytest.fixture
def hung() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_hung_server_costs_a_tenth_of_a_second_once_and_then_nothing(
    hung: str, sealer: seal.Sealer
) -> None:
    cache = SealedCache(connect(hung, 0.03), sealer)
    began = time.perf_counter()
    for _ in range(20):
        with pytest.raises(CacheDown):
            cache.get("history", "p1")
    # 20 calls of 0.03 s would be 0.6 s; one of them, with room for a busy machine, is under 0.3.
    assert time.perf_counter() - began < 0.3
    cache.close()


def test_a_server_that_is_not_there_is_said_without_its_address(sealer: seal.Sealer) -> None:
    cache = SealedCache(connect("redis://:pass-word@127.0.0.1:1/0", 0.03), sealer)
    with pytest.raises(CacheDown) as caught:
        cache.put("history", "p1", value=b"x", life=HOUR)
    assert "pass-word" not in repr(caught.value)
    assert "127.0.0.1" not in repr(caught.value)
    cache.close()


def test_after_its_rest_the_server_is_asked_again(broker: Any, sealer: seal.Sealer) -> None:
    clock = [0.0]
    cache = SealedCache(
        connect(broker.url, 2.0), sealer, rest_seconds=5, seconds_now=lambda: clock[0]
    )
    broker.stop()
    with pytest.raises(CacheDown):
        cache.get("history", "p1")
    broker.start()
    clock[0] = 4.9
    with pytest.raises(CacheDown, match="a moment ago"):
        cache.get("history", "p1")
    clock[0] = 5.1
    assert cache.get("history", "p1") is None
    cache.close()
