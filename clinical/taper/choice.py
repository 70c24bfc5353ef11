"""Which of equally good tablets: those that change least from step to step.

Each intake alone has its best combinations (`tablets`); where several are equally good, the
course as a whole decides: as few products as possible come or go between steps, then as few
products as possible within a step, then the preferred order. Exact, by dynamic programming
over the sets of products that a step can use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from clinical.taper.tablets import Combination, TabletBox

Choice = Mapping[int, Combination]
"""For each different intake (micrograms) of a step, how it is made."""

_CHANGE_WEIGHT = 1000
"""Far above the number of products there are: changes decide before numbers do."""


def choose(doses: Sequence[frozenset[int]], box: TabletBox) -> tuple[Choice, ...]:
    """How to make the intakes (micrograms, each makeable) of each step of a course."""
    options = [_options(step, box) for step in doses]
    if not options:
        return ()
    # to_go[i][mask]: the least cost of the steps from i on when step i uses these products.
    after = {mask: mask.bit_count() for mask in options[-1]}
    to_go = [after]
    for step in reversed(options[:-1]):
        later = tuple(after.items())
        after = {mask: mask.bit_count() + min(_costs(mask, later)) for mask in step}
        to_go.append(after)
    to_go.reverse()
    first = min(options[0], key=lambda mask: (to_go[0][mask], _rank(options[0][mask])))
    chosen = [options[0][first]]
    before = first
    for step, costs in zip(options[1:], to_go[1:], strict=True):
        from_before = _costs(before, costs.items())
        least = min(from_before)
        # In the order of `costs`, which is that of `step`.
        equal = [mask for mask, cost in zip(step, from_before, strict=True) if cost == least]
        before = equal[0] if len(equal) == 1 else min(equal, key=lambda mask: _rank(step[mask]))
        chosen.append(step[before])
    return tuple(chosen)


def _costs(before: int, costs: Iterable[tuple[int, int]]) -> list[int]:
    """What each set of products costs from here on when it follows on `before`."""
    return [(before ^ mask).bit_count() * _CHANGE_WEIGHT + cost for mask, cost in costs]


@lru_cache(maxsize=4096)
def _options(doses: frozenset[int], box: TabletBox) -> Mapping[int, Choice]:
    """For each set of products that makes the step's intakes best, the preferred way to do so.

    Kept: every taper from the same tablets comes by the same few doses.
    """
    options: dict[int, Choice] = {0: {}}
    for dose in sorted(doses, reverse=True):
        wider: dict[int, Choice] = {}
        for mask, choice in options.items():
            for way in box.best(dose):
                both: Choice = {**choice, dose: way}
                known = wider.get(mask | way.mask)
                if known is None or _rank(both) < _rank(known):
                    wider[mask | way.mask] = both
        options = wider
    return options


def _rank(choice: Choice) -> tuple[tuple[int, tuple[tuple[int, int], ...]], ...]:
    return tuple(way.rank for way in choice.values())
