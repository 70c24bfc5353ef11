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
    """A table; the cells are Markdown already. Columns of numbers are right-aligned.

    All but the last column are filled up to one width: where a client shows the text as it is,
    the columns still stand below each other.
    """
    body = [list(row) for row in rows]
    widths = [max(len(row[place]) for row in (head, *body)) for place in range(len(head) - 1)]
    right = [name in numbers for name in head]

    def line(cells: Sequence[str]) -> str:
        filled = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=False)
        ]
        return "| " + " | ".join([*filled, cells[-1]]) + " |"

    rule = "|" + "|".join("--:" if to_right else ":--" for to_right in right) + "|"
    return "\n".join([line(head), rule, *map(line, body)])
