"""What each measure is, in words and numbers, from `knowledge/measures.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from clinical.knowledge import document
from clinical.policy import Policy
from clinical.quantities import exact, plain
from clinical.supply import Assumed, assumed_lengths
from clinical.tapers.signs import TaperSigns, taper_signs


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: what is asked of a patient, and among which patients.

    `denominator_words` name the patients that the percentage is of; `sources` are keys of
    `knowledge/sources.toml`; `note` says where a number or a limit is our own. `as_chosen` are
    the words with a place for each number that a site may choose.
    """

    id: str
    title: str
    definition: str
    denominator_words: str
    sources: tuple[str, ...]
    version: str
    note: str | None = None
    as_chosen: Mapping[str, str] = field(default_factory=dict)

    def worded(self, policy: Policy) -> Measure:
        """The same in the words for the numbers that a site has chosen."""
        said = _said(self.as_chosen, policy)
        return replace(
            self,
            title=said.get("title", self.title),
            definition=said.get("definition", self.definition),
            denominator_words=said.get("denominator", self.denominator_words),
        )


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the dose distribution: from `low` (inclusive) to under `high`, in mg/day."""

    id: str
    label: str
    low: Fraction
    high: Fraction | None

    def holds(self, mg_per_day: Fraction) -> bool:
        """Whether a dose belongs to this bar."""
        return self.low <= mg_per_day and (self.high is None or mg_per_day < self.high)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the daily doses spread: the bars from the lowest to the highest."""

    id: str
    title: str
    unit: str
    bars: tuple[Bar, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Patients who meet several measures at once."""

    measures: tuple[str, ...]
    label: str
    as_chosen: Mapping[str, str] = field(default_factory=dict)

    def worded(self, policy: Policy) -> Overlap:
        """The same in the words for the numbers that a site has chosen."""
        return replace(self, label=_said(self.as_chosen, policy).get("label", self.label))

    @property
    def id(self) -> str:
        """The measures, joined."""
        return "+".join(self.measures)


@dataclass(frozen=True, slots=True)
class MeasureRules:
    """The numbers of the measures; days are whole days. See the file for what each means."""

    version: str
    look_back_days: int
    long_term_days: int
    gap_days: int
    assumed: Assumed
    tapers: TaperSigns
    overlap_days: int
    overlap_fills: int
    poly_cns_drugs: int
    recent_days: int
    reduction: Fraction
    naloxone_days: int
    supply_warning_days: int
    check_in_days: int
    followed_months: int
    small_cell: int


@cache
def measure_rules() -> MeasureRules:
    """The numbers as shipped, read from `knowledge/measures.toml`."""
    data = document("measures.toml")
    numbers: Mapping[str, Any] = data["numbers"]

    def number(name: str) -> int:
        return int(numbers[name]["value"])

    return MeasureRules(
        version=data["review"]["version"],
        look_back_days=number("look_back_days"),
        long_term_days=number("long_term_days"),
        gap_days=number("gap_days"),
        assumed=assumed_lengths(),
        tapers=taper_signs(),
        overlap_days=number("overlap_days"),
        overlap_fills=number("overlap_fills"),
        poly_cns_drugs=number("poly_cns_drugs"),
        recent_days=number("recent_days"),
        reduction=exact(numbers["reduction_percent"]["value"]) / 100,
        naloxone_days=number("naloxone_days"),
        supply_warning_days=number("supply_warning_days"),
        check_in_days=number("check_in_days"),
        followed_months=number("followed_months"),
        small_cell=number("small_cell"),
    )


def _measures() -> tuple[Measure, ...]:
    data = document("measures.toml")
    return tuple(
        Measure(
            id=key,
            title=row["title"],
            definition=row["definition"],
            denominator_words=row["denominator"],
            sources=tuple(row["sources"]),
            version=data["review"]["version"],
            note=row.get("note"),
            as_chosen=row.get("as_chosen", {}),
        )
        for key, row in data["measures"].items()
    )


MEASURES: tuple[Measure, ...] = _measures()
"""Every measure, in the order of the report."""


def _said(templates: Mapping[str, str], policy: Policy) -> dict[str, str]:
    numbers = {
        "high_dose_mg_per_day": plain(policy.high_dose_mg_per_day),
        "older_adult_from_years": policy.older_adult_from_years,
    }
    return {name: template.format_map(numbers) for name, template in templates.items()}


@cache
def measures_by_id() -> Mapping[str, Measure]:
    """Every measure by its id."""
    return {measure.id: measure for measure in MEASURES}


@cache
def dose_distribution() -> Distribution:
    """The distribution of the daily dose."""
    row = document("measures.toml")["distributions"]["daily-dose"]
    edges = [Fraction(edge) for edge in row["edges"]]
    first, last = edges[0], edges[-1]
    bars = [Bar(f"under-{plain(first)}", f"under {plain(first)}", Fraction(0), first)]
    bars += [
        Bar(f"{plain(low)}-{plain(high)}", f"{plain(low)} to under {plain(high)}", low, high)
        for low, high in pairwise(edges)
    ]
    bars.append(Bar(f"{plain(last)}-and-more", f"{plain(last)} and more", last, None))
    return Distribution("daily-dose", row["title"], row["unit"], tuple(bars), tuple(row["sources"]))


@cache
def overlaps() -> tuple[Overlap, ...]:
    """The combinations of measures that the report counts."""
    rows = document("measures.toml").get("overlaps", [])
    return tuple(
        Overlap(tuple(row["measures"]), row["label"], row.get("as_chosen", {})) for row in rows
    )


@dataclass(frozen=True, slots=True)
class Option:
    """Another choice of a number: what the measure would say if it were chosen."""

    measure: str
    days: int
    label: str

    @property
    def id(self) -> str:
        """As "long-term-use at 90 days"."""
        return f"{self.measure} at {self.days} days"


@cache
def options() -> tuple[Option, ...]:
    """The other choices, in the order of the file."""
    rows = document("measures.toml")["numbers"].values()
    return tuple(
        Option(row["option_of"], days, row["option_label"].format(days))
        for row in rows
        if "options" in row
        for days in row["options"]
    )


@dataclass(frozen=True, slots=True)
class PublishedTaper:
    """How many of the patients of a published study were off after so many months."""

    months: int
    off: int
    of: int


@cache
def published_tapers() -> tuple[PublishedTaper, ...]:
    """The results that our tapers are shown beside (NARDI)."""
    rows = document("measures.toml")["published_tapers"]
    return tuple(PublishedTaper(row["months"], row["off"], row["of"]) for row in rows)
