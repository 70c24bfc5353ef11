"""Which days a drug covers: from what was handed over, else what was prescribed (CLINICAL 9).

Dispenses count where there is any of the drug in the look-back ("dispensed days"), else orders
("prescribed days"), else statements ("reported days"); the kinds are never added up. For which
days one record supplies its drug stands in `clinical.supply`, which records count at all in
`clinical.standing`.

Days that cannot be worked out are `unknown`, each stretch with its record and the reason: they are
neither covered nor free. So are the days after the fill of an order that stood longer and says
nothing of refills, and all days of one that was put on hold on a day that is not stated.

Assumptions, stated: a fill of the same product that is handed over early is taken after the one
before is used up (carry-over; of dispenses only, for an order that is renewed early replaces the
one before). Fills of different products are taken side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from clinical.day_set import NO_DAYS, DaySet, Span
from clinical.drugs import Drug
from clinical.facts import MedicationRecord, RecordKind
from clinical.standing import stood
from clinical.supply import LAST_DAY, Assumed, Supplied, Unsaid, supplied


class Basis(StrEnum):
    """From which kind of record the days were counted."""

    DISPENSED = "dispensed days"
    PRESCRIBED = "prescribed days"
    REPORTED = "reported days"


_BASES = {
    RecordKind.DISPENSE: Basis.DISPENSED,
    RecordKind.REQUEST: Basis.PRESCRIBED,
    RecordKind.STATEMENT: Basis.REPORTED,
}
"""In the order in which they count."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The days that one record covers, after carry-over."""

    source: str
    days: Span


