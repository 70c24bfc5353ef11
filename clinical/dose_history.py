"""The dose over time, from the orders in the chart: what is known, and where nothing is.

An order counts from its start until its instructions end, until the day before the order that
names it as its prior begins, or, while it is active, until today. An ended order that says no
end leaves its days unknown: somewhere in them it ended. Days between orders are "no order",
never a dose of zero, for a chart does not say what a patient took. A step on hold has not begun
while the one before it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from clinical.daily_dose import DailyDose, DoseStep, NotComputable
from clinical.drugs import Drug, is_systemic_opioid
from clinical.facts import MedicationRecord, PatientFacts, RecordKind
from clinical.signing import is_clonazepam
from clinical.standing import waiting

_ENDED = frozenset({"completed", "stopped"})  # what was cancelled was never taken (FHIR R4)
_COUNTED = _ENDED | {"active", "on-hold"}
_INTENTS = frozenset(
    {None, "order", "original-order", "reflex-order", "filler-order", "instance-order"}
)
_DAY = timedelta(days=1)

SEDATING = frozenset(
    {
        "antipsychotic",
        "barbiturate",
        "benzodiazepine",
        "gabapentinoid",
        "muscle-relaxant",
        "orexin-antagonist",
        "other-sedative",
        "sedating-antihistamine",
        "tricyclic",
        "z-drug",
    }
)
"""Drug classes that sedate beside clonazepam (CLINICAL 4, `other-sedatives`); not SSRIs, SNRIs."""


@dataclass(frozen=True, slots=True)
class Known:
    """A daily dose in mg: the bounds of what may be taken, and the orders that say so."""

    low: Fraction
    high: Fraction
    sources: tuple[str, ...]


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


Followed = Mapping[str, Sequence[MedicationRecord]]


@dataclass(frozen=True, slots=True)
class _Span:
    """`ends` None: it has ended, and when is not stated."""

    record: MedicationRecord
    starts: date
    ends: date | None


def dose_history(facts: PatientFacts, on: date) -> DoseHistory:
    """The history until the day. Orders count; statements only where there is no order."""
    return DoseHistory(clonazepam_stretches(facts, on), _strips(facts, on))


def clonazepam_stretches(facts: PatientFacts, on: date) -> tuple[Stretch, ...]:
    """Clonazepam from its first order until the day, in stretches without a gap between them."""
    clonazepam = [record for record in facts.medications if is_clonazepam(record)]
    followed = _followed(facts.medications)
    for kind in RecordKind:
        spans = _spans([r for r in clonazepam if r.kind is kind], followed, on)
        if spans:
            return _stretches(spans, on)
    return ()


def _followed(records: Sequence[MedicationRecord]) -> dict[str, list[MedicationRecord]]:
    """By source: the orders that name it as their prior."""
    found: dict[str, list[MedicationRecord]] = {}
    for record in records:
        for source in record.replaces:
            found.setdefault(source, []).append(record)
    return found


def _spans(records: Sequence[MedicationRecord], followed: Followed, on: date) -> list[_Span]:
    spans = []
    not_begun = waiting(records)
    for record in records:
        starts = _starts(record)
        if record.source in not_begun or not _was_taken(record) or starts is None or starts > on:
            continue
        ends = _ends(record, followed, on)
        if ends is None or ends >= starts:
            spans.append(_Span(record, starts, ends))
    return spans


def _was_taken(record: MedicationRecord) -> bool:
    if record.do_not_perform or record.intent not in _INTENTS:
        return False
    if record.kind is RecordKind.DISPENSE:
        return record.status in {"completed", "in-progress"} and record.period_ends is not None
    return record.status in _COUNTED


def _starts(record: MedicationRecord) -> date | None:
    said = [day for day in (record.period_starts, record.course.starts) if day is not None]
    return max(said) if said else record.authored_on


def _ends(record: MedicationRecord, followed: Followed, on: date) -> date | None:
    """The last day, today for what goes on; None when it has ended and nobody says when."""
    ends = [day for day in (record.period_ends, record.course.ends) if day is not None]
    if record.status != "active":
        next_ones = (_starts(later) for later in followed.get(record.source, ()))
        ends += [day - _DAY for day in next_ones if day is not None and day > date.min]
    if ends:
        return min([*ends, on])
    return None if record.status in _ENDED | {"on-hold"} else on


def _stretches(spans: Sequence[_Span], on: date) -> tuple[Stretch, ...]:
    cuts = {span.starts for span in spans} | {on + _DAY}
    for span in spans:
        if span.ends is not None:
            cuts.add(span.ends + _DAY)
        for step in span.record.course.steps:
            cuts |= {day for day in (step.starts, _day_after(step.ends, on)) if day}
    first = min(span.starts for span in spans)
    days = sorted(day for day in cuts if first <= day <= on + _DAY)
    found: list[Stretch] = []
    coming = sorted(spans, key=lambda s: (s.starts, s.record.source), reverse=True)
    begun: list[_Span] = []
    for starts, following in pairwise(days):
        begun = [span for span in begun if span.ends is None or starts <= span.ends]
        while coming and coming[-1].starts <= starts:
            begun.append(coming.pop())
        dose = _dose(begun, starts)
        last = found[-1] if found else None
        if last is not None and _same(last.dose, dose):
            sources = tuple(dict.fromkeys((*last.dose.sources, *dose.sources)))
            merged = (
                Known(dose.low, dose.high, sources)
                if isinstance(dose, Known)
                else NotKnown(dose.why, sources, dose.no_order)
            )
            found[-1] = Stretch(last.starts, following - _DAY, merged)
        else:
            found.append(Stretch(starts, following - _DAY, dose))
    return tuple(found)


def _day_after(last: date | None, on: date) -> date | None:
    """The day after, where it matters: EHRs write 9999-12-31, which has none."""
    return None if last is None or last > on else last + _DAY


def _same(a: Known | NotKnown, b: Known | NotKnown) -> bool:
    if isinstance(a, Known) and isinstance(b, Known):
        return (a.low, a.high) == (b.low, b.high)
    if isinstance(a, NotKnown) and isinstance(b, NotKnown):
        return (a.why, a.no_order) == (b.why, b.no_order)
    return False


def _dose(spans: Sequence[_Span], day: date) -> Known | NotKnown:
    doses: list[DailyDose] = []
    sources: list[str] = []
    for span in spans:
        if day < span.starts or (span.ends is not None and day > span.ends):
            continue
        record = span.record
        if _handed_over(spans, record, day):
            continue
        if span.ends is None:
            if _something_later(spans, span, day):
                continue
            return NotKnown("the order has ended; on which day is not stated", (record.source,))
        dose = _dose_of(record, day)
        if isinstance(dose, NotComputable):
            return NotKnown(dose.why, (record.source,))
        if dose is not None:
            doses.append(dose)
            sources.append(record.source)
    if not sources:
        return NotKnown("no order covers these days", no_order=True)
    low = _added(dose.low for dose in doses)
    return Known(low, _added(dose.peak_day for dose in doses), tuple(sources))


def _added(amounts: Iterable[Fraction]) -> Fraction:
    """Their sum, by denominators: some charts keep hundreds of orders that were never closed."""
    by_denominator: dict[int, int] = {}
    for amount in amounts:
        numerator, denominator = amount.as_integer_ratio()
        by_denominator[denominator] = by_denominator.get(denominator, 0) + numerator
    return sum((Fraction(n, d) for d, n in by_denominator.items()), Fraction(0))


def _handed_over(spans: Sequence[_Span], record: MedicationRecord, day: date) -> bool:
    """On a day that two steps of one group share, the later step counts (CLINICAL 1)."""
    if record.group is None or record.course.ends != day:
        return False
    return any(
        other.record.group == record.group
        and other.record is not record
        and other.record.course.starts == day
        for other in spans
    )


def _something_later(spans: Sequence[_Span], span: _Span, day: date) -> bool:
    """Whether a later order covers the day, so that the one without an end no longer matters."""
    return any(
        other is not span
        and span.starts < other.starts <= day
        and (other.ends is None or day <= other.ends)
        for other in spans
    )


def _dose_of(record: MedicationRecord, day: date) -> DailyDose | NotComputable | None:
    overall = record.course.overall
    if isinstance(overall, NotComputable):
        return overall
    if overall.unit != "mg":
        return NotComputable("the strength is not known, so the dose in mg cannot be said")
    doses = [step.dose for step in record.course.steps if _covers(step, day)]
    return max(doses, key=lambda dose: dose.peak_day, default=None)


def _covers(step: DoseStep, day: date) -> bool:
    return (step.starts is None or step.starts <= day) and (step.ends is None or day <= step.ends)


def _strips(facts: PatientFacts, on: date) -> tuple[Strip, ...]:
    by_name: dict[str, list[_Span]] = {}
    opioids: set[str] = set()
    followed = _followed(facts.medications)
    for record in facts.medications:
        drug = record.drug
        if not isinstance(drug, Drug) or is_clonazepam(record):
            continue
        opioid = is_systemic_opioid(drug)
        if not opioid and not drug.classes & SEDATING:
            continue
        name = " and ".join(drug.ingredients)
        by_name.setdefault(name, []).extend(_spans([record], followed, on))
        if opioid:
            opioids.add(name)
    strips = [_strip(name, spans, name in opioids) for name, spans in by_name.items() if spans]
    return tuple(sorted(strips, key=lambda strip: (not strip.opioid, strip.name)))


def _strip(name: str, spans: Sequence[_Span], opioid: bool) -> Strip:
    joined: list[tuple[date, date]] = []
    for span in sorted(spans, key=lambda s: s.starts):
        if span.ends is None:
            continue
        if joined and span.starts <= joined[-1][1] + _DAY:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span.ends))
        else:
            joined.append((span.starts, span.ends))
    unsaid = tuple(span.starts for span in spans if span.ends is None)
    return Strip(name, opioid, tuple(joined), unsaid)
