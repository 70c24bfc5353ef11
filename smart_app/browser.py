"""The cookie that names a browser: nothing else, and one for all of its launches.

Always `__Host-`, Secure, HttpOnly, SameSite=None and Partitioned. Chromium (156) takes it as it
is on http://127.0.0.1 too, also in a frame of a page on http://localhost, so that development
needs no weaker one; Safari refuses Secure cookies over http, even on its own machine.
"""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "__Host-taperguard"
_NAME = re.compile(r"[A-Za-z0-9_-]{43}")


def browser_of(request: Request) -> str | None:
    """The name that this browser was given (256 bits); None when it has none of ours."""
    name = request.cookies.get(COOKIE, "")
    return name if _NAME.fullmatch(name) else None


def new_browser() -> str:
    """A fresh name."""
    return secrets.token_urlsafe(32)


def remember(response: Response, browser: str) -> None:
    """Give the browser its name, until it is closed."""
    response.headers.append(
        "Set-Cookie",
        f"{COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    )
