"""The report as FHIR R4: a MeasureReport of counts and a Group of long-term users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

MEASURES = "https://taperguard.org/fhir/CodeSystem/measures"
MEASURE = "https://taperguard.org/fhir/Measure/clonazepam-population"
GROUPS = "https://taperguard.org/fhir/NamingSystem/report-groups"
_POPULATIONS = "http://terminology.hl7.org/CodeSystem/measure-population"
LOOK_BACK_DAYS = 365
LONG_TERM_USE = "long-term-use"


def measure_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """A MeasureReport of type summary: one group for each measure, with its counts.

    The denominator of each group are the patients of whom the measure asks; those for whom it
    could not be answered are in no population, and `denominator-exclusion` says how many.
    """
    on = date.fromisoformat(report["on"])
    return {
        "resourceType": "MeasureReport",
        "id": f"{report['ehr']}-{report['night']}",
        "status": "complete",
        "type": "summary",
        "measure": f"{MEASURE}|{report['rules_version']}",
        "date": report["made_at"],
        "reporter": {"display": f"TaperGuard at {report['ehr']}"},
        "period": {
            "start": (on - timedelta(days=LOOK_BACK_DAYS - 1)).isoformat(),
            "end": on.isoformat(),
        },
        "group": [_group(measure) for measure in report["measures"]],
    }


def _group(measure: Mapping[str, Any]) -> dict[str, Any]:
    group: dict[str, Any] = {
        "code": {
            "coding": [{"system": MEASURES, "code": measure["id"], "display": measure["title"]}],
            "text": measure["definition"],
        },
        "population": [
            _population("initial-population", measure["denominator"] + measure["not_evaluable"]),
            _population("denominator", measure["denominator"]),
            _population("denominator-exclusion", measure["not_evaluable"]),
            _population("numerator", measure["numerator"]),
        ],
    }
    if measure["percent"] is not None:
        group["measureScore"] = {
            "value": Decimal(measure["percent"]),
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        }
    return group


def _population(code: str, count: int) -> dict[str, Any]:
    return {"code": {"coding": [{"system": _POPULATIONS, "code": code}]}, "count": count}


def group_of_long_term_users(
    report: Mapping[str, Any], worklist: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A Group whose members are the patients who meet `long-term-use`. For authorised users."""
    members = [row["patient"] for row in worklist if LONG_TERM_USE in row["measures"]]
    group: dict[str, Any] = {
        "resourceType": "Group",
        "id": f"{LONG_TERM_USE}-{report['night']}",
        "identifier": [
            {"system": GROUPS, "value": f"{report['ehr']}/{LONG_TERM_USE}/{report['night']}"}
        ],
        "active": True,
        "type": "person",
        "actual": True,
        "name": f"Long-term use of clonazepam, {report['night']}",
        "quantity": len(members),
    }
    if members:
        group["member"] = [{"entity": {"reference": member}} for member in members]
    return group
