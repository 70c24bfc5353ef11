"""One exchange with a safety service, within its time and size. Trouble is a sentence, no error."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import httpx2

CONNECT_SECONDS = 1.0
TOTAL_SECONDS = 3.0
_LARGEST = 4_000_000
_JSON = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}

Sign = Callable[[str], str]
"""A fresh token with which this EHR calls one address (`identity`)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and what came. `problem` is empty when there was a 2xx answer."""

    address: str
    request: str
    status: int | None
    milliseconds: int
    response: str
    problem: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: with a body it is a POST, without one a GET."""

    address: str
    body: str = ""


def prepare() -> None:
    """Do now what would otherwise take its time from the first exchange."""
    _certificates()


def exchange(
    asks: Sequence[Ask],
    *,
    sign: Sign | None = None,
    total_seconds: float = TOTAL_SECONDS,
    of_seconds: float | None = None,
) -> list[Exchange]:
    """Ask them all at once; each has `total_seconds`. Never raises for what a service does.

    Each call has a token by `sign`, or none; no exchange remembers it. `of_seconds` is what a
    person is told of the time, where a part of it was spent before.
    """
    if not asks:
        return []
    return asyncio.run(_all(asks, sign, total_seconds, of_seconds or total_seconds))


async def _all(
    asks: Sequence[Ask], sign: Sign | None, seconds: float, told: float
) -> list[Exchange]:
    timeout = httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    async with httpx2.AsyncClient(
        timeout=timeout, trust_env=False, verify=_certificates(), follow_redirects=False
    ) as client:
        return list(await asyncio.gather(*(_one(client, ask, sign, seconds, told) for ask in asks)))


async def _one(
    client: httpx2.AsyncClient, ask: Ask, sign: Sign | None, seconds: float, told: float
) -> Exchange:
    too_late = f"it did not answer within {told:g} second{'' if told == 1 else 's'}"
    began = time.monotonic()
    status: int | None = None
    text = problem = ""
    try:
        async with asyncio.timeout(seconds):
            status, text = await _read(client, ask, sign)
    except TimeoutError:
        problem = too_late
    except httpx2.ConnectTimeout:
        problem = "it could not be reached in time"
    except httpx2.TimeoutException:
        problem = too_late
    except httpx2.ConnectError:
        problem = "it could not be reached"
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
        problem = "its answer broke off or is no HTTP"
    except _TooLarge:
        problem = f"its answer is larger than {_LARGEST // 1_000_000} MB"
    except UnicodeDecodeError:
        problem = "its answer is no UTF-8"
    if not problem and status is not None and not 200 <= status < 300:
        problem = f"it answered with HTTP status {status}"
    milliseconds = round((time.monotonic() - began) * 1000)
    return Exchange(ask.address, ask.body, status, milliseconds, text, problem)


class _TooLarge(Exception):
    """The answer is larger than what is read."""


async def _read(client: httpx2.AsyncClient, ask: Ask, sign: Sign | None) -> tuple[int, str]:
    body = ask.body.encode() if ask.body else None
    headers = _JSON if sign is None else {**_JSON, "Authorization": f"Bearer {sign(ask.address)}"}
    method = "POST" if ask.body else "GET"
    async with client.stream(method, ask.address, content=body, headers=headers) as answer:
        parts = bytearray()
        async for chunk in answer.aiter_bytes():
            parts += chunk
            if len(parts) > _LARGEST:
                raise _TooLarge
        return answer.status_code, parts.decode()


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes longer than most calls."""
    return ssl.create_default_context()
