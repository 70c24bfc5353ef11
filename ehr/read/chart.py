"""Resources -> Chart: the patient's facts, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clinical.dose_history import DoseHistory
from clinical.facts import ConditionFact, DraftOrder, PatientFacts, Unknown
from ehr.needs import CONDITIONS, MEDICATIONS, NEEDS, PATIENT
from ehr.read.care_plans import taper_plans
from ehr.read.conditions import condition_facts
from ehr.read.json import reference_key
from ehr.read.medications import MEDICATION_RECORDS, Lookup, medication_record, source_of
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

    `gaps` holds, by key of `ehr.needs`, why a list is absent or incomplete. `notes` are
    sentences for the account. `background` is None when no kept history was used.
    """

    by_type: Mapping[str, tuple[Resource, ...]]
    drafts: tuple[DraftResource, ...] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    background: Background | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """The facts and, by source, why a draft could not be read."""

    facts: PatientFacts
    unreadable: Mapping[str, str]


def read_chart(resources: Resources) -> Chart:
    """The patient's facts. Never raises: what cannot be read becomes a gap or a note."""
    weight_kg = latest_weight_kg(resources.by_type.get("Observation", ()))
    drafts = []
    unreadable: dict[str, str] = {}
    for draft in resources.drafts:
        kind = draft.resource.get("resourceType")
        if kind not in MEDICATION_RECORDS:
            unreadable[draft.source] = "not a medication order"
            continue
        record = medication_record(
            draft.resource, lookup_in(resources, draft.resource), weight_kg=weight_kg
        )
        drafts.append(DraftOrder(record, draft.selected))
    patients = resources.by_type.get("Patient", ())
    why_no_patient = resources.gaps.get(PATIENT.key, f"{PATIENT.wanted} was not supplied")
    patient = patients[0] if patients else None
    facts = PatientFacts(
        birth_date=Unknown(why_no_patient) if patient is None else birth_date(patient),
        deceased=Unknown(why_no_patient) if patient is None else deceased(patient),
        drafts=tuple(drafts),
        medications=tuple(
            medication_record(
                resource, lookup_in(resources, resource), every_dose=False, weight_kg=weight_kg
            )
            for kind in MEDICATION_RECORDS
            for resource in resources.by_type.get(kind, ())
        ),
        medications_gap=_medications_gap(resources.gaps),
        conditions=_conditions(resources.by_type.get("Condition", ())),
        conditions_gap=_gap(resources.gaps, CONDITIONS.key),
        notes=resources.notes,
        taper_plans=taper_plans(resources.by_type.get("CarePlan", ())),
    )
    return Chart(facts, unreadable)


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


def _conditions(resources: Iterable[Resource]) -> tuple[ConditionFact, ...]:
    return tuple(fact for resource in resources for fact in condition_facts(resource))
