"""GitHub Markdown without HTML, from text that may hold anything (CDS Hooks 2.0, Card detail)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_LONGEST = 1000


def text(words: str) -> str:
    """Chart text as Markdown that shows just these words: no markup, no HTML, one line."""
    flat = _CONTROL.sub(" ", words).strip()
    if len(flat) > _LONGEST:
        flat = flat[: _LONGEST - 1].rstrip() + "…"
    # An entity and not a backslash: a client that knows only half of Markdown must not see a tag.
    return _SPECIAL.sub(r"\\\1", flat).replace("<", "&lt;").replace(">", "&gt;")


def bullets(lines: Iterable[str]) -> str:
    """A list; each line is Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = ()
) -> str:
    """A table; the cells are Markdown already. Columns of numbers are right-aligned."""
    lines = [
        "| " + " | ".join(head) + " |",
        "|" + "|".join("--:" if name in numbers else ":--" for name in head) + "|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
