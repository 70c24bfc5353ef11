"""The conversation with an authorization server: discovery, three ways to say who we are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from smart_ehr import BASE, CLIENT, ORIGIN, FakeEhr

from ehr import oauth, token_endpoint
from ehr.errors import EhrError, Unusable
from ehr.keys import MalformedKeys, OurKeys, new_key_set
from ehr.oauth import Tokens
from ehr.registry import ClientAuth, TrustedEhr
from ehr.token_endpoint import NotSignedIn

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
REDIRECT = "https://planner.example/smart/callback"


@pytest.fixture(scope="module")
def our_keys() -> OurKeys:
    return OurKeys(new_key_set())


@pytest.fixture
def ehr() -> FakeEhr:
    return FakeEhr(lambda: NOW)


def registered(**more: Any) -> TrustedEhr:
    return TrustedEhr("north", "North", BASE, BASE, ZoneInfo("UTC"), client_id=CLIENT, **more)


def run(ehr: FakeEhr, work: Callable[[httpx2.AsyncClient], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        async with ehr.http() as http:
            return await work(http)

    return asyncio.run(go())


def signed_in(ehr: FakeEhr, trusted: TrustedEhr, keys: OurKeys | None = None) -> Tokens:
    async def go(http: httpx2.AsyncClient) -> Tokens:
        endpoints = await oauth.discover(http, trusted)
        leaving = oauth.departure(trusted, endpoints, launched=True)
        address = oauth.authorize_url(
            trusted, endpoints, leaving, redirect_uri=REDIRECT, launch="l", audience=BASE
        )
        code = httpx2.URL(ehr.sign_in(address)).params["code"]
        return await oauth.exchange(
            http,
            trusted,
            endpoints,
            leaving,
            code=code,
            redirect_uri=REDIRECT,
            keys=keys,
            now=NOW,
        )

    tokens: Tokens = run(ehr, go)
    return tokens


def test_a_public_client_sends_its_id_and_no_secret(ehr: FakeEhr) -> None:
    tokens = signed_in(ehr, registered())
    assert tokens.patient_id == "alder"
    assert tokens.expires_at == NOW + timedelta(hours=1)
    assert set(ehr.token_forms[0]) == {
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "client_id",
    }


def test_a_secret_is_read_from_its_file_and_sent_as_basic(ehr: FakeEhr, tmp_path: Path) -> None:
    file = tmp_path / "north secret"
    file.write_text("word-1\n")
    ehr.client_secret = "word-1"
    trusted = registered(client_auth=ClientAuth.SECRET, client_secret_file=file)
    assert signed_in(ehr, trusted).access
    assert "word-1" not in str(ehr.token_forms)
    ehr.client_secret = "word-2"
    with pytest.raises(NotSignedIn, match="does not know this service") as refused:
        signed_in(ehr, trusted)
    assert "word" not in str(refused.value)
    file.unlink()
    with pytest.raises(NotSignedIn, match="cannot be read"):
        signed_in(ehr, trusted)


@pytest.mark.parametrize(
    ("taken", "algorithm"),
    [
        ([], "ES384"),
        (["ES384", "RS384"], "ES384"),
        (["RS384"], "RS384"),
        (["RS256", "RS384"], "RS384"),
    ],
)
def test_an_assertion_is_short_lived_and_never_the_same(
    ehr: FakeEhr, our_keys: OurKeys, taken: list[str], algorithm: str
) -> None:
    """The fake server refuses a used jti and a life of more than 300 s."""
    ehr.client_keys = KeySet.import_key_set(our_keys.public())
    ehr.configuration["token_endpoint_auth_signing_alg_values_supported"] = taken
    trusted = registered(client_auth=ClientAuth.KEY)
    assert signed_in(ehr, trusted, our_keys).access
    assert signed_in(ehr, trusted, our_keys).access
    assert len(ehr.jtis) == 2
    token = jwt.decode(
        ehr.token_forms[0]["client_assertion"], ehr.client_keys, algorithms=[algorithm]
    )
    assert token.header["kid"] in {key["kid"] for key in our_keys.public()["keys"]}
    assert token.claims["exp"] - token.claims["iat"] == token_endpoint.ASSERTION_SECONDS <= 300
    assert token.claims["iat"] == int(NOW.timestamp())
    assert "client_id" not in ehr.token_forms[0]


def test_without_a_key_that_the_server_takes_nothing_is_sent(
    ehr: FakeEhr, our_keys: OurKeys
) -> None:
    trusted = registered(client_auth=ClientAuth.KEY)
    with pytest.raises(NotSignedIn, match="no key"):
        signed_in(ehr, trusted, None)
    ehr.configuration["token_endpoint_auth_signing_alg_values_supported"] = ["ES256"]
    with pytest.raises(NotSignedIn, match="no key"):
        signed_in(ehr, trusted, our_keys)
    assert ehr.token_forms == []


def test_an_endpoint_on_a_registered_origin_is_taken(ehr: FakeEhr) -> None:
    ehr.configuration["authorization_endpoint"] = "https://login.example.org/authorize"
    with pytest.raises(Unusable, match="not its own"):
        run(ehr, lambda http: oauth.discover(http, registered()))
    trusted = registered(endpoint_origins=("https://login.example.org",))
    found = run(ehr, lambda http: oauth.discover(http, trusted))
    assert found.authorize == "https://login.example.org/authorize"


def test_endpoints_survive_being_kept(ehr: FakeEhr) -> None:
    found = run(ehr, lambda http: oauth.discover(http, registered()))
    assert oauth.Endpoints.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    "said",
    [
        {"authorization_endpoint": None},
        {"token_endpoint": 5},
        {"token_endpoint": "https://[::1"},
        {"token_endpoint": f"{ORIGIN}/auth/token#x"},
    ],
)
def test_a_configuration_that_cannot_be_used_is_a_sentence(ehr: FakeEhr, said: Any) -> None:
    ehr.configuration |= said
    with pytest.raises(EhrError):
        run(ehr, lambda http: oauth.discover(http, registered()))


def test_the_openid_configuration_must_be_that_of_the_issuer(ehr: FakeEhr) -> None:
    """The issuer that only an unverified token names is asked only at the EHR's own address."""
    del ehr.configuration["jwks_uri"], ehr.configuration["issuer"]
    endpoints = run(ehr, lambda http: oauth.discover(http, registered()))
    ehr.openid = {"issuer": f"{BASE}x", "jwks_uri": f"{ORIGIN}/auth/jwks"}

    def keys(claimed: str | None) -> Any:
        return run(ehr, lambda http: oauth.openid_keys(http, registered(), endpoints, claimed))

    with pytest.raises(Unusable, match="another issuer"):
        keys(BASE)
    with pytest.raises(Unusable, match="not its own"):
        keys("https://evil.example")
    assert ehr.evil == []
    ehr.openid = {"issuer": BASE, "jwks_uri": "https://evil.example/jwks"}
    with pytest.raises(Unusable, match="not its own"):
        keys(BASE)
    ehr.openid = {"issuer": BASE, "jwks_uri": "/auth/jwks"}
    assert keys(None) == (BASE, f"{ORIGIN}/auth/jwks")


