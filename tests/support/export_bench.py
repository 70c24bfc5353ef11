"""What the steps of an export work with: a store, a small EHR, a clock of the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import bulk_ehr
import httpx2
from bulk_ehr import BulkEhr
from sqlalchemy.engine import Engine

from ehr import seal
from ehr.backend import BackendTokens, OwnMemory
from ehr.registry import Registry, TrustedEhr
from store import export_files, exports
from store.database import reading, writing
from store.export_files import ExportFile
from store.exports import Export, ExportState
from taperguard import wiring
from workers.export import steps

TYPES = ("Patient", "MedicationRequest")
EXPORT = "export-1"


@dataclass
class Bench:
    """The tools of one worker. `time` is its clock."""

    engine: Engine
    sealer: seal.Sealer
    registry: Registry
    exports_folder: Path
    keys: object = field(repr=False)
    time: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    lease: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        self.tokens = BackendTokens(
            keys=self.keys, cache=OwnMemory(self.now), now=self.now, http=self.http
        )

    def now(self) -> datetime:
        return self.time

    def http(self) -> httpx2.Client:
        return wiring.worker_http({"localhost", "127.0.0.1"})

    def later(self, **passed: int) -> None:
        self.time += timedelta(**passed)

    # ------------------------------------------------------------------ in few words

    def begin(self, group: str | None = bulk_ehr.GROUP, ehr_id: str = "north") -> None:
        with writing(self.engine) as connection:
            exports.begin(
                connection,
                export_id=EXPORT,
                ehr_id=ehr_id,
                group_id=group,
                types=TYPES,
                now=self.now(),
            )

    def advance(self) -> ExportState:
        return steps.advance(EXPORT, self, self.now())

    def export(self) -> Export:
        with reading(self.engine) as connection:
            found = exports.get(connection, EXPORT)
        assert found is not None
        return found

    def files(self) -> tuple[ExportFile, ...]:
        with reading(self.engine) as connection:
            return export_files.of_export(connection, EXPORT)

    def until_downloading(self) -> None:
        """Asked for, kicked off, and looked at until the manifest is there."""
        self.begin()
        for _ in range(5):
            if self.advance() is ExportState.DOWNLOADING:
                return
            self.later(seconds=10)
        raise AssertionError(f"not downloading: {self.export()}")

    def run(self) -> Export:
        """All steps to the end; a pause costs the clock only."""
        return steps.run_here(
            EXPORT, self, pause=lambda seconds: self.later(seconds=int(seconds) + 1)
        )

    def folder(self) -> dict[str, bytes]:
        """What lies in the export's folder."""
        folder = self.exports_folder / EXPORT
        if not folder.exists():
            return {}
        return {file.name: file.read_bytes() for file in folder.iterdir()}


def whole(ehr: BulkEhr) -> dict[str, bytes]:
    """What the folder holds in the end, by a count of its own."""
    numbers: dict[str, int] = {}
    held = {}
    for kind, content in ehr.files:
        number = numbers.setdefault(kind, 0)
        numbers[kind] += 1
        held[f"{kind}.{number}.ndjson"] = content
    return held


def registry_of(ehr: BulkEhr) -> Registry:
    return Registry(
        (
            TrustedEhr(
                *("north", "North", ehr.base, ehr.base, ZoneInfo("UTC")),
                backend_client_id=bulk_ehr.CLIENT,
                bulk_group_id=bulk_ehr.GROUP,
            ),
        )
    )
