"""Everything a check may look at. Every fact knows its source; what is not known says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from clinical.care_plans import TaperCarePlan
from clinical.daily_dose import DoseCourse
from clinical.dosage import Amount
from clinical.drugs import Drug, Unrecognised

CLONAZEPAM = "clonazepam"
OWN_PLAN = "https://taperguard.org/fhir/NamingSystem/taper"
"""The groupIdentifier system of the taper orders that we propose, and of the plan's own key."""
OWN_RULES = "https://taperguard.org/fhir/rules"
"""Where a plan says by what it was made: OWN_RULES/2026.11/pace/asam-2025."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known, and why: a result, never a default."""

    why: str


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A birth date that may be only a year or a month: the earliest and latest possible day."""

    earliest: date
    latest: date

    def __post_init__(self) -> None:
        if self.earliest > self.latest:
            raise ValueError("a birth date's earliest day lies after its latest")

    def youngest_age_on(self, on: date) -> int:
        """The age in whole years on the day if born on the latest possible day."""
        return _age(self.latest, on)

    def oldest_age_on(self, on: date) -> int:
        """The age in whole years on the day if born on the earliest possible day."""
        return _age(self.earliest, on)


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


class RecordKind(StrEnum):
    """Which kind of record tells of the drug. Kinds are never summed (CLINICAL 1)."""

    REQUEST = "MedicationRequest"
    STATEMENT = "MedicationStatement"
    DISPENSE = "MedicationDispense"


@dataclass(frozen=True, slots=True)
class MedicationRecord:
    """One order, statement or dispense.

    `source` is "MedicationRequest/d1". `period_starts`/`period_ends` (inclusive) are the
    record's own period outside its dosage (effectivePeriod of a statement, supply of a
    dispense, validityPeriod start of a request). `replaces` are sources named by
    priorPrescription; `group` is groupIdentifier as "system|value". `reasons` are condition
    concepts (ids of `knowledge/conditions.csv`) of the order's reason.

    `supply_days` is for how many days one fill lasts, as the record states it (a begun day
    counts whole), `quantity` how much one fill holds, `refills` how many fills an order allows
    after its first. None: not stated, or not as a number that can be one.
    """

    source: str
    kind: RecordKind
    drug: Drug | Unrecognised
    course: DoseCourse
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool = False
    authored_on: date | None = None
    period_starts: date | None = None
    period_ends: date | None = None
    replaces: tuple[str, ...] = ()
    group: str | None = None
    reasons: frozenset[str] = frozenset()
    inpatient: bool = False
    route: str | None = None
    dosage_text: str | None = None
    supply_days: int | None = None
    refills: int | None = None
    quantity: Amount | None = None
    warnings: tuple[str, ...] = ()


def is_clonazepam(record: MedicationRecord) -> bool:
    """Whether the record is for clonazepam."""
    return isinstance(record.drug, Drug) and record.drug.contains(CLONAZEPAM)


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """An order that is about to be signed. On order-select only some are `selected`."""

    record: MedicationRecord
    selected: bool = True


@dataclass(frozen=True, slots=True)
class ConditionFact:
    """A condition as a concept we know. `active` is false when it is resolved or inactive, has
    abated, or passes by itself and was too long ago (`clinical.conditions.has_passed`).

    A refuted condition is no fact at all; `confirmed` is false for one that is provisional,
    differential or unconfirmed. `abated_on` is the last day that it can have lasted until.
    """

    source: str
    concept: str
    active: bool
    onset: date | None = None
    abated_on: date | None = None
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class AllergyFact:
    """An allergy or intolerance in the chart that is neither refuted nor resolved.

    `benzodiazepine`: the agent is one, or the class. `intolerance`: recorded as a side effect
    (AllergyIntolerance.type) and not as an allergy. `confirmed` is false where the chart says
    that it is only suspected.
    """

    source: str
    agent: str
    benzodiazepine: bool
    intolerance: bool = False
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class ObservationFact:
    """A finding that a check knows, by concept (ids of `knowledge/observations.csv`).

    `value` is a score or number, or whether it is so; `observed_on` None where no day is said.
    """

    source: str
    concept: str
    value: Fraction | bool
    observed_on: date | None = None


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What is known of one patient when an order is placed.

    Each list comes with its gap: why it is absent or incomplete, or None when it is whole.
    An empty list without a gap means: looked, and there is nothing. Lists that an EHR need not
    be asked for (allergies, observations) are Unknown where it was not: that is no gap, and a
    check says what it did not look at. `check_ins` are the days
    of recorded check-ins; Unknown where nobody looked for any. `taper_plans` are the CarePlans
    of tapers planned here, as far as anybody looked for them.
    """

    birth_date: BirthDate | Unknown
    deceased: bool | Unknown = False
    drafts: tuple[DraftOrder, ...] = ()
    medications: tuple[MedicationRecord, ...] = ()
    medications_gap: Unknown | None = None
    conditions: tuple[ConditionFact, ...] = ()
    conditions_gap: Unknown | None = None
    allergies: tuple[AllergyFact, ...] | Unknown = Unknown("allergies were not asked for")
    allergies_gap: Unknown | None = None
    observations: tuple[ObservationFact, ...] | Unknown = Unknown("observations were not asked for")
    observations_gap: Unknown | None = None
    notes: tuple[str, ...] = field(default=())
    check_ins: tuple[date, ...] | Unknown = Unknown("no check-in data was supplied")
    taper_plans: tuple[TaperCarePlan, ...] = ()

    def has_condition(self, *concepts: str) -> tuple[ConditionFact, ...]:
        """The active conditions that are one of these concepts."""
        return tuple(c for c in self.conditions if c.active and c.concept in concepts)

    def observed(self, concept: str) -> tuple[ObservationFact, ...]:
        """The observations of a concept, the latest last; those without a day come first."""
        known = () if isinstance(self.observations, Unknown) else self.observations
        found = [fact for fact in known if fact.concept == concept]
        return tuple(sorted(found, key=lambda fact: fact.observed_on or date.min))

    def latest_observed(self, concept: str, on: date) -> ObservationFact | None:
        """The observation of the latest day until the day; of one day's several the highest."""
        known = [it for it in self.observed(concept) if (it.observed_on or date.min) <= on]
        return max(known, key=lambda it: (it.observed_on or date.min, it.value), default=None)

    def has_had_condition(self, *concepts: str) -> tuple[ConditionFact, ...]:
        """The conditions that are or were one of these concepts."""
        return tuple(c for c in self.conditions if c.concept in concepts)
