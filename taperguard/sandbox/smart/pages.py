"""What a person sees of a launch: the patient picker, the app in a frame, why something failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from ..pages.chart_reader import ChartReader
from ..pages.presenter import age_words, chart_page, name_of, sex_of
from ..pages.views import EHR_NAME
from ..records.store import Charts
from .authorize import PickPatient, PickUser

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; base-uri 'none'; "
)


@dataclass(frozen=True, slots=True)
class LaunchPages:
    """The pages. Each carries its own Content-Security-Policy."""

    charts: Callable[[], Charts]
    today: Callable[[], date]
    fhir_base: str
    service_url: str

    def message(self, title: str, sentence: str, *, status: int) -> Response:
        """A page that says what happened."""
        page = self._page("message.html", status=status, title=title, sentence=sentence)
        # An app that this EHR shows in a frame ends up here when its launch is refused.
        return _with_policy(page, "form-action 'self'; frame-ancestors 'self'")

    def picker(self, pick: PickPatient, redirect_uri: str) -> Response:
        """Choose a patient for an app that was started outside a chart."""
        patients = [stored.resource() for stored in self.charts().all_of("Patient")]
        rows = [
            {
                "id": patient["id"],
                "name": name_of(patient),
                "age": age_words(patient.get("birthDate"), self.today()),
                "sex": sex_of(patient),
            }
            for patient in patients
        ]
        rows.sort(key=lambda row: row["name"])
        page = self._page(
            "pick_patient.html", app=pick.client.name, pending=pick.pending, patients=rows
        )
        # Browsers hold the redirect that answers a form to the form's policy as well.
        target = _origin(redirect_uri)
        return _with_policy(page, f"form-action 'self' {target}; frame-ancestors 'self'")

    def user_picker(self, pick: PickUser, redirect_uri: str, staff: Sequence[str]) -> Response:
        """Choose as whom to sign in, for an app that is about no patient."""
        reader = ChartReader(self.charts, self.fhir_base)
        rows = [
            {
                "reference": user,
                "name": name_of(reader.lookup(user) or {}),
                "work": _work(reader, user),
            }
            for user in staff
        ]
        page = self._page("pick_user.html", app=pick.client.name, pending=pick.pending, staff=rows)
        target = _origin(redirect_uri)
        return _with_policy(page, f"form-action 'self' {target}; frame-ancestors 'self'")

    def framed(self, patient_id: str, launch_url: str) -> Response:
        """The app within this EHR. The frame's way leads through our own sign-in and back."""
        found = ChartReader(self.charts, self.fhir_base).read(patient_id)
        if found is None:
            return self.message("No such chart", "There is no such patient here.", status=404)
        chart = chart_page(found.patient, {}, {}, self.today())
        page = self._page("app_frame.html", chart=chart, launch_url=launch_url)
        target = _origin(launch_url)
        return _with_policy(
            page, f"form-action 'self'; frame-src 'self' {target}; frame-ancestors 'none'"
        )

    def _page(self, template: str, *, status: int = 200, **said: Any) -> Response:
        html = (
            _environment()
            .get_template(template)
            .render(
                ehr_name=EHR_NAME, fhir_base=self.fhir_base, service_url=self.service_url, **said
            )
        )
        return HTMLResponse(html, status_code=status)


def _work(reader: ChartReader, user: str) -> str:
    """What a member of staff does here, as their record says it."""
    qualifications = (reader.lookup(user) or {}).get("qualification") or [{}]
    return str(qualifications[0].get("code", {}).get("text", "work not stated"))


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([_HERE / "templates", _HERE.parent / "pages" / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _with_policy(page: Response, rest: str) -> Response:
    page.headers["Content-Security-Policy"] = _POLICY + rest
    page.headers["Cache-Control"] = "no-store"
    return page


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
