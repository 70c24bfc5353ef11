"""What the gate gives to the pages of the population report, and their routes."""

from __future__ import annotations

import csv
import io

from starlette.routing import BaseRoute

from cds_hooks.overrides import override_reasons
from clinical.findings import CheckId
from clinical.measures import shareable
from ehr.decode import pretty
from smart_app.collaborators import Collaborators
from smart_app.reports import views
from smart_app.reports.shelf import Report, Shelf, StoreShelf
from smart_app.reports.views import RenderedFile
from workers.report.fhir import measure_report


def report_routes(given: Collaborators, *, shelf: Shelf | None = None) -> list[BaseRoute]:
    """The routes of the report. `shelf` is the store's; tests may give their own."""
    return views.routes(
        views.ReportCollaborators(
            door=given,
            shelf=shelf or StoreShelf(given.engine, given.sealer),
            shareable=lambda report: shareable(dict(report)),
            files=FILES,
            reasons={
                f"{coding['system']}|{coding['code']}": coding["display"]
                for coding in override_reasons(CheckId)
            },
        )
    )


def _json(report: Report) -> bytes:
    return f"{pretty(report)}\n".encode()


def _csv(report: Report) -> bytes:
    # The module that writes the nightly folder brings DuckDB along; the service does without
    # until somebody wants a table.
    from workers.report.outputs import long_format  # noqa: PLC0415

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(long_format(report))
    return text.getvalue().encode()


def _measure_report(report: Report) -> bytes:
    return f"{pretty(measure_report(report))}\n".encode()


FILES = {
    "report.json": RenderedFile("application/json", _json, "everything on this page, as data"),
    "report.csv": RenderedFile("text/csv; charset=utf-8", _csv, "its numbers, as a table"),
    "measure-report.json": RenderedFile(
        "application/fhir+json", _measure_report, "FHIR MeasureReport", needs_all=True
    ),
}
