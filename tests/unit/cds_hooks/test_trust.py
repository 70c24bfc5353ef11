"""Who calls: a registered client's token opens every door of its EHR once, and no other."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cds
import httpx2
import pytest
from cds_client import (
    ABSENT,
    DISCOVERY,
    NORTH_CLINIC,
    NOW,
    SAFETY,
    SERVICE,
    Client,
    Door,
    World,
    b64,
    ec,
    rsa,
)
from prometheus_client import REGISTRY

from cds_hooks import client_token
from cds_hooks.caller import NotTrusted, Reason
from cds_hooks.client_token import LEEWAY, LONGEST_LIFE, LONGEST_TAKEN
from cds_hooks.trust import USES_KEPT
from ehr import log, seal
from store.sealed_cache import CacheDown, SealedCache, connect
from store.token_uses import SharedUses
from taperguard import wiring
from taperguard.doors import trust_of
from taperguard.settings import Settings

REVIEW = "/cds-services/clonazepam-review"
FEEDBACK = f"{SAFETY}/feedback"
SECOND = int(NOW.timestamp())
ORDER_OF_P384 = int(  # SP 800-186, 3.2.1.4
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)

REGISTRY_TEXT = f"""{NORTH_CLINIC}[[ehr.cds_clients]]
issuer = "https://north.example.org/cds"
jwks_url = "https://north.example.org/cds/jwks.json"

[[ehr]]
id = "south"
name = "South Clinic"
issuer = "https://south.example.org/fhir"
fhir_base = "https://south.example.org/fhir"
time_zone = "UTC"
[[ehr.cds_clients]]
issuer = "https://south.example.org/cds"
jwks_url = "https://south.example.org/cds/jwks.json"
algorithms = ["ES256", "RS256"]
tenant = "south-1"
"""
NORTH_KEY = ec("north-1")
RSA_KEY = rsa("rsa-1")


@pytest.fixture
def north() -> Client:
    return Client("https://north.example.org/cds", NORTH_KEY)


@pytest.fixture
def south() -> Client:
    return Client(
        "https://south.example.org/cds", ec("south-1", "P-256"), "ES256", {"tenant": "south-1"}
    )


@pytest.fixture
def world(north: Client, south: Client) -> World:
    return World([north, south])


@pytest.fixture
def door(world: World) -> Door:
    return Door(REGISTRY_TEXT, world)


@pytest.fixture
def reasons() -> Iterator[Callable[[], list[str]]]:
    """The reasons in the log of this test, of calls that were refused."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("json", "INFO", stream)

    def told() -> list[str]:
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [line["reason"] for line in lines if line["event"] == "call refused"]

    yield told
    root.handlers[:], _ = before
    root.setLevel(before[1])


