"""Small words that every page uses, and safe looks into a resource.

A chart may hold anything that somebody saved, so every element is looked at before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ..records.json_text import Resource

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STATUS_WORDS = {
    "active": "active",
    "on-hold": "on hold",
    "completed": "completed",
    "stopped": "stopped",
    "cancelled": "cancelled",
    "draft": "draft",
    "entered-in-error": "entered in error",
    "intended": "intended",
    "not-taken": "not taken",
    "revoked": "revoked",
    "unknown": "status unknown",
}


def date_words(said: Any) -> str:
    """4 Jan 2027, Jan 2027 or 2027; empty when there is no date."""
    parts = date_parts(said)
    match parts:
        case [year]:
            return str(year)
        case [year, month]:
            return f"{_MONTHS[month - 1]} {year}"
        case [year, month, day]:
            return f"{day} {_MONTHS[month - 1]} {year}"
    return ""


def day_words(said: Any) -> str:
    """Mon 4 Jan 2027; as `date_words` when it is no whole date."""
    parts = date_parts(said)
    return f"{date(*parts):%a} {date_words(said)}" if len(parts) == 3 else date_words(said)


def concept_words(concept: Resource) -> str:
    """The text of a CodeableConcept, or the first display or code in it."""
    if text := text_of(concept.get("text")):
        return text
    for coding in list_of(concept.get("coding")):
        for key in ("display", "code"):
            if found := text_of(dict_of(coding).get(key)):
                return found
    return ""


def quantity_words(quantity: Resource, *, counted: bool = False) -> str:
    """0.75 mg; 120 tablets when `counted`."""
    value, unit = quantity.get("value"), text_of(quantity.get("unit")) or ""
    if not is_number(value):
        return "amount not supplied"
    plural = "s" if counted and value != 1 and unit not in ("mg", "mL", "g") and unit else ""
    return f"{value} {unit}{plural}".strip()


def is_number(value: Any) -> bool:
    """Whether JSON says a number here."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def date_parts(said: Any) -> list[int]:
    """Year, month and day as far as they were said and are a date."""
    text = text_of(said) or ""
    parts = text.partition("T")[0].split("-")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return []
    numbers = [int(part) for part in parts]
    try:
        date(*[*numbers, 1, 1][:3])
    except (ValueError, OverflowError):
        return []
    return numbers[:3]


def source_of(resource: Resource) -> str:
    """Where it stands: "Type/id"."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def code_of(concept: Any) -> str:
    """The first code of a CodeableConcept, or nothing."""
    return text_of(first_of(dict_of(concept).get("coding")).get("code")) or ""


def text_of(value: Any) -> str | None:
    """A text that says something, or None."""
    return value.strip() or None if isinstance(value, str) else None


def dict_of(value: Any) -> Resource:
    """An element, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def first_of(value: Any) -> Resource:
    """The first element of a list, or an empty one."""
    items = list_of(value)
    return dict_of(items[0]) if items else {}


def app_name(resource: Resource, apps: Mapping[str, str]) -> str:
    """The app that wrote this, by the names of those that are registered; empty when none did."""
    return apps.get(text_of(dict_of(resource.get("meta")).get("source")) or "", "")
