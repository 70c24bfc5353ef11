"""What a request may cost before anybody looks at it: size, time, how often, how many at once.

Around all doors, so that none has to think of it. Whoever is refused is told in a sentence, and
where it helps when to come back; each refusal is counted under its reason. A head that never
ends is the server's part: `taperguard.http_server`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prometheus_client import Counter
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_hooks.door import refusal
from taperguard.rates import Rates

MOST_BODY_BYTES = 8_000_000
"""The largest body that is read: a prefetch of some thousand records has less."""
MOST_HEADERS = 100
MOST_HEAD_BYTES = 32_000
"""All headers together. The largest is a token, of two or three thousand."""
MOST_URL_BYTES = 8_000
"""Path and query. A launch carries a state and a code; EHRs stay under 4,000."""

CDS_PATH = "/cds-services"
_UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})
_BUSY_SECONDS = 2

REFUSED = Counter("taperguard_requests_refused_total", "Requests refused by a limit", ["reason"])


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator sets: how long a body may take to come, how many requests are answered
    at the same time, and how often a caller may ask (None: as often as it likes).
    """

    body_seconds: float
    at_once: int
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer without the doors: status, reason for the metric, FHIR issue-type, sentence."""

    status: int
    reason: str
    code: str
    sentence: str
    field: str | None = None

    def response(self, path: str, **headers: str) -> Response:
        """For a CDS client an OperationOutcome, for a person the sentence."""
        REFUSED.labels(self.reason).inc()
        if path.startswith(CDS_PATH):
            response = refusal(self.status, self.code, self.sentence, self.field)
        else:
            response = PlainTextResponse(self.sentence, status_code=self.status)
        response.headers.update({name.replace("_", "-"): it for name, it in headers.items()})
        return response


_MANY_HEADERS = _Refusal(
    431,
    "headers",
    "too-long",
    f"There are more than {MOST_HEADERS} headers, or more than {MOST_HEAD_BYTES} bytes of them.",
)
_LONG_URL = _Refusal(414, "url", "too-long", f"The address is longer than {MOST_URL_BYTES} bytes.")
_LARGE_BODY = _Refusal(
    413,
    "body-size",
    "too-long",
    f"The body is larger than the {MOST_BODY_BYTES} bytes that are read.",
    "body",
)
_LATE_BODY = _Refusal(408, "body-time", "timeout", "The body did not come in time.", "body")
_BUSY = _Refusal(503, "busy", "throttled", "Too many requests are being answered; ask again.")
_TOO_OFTEN = _Refusal(429, "rate", "throttled", "You ask too often; ask again later.")


class RequestLimits:
    """The limits around an application."""

    def __init__(self, app: ASGIApp, limits: Limits, rates: Rates | None = None) -> None:
        self.app = app
        self.limits = limits
        self.rates = rates if limits.per_second is None else rates or Rates(limits.per_second)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a body that ends in time and size."""
        if scope["type"] != "http" or scope["path"] in _UNLIMITED:
            await self.app(scope, receive, send)
            return
        response = self._refused(scope)
        if response is not None:
            await response(scope, receive, send)
            return
        self._running += 1
        try:
            await _Request(self.limits, scope, receive, send).passed_to(self.app)
        finally:
            self._running -= 1

    def _refused(self, scope: Scope) -> Response | None:
        path, headers = scope["path"], scope["headers"]
        size = declared = 0
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"content-length":
                declared = max(declared, _number(value))
        if len(headers) > MOST_HEADERS or size > MOST_HEAD_BYTES:
            return _MANY_HEADERS.response(path)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
            return _LONG_URL.response(path)
        if declared > MOST_BODY_BYTES:
            return _LARGE_BODY.response(path)
        if self._running >= self.limits.at_once:
            return _BUSY.response(path, Retry_After=str(_BUSY_SECONDS))
        wait = None if self.rates is None else self.rates.take_for(scope)
        if wait is not None:
            return _TOO_OFTEN.response(path, Retry_After=str(wait))
        return None


class _Request:
    """One request, whose body is given up when it is too large or too late.

    The door then meets a client that went away, as it may at any time. What it says to that is
    held back; the client is told why.
    """

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._until = asyncio.get_running_loop().time() + limits.body_seconds
        self._read = 0
        self._is_whole = False
        self._is_answered = False
        self._given_up: _Refusal | None = None

    async def passed_to(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive_in_time, self._send_unless_given_up)
        except ClientDisconnect:
            if self._given_up is None:
                raise
        if self._given_up is not None and not self._is_answered:
            # The rest of a late body may never come: it must not be taken for a next request.
            headers = {"Connection": "close"} if self._given_up is _LATE_BODY else {}
            response = self._given_up.response(self._scope["path"], **headers)
            await response(self._scope, self._receive, self._send)

    async def _receive_in_time(self) -> Message:
        if self._given_up is not None:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return self._give_up(_LATE_BODY)
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        return message if self._read <= MOST_BODY_BYTES else self._give_up(_LARGE_BODY)

    def _give_up(self, why: _Refusal) -> Message:
        self._given_up = why
        return {"type": "http.disconnect"}

    async def _send_unless_given_up(self, message: Message) -> None:
        if self._given_up is not None and not self._is_answered:
            return
        self._is_answered = True
        await self._send(message)


def _number(content_length: bytes) -> int:
    """What Content-Length says, as far as it is a number that somebody may mean."""
    return int(content_length) if content_length.isdigit() and len(content_length) < 20 else 0
