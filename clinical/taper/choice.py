"""Which of equally good tablets: those that change least from step to step.

Each intake alone has its best combinations (`tablets`); where several are equally good, the
course as a whole decides: as few products as possible come or go between steps, then as few
products as possible within a step, then the preferred order. Exact, by dynamic programming
over the sets of products that a step can use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    to_go: list[dict[int, int]] = [{mask: mask.bit_count() for mask in options[-1]}]
    for step in reversed(options[:-1]):
        after = to_go[-1]
        to_go.append(
            {
                mask: mask.bit_count()
                + min(_changes(mask, later) + cost for later, cost in after.items())
                for mask in step
            }
        )
    to_go.reverse()
    chosen: list[Choice] = []
    before: int | None = None
    for step, costs in zip(options, to_go, strict=True):
        came_from = before
        before = min(
            step,
            key=lambda mask: (
                costs[mask] + (0 if came_from is None else _changes(came_from, mask)),
                _rank(step[mask]),
            ),
        )
        chosen.append(step[before])
    return tuple(chosen)


def _changes(before: int, after: int) -> int:
    return (before ^ after).bit_count() * _CHANGE_WEIGHT


def _options(doses: frozenset[int], box: TabletBox) -> dict[int, Choice]:
    """For each set of products that makes the step's intakes best, the preferred way to do so."""
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
