"""Forged id_tokens: each is wrong in one claim or one key, and each is refused in a sentence."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import smart_ehr
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from smart_ehr import BASE, CLIENT, ORIGIN, FakeEhr

from ehr import id_token
from ehr.id_token import BadIdToken, Expected
from ehr.keys import IssuerKeys

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
SECOND = int(NOW.timestamp())
NONCE = "n" * 48
STRANGER = smart_ehr.key("k1")
RSA = smart_ehr.key("r1", "RS256")
P256 = smart_ehr.key("p1", "ES256")


@pytest.fixture
def ehr() -> FakeEhr:
    return FakeEhr(lambda: NOW)


def checked(ehr: FakeEhr, token: str, keys: IssuerKeys | None = None) -> id_token.User:
    """As the callback does it: look at the header, find keys, check."""

    async def run() -> id_token.User:
        said = id_token.peek(token)
        async with ehr.http() as http:
            found = await (keys or IssuerKeys(lambda: NOW)).candidates(
                http, f"{ORIGIN}/auth/jwks", said.key_id, said.algorithm
            )
        return id_token.check(token, found, Expected(BASE, CLIENT, NONCE, BASE, NOW))

    return asyncio.run(run())


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'kid': 'k1'})}.{part(claims)}."


def with_public_key_as_secret(ehr: FakeEhr) -> Callable[[dict[str, Any]], str]:
    def forge(claims: dict[str, Any]) -> str:
        head = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims)}"
        public = ehr.key.as_pem(private=False)
        seal = hmac.new(public, head.encode(), hashlib.sha256).digest()
        return f"{head}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"

    return forge


def signed_by(key: Any, algorithm: str, **header: Any) -> Callable[[dict[str, Any]], str]:
    return lambda claims: jwt.encode(
        {"alg": algorithm, "kid": "k1", **header}, claims, key, algorithms=[algorithm]
    )


def test_a_good_token_says_who_signed_in(ehr: FakeEhr) -> None:
    user = checked(ehr, ehr.id_token(NONCE))
    assert (user.subject, user.fhir_user, user.name) == (
        "user-1",
        "Practitioner/rowan",
        "Dr. Rowan",
    )


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "ES256", "ES384"])
def test_four_algorithms_are_taken(ehr: FakeEhr, algorithm: str) -> None:
    ehr.algorithm = algorithm
    ehr.key = {"RS": RSA, "ES256": P256}.get(algorithm[:2]) or (
        P256 if algorithm == "ES256" else ehr.key
    )
    ehr.published = [ehr.key]
    assert checked(ehr, ehr.id_token(NONCE)).subject == "user-1"


CLAIMS = [
    ({"iss": "https://evil.example/fhir"}, "issued by somebody else"),
    ({"iss": f"{BASE}/"}, "issued by somebody else"),
    ({"iss": None}, "issued by somebody else"),
    ({"aud": "another-app"}, "another service"),
    ({"aud": []}, "another service"),
    ({"aud": None}, "another service"),
    ({"aud": {"x": CLIENT}}, "another service"),
    ({"aud": [CLIENT, "another-app"]}, "several services"),
    ({"aud": [CLIENT, "another-app"], "azp": "another-app"}, "by another service"),
    ({"azp": "another-app"}, "by another service"),
    ({"azp": ""}, "by another service"),
    ({"exp": SECOND - 61}, "expired"),
    ({"exp": SECOND - 60}, "expired"),
    ({"exp": None}, "does not say when"),
    ({"exp": "later"}, "does not say when"),
    ({"exp": True}, "does not say when"),
    ({"exp": 10**400}, "does not say when"),
    ({"iat": SECOND + 61}, "in the future"),
    ({"iat": None}, "does not say when"),
    ({"nbf": SECOND + 61}, "not valid yet"),
    ({"nonce": "m" * 48}, "another sign-in"),
    ({"nonce": None}, "another sign-in"),
    ({"nonce": ["n" * 48]}, "another sign-in"),
    ({"sub": None}, "no subject"),
    ({"fhirUser": "https://evil.example/fhir/Practitioner/rowan"}, "not one of this EHR"),
    ({"fhirUser": "Observation/1"}, "not one of this EHR"),
    ({"fhirUser": "Practitioner/../Patient/1"}, "not one of this EHR"),
]


@pytest.mark.parametrize(("claims", "words"), CLAIMS, ids=lambda value: str(value)[:50])
def test_a_wrong_claim_is_refused_by_name(ehr: FakeEhr, claims: Any, words: str) -> None:
    ehr.claims = claims
    with pytest.raises(BadIdToken, match=words):
        checked(ehr, ehr.id_token(NONCE))


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        ({"aud": [CLIENT]}, "Practitioner/rowan"),
        ({"aud": [CLIENT, "x"], "azp": CLIENT}, "Practitioner/rowan"),
        ({"exp": SECOND - 59}, "Practitioner/rowan"),
        ({"iat": SECOND + 60}, "Practitioner/rowan"),
        ({"fhirUser": "PractitionerRole/r1"}, "PractitionerRole/r1"),
        ({"fhirUser": None}, None),
    ],
)
def test_what_is_allowed_is_taken(ehr: FakeEhr, claims: Any, user: str | None) -> None:
    """Clocks may be a minute apart; a relative fhirUser is one of this server."""
    ehr.claims = claims
    assert checked(ehr, ehr.id_token(NONCE)).fhir_user == user


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong key", "not signed with a key of its issuer"),
        ("alg none", "algorithm that is trusted"),
        ("alg NONE", "algorithm that is trusted"),
        ("HS256 with the public key", "algorithm that is trusted"),
        ("unknown kid", "not signed with a key of its issuer"),
        ("key in the header", "not signed with a key of its issuer"),
        ("altered claim", "not signed with a key of its issuer"),
        ("no signature", "not signed with a key of its issuer"),
        ("curve of another algorithm", "not signed with a key of its issuer"),
    ],
)
def test_a_forged_signature_is_refused(ehr: FakeEhr, name: str, words: str) -> None:
    good = ehr.id_token(NONCE).split(".")

    def altered(claims: dict[str, Any]) -> str:
        return f"{good[0]}.{part({**claims, 'sub': 'other'})}.{good[2]}"

    forges: dict[str, Callable[[dict[str, Any]], str]] = {
        "wrong key": signed_by(STRANGER, "ES384"),
        "alg none": lambda claims: unsigned(claims, "none"),
        "alg NONE": lambda claims: unsigned(claims, "NONE"),
        "HS256 with the public key": with_public_key_as_secret(ehr),
        "unknown kid": signed_by(STRANGER, "ES384", kid="k9"),
        "key in the header": signed_by(STRANGER, "ES384", jwk=STRANGER.as_dict(private=False)),
        "altered claim": altered,
        "no signature": lambda claims: unsigned(claims, "ES384"),
        "curve of another algorithm": signed_by(P256, "ES256"),
    }
    ehr.forge = forges[name]
    with pytest.raises(BadIdToken, match=words):
        checked(ehr, ehr.id_token(NONCE))


def test_a_kid_of_another_issuer_opens_nothing(ehr: FakeEhr) -> None:
    """Its key has been fetched and kept under the other issuer's address, with the same kid."""
    other = FakeEhr(lambda: NOW)
    other.key = STRANGER
    other.published = [STRANGER]
    keys = IssuerKeys(lambda: NOW)

    async def fill() -> None:
        async with other.http() as http:
            found = await keys.candidates(http, f"{ORIGIN}/auth/jwks?other", "k1", "ES384")
            assert len(found) == 1

    asyncio.run(fill())
    ehr.forge = signed_by(STRANGER, "ES384")
    with pytest.raises(BadIdToken, match="not signed with a key of its issuer"):
        checked(ehr, ehr.id_token(NONCE), keys)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "e30.e30.", "x" * 30_000, "\u00e4.b.c"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadIdToken):
        id_token.peek(token)


