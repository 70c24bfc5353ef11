"""The pages: a list of patients, and a chart for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ..patients import Story
from ..population import is_generated
from ..records.store import Charts
from . import presenter
from .chart_reader import ChartReader
from .patient_list import groups_of

_HERE = Path(__file__).parent
EHR_NAME = "Sandbox EHR"
_LONGEST_FILTER = 100


class Pages:
    """What a person sees of the sandbox."""

    def __init__(
        self,
        charts: Callable[[], Charts],
        stories: Mapping[str, Story],
        *,
        today: Callable[[], date],
        fhir_base: str,
        service_url: str,
    ) -> None:
        self._charts = charts
        self._stories = stories
        self._today = today
        self._reader = ChartReader(charts, fhir_base)
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "ehr_name": EHR_NAME,
            "fhir_base": fhir_base,
            "service_url": service_url,
        }

    def routes(self) -> list[BaseRoute]:
        """The routes of the pages and their style sheets."""
        return [
            Route("/", self._show_patients, methods=["GET"]),
            Route("/patients/{id}", self._show_chart, methods=["GET"]),
            Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
        ]

    def message(self, title: str, sentence: str, *, status: int) -> Response:
        """A page that says what happened and where to go on."""
        return self.page("message.html", status=status, title=title, sentence=sentence)

    def _show_patients(self, request: Request) -> Response:
        patients = [stored.resource() for stored in self._charts().all_of("Patient")]
        asked = " ".join(request.query_params.get("q", "")[:_LONGEST_FILTER].split())
        groups = groups_of(patients, self._stories, today=self._today(), asked=asked)
        return self.page(
            "patients.html",
            groups=groups,
            asked=asked,
            count=len(patients),
            generated=sum(is_generated(str(patient.get("id"))) for patient in patients),
            shown=sum(len(group.patients) for group in groups),
        )

    def _show_chart(self, request: Request) -> Response:
        patient_id = request.path_params["id"]
        found = self._reader.read(patient_id)
        if found is None:
            return self.message(
                "No such chart", "There is no patient with this id in the sandbox.", status=404
            )
        chart = presenter.chart_page(found.patient, found.records, found.medications, self._today())
        story = self._stories.get(patient_id)
        return self.page(
            "chart.html",
            chart=chart,
            story=story.story if story else "This patient has no story.",
            to_try=story.to_try if story else "",
        )

    def page(self, template: str, *, status: int = 200, **said: Any) -> Response:
        """A page made from a template."""
        html = self._templates.get_template(template).render(**said)
        return HTMLResponse(html, status_code=status)
