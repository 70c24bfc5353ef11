"""The keys of CDS clients: bound to their issuer, renewed in time, and never waited for long."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx2
import pytest
from cds_client import NOW, Client, World, ec

from ehr.cds_client import CdsClient, read_key_file
from ehr.client_keys import ClientKeys, KeysUnreachable, Patience

PATIENCE = Patience()
FIRST, SECOND, STRANGER = ec("k1"), ec("k2"), ec("k1")
Answer = TypeVar("Answer")


class Bench:
    """One issuer, its key set on a server of its own, and our clock."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self.north = Client("https://north.example.org/cds", FIRST)
        self.south = Client("https://south.example.org/cds", STRANGER)
        self.world = World([self.north, self.south])
        self.now: datetime = NOW
        self.keys = ClientKeys(lambda: self.now, self.world.http, patience)

    def later(self, span: timedelta) -> None:
        self.now += span

    async def kids(self, kid: str = "k1", client: Client | None = None) -> list[str | None]:
        asking = client or self.north
        registered = CdsClient(asking.issuer, asking.jwks_url)
        return [key.kid for key in await self.keys.candidates(registered, kid, "ES384")]

    def down(self) -> None:
        self.world.answers[self.north.jwks_url] = lambda: httpx2.Response(503)

    def up(self) -> None:
        del self.world.answers[self.north.jwks_url]

    @property
    def asked(self) -> int:
        return self.world.asked.count(self.north.jwks_url)


def run(story: Callable[[], Awaitable[Answer]]) -> Answer:
    return asyncio.run(story())  # type: ignore[arg-type]


def test_keys_are_fetched_once_and_renewed_beside_the_calls_after_five_minutes() -> None:
    async def story() -> None:
        bench = Bench()
        for _ in range(3):
            assert await bench.kids() == ["k1"]
        bench.later(timedelta(minutes=5))
        assert await bench.kids() == ["k1"]
        assert bench.asked == 1
        bench.later(timedelta(seconds=1))
        bench.world.slow[bench.north.jwks_url] = asyncio.Event()
        began = time.monotonic()
        assert await bench.kids() == ["k1"]
        assert time.monotonic() - began < 0.2
        bench.world.slow[bench.north.jwks_url].set()
        await asyncio.sleep(0.01)
        assert bench.asked == 2
        bench.later(timedelta(minutes=5))
        assert await bench.kids() == ["k1"]
        assert bench.asked == 2

    run(story)


def test_keys_that_are_ten_minutes_old_are_renewed_before_they_serve() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.north.published = [SECOND.as_dict(private=False)]
        bench.later(timedelta(minutes=10, seconds=1))
        assert await bench.kids("k2") == ["k2"]
        assert await bench.kids("k1") == []

    run(story)


def test_a_new_key_is_found_when_its_first_token_comes() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.later(timedelta(minutes=1))
        bench.north.published = [FIRST.as_dict(private=False), SECOND.as_dict(private=False)]
        assert await bench.kids("k2") == ["k2"]
        assert await bench.kids("k1") == ["k1"]
        assert bench.asked == 2

    run(story)


def test_a_key_that_was_withdrawn_serves_once_more_and_no_longer_than_ten_minutes() -> None:
    """The first call after five minutes is answered with it, and has the set renewed."""

    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.north.published = [SECOND.as_dict(private=False)]
        bench.later(timedelta(minutes=9))
        assert await bench.kids("k1") == ["k1"]
        await asyncio.sleep(0.01)
        assert await bench.kids("k1") == []

    run(story)


def test_invented_kids_do_not_make_us_hammer_the_ehr() -> None:
    """A hundred in 50 seconds, one every half second: one fetch in ten seconds at most."""

    async def story() -> None:
        bench = Bench()
        await bench.kids()
        for number in range(100):
            bench.later(timedelta(seconds=0.5))
            assert await bench.kids(f"invented-{number}") == []
        assert bench.asked <= 1 + 5
        assert await bench.kids() == ["k1"]

    run(story)


def test_a_kid_finds_nothing_in_the_ring_of_another_issuer() -> None:
    async def story() -> None:
        bench = Bench()
        bench.north.published = [SECOND.as_dict(private=False)]
        assert await bench.kids("k1", bench.south) == ["k1"]
        assert await bench.kids("k1", bench.north) == []
        assert await bench.kids("k2", bench.south) == []

    run(story)


def test_two_clients_with_one_address_have_a_ring_each() -> None:
    """A vendor may publish the keys of two sites at one address; each site is asked for itself."""

    async def story() -> None:
        bench = Bench()
        one = CdsClient("https://one.example.org", bench.north.jwks_url)
        two = CdsClient("https://two.example.org", bench.north.jwks_url)
        for client in (one, two, one, two):
            assert await bench.keys.candidates(client, "k1", "ES384")
        assert bench.asked == 2

    run(story)


def test_while_the_ehr_is_out_of_reach_its_keys_serve_for_four_hours() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.down()
        for _ in range(4):
            bench.later(timedelta(minutes=59))
            assert await bench.kids() == ["k1"]
        bench.later(timedelta(minutes=5))
        with pytest.raises(KeysUnreachable):
            await bench.kids()
        bench.up()
        bench.later(PATIENCE.rest + timedelta(seconds=1))
        assert await bench.kids() == ["k1"]

    run(story)


