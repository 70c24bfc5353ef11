"""Which days a drug covers: from what was handed over, else what was prescribed (CLINICAL 9).

Dispenses count where there is any of the drug in the look-back ("dispensed days"), else orders
("prescribed days"), else statements ("reported days"); the kinds are never added up. A fill lasts
for its stated supply, else for its quantity at the highest dose that the instructions allow, else
for as long as the instructions say. An order lasts for its fill and its refills, and never beyond
the end of its instructions or the order that names it as its prior. A step on hold has not begun
while the one before it goes on.

Days that cannot be worked out are `unknown`, each stretch with its record and the reason: they are
neither covered nor free. So are the days after the fill of an order that stood longer and says
nothing of refills, and all days of one that was put on hold on a day that is not stated.

Assumptions, stated: a fill of the same product that is handed over early is taken after the one
before is used up (carry-over; of dispenses only, for an order that is renewed early replaces the
one before). Fills of different products are taken side by side. A begun day is a covered day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from clinical.daily_dose import DailyDose
from clinical.day_set import NO_DAYS, DaySet, Span
from clinical.dosage import UnitKind
from clinical.dosing.units import shown
from clinical.drugs import Drug
from clinical.facts import MedicationRecord, RecordKind
from clinical.standing import waiting

_LONGEST_DAYS = 3660
"""Ten years: no supply that is longer was meant."""
_LAST = date.max.toordinal()
_ORDERS = frozenset(
    {None, "order", "original-order", "reflex-order", "filler-order", "instance-order"}
)
_ACTIVE = "active"


class Basis(StrEnum):
    """From which kind of record the days were counted."""

    DISPENSED = "dispensed days"
    PRESCRIBED = "prescribed days"
    REPORTED = "reported days"


_ENDED_WHEN = {"stopped": "stopped", "on-hold": "put on hold"}

_BASES = {
    RecordKind.DISPENSE: Basis.DISPENSED,
    RecordKind.REQUEST: Basis.PRESCRIBED,
    RecordKind.STATEMENT: Basis.REPORTED,
}
"""In the order in which they count."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """How long a record may have lasted that does not say it, in days (`measures.toml`)."""

    longest_fill_days: int
    longest_order_days: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The days that one record covers, after carry-over."""

    source: str
    days: Span


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Days that a record may cover, and why that is not known. `days` None: on no known day."""

    source: str
    why: str
    days: Span | None


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


def followed_on(records: Iterable[MedicationRecord]) -> Mapping[str, date]:
    """By source: the first day of an order that names it as its prior."""
    found: dict[str, date] = {}
    listed = tuple(records)
    not_begun = waiting(listed)
    for record in listed:
        if record.source in not_begun or why_not_used(record) is not None:
            continue
        starts = _starts(record)
        if starts is None:
            continue
        for source in record.replaces:
            found[source] = min(found.get(source, starts), starts)
    return found


def why_not_used(record: MedicationRecord) -> str | None:
    """Why a record tells of no use at all, past or present; None when it may."""
    if record.do_not_perform:
        return "it says that the medicine is not to be given (doNotPerform)"
    if record.inpatient:
        return "it is an inpatient order"
    if record.kind is RecordKind.REQUEST and record.intent not in _ORDERS:
        return f"its intent is {shown(str(record.intent))}, not an order"
    if record.status is None:
        return "its status is not stated"
    return None if record.status in _USED[record.kind] else f"its status is {shown(record.status)}"


_USED = {
    # An order that was cancelled was withdrawn before anything was given (FHIR R4).
    RecordKind.REQUEST: frozenset({"active", "completed", "stopped", "on-hold"}),
    RecordKind.STATEMENT: frozenset({"active", "completed", "stopped", "on-hold", "intended"}),
    RecordKind.DISPENSE: frozenset({"completed", "in-progress"}),
}


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
    not_begun = waiting(records)
    used = [
        record
        for record in _each_once(records)
        if record.source not in not_begun and why_not_used(record) is None
    ]
    for kind, basis in _BASES.items():
        of_kind = [record for record in used if record.kind is kind]
        if not of_kind:
            continue
        found = [_span(record, on, since, followed, assumed) for record in of_kind]
        if any(_speaks_of(span, window) for span in found):
            return _exposure(basis, found, carried=kind is RecordKind.DISPENSE)
    return Exposure()


def _each_once(records: Iterable[MedicationRecord]) -> list[MedicationRecord]:
    """Without repetitions. Several records without an id share a source and are kept apart."""
    by_source: dict[str, list[MedicationRecord]] = {}
    for record in records:
        same = by_source.setdefault(record.source, [])
        if record not in same:
            same.append(record)
    return [record for same in by_source.values() for record in same]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one record says: known days, days that may be, its fills, its product."""

    source: str
    product: tuple[object, ...]
    known: Span | None = None
    unsaid: Unsaid | None = None
    fills: tuple[int, ...] = ()


