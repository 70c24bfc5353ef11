"""An id_token, checked claim by claim (OpenID Connect Core 3.1.3.7, SMART App Launch 2.2, 6)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from ehr import guard
from ehr.decode import NotJson, decode
from ehr.keys import ID_TOKEN_ALGORITHMS, Key
from ehr.read.json import as_list, as_object, as_text

LEEWAY = timedelta(seconds=60)
"""How far two clocks may be apart."""

_LAST_SECOND = 1e11
_LONGEST_TOKEN = 20_000
_USERS = re.compile(r"(?:Practitioner|PractitionerRole|Patient|RelatedPerson|Person)/[^/]+")


class BadIdToken(Exception):
    """An id_token that proves nothing. The sentence says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an id_token has to say. `now` is the instant of the check."""

    issuer: str
    client_id: str
    nonce: str
    fhir_base: str
    now: datetime


@dataclass(frozen=True, slots=True)
class User:
    """Who signed in: the subject, and the fhirUser as "Type/id" where one is named."""

    subject: str
    fhir_user: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself before anything is proven: only to find its key."""

    algorithm: str
    key_id: str | None
    issuer: str | None


def peek(token: str) -> Unverified:
    """Algorithm, key id and issuer, unverified. Raises BadIdToken, also for the algorithm."""
    parts = token.split(".")
    if len(token) > _LONGEST_TOKEN or len(parts) != 3:
        raise BadIdToken("the id_token is malformed")
    header, claims = _part(parts[0]), _part(parts[1])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ID_TOKEN_ALGORITHMS:
        raise BadIdToken("the id_token is not signed with an algorithm that is trusted")
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise BadIdToken("the id_token is malformed")
    return Unverified(algorithm, key_id, as_text(claims.get("iss")))


def check(token: str, keys: Sequence[Key], expected: Expected) -> User:
    """Who signed in. Raises BadIdToken.

    `keys` are those of the expected issuer that fit the token's algorithm (`ehr.keys`).
    """
    algorithm = peek(token).algorithm
    claims = _verified(token, keys, algorithm)
    if claims.get("iss") != expected.issuer:
        raise BadIdToken("the id_token was issued by somebody else")
    _check_audience(claims, expected.client_id)
    _check_times(claims, expected.now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), expected.nonce.encode()
    ):
        raise BadIdToken("the id_token belongs to another sign-in")
    subject = as_text(claims.get("sub"))
    if subject is None:
        raise BadIdToken("the id_token names no subject")
    return User(subject, _fhir_user(claims, expected.fhir_base), as_text(claims.get("name")))


def _verified(token: str, keys: Sequence[Key], algorithm: str) -> dict[str, Any]:
    for key in keys:
        try:
            return dict(jwt.decode(token, key, algorithms=[algorithm]).claims)
        except (JoseError, ValueError, TypeError):
            continue
    raise BadIdToken("the id_token is not signed with a key of its issuer")


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audience = as_list(claims.get("aud"))
    if client_id not in audience:
        raise BadIdToken("the id_token was made for another service")
    authorised = claims.get("azp")
    if authorised is None and len(audience) > 1:
        raise BadIdToken("the id_token is for several services and does not say which asked")
    if authorised is not None and authorised != client_id:
        raise BadIdToken("the id_token was asked for by another service")


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    expires, issued = _instant(claims.get("exp")), _instant(claims.get("iat"))
    if expires is None or issued is None:
        raise BadIdToken("the id_token does not say when it was issued and when it expires")
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    if moment >= expires + leeway:
        raise BadIdToken("the id_token has expired")
    if issued > moment + leeway:
        raise BadIdToken("the id_token was issued in the future")
    not_before = _instant(claims.get("nbf"))
    if not_before is not None and not_before > moment + leeway:
        raise BadIdToken("the id_token is not valid yet")


def _instant(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if abs(seconds) < _LAST_SECOND else None


def _fhir_user(claims: dict[str, Any], fhir_base: str) -> str | None:
    """The user as a reference at this EHR; a user of another server is refused."""
    stated = as_text(claims.get("fhirUser"))
    if stated is None:
        return None
    local = guard.local_reference(fhir_base, stated)
    if local is None or not _USERS.fullmatch(local):
        raise BadIdToken("the id_token names a user that is not one of this EHR")
    return local


def _part(text: str) -> dict[str, Any]:
    try:
        return as_object(decode(urlsafe_b64decode(text.encode())))
    except (NotJson, ValueError):
        raise BadIdToken("the id_token is malformed") from None
