"""Headers of every response: a strict content policy, no caching, and the mode in plain sight."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MODE = "X-TaperGuard-Mode"


class ResponseHeaders:
    """Adds the headers to each response; in development also the mode."""

    def __init__(self, app: ASGIApp, *, development: bool) -> None:
        self.app = app
        ours = {**_ALWAYS, **({MODE: "development"} if development else {})}
        # As they go over the wire, once for all responses.
        self._ours = [(name.lower().encode(), value.encode()) for name, value in ours.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers when the response starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name for name, _ in given}
                added = (header for header in self._ours if header[0] not in names)
                message["headers"] = [*given, *added]
            await send(message)

        await self.app(scope, receive, send_with_headers)
