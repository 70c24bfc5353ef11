"""The pieces of a dosage text: what each says, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from clinical.dosage import Amount, Ceiling
from clinical.dosing.timing_words import TimingPhrase


class Kind(StrEnum):
    """What a piece of the text is."""

    AMOUNT = "amount"
    NUMBER = "number"
    STRENGTH = "strength"
    DRUG = "drug"
    TIMING = "timing"
    AS_NEEDED = "as-needed"
    CEILING = "ceiling"
    MOST_TIMES = "most-times"
    REPEAT = "repeat"
    DURATION = "duration"
    DATES = "dates"
    LABEL = "label"
    LOWERING = "lowering"
    DIVIDED = "divided"
    HELD = "held"
    TAKE = "take"
    MAY = "may"
    TO = "to"
    AND = "and"
    PLUS = "plus"
    EXTRA = "extra"
    ALTERNATE = "alternate"
    THEN = "then"
    STOP = "stop"
    TAPER = "taper"
    SAME = "same"
    OPEN = "open"
    CLOSE = "close"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Dose:
    """How much at once; `each` is the mass of one unit said with it ("2 x 0.5 mg tablets").

    `beside` is a second saying that may be the total or the strength ("2 tablets (0.5 mg)"),
    `also` are further sayings of the same total ("1 mg = 2 tablets"). `of_several_products` is
    the sum of tablets of different strengths.
    """

    amount: Amount
    each: Amount | None = None
    beside: Amount | None = None
    also: tuple[Amount, ...] = ()
    in_total: bool = False
    of_several_products: bool = False


@dataclass(frozen=True, slots=True)
class Strength:
    """The mass in one unit, said without a number of them ("0.5 mg tablet", "0.1 mg/mL").

    `is_one` where it may also be the dose, one such unit ("0.5 mg tab bid").
    """

    each: Amount
    unit: Amount
    is_one: bool


@dataclass(frozen=True, slots=True)
class Label:
    """The days of a step by their number: "weeks 1-2"; `last` None is open ("week 3 onward")."""

    unit: str
    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Lowering:
    """The dose falls by `by` every so many days, down to `to` (None: as far as it goes)."""

    by: Amount
    days: int
    to: Amount | None = None
    to_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text that was understood - or, of kind UNREAD, was not."""

    kind: Kind
    words: str = ""
    dose: Dose | None = None
    strength: Strength | None = None
    when: TimingPhrase | None = None
    ceiling: Ceiling | None = None
    times: int = 0
    days: Fraction = Fraction(1)
    lasts_days: tuple[int, int] | None = None
    starts: date | None = None
    ends: date | None = None
    label: Label | None = None
    lowering: Lowering | None = None
