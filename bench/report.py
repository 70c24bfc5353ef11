"""The report's two loads beside the plainest decoding of the same lines, in one run."""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from clinical.policy import default_policy
from ehr.decode import encode
from workers.report.columns import Preparing, prepare
from workers.report.count import Counting, count_bucket
from workers.report.files import RunFolder

_ON = date(2026, 11, 23)
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def rows(patients: int) -> list[tuple[str, float, str, float]]:
    """What, seconds, beside what, seconds: for so many patients with ten orders each.

    One in ten has clonazepam. Preparing is per line, counting per patient who is counted.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        lines = _write(folder / "in", patients)
        run = RunFolder(folder / "run")
        began = time.perf_counter()
        buckets = prepare(Preparing(folder / "in", run, lambda key: f"{hash(key) % 2**32:08x}"))
        prepared = (time.perf_counter() - began) / lines
        decoded = _decode(folder / "in") / lines
        began = time.perf_counter()
        for number in range(buckets["buckets"]):
            count_bucket(Counting(run, _ON, default_policy()), number)
        counted = (time.perf_counter() - began) / max(buckets["population"]["with_clonazepam"], 1)
        return [
            (f"report: a line, of {lines}", prepared, "decoding it", decoded),
            ("report: a patient, 11 records", counted, "decoding them", decoded * 11),
        ]
    finally:
        shutil.rmtree(folder)


def _write(folder: Path, patients: int) -> int:
    folder.mkdir()
    with (folder / "a.ndjson").open("wb") as out:
        for number in range(patients):
            out.write(
                encode({"resourceType": "Patient", "id": f"p{number}", "birthDate": "1950-01-01"})
            )
            out.write(b"\n")
            for order in range(10):
                uses = number % 10 == 0 and order < 3
                out.write(encode(_order(f"p{number}", order, uses)) + b"\n")
    return patients * 11


def _order(patient: str, number: int, uses: bool) -> dict[str, Any]:
    code, name = (
        ("197528", "clonazepam 1 MG Oral Tablet")
        if uses
        else (str(900_000 + number), f"examplitol {number} MG Oral Tablet")
    )
    return {
        "resourceType": "MedicationRequest",
        "id": f"{patient}-{number}",
        "meta": {"lastUpdated": "2026-10-01T08:00:00Z", "versionId": "3"},
        "text": {"status": "generated", "div": "<div>" + "x" * 500 + "</div>"},
        "status": "active",
        "intent": "order",
        "authoredOn": f"2026-{number + 1:02}-01",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {
            "coding": [{"system": _RXNORM, "code": code, "display": name}],
            "text": name,
        },
        "dosageInstruction": [
            {
                "text": "1 tablet twice a day",
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"expectedSupplyDuration": {"value": 30, "unit": "d"}},
    }


def _decode(folder: Path) -> float:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
    began = time.perf_counter()
    with (folder / "a.ndjson").open("rb") as lines:
        for line in lines:
            decoder.decode(line)
    return time.perf_counter() - began
