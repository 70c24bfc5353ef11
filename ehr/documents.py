"""Public JSON documents of an issuer (discovery, keys): no token, no redirects, small."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2

from ehr.decode import NotJson, decode
from ehr.errors import Unreachable, Unusable, from_status

_MOST_BYTES = 500_000
_SECONDS = 10.0


async def fetch(http: httpx2.AsyncClient, address: str, what: str) -> dict[str, Any]:
    """The JSON object at an address that the caller has checked. Raises EhrError."""
    status, raw = await exchange(http, "GET", address)
    if not 200 <= status < 300:
        raise from_status(status, None)
    return as_json_object(raw, what)


def as_json_object(raw: bytes, what: str) -> dict[str, Any]:
    """The JSON object of a body. Raises Unusable; `what` names the document in its sentence."""
    try:
        body = decode(raw)
    except NotJson:
        body = None
    if not isinstance(body, dict):
        raise Unusable(f"{what} is no JSON object")
    return body


async def exchange(
    http: httpx2.AsyncClient,
    method: str,
    address: str,
    *,
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
) -> tuple[int, bytes]:
    """One request, its status and whole body. Raises Unreachable or Unusable."""
    headers = {"Accept": "application/json", **(headers or {})}
    raw = bytearray()
    try:
        async with (
            asyncio.timeout(_SECONDS),
            http.stream(
                method, address, headers=headers, content=content, follow_redirects=False
            ) as response,
        ):
            async for chunk in response.aiter_bytes():
                raw += chunk
                if len(raw) > _MOST_BYTES:
                    raise Unusable("the EHR's answer is larger than what is read")
            return response.status_code, bytes(raw)
    except (TimeoutError, httpx2.TimeoutException):
        raise Unreachable("the EHR did not answer in time", status=0) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
        # Its message may hold the address, and with it a code.
        raise Unreachable("the EHR could not be reached") from None


def fetch_now(http: httpx2.Client, address: str, what: str) -> dict[str, Any]:
    """`fetch` for a worker, which waits for its answer. Raises EhrError."""
    status, raw = exchange_now(http, "GET", address)
    if not 200 <= status < 300:
        raise from_status(status, None)
    return as_json_object(raw, what)


def exchange_now(
    http: httpx2.Client,
    method: str,
    address: str,
    *,
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
) -> tuple[int, bytes]:
    """`exchange` for a worker, which waits for its answer. Raises Unreachable or Unusable."""
    headers = {"Accept": "application/json", **(headers or {})}
    latest = time.monotonic() + _SECONDS
    raw = bytearray()
    try:
        with http.stream(
            method,
            address,
            headers=headers,
            content=content,
            follow_redirects=False,
            timeout=_SECONDS,
        ) as response:
            for chunk in response.iter_bytes():
                raw += chunk
                if len(raw) > _MOST_BYTES:
                    raise Unusable("the EHR's answer is larger than what is read")
                if time.monotonic() > latest:
                    raise Unreachable("the EHR did not answer in time", status=0)
            return response.status_code, bytes(raw)
    except httpx2.TimeoutException:
        raise Unreachable("the EHR did not answer in time", status=0) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
        raise Unreachable("the EHR could not be reached") from None
