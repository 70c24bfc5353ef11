"""From resources to the words on a page. It never fails on a resource: what cannot be said is said.

A chart may hold anything that somebody saved, so every element is looked at before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ..records.json_text import Resource

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CURRENT = {"active", "on-hold"}
_PLANNED = {"draft", "intended"}
_STATUS_WORDS = {
    "active": "active",
    "on-hold": "on hold",
    "completed": "completed",
    "stopped": "stopped",
    "cancelled": "cancelled",
    "draft": "draft",
    "entered-in-error": "entered in error",
    "intended": "intended",
    "not-taken": "not taken",
    "unknown": "status unknown",
}


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
    """A condition or an allergy: what, one line about it, and the resource it stands in."""

    name: str
    about: str
    source: str


@dataclass(frozen=True, slots=True)
class ChartPage:
    """Everything on a patient's page."""

    banner: Banner
    current: list[MedicineRow]
    planned: list[MedicineRow]
    past: list[MedicineRow]
    conditions: list[FactRow]
    allergies: list[FactRow]


def chart_page(
    patient: Resource,
    records: Mapping[str, Sequence[Resource]],
    medications: Mapping[str, Resource],
    today: date,
) -> ChartPage:
    """A patient's page. `medications` are the Medication resources by their reference."""
    fills = _last_fills(records.get("MedicationDispense", ()), medications)
    rows = [
        (_started(resource), _place(resource), _medicine_row(resource, medications, fills))
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
        past=at("past"),
        conditions=[_condition_row(resource) for resource in records.get("Condition", ())],
        allergies=[_allergy_row(resource) for resource in records.get("AllergyIntolerance", ())],
    )


# --- the patient ------------------------------------------------------------------------------


def name_of(patient: Resource) -> str:
    """The name as one reads it."""
    first = _first(patient.get("name"))
    if text := _text(first.get("text")):
        return text
    given = first.get("given")
    parts = [*(given if isinstance(given, list) else []), first.get("family")]
    return " ".join(str(part) for part in parts if part) or "name not supplied"


def sex_of(patient: Resource) -> str:
    """The administrative sex, or that it was not supplied."""
    return _text(patient.get("gender")) or "sex not supplied"


def age_words(birth_date: Any, today: date) -> str:
    """72 years; 66 or 67 years when only the year is known; 4 months for an infant."""
    parts = _date_parts(birth_date)
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
    parts = _date_parts(said)
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
        identifier=_text(_first(patient.get("identifier")).get("value")) or "not supplied",
    )


# --- medicines --------------------------------------------------------------------------------


def _medicine_row(
    resource: Resource, medications: Mapping[str, Resource], fills: Mapping[str, str]
) -> MedicineRow:
    name = medicine_name(resource, medications)
    on = date_words(_started(resource)) or "date not supplied"
    if resource.get("resourceType") == "MedicationStatement":
        on = f"reported by the patient, since {on}"
    state = _state(resource)
    status = _STATUS_WORDS.get(state, "status not supplied")
    why = _text(_dict(resource.get("statusReason")).get("text"))
    return MedicineRow(
        name=name,
        dosage=dosage_words(resource.get("dosageInstruction") or resource.get("dosage")),
        ordered=f"{on}, on hold" if state == "on-hold" else on,
        status=f"{status}: {why}" if why else status,
        fill=fills.get(name, "no fill recorded"),
        source=_source(resource),
    )


def _state(resource: Resource) -> str:
    return _text(resource.get("status")) or ""


def _place(resource: Resource) -> str:
    """The list that a medicine stands in; what is neither current nor planned is past."""
    if _state(resource) in _CURRENT:
        return "current"
    return "planned" if _state(resource) in _PLANNED else "past"


def medicine_name(resource: Resource, medications: Mapping[str, Resource]) -> str:
    """What the medicine is called, in its own words or in those of the Medication it points to."""
    concept = _dict(resource.get("medicationCodeableConcept"))
    if not concept:
        reference = str(_dict(resource.get("medicationReference")).get("reference", ""))
        medication = medications.get(reference)
        if medication is None:
            return "medication not found" if reference else "medication not supplied"
        concept = _dict(medication.get("code"))
    return concept_words(concept) or "medication not supplied"


def dosage_words(dosages: Any) -> str:
    """How it is taken: the text where there is one, else what the structure says."""
    lines = [line for dosage in _list(dosages) if (line := _one_dosage(_dict(dosage)))]
    return "; then ".join(lines) or "dosage not supplied"


