"""Folders of Bulk Data as tests need them: resources in, NDJSON out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CLONAZEPAM_1_MG = ("197528", "clonazepam 1 MG Oral Tablet")
CLONAZEPAM_HALF_MG = ("197527", "clonazepam 0.5 MG Oral Tablet")
LISINOPRIL = ("314076", "lisinopril 10 MG Oral Tablet")


def write(folder: Path, name: str, resources: Iterable[Any], *, compressed: bool = False) -> Path:
    """A file with one resource a line; what is given as bytes is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in resources]
    raw = b"".join(line + b"\n" for line in lines)
    file = folder / name
    file.write_bytes(gzip.compress(raw) if compressed else raw)
    return file


def patient(key: str, born: str = "1960-05-01", **more: Any) -> dict[str, Any]:
    """A Patient named after the id."""
    return {
        "resourceType": "Patient",
        "id": key,
        "name": [{"given": ["Ann"], "family": f"Synthetic-{key.title()}"}],
        "birthDate": born,
        **more,
    }


def order(
    key: str,
    of: str,
    drug: tuple[str, str] = CLONAZEPAM_1_MG,
    **more: Any,
) -> dict[str, Any]:
    """A MedicationRequest of one tablet once a day."""
    code, name = drug
    return {
        "resourceType": "MedicationRequest",
        "id": key,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{of}"},
        "authoredOn": "2026-10-01",
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": code, "display": name}]
        },
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        **more,
    }


def condition(key: str, of: str, icd10: str) -> dict[str, Any]:
    """An active Condition coded in ICD-10-CM."""
    return {
        "resourceType": "Condition",
        "id": key,
        "subject": {"reference": f"Patient/{of}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd10}]},
    }
