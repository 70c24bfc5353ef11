"""What every request to a token endpoint has in common: signing with our key, reading the answer.

Pure but for the random `jti`: whoever asks brings the connection (`ehr.oauth` for users who
launch the app, `ehr.backend` for work without one). No code, assertion or token stands in an
exception.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from authlib.common.security import generate_token
from authlib.oauth2.auth import ClientAuth as Authentication
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign

from ehr import documents
from ehr.errors import Unusable
from ehr.keys import OurKeys
from ehr.read.json import as_text

ASSERTION_SECONDS = 240
"""How long a client assertion lives; SMART allows 300."""

_UNSTATED_LIFE = timedelta(minutes=5)
_LONGEST_LIFE_SECONDS = 24 * 3600
_FORM = "application/x-www-form-urlencoded"


class NotSignedIn(Exception):
    """The EHR gave no token, or none that can be used. A sentence without code or token.

    `final` is true when asking again with the same refresh token, or as the same client, is in
    vain.
    """

    def __init__(self, sentence: str, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


class FreshAssertion(PrivateKeyJWT):  # type: ignore[misc]  # Authlib publishes no types
    """A client assertion that dies within five minutes and never has a used `jti`.

    Authlib's own lives an hour, and repeats the jti when claims are given.
    """

    def __init__(self, token_endpoint: str, algorithm: str, key_id: str, now: datetime) -> None:
        super().__init__(token_endpoint, headers={"kid": key_id, "typ": "JWT"}, alg=algorithm)
        self._now = now

    def sign(self, auth: Any, token_endpoint: str) -> str:
        """The signed assertion (RFC 7523, SMART 2.2, 5.1)."""
        issued_at = int(self._now.timestamp())
        signed: str = private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            claims={"jti": generate_token(36)},
            header=dict(self.headers),
            alg=self.alg,
            issued_at=issued_at,
            expires_at=issued_at + ASSERTION_SECONDS,
        )
        return signed


def by_key(
    client_id: str,
    token_endpoint: str,
    taken: Collection[str],
    keys: OurKeys | None,
    now: datetime,
) -> Any:
    """The way to show who we are by a signature (private_key_jwt). Raises NotSignedIn.

    `taken` are the algorithms that the EHR takes (none: it does not say).
    """
    signing = keys.signing(taken) if keys is not None else None
    if signing is None:
        raise NotSignedIn("this service has no key of a kind that the EHR takes")
    algorithm, key = signing
    method = FreshAssertion(token_endpoint, algorithm, str(key.kid), now)
    return Authentication(client_id, key, method)


def request(
    method: Any, token_endpoint: str, form: Mapping[str, str]
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form, with who we are in one of them."""
    headers = {"Content-Type": _FORM}
    _, headers, content = method.prepare("POST", token_endpoint, headers, urlencode(form))
    return dict(headers), str(content).encode()


def answer(status: int, raw: bytes) -> dict[str, Any]:
    """The token response of a body. Raises NotSignedIn or Unusable."""
    try:
        body = documents.as_json_object(raw, "the EHR's token response")
    except Unusable:
        if 200 <= status < 300:
            raise
        body = {}
    if not 200 <= status < 300:
        error = as_text(body.get("error")) or ""
        why = _TOKEN_ERRORS.get(error, "it gives no reason")
        gone = error in ("invalid_grant", "invalid_client", "unauthorized_client")
        raise NotSignedIn(f"the EHR gave no token: {why}", final=gone)
    return body


_TOKEN_ERRORS = {
    "invalid_request": "it calls our request malformed",
    "invalid_client": "it does not know this service, or not with these keys",
    "invalid_grant": "the sign-in was used before, has expired or was withdrawn",
    "unauthorized_client": "this service may not sign in this way",
    "unsupported_grant_type": "it does not support this way of signing in",
    "invalid_scope": "it does not grant what was asked for",
}


def access_token(body: Mapping[str, Any]) -> str:
    """The bearer token of a token response. Raises NotSignedIn."""
    access = as_text(body.get("access_token"))
    if access is None or not access.isascii() or not access.isprintable():
        raise NotSignedIn("the EHR's token response holds no token")
    if (as_text(body.get("token_type")) or "bearer").lower() != "bearer":
        raise NotSignedIn("the EHR's token is not a bearer token")
    return access


def life(body: Mapping[str, Any]) -> timedelta:
    """How long the token lives; five minutes where nothing usable is said, a day at most."""
    seconds = body.get("expires_in")
    if isinstance(seconds, str) and seconds.isdigit() and len(seconds) < 10:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or seconds <= 0:
        return _UNSTATED_LIFE
    return timedelta(seconds=min(int(seconds), _LONGEST_LIFE_SECONDS))
