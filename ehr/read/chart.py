"""Resources -> Chart: the patient's facts, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from clinical.dose_history import DoseHistory
from clinical.facts import (
    AllergyFact,
    DraftOrder,
    MedicationRecord,
    ObservationFact,
    PatientFacts,
    Unknown,
)
from ehr.needs import ALLERGIES, CONDITIONS, MEDICATIONS, NEEDS, OBSERVATIONS, PATIENT, Need
from ehr.read.allergies import allergy_facts
from ehr.read.care_plans import taper_plans
from ehr.read.conditions import condition_facts, uncoded
from ehr.read.json import reference_key
from ehr.read.medications import (
    MEDICATION_RECORDS,
    Lookup,
    medication_record,
    priors_of,
    record_for_checks,
    source_of,
)
from ehr.read.observations import observation_facts
from ehr.read.patient import birth_date, deceased
from ehr.read.weight import latest_weight_kg

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DraftResource:
    """One resource of draftOrders. `source` is how the account names it."""

    resource: Resource
    selected: bool

    @property
    def source(self) -> str:
        """As "Type/id"."""
        return source_of(self.resource)


@dataclass(frozen=True, slots=True)
class Background:
    """That a history read in the background was used: how fresh it is, in words.

    `dose` is the dose over time that was computed with it, where these resources say no more.
    """

    words: str
    dose: DoseHistory | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that was supplied for one patient, as raw JSON.

    `gaps` holds, by key of `ehr.needs`, why a list is absent or incomplete. `asked` are the keys
    that were asked for: of an optional list that was not, its absence says nothing. `notes` are
    sentences for the account. `background` is None when no kept history was used.
    """

    by_type: Mapping[str, tuple[Resource, ...]]
    drafts: tuple[DraftResource, ...] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    background: Background | None = None
    asked: frozenset[str] = frozenset()

    def of(self, need: Need) -> tuple[Resource, ...] | None:
        """The resources of a need; None where it was not asked for and nothing is there."""
        found = self.by_type.get(need.resource_type, ())
        return found if found or need.key in self.asked or need.key in self.gaps else None


@dataclass(frozen=True, slots=True)
class Chart:
    """The facts and, by source, why a draft could not be read."""

    facts: PatientFacts
    unreadable: Mapping[str, str]


def read_chart(resources: Resources, on: date, *, for_checks: bool = False) -> Chart:
    """The patient's facts on a day: what has passed by then is not present.

    Never raises: what cannot be read becomes a gap or a note. `for_checks` leaves out the records
    of drugs that no check looks at, where no other record depends on them: most of a medication
    list, and nothing is said of them.
    """
    weight_kg = latest_weight_kg(resources.by_type.get("Observation", ()))
    drafts = []
    unreadable: dict[str, str] = {}
    for draft in resources.drafts:
        kind = draft.resource.get("resourceType")
        if kind not in MEDICATION_RECORDS:
            unreadable[draft.source] = "not a medication order"
            continue
        record = medication_record(
            draft.resource,
            lookup_in(resources, draft.resource),
            every_dose=not for_checks,
            weight_kg=weight_kg,
        )
        drafts.append(DraftOrder(record, draft.selected))
    patients = resources.by_type.get("Patient", ())
    why_no_patient = resources.gaps.get(PATIENT.key, f"{PATIENT.wanted} was not supplied")
    patient = patients[0] if patients else None
    conditions = resources.by_type.get("Condition", ())
    observations, unread = _observations(resources, on)
    facts = PatientFacts(
        birth_date=Unknown(why_no_patient) if patient is None else birth_date(patient),
        deceased=Unknown(why_no_patient) if patient is None else deceased(patient),
        drafts=tuple(drafts),
        medications=tuple(_medications(resources, weight_kg, for_checks=for_checks)),
        medications_gap=_medications_gap(resources.gaps),
        conditions=tuple(fact for resource in conditions for fact in condition_facts(resource, on)),
        conditions_gap=_gap(resources.gaps, CONDITIONS.key),
        allergies=_allergies(resources),
        allergies_gap=_gap(resources.gaps, ALLERGIES.key),
        observations=observations,
        observations_gap=_gap(resources.gaps, OBSERVATIONS.key),
        notes=(*resources.notes, *_uncoded(conditions, on), *unread),
        taper_plans=taper_plans(resources.by_type.get("CarePlan", ())),
    )
    return Chart(facts, unreadable)


def _medications(
    resources: Resources, weight_kg: Fraction | None, *, for_checks: bool
) -> Iterator[MedicationRecord]:
    listed = [it for kind in MEDICATION_RECORDS for it in resources.by_type.get(kind, ())]
    drafted = [draft.resource for draft in resources.drafts]
    priors = frozenset(key for it in (*listed, *drafted) for key in priors_of(it))
    for resource in listed:
        lookup = lookup_in(resources, resource)
        if not for_checks:
            yield medication_record(resource, lookup, every_dose=False, weight_kg=weight_kg)
            continue
        record = record_for_checks(resource, lookup, priors, weight_kg=weight_kg)
        if record is not None:
            yield record


def lookup_in(resources: Resources, holder: Resource) -> Lookup:
    """Find what a resource refers to: in itself ("#x"), or among all that was supplied."""

    def lookup(reference: str) -> Resource | None:
        if reference.startswith("#"):
            contained = holder.get("contained")
            items = contained if isinstance(contained, list) else [contained]
            return next(
                (r for r in items if isinstance(r, dict) and f"#{r.get('id')}" == reference), None
            )
        kind = reference.partition("/")[0]
        for resource in resources.by_type.get(kind, ()):
            if reference_key(source_of(resource)) == reference:
                return resource
        return None

    return lookup


def _medications_gap(gaps: Mapping[str, str]) -> Unknown | None:
    """The medication list is whole only if every list of medications that was asked for is."""
    keys = [MEDICATIONS.key, *(n.key for n in NEEDS if n.resource_type in MEDICATION_RECORDS)]
    whys = dict.fromkeys(gaps[key] for key in keys if key in gaps)
    return Unknown("; ".join(whys)) if whys else None


def _gap(gaps: Mapping[str, str], key: str) -> Unknown | None:
    return Unknown(gaps[key]) if key in gaps else None


def _allergies(resources: Resources) -> tuple[AllergyFact, ...] | Unknown:
    listed = resources.of(ALLERGIES)
    return Unknown("allergies were not asked for") if listed is None else allergy_facts(listed)


def _observations(
    resources: Resources, on: date
) -> tuple[tuple[ObservationFact, ...] | Unknown, tuple[str, ...]]:
    listed = resources.of(OBSERVATIONS)
    if listed is None:
        return Unknown("observations were not asked for"), ()
    return observation_facts(listed, on)


def _uncoded(conditions: Iterable[Resource], on: date) -> Iterator[str]:
    """A note on conditions that nobody could look up, such as those that stand there in words."""
    count = sum(uncoded(condition, on) for condition in conditions)
    if count:
        have, them = ("condition has", "it") if count == 1 else ("conditions have", "them")
        yield (
            f"{count} {have} no code that could be looked up (ICD-10-CM, or a SNOMED CT identifier "
            f"of our table), so the checks do not know {them}"
        )
