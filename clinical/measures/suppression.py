"""Which numbers to leave out so that no small count can be worked out from the others.

A table of counts is a set of cells and of sums that a reader knows to hold between them. A cell
below the smallest that may be shown is closed. What a reader then still knows are the open cells
and the sums; a closed cell is *found out* when only one value of it fits. As long as any is,
one more open cell beside it is closed (complementary suppression).

Two ways of finding out are ruled out: solving the sums as equations (exactly, over the rational
numbers, all together), and closing in on a cell by the least and the most that its label and its
sums allow. What two tables of different days tell together is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

_MOST_ROUNDS = 200
"""Sums that bound each other settle long before; a bound that still moves is a bound anyway."""


_Row = dict[int, int | Fraction]
"""The factors of one equation by the place of their unknown."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One count.

    `cost`: how much is lost when it is left out; the cheapest is closed first. A cell that is not
    `shown` is none of the table's but stands in its sums (those who do not meet a measure): a
    reader has to work it out, and must not be able to when it is small.
    `may_be_none`: a hidden cell whose being 0 tells nothing of anybody. `few`: a cell that counts
    something else than patients, with fewer of them behind it than may be told; it is closed
    whatever its value.
    """

    name: str
    value: int
    shown: bool = True
    cost: int = 0
    may_be_none: bool = False
    few: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum that readers know: the parts come to the total. Each by its cell's name."""

    total: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def terms(self) -> tuple[tuple[str, int], ...]:
        """The cells with +1 and -1; together they come to 0."""
        return (*((name, 1) for name in self.total), *((name, -1) for name in self.parts))


def closed_cells(cells: Iterable[Cell], sums: Sequence[Sum], smallest: int) -> frozenset[str]:
    """The names of the shown cells to leave out: the small, and what gives them away."""
    by_name = {cell.name: cell for cell in cells}
    small = {c.name for c in by_name.values() if c.shown and (c.few or c.value < smallest)}
    closed, in_vain = set(small), set[str]()
    while True:
        found = found_out(by_name, sums, closed, smallest)
        # What a reader can work out all the same protects nothing: it is shown again.
        useless = found & (closed - small) - in_vain
        if useless:
            closed -= useless
            in_vain |= useless
            continue
        candidates = _beside(found, by_name, sums, closed)
        if not found or not candidates:
            break
        fresh = [cell for cell in candidates if cell.name not in in_vain]
        closed.add(min(fresh or candidates, key=_worth).name)
    # What was closed early may no longer be needed; the dearest gets the first chance to open.
    for cell in sorted((by_name[name] for name in closed - small), key=_worth, reverse=True):
        if not found_out(by_name, sums, closed - {cell.name}, smallest):
            closed.remove(cell.name)
    return frozenset(closed)


def _worth(cell: Cell) -> tuple[int, int, str]:
    return cell.cost, cell.value, cell.name


def found_out(
    cells: Mapping[str, Cell], sums: Sequence[Sum], closed: Iterable[str], smallest: int
) -> frozenset[str]:
    """The closed cells, and the small hidden ones, of which a reader can tell the value."""
    hidden = {c.name for c in cells.values() if not c.shown}
    unknown = sorted({*closed, *hidden})
    secret = {*closed, *(name for name in hidden if _is_small(cells[name], smallest))}
    solved = _solved(sums, unknown)
    pinned = _pinned(cells, sums, unknown, smallest)
    return frozenset((solved | pinned) & secret)


def _is_small(cell: Cell, smallest: int) -> bool:
    return cell.value < smallest and not (cell.value == 0 and cell.may_be_none)


def _beside(
    found: Iterable[str], cells: Mapping[str, Cell], sums: Sequence[Sum], closed: Iterable[str]
) -> list[Cell]:
    """The open cells in the sums around what was found out: the nearest that there are."""
    reached, shut = set(found), set(closed)
    while True:
        near = {name for s in sums for name, _ in s.terms if reached & {n for n, _ in s.terms}}
        opened = [cells[name] for name in near if cells[name].shown and name not in shut]
        if opened or near <= reached:
            return opened
        reached |= near


def _solved(sums: Sequence[Sum], unknown: Sequence[str]) -> set[str]:
    """The unknown cells that the sums, as equations, leave no choice (Gauss-Jordan, exact)."""
    column = {name: place for place, name in enumerate(unknown)}
    rows: list[_Row] = []
    for one in sums:
        row: _Row = {}
        for name, sign in one.terms:
            if name in column:
                row[column[name]] = row.get(column[name], 0) + sign
        row = {place: factor for place, factor in row.items() if factor}
        for done in rows:
            _take_off(row, done, min(done))
        if row:
            lead = min(row)
            # Almost every factor is 1 or -1, and whole numbers are many times faster.
            scale = row[lead] if row[lead] in (1, -1) else 1 / Fraction(row[lead])
            row = {place: factor * scale for place, factor in row.items()}
            for done in rows:
                _take_off(done, row, lead)
            rows.append(row)
    return {unknown[min(row)] for row in rows if len(row) == 1}


def _take_off(row: _Row, other: _Row, lead: int) -> None:
    factor = row.get(lead)
    if factor is None:
        return
    for place, value in other.items():
        left = row.get(place, 0) - factor * value
        if left:
            row[place] = left
        else:
            row.pop(place, None)


def _pinned(
    cells: Mapping[str, Cell], sums: Sequence[Sum], unknown: Sequence[str], smallest: int
) -> set[str]:
    """The unknown cells whose least and most possible value meet."""
    open_ended: set[str] = set(unknown)
    low = {name: cell.value for name, cell in cells.items()}
    high: dict[str, int | None] = {name: cell.value for name, cell in cells.items()}
    for name in open_ended:
        labelled_small = cells[name].shown and cells[name].value < smallest
        low[name] = 0 if labelled_small or not cells[name].shown else smallest
        high[name] = smallest - 1 if labelled_small else None
    for _ in range(_MOST_ROUNDS):
        narrowed = [_narrow(one, open_ended, low, high) for one in sums]
        if not any(narrowed):
            break
    return {name for name in open_ended if low[name] == high[name]}


def _narrow(one: Sum, unknown: set[str], low: dict[str, int], high: dict[str, int | None]) -> bool:
    """Narrow each unknown cell of one sum by all the others; whether any became narrower."""
    changed = False
    for name, sign in one.terms:
        if name not in unknown:
            continue
        others = [(other, -sign * factor) for other, factor in one.terms if other != name]
        least = _bound(others, low, high, least=True)
        most = _bound(others, low, high, least=False)
        if least is not None and least > low[name]:
            low[name], changed = least, True
        top = high[name]
        if most is not None and (top is None or most < top):
            high[name], changed = most, True
    return changed


def _bound(
    terms: Sequence[tuple[str, int]],
    low: Mapping[str, int],
    high: Mapping[str, int | None],
    *,
    least: bool,
) -> int | None:
    """The least or the most that signed cells can come to; None when nothing bounds it."""
    total = 0
    for name, factor in terms:
        end = low[name] if (factor > 0) == least else high[name]
        if end is None:
            return None
        total += factor * end
    return total
