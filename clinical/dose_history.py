"""The dose over time, from the orders in the chart: what is known, and where nothing is.

Which record stood on which day says `clinical.standing.stood`; the kinds are never added up. On
a day on which an order stands orders count, on another statements; what was handed over counts
only where the chart holds neither, for a fill seldom says a dose. The doses of one day add up.

A record that has ended and says no end leaves its days unknown: somewhere in them it ended, at
the latest when its supply was used up or, where it states none, after the days that
`measures.toml` assumes. A later record that covers a day says what was taken on it instead. Days
that no record covers are "no order", never a dose of zero, for a chart does not say what a
patient took.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from clinical.daily_dose import DailyDose, NotComputable
from clinical.day_set import DaySet
from clinical.drugs import SEDATING, Drug, is_systemic_opioid
from clinical.facts import MedicationRecord, PatientFacts, RecordKind, is_clonazepam
from clinical.standing import Stood, stood
from clinical.supply import (
    Assumed,
    assumed_lengths,
    handed_over_until,
    longest_unsaid,
    plus,
    whole_supply,
    why_end_unsaid,
)
from clinical.totals import mg_on


@dataclass(frozen=True, slots=True)
class Known:
    """A daily dose in mg: the bounds of what may be taken, and the orders that say so."""

    low: Fraction
    high: Fraction
    sources: tuple[str, ...]

    @property
    def micrograms(self) -> tuple[int, int]:
        """Both bounds in whole micrograms: low rounded down, high up. Thresholds use the exact."""
        low, high = self.low * 1000, self.high * 1000
        return low.numerator // low.denominator, -(-high.numerator // high.denominator)


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Why no dose can be said for these days. `no_order`: because no order covers them."""

    why: str
    sources: tuple[str, ...] = ()
    no_order: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days (both inclusive) with one dose, or with none that is known."""

    starts: date
    ends: date
    dose: Known | NotKnown


@dataclass(frozen=True, slots=True)
class Strip:
    """Another sedating medicine and the days for which orders of it stand.

    `open_ends` are the first days of orders whose end is not stated.
    """

    name: str
    opioid: bool
    spans: tuple[tuple[date, date], ...]
    open_ends: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class DoseHistory:
    """Clonazepam from the first order to today, and the sedating medicines beside it."""

    stretches: tuple[Stretch, ...]
    strips: tuple[Strip, ...]

    @property
    def begins(self) -> date | None:
        """The first day that any of it speaks of."""
        days = [stretch.starts for stretch in self.stretches]
        days += [starts for strip in self.strips for starts, _ in strip.spans]
        return min(days, default=None)


NO_ORDER = NotKnown("no order covers these days", no_order=True)


def dose_on_day(stretches: Iterable[Stretch], day: date) -> Known | NotKnown:
    """The dose on one day."""
    return next((s.dose for s in stretches if s.starts <= day <= s.ends), NO_ORDER)


def within(stretches: Iterable[Stretch], first: date, last: date) -> tuple[Stretch, ...]:
    """The stretches that hold any day from the first to the last, cut to these days."""
    return tuple(
        Stretch(max(s.starts, first), min(s.ends, last), s.dose)
        for s in stretches
        if s.starts <= last and first <= s.ends
    )


def why_unknown(stretches: Iterable[Stretch]) -> str | None:
    """Why the dose of some stretches is not known; days without an order are no such gap."""
    whys = {s.dose.why for s in stretches if isinstance(s.dose, NotKnown) and not s.dose.no_order}
    return "; ".join(sorted(whys)) or None


@dataclass(frozen=True, slots=True)
class _Span:
    """Days (day numbers, both inclusive) for which a record stood, seen from the day.

    `unsaid`: it ended on one of them and nobody says when; the reason.
    """

    record: MedicationRecord
    first: int
    last: int
    unsaid: str | None = None


def dose_history(facts: PatientFacts, on: date) -> DoseHistory:
    """The history until the day."""
    spans = _spans(stood(facts.medications), on, assumed_lengths())
    return DoseHistory(_stretches(spans, on), _strips(spans))


def clonazepam_stretches(facts: PatientFacts, on: date) -> tuple[Stretch, ...]:
    """Clonazepam from its first order until the day, in stretches without a gap between them."""
    return _stretches(_spans(stood(facts.medications), on, assumed_lengths()), on)


def _spans(found: Iterable[Stood], on: date, assumed: Assumed) -> list[_Span]:
    """In an order that no order of the list changes."""
    spans = filter(None, (_span(it, on, assumed) for it in found))
    return sorted(spans, key=lambda s: (s.first, s.record.source, s.last, s.unsaid or "", _why(s)))


def _why(span: _Span) -> str:
    overall = span.record.course.overall
    return overall.working if isinstance(overall, DailyDose) else overall.why


def _span(it: Stood, on: date, assumed: Assumed) -> _Span | None:
    record, today = it.record, on.toordinal()
    begun = it.starts if record.kind is RecordKind.DISPENSE else it.by
    if begun is None or begun > on:
        return None
    first = begun.toordinal()
    if record.kind is RecordKind.DISPENSE:
        last = handed_over_until(record)
        if last is None:
            longest = min(plus(first, assumed.longest_fill_days), today)
            return _Span(record, first, longest, "for how many days it was handed over is not said")
        return _Span(record, first, min(last, today))
    if it.ends is not None:
        last = min(it.ends.toordinal(), today)
        return _Span(record, first, last) if first <= last else None
    if it.goes_on:
        return _Span(record, first, today)
    whole = whole_supply(record, first) if record.kind is RecordKind.REQUEST else None
    if record.status == "completed" and whole is not None:
        return _Span(record, first, min(whole, today))
    _, longest = longest_unsaid(it, today, assumed)
    return _Span(record, first, max(first, longest), why_end_unsaid(record))


@dataclass(frozen=True, slots=True)
class _Part:
    """Days of one span with one dose, or with one that cannot be said. `place` is the span's."""

    place: int
    first: int
    last: int
    dose: DailyDose | NotComputable