def order(**more: Any) -> dict[str, Any]:
    asked = cds.request([cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")])
    return {**asked, **more}


def report() -> dict[str, Any]:
    return {
        "feedback": [
            {
                "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
                "outcome": "accepted",
                "acceptedSuggestions": [{"id": "d2b7b1c8-5b0e-4f36-9e52-6d8a1c1f0a11"}],
                "outcomeTimestamp": "2026-11-23T15:29:00Z",
            }
        ]
    }


# --- the good ones ----------------------------------------------------------------------------


def test_one_token_for_each_address_opens_discovery_hooks_and_feedback(
    door: Door, north: Client
) -> None:
    assert door.get(f"Bearer {north.token()}").json()["services"]
    answer = door.post(SAFETY, order(), f"Bearer {north.token(SAFETY)}")
    assert (answer.status_code, bool(answer.json()["cards"])) == (200, True)
    answer = door.post(FEEDBACK, report(), f"Bearer {north.token(FEEDBACK)}")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", [DISCOVERY, SAFETY, REVIEW, FEEDBACK, "/cds-services/other"])
def test_no_address_is_open_without_a_token(door: Door, path: str) -> None:
    """Not even one of which a stranger would like to know whether it exists."""
    answer = door.get(path=path) if path == DISCOVERY else door.post(path, {})
    assert (answer.status_code, answer.content) == (401, b"")


def test_the_specification_s_two_algorithms_are_taken_of_everybody(
    door: Door, north: Client
) -> None:
    assert door.get(f"Bearer {north.token()}").status_code == 200
    north.published = [RSA_KEY.as_dict(private=False)]
    north.key, north.algorithm = RSA_KEY, "RS384"
    door.now += timedelta(seconds=11)
    assert door.get(f"Bearer {north.token()}").status_code == 200


def test_es256_and_rs256_are_taken_of_a_client_that_is_registered_with_them(
    door: Door, south: Client
) -> None:
    south.published = [south.key.as_dict(private=False), RSA_KEY.as_dict(private=False)]
    assert door.get(f"Bearer {south.token()}").status_code == 200
    south.key, south.algorithm = RSA_KEY, "RS256"
    assert door.get(f"Bearer {south.token()}").status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_s_letters_may_be_of_any_case(door: Door, north: Client, scheme: str) -> None:
    """RFC 9110, 11.1; and one space or more may stand behind it."""
    assert door.get(f"{scheme} {north.token()}").status_code == 200


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"aud": [f"{SERVICE}{DISCOVERY}"]}),
        ({"jku": "https://north.example.org/cds/jwks.json"}, {}),
        ({"typ": "jwt"}, {}),
        ({"x5t": "a-thumbprint", "x5t#S256": "a-longer-thumbprint"}, {}),
        ({"org.example": ["of a vendor's own"], "padding": "x" * 600}, {}),
        ({}, {"tenant": "north-7", "sub": "whoever"}),
        ({}, {"nbf": SECOND}),
        ({}, {"nbf": SECOND + 60}),
        ({}, {"iat": SECOND + 0.25, "exp": SECOND + 299.75}),
        ({}, {"iat": SECOND, "exp": SECOND + 1}),
        ({}, {"jti": "1"}),
        ({}, {"scope": {"of": ["a vendor", None, 1.5]}, "fhirUser": None}),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_what_a_client_may_say_otherwise_or_beside_is_taken(
    door: Door, north: Client, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    """CDS Hooks lets `aud` be a list of the one address; RFC 7519 lets claims be unknown."""
    assert door.get(f"Bearer {north.token(header=header, **claims)}").status_code == 200


def test_a_query_is_no_part_of_the_address_that_a_token_is_for(door: Door, north: Client) -> None:
    assert door.get(f"Bearer {north.token()}", path=f"{DISCOVERY}?x=1").status_code == 200


def test_an_escaped_path_is_another_address_than_the_plain_one(door: Door, north: Client) -> None:
    """They lead to the same service; a token is for the one that was called, as it was written."""
    escaped = "/cds-services/clonazepam%2Dsafety"
    plain = f"Bearer {north.token(SAFETY)}"
    assert door.post(escaped, order(), plain).status_code == 401
    assert door.post(escaped, order(), f"Bearer {north.token(escaped)}").status_code == 200


def test_a_call_is_about_the_caller_s_own_ehr(door: Door, north: Client, south: Client) -> None:
    door.post(SAFETY, order(), f"Bearer {north.token(SAFETY)}")
    door.post(SAFETY, order(), f"Bearer {south.token(SAFETY)}")
    assert [ehr and ehr.id for ehr in door.answered_for] == ["north", "south"]


def test_a_client_that_names_another_s_fhir_server_is_told_so(door: Door, north: Client) -> None:
    """Its token would go to the other server, and the other's patients would be assessed."""
    asked = order(fhirServer="https://south.example.org/fhir")
    answer = door.post(SAFETY, asked, f"Bearer {north.token(SAFETY)}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["fhirServer"]
    assert door.answered_for == []


# --- clocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_seconds", "status"),
    [(-360, 401), (-359, 200), (-60, 200), (0, 200), (60, 200), (61, 401)],
)
def test_a_client_s_clock_may_be_a_minute_ahead_and_its_token_ends_a_minute_late(
    door: Door, north: Client, ahead_seconds: int, status: int
) -> None:
    """By hand: issued at t + a, it ends at t + a + 300 and is taken until before t + a + 360."""
    issued = SECOND + ahead_seconds
    answer = door.get(f"Bearer {north.token(iat=issued, exp=issued + 300)}")
    assert answer.status_code == status


def test_a_use_is_remembered_for_longer_than_any_token_is_taken() -> None:
    """By hand: issued 60 s ahead of us, 360 s to its end, and 60 s more: 480 s."""
    assert LONGEST_TAKEN == timedelta(seconds=480) == LONGEST_LIFE + 3 * LEEWAY
    assert USES_KEPT > LONGEST_TAKEN + LEEWAY


# --- once -------------------------------------------------------------------------------------


def test_a_token_is_taken_once(door: Door, north: Client, reasons: Callable[[], list[str]]) -> None:
    token = north.token()
    assert door.get(f"Bearer {token}").status_code == 200
    again = door.get(f"Bearer {token}")
    assert (again.status_code, again.content) == (401, b"")
    assert reasons() == ["used-before"]


def test_a_token_opens_no_second_address(
    door: Door, north: Client, reasons: Callable[[], list[str]]
) -> None:
    token = north.token(SAFETY)
    assert door.post(SAFETY, order(), f"Bearer {token}").status_code == 200
    assert door.post(FEEDBACK, report(), f"Bearer {token}").status_code == 401
    assert reasons() == ["wrong-audience"]


def test_the_same_id_in_another_token_of_the_issuer_is_a_second_use(
    door: Door, north: Client
) -> None:
    assert door.get(f"Bearer {north.token(jti='one')}").status_code == 200
    other = north.token(SAFETY, jti="one")
    assert door.post(SAFETY, order(), f"Bearer {other}").status_code == 401


def test_two_issuers_may_use_the_same_id(door: Door, north: Client, south: Client) -> None:
    assert door.get(f"Bearer {north.token(jti='one')}").status_code == 200
    assert door.get(f"Bearer {south.token(jti='one')}").status_code == 200


def test_a_signature_s_twin_is_the_same_token(door: Door, north: Client) -> None:
    """Of every ECDSA signature (r, s) anybody can make (r, n - s), which verifies as well.

    So a use is remembered by the token's id, and not by its text.
    """
    token = north.token()
    head, _, signed = token.rpartition(".")
    raw = urlsafe_b64decode(signed)
    r, s = raw[:48], int.from_bytes(raw[48:], "big")
    twin = f"{head}.{b64(r + (ORDER_OF_P384 - s).to_bytes(48, 'big'))}"
    assert door.get(f"Bearer {twin}").status_code == 200
    assert door.get(f"Bearer {token}").status_code == 401


def test_no_letter_of_a_token_can_be_exchanged(north: Client) -> None:
    token = north.token()
    for place, letter in enumerate(token):
        other = "B" if letter == "A" else "A"
        changed = f"{token[:place]}{other}{token[place + 1 :]}"
        with pytest.raises(NotTrusted):
            client_token.check_signature(client_token.read(changed), [north.key])
    client_token.check_signature(client_token.read(token), [north.key])


def test_a_token_that_was_refused_is_not_used_up(door: Door, north: Client) -> None:
    """Sent to the wrong address first: whoever forges cannot burn the ids of others."""
    token = north.token()
    assert door.post(SAFETY, order(), f"Bearer {token}").status_code == 401
    assert door.get(f"Bearer {token}").status_code == 200


def test_of_twenty_calls_at_once_with_one_token_exactly_one_is_answered(
    world: World, north: Client, broker: Any, sealer: seal.Sealer
) -> None:
    uses = SharedUses(SealedCache(connect(broker.url, 2.0), sealer), USES_KEPT)
    app = Door(REGISTRY_TEXT, world, uses=uses).app
    headers = {"Authorization": f"Bearer {north.token()}"}

    async def calls() -> list[int]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=SERVICE) as client:
            asked = (client.get(DISCOVERY, headers=headers) for _ in range(20))
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert sorted(asyncio.run(calls())) == [200] + [401] * 19
    uses.close()


