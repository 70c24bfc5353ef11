"""Reviewed data that a pharmacist can edit: one clinical number, one place, with its source.

Every TOML file has a `[review]` table (author, reviewed_by, reviewed_on, next_review,
version); every CSV has a row in `tables.toml` with the same fields. A house test fails when
a source is missing or a review is overdue.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any


def table(name: str) -> list[dict[str, str]]:
    """The rows of a CSV of this folder, as written (lines that begin with # are comments)."""
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return list(csv.DictReader(lines))


@cache
def document(name: str) -> Mapping[str, Any]:
    """A TOML document of this folder; numbers with a fraction arrive as exact decimals.

    Read once and shared: nobody changes what is in it.
    """
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


def documents() -> tuple[str, ...]:
    """The names of all TOML documents of this folder, as `document` takes them, by name."""
    return tuple(sorted(_toml(files(__name__), "")))


def _toml(folder: Traversable, path: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _toml(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(".toml"):
            yield f"{path}{entry.name}"
