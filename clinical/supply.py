"""For which days one record supplies its drug: known days, days that may be, and its fills.

A fill lasts for its stated supply, else for its quantity at the highest dose that the instructions
allow, else for as long as the instructions say. An order lasts for its fill and its refills, and
never beyond the day on which it stopped to stand (`clinical.standing.stood`). A begun day is a
covered day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache

from clinical.daily_dose import DailyDose
from clinical.day_set import Span
from clinical.dosage import Amount, UnitKind
from clinical.drugs import Drug
from clinical.facts import MedicationRecord, RecordKind
from clinical.knowledge import document
from clinical.standing import Stood, ends_said

LAST_DAY = date.max.toordinal() - 1
"""9999-12-30, for what no calendar holds."""
_LONGEST_DAYS = 3660
"""Ten years: no supply that is longer was meant."""
_ACTIVE = "active"
_ENDED_WHEN = {"stopped": "stopped", "on-hold": "put on hold"}


@dataclass(frozen=True, slots=True)
class Assumed:
    """How long a record may have lasted that does not say it, in days (`measures.toml`)."""

    longest_fill_days: int
    longest_order_days: int


@cache
def assumed_lengths() -> Assumed:
    """The lengths as shipped."""
    numbers = document("measures.toml")["numbers"]
    return Assumed(
        longest_fill_days=int(numbers["longest_fill_days"]["value"]),
        longest_order_days=int(numbers["longest_order_days"]["value"]),
    )


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Days that a record may cover, and why that is not known. `days` None: on no known day.

    `since_unknown`: they begin with the look-back because the record does not say its start.
    """

    source: str
    why: str
    days: Span | None
    since_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Supplied:
    """What one record supplies: known days, days that may be, the first days of its fills.

    `product` is equal for fills that are taken one after the other.
    """

    source: str
    product: tuple[object, ...]
    known: Span | None = None
    unsaid: Unsaid | None = None
    fills: tuple[int, ...] = ()


def supplied(it: Stood, on: date, since: date, assumed: Assumed) -> Supplied:
    """What a record supplies, seen on the day `on`, of a look-back that begins with `since`."""
    match it.record.kind:
        case RecordKind.DISPENSE:
            return _dispensed(it.record, on.toordinal(), assumed)
        case RecordKind.STATEMENT:
            return _reported(it, on.toordinal(), since.toordinal(), assumed)
        case RecordKind.REQUEST:
            return _prescribed(it, on.toordinal(), since.toordinal(), assumed)


def _dispensed(record: MedicationRecord, today: int, assumed: Assumed) -> Supplied:
    starts = record.period_starts
    if starts is None:
        return _unsaid(record, "the day on which it was handed over is not stated", None)
    first = starts.toordinal()
    if first > today:
        return _unsaid(record, "it is said to be handed over after today", None)
    last = handed_over_until(record)
    if last is None:
        longest = (first, min(first + assumed.longest_fill_days - 1, today))
        why = "neither its days of supply nor a quantity with a dose is stated"
        return _unsaid(record, why, longest, fills=(first,))
    return _known(record, (first, last), fills=(first,))


def handed_over_until(dispense: MedicationRecord) -> int | None:
    """The last day of a fill, taken from the day it was handed over; None where not stated."""
    starts, ends = dispense.period_starts, dispense.period_ends
    if starts is None:
        return None
    days = fill_days(dispense)
    if days is None and ends is not None and ends >= starts:
        return ends.toordinal()
    return None if days is None else plus(starts.toordinal(), days)


def _reported(it: Stood, today: int, look_back: int, assumed: Assumed) -> Supplied:
    record = it.record
    last = today if it.ends is None else min(it.ends.toordinal(), today)
    if it.starts is None:
        why = "since when it is taken is not stated"
        by = last + 1 if it.by is None else max(it.by.toordinal(), look_back)
        unsaid = Unsaid(record.source, why, (look_back, min(by - 1, last)), since_unknown=True)
        if by > last:
            return Supplied(record.source, product_of(record), unsaid=unsaid)
        if look_back > by - 1:
            unsaid = Unsaid(record.source, why, None, since_unknown=True)
        return Supplied(record.source, product_of(record), (by, last), unsaid)
    first = it.starts.toordinal()
    if it.ends is None and not it.goes_on:
        return _unsaid(record, why_end_unsaid(record), longest_unsaid(it, today, assumed))
    if record.status == "on-hold":
        return _unsaid(record, why_end_unsaid(record), (first, last))
    return _known(record, (first, last)) if first <= last else _nothing(record)


