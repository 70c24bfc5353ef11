"""The article that this product was begun from, statement by statement (`knowledge/seed.toml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from clinical.knowledge import document


class Followed(StrEnum):
    """What became of a statement."""

    ACTED_ON = "acted-on"
    CHANGED = "changed"
    NOT_ACTED_ON = "not-acted-on"

    @property
    def word(self) -> str:
        """As a page says it."""
        return self.value.replace("-", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in our own words, and what the software does with it.

    `where` names, by kind (`checks`, `rules`, `paces`, `numbers`, `measures`, `places`), what of
    the product acts on it or would. `agrees` and `disagrees` are keys of primary sources: of the
    statement, not of what we made of it.
    """

    id: str
    part: str
    says: str
    followed: Followed
    does: str
    where: Mapping[str, tuple[str, ...]]
    agrees: tuple[str, ...]
    disagrees: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the product: a card, a page, a paper. `made_by` is a path of this repository."""

    id: str
    title: str
    made_by: str


@cache
def statements() -> tuple[Statement, ...]:
    """Every statement, in the order of the article."""
    return tuple(
        Statement(
            id=name,
            part=row["part"],
            says=row["says"],
            followed=Followed(row["status"]),
            does=row["does"],
            where={kind: tuple(ids) for kind, ids in row["where"].items()},
            agrees=tuple(row["agrees"]),
            disagrees=tuple(row["disagrees"]),
        )
        for name, row in document("seed.toml")["statements"].items()
    )


@cache
def places() -> Mapping[str, Place]:
    """The places that statements name, by id."""
    return {
        name: Place(name, row["title"], row["made_by"])
        for name, row in document("seed.toml")["places"].items()
    }
