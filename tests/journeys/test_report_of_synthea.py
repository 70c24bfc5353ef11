"""The public records of Synthea run through, and the ledger says what could not be computed."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import records

from taperguard.commands import report

pytestmark = pytest.mark.records

FOLDERS = {
    # Folder: lines of conditions, of orders and of patients (wc -l).
    "synthea/2020-100-patients": (639, 2386, 100),
    "synthea/2024-13-patients": (555, 1745, 13),
}


def made(
    folder: str, on: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], str]:
    """report.json, and the worklist as text."""
    monkeypatch.setenv("TAPERGUARD_DATA", str(tmp_path / "data"))
    out = tmp_path / "out"
    report.run(
        on=on,
        out=out,
        ndjson=records.ROOT / folder,
        bulk=None,
        group=None,
        stdout=io.StringIO(),
        stderr=io.StringIO(),
    )
    worklist = (out / "restricted" / "worklist.csv").read_text(encoding="utf-8")
    return json.loads((out / "report.json").read_text(encoding="utf-8")), worklist


@pytest.mark.parametrize("folder", [name for name in FOLDERS if records.files(name, "*.ndjson")])
def test_every_line_is_read(
    folder: str, clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody takes clonazepam: the text "clonazepam" stands in no file."""
    conditions, orders, patients = FOLDERS[folder]
    found, _ = made(folder, date(2024, 6, 1), tmp_path, monkeypatch)
    assert [(f["type"], f["lines"], f["read"]) for f in found["completeness"]["files"]] == [
        ("Condition", conditions, conditions),
        ("MedicationRequest", orders, orders),
        ("Patient", patients, patients),
    ]
    assert found["completeness"]["quarantine"] == []
    assert found["completeness"]["problems"] == []
    assert found["population"]["patients"] == patients
    assert found["population"]["with_clonazepam"] == 0
    assert {row["numerator"] for row in found["measures"]} == {0}


def test_the_one_benzodiazepine_is_found_and_its_dose_is_said_not_to_be_known(
    clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`grep -ci diazepam`: one order of one patient, "Diazepam 5 MG Oral Tablet", no dosage."""
    if not records.files("synthea/2024-13-patients", "*.ndjson"):
        pytest.skip("needs the public records of others")
    found, worklist = made("synthea/2024-13-patients", date(2024, 6, 1), tmp_path, monkeypatch)
    assert found["completeness"]["reasons"] == [
        {
            "why": "diazepam, no clonazepam: the order has no dosage",
            "records": 1,
            "patients": 1,
        }
    ]
    assert worklist.count("Patient/") == 1