def test_a_failure_is_remembered_for_ten_seconds() -> None:
    async def story() -> None:
        bench = Bench()
        bench.down()
        for _ in range(5):
            with pytest.raises(KeysUnreachable):
                await bench.kids()
        assert bench.asked == 1
        bench.up()
        bench.later(timedelta(seconds=10))
        with pytest.raises(KeysUnreachable):
            await bench.kids()
        bench.later(timedelta(seconds=1))
        assert await bench.kids() == ["k1"]
        assert bench.asked == 2

    run(story)


def test_an_unknown_key_of_an_ehr_that_is_out_of_reach_is_no_forgery_yet() -> None:
    """It may have rotated: nobody can tell before its set was read."""

    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.down()
        bench.later(timedelta(minutes=1))
        with pytest.raises(KeysUnreachable):
            await bench.kids("k2")
        assert await bench.kids("k1") == ["k1"]

    run(story)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx2.Response(200, json={"keys": []}),
        lambda: httpx2.Response(200, json={}),
        lambda: httpx2.Response(200, json=[]),
        lambda: httpx2.Response(200, content=b"<html>Sign in</html>"),
        lambda: httpx2.Response(200, json={"keys": [{"kty": "oct", "k": "AAAA", "kid": "k1"}]}),
        lambda: httpx2.Response(200, json={"keys": [None, 7, "x", {"kty": "EC"}]}),
        lambda: httpx2.Response(302, headers={"location": "https://evil.example/jwks.json"}),
        lambda: httpx2.Response(404),
        lambda: httpx2.Response(200, content=b'{"keys": [' + b" " * 600_000 + b"]}"),
    ],
    ids=["empty", "none", "list", "HTML", "secret", "odd", "redirect", "404", "huge"],
)
def test_an_answer_without_a_usable_key_leaves_the_keys_as_they_were(answer: Any) -> None:
    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.world.answers[bench.north.jwks_url] = answer
        bench.later(timedelta(minutes=11))
        assert await bench.kids() == ["k1"]
        assert bench.world.asked == [bench.north.jwks_url] * 2

    run(story)


def test_a_call_waits_for_a_moment_and_the_next_has_the_keys() -> None:
    """Without any key a second (else it would be refused at once), with old ones a quarter."""

    async def story() -> None:
        bench = Bench()
        bench.world.slow[bench.north.jwks_url] = asyncio.Event()
        began = time.monotonic()
        with pytest.raises(KeysUnreachable):
            await bench.kids()
        # Upper bounds have room for a busy machine; a fetch may take 3 s.
        assert 0.9 < time.monotonic() - began < 2.5
        bench.world.slow[bench.north.jwks_url].set()
        assert await bench.kids() == ["k1"]
        assert bench.asked == 1
        bench.later(timedelta(minutes=11))
        bench.world.slow[bench.north.jwks_url].clear()
        began = time.monotonic()
        assert await bench.kids() == ["k1"]
        assert 0.2 < time.monotonic() - began < 0.9

    run(story)


def test_when_the_service_starts_it_fetches_all_keys_and_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a demo or after a power cut, the EHR starts at the same time."""
    monkeypatch.setattr("ehr.client_keys._FIRST_PAUSE_SECONDS", 0.01)

    async def story() -> None:
        bench = Bench()
        bench.down()
        clients = [CdsClient(one.issuer, one.jwks_url) for one in (bench.north, bench.south)]
        starting = asyncio.create_task(bench.keys.fetch_first(clients))
        while bench.asked < 3:
            await asyncio.sleep(0.005)
        bench.up()
        await asyncio.wait_for(starting, 5)
        before = len(bench.world.asked)
        assert await bench.kids() == ["k1"]
        assert await bench.kids("k1", bench.south) == ["k1"]
        assert len(bench.world.asked) == before

    run(story)


def test_a_hanging_ehr_is_given_up_and_rests() -> None:
    async def story() -> None:
        brief = timedelta(milliseconds=20)
        bench = Bench(Patience(wait_for_first=timedelta(seconds=2), fetch=brief))
        bench.world.slow[bench.north.jwks_url] = asyncio.Event()
        for _ in range(3):
            with pytest.raises(KeysUnreachable):
                await bench.kids()
        assert bench.asked == 1

    run(story)


def test_a_known_key_does_not_wait_for_a_stranger_s() -> None:
    """The set is being fetched for an invented kid, and hangs: north's own calls go on."""

    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.later(timedelta(minutes=1))
        bench.world.slow[bench.north.jwks_url] = asyncio.Event()
        stranger = asyncio.create_task(bench.kids("invented"))
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await bench.kids() == ["k1"]
        assert time.monotonic() - began < 0.1
        with pytest.raises(KeysUnreachable):
            await stranger
        bench.world.slow[bench.north.jwks_url].set()

    run(story)


def test_many_calls_at_once_make_one_fetch() -> None:
    async def story() -> None:
        bench = Bench()
        found = await asyncio.gather(*(bench.kids() for _ in range(20)))
        assert found == [["k1"]] * 20
        assert bench.asked == 1

    run(story)


def test_a_clock_that_was_set_back_makes_no_key_live_longer() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.kids()
        bench.later(-timedelta(days=1))
        await bench.kids()
        assert bench.asked == 2

    run(story)


def test_keys_from_a_file_are_never_fetched(tmp_path: Any) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [FIRST.as_dict(private=False)]}))

    async def story() -> None:
        bench = Bench()
        keys = read_key_file(file, ("ES384",))
        client = CdsClient(bench.north.issuer, bench.north.jwks_url, keys)
        assert await bench.keys.candidates(client, "k1", "ES384")
        assert not await bench.keys.candidates(client, "k2", "ES384")
        assert bench.asked == 0

    run(story)
