"""Eleven people whose report is counted by hand, as Bulk Data; the day is 25 November 2026.

The year that is looked at is 26 November 2025 to that day; 91 days before it is 26 August.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bulk_folder import (
    CLONAZEPAM_1_MG,
    CLONAZEPAM_HALF_MG,
    LISINOPRIL,
    condition,
    order,
    patient,
    write,
)

OXYCODONE = ("1049621", "oxycodone hydrochloride 5 MG Oral Tablet")
LORAZEPAM = ("197901", "lorazepam 1 MG Oral Tablet")


def of_days(
    key: str,
    of: str,
    authored: str,
    *,
    drug: tuple[str, str] = CLONAZEPAM_1_MG,
    times: int = 1,
    refills: int = 0,
    ends: str | None = None,
) -> dict[str, Any]:
    """One tablet so many times a day, in fills of 30 days; stated to end, it is completed."""
    repeat: dict[str, Any] = {"frequency": times, "period": 1, "periodUnit": "d"}
    if ends is not None:
        repeat["boundsPeriod"] = {"start": authored, "end": ends}
    return order(
        key,
        of,
        drug,
        authoredOn=authored,
        status="active" if ends is None else "completed",
        dosageInstruction=[
            {
                "timing": {"repeat": repeat},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        dispenseRequest={
            "numberOfRepeatsAllowed": refills,
            "expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"},
        },
    )


def fill(key: str, of: str, on: str) -> dict[str, Any]:
    """Thirty days of oxycodone, handed over on that day."""
    code, name = OXYCODONE
    return {
        "resourceType": "MedicationDispense",
        "id": key,
        "status": "completed",
        "subject": {"reference": f"Patient/{of}"},
        "whenHandedOver": on,
        "daysSupply": {"value": 30, "unit": "days", "code": "d"},
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}],
            "text": name,
        },
    }


def text_order(key: str, of: str, name: str) -> dict[str, Any]:
    """An order in words, active since 1 November."""
    return order(key, of, authoredOn="2026-11-01", medicationCodeableConcept={"text": name})


PATIENTS = [
    patient("ada", "1950-03-01"),
    patient("bob", "1980-01-01"),
    patient("cyd", "1990-01-01"),
    patient("dan", "1940-01-01"),
    patient("eve", "1985-01-01"),
    patient("fay", "1955-01-01"),
    patient("gus", "1970-01-01"),
    # Nothing says when Hal was born: no file holds Hal.
    patient("ivy", "1950-01-01"),
    patient("jon", "1960-01-01"),
    patient("kim", "1960-01-01", deceasedBoolean=True),
]

ORDERS = [
    # Ada: 2 mg a day on 6 fills, 1 June to 27 November, with two fills of oxycodone.
    of_days("a1", "ada", "2026-06-01", times=2, refills=5),
    # Bob: 0.5 mg a day, one fill, 1 to 30 November.
    of_days("b1", "bob", "2026-11-01", drug=CLONAZEPAM_HALF_MG),
    # Cyd: 1 mg a day until 27 August, then 2 mg.
    of_days("c1", "cyd", "2026-03-01", refills=5, ends="2026-08-27"),
    of_days("c2", "cyd", "2026-08-28", times=2, refills=5),
    # Dan: 4 mg a day until 30 September, then 2 mg.
    of_days("d1", "dan", "2026-01-01", times=4, refills=8, ends="2026-09-30"),
    of_days("d2", "dan", "2026-10-01", times=2, refills=5),
    # Eve: 1 mg a day, 60 days until 29 June, then nothing.
    of_days("e1", "eve", "2026-05-01", refills=1, ends="2026-06-29"),
    # Fay: 2 mg a day for 60 days, 0.5 mg for 60 days until 28 June, then nothing.
    of_days("f1", "fay", "2026-03-01", times=2, refills=1, ends="2026-04-29"),
    of_days("f2", "fay", "2026-04-30", drug=CLONAZEPAM_HALF_MG, refills=1, ends="2026-06-28"),
    # Gus: 30 days of clonazepam, and no dosage.
    {**of_days("g1", "gus", "2026-11-20"), "dosageInstruction": []},
    # Hal: 0.5 mg a day, one fill that ended on 9 November; the order still stands.
    of_days("h1", "hal", "2026-10-11", drug=CLONAZEPAM_HALF_MG),
    # Ivy: lorazepam, oxycodone, a muscle relaxant and rescue naloxone since 1 November.
    of_days("i1", "ivy", "2026-11-01", drug=LORAZEPAM),
    of_days("i2", "ivy", "2026-11-01", drug=OXYCODONE),
    text_order("i3", "ivy", "cyclobenzaprine 10 mg tablet"),
    text_order("i4", "ivy", "naloxone 4 mg nasal spray"),
    # Jon: no benzodiazepine. Kim has died.
    of_days("j1", "jon", "2026-11-01", drug=LISINOPRIL),
    of_days("k1", "kim", "2026-10-01", refills=5),
]

FILLS = [fill("x1", "ada", "2026-09-01"), fill("x2", "ada", "2026-10-01")]
CONDITIONS = [condition("f41", "ada", "F41.0")]


def write_clinic(folder: Path) -> Path:
    """Write all of them as four files."""
    write(folder, "Patient.000.ndjson", PATIENTS)
    write(folder, "MedicationRequest.000.ndjson.gz", ORDERS, compressed=True)
    write(folder, "MedicationDispense.000.ndjson", FILLS)
    write(folder, "Condition.000.ndjson", CONDITIONS)
    return folder