def _speaks_of(found: _Found, window: DaySet) -> bool:
    spans = [found.known, found.unsaid.days if found.unsaid else None]
    return any(span is not None and _touches(span, window) for span in spans)


def _exposure(basis: Basis, found: Sequence[_Found], *, carried: bool) -> Exposure:
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


def _carried(found: Sequence[_Found]) -> list[Piece]:
    """Fills of one product one after the other: an early one begins when the last is used up."""
    pieces = []
    used_up: dict[tuple[object, ...], int] = {}
    for item in sorted(
        (f for f in found if f.known is not None), key=lambda f: (f.known or (0, 0), f.source)
    ):
        first, last = item.known or (0, 0)
        begins = max(first, used_up.get(item.product, 0) + 1)
        ends = min(begins + last - first, _LAST - 1)
        used_up[item.product] = ends
        pieces.append(Piece(item.source, (min(begins, ends), ends)))
    return pieces


def _span(
    record: MedicationRecord,
    on: date,
    since: date,
    followed: Mapping[str, date],
    assumed: Assumed,
) -> _Found:
    today, look_back = on.toordinal(), since.toordinal()
    match record.kind:
        case RecordKind.DISPENSE:
            return _dispensed(record, today, assumed)
        case RecordKind.STATEMENT:
            return _reported(record, today, look_back, assumed)
        case RecordKind.REQUEST:
            return _prescribed(record, today, look_back, followed.get(record.source), assumed)


def _dispensed(record: MedicationRecord, today: int, assumed: Assumed) -> _Found:
    starts = record.period_starts
    if starts is None:
        return _unsaid(record, "the day on which it was handed over is not stated", None)
    first = starts.toordinal()
    if first > today:
        return _unsaid(record, "it is said to be handed over after today", None)
    days = fill_days(record)
    if days is None and record.period_ends is not None and record.period_ends >= starts:
        days = record.period_ends.toordinal() - first + 1
    if days is None:
        longest = (first, min(first + assumed.longest_fill_days - 1, today))
        why = "neither its days of supply nor a quantity with a dose is stated"
        return _unsaid(record, why, longest, fills=(first,))
    return _known(record, (first, _plus(first, days)), fills=(first,))


def _reported(record: MedicationRecord, today: int, look_back: int, assumed: Assumed) -> _Found:
    starts, end = _starts_said(record), _end_said(record)
    goes_on = record.status in {_ACTIVE, "intended"}
    last = today if end is None else min(end.toordinal(), today)
    if starts is None:
        return _unsaid(record, "since when it is taken is not stated", (look_back, last))
    first = starts.toordinal()
    if end is None and not goes_on:
        longest = (first, min(first + assumed.longest_order_days - 1, today))
        return _unsaid(record, "it has ended, on a day that is not stated", longest)
    if record.status == "on-hold":
        return _unsaid(record, "it is on hold since a day that is not stated", (first, last))
    return _known(record, (first, last)) if first <= last else _nothing(record)


def _prescribed(
    record: MedicationRecord,
    today: int,
    look_back: int,
    followed: date | None,
    assumed: Assumed,
) -> _Found:
    starts = _starts(record)
    ends = [_end_said(record)]
    if followed is not None:
        ends.append(date.fromordinal(max(followed.toordinal() - 1, 1)))
    cut = min((day.toordinal() for day in ends if day is not None), default=None)
    active = record.status == _ACTIVE
    horizon = _LAST - 1 if active else today
    last = horizon if cut is None else min(cut, horizon)
    if starts is None:
        why = "neither its start nor the day on which it was written is stated"
        return _unsaid(record, why, (look_back, min(last, today)))
    first = starts.toordinal()
    if last < first:
        return _nothing(record)
    days = _days_ordered(record)
    whole = None if days is None else _plus(first, days * (1 + (record.refills or 0)))
    fills = _fills(record, first, days, min(last, today))
    if cut is None and record.status in _ENDED_WHEN:
        longest = _plus(first, assumed.longest_order_days) if whole is None else whole
        if record.status == "on-hold" and record.refills is None:
            longest = last  # it may have been filled until it was put on hold, whenever that was
        why = f"it was {_ENDED_WHEN[record.status]} on a day that is not stated"
        return _unsaid(record, why, (first, min(longest, last)), fills=fills)
    if whole is not None:
        return _filled(record, (first, min(whole, last)), min(last, today), followed, fills)
    if _end_said(record) is not None:
        return _known(record, (first, last), fills=fills)
    longest = today if active else _plus(first, assumed.longest_order_days)
    why = "it states neither a supply, nor a quantity with a dose, nor an end"
    return _unsaid(record, why, (first, min(last, longest)), fills=fills)


