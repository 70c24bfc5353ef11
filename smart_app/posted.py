"""The fields of a posted form, read by hand: ours are small and need no multipart parser."""

from __future__ import annotations

from starlette.datastructures import QueryParams
from starlette.requests import Request


async def posted_fields(request: Request, most_bytes: int) -> QueryParams | None:
    """The urlencoded fields; None for a body that is too large or no text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            return None
    try:
        return QueryParams(body.decode("ascii"))
    except UnicodeDecodeError:
        return None