def _prescribed(it: Stood, today: int, look_back: int, assumed: Assumed) -> Supplied:
    record = it.record
    horizon = LAST_DAY if record.status == _ACTIVE else today
    last = horizon if it.ends is None else min(it.ends.toordinal(), horizon)
    if it.starts is None:
        why = "neither its start nor the day on which it was written is stated"
        days = (look_back, min(last, today))
        unsaid = Unsaid(record.source, why, days if days[0] <= days[1] else None, True)
        return Supplied(record.source, product_of(record), unsaid=unsaid)
    first = it.starts.toordinal()
    if last < first:
        return _nothing(record)
    whole = whole_supply(record, first)
    fills = _fills(record, first, min(last, today))
    if it.ends is None and record.status in _ENDED_WHEN:
        return _unsaid(
            record, why_end_unsaid(record), longest_unsaid(it, today, assumed), fills=fills
        )
    if whole is not None:
        return _filled(it, (first, min(whole, last)), min(last, today), fills)
    if ends_said(record) is not None:
        return _known(record, (first, last), fills=fills)
    longest = today if record.status == _ACTIVE else plus(first, assumed.longest_order_days)
    why = "it states neither a supply, nor a quantity with a dose, nor an end"
    return _unsaid(record, why, (first, min(last, longest)), fills=fills)


def _filled(it: Stood, known: Span, last: int, fills: tuple[int, ...]) -> Supplied:
    """An order with its supply; where it says nothing of refills, what follows is not known."""
    record = it.record
    stood_longer = it.goes_on or it.ends is not None
    if record.refills is None and stood_longer and known[1] < last:
        why = "it stood longer than one fill, and whether it was filled again is not stated"
        unsaid = Unsaid(record.source, why, (known[1] + 1, last))
        return Supplied(record.source, product_of(record), known, unsaid, fills)
    return _known(record, known, fills=fills)


def why_end_unsaid(record: MedicationRecord) -> str:
    """Why the last day of a record that has ended is not known."""
    if record.kind is RecordKind.STATEMENT and record.status == "on-hold":
        return "it is on hold since a day that is not stated"
    if record.status in _ENDED_WHEN and record.kind is RecordKind.REQUEST:
        return f"it was {_ENDED_WHEN[record.status]} on a day that is not stated"
    return "it has ended, on a day that is not stated"


def longest_unsaid(it: Stood, today: int, assumed: Assumed) -> Span:
    """From its first day to the last on which a record may have ended that says no end."""
    record = it.record
    begun = it.starts or it.by
    first = begun.toordinal() if begun is not None else today
    whole = whole_supply(record, first) if record.kind is RecordKind.REQUEST else None
    if record.status == "on-hold" and (
        record.kind is RecordKind.STATEMENT or record.refills is None
    ):
        return (first, today)  # it may have gone on until it was put on hold, whenever that was
    return (first, min(plus(first, assumed.longest_order_days) if whole is None else whole, today))


def whole_supply(order: MedicationRecord, first: int) -> int | None:
    """The last day of an order's fill and refills, taken from its first day; None: not stated."""
    days = _days_ordered(order)
    return None if days is None else plus(first, days * (1 + (order.refills or 0)))


def _fills(record: MedicationRecord, first: int, last: int) -> tuple[int, ...]:
    days = _days_ordered(record)
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
    held = _milligrams(record, quantity)
    return None if held is None else held / dose.high


def milligrams_of_a_fill(record: MedicationRecord) -> Fraction | None:
    """Mg of the ingredient in one fill: its quantity, else its days at the highest dose that the
    instructions allow; None where neither is known.
    """
    held = None if record.quantity is None else _milligrams(record, record.quantity)
    if held is not None:
        return held
    dose, days = record.course.overall, fill_days(record)
    if not isinstance(dose, DailyDose) or dose.unit != "mg" or days is None:
        return None
    return dose.high * days


def _milligrams(record: MedicationRecord, quantity: Amount) -> Fraction | None:
    amount, unit = quantity.high * quantity.unit.factor, quantity.unit
    if unit.kind is UnitKind.MASS:
        return amount
    strength = record.drug.strength if isinstance(record.drug, Drug) else None
    any_unit = unit.kind in {UnitKind.EACH, UnitKind.UNSTATED}
    if strength is not None and (any_unit or strength.per_unit == unit.name):
        return amount * strength.mg
    return None


def plus(first: int, days: int) -> int:
    """The last of so many days; 9999-12-30 for what no calendar holds."""
    return min(first + days - 1, LAST_DAY)


def product_of(record: MedicationRecord) -> tuple[object, ...]:
    """What is equal for records of one product: its ingredients and its strength."""
    drug = record.drug
    if not isinstance(drug, Drug):
        return (record.source,)
    strength = drug.strength
    return (drug.ingredients, None if strength is None else (strength.mg, strength.per_unit))


def _known(record: MedicationRecord, days: Span, *, fills: tuple[int, ...] = ()) -> Supplied:
    return Supplied(record.source, product_of(record), known=days, fills=fills)


def _unsaid(
    record: MedicationRecord, why: str, days: Span | None, *, fills: tuple[int, ...] = ()
) -> Supplied:
    if days is not None and days[0] > days[1]:
        days = None
    unsaid = Unsaid(record.source, why, days)
    return Supplied(record.source, product_of(record), unsaid=unsaid, fills=fills)


def _nothing(record: MedicationRecord) -> Supplied:
    return Supplied(record.source, product_of(record))