def _stretches(every: Sequence[_Span], on: date) -> tuple[Stretch, ...]:
    """One sweep over the days on which anything begins or ends."""
    spans = [span for span in every if is_clonazepam(span.record)]
    if any(span.record.kind is not RecordKind.DISPENSE for span in spans):
        spans = [span for span in spans if span.record.kind is not RecordKind.DISPENSE]
    if not spans:
        return ()
    today = on.toordinal()
    parts = [part for place, span in enumerate(spans) for part in _parts(place, span, spans)]
    begins: dict[int, list[_Part | int]] = {}
    ends: dict[int, list[_Part | int]] = {}
    for part in parts:
        begins.setdefault(part.first, []).append(part)
        ends.setdefault(part.last + 1, []).append(part)
    for place, span in enumerate(spans):
        begins.setdefault(span.first, []).append(place)
        ends.setdefault(span.last + 1, []).append(place)
    days = _Days(spans)
    found: list[Stretch] = []
    cuts = sorted({*begins, *(day for day in ends if day <= today), today + 1})
    for first, following in pairwise(cuts):
        days.change(ends.get(first, ()), begins.get(first, ()))
        _append(found, date.fromordinal(first), date.fromordinal(following - 1), days.dose())
    return tuple(found)


def _parts(place: int, span: _Span, spans: Sequence[_Span]) -> Iterator[_Part]:
    """The doses of one record in turn. Days without anything to take are in none of them."""
    if span.unsaid is not None:
        return
    record = span.record
    changes = [step.starts.toordinal() for step in record.course.steps if step.starts is not None]
    changes += [step.ends.toordinal() + 1 for step in record.course.steps if step.ends is not None]
    boundary = _boundary_day(span, spans)
    if boundary is not None:
        changes += [boundary, boundary + 1]
    inside = {day for day in changes if span.first < day <= span.last}
    edges = [span.first, *sorted(inside), span.last + 1]
    for first, following in pairwise(edges):
        dose = None if first == boundary else mg_on(record, date.fromordinal(first))
        if dose is not None:
            yield _Part(place, first, following - 1, dose)


def _boundary_day(span: _Span, spans: Sequence[_Span]) -> int | None:
    """The day that a step shares with the next of its group, which counts then (CLINICAL 1)."""
    group, ends = span.record.group, span.record.course.ends
    if group is None or ends is None or ends == span.record.course.starts:
        return None  # the tablets of a step of one day add up, as in `clinical.totals`
    shared = any(
        other.record.group == group and other is not span and other.record.course.starts == ends
        for other in spans
    )
    return ends.toordinal() if shared else None


