"""The site's choices, typed: each with its default, its unit and its source."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from clinical.knowledge import document
from clinical.quantities import exact
from clinical.taper.tablets import TabletProduct, default_products


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds and choices that the checks and cards use. Defaults: `knowledge/`."""

    rules_version: str
    high_dose_mg_per_day: Fraction
    panic_maximum_mg_per_day: Fraction
    absolute_maximum_mg_per_day: Fraction
    older_adult_from_years: int
    adult_from_years: int
    cns_active_many: int
    baseline_lookback_days: int
    step_back_days: int
    creep_days: int
    creep_fraction: Fraction
    fracture_lookback_days: int
    card_horizon_days: int
    pace_for_long_use_days: int
    long_term_days: int
    long_term_window_days: int
    use_gap_days: int
    tablets: tuple[TabletProduct, ...]
    """What a taper is made of: the tablets that the site's pharmacy stocks."""


@cache
def default_policy() -> Policy:
    """The policy as shipped, read from `knowledge/checks.toml`.

    What long-term use is stands in `knowledge/measures.toml`: the report counts it too.
    """
    data = document("checks.toml")
    numbers = {name: row["value"] for name, row in data["numbers"].items()}
    counted = document("measures.toml")["numbers"]
    return Policy(
        rules_version=data["review"]["version"],
        high_dose_mg_per_day=exact(numbers["high_dose_mg_per_day"]),
        panic_maximum_mg_per_day=exact(numbers["panic_maximum_mg_per_day"]),
        absolute_maximum_mg_per_day=exact(numbers["absolute_maximum_mg_per_day"]),
        older_adult_from_years=numbers["older_adult_from_years"],
        adult_from_years=numbers["adult_from_years"],
        cns_active_many=numbers["cns_active_many"],
        baseline_lookback_days=numbers["baseline_lookback_days"],
        step_back_days=numbers["step_back_days"],
        creep_days=numbers["creep_days"],
        creep_fraction=exact(numbers["creep_percent"]) / 100,
        fracture_lookback_days=numbers["fracture_lookback_days"],
        card_horizon_days=numbers["card_horizon_days"],
        pace_for_long_use_days=numbers["pace_for_long_use_days"],
        long_term_days=counted["long_term_days"]["value"],
        long_term_window_days=counted["look_back_days"]["value"],
        use_gap_days=counted["gap_days"]["value"],
        tablets=default_products(),
    )
