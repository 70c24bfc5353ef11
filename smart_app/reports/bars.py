"""The bars of a dose distribution, read from their ids: "under-0.5", "0.5-1", "4-and-more"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_NUMBER = r"\d+(?:\.\d+)?"
_FIRST = re.compile(rf"under-({_NUMBER})")
_BETWEEN = re.compile(rf"({_NUMBER})-({_NUMBER})")
_LAST = re.compile(rf"({_NUMBER})-and-more")


@dataclass(frozen=True, slots=True)
class Edges:
    """From `low` (inclusive) to under `high`, in the unit of the distribution."""

    low: Fraction
    high: Fraction | None

    def hold(self, dose: Fraction) -> bool:
        """Whether a dose belongs to this bar."""
        return self.low <= dose and (self.high is None or dose < self.high)


def edges_of(bar_id: str) -> Edges | None:
    """The edges of a bar; None for an id of another kind."""
    if found := _FIRST.fullmatch(bar_id):
        return Edges(Fraction(0), Fraction(found[1]))
    if found := _BETWEEN.fullmatch(bar_id):
        return Edges(Fraction(found[1]), Fraction(found[2]))
    if found := _LAST.fullmatch(bar_id):
        return Edges(Fraction(found[1]), None)
    return None
