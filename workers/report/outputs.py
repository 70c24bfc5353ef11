"""The folder of a finished report: what may be passed on, and apart what may not."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical.measures import shareable
from ehr.decode import encode, pretty
from workers.report import duck
from workers.report.fhir import group_of_long_term_users, measure_report
from workers.report.files import sync_folder
from workers.report.worklist import Row, as_table

REPORT = "report.json"
RESTRICTED = "restricted"


class OutputTaken(ValueError):
    """The folder to write to holds something else."""


def refuse_taken(out: Path) -> None:
    """Raise OutputTaken when the folder is there and is no earlier report of ours, nor empty."""
    if out.exists() and not out.is_dir():
        raise OutputTaken("the place to write to is no folder")
    if out.is_dir() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise OutputTaken("the folder to write to holds other files; name a new or empty one")


def write_outputs(out: Path, report: Mapping[str, Any], worklist: Sequence[Row]) -> None:
    """Write all files into a draft folder and put it in place of an earlier one.

    Raises OutputTaken.
    """
    refuse_taken(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{os.getpid()}.draft")
    earlier = out.with_name(f".{out.name}.{os.getpid()}.earlier")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _write(draft, report, worklist)
        if out.exists():
            out.replace(earlier)
        draft.replace(out)
        sync_folder(out.parent)
    finally:
        for leftover in (draft, earlier):
            shutil.rmtree(leftover, ignore_errors=True)


def _write(draft: Path, report: Mapping[str, Any], worklist: Sequence[Row]) -> None:
    restricted = draft / RESTRICTED
    for folder in (draft, restricted):
        folder.mkdir(mode=0o700)
    passed_on = shareable(dict(report))
    texts = {
        draft / REPORT: pretty(report) + "\n",
        draft / "report-shareable.json": pretty(passed_on) + "\n",
        draft / "measure-report.json": pretty(measure_report(report)) + "\n",
        restricted / "group.json": pretty(group_of_long_term_users(report, worklist)) + "\n",
    }
    for file, text in texts.items():
        _create(file)
        file.write_text(text, encoding="utf-8")
    _write_csv(draft / "report.csv", long_format(passed_on))
    _write_csv(restricted / "worklist.csv", as_table(worklist))
    _write_parquet(restricted / "patients.parquet", worklist)
    for file in (*draft.iterdir(), *restricted.iterdir()):
        if file.is_file():
            file.chmod(0o600)
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def _create(file: Path) -> None:
    file.touch(mode=0o600)


def _write_csv(file: Path, rows: Iterable[Sequence[object]]) -> None:
    _create(file)
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


def long_format(report: Mapping[str, Any]) -> list[list[object]]:
    """Measure, group, value: one number a row, as the shareable report has them."""
    rows: list[list[object]] = [["measure", "group", "value"]]
    rows += [["population", group, value] for group, value in report["population"].items()]
    for measure in report["measures"]:
        for group in ("numerator", "denominator", "not_evaluable", "percent"):
            value = measure[group]
            rows.append([measure["id"], group, "" if value is None else value])
    for distribution in report["distributions"]:
        name = distribution["id"]
        rows += [[name, bar["id"], bar["count"]] for bar in distribution["bars"]]
        rows.append([name, "not computable", distribution["not_computable"]])
    rows += [["overlap", overlap["id"], overlap["count"]] for overlap in report["overlaps"]]
    for reason in report["completeness"]["reasons"]:
        rows.append(["not computable (patients)", reason["why"], reason["patients"]])
    return rows


_COLUMNS = {
    "patient": "VARCHAR",
    "name": "VARCHAR",
    "birth_date": "VARCHAR",
    "mg_per_day": "DECIMAL(12, 6)",
    "dose_why_not": "VARCHAR",
    "measures": "VARCHAR[]",
    "not_evaluable": "MAP(VARCHAR, VARCHAR)",
    "why": "MAP(VARCHAR, VARCHAR)",
    "sources": "MAP(VARCHAR, VARCHAR[])",
}


def _write_parquet(file: Path, worklist: Sequence[Row]) -> None:
    """One row for each patient; doses as exact decimals of mg/day."""
    _create(file)
    lines = file.with_name(f".{file.name}.ndjson")
    try:
        _create(lines)
        lines.write_bytes(b"".join(encode(row) + b"\n" for row in worklist))
        columns = ", ".join(
            f"{duck.quoted(name)}: {duck.quoted(kind)}" for name, kind in _COLUMNS.items()
        )
        with duck.connect(file.parent) as connection:
            rows = f"read_json(?, format = 'newline_delimited', columns = {{{columns}}})"
            connection.execute(
                f"COPY (FROM {rows}) TO {duck.quoted(str(file))} (FORMAT parquet)",
                [duck.pattern(lines)],
            )
    finally:
        lines.unlink(missing_ok=True)
        for spill in file.parent.glob("spill-*"):
            shutil.rmtree(spill, ignore_errors=True)