def _filled(
    record: MedicationRecord, known: Span, last: int, followed: date | None, fills: tuple[int, ...]
) -> _Found:
    """An order with its supply; where it says nothing of refills, what follows is not known."""
    stood_longer = record.status == _ACTIVE or followed is not None or _end_said(record) is not None
    if record.refills is None and stood_longer and known[1] < last:
        why = "it stood longer than one fill, and whether it was filled again is not stated"
        unsaid = Unsaid(record.source, why, (known[1] + 1, last))
        return _Found(record.source, _product(record), known, unsaid, fills)
    return _known(record, known, fills=fills)


def _fills(record: MedicationRecord, first: int, days: int | None, last: int) -> tuple[int, ...]:
    if first > last:
        return ()
    if days is None:
        return (first,)
    times = 1 + (record.refills or 0)
    return tuple(day for n in range(times) if (day := first + n * days) <= last)


def _days_ordered(record: MedicationRecord) -> int | None:
    """Days of one fill of an order."""
    if record.supply_days is None and len(record.course.steps) > 1 and record.course.ends:
        return None  # several doses in turn: the instructions themselves say how long
    days = fill_days(record)
    return 1 if days is None and record.course.single_dose else days


def fill_days(record: MedicationRecord) -> int | None:
    """For how many days one fill lasts: as stated, else its quantity at the highest dose."""
    if record.supply_days is not None:
        return record.supply_days
    days = _quantity_days(record)
    if days is None or not 0 < days <= _LONGEST_DAYS:
        return None
    return -(-days.numerator // days.denominator)


def _quantity_days(record: MedicationRecord) -> Fraction | None:
    quantity, dose = record.quantity, record.course.overall
    if quantity is None:
        return None
    amount, unit = quantity.high * quantity.unit.factor, quantity.unit
    counted = record.course.amount_per_day
    any_unit = unit.kind in {UnitKind.EACH, UnitKind.UNSTATED}
    if isinstance(counted, DailyDose) and (any_unit or counted.unit == unit.name):
        return amount / counted.high if counted.high > 0 else None
    if not isinstance(dose, DailyDose) or dose.unit != "mg" or dose.high <= 0:
        return None
    if unit.kind is UnitKind.MASS:
        return amount / dose.high
    strength = record.drug.strength if isinstance(record.drug, Drug) else None
    if strength is not None and (any_unit or strength.per_unit == unit.name):
        return amount * strength.mg / dose.high
    return None


def _starts(record: MedicationRecord) -> date | None:
    return _starts_said(record) or record.authored_on


def _starts_said(record: MedicationRecord) -> date | None:
    said = [day for day in (record.period_starts, record.course.starts) if day is not None]
    return max(said, default=None)


def _end_said(record: MedicationRecord) -> date | None:
    said = [day for day in (record.period_ends, record.course.ends) if day is not None]
    return min(said, default=None)


def _plus(first: int, days: int) -> int:
    """The last of so many days; 9999-12-30 for what no calendar holds."""
    return min(first + days - 1, _LAST - 1)


def _product(record: MedicationRecord) -> tuple[object, ...]:
    drug = record.drug
    if not isinstance(drug, Drug):
        return (record.source,)
    strength = drug.strength
    return (drug.ingredients, None if strength is None else (strength.mg, strength.per_unit))


def _known(record: MedicationRecord, days: Span, *, fills: tuple[int, ...] = ()) -> _Found:
    return _Found(record.source, _product(record), known=days, fills=fills)


def _unsaid(
    record: MedicationRecord, why: str, days: Span | None, *, fills: tuple[int, ...] = ()
) -> _Found:
    if days is not None and days[0] > days[1]:
        days = None
    unsaid = Unsaid(record.source, why, days)
    return _Found(record.source, _product(record), unsaid=unsaid, fills=fills)


def _nothing(record: MedicationRecord) -> _Found:
    return _Found(record.source, _product(record))
