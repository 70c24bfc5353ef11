"""Which tokens of CDS clients were used: each opens the door once (CDS Hooks 2.0, `jti`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from store.sealed_cache import CacheDown, SealedCache

DOOR_SECONDS = 0.05
"""What one exchange with Redis may cost while a hook waits for it."""

DOOR_REST_SECONDS = 1.0
"""How long after a failure Redis is not asked again: every call is refused meanwhile."""

_KIND = "cds-token"


class TokenUses(Protocol):
    """Notes the use of a token, by its issuer and its id."""

    def is_first(self, issuer: str, token_id: str) -> bool:
        """Note the use; whether it is the first one. Raises CacheDown."""


class SharedUses:
    """Uses in Redis, where every process of the service sees them: of many at once one is first.

    A key is a keyed fingerprint; it lives for `life`, which has to be longer than any token that
    is taken. `otherwise` notes them where there need not be a Redis; without one a Redis that is
    down raises CacheDown, and nobody is let in.
    """

    def __init__(
        self, cache: SealedCache, life: timedelta, otherwise: TokenUses | None = None
    ) -> None:
        self._cache = cache
        self._life = life
        self._otherwise = otherwise

    def is_first(self, issuer: str, token_id: str) -> bool:
        """Note the use; whether it is the first one. Raises CacheDown."""
        try:
            return self._cache.claim(_KIND, issuer, token_id, life=self._life) is not None
        except CacheDown:
            if self._otherwise is None:
                raise
            return self._otherwise.is_first(issuer, token_id)

    def close(self) -> None:
        """Give up connections."""
        self._cache.close()


class OwnUses:
    """Uses in the memory of one process, for development without a Redis."""

    def __init__(self, now: Callable[[], datetime], life: timedelta) -> None:
        self._now = now
        self._life = life
        self._until: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def is_first(self, issuer: str, token_id: str) -> bool:
        """Note the use; whether it is the first one."""
        moment, key = self._now(), (issuer, token_id)
        with self._lock:
            self._until = {use: until for use, until in self._until.items() if until > moment}
            if key in self._until:
                return False
            self._until[key] = moment + self._life
            return True
