"""Where the pages find what the nightly run has kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

Report = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeptReport:
    """The report of one night, with every number."""

    night: date
    made_at: datetime
    report: Report = field(repr=False)


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that came to nothing: when it was last looked at, and why in a sentence."""

    at: datetime
    why: str


class Shelf(Protocol):
    """The kept reports of every EHR. Blocking: called from a thread."""

    def nights(self, ehr_id: str) -> Sequence[date]:
        """The nights with a report, the newest first."""
        ...

    def report(self, ehr_id: str, night: date) -> KeptReport | None:
        """The report of a night; None when there is none."""
        ...

    def worklist(self, ehr_id: str, night: date) -> Sequence[Row] | None:
        """The patients behind a night's numbers; None when there is none."""
        ...

    def failed(self, ehr_id: str) -> FailedRun | None:
        """The last run, if it failed after the newest report was made."""
        ...