def test_keys_are_kept_and_fetched_once_more_for_an_unknown_kid(ehr: FakeEhr) -> None:
    now = [NOW]
    keys = IssuerKeys(lambda: now[0])
    checked(ehr, ehr.id_token(NONCE), keys)
    checked(ehr, ehr.id_token(NONCE), keys)
    assert len(ehr.asked) == 1
    ehr.key = smart_ehr.key("k2")
    ehr.published = [ehr.key]
    assert checked(ehr, ehr.id_token(NONCE), keys).subject == "user-1"
    assert len(ehr.asked) == 2
    ehr.forge = signed_by(STRANGER, "ES384", kid="k3")
    with pytest.raises(BadIdToken):
        checked(ehr, ehr.id_token(NONCE), keys)
    assert len(ehr.asked) == 3
    ehr.forge = None
    now[0] += timedelta(hours=2)
    checked(ehr, ehr.id_token(NONCE), keys)
    assert len(ehr.asked) == 4


def test_a_set_without_kids_is_tried_key_by_key(ehr: FakeEhr) -> None:
    ehr.published = [STRANGER, ehr.key]
    ehr.header = {"kid": None}
    assert checked(ehr, ehr.id_token(NONCE)).subject == "user-1"


def test_odd_keys_in_a_set_are_no_obstacle(ehr: FakeEhr) -> None:
    odd = OctKey.import_key({"kty": "oct", "k": "A" * 43, "kid": "k1"})
    ehr.published = [odd, ehr.key]
    assert checked(ehr, ehr.id_token(NONCE)).subject == "user-1"


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_key_that_is_too_short_proves_nothing(ehr: FakeEhr) -> None:
    """RSA below 2048 bits can be broken: RFC 7518, 3.3."""
    ehr.key = RSAKey.generate_key(1024, {"kid": "k1"})
    ehr.algorithm, ehr.published = "RS256", [ehr.key]
    with pytest.raises(BadIdToken, match="not signed with a key of its issuer"):
        checked(ehr, ehr.id_token(NONCE))