class _Days:
    """What stands on the present day of the sweep: spans by place, and their doses."""

    def __init__(self, spans: Sequence[_Span]) -> None:
        self.spans = spans
        self.sources = [span.record.source for span in spans]
        self.standing: set[int] = set()
        self.unsaid: set[int] = set()
        self.doses: dict[RecordKind, dict[int, DailyDose]] = {kind: {} for kind in RecordKind}
        self.gaps: dict[RecordKind, dict[int, NotComputable]] = {kind: {} for kind in RecordKind}
        self.low = dict.fromkeys(RecordKind, Fraction(0))
        self.high = dict.fromkeys(RecordKind, Fraction(0))
        self.count = dict.fromkeys(RecordKind, 0)

    def change(self, ended: Iterable[_Part | int], begun: Iterable[_Part | int]) -> None:
        """On to the next day on which something ends or begins."""
        for item in ended:
            self._turn(item, -1)
        for item in begun:
            self._turn(item, 1)

    def _turn(self, item: _Part | int, by: int) -> None:
        if isinstance(item, int):
            span = self.spans[item]
            (self.standing.add if by > 0 else self.standing.discard)(item)
            if span.unsaid is None:
                self.count[span.record.kind] += by
            else:
                (self.unsaid.add if by > 0 else self.unsaid.discard)(item)
            return
        kind = self.spans[item.place].record.kind
        if isinstance(item.dose, NotComputable):
            _set(self.gaps[kind], item.place, item.dose, by)
        else:
            _set(self.doses[kind], item.place, item.dose, by)
            self.low[kind] += by * item.dose.low
            self.high[kind] += by * item.dose.peak_day

    def dose(self) -> Known | NotKnown:
        """The dose of the day."""
        kind = next((kind for kind in RecordKind if self.count[kind]), None)
        for place in self._unsaid_still():
            span = self.spans[place]
            if kind is None or span.record.kind is kind:
                return NotKnown(span.unsaid or "", (span.record.source,))
        if kind is None:
            return NO_ORDER
        if self.gaps[kind]:
            place = min(self.gaps[kind])
            return NotKnown(self.gaps[kind][place].why, (self.spans[place].record.source,))
        if not self.doses[kind]:
            return NO_ORDER
        sources = tuple(map(self.sources.__getitem__, sorted(self.doses[kind])))
        return Known(self.low[kind], self.high[kind], sources)

    def _unsaid_still(self) -> list[int]:
        """Records without an end, but not those after which another that stands today began."""
        if not self.unsaid:
            return []
        latest = self.spans[max(self.standing)].first  # places are in the order of first days
        return [place for place in sorted(self.unsaid) if self.spans[place].first == latest]


def _set(held: dict[int, Any], place: int, value: object, by: int) -> None:
    if by > 0:
        held[place] = value
    else:
        held.pop(place, None)


def _append(found: list[Stretch], starts: date, ends: date, dose: Known | NotKnown) -> None:
    """The next stretch; one more of the same dose is the same stretch, with all its orders."""
    last = found[-1] if found else None
    if last is None or not _same(last.dose, dose):
        found.append(Stretch(starts, ends, dose))
        return
    sources = tuple(dict.fromkeys((*last.dose.sources, *dose.sources)))
    merged = (
        Known(dose.low, dose.high, sources)
        if isinstance(dose, Known)
        else NotKnown(dose.why, sources, dose.no_order)
    )
    found[-1] = Stretch(last.starts, ends, merged)


def _same(a: Known | NotKnown, b: Known | NotKnown) -> bool:
    if isinstance(a, Known) and isinstance(b, Known):
        return (a.low, a.high) == (b.low, b.high)
    if isinstance(a, NotKnown) and isinstance(b, NotKnown):
        return (a.why, a.no_order) == (b.why, b.no_order)
    return False


def _strips(spans: Sequence[_Span]) -> tuple[Strip, ...]:
    by_name: dict[str, list[_Span]] = {}
    opioids: set[str] = set()
    for span in spans:
        drug = span.record.drug
        if not isinstance(drug, Drug) or is_clonazepam(span.record):
            continue
        opioid = is_systemic_opioid(drug)
        if not opioid and drug.classes.isdisjoint(SEDATING):
            continue
        name = " and ".join(drug.ingredients)
        by_name.setdefault(name, []).append(span)
        if opioid:
            opioids.add(name)
    strips = [
        Strip(
            name,
            name in opioids,
            DaySet.of((span.first, span.last) for span in of if span.unsaid is None).dates(),
            tuple(date.fromordinal(span.first) for span in of if span.unsaid is not None),
        )
        for name, of in by_name.items()
    ]
    return tuple(sorted(strips, key=lambda strip: (not strip.opioid, strip.name)))