def test_the_way_there_is_never_the_same(ehr: FakeEhr) -> None:
    """State of at least 122 bits: 48 characters of 62 are 285."""
    endpoints = run(ehr, lambda http: oauth.discover(http, registered()))
    ways = [oauth.departure(registered(), endpoints, launched=True) for _ in range(50)]
    assert len({way.state for way in ways} | {way.nonce for way in ways}) == 100
    assert len({way.verifier for way in ways}) == 50
    assert all(len(way.state) == 48 and 43 <= len(way.verifier) <= 128 for way in ways)
    assert "verifier" not in repr(ways[0])


def test_registered_scopes_are_asked_for_with_the_right_context(ehr: FakeEhr) -> None:
    trusted = registered(scopes=("openid", "fhirUser", "launch", "patient/Patient.r"))
    endpoints = run(ehr, lambda http: oauth.discover(http, trusted))
    asked = [oauth.departure(trusted, endpoints, launched=way).scopes for way in (True, False)]
    assert set(asked[0]) == {"openid", "fhirUser", "patient/Patient.r", "launch"}
    assert set(asked[1]) == {"openid", "fhirUser", "patient/Patient.r", "launch/patient"}


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(600, 600), ("600", 600), (None, 300), (-5, 300), (True, 300), (10**9, 86400), (0.5, 0)],
)
def test_a_token_s_life_is_read_tolerantly(ehr: FakeEhr, expires_in: Any, seconds: int) -> None:
    ehr.token_answer = {"expires_in": expires_in}
    assert signed_in(ehr, registered()).expires_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": []}', '{"keys": [{"kty": "oct"}]}'])
def test_unusable_signing_keys_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(MalformedKeys):
        OurKeys(text)


def test_a_public_key_is_no_signing_key(our_keys: OurKeys) -> None:
    with pytest.raises(MalformedKeys, match="private"):
        OurKeys(json.dumps(our_keys.public()))
