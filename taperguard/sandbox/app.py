"""The sandbox as one ASGI application: stories, store, FHIR interface and pages put together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from .bulk.door import BulkDoor
from .bulk.jobs import Exports, Habits
from .cds import http
from .cds.discovery import Discovery
from .cds.feedback import Sender
from .cds.hooks import SafetyCheck
from .cds.identity import Identity
from .cds.patient_view import PatientView
from .cds.requests import Requests
from .faults import Faults, FaultyFhir
from .faults import routes as fault_routes
from .orders import worklist
from .orders.formulary import Formulary
from .pages.ordering import OrderingPages
from .pages.views import Pages
from .patients import Person, Story, build_all, clinic, edition, read_stories
from .patients.story import read_formulary
from .records.access import Access
from .records.api import FhirApi, refusal
from .records.json_text import Resource
from .records.outcome import Refused
from .records.store import Charts
from .records.writes import FhirWrites, source_of
from .smart.guard import FhirGuard
from .smart.server import now, smart_server
from .web import EveryResponse

DATA_FILE = "sandbox-ehr.sqlite3"
AT_ONCE = Habits()


class TodaysCharts:
    """The charts, with the patients told as they are true today.

    A demo that stays up for a week keeps its 72-year-old 72 and her last fill recent. `others` are
    the generated patients.
    """

    def __init__(
        self,
        charts: Charts,
        stories: Mapping[str, Story],
        today: Callable[[], date],
        others: Sequence[Person] = (),
    ) -> None:
        self._charts = charts
        self._stories = stories
        self._others = others
        self._today = today
        self._edition = f"{edition()}, {len(others)} generated"
        self._lock = threading.Lock()
        self._told_on: date | None = None
        self()

    def __call__(self) -> Charts:
        """The store; told anew first if the day has changed."""
        on = self._today()
        with self._lock:
            if on != self._told_on:
                if not self._charts.was_told(on=on, edition=self._edition):
                    told = build_all(self._stories.values(), on, self._others)
                    self._charts.tell([*told, clinic(told)], on=on, edition=self._edition)
                self._told_on = on
        return self._charts


def create_app(
    *,
    data_dir: Path,
    today: Callable[[], date],
    service_url: str,
    public_url: str,
    open_fhir: bool = True,
    exporting: Habits = AT_ONCE,
    others: Sequence[Person] = (),
    clock: Callable[[], datetime] = now,
) -> Starlette:
    """The sandbox EHR.

    `data_dir` holds its one file; `today` gives the day of a request; `service_url` is the safety
    service that this EHR calls; `public_url` is where a browser finds this EHR (`/fhir` below it
    is the FHIR base). `exporting` says how long an export takes and how large its files are;
    `others` are patients beside those of the stories; `clock` gives the time with a zone.
    ValueError for a URL that is none, UnusableStore for a file that is none, UnreadableStory for a
    story that is none.
    """
    public = _web_address(public_url, "public_url")
    service = _web_address(service_url, "service_url")
    fhir_base = f"{public}/fhir"
    stories = {story.key: story for story in read_stories()}
    charts = Charts(data_dir / DATA_FILE)
    todays = TodaysCharts(charts, stories, today, others)
    smart = smart_server(todays, public_url=public, service_url=service, today=today, clock=clock)
    apps = {source_of(fhir_base, client.id): client.name for client in smart.clients.values()}
    identity = Identity(public, clock)
    discovery = Discovery(service, identity.token)
    faults = Faults()
    requests = Requests(fhir_base, smart.ledger, faults)
    view = PatientView(todays, discovery, requests)
    pages = Pages(
        todays,
        stories,
        today=today,
        fhir_base=fhir_base,
        service_url=service,
        apps=apps,
        view=view,
    )
    sender = Sender(charts, identity.token)
    ordering = OrderingPages(
        todays,
        stories,
        Formulary(read_formulary()),
        today=today,
        fhir_base=fhir_base,
        public_url=public,
        check=SafetyCheck(todays, discovery, requests),
        view=view,
        sender=sender,
        apps=apps,
        page=pages.page,
        message=pages.message,
    )
    fhir = FhirApi(todays, base=fhir_base, version=_release())
    exports = Exports(todays, base=fhir_base, clock=clock, habits=exporting)
    bulk = BulkDoor(todays, exports, fhir_base, clock)

    def take_up(db: sqlite3.Connection, access: Access, written: Sequence[Resource]) -> None:
        name = apps.get(source_of(fhir_base, access.app), "An app")
        worklist.take_up(db, str(access.patient_id), written, app=name)

    writes = FhirWrites(
        todays,
        base=fhir_base,
        version=_release(),
        today=today,
        clock=clock,
        authorize=smart.addresses.authorize,
        token=smart.addresses.token,
        written=take_up,
    )

    @asynccontextmanager
    async def sending(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(http.prepare)
        sender.start()
        try:
            yield
        finally:
            await run_in_threadpool(sender.stop)

    def say_whether_ready(request: Request) -> Response:
        del request
        if charts.is_ready():
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "the store does not answer"}, status_code=503)

    def refuse(request: Request, refused: Exception) -> Response:
        del request
        if not isinstance(refused, Refused):
            raise refused
        return refusal(refused)

    def refuse_plainly(request: Request, problem: Exception) -> Response:
        status = problem.status_code if isinstance(problem, HTTPException) else 500
        if request.url.path.startswith("/fhir"):
            kind = "not-found" if status == HTTPStatus.NOT_FOUND else "not-supported"
            return refusal(Refused(status, kind, f"{HTTPStatus(status).phrase}."))
        sentence = (
            "There is no such page in the sandbox."
            if status == HTTPStatus.NOT_FOUND
            else "That cannot be done at this address."
        )
        return pages.message(HTTPStatus(status).phrase, sentence, status=status)

    def apologise(request: Request, event: str) -> Response:
        sentence = f"This went wrong inside the sandbox. Nothing was changed. Event {event}."
        if request.url.path.startswith("/fhir"):
            return refusal(Refused(500, "exception", sentence))
        return pages.message("Something went wrong", sentence, status=500)

    return Starlette(
        routes=[
            Route("/healthz", say_whether_ready, methods=["GET"]),
            Route("/fhir", writes.transaction, methods=["POST"]),
            Mount(
                "/fhir",
                routes=[
                    *smart.fhir_routes(),
                    *bulk.routes(),
                    *writes.routes(),
                    *fhir.routes(),
                ],
            ),
            *smart.routes(),
            *identity.routes(),
            *fault_routes(faults),
            *ordering.routes(),
            *pages.routes(),
        ],
        lifespan=sending,
        middleware=[
            Middleware(EveryResponse, apology=apologise),
            Middleware(FaultyFhir, faults=faults, base=fhir_base),
            Middleware(
                FhirGuard, ledger=smart.ledger, charts=todays, base=fhir_base, open_fhir=open_fhir
            ),
        ],
        exception_handlers={Refused: refuse, HTTPException: refuse_plainly},
    )


def _web_address(url: str, name: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{name} is no http(s) address: {url!r}")
    return url.rstrip("/")


def _release() -> str:
    try:
        return version("taperguard")
    except PackageNotFoundError:
        return "0"
