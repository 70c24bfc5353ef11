"""Where a number comes from: sources by key, from `knowledge/sources.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from clinical.knowledge import document


@dataclass(frozen=True, slots=True)
class Source:
    """A publication, label or brief that a rule rests on; `called` is its name in passing.

    `checked_on` is the day on which title, year and identifier were found in a public index;
    None where they were not.
    """

    key: str
    called: str
    title: str
    year: int
    url: str | None
    doi: str | None
    note: str | None
    checked_on: date | None

    @property
    def address(self) -> str | None:
        """Where it can be read: by its DOI, else by its URL."""
        return self.url if self.doi is None else f"https://doi.org/{self.doi}"


@cache
def _sources() -> dict[str, Source]:
    rows: dict[str, Any] = document("sources.toml")["sources"]
    return {
        key: Source(
            key,
            row.get("called", key),
            row["title"],
            row["year"],
            row.get("url"),
            row.get("doi"),
            row.get("note"),
            row.get("checked_on"),
        )
        for key, row in rows.items()
    }


def cite(key: str) -> Source:
    """The source with this key. Raises KeyError for a key that is in no source list."""
    return _sources()[key]


def all_sources() -> tuple[Source, ...]:
    """Every source, in the order of the file."""
    return tuple(_sources().values())
