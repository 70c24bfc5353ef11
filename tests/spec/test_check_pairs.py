"""Every pair of checks: each fires by its own facts, and neither keeps the other from firing.

One patient of 41 takes 1 mg of clonazepam a day and has it renewed: nothing fires. For each
check there is the least that makes it fire. Of every two checks the four lines of the truth
table are asked: neither, the one, the other, both. Where two cannot both be, the table says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from itertools import combinations

import pytest
from told import TODAY, Stories

from clinical.assess import assess
from clinical.facts import (
    AllergyFact,
    DraftOrder,
    MedicationRecord,
    ObservationFact,
    PatientFacts,
)
from clinical.findings import CheckId, Fired
from clinical.order_case import OrderCase
from clinical.policy import default_policy
from clinical.quantities import plain

tell = Stories()


@dataclass
class Chart:
    """The patient as the table tells it; doses are mg/day of the present and the new order."""

    born: date = date(1985, 6, 1)
    present: Fraction = Fraction(1)
    new: Fraction = Fraction(1)
    for_days: int = 60
    medications: list[MedicationRecord] = field(default_factory=list)
    drafts: list[DraftOrder] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    allergies: list[AllergyFact] = field(default_factory=list)
    observations: list[ObservationFact] = field(default_factory=list)

    def facts(self) -> PatientFacts:
        order = tell.order("now", plain(self.present), ago=self.for_days, supply=self.for_days + 30)
        draft = tell.draft(plain(self.new), replaces=("now",))
        facts = tell.patient(
            born=self.born,
            medications=[order, *self.medications],
            drafts=[draft, *self.drafts],
            conditions=self.conditions,
        )
        return replace(
            facts, allergies=tuple(self.allergies), observations=tuple(self.observations)
        )


Least = Callable[[Chart], None]


def has(concept: str) -> Least:
    return lambda chart: chart.conditions.append(concept)


def takes(name: str) -> Least:
    return lambda chart: chart.medications.append(tell.record(name[:4], name, starts=tell.ago(90)))


def is_72(chart: Chart) -> None:
    chart.born = date(1954, 6, 1)


def takes_four_more(chart: Chart) -> None:
    """5 mg/day, renewed."""
    chart.present += 4
    chart.new += 4


def is_raised_by_a_half(chart: Chart) -> None:
    chart.new += Fraction(1, 2)


def is_halved_after_half_a_year(chart: Chart) -> None:
    """Likely to be dependent (at least 3 months, every day), and a cut of 50 %."""
    chart.new = chart.present / 2
    chart.for_days = 180


def is_72_days_more(chart: Chart) -> None:
    """200 days of the past year."""
    chart.for_days = max(chart.for_days, 200)


def starts_clarithromycin(chart: Chart) -> None:
    chart.drafts.append(tell.draft(None, key="clar", name="clarithromycin 500 mg tablet"))


FIRES: dict[CheckId, Least] = {
    # The doses of an order first: what comes later in the list changes them last.
    CheckId.HIGH_DOSE: takes_four_more,
    CheckId.DOSE_ESCALATION: is_raised_by_a_half,
    CheckId.ABRUPT_STOP: is_halved_after_half_a_year,
    CheckId.OPIOID_TOGETHER: takes("oxycodone 5 mg tablet"),
    CheckId.OLDER_ADULT: is_72,
    CheckId.CONTRAINDICATION: has("angle_closure_glaucoma_acute"),
    CheckId.OTHER_SEDATIVES: takes("zolpidem 5 mg tablet"),
    CheckId.PREGNANCY: has("pregnancy"),
    CheckId.BREATHING: has("sleep_apnoea"),
    CheckId.SUICIDE_RISK: has("suicide_attempt"),
    CheckId.SUBSTANCE_USE: has("alcohol_use_disorder"),
    CheckId.COGNITION: has("mci"),
    CheckId.SEIZURE_INDICATION: has("seizure_disorder"),
    CheckId.PSYCHIATRIC_FIRST: has("ptsd"),
    CheckId.RBD_OPTION: has("rbd"),
    CheckId.ENZYME_CHANGE: starts_clarithromycin,
    CheckId.LONG_TERM_USE: is_72_days_more,
}

NEVER_BOTH = {
    frozenset({CheckId.DOSE_ESCALATION, CheckId.ABRUPT_STOP}): "a dose cannot rise and be cut",
}
BRINGS_WITH_IT = {
    # An abrupt stop is one only where dependence is likely; half a year of use is long-term use.
    CheckId.ABRUPT_STOP: {CheckId.LONG_TERM_USE},
}


def fired(*checks: CheckId) -> set[CheckId]:
    """The checks that fire for a patient with what makes these fire."""
    chart = Chart()
    for check, least in FIRES.items():
        if check in checks:
            least(chart)
    found = assess(OrderCase(chart.facts(), TODAY, default_policy()))
    return {c.check for c in found.checks if isinstance(c.verdict, Fired)}


def expected(*checks: CheckId) -> set[CheckId]:
    return {also for check in checks for also in (check, *BRINGS_WITH_IT.get(check, ()))}


def test_every_check_is_in_the_table():
    assert set(FIRES) == set(CheckId)


def test_neither_of_any_two_fires_for_a_renewal_at_41():
    assert fired() == set()


@pytest.mark.parametrize("check", CheckId)
def test_one_alone_fires_by_its_own_facts(check):
    assert fired(check) == expected(check)


PAIRS = [pair for pair in combinations(CheckId, 2) if frozenset(pair) not in NEVER_BOTH]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda check: check.value)
def test_both_of_two_fire_together(one, other):
    assert fired(one, other) == expected(one, other)
