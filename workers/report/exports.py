"""Bulk Data exports as the report needs them: begun here, carried on by `workers.export`."""

from __future__ import annotations

from datetime import datetime

from ehr.ask import export_types
from ehr.registry import TrustedEhr
from store import exports
from store.database import reading, writing
from store.exports import ExportState
from workers.export import steps
from workers.export.tools import ExportTools
from workers.report.night import Exported


class BulkExports:
    """The exports of an EHR's groups, by the id that whoever asks for one gives it."""

    def __init__(self, tools: ExportTools) -> None:
        self._tools = tools

    def begin(self, export_id: str, ehr: TrustedEhr, group_id: str | None, now: datetime) -> None:
        """Ask for an export of a group (None: of all). One of this id that is there stays."""
        with writing(self._tools.engine) as connection:
            exports.begin(
                connection,
                export_id=export_id,
                ehr_id=ehr.id,
                group_id=group_id,
                types=export_types(),
                now=now,
            )

    def look(self, export_id: str) -> Exported | None:
        """How it stands; None when nobody knows of it."""
        with reading(self._tools.engine) as connection:
            export = exports.get(connection, export_id)
        if export is None:
            return None
        at = export.transaction_time
        return Exported(
            complete=export.state is ExportState.COMPLETE,
            failed=export.state in (ExportState.FAILED, ExportState.RELEASED),
            why=export.why,
            files=steps.folder_of(export_id, self._tools),
            transaction_time=None
            if at is None
            else at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            problems=export.problems,
        )

    def release(self, export_id: str) -> None:
        """All of it is kept: give up the job at the EHR and the files. A second time is fine."""
        with reading(self._tools.engine) as connection:
            export = exports.get(connection, export_id)
        if export is not None and export.state is not ExportState.RELEASED:
            steps.release(export_id, self._tools, self._tools.now())
