"""How fast a taper goes: the paces of CLINICAL 6, read from `knowledge/paces.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any

from clinical.knowledge import document
from clinical.taper.refusal import CannotTaper
from clinical.taper.tablets import TabletBox


@dataclass(frozen=True, slots=True)
class Conventions:
    """What all paces share. `cap` is a share (1/4) of the highest dose of `cap_days` days."""

    cap: Fraction
    cap_days: int
    longest_hold_intervals: int
    hold_rounded_up_to_days: int
    largest_ug_per_day: int
    longest_fill_days: int


@dataclass(frozen=True, slots=True)
class PercentSteps:
    """A share of the current dose at each interval (days)."""

    cut: Fraction
    interval_days: int

    def wanted(self, current_ug: int | Fraction) -> int:
        """The next dose before the tablets have their say, rounded up to a whole microgram."""
        cut = self.cut
        return -int(-current_ug * (cut.denominator - cut.numerator) // cut.denominator)

    def hold_days(self, current_ug: int | Fraction, next_ug: int) -> int:
        """How long a dose is held that ends with a cut to `next_ug`.

        In proportion to the cut, but no longer than twice the interval or than the cap's own
        rate; never shorter than the interval; whole weeks (CLINICAL 6).
        """
        shared, interval = conventions(), self.interval_days
        fall, pace, cap = current_ug - next_ug, self.cut, shared.cap
        # interval x c / pace and cap_days x c / cap, where c = fall / current: in whole numbers,
        # for this is asked at every step of every plan.
        in_proportion = _weeks(interval * fall * pace.denominator, current_ug * pace.numerator)
        at_the_cap = _weeks(shared.cap_days * fall * cap.denominator, current_ug * cap.numerator)
        longest = max(_weeks(shared.longest_hold_intervals * interval), at_the_cap)
        weeks = max(_weeks(interval), min(in_proportion, longest))
        return weeks * shared.hold_rounded_up_to_days


def _weeks(days: int | Fraction, divided_by: int | Fraction = 1) -> int:
    """Days, as a fraction in two numbers, in what holds are rounded up to: whole weeks."""
    return -(-days // (divided_by * conventions().hold_rounded_up_to_days))


@dataclass(frozen=True, slots=True)
class Band:
    """Doses above `above_ug`: how much is cut (micrograms) and how long each is held (days)."""

    above_ug: int
    cut_ug: int | Fraction
    hold_days: int


@dataclass(frozen=True, slots=True)
class MilligramSteps:
    """Fixed cuts, by bands of the dose from high to low; no step crosses a band's lower edge."""

    bands: tuple[Band, ...]

    def _band(self, current_ug: int | Fraction) -> Band:
        return next(band for band in self.bands if current_ug > band.above_ug)

    def wanted(self, current_ug: int | Fraction) -> int:
        """The next dose before the tablets have their say, rounded up to a whole microgram."""
        band = self._band(current_ug)
        return max(ceil(current_ug - band.cut_ug), band.above_ug)

    def hold_days(self, current_ug: int | Fraction, next_ug: int) -> int:  # noqa: ARG002 - same question, other answer
        """How long a dose is held: by its band, whatever cut ends it."""
        return self._band(current_ug).hold_days


@dataclass(frozen=True, slots=True)
class Pace:
    """A pace with its limits in words and its sources (keys of `knowledge/sources.toml`).

    `limits_always_shown`: wherever the pace is offered, `limits` stands beside it. Below
    `floor_ug` (micrograms/day) nothing is planned but the goal itself. `called` is its short name
    with its source, as a label says it; one chosen by hand has none.
    """

    id: str
    title: str
    steps: PercentSteps | MilligramSteps
    sources: tuple[str, ...]
    source_note: str
    recommended_for: str
    limits: str
    limits_always_shown: bool
    floor_ug: int | Fraction = 0
    called: str = ""

    @property
    def in_words(self) -> str:
        """Id and title: what a record of a plan calls it."""
        return f"{self.id} ({self.title})"

    def next_dose(self, current_ug: int | Fraction, goal_ug: int, box: TabletBox) -> int:
        """The next dose in micrograms: wanted, rounded up to what the tablets make.

        If that is no cut, the next makeable dose below; never below the goal. No cut crosses
        the floor: what is wanted below it is the floor, and from there the goal.
        """
        rounded = box.at_least(max(self.steps.wanted(current_ug), self.floor_ug))
        if rounded is None or rounded >= current_ug:
            rounded = box.below(current_ug)
        return goal_ug if rounded < self.floor_ug else max(rounded, goal_ug)

    def hold_days(self, current_ug: int | Fraction, next_ug: int) -> int:
        """How many days a dose is held before the cut to `next_ug`."""
        return self.steps.hold_days(current_ug, next_ug)


def _micrograms(mg: Any) -> int:
    return int(Fraction(mg) * 1000)


def _steps(entry: Mapping[str, Any]) -> PercentSteps | MilligramSteps:
    if entry["kind"] == "percent":
        return PercentSteps(Fraction(entry["cut_percent"]) / 100, entry["interval_days"])
    return MilligramSteps(
        tuple(
            Band(_micrograms(band["above_mg"]), _micrograms(band["cut_mg"]), band["hold_days"])
            for band in entry["bands"]
        )
    )


@lru_cache(maxsize=1)
def conventions() -> Conventions:
    """What all paces share (CLINICAL 6)."""
    entry = document("paces.toml")["conventions"]
    return Conventions(
        cap=Fraction(entry["cap_percent"]) / 100,
        cap_days=entry["cap_days"],
        longest_hold_intervals=entry["longest_hold_intervals"],
        hold_rounded_up_to_days=entry["hold_rounded_up_to_days"],
        largest_ug_per_day=_micrograms(entry["largest_mg_per_day"]),
        longest_fill_days=entry["longest_fill_days"],
    )


@lru_cache(maxsize=1)
def _numbers() -> Mapping[str, int]:
    return {name: row["value"] for name, row in document("paces.toml")["numbers"].items()}


def number(name: str) -> int:
    """A number of `paces.toml` that is none of a pace, by its name."""
    return _numbers()[name]


@lru_cache(maxsize=1)
def paces() -> tuple[Pace, ...]:
    """Every shipped pace."""
    return tuple(
        Pace(
            id=entry["id"],
            title=entry["title"],
            steps=_steps(entry),
            sources=tuple(entry["sources"]),
            source_note=entry["source_note"],
            recommended_for=entry["recommended_for"],
            limits=entry["limits"],
            limits_always_shown=entry["limits_always_shown"],
            called=entry["called"],
        )
        for entry in document("paces.toml")["paces"]
    )


def pace(pace_id: str) -> Pace:
    """The pace with this id. Raises CannotTaper, with the ids there are."""
    for known in paces():
        if known.id == pace_id:
            return known
    ids = ", ".join(known.id for known in paces())
    raise CannotTaper(f'There is no pace "{pace_id}"; the paces are {ids}.')
