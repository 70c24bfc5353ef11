"""The parameters of OAuth requests: no parameter twice (RFC 6749, 3.1 and 3.2), and no guesses."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.requests import Request

_LARGEST = 65_536
FORM = "application/x-www-form-urlencoded"


class BadForm(Exception):
    """The parameters cannot be read; the sentence says why."""


def only_once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters by name; an empty one counts as absent (RFC 6749, 3.1)."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if not value:
            continue
        if name in found:
            raise BadForm(f"The parameter {name[:40]!r} stands in the request twice.")
        found[name] = value
    return found


async def posted(request: Request) -> dict[str, str]:
    """The parameters of a form POST; BadForm when it is none."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != FORM:
        raise BadForm(f"This request is sent as {FORM}.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise BadForm("This request has at most 64 KiB.")
    try:
        return only_once(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as not_text:
        raise BadForm("The form is not UTF-8.") from not_text
