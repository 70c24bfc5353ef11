"""The buckets' results -> the report of the night and who is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from clinical.measures import Tally, report_of
from workers.report.files import RunFolder, read_json
from workers.report.worklist import Row

SCHEMA = "taperguard-report/1"


@dataclass(frozen=True, slots=True)
class Finishing:
    """What `finish` needs.

    `source` says where the records came from ({"kind": "bulk", "group": ...}). `problems` are
    sentences of the export. `earlier` are the reports of earlier nights, newest first.
    """

    run: RunFolder
    ehr_id: str
    night: date
    on: date
    rules_version: str
    made_at: datetime
    source: Mapping[str, Any]
    problems: Sequence[str] = ()
    earlier: Sequence[Mapping[str, Any]] = field(default=())


@dataclass(frozen=True, slots=True)
class Finished:
    """The report, its worklist in the order of patients, and what the next night looks back at."""

    report: dict[str, Any]
    worklist: list[Row]
    compared: dict[str, Any]


def finish(finishing: Finishing) -> Finished:
    """Add up all buckets. The same results give the same report; only `made_at` is given."""
    run = finishing.run
    ledger = read_json(run.prepared)
    tally = Tally.empty()
    patients: list[dict[str, Any]] = []
    for result in _results(run, int(ledger["buckets"])):
        tally = tally + Tally.from_json(result["tally"])
        patients += result["patients"]
    patients.sort(key=lambda patient: str(patient["id"]))
    counted = report_of(tally, on=finishing.on, rules_version=finishing.rules_version)
    report = {
        "schema": SCHEMA,
        "night": finishing.night.isoformat(),
        "on": finishing.on.isoformat(),
        "rules_version": finishing.rules_version,
        "made_at": finishing.made_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "ehr": finishing.ehr_id,
        "source": dict(finishing.source),
        **counted,
        "population": ledger["population"],
        "completeness": _completeness(ledger, counted, finishing.problems),
        "history": [_values(report) for report in finishing.earlier],
    }
    _say_changes(report)
    return Finished(
        report=report,
        worklist=[patient["row"] for patient in patients],
        compared={patient["id"]: patient["measures"] for patient in patients},
    )


def _results(run: RunFolder, buckets: int) -> Iterator[dict[str, Any]]:
    for number in range(buckets):
        result: dict[str, Any] = read_json(run.count(number))
        yield result


def _completeness(
    ledger: Mapping[str, Any], counted: Mapping[str, Any], problems: Sequence[str]
) -> dict[str, Any]:
    """What was read, what was not, and what could not be computed and why."""
    reasons = [*counted.get("completeness", {}).get("reasons", ()), *ledger["reasons"]]
    reasons.sort(key=lambda reason: (-reason["patients"], -reason["records"], reason["why"]))
    return {
        "files": ledger["files"],
        "quarantine": ledger["quarantine"],
        "repeats": ledger["repeats"],
        "reasons": reasons,
        "problems": [*problems, *ledger["problems"]],
    }


def _values(report: Mapping[str, Any]) -> dict[str, Any]:
    """One earlier night as the trend shows it."""
    return {
        "night": report["night"],
        "values": {
            measure["id"]: [measure["numerator"], measure["denominator"]]
            for measure in report["measures"]
        },
    }


def _say_changes(report: dict[str, Any]) -> None:
    """How each numerator changed since the last night that has a report."""
    last = report["history"][0]["values"] if report["history"] else {}
    for measure in report["measures"]:
        before = last.get(measure["id"])
        measure["change"] = None if before is None else measure["numerator"] - before[0]
