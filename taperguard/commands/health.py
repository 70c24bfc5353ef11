"""`taperguard health PART`: whether a part that should be running does its work. For health checks.

It asks the part itself, not whether its process exists: the service for `/readyz`, the worker by
a ping over the broker, beat by the lock that whoever ticks has to extend.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping

import redis

from taperguard.commands import starting
from taperguard.refusal import Refusal
from taperguard.settings import Settings
from workers import app as jobs

_SECONDS = 3.0
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  # nosec B104  where we listen, not where we ask


def run(part: str) -> int:
    """0 when the part works, 1 with a sentence when it does not. Raises Refusal."""
    ask = _PARTS.get(part)
    if ask is None:
        raise Refusal(f"there is no part of this name; the parts are {', '.join(_PARTS)}")
    why = ask(starting.settings_of_this_process())
    if why is not None:
        raise _Unwell(f"{part}: {why}")
    return 0


class _Unwell(Refusal):
    """The part does not do its work."""

    exit_code = 1


def _api(settings: Settings) -> str | None:
    host = "127.0.0.1" if settings.host in _EVERYWHERE else settings.host
    connection = http.client.HTTPConnection(host, settings.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return "it does not answer"
    finally:
        connection.close()
    return None if status == 200 else f"it is not ready (status {status})"


def _worker(settings: Settings) -> str | None:
    app = jobs.make_app(settings.broker)
    name = f"celery@{socket.gethostname()}"
    try:
        answers = app.control.ping(destination=[name], timeout=_SECONDS, limit=1)
    except Exception:  # noqa: BLE001  whatever the transport raises
        return "the broker cannot be asked"
    finally:
        app.close()
    return None if answers else "no worker of this machine answers"


def _beat(settings: Settings) -> str | None:
    if not settings.is_production:
        return None  # ticks without a lock: there is only the process itself to ask
    client = redis.Redis.from_url(
        settings.broker, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS
    )
    try:
        ticking = client.exists(jobs.BEAT_LOCK)
    except (redis.RedisError, OSError):
        return "the broker cannot be asked"
    finally:
        client.close()
    return None if ticking else "nobody holds the lock of the clock"


_PARTS: Mapping[str, Callable[[Settings], str | None]] = {
    "api": _api,
    "worker": _worker,
    "beat": _beat,
}