@dataclass(frozen=True, slots=True)
class Exposure:
    """The days of one drug, or of several together.

    `covered` and `unknown` share no day. `covered` may reach beyond the day of the report: a
    supply does. `fills` are the first days of fills with their records.
    """

    bases: frozenset[Basis] = frozenset()
    covered: DaySet = NO_DAYS
    unknown: DaySet = NO_DAYS
    pieces: tuple[Piece, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    fills: tuple[tuple[int, str], ...] = ()

    @property
    def label(self) -> str:
        """From which records the days were counted; several drugs may have several bases."""
        return " and ".join(sorted(self.bases)) or "no days"

    def perhaps(self) -> DaySet:
        """The days that are covered or may be."""
        return self.covered | self.unknown

    def episodes(self, gap_days: int) -> tuple[tuple[date, date], ...]:
        """First and last days of use without a gap of more than so many days, oldest first."""
        return self.covered.joined(gap_days).dates()

    def fill_days(self, within: DaySet) -> frozenset[int]:
        """The different days on which a fill began."""
        spans = within.spans
        return frozenset(d for d, _ in self.fills if any(a <= d <= b for a, b in spans))

    def sources(self, days: DaySet) -> tuple[str, ...]:
        """The records that cover any of these days, in the order of their names."""
        return tuple(sorted({p.source for p in self.pieces if _touches(p.days, days)}))

    def reasons(self, days: DaySet) -> tuple[str, ...]:
        """Why some of these days are unknown, each reason once."""
        held = days & self.unknown
        whys = {u.why for u in self.unsaid if u.days is not None and _touches(u.days, held)}
        return tuple(sorted(whys))

    def unsaid_in(self, days: DaySet) -> tuple[Unsaid, ...]:
        """What could not be worked out of these days, or of days that no record states."""
        return tuple(u for u in self.unsaid if u.days is None or _touches(u.days, days))


def _touches(span: Span, days: DaySet) -> bool:
    return any(first <= span[1] and span[0] <= last for first, last in days.spans)


def together(exposures: Iterable[Exposure]) -> Exposure:
    """The days on which at least one of several drugs is covered."""
    all_of = tuple(exposures)
    covered = DaySet.of(span for e in all_of for span in e.covered.spans)
    unknown = DaySet.of(span for e in all_of for span in e.unknown.spans)
    return Exposure(
        bases=frozenset().union(*(e.bases for e in all_of)),
        covered=covered,
        unknown=unknown - covered,
        pieces=tuple(p for e in all_of for p in e.pieces),
        unsaid=tuple(u for e in all_of for u in e.unsaid),
        fills=tuple(sorted(f for e in all_of for f in e.fills)),
    )


def exposure(
    records: Sequence[MedicationRecord],
    *,
    on: date,
    since: date,
    followed: Mapping[str, date],
    assumed: Assumed,
) -> Exposure:
    """The days of one drug, from the best kind of record that speaks of the look-back.

    `since` is the first day of the look-back, `on` its last; `followed` is `followed_on` of the
    patient's whole list. Only records of the one drug may be given; their order, and whether one
    is given twice, changes nothing.
    """
    window = DaySet.between(since, on)
    used = stood(records, followed)
    for kind, basis in _BASES.items():
        found = [supplied(it, on, since, assumed) for it in used if it.record.kind is kind]
        if any(_speaks_of(span, window) for span in found):
            return _exposure(basis, found, carried=kind is RecordKind.DISPENSE)
    return Exposure()


def days_at_most(
    records: Sequence[MedicationRecord],
    *,
    on: date,
    since: date,
    followed: Mapping[str, date],
    assumed: Assumed,
) -> DaySet:
    """The days that any kind of record supplies or may, or for which it stood: an upper bound.

    A pharmacy's feed that begins last year says nothing of the years of orders before it, and an
    order that states no supply stood until the next one all the same.
    """
    spans: list[Span] = []
    for it in stood(records, followed):
        found = supplied(it, on, since, assumed)
        spans += [found.known] if found.known is not None else []
        spans += [found.unsaid.days] if found.unsaid is not None and found.unsaid.days else []
        if it.starts is not None and it.ends is not None:
            spans.append((it.starts.toordinal(), min(it.ends, on).toordinal()))
    return DaySet.of(spans)


def exposures(
    records: Iterable[MedicationRecord],
    named: Callable[[Drug], Iterable[str]],
    *,
    on: date,
    since: date,
    followed: Mapping[str, date],
    assumed: Assumed,
) -> dict[str, Exposure]:
    """The days of each drug that is named, by its name and in the order of names."""
    by_name: dict[str, list[MedicationRecord]] = {}
    for record in records:
        if isinstance(record.drug, Drug):
            for name in named(record.drug):
                by_name.setdefault(name, []).append(record)
    return {
        name: exposure(by_name[name], on=on, since=since, followed=followed, assumed=assumed)
        for name in sorted(by_name)
    }


def _speaks_of(found: Supplied, window: DaySet) -> bool:
    spans = [found.known, found.unsaid.days if found.unsaid else None]
    return any(span is not None and _touches(span, window) for span in spans)


def _exposure(basis: Basis, found: Sequence[Supplied], *, carried: bool) -> Exposure:
    pieces = _carried(found) if carried else [Piece(f.source, f.known) for f in found if f.known]
    covered = DaySet.of(piece.days for piece in pieces)
    unsaid = sorted(
        (f.unsaid for f in found if f.unsaid is not None), key=lambda u: (u.source, u.why)
    )
    unknown = DaySet.of(u.days for u in unsaid if u.days is not None)
    return Exposure(
        bases=frozenset({basis}),
        covered=covered,
        unknown=unknown - covered,
        pieces=tuple(sorted(pieces, key=lambda p: (p.days, p.source))),
        unsaid=tuple(unsaid),
        fills=tuple(sorted((day, f.source) for f in found for day in f.fills)),
    )


def _carried(found: Sequence[Supplied]) -> list[Piece]:
    """Fills of one product one after the other: an early one begins when the last is used up."""
    pieces = []
    used_up: dict[tuple[object, ...], int] = {}
    for item in sorted(
        (f for f in found if f.known is not None), key=lambda f: (f.known or (0, 0), f.source)
    ):
        first, last = item.known or (0, 0)
        begins = max(first, used_up.get(item.product, 0) + 1)
        ends = min(begins + last - first, LAST_DAY)
        used_up[item.product] = ends
        pieces.append(Piece(item.source, (min(begins, ends), ends)))
    return pieces
