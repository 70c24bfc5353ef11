"""Which browser pages may call the CDS service: those of the listed origins, never all.

Without a list there is no CORS at all. Credentials of the browser are never allowed: a CDS client
shows who it is by its token.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taperguard.limits import CDS_PATH

_PREFLIGHT_SECONDS = 600


class CdsCors:
    """CORS for the CDS service alone; pages and reports are never read from other origins."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self.app = app
        self.with_cors = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Accept"],
            expose_headers=["Retry-After"],
            allow_credentials=False,
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, by way of CORS where it is for the CDS service."""
        if scope["type"] != "http" or not scope["path"].startswith(CDS_PATH):
            await self.app(scope, receive, send)
            return

        async def send_varying(message: Message) -> None:
            # Also to who sent no Origin or a foreign one: a cache must not hand it to the others.
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "origin" not in headers.get("vary", "").lower():
                    headers.add_vary_header("Origin")
            await send(message)

        await self.with_cors(scope, receive, send_varying)
