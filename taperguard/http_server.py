"""uvicorn's HTTP/1.1 over httptools, with an end to what a client may leave unfinished.

The parser reads a head of any length and waits for its end for ever: neither uvicorn nor
httptools (August 2026) has a limit for it, and no application hears of a head that does not end.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from taperguard.limits import MOST_HEAD_BYTES, MOST_URL_BYTES, REFUSED

HEAD_SECONDS = 10.0
"""So long a head may take to come, and the rest of a body that was answered before its end."""
_MOST_UNFINISHED_BYTES = MOST_HEAD_BYTES + MOST_URL_BYTES


class BoundedHttp(HttpToolsProtocol):
    """One connection: who sends a head that is too large or too slow is told so, and hung up on."""

    url = b""
    _unfinished_bytes = 0
    _is_reading_head = True
    _is_reading_body = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come; the head of its first request is awaited."""
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._drop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; what of them belongs to a head that does not end is counted."""
        super().data_received(data)
        if not self._is_reading_head or self.transport.is_closing():
            return
        self._unfinished_bytes += len(data)
        if len(self.url) > MOST_URL_BYTES:
            self._hang_up(HTTPStatus.REQUEST_URI_TOO_LONG, "url")
        elif self._unfinished_bytes > _MOST_UNFINISHED_BYTES:
            self._hang_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._is_reading_head = True
        self._unfinished_bytes = 0
        if self._deadline is None:
            self._set_deadline()

    def on_headers_complete(self) -> None:
        """The head has ended; how long the body takes is for `taperguard.limits` to see."""
        self._is_reading_head = False
        self._is_reading_body = True
        self._drop_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request has ended."""
        self._is_reading_body = False
        self._drop_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered; where that was before its end, the rest is thrown away, for a while."""
        super().on_response_complete()
        if self._is_reading_body and not self.transport.is_closing():
            self._set_deadline()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._is_reading_head and self._unfinished_bytes:
            self._hang_up(HTTPStatus.REQUEST_TIMEOUT, "head-time")
        else:
            self.transport.close()

    def _hang_up(self, status: HTTPStatus, reason: str) -> None:
        REFUSED.labels(reason).inc()
        self.transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "content-length: 0\r\nconnection: close\r\n\r\n".encode("ascii")
        )
        self.transport.close()
