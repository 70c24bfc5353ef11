"""The site's choices, typed: each with its default, its unit and its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.choices import Link, choices
from clinical.findings import CheckId
from clinical.knowledge import document
from clinical.quantities import exact
from clinical.rules import Number, rules, rules_version, shared_numbers
from clinical.taper.pace import Pace, pace
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

    A field of a number has the number's name (`[numbers.*]` of a check's file, of `cards.toml`,
    `gates.toml`, `set_aside.toml` or `measures.toml`), which says its unit; another choice has its
    name in `choices.toml`. Paces are ids of `paces.toml`.
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
    enzyme_change_days: int
    pregnancy_days: int
    rbd_melatonin_from_mg: int
    rbd_melatonin_to_mg: int
    card_horizon_days: int
    pace_for_long_use_days: int
    long_term_days: int
    long_term_window_days: int
    use_gap_days: int
    second_pace_above_mg_per_day: Fraction
    lower_start_above_mg_per_day: Fraction
    settled_days: int
    monitor_days: int
    recent_attempt_days: int
    item_9_above: int
    item_9_days: int
    withdrawal_days: int
    card_per_check: bool
    site_line: str | None
    recommended_pace: str
    recommended_slow_pace: str
    offered_pace: str | None
    planner_paces: tuple[str, ...]
    pdmp_url: str | None
    links: tuple[Link, ...]
    clients_may: frozenset[str]
    """Codes of what an EHR may configure in a request: `CARD_PER_CHECK`, and ids of checks."""
    tablets: tuple[TabletProduct, ...]
    """What a taper is made of: the tablets that the site's pharmacy stocks."""
    checks: Mapping[CheckId, CheckChoice]

    @property
    def creep_fraction(self) -> Fraction:
        """The rise of a slow creep as a part of the dose before."""
        return self.creep_percent / 100

    def pace_for(self, youngest_age: int | None, *, long_use: bool) -> Pace:
        """The pace that is recommended for a patient (CLINICAL 6).

        `youngest_age` is in years, as if born on the latest possible day; None when the birth
        date is not known, which recommends nothing by itself. `long_use` is use over a year, an
        earlier failed taper or withdrawal symptoms.
        """
        older = youngest_age is not None and youngest_age >= self.older_adult_from_years
        return pace(self.recommended_slow_pace if older or long_use else self.recommended_pace)


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
    for number in policy_numbers():
        exactly = number.id in exact_numbers()
        values[number.id] = exact(number.value) if exactly else number.value
    for choice in choices():
        values[choice.id] = choice.read(choice.value)
    return Policy(**values)


@cache
def exact_numbers() -> frozenset[str]:
    """The numbers that may have a fraction; the others are whole."""
    return frozenset(field.name for field in fields(Policy) if field.type == "Fraction")


def policy_numbers() -> tuple[Number, ...]:
    """Every number of checks, cards, gates and what keeps quiet; its id is the field's name."""
    of_checks = (number for rule in rules() for number in rule.numbers)
    return (*of_checks, *(number for shared in shared_numbers().values() for number in shared))
