"""Who is behind the numbers, one row for each patient: for authorised users only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from clinical.measures import PatientMeasures
from clinical.quantities import plain
from ehr.read.chart import Resources
from ehr.read.json import as_list, as_object, as_text

Row = dict[str, Any]

_TABLE = ("patient", "name", "birth_date", "mg_per_day", "dose_why_not")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row_of(patient_id: str, resources: Resources, measures: PatientMeasures) -> Row:
    """One row: the patient, the present dose, and each measure that is met or cannot be said."""
    patient = next(iter(resources.by_type.get("Patient", ())), {})
    micrograms = measures.micrograms_per_day
    met = {key: found for key, found in measures.results.items() if found.met}
    return {
        "patient": f"Patient/{patient_id}",
        "name": name_of(patient),
        "birth_date": as_text(patient.get("birthDate")),
        "mg_per_day": None if micrograms is None else plain(Fraction(micrograms, 1000)),
        "dose_why_not": measures.dose_why_not,
        "measures": list(met),
        "not_evaluable": {
            key: found.why for key, found in measures.results.items() if found.not_evaluable
        },
        "why": {key: found.why for key, found in met.items()},
        "sources": {key: list(found.sources) for key, found in met.items()},
    }


def name_of(patient: Mapping[str, Any]) -> str | None:
    """The patient's name as written, the official one first; None when there is none."""
    names = [as_object(name) for name in as_list(patient.get("name"))]
    official = [name for name in names if name.get("use") == "official"]
    for name in (*official, *names):
        given = " ".join(filter(None, map(as_text, as_list(name.get("given")))))
        words = as_text(name.get("text")) or f"{given} {as_text(name.get('family')) or ''}".strip()
        if words:
            return words
    return None


def as_table(rows: Sequence[Row]) -> list[list[str]]:
    """Header and rows for a spreadsheet: one line for each patient and measure.

    What would be read as a formula gets an apostrophe before it.
    """
    lines = [[*_TABLE, "measure", "result", "why", "sources"]]
    for row in rows:
        patient = [_cell(row[key]) for key in _TABLE]
        found = [
            (key, "met", row["why"].get(key, ""), " ".join(row["sources"].get(key, ())))
            for key in row["measures"]
        ]
        found += [(key, "not evaluable", why, "") for key, why in row["not_evaluable"].items()]
        lines += [[*patient, *map(_cell, parts)] for parts in found or [("", "", "", "")]]
    return lines


def _cell(value: str | None) -> str:
    text = value or ""
    return f"'{text}" if text.startswith(_FORMULA) else text
