"""Forged and wrong tokens: each is wrong in one thing, and each is refused with a bare 401.

The caller learns nothing; we have one line in the log, with the reason, and count it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
    Json,
    World,
    as_bytes,
    b64,
    ec,
    rsa,
    sealed,
    signs,
    without_absent,
)
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from prometheus_client import REGISTRY

from cds_hooks.caller import Reason
from ehr import log

SECOND = int(NOW.timestamp())
AUD = f"{SERVICE}{DISCOVERY}"
STRANGER = ec("north-1")  # a stranger's key, under the name of north's
ENCRYPTING = ec("north-enc")
DECRYPTING = ec("north-ops")
OF_ANOTHER_ALGORITHM = ec("north-alg")
P256 = ec("north-p256", "P-256")
NORTH_RSA = rsa("north-rsa")

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
algorithms = ["RS256"]
tenant = "south-1"
subject = "south-ehr"

[[ehr]]
id = "weak"
name = "A clinic with short keys"
issuer = "https://weak.example.org/fhir"
fhir_base = "https://weak.example.org/fhir"
time_zone = "UTC"
[[ehr.cds_clients]]
issuer = "https://weak.example.org/cds"
jwks_url = "https://weak.example.org/cds/jwks.json"
"""


@dataclass
class Clients:
    north: Client
    south: Client
    weak: Client


@pytest.fixture(scope="module")
def clients() -> Clients:
    north = Client("https://north.example.org/cds", ec("north-1"))
    north.published = [
        north.key.as_dict(private=False),
        {**ENCRYPTING.as_dict(private=False), "use": "enc"},
        {**DECRYPTING.as_dict(private=False), "key_ops": ["sign"]},
        {**OF_ANOTHER_ALGORITHM.as_dict(private=False), "alg": "ES256"},
        P256.as_dict(private=False),
        NORTH_RSA.as_dict(private=False),
        {"kty": "oct", "kid": "north-oct", "k": b64(b"k" * 48)},
    ]
    south = Client(
        "https://south.example.org/cds",
        rsa("south-1"),
        "RS256",
        {"tenant": "south-1", "sub": "south-ehr"},
    )
    weak = Client("https://weak.example.org/cds", rsa("weak-1", 1024), "RS384")
    return Clients(north, south, weak)


@pytest.fixture(scope="module")
def world(clients: Clients) -> World:
    return World([clients.north, clients.south, clients.weak])


