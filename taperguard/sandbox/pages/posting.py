"""A posted form: read whole, and only when it comes from a page of this EHR."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

_LARGEST_FORM = 65_536
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class NotOurs(Exception):
    """The form was posted by a page of somebody else."""


class Unreadable(Exception):
    """The body is no form; `status` is the HTTP status that says so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that were posted; of a field posted twice, the last."""

    fields: Mapping[str, str]

    def text(self, name: str) -> str:
        """A field's text; empty when it was not posted."""
        return self.fields.get(name, "").strip()

    def number(self, name: str) -> int:
        """A field's whole number; -1 when it is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1


async def read_form(request: Request, *, public_url: str) -> Form:
    """The form of a POST. Raises NotOurs or Unreadable."""
    if not _is_from_here(request, public_url):
        raise NotOurs
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != "application/x-www-form-urlencoded":
        raise Unreadable(415, "A form is sent as application/x-www-form-urlencoded.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise Unreadable(413, "A form here has at most 64 KiB.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as not_text:
        raise Unreadable(400, "The form is not UTF-8.") from not_text
    if any(_CONTROL.search(value) for _, value in pairs):
        raise Unreadable(400, "The form holds characters that are no text.")
    return Form(dict(pairs))


def _is_from_here(request: Request, public_url: str) -> bool:
    """Browsers say where a form was posted from; what says nothing is no browser."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    parts = urlsplit(origin)
    return parts.netloc in (request.headers.get("host", ""), urlsplit(public_url).netloc)
