"""The numbers by which a taper, how it goes and how it ended are recognised (`measures.toml`)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from clinical.knowledge import document
from clinical.quantities import exact


@dataclass(frozen=True, slots=True)
class TaperSigns:
    """See the file for what each number means."""

    series_days: int
    series_cuts: int
    shortest_hold_days: int
    stalled_holds: int
    lowest_days: int
    early_fill_days: int
    gap_days: int
    abrupt: Fraction


@cache
def taper_signs() -> TaperSigns:
    """The numbers as shipped."""
    numbers = {name: row["value"] for name, row in document("measures.toml")["numbers"].items()}
    return TaperSigns(
        series_days=numbers["series_days"],
        series_cuts=numbers["series_cuts"],
        shortest_hold_days=numbers["shortest_hold_days"],
        stalled_holds=numbers["stalled_holds"],
        lowest_days=numbers["lowest_days"],
        early_fill_days=numbers["early_fill_days"],
        gap_days=numbers["gap_days"],
        abrupt=exact(numbers["abrupt_percent"]) / 100,
    )
