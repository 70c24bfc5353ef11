"""What a site may choose beside numbers, from `knowledge/choices.toml`, and how each is read.

The shipped value and a site's go through the same reader, so neither can be what the other may not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from clinical.findings import CheckId
from clinical.knowledge import document
from clinical.taper.pace import PercentSteps, pace, paces
from clinical.taper.refusal import CannotTaper

CARD_PER_CHECK = "card-per-check"
"""What an EHR may configure for itself beside checks: `Policy.card_per_check`."""

_MOST_LINKS = 3
_LONGEST_LABEL, _LONGEST_LINE, _LONGEST_URL = 40, 160, 500
# What every EHR shows as written, whether or not it renders Markdown.
_PLAIN_TEXT = re.compile(r"[^\W_](?:[^\W_]|[ .,;:()/+'&@%?!-])*")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Unusable(ValueError):
    """A value that cannot be used. The words go on from its name: "has to be true or false"."""


@dataclass(frozen=True, slots=True)
class Link:
    """A site's own link: what it is called, and where it leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice by the name of its field in `Policy`; `section` is its table in a policy file.

    `nothing` is how a file says that there is none, where the field may be None.
    """

    id: str
    section: str
    value: Any
    meaning: str
    allowed: str
    sources: tuple[str, ...]
    note: str | None
    nothing: str

    def read(self, value: object) -> Any:
        """The field's value for what a file says. Raises Unusable."""
        return _READERS[self.id](value)


@cache
def choices() -> tuple[Choice, ...]:
    """Every choice, in the order of the file."""
    return tuple(
        Choice(
            name,
            row["section"],
            row["value"],
            row["meaning"],
            row["allowed"],
            tuple(row["sources"]),
            row.get("note"),
            row.get("nothing", ""),
        )
        for name, row in document("choices.toml")["choices"].items()
    )


def switch(value: object) -> bool:
    """True or false. Raises Unusable."""
    if not isinstance(value, bool):
        raise Unusable("has to be true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unusable("has to be a text in quotation marks")
    return value


def _plain(value: object, longest: int) -> str:
    """One line that reads the same as Markdown and as plain text. Raises Unusable."""
    found = _text(value)
    if len(found) > longest:
        raise Unusable(f"has {len(found)} characters; at most {longest} are shown")
    if not _PLAIN_TEXT.fullmatch(found):
        raise Unusable(
            "has to be one line that begins with a letter or digit and holds only letters, digits, "
            "spaces and . , ; : ( ) / + ' & @ % ? ! -"
        )
    if "://" in found:
        raise Unusable('may not hold an address; addresses stand under "links"')
    return found


def _site_line(value: object) -> str | None:
    return None if value == "" else _plain(value, _LONGEST_LINE)


def _pace_id(value: object) -> str:
    try:
        return pace(_text(value)).id
    except CannotTaper:
        ids = ", ".join(known.id for known in paces())
        raise Unusable(f"is not the id of a pace; the paces are {ids}") from None


def _recommended_pace(value: object) -> str:
    found = pace(_pace_id(value))
    if not isinstance(found.steps, PercentSteps):
        raise Unusable(
            f"cannot be {found.id}: it cuts by fixed amounts, ever larger shares of the dose, and "
            "may be offered but not recommended"
        )
    return found.id


def _offered_pace(value: object) -> str | None:
    return None if value == "none" else _pace_id(value)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise Unusable("has to be a list in square brackets")
    return value


def _planner_paces(value: object) -> tuple[str, ...]:
    found = tuple(_pace_id(item) for item in _list(value))
    if len(set(found)) < len(found):
        raise Unusable("names a pace twice")
    return found


def _url(value: object) -> str:
    found = _text(value)
    try:
        parts = urlsplit(found)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[\x21-\x7e]+", found) or len(found) > _LONGEST_URL:
        raise Unusable("has to be an absolute https address")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        raise Unusable("has to be an absolute https address")
    if parts.username or parts.password:
        raise Unusable("may not carry a user or a password")
    return found


def _pdmp_url(value: object) -> str | None:
    return None if value == "" else _url(value)


def _links(value: object) -> tuple[Link, ...]:
    rows = _list(value)
    if len(rows) > _MOST_LINKS:
        raise Unusable(f"has {len(rows)} links; at most {_MOST_LINKS} fit on a card")
    found = []
    for row in rows:
        if not isinstance(row, dict) or row.keys() != {"label", "url"}:
            raise Unusable('has to be a list of { label = "...", url = "..." }')
        found.append(Link(_plain(row["label"], _LONGEST_LABEL), _url(row["url"])))
    if len({link.label for link in found}) < len(found):
        raise Unusable("uses a label twice")
    return tuple(found)


def _clients_may(value: object) -> frozenset[str]:
    codes = (CARD_PER_CHECK, *(check.value for check in CheckId))
    found = _list(value)
    for code in found:
        if _text(code) not in codes:
            raise Unusable(f"holds {code!r}; the codes are {', '.join(codes)}")
    return frozenset(found)


_READERS: dict[str, Callable[[object], Any]] = {
    "card_per_check": switch,
    "site_line": _site_line,
    "recommended_pace": _recommended_pace,
    "recommended_slow_pace": _recommended_pace,
    "offered_pace": _offered_pace,
    "planner_paces": _planner_paces,
    "pdmp_url": _pdmp_url,
    "links": _links,
    "clients_may": _clients_may,
}
