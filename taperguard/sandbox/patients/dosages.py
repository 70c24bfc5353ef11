"""How a medicine is taken, as FHIR Dosage and the quantities around it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ..records.json_text import Resource
from .vocabulary import DRUG_FORM, UCUM
from .words import Dose

DAYS_OF_A_FILL = 30
_FORM_CODES = {"tablet": "TAB", "capsule": "CAP"}
_UCUM_CODES = {"mg": "mg", "mL": "mL", "mcg": "ug"}


def dosage(
    taken: Dose, *, text: str | None = None, within: Resource | None = None, turn: int | None = None
) -> Resource:
    """One dosage line. `text` is said instead of the sentence of the dose, as a person may type.

    `within` bounds the timing (boundsPeriod or boundsDuration), `turn` is its place in a sequence.
    """
    repeat: Resource = {
        **(within or {}),
        "frequency": taken.per_period,
        "period": taken.period,
        "periodUnit": taken.period_unit,
    }
    if taken.days_of_week:
        repeat["dayOfWeek"] = list(taken.days_of_week)
    if taken.when is not None:
        repeat["when"] = [taken.when]
    line: Resource = {} if turn is None else {"sequence": turn}
    line |= {"text": text or taken.sentence, "timing": {"repeat": repeat}}
    if taken.as_needed:
        line["asNeededBoolean"] = True
    line["doseAndRate"] = [_amount(taken)]
    if taken.at_most is not None:
        line["maxDosePerPeriod"] = {
            "numerator": quantity(taken.at_most, taken.unit),
            "denominator": {"value": 1, "unit": "day", "system": UCUM, "code": "d"},
        }
    return line


def text_only(text: str, within: Resource | None = None) -> Resource:
    """A dosage that is only words."""
    bounded: Resource = {"timing": {"repeat": within}} if within else {}
    return {"text": text, **bounded}


def from_to(first: date, last: date) -> Resource:
    """The bounds from a day to a day, both included."""
    return {"boundsPeriod": {"start": first.isoformat(), "end": last.isoformat()}}


def from_on(first: date) -> Resource:
    """The bounds from a day on, with no end."""
    return {"boundsPeriod": {"start": first.isoformat()}}


def for_days(count: int) -> Resource:
    """The bounds of so many days."""
    return {"boundsDuration": days(count)}


def _amount(taken: Dose) -> Resource:
    if taken.low == taken.high:
        return {"doseQuantity": quantity(taken.low, taken.unit)}
    return {
        "doseRange": {
            "low": quantity(taken.low, taken.unit),
            "high": quantity(taken.high, taken.unit),
        }
    }


def quantity(value: Decimal, unit: str) -> Resource:
    """A quantity; a film or a puff has no code that every EHR writes, so it has none here."""
    if unit in _FORM_CODES:
        return {"value": value, "unit": unit, "system": DRUG_FORM, "code": _FORM_CODES[unit]}
    if unit in _UCUM_CODES:
        return {"value": value, "unit": unit, "system": UCUM, "code": _UCUM_CODES[unit]}
    return {"value": value, "unit": unit}


def is_counted(taken: Dose) -> bool:
    """Whether a pharmacy counts it out: tablets and patches, not milligrams."""
    return taken.unit not in _UCUM_CODES


def supply(taken: Dose, count: int) -> Resource:
    """What a pharmacy counts out for so many days."""
    return quantity(taken.units_in(count), taken.unit)


def days(count: int) -> Resource:
    """A duration in days."""
    return {"value": count, "unit": "days", "system": UCUM, "code": "d"}
