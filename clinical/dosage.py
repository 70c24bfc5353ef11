"""An instruction as written: how much at once, when, up to what - free of FHIR and unjudged.

A reader (`ehr.read.dosages`, `clinical.dosing.sig`) fills these; `clinical.dose_course` says what
they mean per day. What a reader met and could not read stands in `unreadable` as sentences: a line
with one of them has no computable dose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

DAYS_IN: dict[str, Fraction] = {
    "s": Fraction(1, 86400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "wk": Fraction(7),
    "mo": Fraction(1461, 48),
    "a": Fraction(1461, 4),
}
"""Days in one unit of time (UCUM: a year is 365.25 days, a month its twelfth)."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class UnitKind(StrEnum):
    """What sort of amount a unit counts."""

    MASS = "mass"
    VOLUME = "volume"
    COUNT = "count"
    EACH = "each"
    MASS_PER_KG = "mass-per-kg"
    OTHER = "other"
    UNDEFINED = "undefined"
    UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class DoseUnit:
    """A unit we know: `factor` of it make one of `name` (1 g is 1000 of "mg").

    Kind `each` is a bare count (UCUM "1") of whatever the product's unit is; `undefined` is a
    unit without a defined size (drops); `unstated` is no unit at all.
    """

    name: str
    kind: UnitKind
    factor: Fraction = Fraction(1)


NO_UNIT = DoseUnit("", UnitKind.UNSTATED)


@dataclass(frozen=True, slots=True)
class Amount:
    """How much, from `low` to `high`, in one unit."""

    low: Fraction
    high: Fraction
    unit: DoseUnit


class SaidAs(StrEnum):
    """As what an amount was said: the prescriber's words, or a machine's arithmetic on them.

    `beside` is an amount in brackets after another, "2 tablets (0.5 mg)": it may be the total
    or the strength of one.
    """

    ORDERED = "ordered"
    UNTYPED = "untyped"
    CALCULATED = "calculated"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class SaidAmount:
    """One saying of a line's dose. Several sayings of one line are one dose, never a sum."""

    amount: Amount
    said_as: SaidAs = SaidAs.UNTYPED


@dataclass(frozen=True, slots=True)
class Rate:
    """The speed of an infusion: `low` to `high` of a unit in one hour."""

    per_hour: Amount


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Never more than `amount` in `days`. A ceiling is no dose."""

    amount: Amount
    days: Fraction


@dataclass(frozen=True, slots=True)
class Bounds:
    """The days within which a line is taken; `ends` is the last day of taking.

    `lasts_days` is how long it lasts (shortest, longest) when no dates say so.
    """

    starts: date | None = None
    ends: date | None = None
    lasts_days: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When a dose is taken, as written.

    `frequency` times per `period` of `period_unit` (a key of `DAYS_IN`); `when` are the codes
    of HL7's EventTiming ("MORN", "HS", "ACM"); `named` are timing codes and texts, each with
    its spellings (code, then display). `count` is the number of administrations in all, up to
    `count_max`. `each_lasts_days` is how long one administration takes (shortest, longest).
    `turn` is the day of the cycle on which it is taken, where doses take turns ("1 mg one day,
    2 mg the next"); None: any.
    """

    frequency: Fraction | None = None
    frequency_max: Fraction | None = None
    period: Fraction | None = None
    period_max: Fraction | None = None
    period_unit: str | None = None
    days_of_week: frozenset[str] = frozenset()
    times_of_day: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    count: int | None = None
    events: tuple[date, ...] = ()
    named: tuple[tuple[str, ...], ...] = ()
    as_needed: bool = False
    bounds: Bounds = field(default=Bounds())
    count_max: int | None = None
    each_lasts_days: tuple[Fraction, Fraction] | None = None
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class DosageLine:
    """One line of an order's dosage.

    Lines of equal or absent `sequence` are taken together; others are steps in time. `has_rate`
    is true where a speed is given, `rate` the speed where it could be read. `notes` are
    sentences for the reader of the result that do not forbid a calculation.
    """

    amounts: tuple[SaidAmount, ...] = ()
    timing: Timing = field(default=Timing())
    as_needed: bool = False
    ceilings: tuple[Ceiling, ...] = ()
    most_at_once: Amount | None = None
    has_rate: bool = False
    sequence: int | None = None
    text: str | None = None
    patient_text: str | None = None
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rate: Rate | None = None
