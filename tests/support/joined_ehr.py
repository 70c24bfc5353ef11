"""The sandbox EHR with its sign-in and its writes, and an app that uses it, in few words."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from taperguard.sandbox.patients import build_all, read_stories
from taperguard.sandbox.records.api import FhirApi, refusal
from taperguard.sandbox.records.outcome import Refused
from taperguard.sandbox.records.store import Charts
from taperguard.sandbox.records.writes import FhirWrites
from taperguard.sandbox.smart.guard import FhirGuard
from taperguard.sandbox.smart.server import smart_server

TODAY = date(2026, 11, 23)
EHR = "http://ehr.test"
BASE = f"{EHR}/fhir"
SERVICE = "http://service.test"
CALLBACK = f"{SERVICE}/smart/callback"
VERIFIER = "v" * 43
SCOPES = (
    "openid fhirUser launch offline_access patient/Patient.rs patient/MedicationRequest.crus "
    "patient/CarePlan.crus patient/Condition.rs"
)


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class JoinedEhr:
    """One EHR of a test with the patients alder and birch; `time` is its clock."""

    def __init__(
        self, folder: Path, *, open_fhir: bool = True, fetch: Callable[[str], Any] | None = None
    ) -> None:
        self.time = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
        self.charts = Charts(folder / "ehr.sqlite3")
        stories = [story for story in read_stories() if story.key in ("alder", "birch")]
        self.charts.tell(build_all(stories, TODAY), on=TODAY)
        self.server = smart_server(
            lambda: self.charts,
            public_url=EHR,
            service_url=SERVICE,
            today=lambda: TODAY,
            clock=lambda: self.time,
            fetch=fetch or _no_keys,
        )
        self.client = TestClient(self._app(open_fhir), base_url=EHR, follow_redirects=False)

    def _app(self, open_fhir: bool) -> Starlette:
        writes = FhirWrites(
            lambda: self.charts,
            base=BASE,
            version="0",
            today=lambda: TODAY,
            clock=lambda: self.time,
            authorize=self.server.addresses.authorize,
            token=self.server.addresses.token,
        )
        records = FhirApi(lambda: self.charts, base=BASE, version="0")
        below = [*self.server.fhir_routes(), *writes.routes(), *records.routes()]

        def refuse(request: Request, refused: Exception) -> Response:
            assert isinstance(refused, Refused)
            return refusal(refused)

        guard = Middleware(
            FhirGuard,
            ledger=self.server.ledger,
            charts=lambda: self.charts,
            base=BASE,
            open_fhir=open_fhir,
        )
        return Starlette(
            routes=[
                Route("/fhir", writes.transaction, methods=["POST"]),
                Mount("/fhir", routes=below),
                *self.server.routes(),
            ],
            middleware=[guard],
            exception_handlers={Refused: refuse},
        )

    def later(self, **passed: int) -> None:
        self.time += timedelta(**passed)

    # --- what an app does ---------------------------------------------------------------------

    def launch(self, patient: str = "alder", **more: Any) -> str:
        """The launch id of a new EHR launch."""
        url = self.server.launches.new_launch(
            patient, f"{patient}-visit", "Practitioner/hazel", **more
        )
        return query_of(url)["launch"]

    def authorize(self, **changed: str | None) -> Any:
        """The answer to an authorization request; None leaves a parameter out."""
        plain: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "taperguard",
            "redirect_uri": CALLBACK,
            "scope": SCOPES,
            "state": "s" * 32,
            "aud": BASE,
            "nonce": "n" * 32,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        asked = {name: value for name, value in {**plain, **changed}.items() if value is not None}
        return self.client.get("/auth/authorize", params=asked)

    def code(self, patient: str = "alder", **changed: str | None) -> str:
        """The code of an authorization after an EHR launch."""
        answer = self.authorize(**{"launch": self.launch(patient), **changed})
        return query_of(answer.headers["location"])["code"]

    def exchange(self, code: str, **changed: str | None) -> Any:
        plain: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": "taperguard",
        }
        form = {name: value for name, value in {**plain, **changed}.items() if value is not None}
        return self.client.post("/auth/token", data=form)

    def refresh(self, token: str, **more: str) -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "taperguard"}
        return self.client.post("/auth/token", data={**form, **more})

    def tokens(self, patient: str = "alder", **changed: str | None) -> dict[str, Any]:
        answer = self.exchange(self.code(patient, **changed))
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def app(self, patient: str = "alder", scope: str = SCOPES) -> dict[str, str]:
        """The Authorization header of an app that was launched for a patient."""
        return {"Authorization": f"Bearer {self.tokens(patient, scope=scope)['access_token']}"}


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _no_keys(url: str) -> Any:
    raise OSError("no keys in this test")
