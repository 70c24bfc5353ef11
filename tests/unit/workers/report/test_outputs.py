"""What a finished report leaves in a folder: whole or not at all, patients apart."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fhir.resources.R4B.group import Group
from fhir.resources.R4B.measurereport import MeasureReport
from fhirclient.models import group as client_group
from fhirclient.models import measurereport as client_report

from workers.report import outputs
from workers.report.finish import Finished
from workers.report.outputs import OutputTaken, long_format, write_outputs
from workers.report.worklist import as_table


@pytest.fixture
def out(done: Finished, tmp_path: Path) -> Path:
    """The small clinic's report, written."""
    folder = tmp_path / "out of it"
    write_outputs(folder, done.report, done.worklist)
    return folder


def test_what_names_patients_stands_apart_and_all_is_for_its_owner_only(out: Path) -> None:
    files = {str(f.relative_to(out)): oct(f.stat().st_mode)[-3:] for f in out.rglob("*")}
    assert files == {
        "measure-report.json": "600",
        "report-shareable.json": "600",
        "report.csv": "600",
        "report.json": "600",
        "restricted": "700",
        "restricted/group.json": "600",
        "restricted/patients.parquet": "600",
        "restricted/worklist.csv": "600",
    }
    for file in out.iterdir():
        if file.is_file():
            assert "ada" not in file.read_text(encoding="utf-8").lower()


def test_the_report_is_written_as_it_is_and_the_same_again(
    out: Path, done: Finished, tmp_path: Path
) -> None:
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == done.report
    write_outputs(tmp_path / "again", done.report, done.worklist)
    for file in out.rglob("*"):
        if file.is_file():
            again = tmp_path / "again" / file.relative_to(out)
            assert again.read_bytes() == file.read_bytes()


def test_small_counts_are_in_no_file_that_may_be_passed_on(out: Path) -> None:
    """Of eleven people every count is below 11 but their number itself."""
    shared = json.loads((out / "report-shareable.json").read_text(encoding="utf-8"))
    counts = {measure["numerator"] for measure in shared["measures"]}
    assert counts <= {"<11", "suppressed"}
    with (out / "report.csv").open(encoding="utf-8", newline="") as handle:
        rows = {(row["measure"], row["group"]): row["value"] for row in csv.DictReader(handle)}
    assert rows["long-term-use", "numerator"] == "<11"
    assert rows["long-term-use", "percent"] == ""
    assert rows["daily-dose", "2-4"] == "<11"


def test_the_measure_report_is_read_by_two_parsers_that_are_not_ours(
    out: Path, done: Finished
) -> None:
    raw = (out / "measure-report.json").read_text(encoding="utf-8")
    report = MeasureReport.model_validate_json(raw)
    client_report.MeasureReport(json.loads(raw))
    assert (report.type, report.status) == ("summary", "complete")
    assert (str(report.period.start), str(report.period.end)) == ("2025-11-26", "2026-11-25")
    assert [group.code.coding[0].code for group in report.group] == [
        measure["id"] for measure in done.report["measures"]
    ]


def test_the_measure_report_counts_as_the_report_does(out: Path) -> None:
    """High dose: six on clonazepam, of whom Gus cannot be said; three of five."""
    report = json.loads(
        (out / "measure-report.json").read_text(encoding="utf-8"), parse_float=Decimal
    )
    (group,) = [g for g in report["group"] if g["code"]["coding"][0]["code"] == "high-dose"]
    counts = {p["code"]["coding"][0]["code"]: p["count"] for p in group["population"]}
    assert counts == {
        "initial-population": 6,
        "denominator": 5,
        "denominator-exclusion": 1,
        "numerator": 3,
    }
    assert group["measureScore"] == {
        "value": Decimal("60.0"),
        "unit": "%",
        "system": "http://unitsofmeasure.org",
        "code": "%",
    }


def test_the_group_holds_the_long_term_users(out: Path) -> None:
    raw = (out / "restricted" / "group.json").read_text(encoding="utf-8")
    group = Group.model_validate_json(raw)
    client_group.Group(json.loads(raw))
    assert [member.entity.reference for member in group.member] == [
        "Patient/ada",
        "Patient/cyd",
        "Patient/dan",
        "Patient/fay",
    ]
    assert group.quantity == 4


def test_the_patients_are_a_table_with_exact_doses(out: Path) -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT patient, mg_per_day, measures, sources['high-dose'] FROM read_parquet(?) "
            "WHERE mg_per_day = 2 ORDER BY patient",
            [str(out / "restricted" / "patients.parquet")],
        ).fetchall()
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("Patient/ada", Decimal(2), ["MedicationRequest/a1"]),
        ("Patient/cyd", Decimal(2), ["MedicationRequest/c2"]),
        ("Patient/dan", Decimal(2), ["MedicationRequest/d2"]),
    ]
    assert "high-dose" in rows[0][2]


def test_the_worklist_has_a_line_for_each_patient_and_measure(out: Path) -> None:
    with (out / "restricted" / "worklist.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    (row,) = [r for r in rows if r["patient"] == "Patient/eve" and r["measure"] == "discontinued"]
    assert (row["result"], row["sources"]) == ("met", "MedicationRequest/e1")
    assert row["why"] == "last covered on 2026-06-29, 149 days ago (prescribed days)"
    (gus,) = [r for r in rows if r["patient"] == "Patient/gus" and r["measure"] == "high-dose"]
    assert (gus["result"], gus["mg_per_day"]) == ("not evaluable", "")


def test_a_name_that_a_spreadsheet_would_run_is_text() -> None:
    row: dict[str, Any] = {
        "patient": "Patient/x",
        "name": "=HYPERLINK(1)",
        "birth_date": None,
        "mg_per_day": None,
        "dose_why_not": None,
        "measures": [],
        "not_evaluable": {},
        "why": {},
        "sources": {},
    }
    assert as_table([row])[1][1] == "'=HYPERLINK(1)"


def test_the_long_format_has_a_row_for_every_count(done: Finished) -> None:
    rows = {(row[0], row[1]): row[2] for row in long_format(done.report)}
    assert rows["population", "patients"] == 11
    assert rows["high-dose", "numerator"] == 3
    assert rows["overlap", "high-dose+older-adult"] == 2
    assert rows["not computable (patients)", "the order has no dosage"] == 1


def test_an_earlier_report_is_replaced_and_other_files_are_not_touched(
    out: Path, done: Finished, tmp_path: Path
) -> None:
    write_outputs(out, {**done.report, "night": "2026-11-26"}, done.worklist)
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["night"] == "2026-11-26"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(OutputTaken, match="holds other files"):
        write_outputs(other, done.report, done.worklist)
    assert [file.name for file in other.iterdir()] == ["thesis.txt"]


def test_a_failure_in_the_middle_leaves_what_was_there(
    out: Path, done: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(outputs, "_write_parquet", fail)
    with pytest.raises(OSError, match="no space"):
        write_outputs(out, {**done.report, "night": "2026-11-26"}, done.worklist)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == [out.name]
