"""From resources to the words on a page. It never fails on a resource: what cannot be said is said.

A chart may hold anything that somebody saved, so every element is looked at before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from ..records.json_text import Resource
from .plans import PlanView, plans_of
from .small_words import (
    STATUS_WORDS,
    app_name,
    code_of,
    concept_words,
    date_parts,
    date_words,
    dict_of,
    first_of,
    is_number,
    list_of,
    quantity_words,
    source_of,
    text_of,
)

_CURRENT = {"active", "on-hold"}
_PLANNED = {"draft", "intended"}
_NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Banner:
    """Who the chart is about."""

    id: str
    name: str
    born: str
    sex: str
    identifier: str


@dataclass(frozen=True, slots=True)
class MedicineRow:
    """A medicine in the chart: an order, or what the patient reports."""

    name: str
    dosage: str
    ordered: str
    status: str
    fill: str
    source: str


@dataclass(frozen=True, slots=True)
class FactRow:
    """A condition, an allergy or a finding: what, one line about it, and where it stands."""

    name: str
    about: str
    source: str


@dataclass(frozen=True, slots=True)
class ChartPage:
    """Everything on a patient's page. `drafted` says that an app's drafts wait in the worklist."""

    banner: Banner
    current: list[MedicineRow]
    planned: list[MedicineRow]
    drafted: bool
    past: list[MedicineRow]
    conditions: list[FactRow]
    allergies: list[FactRow]
    findings: list[FactRow]
    plans: list[PlanView]


def chart_page(
    patient: Resource,
    records: Mapping[str, Sequence[Resource]],
    medications: Mapping[str, Resource],
    today: date,
    apps: Mapping[str, str] = _NOBODY,
    people: Mapping[str, str] = _NOBODY,
) -> ChartPage:
    """A patient's page. `medications` are the Medication resources by their reference.

    `apps` are the names of the apps that write here, by the `meta.source` of what they write;
    `people` are the names of those who made a plan, by reference.
    """
    fills = _last_fills(records.get("MedicationDispense", ()), medications)
    rows = [
        (_started(resource), _place(resource), _medicine_row(resource, medications, fills, apps))
        for resource_type in ("MedicationRequest", "MedicationStatement")
        for resource in records.get(resource_type, ())
    ]
    rows.sort(key=lambda item: item[0], reverse=True)

    def at(place: str) -> list[MedicineRow]:
        return [row for _, there, row in rows if there == place]

    return ChartPage(
        banner=_banner(patient, today),
        current=at("current"),
        planned=at("planned"),
        drafted=any(
            app_name(order, apps) and _state(order) == "draft"
            for order in records.get("MedicationRequest", ())
        ),
        past=at("past"),
        conditions=[_condition_row(resource) for resource in records.get("Condition", ())],
        allergies=[_allergy_row(resource) for resource in records.get("AllergyIntolerance", ())],
        findings=_finding_rows(records.get("Observation", ())),
        plans=plans_of(records.get("CarePlan", ()), today, apps, people),
    )


# --- the patient ------------------------------------------------------------------------------


def name_of(patient: Resource) -> str:
    """The name as one reads it."""
    first = first_of(patient.get("name"))
    if text := text_of(first.get("text")):
        return text
    given = first.get("given")
    parts = [*(given if isinstance(given, list) else []), first.get("family")]
    return " ".join(str(part) for part in parts if part) or "name not supplied"


def sex_of(patient: Resource) -> str:
    """The administrative sex, or that it was not supplied."""
    return text_of(patient.get("gender")) or "sex not supplied"


def age_words(birth_date: Any, today: date) -> str:
    """72 years; 66 or 67 years when only the year is known; 4 months for an infant."""
    parts = date_parts(birth_date)
    if not parts or parts[0] > today.year:
        return "birth date not supplied"
    if len(parts) == 1:
        years = today.year - parts[0]
        return f"{years - 1} or {years} years" if years else "under 1 year"
    year, month, *days = parts
    months = (today.year - year) * 12 + today.month - month - (bool(days) and today.day < days[0])
    if months < 0:
        return "birth date not supplied"
    if months < 24:
        return f"{months} month{'' if months == 1 else 's'}"
    return f"{months // 12} years"


def _banner(patient: Resource, today: date) -> Banner:
    said = patient.get("birthDate")
    age = age_words(said, today)
    parts = date_parts(said)
    if not parts:
        born = "birth date not supplied"
    elif len(parts) == 1:
        born = f"{parts[0]} (year only), {age}"
    else:
        born = f"{date_words(said)}, {age}"
    return Banner(
        id=str(patient.get("id", "")),
        name=name_of(patient),
        born=born,
        sex=sex_of(patient),
        identifier=text_of(first_of(patient.get("identifier")).get("value")) or "not supplied",
    )


# --- medicines --------------------------------------------------------------------------------


def _medicine_row(
    resource: Resource,
    medications: Mapping[str, Resource],
    fills: Mapping[str, str],
    apps: Mapping[str, str],
) -> MedicineRow:
    name = medicine_name(resource, medications)
    on = date_words(_started(resource)) or "date not supplied"
    if resource.get("resourceType") == "MedicationStatement":
        on = f"reported by the patient, since {on}"
    state = _state(resource)
    status = STATUS_WORDS.get(state, "status not supplied")
    if state in _PLANNED and (app := app_name(resource, apps)):
        status = f"{status}, from {app}"
    why = text_of(dict_of(resource.get("statusReason")).get("text"))
    return MedicineRow(
        name=name,
        dosage=dosage_words(resource.get("dosageInstruction") or resource.get("dosage")),
        ordered=f"{on}, on hold" if state == "on-hold" else on,
        status=f"{status}: {why}" if why else status,
        fill=fills.get(name, "no fill recorded"),
        source=source_of(resource),
    )


def _state(resource: Resource) -> str:
    return text_of(resource.get("status")) or ""


def _place(resource: Resource) -> str:
    """The list that a medicine stands in; what is neither current nor planned is past."""
    if _state(resource) in _CURRENT:
        return "current"
    return "planned" if _state(resource) in _PLANNED else "past"


def medicine_name(resource: Resource, medications: Mapping[str, Resource]) -> str:
    """What the medicine is called, in its own words or in those of the Medication it points to."""
    concept = dict_of(resource.get("medicationCodeableConcept"))
    if not concept:
        reference = str(dict_of(resource.get("medicationReference")).get("reference", ""))
        medication = medications.get(reference)
        if medication is None:
            return "medication not found" if reference else "medication not supplied"
        concept = dict_of(medication.get("code"))
    return concept_words(concept) or "medication not supplied"


def dosage_words(dosages: Any) -> str:
    """How it is taken: the text where there is one, else what the structure says."""
    lines = [line for dosage in list_of(dosages) if (line := _one_dosage(dict_of(dosage)))]
    return "; then ".join(lines) or "dosage not supplied"


def _one_dosage(dosage: Resource) -> str:
    if text := text_of(dosage.get("text")):
        return text
    amount = dict_of(first_of(dosage.get("doseAndRate")).get("doseQuantity"))
    repeat = dict_of(dict_of(dosage.get("timing")).get("repeat"))
    words = [quantity_words(amount)] if amount else []
    words += _rhythm_words(repeat)
    if dosage.get("asNeededBoolean") is True:
        words.append("as needed")
    return ", ".join(words)


_PERIODS = {"min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}


def _rhythm_words(repeat: Resource) -> list[str]:
    """2 times a day, once every 6 hours; nothing when the rhythm is not said this way."""
    times, period = repeat.get("frequency", 1), repeat.get("period")
    unit = _PERIODS.get(str(repeat.get("periodUnit")))
    if unit is None or not is_number(times) or not is_number(period):
        return []
    how_often = "once" if times == 1 else f"{times} times"
    return [f"{how_often} a {unit}" if period == 1 else f"{how_often} every {period} {unit}s"]


def _last_fills(
    dispenses: Iterable[Resource], medications: Mapping[str, Resource]
) -> dict[str, str]:
    """The last fill of each medicine, in words."""
    last: dict[str, tuple[str, str]] = {}
    for dispense in dispenses:
        on = text_of(dispense.get("whenHandedOver"))
        if not on or dispense.get("status") != "completed":
            continue
        name = medicine_name(dispense, medications)
        if name not in last or on > last[name][0]:
            last[name] = (on, _fill_words(dispense, on))
    return {name: words for name, (_, words) in last.items()}


def _fill_words(dispense: Resource, on: str) -> str:
    words = [date_words(on)]
    if quantity := dict_of(dispense.get("quantity")):
        words.append(quantity_words(quantity, counted=True))
    return ", ".join(words)


def _started(resource: Resource) -> str:
    """The date that orders a row: when it was ordered, or since when it is taken."""
    period = dict_of(resource.get("effectivePeriod"))
    found = resource.get("authoredOn") or resource.get("effectiveDateTime") or period.get("start")
    return text_of(found) or ""


# --- conditions, allergies and findings -------------------------------------------------------


def _condition_row(condition: Resource) -> FactRow:
    since = text_of(condition.get("onsetDateTime")) or text_of(condition.get("recordedDate"))
    words = [f"since {date_words(since)}" if since else "onset not supplied"]
    if ended := text_of(condition.get("abatementDateTime")):
        words.append(f"until {date_words(ended)}")
    clinical = code_of(condition.get("clinicalStatus"))
    words.append(clinical or "status not supplied")
    if code := code_of(condition.get("code")):
        words.append(code)
    name = concept_words(dict_of(condition.get("code"))) or "condition not supplied"
    return FactRow(name, ", ".join(words), source_of(condition))


def _allergy_row(allergy: Resource) -> FactRow:
    reaction = first_of(allergy.get("reaction"))
    shown = concept_words(dict_of(first_of(reaction.get("manifestation"))))
    name = concept_words(dict_of(allergy.get("code"))) or "substance not supplied"
    return FactRow(name, shown or "reaction not supplied", source_of(allergy))


def _finding_rows(observations: Iterable[Resource]) -> list[FactRow]:
    """What was asked or found, the latest first."""
    dated = [(text_of(found.get("effectiveDateTime")) or "", found) for found in observations]
    return [_finding_row(found) for _, found in sorted(dated, key=lambda one: one[0], reverse=True)]


def _finding_row(observation: Resource) -> FactRow:
    name = concept_words(dict_of(observation.get("code"))) or "finding not supplied"
    number = observation.get("valueInteger")
    value = concept_words(dict_of(observation.get("valueCodeableConcept")))
    if is_number(number):
        value = str(number)
    elif quantity := dict_of(observation.get("valueQuantity")):
        value = quantity_words(quantity)
    on = date_words(observation.get("effectiveDateTime"))
    about = ", ".join(word for word in (value or "value not supplied", on) if word)
    return FactRow(name, about, source_of(observation))
