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
from ..records.json_text import Resource
from ..records.store import Charts
from . import presenter

_HERE = Path(__file__).parent
EHR_NAME = "Sandbox EHR"


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
        self._fhir_base = fhir_base
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
        return self._page("message.html", status=status, title=title, sentence=sentence)

    def _show_patients(self, request: Request) -> Response:
        del request
        today = self._today()
        patients = [stored.resource() for stored in self._charts().all_of("Patient")]
        told = [self._line(patient, today) for patient in patients]
        return self._page("patients.html", patients=told)

    def _show_chart(self, request: Request) -> Response:
        patient_id = request.path_params["id"]
        charts = self._charts()
        stored = charts.read("Patient", patient_id)
        if stored is None:
            return self.message(
                "No such chart", "There is no patient with this id in the sandbox.", status=404
            )
        records = {
            resource_type: [item.resource() for item in items]
            for resource_type, items in charts.chart_of(patient_id, base=self._fhir_base).items()
        }
        chart = presenter.chart_page(
            stored.resource(), records, self._medications(charts, records), self._today()
        )
        story = self._stories.get(patient_id)
        return self._page(
            "chart.html", chart=chart, story=story.story if story else "This patient has no story."
        )

    def _line(self, patient: Resource, today: date) -> presenter.PatientLine:
        story = self._stories.get(str(patient.get("id")))
        return presenter.patient_line(patient, story.line if story else "No story", today)

    def _medications(
        self, charts: Charts, records: Mapping[str, list[Resource]]
    ) -> dict[str, Resource]:
        """The Medication resources that records point to, by the reference as it is written."""
        found: dict[str, Resource] = {}
        for resource in (resource for items in records.values() for resource in items):
            pointed = resource.get("medicationReference")
            reference = pointed.get("reference") if isinstance(pointed, dict) else None
            if not isinstance(reference, str) or reference in found:
                continue
            resource_type, _, resource_id = reference.removeprefix(f"{self._fhir_base}/").partition(
                "/"
            )
            stored = charts.read(resource_type, resource_id)
            if stored is not None and stored.type == "Medication":
                found[reference] = stored.resource()
        return found

    def _page(self, template: str, *, status: int = 200, **said: Any) -> Response:
        html = self._templates.get_template(template).render(**said)
        return HTMLResponse(html, status_code=status)
