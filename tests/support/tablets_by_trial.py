"""How a course is made of tablets, found by trying everything: slow, and shares no code with us.

The rule (CLINICAL 6): each intake has the least pieces + 2 x distinct products; among equals the
fewest products come or go from step to step, then the fewest are used within the steps. The same
amount in one step is made in the same way, whatever the time of day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from clinical.taper import TabletProduct

Way = tuple[tuple[TabletProduct, int], ...]
"""Each product used, with how many of its smallest pieces (halves where it may be halved)."""


def cost(way: Way) -> int:
    """Pieces + 2 x products; two halves of one tablet are one piece."""
    pieces = sum(-(-n // 2) if tablet.halvable else n for tablet, n in way)
    return pieces + 2 * len(way)


def every_way(amount_ug: int, shelf: Sequence[TabletProduct]) -> Iterator[Way]:
    """Every way to make an amount out of the shelf."""
    counts = [range(amount_ug // tablet.smallest_piece_ug + 1) for tablet in shelf]
    for numbers in product(*counts):
        way = tuple((tablet, n) for tablet, n in zip(shelf, numbers, strict=True) if n)
        if sum(tablet.smallest_piece_ug * n for tablet, n in way) == amount_ug:
            yield way


def best_ways(amount_ug: int, shelf: Sequence[TabletProduct]) -> list[Way]:
    """Those with the least cost; none where the shelf does not make the amount."""
    ways = list(every_way(amount_ug, shelf))
    least = min((cost(way) for way in ways), default=0)
    return [way for way in ways if cost(way) == least]


def products_used(ways: Sequence[Way]) -> frozenset[TabletProduct]:
    return frozenset(tablet for way in ways for tablet, _ in way)


def unrest(course: Sequence[frozenset[TabletProduct]]) -> tuple[int, int]:
    """Products that come or go between the steps; products used, step by step."""
    return sum(len(a ^ b) for a, b in pairwise(course)), sum(len(step) for step in course)


def least_unrest(steps: Sequence[Sequence[int]], shelf: Sequence[TabletProduct]) -> tuple[int, int]:
    """The best that any choice among the best ways comes to."""
    of_step = []
    for amounts in steps:
        ways = [best_ways(amount, shelf) for amount in sorted(set(amounts))]
        of_step.append({products_used(chosen) for chosen in product(*ways)})
    return min(unrest(course) for course in product(*of_step))