# --- what we cannot tell ----------------------------------------------------------------------


class Down:
    def is_first(self, *_: str) -> bool:
        raise CacheDown("Redis did not answer")


def test_without_the_memory_of_uses_nobody_is_let_in_and_everybody_may_come_back(
    world: World, north: Client, reasons: Callable[[], list[str]]
) -> None:
    door = Door(REGISTRY_TEXT, world, uses=Down())
    answer = door.get(f"Bearer {north.token()}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    (issue,) = answer.json()["issue"]
    assert issue["code"] == "transient"
    assert issue["diagnostics"].startswith("Nothing was checked or kept: ")
    assert reasons() == ["replay-store-down"]


def test_a_forged_token_is_a_401_also_while_that_memory_is_down(
    world: World, north: Client
) -> None:
    door = Door(REGISTRY_TEXT, world, uses=Down())
    forged = north.token(key=ec("north-1"))
    assert door.get(f"Bearer {forged}").status_code == 401


def test_keys_that_cannot_be_fetched_are_our_trouble_and_not_the_caller_s(
    door: Door, world: World, north: Client, reasons: Callable[[], list[str]]
) -> None:
    world.answers[north.jwks_url] = lambda: httpx2.Response(500)
    answer = door.get(f"Bearer {north.token()}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert reasons() == ["keys-unreachable"]


def test_a_key_set_that_redirects_is_not_followed(door: Door, world: World, north: Client) -> None:
    """Whoever can redirect the registered address would choose the keys."""
    evil = Client("https://evil.example", ec("north-1"))
    world.clients[evil.jwks_url] = evil
    away = {"location": evil.jwks_url}
    world.answers[north.jwks_url] = lambda: httpx2.Response(302, headers=away)
    assert door.get(f"Bearer {north.token(key=evil.key)}").status_code == 503
    assert world.asked == [north.jwks_url]


def test_every_reason_has_its_series_before_anybody_is_refused() -> None:
    count = REGISTRY.get_sample_value(
        "taperguard_refused_calls_total", {"reason": "replay-store-down"}
    )
    assert count is not None


def test_the_runbook_says_of_every_reason_what_it_most_likely_is() -> None:
    runbook = (Path(__file__).parents[3] / "deploy" / "runbook.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*) \|", runbook, re.MULTILINE)
    told = {reason for row in rows for reason in re.findall(r"`([a-z-]+)`", row)}
    assert {reason.value for reason in Reason} <= told


# --- development ------------------------------------------------------------------------------


def test_development_takes_a_call_without_a_token(world: World) -> None:
    door = Door(REGISTRY_TEXT, world, production=False)
    assert door.get().status_code == 200
    assert door.post(SAFETY, order()).status_code == 200
    assert door.answered_for == [None]


def test_development_judges_a_token_that_is_sent_in_full(world: World, north: Client) -> None:
    door = Door(REGISTRY_TEXT, world, production=False)
    assert door.get(f"Bearer {north.token()}").status_code == 200
    for wrong in (
        north.token(key=ec("north-1")),
        north.token(exp=ABSENT),
        north.token(iss="https://nobody.example"),
        "x",
        "",
    ):
        assert door.get(f"Bearer {wrong}").status_code == 401
    assert door.get("Basic bm9ydGg6c2VjcmV0").status_code == 401


@pytest.fixture
def lonely(make_settings: Callable[..., Settings]) -> Iterator[wiring.House]:
    """A house at whose broker's address nothing listens."""
    settings = make_settings(broker_url="redis+socket:///nowhere/broker.sock")
    built = wiring.build(settings, clock=lambda: NOW)
    yield built
    built.close()


def in_production(house: wiring.House) -> wiring.House:
    settings = house.settings.model_copy(update={"env": "production"})
    return replace(house, settings=settings)


def test_a_house_asks_for_a_token_exactly_in_production(lonely: wiring.House) -> None:
    assert trust_of(lonely).may_be_without_token
    assert not trust_of(in_production(lonely)).may_be_without_token


def test_a_house_in_production_lets_nobody_in_without_its_redis(lonely: wiring.House) -> None:
    issuer = "https://north.example.org/cds"
    assert trust_of(lonely).uses.is_first(issuer, "one")
    assert not trust_of(lonely).uses.is_first(issuer, "one")
    with pytest.raises(CacheDown):
        trust_of(in_production(lonely)).uses.is_first(issuer, "two")
