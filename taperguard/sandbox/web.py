"""What every response of the sandbox carries, and what happens when a request goes wrong."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": a browser then sends "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
}
_log = logging.getLogger(__name__)

Apology = Callable[[Request, str], Response]
"""Makes the answer to a request that failed; the text is the id of the event in the log."""


async def whole_answer(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The start and the whole body of what an application answers, to be changed on the way."""
    start: Message = {}
    body = b""

    async def keep(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    await app(scope, receive, keep)
    return start, body


class EveryResponse:
    """Adds the security headers, and answers an unexpected error with an id instead of a trace.

    The log gets the id and the kind of error, never what was asked: an address may hold a patient.
    """

    def __init__(self, app: ASGIApp, apology: Apology) -> None:
        self._app = app
        self._apology = apology

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False
        is_static = scope["path"].startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)  # a page may have a policy of its own
                headers["Cache-Control"] = "no-cache" if is_static else "no-store"
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as unexpected:
            event = secrets.token_hex(4)
            _log.error("request failed: event %s, %s", event, type(unexpected).__name__)
            if has_begun:
                raise
            await self._apology(Request(scope), event)(scope, receive, send_with_headers)
