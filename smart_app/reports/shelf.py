"""Where the pages find what the nightly run has kept, and how far tonight's run is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy.engine import Engine

from store import report_runs, reports
from store.database import reading
from store.report_runs import RunState
from store.reports import Kept
from store.sealing import Sealer

Report = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that was asked for last: when it was last looked at, and why it failed if it did."""

    night: date
    state: RunState
    at: datetime
    why: str | None


class Shelf(Protocol):
    """The kept reports of every EHR. Blocking: called from a thread."""

    def nights(self, ehr_id: str) -> Sequence[date]:
        """The nights with a report, the newest first."""
        ...

    def report(self, ehr_id: str, night: date) -> Kept | None:
        """The report of a night, with every number; None when there is none."""
        ...

    def worklist(self, ehr_id: str, night: date) -> Sequence[Row] | None:
        """The patients behind a night's numbers; None when there is none."""
        ...

    def last_run(self, ehr_id: str) -> LastRun | None:
        """The newest night that was asked for, made or not; None when none ever was."""
        ...


@dataclass(frozen=True, slots=True)
class StoreShelf:
    """The shelf of this house."""

    engine: Engine
    sealer: Sealer

    def nights(self, ehr_id: str) -> Sequence[date]:
        """See Shelf."""
        with reading(self.engine) as connection:
            return reports.nights(connection, ehr_id)

    def report(self, ehr_id: str, night: date) -> Kept | None:
        """See Shelf."""
        with reading(self.engine) as connection:
            return reports.get(connection, ehr_id, night)

    def worklist(self, ehr_id: str, night: date) -> Sequence[Row] | None:
        """See Shelf."""
        with reading(self.engine) as connection:
            return reports.worklist(connection, ehr_id, night, sealer=self.sealer)

    def last_run(self, ehr_id: str) -> LastRun | None:
        """See Shelf."""
        with reading(self.engine) as connection:
            run = report_runs.latest(connection, ehr_id)
        return None if run is None else LastRun(run.night, run.state, run.updated_at, run.why)
