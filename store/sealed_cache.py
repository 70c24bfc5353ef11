"""Values in Redis, sealed, each with an expiry. Nothing of a patient stands there in clear.

A key is a keyed fingerprint of what the value belongs to; the value is sealed and bound to its
key, so that one that was moved does not open. What is kept here may be gone at any moment
(expiry, eviction, a restart): whoever reads has another way, or says that it is missing.

Redis may hang or be down while a prescriber waits. A call costs at most the time-outs of its
client (`connect`), and after a failure nobody tries again for a few seconds: the circuit is open
and every call raises CacheDown at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from store.sealing import Sealer

HOOK_SECONDS = 0.03
"""What one exchange may cost while a hook waits: connecting takes three of them at most."""

WORKER_SECONDS = 5.0
"""The same in a worker, for which nobody waits."""

REST_SECONDS = 5.0
"""How long after a failure Redis is not asked again."""

_RELEASE = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) "
    "else return 0 end"
)
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then "
    "return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
)

_Answer = TypeVar("_Answer")


class CacheDown(Exception):
    """Redis did not answer, or did not a moment ago. The sentence holds no address."""


def connect(url: str, seconds: float) -> redis.Redis:
    """A client of the broker's address that waits at most so long, and asks once."""
    return redis.Redis.from_url(
        url.replace("redis+socket://", "unix://", 1),
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )


class SealedCache:
    """Values in Redis, sealed, each with an expiry; used by many threads.

    `kind` is a word of ours, printed in keys ("history"); `parts` say whose it is and are hashed.
    """

    def __init__(
        self,
        client: redis.Redis,
        sealer: Sealer,
        *,
        prefix: str = "taperguard",
        rest_seconds: float = REST_SECONDS,
        seconds_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._sealer = sealer
        self._prefix = prefix
        self._rest_seconds = rest_seconds
        self._seconds_now = seconds_now
        self._closed_until: float | None = None
        self._lock = threading.Lock()

    def get(self, kind: str, *parts: str) -> bytes | None:
        """The value; None when it is absent or cannot be opened. Raises CacheDown."""
        key = self._key("kept", kind, parts)
        sealed = self._ask(lambda: self._client.get(key))
        if sealed is None:
            return None
        try:
            return self._sealer.open(cast("bytes", sealed), key)
        except Exception:  # noqa: BLE001 - altered, moved, or of a key that is gone: not there
            return None

    def put(self, kind: str, *parts: str, value: bytes, life: timedelta) -> None:
        """Keep the value for so long. Raises CacheDown."""
        key = self._key("kept", kind, parts)
        sealed = self._sealer.seal(value, key)
        self._ask(lambda: self._client.set(key, sealed, px=_milliseconds(life)))

    def forget(self, kind: str, *parts: str) -> None:
        """Remove the value. Raises CacheDown."""
        key = self._key("kept", kind, parts)
        self._ask(lambda: self._client.delete(key))

    def claim(self, kind: str, *parts: str, life: timedelta) -> str | None:
        """A lease for so long: its token, or None while somebody holds it. Raises CacheDown."""
        key, lease = self._key("lease", kind, parts), uuid.uuid4().hex
        taken = self._ask(lambda: self._client.set(key, lease, px=_milliseconds(life), nx=True))
        return lease if taken else None

    def renew(self, kind: str, *parts: str, lease: str, life: timedelta) -> bool:
        """Hold the lease for so long from now; False when it is not ours any more. CacheDown."""
        key = self._key("lease", kind, parts)
        return bool(
            self._ask(lambda: self._client.eval(_RENEW, 1, key, lease, _milliseconds(life)))
        )

    def release(self, kind: str, *parts: str, lease: str) -> None:
        """Give the lease back, if it is still ours. Raises CacheDown."""
        key = self._key("lease", kind, parts)
        self._ask(lambda: self._client.eval(_RELEASE, 1, key, lease))

    def is_claimed(self, kind: str, *parts: str) -> bool:
        """Whether somebody holds the lease. Raises CacheDown."""
        key = self._key("lease", kind, parts)
        return bool(self._ask(lambda: self._client.exists(key)))

    def close(self) -> None:
        """Give up connections."""
        self._client.close()

    def _key(self, what: str, kind: str, parts: tuple[str, ...]) -> str:
        return f"{self._prefix}:{what}:{kind}:{self._sealer.fingerprint(kind, *parts)}"

    def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        """One exchange, or CacheDown; after a failure the next seconds cost nothing."""
        with self._lock:
            if self._closed_until is not None and self._seconds_now() < self._closed_until:
                raise CacheDown("Redis did not answer a moment ago")
        try:
            answer = question()
        except (redis.RedisError, OSError) as error:
            with self._lock:
                self._closed_until = self._seconds_now() + self._rest_seconds
            # Not its message: that may hold the address, and with it a password.
            raise CacheDown(f"Redis did not answer ({type(error).__name__})") from None
        with self._lock:
            self._closed_until = None
        return answer


def _milliseconds(life: timedelta) -> int:
    return max(1, life // timedelta(milliseconds=1))
