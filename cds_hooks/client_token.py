"""The token of a CDS client, part by part (CDS Hooks 2.0, Trusting CDS Clients; RFC 7515, 7519).

The header is judged here, before any key is touched: it never tells where a key comes from, and
no library is asked what an algorithm may be. Every part is accounted for:

| part | what is done with it |
|---|---|
| `alg` | one of those registered for the client |
| `typ` | "JWT" |
| `kid` | names a key of the issuer, and of nobody else |
| `jku` | refused unless it is the registered address |
| `jwk`, `x5u`, `x5c` | refused: they bring a key along |
| `crit`, `b64`, `zip`, `enc`, `cty` | refused: no extension is known here, no inner token |
| other parameters (`x5t` ...) | ignored, as RFC 7515 asks |
| `iss` | registered, compared as written |
| `aud` | the address that was called, as text or as the one element of a list |
| `exp`, `iat`, `nbf` | numbers; `LEEWAY` apart at most from our clock, a life of `LONGEST_LIFE` |
| `jti` | a text, used once |
| `tenant`, `sub` | as registered, where the client is registered with one |
| other claims | ignored, as RFC 7519 asks |
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from cds_hooks.caller import NotTrusted, Reason
from ehr.cds_client import ALGORITHMS, CdsClient
from ehr.keys import Key

LEEWAY = timedelta(seconds=60)
"""How far two clocks may be apart."""

LONGEST_LIFE = timedelta(minutes=5)
"""From `iat` to `exp`; a client that rounds them apart has the leeway beside it."""

LONGEST_TAKEN = LONGEST_LIFE + 3 * LEEWAY
"""No token is taken for longer: issued a leeway ahead of us, it ends after its life and a leeway,
and is taken for another leeway after that. Its use has to be remembered for longer than this."""

MOST_CHARACTERS = 8_000

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)
_KEY_ALONG = ("jwk", "x5u", "x5c")
_NOT_PLAIN = ("crit", "b64", "zip", "enc", "cty")
_TOKEN_ID = re.compile(r"[\x20-\x7e]{1,500}")
_LAST_SECOND = 10**11


@dataclass(frozen=True, slots=True)
class ClientToken:
    """A token with a header that may be trusted; what it claims is not proven yet."""

    compact: str = field(repr=False)
    algorithm: str
    key_id: str
    key_address: str | None
    issuer: str
    claims: Mapping[str, Any] = field(repr=False)


def bearer(authorization: Sequence[str]) -> str | None:
    """The token of the Authorization headers; None without one. Raises NotTrusted."""
    if not authorization:
        return None
    if len(authorization) > 1:
        raise NotTrusted(Reason.SEVERAL_TOKENS)
    scheme, _, token = authorization[0].partition(" ")
    # The scheme's letters may be of any case (RFC 9110, 11.1).
    if scheme.lower() != "bearer" or not scheme.isascii():
        raise NotTrusted(Reason.NOT_BEARER)
    return token.strip(" ")


def read(compact: str) -> ClientToken:
    """What a token says of itself. Raises NotTrusted, also for its header."""
    if len(compact) > MOST_CHARACTERS:
        raise NotTrusted(Reason.TOO_LARGE)
    if not _COMPACT.fullmatch(compact):
        raise NotTrusted(Reason.MALFORMED)
    head, body, _ = compact.split(".")
    header = _object(head)
    algorithm, key_id, jku = header.get("alg"), header.get("kid"), header.get("jku")
    if algorithm not in ALGORITHMS:
        raise NotTrusted(Reason.ALGORITHM_NOT_TAKEN)
    if any(name in header for name in _KEY_ALONG):
        raise NotTrusted(Reason.KEY_IN_HEADER)
    if any(name in header for name in _NOT_PLAIN):
        raise NotTrusted(Reason.NOT_PLAIN)
    if header.get("typ") not in ("JWT", "jwt"):
        raise NotTrusted(Reason.NO_JWT)
    if not isinstance(key_id, str) or not key_id:
        raise NotTrusted(Reason.NO_KEY_ID)
    if "jku" in header and not isinstance(jku, str):
        raise NotTrusted(Reason.KEY_ELSEWHERE)
    claims = _object(body)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise NotTrusted(Reason.UNKNOWN_ISSUER)
    return ClientToken(compact, algorithm, key_id, jku, issuer, claims)


def check_header(token: ClientToken, client: CdsClient) -> None:
    """Whether the header fits the client's registration. Raises NotTrusted."""
    if token.algorithm not in client.algorithms:
        raise NotTrusted(Reason.ALGORITHM_NOT_REGISTERED)
    if token.key_address is not None and token.key_address != client.jwks_url:
        raise NotTrusted(Reason.KEY_ELSEWHERE)


