"""One patient on one day, as the measures see it: days, doses and what stands today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property

from clinical.checks.words import unidentified
from clinical.day_set import DaySet
from clinical.dose_history import (
    Known,
    NotKnown,
    Stretch,
    clonazepam_stretches,
    dose_on_day,
    within,
)
from clinical.drugs import Drug, is_systemic_opioid
from clinical.exposure import Exposure, exposure, exposures, together
from clinical.facts import CLONAZEPAM, MedicationRecord, PatientFacts
from clinical.measures.definitions import MeasureRules
from clinical.policy import Policy
from clinical.signing import current_clonazepam, regular
from clinical.standing import followed_on, standing
from clinical.totals import Total, total_on


class Case:
    """A patient's facts with the day, the policy and the numbers; each part is worked out once."""

    def __init__(self, facts: PatientFacts, on: date, policy: Policy, rules: MeasureRules) -> None:
        self.facts = facts
        self.on = on
        self.policy = policy
        self.rules = rules
        self.since = on - timedelta(days=rules.look_back_days - 1)
        self.window = DaySet.between(self.since, on)

    # Days.

    @cached_property
    def clonazepam(self) -> Exposure:
        """The days of clonazepam."""
        return self.by_ingredient(lambda drug: {CLONAZEPAM} & set(drug.ingredients))

    @cached_property
    def benzodiazepines(self) -> Exposure:
        """The days of any benzodiazepine."""
        return self.by_ingredient(_one_if("benzodiazepine"))

    @cached_property
    def opioids(self) -> Exposure:
        """The days of any systemic opioid."""
        return self.by_ingredient(lambda d: {"/".join(d.ingredients)} if is_opioid(d) else set())

    @cached_property
    def cns_active(self) -> tuple[Exposure, ...]:
        """The days of each CNS-active ingredient."""
        return tuple(self._exposures(lambda drug: drug.cns_active).values())

    def by_ingredient(self, named: Callable[[Drug], Iterable[str]]) -> Exposure:
        """The days of the drugs that are named, each drug by itself first."""
        return together(self._exposures(named).values())

    def _exposures(self, named: Callable[[Drug], Iterable[str]]) -> dict[str, Exposure]:
        return exposures(
            self.facts.medications,
            named,
            on=self.on,
            since=self.since,
            followed=self._followed,
            assumed=self.rules.assumed,
        )

    @cached_property
    def _followed(self) -> dict[str, date]:
        return dict(followed_on(self.facts.medications))

    # What stands today.

    @cached_property
    def current(self) -> tuple[MedicationRecord, ...]:
        """The present orders of clonazepam that set a daily dose (else statements)."""
        return regular(current_clonazepam(self.facts, self.on))

    @cached_property
    def present(self) -> Total:
        """What they add up to today."""
        return total_on(self.current, self.on)

    def current_of(self, wanted: Callable[[Drug], bool]) -> tuple[MedicationRecord, ...]:
        """The records that stand today, of the drugs that are wanted; no inpatient orders."""
        return tuple(
            record
            for record in self.facts.medications
            if isinstance(record.drug, Drug)
            and wanted(record.drug)
            and not record.inpatient
            and standing(record, self.on).counts
        )

    @cached_property
    def nameless(self) -> tuple[str, ...]:
        """Records of the past year whose drug nothing names: it may be anything."""
        unknown = unidentified(self.facts.medications)
        return tuple(sorted({record.source for record in unknown if self._may_matter(record)}))

    def _may_matter(self, record: MedicationRecord) -> bool:
        taken = exposure(
            [record],
            on=self.on,
            since=self.since,
            followed=self._followed,
            assumed=self.rules.assumed,
        )
        days = taken.perhaps() & self.window
        return bool(len(days)) or (not record.inpatient and standing(record, self.on).counts)

    # Who is asked.

    @cached_property
    def uses_clonazepam(self) -> bool:
        """Clonazepam in the look-back: covered, perhaps covered, or ordered today."""
        return bool(len(self.clonazepam.perhaps() & self.window)) or bool(self.current)

    @cached_property
    def uses_benzodiazepine(self) -> bool:
        """Any benzodiazepine in the look-back."""
        days = self.benzodiazepines.perhaps() & self.window
        return bool(len(days)) or bool(self.current_of(is_benzodiazepine))

    # Doses.

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The ordered dose of clonazepam over time, until today."""
        return clonazepam_stretches(self.facts, self.on)

    def dose_on(self, day: date) -> Known | NotKnown:
        """The ordered dose on one day."""
        return dose_on_day(self.stretches, day)

    def doses(self, first: date, last: date) -> tuple[Stretch, ...]:
        """The stretches that hold any day from the first to the last, cut to these days."""
        return within(self.stretches, first, last)


def is_opioid(drug: Drug) -> bool:
    """A systemic opioid, whatever it treats."""
    return is_systemic_opioid(drug)


def is_benzodiazepine(drug: Drug) -> bool:
    """Any benzodiazepine."""
    return "benzodiazepine" in drug.classes


def _one_if(drug_class: str) -> Callable[[Drug], set[str]]:
    def named(drug: Drug) -> set[str]:
        return {"/".join(drug.ingredients)} if drug_class in drug.classes else set()

    return named


def highest(stretches: Iterable[Stretch]) -> tuple[Fraction, tuple[str, ...]] | None:
    """The highest known dose of some stretches, with its records; None when none is known."""
    known = [s.dose for s in stretches if isinstance(s.dose, Known)]
    if not known:
        return None
    most = max(dose.high for dose in known)
    sources = {source for dose in known if dose.high == most for source in dose.sources}
    return most, tuple(sorted(sources))
