"""private_key_jwt: a client proves who it is with a key (RFC 7523; SMART App Launch 2.2.0, 5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from .clients import Client
from .ledger import Ledger

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
_LONGEST_SECONDS = 300
_CLOCKS_APART = 5
_LONGEST_JTI = 255
_LARGEST_JWKS = 65_536
_KEPT_SECONDS = 300
_ASK_AGAIN_SECONDS = 10


class NotProven(Exception):
    """The assertion proves nothing; the sentence says why and quotes nothing of it."""


FetchKeys = Callable[[str], Any]
"""Gets the JSON at a JWKS address; OSError or ValueError when there is none."""


def fetch_keys(url: str) -> Any:
    """The JWK set at an address, which is https or on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("keys are fetched by https, or from this machine")
    try:
        answer = httpx2.get(url, timeout=3.0, follow_redirects=False, trust_env=False)
    except httpx2.HTTPError as unreachable:
        raise OSError("the keys cannot be fetched") from unreachable
    if answer.status_code != 200 or len(answer.content) > _LARGEST_JWKS:
        raise ValueError("there are no keys at that address")
    return answer.json()


class Assertions:
    """Verifies client assertions. Each is good once and for five minutes at most."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        audience: str,
        clock: Callable[[], datetime],
        fetch: FetchKeys = fetch_keys,
    ) -> None:
        self._ledger = ledger
        self._audience = audience
        self._clock = clock
        self._fetch = fetch
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def verify(self, client: Client, assertion: str) -> None:
        """Raise NotProven unless the assertion is this client's, fresh and new."""
        key_id = _key_id(client, assertion)
        claims = self._claims(client, assertion, key_id)
        if claims.get("iss") != client.id or claims.get("sub") != client.id:
            raise NotProven("The assertion is not issued by the client about itself.")
        if claims.get("aud") not in (self._audience, [self._audience]):
            raise NotProven("The audience of the assertion is not this token endpoint.")
        expires = self._checked_times(claims)
        jti = claims.get("jti")
        if not isinstance(jti, str) or not (0 < len(jti) <= _LONGEST_JTI and jti.isprintable()):
            raise NotProven("The assertion has no jti.")
        if not self._ledger.is_first(client.id, jti, expires=expires):
            raise NotProven("The assertion was used before.")

    def _checked_times(self, claims: Mapping[str, Any]) -> float:
        now = self._clock().timestamp()
        expires = claims.get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int):
            raise NotProven("The assertion does not say when it expires.")
        if expires <= now:
            raise NotProven("The assertion has expired.")
        if expires > now + _LONGEST_SECONDS + _CLOCKS_APART:
            raise NotProven("The assertion is good for more than five minutes.")
        for name in ("iat", "nbf"):
            at = claims.get(name, 0)
            if isinstance(at, bool) or not isinstance(at, int) or at > now + _CLOCKS_APART:
                raise NotProven(f"The {name} of the assertion lies in the future.")
        return float(expires)

    def _claims(self, client: Client, assertion: str, key_id: str) -> dict[str, Any]:
        for is_again in (False, True):
            fitting = [
                key
                for key in self._keys(client, anew=is_again).keys
                if key.kid == key_id and key.as_dict(private=False).get("use", "sig") == "sig"
            ]
            for key in fitting:
                try:
                    return dict(jwt.decode(assertion, key, algorithms=list(ALGORITHMS)).claims)
                except (JoseError, ValueError, TypeError):
                    continue
            if fitting or client.jwks is not None:
                break  # another look helps only where the key id is unknown
        raise NotProven("The assertion is not signed with a key of this client.")

    def _keys(self, client: Client, *, anew: bool) -> KeySet:
        try:
            said = client.jwks if client.jwks is not None else self._fetched(client, anew=anew)
            return KeySet.import_key_set(said)  # type: ignore[arg-type]  # checked by joserfc
        except (OSError, ValueError, TypeError, KeyError, AttributeError, JoseError) as unusable:
            raise NotProven("The keys of this client cannot be read.") from unusable

    def _fetched(self, client: Client, *, anew: bool) -> Any:
        now = self._clock().timestamp()
        with self._lock:
            at, said = self._kept.get(client.jwks_url, (float("-inf"), None))
            if now - at < (_ASK_AGAIN_SECONDS if anew else _KEPT_SECONDS):
                return said
        said = self._fetch(client.jwks_url)
        with self._lock:
            self._kept[client.jwks_url] = (now, said)
        return said


def _key_id(client: Client, assertion: str) -> str:
    """The key that the assertion names, unverified; it must be one of ours to ask about."""
    try:
        header = jws.extract_compact(assertion.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, UnicodeError) as unreadable:
        raise NotProven("The assertion is no signed JWT.") from unreadable
    if header.get("alg") not in ALGORITHMS:
        raise NotProven("The assertion is signed with an algorithm that is not accepted here.")
    if "jku" in header and header["jku"] != client.jwks_url:
        raise NotProven("The assertion points to keys that are not registered.")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise NotProven("The assertion does not name its key.")
    return key_id
