"""Sets of calendar days, as spans: what days a medicine covers, and what two of them share.

Whole days only, both ends of a span inclusive. A set is always in one form (spans in order, none
touching another), so that equal sets are equal values and no answer depends on the order in
which records came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

_LAST = date.max.toordinal()

Span = tuple[int, int]
"""First and last day of a span, as day numbers of the calendar (`date.toordinal`)."""


@dataclass(frozen=True, slots=True)
class DaySet:
    """Calendar days. `spans` are in order, and between two of them at least one day is missing."""

    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if any(first > last for first, last in self.spans):
            raise ValueError("a span ends before it begins")
        if any(later[0] <= last + 1 for (_, last), later in pairwise(self.spans)):
            raise ValueError("the spans of a set of days touch or are out of order")

    @classmethod
    def of(cls, spans: Iterable[Span]) -> DaySet:
        """The union of any spans, in any order; a span that ends before it begins is none."""
        joined: list[list[int]] = []
        for first, last in sorted(spans):
            if first > last:
                continue
            if joined and first <= joined[-1][1] + 1:
                joined[-1][1] = max(joined[-1][1], last)
            else:
                joined.append([first, last])
        return cls(tuple((first, last) for first, last in joined))

    @classmethod
    def between(cls, first: date, last: date) -> DaySet:
        """Every day from the first to the last; none if the last lies before the first."""
        return cls.of([(first.toordinal(), last.toordinal())])

    def __or__(self, other: DaySet) -> DaySet:
        return DaySet.of((*self.spans, *other.spans))

    def __and__(self, other: DaySet) -> DaySet:
        return DaySet(tuple(_shared(self.spans, other.spans)))

    def __sub__(self, other: DaySet) -> DaySet:
        return self & other._others()

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    def __contains__(self, day: date) -> bool:
        number = day.toordinal()
        return any(first <= number <= last for first, last in self.spans)

    def _others(self) -> DaySet:
        """Every day of the calendar that is not in the set."""
        edges = [0, *(edge for first, last in self.spans for edge in (first - 1, last + 1)), _LAST]
        return DaySet.of(zip(edges[::2], edges[1::2], strict=True))

    def joined(self, gap: int) -> DaySet:
        """The set with every hole of at most `gap` days filled."""
        filled = [
            (last + 1, later - 1)
            for (_, last), (later, _) in pairwise(self.spans)
            if later - last - 1 <= gap
        ]
        return DaySet.of((*self.spans, *filled))

    def last_before(self, day: date) -> date | None:
        """The last day of the set that is not after the day."""
        number = day.toordinal()
        days = [min(last, number) for first, last in self.spans if first <= number]
        return date.fromordinal(max(days)) if days else None

    def run_from(self, day: date) -> date | None:
        """The last day of the span that holds the day; None when the day is not in the set."""
        number = day.toordinal()
        ends = [last for first, last in self.spans if first <= number <= last]
        return date.fromordinal(ends[0]) if ends else None

    def dates(self) -> tuple[tuple[date, date], ...]:
        """The spans as dates."""
        return tuple((date.fromordinal(a), date.fromordinal(b)) for a, b in self.spans)


NO_DAYS = DaySet()


def shared_by(sets: Iterable[DaySet], at_least: int) -> DaySet:
    """The days that at least so many of the sets hold."""
    changes: dict[int, int] = {}
    for days in sets:
        for first, last in days.spans:
            changes[first] = changes.get(first, 0) + 1
            changes[last + 1] = changes.get(last + 1, 0) - 1
    held, spans, since = 0, [], 0
    for day in sorted(changes):
        before, held = held, held + changes[day]
        if before < at_least <= held:
            since = day
        elif held < at_least <= before:
            spans.append((since, day - 1))
    return DaySet.of(spans)


def _shared(some: tuple[Span, ...], others: tuple[Span, ...]) -> Iterator[Span]:
    here = there = 0
    while here < len(some) and there < len(others):
        first = max(some[here][0], others[there][0])
        last = min(some[here][1], others[there][1])
        if first <= last:
            yield first, last
        if some[here][1] < others[there][1]:
            here += 1
        else:
            there += 1
