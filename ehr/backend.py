"""Access tokens for work without a user: SMART Backend Services (SMART App Launch 2.2).

Client credentials, signed with our key (private_key_jwt), for one registered EHR at a time. A
token is kept sealed until a minute before it expires, so that a hundred tasks sign in once; it
stands in no exception, no log and no queue.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx2

from ehr import documents, oauth, scopes, token_endpoint
from ehr.errors import Unusable
from ehr.keys import OurKeys
from ehr.registry import TrustedEhr

_KIND = "backend-token"
_SPARE = timedelta(seconds=60)
_LEASE = timedelta(seconds=30)
_PATIENCE_SECONDS = 12.0
_LOOK_EVERY_SECONDS = 0.1


class NoBackend(Exception):
    """The EHR has registered no client of ours for work without a user: nothing is asked."""


class TokenCache(Protocol):
    """Where tokens are kept: sealed, with an expiry, shared by all workers."""

    def get(self, kind: str, *parts: str) -> bytes | None:
        """The value, or None."""
        ...

    def put(self, kind: str, *parts: str, value: bytes, life: timedelta) -> None:
        """Keep the value for so long."""
        ...

    def claim(self, kind: str, *parts: str, life: timedelta) -> str | None:
        """A lease, or None while somebody holds it."""
        ...

    def release(self, kind: str, *parts: str, lease: str) -> None:
        """Give the lease back, if it is still ours."""
        ...


class OwnMemory:
    """A TokenCache for one process that shares nothing: the command line, which needs no Redis."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: dict[tuple[str, ...], tuple[datetime, bytes]] = {}
        self._leases: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()

    def get(self, kind: str, *parts: str) -> bytes | None:
        """The value, or None."""
        until, value = self._kept.get((kind, *parts), (datetime.min.replace(tzinfo=UTC), b""))
        return value if self._now() < until else None

    def put(self, kind: str, *parts: str, value: bytes, life: timedelta) -> None:
        """Keep the value for so long."""
        self._kept[(kind, *parts)] = (self._now() + life, value)

    def claim(self, kind: str, *parts: str, life: timedelta) -> str | None:  # noqa: ARG002  who holds it is alive: it is this process
        """A lease, or None while another thread holds it."""
        with self._lock:
            if (kind, *parts) in self._leases:
                return None
            return self._leases.setdefault((kind, *parts), "held")

    def release(self, kind: str, *parts: str, lease: str) -> None:  # noqa: ARG002  there is one
        """Give the lease back."""
        with self._lock:
            self._leases.pop((kind, *parts), None)


@dataclass(frozen=True, slots=True)
class _Token:
    access: str = field(repr=False)
    expires_at: datetime


class BackendTokens:
    """Access tokens by SMART Backend Services, per EHR, kept sealed until they are short.

    `http` makes a client that follows no redirects. Used by many threads and processes: of those
    that miss a token at once one signs in, the others wait for what it gets.
    """

    def __init__(
        self,
        *,
        keys: OurKeys | None,
        cache: TokenCache,
        now: Callable[[], datetime],
        http: Callable[[], httpx2.Client],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._keys = keys
        self._cache = cache
        self._now = now
        self._http = http
        self._pause = pause

    def token_for(self, ehr: TrustedEhr, *, anew: bool = False) -> str:
        """A token that is good for a minute at least, or as long as the EHR gives it.

        `anew`: the EHR rejected the last one; it is not given again. Raises NoBackend,
        NotSignedIn, EhrError, and what the cache raises when it is down.
        """
        client_id = ehr.backend_client_id
        if client_id is None:
            raise NoBackend(f"{ehr.id} has registered no client for work without a user")
        # Another registration is another token: what was granted before may be more than now.
        parts = (ehr.id, client_id, *ehr.backend_scopes)
        before = self._kept(parts)
        if before is not None and not anew:
            return before.access
        waited = 0.0
        while (lease := self._cache.claim(_KIND, *parts, life=_LEASE)) is None:
            if waited >= _PATIENCE_SECONDS:
                # Whoever signs in may be stuck: a token too many does no harm.
                return self._sign_in(ehr, client_id, parts).access
            self._pause(_LOOK_EVERY_SECONDS)
            waited += _LOOK_EVERY_SECONDS
        try:
            kept = self._kept(parts)
            if kept is not None and kept != before:
                return kept.access
            return self._sign_in(ehr, client_id, parts).access
        finally:
            self._cache.release(_KIND, *parts, lease=lease)

    def _kept(self, parts: tuple[str, ...]) -> _Token | None:
        raw = self._cache.get(_KIND, *parts)
        if raw is None:
            return None
        kept = json.loads(raw)
        token = _Token(kept["access"], datetime.fromisoformat(kept["expires_at"]))
        return token if self._now() + _SPARE < token.expires_at else None

    def _sign_in(self, ehr: TrustedEhr, client_id: str, parts: tuple[str, ...]) -> _Token:
        with self._http() as http:
            said = documents.fetch_now(http, oauth.configuration_of(ehr), oauth.CONFIGURATION)
            where = oauth.endpoint(ehr, said, "token_endpoint")
            if where is None:
                raise Unusable("the EHR's smart-configuration names no token endpoint")
            now = self._now()
            taken = oauth.texts(said, "token_endpoint_auth_signing_alg_values_supported")
            method = token_endpoint.by_key(client_id, where, taken, self._keys, now)
            older = oauth.speaks_version_1_only(oauth.texts(said, "capabilities"))
            asked = ehr.backend_scopes or scopes.wanted_without_user(version_1=older)
            form = {"grant_type": "client_credentials", "scope": " ".join(asked)}
            headers, content = token_endpoint.request(method, where, form)
            status, raw = documents.exchange_now(
                http, "POST", where, headers=headers, content=content
            )
        body = token_endpoint.answer(status, raw)
        token = _Token(token_endpoint.access_token(body), now + token_endpoint.life(body))
        life = token.expires_at - now - _SPARE
        if life > timedelta(0):
            kept = {"access": token.access, "expires_at": token.expires_at.isoformat()}
            self._cache.put(_KIND, *parts, value=json.dumps(kept).encode(), life=life)
        return token