@pytest.fixture(scope="module")
def door(world: World) -> Door:
    """One door for all of them: a token that is refused leaves no trace behind."""
    return Door(REGISTRY_TEXT, world)


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[str]]]:
    """What was written to the log in this test; logging is as it was afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("json", "INFO", stream)
    yield lambda: stream.getvalue().splitlines()
    root.handlers[:], _ = before
    root.setLevel(before[1])


# --- how to forge -----------------------------------------------------------------------------

Forge = Callable[[Clients], Any]


def north(**claims: Any) -> Forge:
    """A token of north that is good but for these claims."""
    return lambda all_: f"Bearer {all_.north.token(**claims)}"


def south(**claims: Any) -> Forge:
    return lambda all_: f"Bearer {all_.south.token(**claims)}"


def south_by(algorithm: str) -> Forge:
    """A token of south, signed by south with an algorithm that is not registered for it."""

    def forge(all_: Clients) -> str:
        said = all_.south.header(alg=algorithm)
        return f"Bearer {sealed(said, all_.south.said(), signs(all_.south.key, algorithm))}"

    return forge


def head(**parameters: Any) -> Forge:
    """A token of north, signed by north, whose header holds this as well, or instead."""
    return lambda all_: f"Bearer {all_.north.token(header=parameters)}"


def by(key: Any, algorithm: str = "ES384", **header: Any) -> Forge:
    """A token in north's name that somebody else's key has signed."""

    def forge(all_: Clients) -> str:
        said = all_.north.header(**{"alg": algorithm, **header})
        return f"Bearer {sealed(without_absent(said), all_.north.said(), signs(key, algorithm))}"

    return forge


def of_bytes(alter: Callable[[Json, Json], tuple[object, object]]) -> Forge:
    """A token of north, rightly signed, whose header and claims are written as `alter` says."""

    def forge(all_: Clients) -> str:
        header, claims = alter(all_.north.header(), all_.north.said())
        return f"Bearer {sealed(header, claims, signs(all_.north.key, 'ES384'))}"

    return forge


def with_text(old: str, new: str) -> Forge:
    """A token of north in whose claims a text was replaced before it was signed."""

    def alter(header: Json, claims: Json) -> tuple[object, object]:
        text = json.dumps(claims, separators=(",", ":"))
        assert old in text
        return header, text.replace(old, new).encode()

    return of_bytes(alter)


def with_secret(algorithm: str, secret_of: Callable[[Any], bytes]) -> Forge:
    """The public key taken for a shared secret: whoever has it could sign."""

    def forge(all_: Clients) -> str:
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
        secret = secret_of(all_.north.key)
        said = all_.north.header(alg=algorithm)

        def sign(text: bytes) -> bytes:
            return hmac.new(secret, text, digest[algorithm]).digest()

        return f"Bearer {sealed(said, all_.north.said(), sign)}"

    return forge


def unsigned(algorithm: object) -> Forge:
    def forge(all_: Clients) -> str:
        return f"Bearer {sealed(all_.north.header(alg=algorithm), all_.north.said(), no_bytes)}"

    return forge


def no_bytes(_: bytes) -> bytes:
    return b""


def signature(alter: Callable[[bytes], bytes]) -> Forge:
    """A token of north whose signature was changed afterwards."""

    def forge(all_: Clients) -> str:
        first, second, third = all_.north.token().split(".")
        raw = base64.urlsafe_b64decode(third + "==")
        return f"Bearer {first}.{second}.{b64(alter(raw))}"

    return forge


def der(all_: Clients) -> str:
    """ECDSA as X.509 writes it, and not as JWS does (RFC 7518, 3.4)."""
    private = all_.north.key.get_op_key("sign")
    sign = lambda text: private.sign(text, ECDSA(hashes.SHA384()))  # noqa: E731
    return f"Bearer {sealed(all_.north.header(), all_.north.said(), sign)}"


def of_another_token(all_: Clients) -> str:
    first, second, _ = all_.north.token().split(".")
    return f"Bearer {first}.{second}.{all_.north.token().split('.')[2]}"


def part(number: int, alter: Callable[[str], str]) -> Forge:
    """A token of north one of whose parts was rewritten as text."""

    def forge(all_: Clients) -> str:
        parts = all_.north.token().split(".")
        parts[number] = alter(parts[number])
        return f"Bearer {'.'.join(parts)}"

    return forge


def loose_end(text: str) -> str:
    """The same bytes said otherwise: bits behind the last byte that no decoder reads."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(text) % 4 == 0:
        return f"{text}="
    return text[:-1] + letters[letters.index(text[-1]) + 1]


def with_loose_signature(all_: Clients) -> str:
    """RSA's: 256 bytes end in the middle of a letter, the 96 of ECDSA do not."""
    first, second, third = all_.south.token().split(".")
    return f"Bearer {first}.{second}.{loose_end(third)}"


def changed_claim(all_: Clients) -> str:
    first, second, third = all_.north.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(second + "=="))
    return f"Bearer {first}.{b64(as_bytes({**claims, 'jti': 'another'}))}.{third}"


def whole(text: str) -> Forge:
    return lambda _: text


def around(before: str, after: str = "") -> Forge:
    return lambda all_: f"{before}{all_.north.token()}{after}"


def twice(all_: Clients) -> Sequence[str]:
    return (f"Bearer {all_.north.token()}", f"Bearer {all_.north.token()}")


def nested(all_: Clients) -> str:
    return of_bytes(lambda header, _: ({**header, "cty": "JWT"}, all_.north.token().encode()))(all_)


def flattened(all_: Clients) -> str:
    """The JSON form of a signed text (RFC 7515, 7.2)."""
    protected, payload, signed = all_.north.token().split(".")
    return f"Bearer {json.dumps({'protected': protected, 'payload': payload, 'signature': signed})}"


