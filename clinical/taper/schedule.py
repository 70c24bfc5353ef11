"""A schedule: the doses, the days, the intakes and the tablets of a taper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from clinical.quantities import Milligrams
from clinical.taper.as_needed import TakenAsNeeded
from clinical.taper.pace import Pace
from clinical.taper.request import IntakeTime
from clinical.taper.tablets import Pieces, TabletProduct


@dataclass(frozen=True, slots=True)
class Intake:
    """Tablets taken together at one time of day."""

    time: IntakeTime
    pieces: tuple[Pieces, ...]

    @property
    def micrograms(self) -> int:
        """Micrograms of clonazepam in them together."""
        return sum(piece.micrograms for piece in self.pieces)

    @property
    def in_words(self) -> str:
        """For example "night: 3 x 0.25 mg disintegrating tablet"."""
        return f"{self.time}: " + " + ".join(piece.in_words for piece in self.pieces)


def halves_a_day(intakes: Sequence[Intake]) -> dict[TabletProduct, int]:
    """How many half tablets of each product are taken on a day: a whole one is two."""
    counts: dict[TabletProduct, int] = {}
    for intake in intakes:
        for piece in intake.pieces:
            counts[piece.product] = counts.get(piece.product, 0) + piece.halves
    return counts


@dataclass(frozen=True, slots=True)
class DispenseLine:
    """Whole tablets of a product for all days of a step."""

    product: TabletProduct
    quantity: int


@dataclass(frozen=True, slots=True)
class TaperStep:
    """Days with one dose. `ends` is the last day; `dose` is mg/day.

    `cut_percent` is of the dose before; `cut_percent_14_days` is the fall from the highest
    daily dose of the 14 preceding days; one decimal, half-up.
    """

    starts: date
    ends: date
    dose: Milligrams
    cut_percent: Decimal
    cut_percent_14_days: Decimal
    intakes: tuple[Intake, ...]
    dispense: tuple[DispenseLine, ...]
    warnings: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """How many days the dose is taken."""
        return (self.ends - self.starts).days + 1


@dataclass(frozen=True, slots=True)
class Target:
    """The dose from the schedule's last day on: nothing, or the dose that is maintained.

    Its warnings stand in the schedule's too, for the target is no step with tablets.
    """

    dose: Milligrams
    cut_percent: Decimal
    cut_percent_14_days: Decimal
    intakes: tuple[Intake, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A taper of tablets that exist. The first cut is on `starts_on`, the target on `ends_on`.

    Without steps the first cut is the goal: both days are the same. `products` are those it
    may be made of. `warnings` are of the whole; those of a step stand on the step. A dose that
    stays is reviewed on `review_on`, where that day was given. Of clonazepam
    taken as needed, `as_needed` is what is really taken on some days; `from_mg` is its average.
    `cut_order` are the intakes of a day in the order in which they are cut, none where it is one.
    """

    pace: Pace
    from_mg: Milligrams
    to_mg: Milligrams
    starts_on: date
    ends_on: date
    steps: tuple[TaperStep, ...]
    target: Target
    products: tuple[TabletProduct, ...]
    warnings: tuple[str, ...] = ()
    review_on: date | None = None
    as_needed: TakenAsNeeded | None = None
    cut_order: tuple[IntakeTime, ...] = ()

    @property
    def cut_first(self) -> str:
        """Which intake is cut first: "the night intake first, then the morning"; or nothing."""
        if not self.cut_order:
            return ""
        first, *others = self.cut_order
        return f"the {first} intake first" + "".join(f", then the {time}" for time in others)

    @property
    def from_words(self) -> str:
        """What is taken until the first cut: "2 mg/day", or "1 mg on 5 days a week"."""
        return f"{self.from_mg}/day" if self.as_needed is None else self.as_needed.in_words

    @property
    def days(self) -> int:
        """Days from the first cut until the target begins."""
        return (self.ends_on - self.starts_on).days


def _tenths_half_up(part: int | Fraction, whole: int | Fraction) -> int:
    """Tenths of a percent, half-up."""
    return int((2000 * part + whole) // (2 * whole))


@lru_cache(maxsize=1024)
def _from_tenths(tenths: int) -> Decimal:
    whole, tenth = divmod(tenths, 10)
    return Decimal(f"{whole}.{tenth}") if tenth else Decimal(whole)


def percent(share: Fraction) -> Decimal:
    """A share as percent with one decimal, half-up, without a trailing zero: 25, 33.3."""
    return percent_of(share.numerator, share.denominator)


def percent_of(part: int | Fraction, whole: int | Fraction) -> Decimal:
    """The same of a part and its whole, which is above 0."""
    return _from_tenths(_tenths_half_up(part, whole))


def percent_text(share: Fraction, limit: Fraction) -> str:
    """The same for a sentence, so that what is above a limit does not read as the limit."""
    if share > limit and _tenths_half_up(share, 1) == limit * 1000:
        return f"just over {percent(share)} %"
    return f"{percent(share)} %"