def _one_dosage(dosage: Resource) -> str:
    if text := _text(dosage.get("text")):
        return text
    amount = _dict(_first(dosage.get("doseAndRate")).get("doseQuantity"))
    repeat = _dict(_dict(dosage.get("timing")).get("repeat"))
    words = [_quantity_words(amount)] if amount else []
    words += _rhythm_words(repeat)
    if dosage.get("asNeededBoolean") is True:
        words.append("as needed")
    return ", ".join(words)


_PERIODS = {"min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}


def _rhythm_words(repeat: Resource) -> list[str]:
    """2 times a day, once every 6 hours; nothing when the rhythm is not said this way."""
    times, period = repeat.get("frequency", 1), repeat.get("period")
    unit = _PERIODS.get(str(repeat.get("periodUnit")))
    if unit is None or not _is_number(times) or not _is_number(period):
        return []
    how_often = "once" if times == 1 else f"{times} times"
    return [f"{how_often} a {unit}" if period == 1 else f"{how_often} every {period} {unit}s"]


def _last_fills(
    dispenses: Iterable[Resource], medications: Mapping[str, Resource]
) -> dict[str, str]:
    """The last fill of each medicine, in words."""
    last: dict[str, tuple[str, str]] = {}
    for dispense in dispenses:
        on = _text(dispense.get("whenHandedOver"))
        if not on or dispense.get("status") != "completed":
            continue
        name = medicine_name(dispense, medications)
        if name not in last or on > last[name][0]:
            last[name] = (on, _fill_words(dispense, on))
    return {name: words for name, (_, words) in last.items()}


def _fill_words(dispense: Resource, on: str) -> str:
    words = [date_words(on)]
    if quantity := _dict(dispense.get("quantity")):
        words.append(_quantity_words(quantity, counted=True))
    return ", ".join(words)


def _started(resource: Resource) -> str:
    """The date that orders a row: when it was ordered, or since when it is taken."""
    period = _dict(resource.get("effectivePeriod"))
    found = resource.get("authoredOn") or resource.get("effectiveDateTime") or period.get("start")
    return _text(found) or ""


# --- conditions and allergies -----------------------------------------------------------------


def _condition_row(condition: Resource) -> FactRow:
    since = _text(condition.get("onsetDateTime")) or _text(condition.get("recordedDate"))
    words = [f"since {date_words(since)}" if since else "onset not supplied"]
    if ended := _text(condition.get("abatementDateTime")):
        words.append(f"until {date_words(ended)}")
    clinical = _code(condition.get("clinicalStatus"))
    words.append(clinical or "status not supplied")
    if code := _code(condition.get("code")):
        words.append(code)
    name = concept_words(_dict(condition.get("code"))) or "condition not supplied"
    return FactRow(name, ", ".join(words), _source(condition))


def _allergy_row(allergy: Resource) -> FactRow:
    reaction = _first(allergy.get("reaction"))
    shown = concept_words(_dict(_first(reaction.get("manifestation"))))
    name = concept_words(_dict(allergy.get("code"))) or "substance not supplied"
    return FactRow(name, shown or "reaction not supplied", _source(allergy))


# --- small words ------------------------------------------------------------------------------


def date_words(said: Any) -> str:
    """4 Jan 2027, Jan 2027 or 2027; empty when there is no date."""
    parts = _date_parts(said)
    match parts:
        case [year]:
            return str(year)
        case [year, month]:
            return f"{_MONTHS[month - 1]} {year}"
        case [year, month, day]:
            return f"{day} {_MONTHS[month - 1]} {year}"
    return ""


def concept_words(concept: Resource) -> str:
    """The text of a CodeableConcept, or the first display or code in it."""
    if text := _text(concept.get("text")):
        return text
    for coding in _list(concept.get("coding")):
        for key in ("display", "code"):
            if found := _text(_dict(coding).get(key)):
                return found
    return ""


def _quantity_words(quantity: Resource, *, counted: bool = False) -> str:
    value, unit = quantity.get("value"), _text(quantity.get("unit")) or ""
    if not _is_number(value):
        return "amount not supplied"
    plural = "s" if counted and value != 1 and unit not in ("mg", "mL", "g") and unit else ""
    return f"{value} {unit}{plural}".strip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _date_parts(said: Any) -> list[int]:
    """Year, month and day as far as they were said and are a date."""
    text = _text(said) or ""
    parts = text.partition("T")[0].split("-")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return []
    numbers = [int(part) for part in parts]
    try:
        date(*[*numbers, 1, 1][:3])
    except (ValueError, OverflowError):
        return []
    return numbers[:3]


def _source(resource: Resource) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _code(concept: Any) -> str:
    return _text(_first(_dict(concept).get("coding")).get("code")) or ""


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _dict(value: Any) -> Resource:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(value: Any) -> Resource:
    items = _list(value)
    return _dict(items[0]) if items else {}