FORGED: list[tuple[str, str, Forge]] = [
    # What is no token
    ("no Authorization at all", "no-token", lambda _: ()),
    ("an empty Authorization", "not-bearer", whole("")),
    ("a password", "not-bearer", whole("Basic bm9ydGg6c2VjcmV0")),
    ("another scheme before a good token", "not-bearer", around("Token ")),
    ("no scheme before a good token", "not-bearer", around("")),
    ("a tab behind the scheme", "not-bearer", around("Bearer\t")),
    ("two headers with a good token each", "several-tokens", twice),
    ("two tokens in one header", "malformed", lambda a: f"{north()(a)}, {north()(a)}"),
    ("the scheme alone", "malformed", whole("Bearer")),
    ("something behind the token", "malformed", around("Bearer ", " x")),
    ("a fourth part", "malformed", around("Bearer ", ".e30")),
    ("two parts", "malformed", whole("Bearer e30.e30")),
    ("three empty parts", "malformed", whole("Bearer ..")),
    ("an encrypted token", "malformed", whole("Bearer e30.a.b.c.d")),
    ("the JSON form", "malformed", flattened),
    ("letters beyond ASCII", "malformed", whole("Bearer \u00e9.\u00e9.\u00e9")),
    ("a huge token", "too-large", north(padding="x" * 9_000)),
    # The algorithm
    ("alg none", "algorithm-not-taken", unsigned("none")),
    ("alg None", "algorithm-not-taken", unsigned("None")),
    ("alg NONE", "algorithm-not-taken", unsigned("NONE")),
    ("alg nOnE", "algorithm-not-taken", unsigned("nOnE")),
    ("alg empty", "algorithm-not-taken", unsigned("")),
    ("alg null", "algorithm-not-taken", unsigned(None)),
    ("alg a list", "algorithm-not-taken", head(alg=["ES384"])),
    ("alg in lower case", "algorithm-not-taken", head(alg="es384")),
    ("alg absent", "algorithm-not-taken", head(alg=ABSENT)),
    (
        "HS256 with the public key as the secret",
        "algorithm-not-taken",
        with_secret("HS256", lambda key: key.as_pem(private=False)),
    ),
    (
        "HS384 with the published key as the secret",
        "algorithm-not-taken",
        with_secret("HS384", lambda key: as_bytes(key.as_dict(private=False))),
    ),
    ("HS512 with an empty secret", "algorithm-not-taken", with_secret("HS512", lambda _: b"")),
    ("PS384", "algorithm-not-taken", by(NORTH_RSA, "PS384", kid="north-rsa")),
    ("ES512", "algorithm-not-taken", head(alg="ES512")),
    (
        "RS256 of a client that is not registered with it",
        "algorithm-not-registered",
        by(NORTH_RSA, "RS256", kid="north-rsa"),
    ),
    (
        "ES256 of a client that is not registered with it",
        "algorithm-not-registered",
        by(P256, "ES256", kid="north-p256"),
    ),
    (
        "RS384 of a client that is registered with RS256 alone",
        "algorithm-not-registered",
        south_by("RS384"),
    ),
    # The header
    (
        "a key in the header",
        "key-in-header",
        by(STRANGER, jwk=STRANGER.as_dict(private=False)),
    ),
    ("north's own key in the header", "key-in-header", head(jwk={"kty": "EC"})),
    ("a certificate in the header", "key-in-header", by(STRANGER, x5c=["MIIB"])),
    ("a certificate elsewhere", "key-in-header", by(STRANGER, x5u="https://evil.example/c.pem")),
    ("a critical extension", "not-plain", head(crit=["exp"], exp=SECOND + 300)),
    ("an empty crit", "not-plain", head(crit=[])),
    ("b64 false", "not-plain", head(b64=False, crit=["b64"])),
    ("b64 without crit", "not-plain", head(b64=True)),
    ("compressed", "not-plain", head(zip="DEF")),
    ("a token in the token", "not-plain", nested),
    ("encryption named", "not-plain", head(enc="A256GCM")),
    ("no typ", "no-jwt", head(typ=ABSENT)),
    ("an access token", "no-jwt", head(typ="at+jwt")),
    ("typ a list", "no-jwt", head(typ=["JWT"])),
    ("no kid", "no-key-id", head(kid=ABSENT)),
    ("an empty kid", "no-key-id", head(kid="")),
    ("kid a number", "no-key-id", head(kid=1)),
    ("a jku elsewhere", "key-elsewhere", by(STRANGER, jku="https://evil.example/jwks.json")),
    (
        "a jku that leads elsewhere by a redirect",
        "key-elsewhere",
        by(STRANGER, jku="https://north.example.org/go?to=https://evil.example/jwks.json"),
    ),
    (
        "a jku that begins like the registered one",
        "key-elsewhere",
        by(STRANGER, jku="https://north.example.org/cds/jwks.json.evil.example"),
    ),
    (
        "a jku with a user before the host",
        "key-elsewhere",
        by(STRANGER, jku="https://north.example.org@evil.example/cds/jwks.json"),
    ),
    (
        "another issuer's jku",
        "key-elsewhere",
        by(STRANGER, jku="https://south.example.org/cds/jwks.json"),
    ),
    (
        "the registered jku with a fragment",
        "key-elsewhere",
        head(jku="https://north.example.org/cds/jwks.json#"),
    ),
    ("a jku that is null", "key-elsewhere", head(jku=None)),
    ("a jku that is a list", "key-elsewhere", head(jku=["https://north.example.org"])),
    # The key
    ("a stranger's key under north's kid", "bad-signature", by(STRANGER)),
    (
        "the key and kid of another registered issuer",
        "algorithm-not-registered",
        lambda a: by(a.south.key, "RS256", kid="south-1")(a),
    ),
    (
        "the kid of another registered issuer",
        "unknown-key",
        lambda a: by(a.north.key, kid="south-1")(a),
    ),
    (
        "the key of another issuer, with an algorithm that north uses",
        "unknown-key",
        lambda a: by(a.south.key, "RS384", kid="south-1")(a),
    ),
    ("a kid that nobody knows", "unknown-key", by(STRANGER, kid="north-2")),
    ("a kid that is a path", "unknown-key", by(STRANGER, kid="../../etc/passwd")),
    ("a kid that is a question", "unknown-key", by(STRANGER, kid="x' OR '1'='1")),
    ("a key for encryption", "unknown-key", by(ENCRYPTING, kid="north-enc")),
    ("a key that may not verify", "unknown-key", by(DECRYPTING, kid="north-ops")),
    ("a key of another algorithm", "unknown-key", by(OF_ANOTHER_ALGORITHM, kid="north-alg")),
    ("a kid of an RSA key with ES384", "unknown-key", by(STRANGER, kid="north-rsa")),
    ("a kid of a shared secret", "unknown-key", by(STRANGER, kid="north-oct")),
    ("a kid of a key on another curve", "unknown-key", by(STRANGER, kid="north-p256")),
    (
        "an RSA key of 1024 bits",
        "unknown-key",
        lambda a: f"Bearer {a.weak.token()}",
    ),
    # The signature
    ("no signature", "bad-signature", part(2, lambda _: "")),
    ("a signature of zeros", "bad-signature", signature(lambda raw: bytes(len(raw)))),
    ("half a signature", "bad-signature", signature(lambda raw: raw[:48])),
    ("a longer signature", "bad-signature", signature(lambda raw: raw + b"\0")),
    ("a bit of the signature", "bad-signature", signature(lambda r: r[:-1] + bytes([r[-1] ^ 1]))),
    ("r and s exchanged", "bad-signature", signature(lambda raw: raw[48:] + raw[:48])),
    ("a signature as X.509 writes it", "bad-signature", der),
    ("the signature of another token", "bad-signature", of_another_token),
    ("a claim that was changed", "bad-signature", changed_claim),
    ("a signature with loose ends", "bad-signature", with_loose_signature),
    # How it is written
    ("base64 with loose ends in the header", "malformed", part(0, loose_end)),
    ("base64 with loose ends in the claims", "malformed", part(1, loose_end)),
    ("padding", "malformed", part(1, lambda text: f"{text}=")),
    ("a header that is no JSON", "malformed", of_bytes(lambda _, c: (b"alg: ES384", c))),
    ("a header that is a list", "malformed", of_bytes(lambda h, c: ([h], c))),
    ("claims that are no JSON", "malformed", of_bytes(lambda h, _: (h, b"iss=north"))),
    ("claims that are a list", "malformed", of_bytes(lambda h, c: (h, [c]))),
    ("claims that are null", "malformed", of_bytes(lambda h, _: (h, b"null"))),
    (
        "claims in UTF-16",
        "malformed",
        of_bytes(lambda h, c: (h, json.dumps(c).encode("utf-16"))),
    ),
    ("claims with a byte order mark", "malformed", of_bytes(lambda h, _: (h, b"\xef\xbb\xbf{}"))),
    ("claims that are no UTF-8", "malformed", of_bytes(lambda h, _: (h, b'{"iss":"\xff"}'))),
    (
        "a list in a list in a list",
        "malformed",
        of_bytes(lambda h, _: (h, b"[" * 2500 + b"]" * 2500)),
    ),
    (
        "alg stated twice",
        "malformed",
        of_bytes(lambda h, c: (b'{"alg":"none",' + as_bytes(h)[1:], c)),
    ),
    ("iss stated twice", "malformed", with_text('{"iss"', '{"iss":"https://evil.example","iss"')),
    ("aud stated twice", "malformed", with_text('"aud"', '"aud":"https://evil.example","aud"')),
    # The issuer
    ("an issuer that nobody registered", "unknown-issuer", north(iss="https://evil.example")),
    ("no issuer", "unknown-issuer", north(iss=ABSENT)),
    ("an issuer that is null", "unknown-issuer", north(iss=None)),
    ("issuers in a list", "unknown-issuer", north(iss=["https://north.example.org/cds"])),
    (
        "the issuer with a slash at its end",
        "unknown-issuer",
        north(iss="https://north.example.org/cds/"),
    ),
    (
        "the issuer in other letters",
        "unknown-issuer",
        north(iss="https://NORTH.example.org/cds"),
    ),
    (
        "the issuer with a dot behind its host",
        "unknown-issuer",
        north(iss="https://north.example.org./cds"),
    ),
    (
        "the issuer with a Cyrillic o",
        "unknown-issuer",
        north(iss="https://n\u043erth.example.org/cds"),
    ),
    (
        "the issuer in full-width letters",
        "unknown-issuer",
        north(iss="https://\uff4eorth.example.org/cds"),
    ),
    (
        "the issuer with an invisible letter",
        "unknown-issuer",
        north(iss="https://north\u200b.example.org/cds"),
    ),
    ("the issuer with a space", "unknown-issuer", north(iss=" https://north.example.org/cds")),
    (
        "the issuer with half a character",
        "unknown-issuer",
        north(iss="https://north.example.org/cds\ud800"),
    ),
    # The audience
    ("no audience", "wrong-audience", north(aud=ABSENT)),
    ("an empty audience", "wrong-audience", north(aud="")),
    ("another service", "wrong-audience", north(aud="https://other.example.com/cds-services")),
    ("our address alone", "wrong-audience", north(aud=SERVICE)),
    ("the beginning of the address", "wrong-audience", north(aud=f"{SERVICE}/cds")),
    ("a service where discovery was called", "wrong-audience", north(aud=f"{SERVICE}{SAFETY}")),
    ("the address with a slash at its end", "wrong-audience", north(aud=f"{AUD}/")),
    ("the address with a query", "wrong-audience", north(aud=f"{AUD}?x=1")),
    ("the address with a fragment", "wrong-audience", north(aud=f"{AUD}#x")),
    ("the address with its port", "wrong-audience", north(aud=AUD.replace(".com", ".com:443"))),
    ("the address in other letters", "wrong-audience", north(aud=AUD.upper())),
    ("the address without TLS", "wrong-audience", north(aud=AUD.replace("https", "http"))),
    ("the address with a way back", "wrong-audience", north(aud=f"{SERVICE}/x/../cds-services")),
    ("the address, escaped", "wrong-audience", north(aud=AUD.replace("-", "%2D"))),
    ("several services", "wrong-audience", north(aud=[AUD, "https://other.example.com"])),
    ("the address twice", "wrong-audience", north(aud=[AUD, AUD])),
    ("a list in a list", "wrong-audience", north(aud=[[AUD]])),
    ("an empty list of services", "wrong-audience", north(aud=[])),
    ("an audience that is an object", "wrong-audience", north(aud={AUD: AUD})),
    # The times
    ("expired", "expired", north(iat=SECOND - 360, exp=SECOND - 60)),
    ("expired a year ago", "expired", north(iat=SECOND - 31_536_300, exp=SECOND - 31_536_000)),
    ("issued in the future", "not-yet-valid", north(iat=SECOND + 61, exp=SECOND + 300)),
    ("not valid yet", "not-yet-valid", north(nbf=SECOND + 61)),
    ("valid for an hour", "lives-too-long", north(exp=SECOND + 3600)),
    ("valid for six minutes and a second", "lives-too-long", north(exp=SECOND + 361)),
    ("valid for a century", "lives-too-long", north(exp=SECOND + 3_155_760_000)),
    ("issued in 1970 and still valid", "lives-too-long", north(iat=0)),
    ("no expiry", "unusable-times", north(exp=ABSENT)),
    ("no time of issue", "unusable-times", north(iat=ABSENT)),
    ("an expiry that is null", "unusable-times", north(exp=None)),
    ("an expiry in words", "unusable-times", north(exp="tomorrow")),
    ("an expiry as text", "unusable-times", north(exp=str(SECOND + 300))),
    ("a time of issue as text", "unusable-times", north(iat=str(SECOND))),
    ("an expiry that is true", "unusable-times", north(exp=True)),
    ("an expiry in milliseconds", "unusable-times", north(exp=(SECOND + 300) * 1000)),
    ("a negative expiry", "unusable-times", north(exp=-1)),
    ("an expiry before its issue", "unusable-times", north(iat=SECOND, exp=SECOND)),
    ("an expiry in a list", "unusable-times", north(exp=[SECOND + 300])),
    ("an expiry of 1e400", "unusable-times", with_text(str(SECOND + 300), "1e400")),
    (
        "an expiry of 1e999999999999999999999",
        "malformed",
        with_text(str(SECOND + 300), "1e" + "9" * 21),
    ),
    ("an expiry of 5000 digits", "malformed", with_text(str(SECOND + 300), "9" * 5000)),
    ("an expiry of NaN", "malformed", with_text(str(SECOND + 300), "NaN")),
    ("an expiry of Infinity", "malformed", with_text(str(SECOND + 300), "Infinity")),
    ("a nbf that is null", "unusable-times", north(nbf=None)),
    ("a nbf as text", "unusable-times", north(nbf="0")),
    # The id
    ("no jti", "no-token-id", north(jti=ABSENT)),
    ("an empty jti", "no-token-id", north(jti="")),
    ("jti a number", "no-token-id", north(jti=7)),
    ("jti null", "no-token-id", north(jti=None)),
    ("jti a list", "no-token-id", north(jti=["a"])),
    ("a jti of a thousand characters", "no-token-id", north(jti="x" * 1000)),
    ("a jti with half a character", "no-token-id", north(jti="a\ud800")),
    ("a jti with a line break", "no-token-id", north(jti="a\nb")),
    # The site
    ("another tenant", "wrong-tenant", south(tenant="south-2")),
    ("no tenant", "wrong-tenant", south(tenant=ABSENT)),
    ("the tenant in other letters", "wrong-tenant", south(tenant="South-1")),
    ("tenants in a list", "wrong-tenant", south(tenant=["south-1"])),
    ("another subject", "wrong-subject", south(sub="somebody")),
    ("no subject", "wrong-subject", south(sub=ABSENT)),
]


