"""A falling series of doses, where no plan states them: cuts of the ordered dose in a row.

So many cuts, no rise between them, each within so many days of the next (`series_cuts`,
`series_days`). Whether it was meant as a taper no order says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

from clinical.dose_history import Known, Stretch
from clinical.tapers.signs import TaperSigns


@dataclass(frozen=True, slots=True)
class Change:
    """The first day of another known dose than the one before."""

    day: date
    before: Fraction
    after: Fraction
    sources: tuple[str, ...]

    @property
    def is_cut(self) -> bool:
        """Whether it is a fall."""
        return self.after < self.before


def changes(stretches: Sequence[Stretch]) -> tuple[Change, ...]:
    """Each change from one known dose to another. Days without an order are no dose of zero."""
    known = [s for s in stretches if isinstance(s.dose, Known) and s.dose.high > 0]
    found = []
    for before, after in pairwise(known):
        if not isinstance(before.dose, Known) or not isinstance(after.dose, Known):
            continue  # never: for the reader of types
        if before.dose.high != after.dose.high:
            sources = tuple(sorted({*before.dose.sources, *after.dose.sources}))
            found.append(Change(after.starts, before.dose.high, after.dose.high, sources))
    return tuple(found)


def falling_runs(stretches: Sequence[Stretch], signs: TaperSigns) -> Iterator[tuple[Change, ...]]:
    """Runs of cuts without a rise between them."""
    run: list[Change] = []
    for change in (*changes(stretches), None):
        near = (
            change is not None
            and change.is_cut
            and (not run or (change.day - run[-1].day).days <= signs.series_days)
        )
        if change is not None and near:
            run.append(change)
            continue
        if len(run) >= signs.series_cuts:
            yield tuple(run)
        run = [change] if change is not None and change.is_cut else []
