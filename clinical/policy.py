"""The site's choices, typed: each with its default, its unit and its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.findings import CheckId
from clinical.knowledge import document
from clinical.quantities import exact
from clinical.rules import Number, card_numbers, rules, rules_version
from clinical.taper.tablets import TabletProduct, default_products


@dataclass(frozen=True, slots=True)
class CheckChoice:
    """What the site wants of one check.

    `on`: made at all. `shadow`: made and told in the account, and never shown. `own_card`: a
    finding interrupts by itself; else it stands in the detail of another check's card.
    """

    on: bool = True
    shadow: bool = False
    own_card: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds and choices that the checks and cards use. Defaults: `knowledge/`.

    A field of a number has the number's name (`[numbers.*]` of a check's file, of `cards.toml`
    or of `measures.toml`), which says its unit.
    """

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
    creep_percent: Fraction
    fracture_lookback_days: int
    card_horizon_days: int
    pace_for_long_use_days: int
    long_term_days: int
    long_term_window_days: int
    use_gap_days: int
    settled_days: int
    monitor_days: int
    tablets: tuple[TabletProduct, ...]
    """What a taper is made of: the tablets that the site's pharmacy stocks."""
    checks: Mapping[CheckId, CheckChoice]

    @property
    def creep_fraction(self) -> Fraction:
        """The rise of a slow creep as a part of the dose before."""
        return self.creep_percent / 100


@cache
def default_policy() -> Policy:
    """The policy as shipped, read from `knowledge/`.

    What long-term use is stands in `knowledge/measures.toml`: the report counts it too.
    """
    counted = document("measures.toml")["numbers"]
    values: dict[str, Any] = {
        "rules_version": rules_version(),
        "long_term_days": counted["long_term_days"]["value"],
        "long_term_window_days": counted["look_back_days"]["value"],
        "use_gap_days": counted["gap_days"]["value"],
        "tablets": default_products(),
        "checks": {rule.check: CheckChoice(own_card=rule.own_card) for rule in rules()},
    }
    exactly = {field.name for field in fields(Policy) if field.type == "Fraction"}
    for number in policy_numbers():
        values[number.id] = exact(number.value) if number.id in exactly else number.value
    return Policy(**values)


def policy_numbers() -> tuple[Number, ...]:
    """Every number of the checks and cards that a site may choose; its id is the field's name."""
    return (*(number for rule in rules() for number in rule.numbers), *card_numbers())