def count_of(reason: str) -> float:
    return REGISTRY.get_sample_value("taperguard_refused_calls_total", {"reason": reason}) or 0.0


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    ("reason", "forge"), [one[1:] for one in FORGED], ids=[one[0] for one in FORGED]
)
def test_a_wrong_token_gets_a_bare_401_one_line_in_the_log_and_is_counted(
    clients: Clients,
    world: World,
    door: Door,
    log_lines: Callable[[], list[str]],
    reason: str,
    forge: Forge,
) -> None:
    forged = forge(clients)
    given = (forged,) if isinstance(forged, str) else forged
    before = count_of(reason)
    answer = door.get(*(value.encode("utf-8") for value in given))
    assert (answer.status_code, answer.content) == (401, b"")
    assert dict(answer.headers) == {"www-authenticate": "Bearer", "content-length": "0"}
    (line,) = log_lines()
    said = json.loads(line)
    assert (said["event"], said["reason"]) == ("call refused", reason)
    assert said["ehr"] in (None, "north", "south", "weak")
    assert set(said) == {"event", "level", "logger", "timestamp", "reason", "ehr"}
    assert count_of(reason) == before + 1
    # Nobody is asked but the registered issuers, whatever the token says.
    assert set(world.asked) <= set(world.clients)


def test_the_table_holds_at_least_45_and_every_reason_that_a_token_can_give() -> None:
    assert len(FORGED) >= 45
    told_elsewhere = {"used-before", "keys-unreachable", "replay-store-down"}  # test_trust.py
    assert {one[1] for one in FORGED} == {reason.value for reason in Reason} - told_elsewhere


def test_the_tokens_that_are_not_wrong_pass(clients: Clients, door: Door) -> None:
    """So that each of the above is refused for the one thing in which it differs."""
    for client in (clients.north, clients.south):
        assert door.get(f"Bearer {client.token()}").status_code == 200
