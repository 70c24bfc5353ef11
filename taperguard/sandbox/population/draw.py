"""Drawing from a seed: the small choices that make one generated patient differ from the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from ..patients.medicine import Product
from ..patients.story import Course

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draw:
    """One patient's dice, and the products to choose from."""

    dice: Random
    formulary: Mapping[str, Product]

    @classmethod
    def of(cls, seed: int, number: int, formulary: Mapping[str, Product]) -> Draw:
        """The dice of one patient: they depend on nothing but the seed and the number."""
        return cls(Random(f"{seed}:{number}"), formulary)  # noqa: S311 - made-up patients

    def days(self, low: int, high: int) -> int:
        """A number of days, both ends included."""
        return self.dice.randint(low, high)

    def one(self, items: Sequence[T], weights: Sequence[int] | None = None) -> T:
        """One of these."""
        return self.dice.choices(items, weights)[0]

    def happens(self, percent: int) -> bool:
        """Whether something that happens to so many in a hundred happens here."""
        return self.dice.randrange(100) < percent

    def course(self, medicine: str, dose: str | None, since: int, **more: str) -> Course:
        """A course of a product that began so many days ago."""
        return Course(
            since=ago(since),
            medicine=self.formulary[medicine],
            dose=dose,
            **more,  # type: ignore[arg-type]  # words only
        )


def ago(days: int) -> str:
    """So many days ago, as stories say it."""
    return f"{days} days ago" if days else "today"
