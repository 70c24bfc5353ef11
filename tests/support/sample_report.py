"""A population report with everything in it, and the worklist that its numbers come from.

480 synthetic patients, three nights, small cells, quarantined lines and an export with problems.
Written by hand, so that the page's tests do not rest on the code that counts.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

EHR = "sandbox"
NIGHT = date(2026, 11, 25)
MADE_AT = datetime(2026, 11, 26, 2, 0, 5, tzinfo=UTC)

# id: title, definition, numerator, denominator and its words, not evaluable, change since 24 Nov
MEASURES: dict[str, tuple[str, str, int, int, str, int, int]] = {
    "long-term-use": (
        "Long-term use",
        "Clonazepam covers at least 120 of the past 365 days.",
        *(120, 480, "patients", 3, 2),
    ),
    "high-dose": (
        "2 mg a day or more",
        "The present daily dose of clonazepam is 2 mg or more.",
        *(34, 190, "patients on clonazepam", 5, -1),
    ),
    "older-adult": (
        "65 years or older",
        "On clonazepam and 65 years or older on the day of the report.",
        *(71, 190, "patients on clonazepam", 1, 0),
    ),
    "opioid-overlap": (
        "Opioid at the same time",
        "At least 30 days of both, with at least two fills of each (COB-like).",
        *(22, 190, "patients on clonazepam", 0, 1),
    ),
    "poly-cns": (
        "Three or more CNS-active drugs",
        "At 65 or older, three or more CNS-active drugs on at least 30 days (POLY-CNS-like).",
        *(14, 71, "patients on clonazepam, 65 or older", 0, 0),
    ),
    "triple": (
        "Benzodiazepine, opioid and muscle relaxant",
        "All three on the same day within the past 90 days.",
        *(4, 190, "patients on clonazepam", 0, 0),
    ),
    "escalated": (
        "Dose raised",
        "The highest dose of the past 90 days is above that of the day before them.",
        *(17, 190, "patients on clonazepam", 8, 3),
    ),
    "reduced-25": (
        "Reduced by a quarter or more",
        "The present dose is at least 25 % below that of 180 days ago.",
        *(26, 190, "patients on clonazepam", 8, 0),
    ),
    "on-taper": (
        "On a taper",
        "A care plan for a taper is active.",
        *(31, 190, "patients on clonazepam", 0, 2),
    ),
    "taper-on-plan": (
        "Taper on plan",
        "The dose is at or below the planned one.",
        *(18, 31, "patients on a taper", 2, 1),
    ),
    "taper-stalled": (
        "Taper stalled",
        "No cut for twice the planned time.",
        *(8, 31, "patients on a taper", 2, 0),
    ),
    "taper-reversed": (
        "Taper reversed",
        "The dose is above the lowest one of the past 60 days.",
        *(3, 31, "patients on a taper", 2, 1),
    ),
    "discontinued": (
        "Stopped",
        "31 days without supply after use.",
        *(19, 209, "patients who used clonazepam within a year", 0, 0),
    ),
    "discontinued-abrupt": (
        "Stopped abruptly",
        "The last dose was above half of the highest one of the 90 days before.",
        *(7, 19, "patients who stopped", 0, 0),
    ),
    "no-check-in": (
        "No check-in recorded",
        "On a taper, and no check-in was recorded in the past 28 days.",
        *(12, 31, "patients on a taper", 0, -2),
    ),
    "naloxone-held": (
        "Naloxone held",
        "On clonazepam and an opioid, with naloxone in the past 365 days.",
        *(9, 22, "patients on clonazepam and an opioid", 0, 0),
    ),
    "supply-ending": (
        "Supply ends within 7 days",
        "The last dispense or order on record runs out within 7 days.",
        *(23, 190, "patients on clonazepam", 11, 0),
    ),
}

_BARS = [
    ("under-0.5", "under 0.5", 41),
    ("0.5-1", "0.5 to under 1", 62),
    ("1-2", "1 to under 2", 48),
    ("2-4", "2 to under 4", 27),
    ("4-and-more", "4 and more", 7),
]


def report() -> dict[str, Any]:
    """The whole numbers, as a worklist reader sees them."""
    measures = [
        {
            "id": key,
            "title": title,
            "definition": definition,
            "numerator": numerator,
            "denominator": denominator,
            "denominator_words": words,
            "not_evaluable": unknown,
            "percent": f"{numerator * 100 / denominator:.1f}",
            "sources": ["PQA"] if "-like" in definition else ["SEED"],
            "change": change,
        }
        for key, (
            title,
            definition,
            numerator,
            denominator,
            words,
            unknown,
            change,
        ) in MEASURES.items()
    ]
    return {
        "schema": "taperguard-report/1",
        "night": "2026-11-25",
        "on": "2026-11-25",
        "rules_version": "2026.11",
        "made_at": "2026-11-26T02:00:05Z",
        "ehr": EHR,
        "source": {
            "kind": "bulk",
            "group": "clinic",
            "transaction_time": "2026-11-26T01:40:12Z",
        },
        "population": {
            "patients": 480,
            "with_benzodiazepine": 231,
            "with_clonazepam": 209,
            "on_clonazepam": 190,
        },
        "measures": measures,
        "options": [
            {
                "id": "long-term-use at 90 days",
                "measure": "long-term-use",
                "label": "Long-term use: at least 90 days",
                "numerator": 131,
                "denominator": 480,
                "not_evaluable": 3,
                "percent": "27.3",
            }
        ],
        "distributions": [
            {
                "id": "daily-dose",
                "title": "Daily dose of clonazepam",
                "unit": "mg/day",
                "threshold": "2",
                "bars": [{"id": key, "label": label, "count": n} for key, label, n in _BARS],
                "not_computable": 5,
            }
        ],
        "overlaps": [
            {"id": "high-dose", "label": "2 mg a day or more", "count": 34},
            {"id": "older-adult+poly-cns", "label": "65 or older, three drugs", "count": 14},
            {"id": "high-dose+older-adult", "label": "2 mg or more, 65 or older", "count": 13},
            {"id": "older-adult+opioid-overlap", "label": "65 or older, opioid", "count": 12},
            {"id": "high-dose+opioid-overlap", "label": "2 mg a day or more, opioid", "count": 6},
            {
                "id": "high-dose+older-adult+opioid-overlap",
                "label": "2 mg a day or more, 65 or older, opioid",
                "count": 2,
            },
        ],
        "courses": {
            "off_by_month": [
                {"month": month, "off": off, "followed": followed}
                for month, off, followed in (
                    (1, 1, 48), (2, 6, 47), (3, 13, 44), (4, 19, 40), (5, 22, 36), (6, 23, 33),
                    (7, 22, 29), (8, 20, 25), (9, 17, 21),
                )
            ],
            "nardi": [{"months": 4, "off": 51, "of": 73}, {"months": 7, "off": 70, "of": 73}],
        },
        "completeness": {
            "files": [
                _file("Patient", 480, 0),
                _file("MedicationRequest", 1912, 2),
                _file("MedicationDispense", 1644, 1),
                _file("Condition", 970, 0),
            ],
            "quarantine": [
                _quarantined("MedicationRequest", 17, "it is not JSON"),
                _quarantined("MedicationRequest", 903, "it has no subject"),
                _quarantined("MedicationDispense", 1201, "it is longer than 1 MB"),
            ],
            "reasons": [
                {"why": "as needed, no maximum given", "records": 12, "patients": 7},
                {"why": "the strength of the product is not known", "records": 3, "patients": 2},
            ],
            "problems": ["The EHR left out MedicationStatement: it does not export that type."],
        },
        "history": [
            _past("2026-11-23", {"long-term-use": 3, "high-dose": -1, "opioid-overlap": 1}),
            _past("2026-11-24", {"long-term-use": 2, "high-dose": -1, "opioid-overlap": 1}),
        ],
    }  # fmt: skip


def first_night() -> dict[str, Any]:
    """The same without a night before it."""
    made = report()
    made["history"] = []
    for measure in made["measures"]:
        measure["change"] = None
    return made


def small() -> dict[str, Any]:
    """The form to pass on: numbers under 11 withheld, and those that would give them away."""
    made = report()
    made["history"] = []
    for measure in made["measures"]:
        measure["change"] = None
        if measure["numerator"] < 11:
            measure.update(numerator="<11", percent=None)
        if 0 < measure["not_evaluable"] < 11:
            measure["not_evaluable"] = "<11"
        if measure["id"] == "taper-on-plan":
            measure.update(numerator="suppressed", percent=None)
    (dose,) = made["distributions"]
    counts = {"4-and-more": "<11", "2-4": "suppressed"}
    for bar in dose["bars"]:
        bar["count"] = counts.get(bar["id"], bar["count"])
    dose["not_computable"] = "<11"
    for overlap in made["overlaps"]:
        if overlap["count"] < 11:
            overlap["count"] = "<11"
    courses = made["courses"]
    courses["off_by_month"] = [m for m in courses["off_by_month"] if m["month"] in (4, 7)]
    completeness = made["completeness"]
    completeness["quarantine"] = []
    completeness["problems"] = ["1 problem; the full report names it"]
    for reason in completeness["reasons"]:
        reason.update(patients="<11", records="suppressed" if reason["records"] > 10 else "<11")
    return made


def worklist() -> list[dict[str, Any]]:
    """Sixty of the patients; the first three carry what the tests name."""
    rows = [
        _row(
            "alder",
            "Ruth Synthetic-Alder",
            "1954-03-01",
            mg="2",
            measures=[
                "long-term-use",
                "high-dose",
                "older-adult",
                "opioid-overlap",
                "supply-ending",
            ],
        ),
        _row(
            "birch",
            "Otto Synthetic-Birch",
            "1981-07-19",
            mg=None,
            why_not="as needed, no maximum given",
            measures=["long-term-use"],
            unknown={
                "high-dose": "the daily dose cannot be computed: as needed, no maximum given",
                "supply-ending": "whether supply covers today is not known",
            },
        ),
        _row(
            "cedar",
            "Ada Synthetic-Cedar",
            "1948-12-30",
            mg="0.5",
            measures=["older-adult", "on-taper", "taper-on-plan"],
        ),
    ]
    for number in range(57):
        quarters = number % 14 + 1
        rows.append(
            _row(
                f"p{number:03d}",
                f"Person Synthetic-{number:03d}",
                f"{1940 + number}-01-15",
                mg=f"{quarters / 4:g}",
                measures=["long-term-use", *(["high-dose"] if quarters >= 8 else [])],
            )
        )
    return rows


def _row(
    patient: str,
    name: str,
    born: str,
    *,
    mg: str | None,
    measures: list[str],
    why_not: str | None = None,
    unknown: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "patient": f"Patient/{patient}",
        "name": name,
        "birth_date": born,
        "mg_per_day": mg,
        "dose_why_not": why_not,
        "measures": measures,
        "not_evaluable": unknown or {},
        "why": {key: f"{MEASURES[key][0]}: so it stands in the chart" for key in measures},
        "sources": {key: [f"MedicationRequest/{patient}-1"] for key in measures},
    }


def _file(kind: str, lines: int, quarantined: int) -> dict[str, Any]:
    return {
        "type": kind,
        "file": f"{kind}.0.ndjson",
        "lines": lines,
        "read": lines - quarantined,
        "quarantined": quarantined,
    }


def _quarantined(kind: str, line: int, why: str) -> dict[str, Any]:
    return {"file": f"{kind}.0.ndjson", "line": line, "sha256": f"{line:064x}", "why": why}


def _past(night: str, less: dict[str, int]) -> dict[str, Any]:
    """A night before: the numbers of tonight, less these."""
    values = {
        key: [numerator - less.get(key, change), denominator]
        for key, (_, _, numerator, denominator, _, _, change) in MEASURES.items()
    }
    return {"night": night, "values": values}