def check_signature(token: ClientToken, keys: Sequence[Key]) -> None:
    """Whether one of these keys, which are of the token's issuer, has signed. Raises NotTrusted."""
    if not keys:
        raise NotTrusted(Reason.UNKNOWN_KEY)
    for key in keys:
        try:
            jws.deserialize_compact(token.compact, key, registry=_only(token.algorithm))
        except (JoseError, ValueError, TypeError):
            continue
        return
    raise NotTrusted(Reason.BAD_SIGNATURE)


def check_claims(token: ClientToken, client: CdsClient, *, called: str, now: datetime) -> str:
    """The token's id, when every claim is as it has to be. Raises NotTrusted.

    `called` is the address of the call; `now` the instant of it.
    """
    claims = token.claims
    if claims.get("aud") not in (called, [called]):
        raise NotTrusted(Reason.WRONG_AUDIENCE)
    _check_times(claims, now.timestamp())
    if client.tenant is not None and claims.get("tenant") != client.tenant:
        raise NotTrusted(Reason.WRONG_TENANT)
    if client.subject is not None and claims.get("sub") != client.subject:
        raise NotTrusted(Reason.WRONG_SUBJECT)
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not _TOKEN_ID.fullmatch(token_id):
        raise NotTrusted(Reason.NO_TOKEN_ID)
    return token_id


def _check_times(claims: Mapping[str, Any], moment: float) -> None:
    leeway = LEEWAY.total_seconds()
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    not_before = _seconds(claims["nbf"]) if "nbf" in claims else issued
    if expires is None or issued is None or not_before is None or expires <= issued:
        raise NotTrusted(Reason.UNUSABLE_TIMES)
    if moment >= expires + leeway:
        raise NotTrusted(Reason.EXPIRED)
    if max(issued, not_before) > moment + leeway:
        raise NotTrusted(Reason.NOT_YET_VALID)
    if expires - issued > LONGEST_LIFE.total_seconds() + leeway:
        raise NotTrusted(Reason.LIVES_TOO_LONG)


def _seconds(value: object) -> float | None:
    """A NumericDate (RFC 7519, 2); None for what is no number, or one beyond any calendar."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return float(value) if -_LAST_SECOND < value < _LAST_SECOND else None


def _object(part: str) -> dict[str, Any]:
    """The JSON object of a part, read one way only. Raises NotTrusted.

    A name that stands in it twice, a number that is none and a text in another encoding are
    refused: the next reader might understand something else. So is base64 with loose ends, which
    the decoder does not take.
    """
    try:
        text = urlsafe_b64decode(part.encode()).decode("utf-8")
        found = json.loads(
            text, object_pairs_hook=_once, parse_float=Decimal, parse_constant=_no_number
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise NotTrusted(Reason.MALFORMED) from None
    if not isinstance(found, dict):
        raise NotTrusted(Reason.MALFORMED)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


@cache
def _only(algorithm: str) -> jws.JWSRegistry:
    """The library's rules for a header that we have judged: this algorithm, our size."""
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = MOST_CHARACTERS
    return registry
