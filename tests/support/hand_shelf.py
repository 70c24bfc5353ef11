"""A shelf of reports that a test fills by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import sample_report

from smart_app.reports.shelf import LastRun
from store.reports import Kept

READER, WORKLIST, STRANGER = "Practitioner/ash", "Practitioner/hazel", "Practitioner/reed"
"""Users of the sandbox: with the report, with the worklist too, and with neither."""

PAGE = "/reports/sandbox/2026-11-25"


class HandShelf:
    """`kept` by night; `run` is the last one."""

    def __init__(self) -> None:
        self.kept: dict[date, Kept] = {}
        self.rows: dict[date, list[dict[str, Any]]] = {}
        self.run: LastRun | None = None
        self.asked: list[str] = []

    def put(self, report: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        night = date.fromisoformat(report["night"])
        self.kept[night] = Kept(sample_report.EHR, night, sample_report.MADE_AT, report)
        self.rows[night] = rows

    def nights(self, ehr_id: str) -> Sequence[date]:
        self.asked.append(f"nights of {ehr_id}")
        return sorted(self.kept, reverse=True)

    def report(self, ehr_id: str, night: date) -> Kept | None:
        self.asked.append(f"report of {ehr_id}")
        return self.kept.get(night)

    def worklist(self, ehr_id: str, night: date) -> Sequence[dict[str, Any]] | None:
        self.asked.append(f"worklist of {ehr_id}")
        return self.rows.get(night)

    def last_run(self, ehr_id: str) -> LastRun | None:
        self.asked.append(f"run of {ehr_id}")
        return self.run
