"""The authorization server as routes: discovery, sign-in, tokens, launches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ..records.store import Charts
from .assertion import Assertions, FetchKeys, fetch_keys
from .authorize import Authorization, NoWayBack, PickPatient, PickUser
from .clients import Client, read_clients
from .configuration import Addresses, openid_configuration, smart_configuration
from .forms import BadForm, only_once, posted
from .keys import SigningKey
from .launches import Launches, NoLaunch
from .ledger import Ledger
from .pages import LaunchPages
from .token import NoToken, TokenDesk

PRESCRIBER = "Practitioner/hazel"
STAFF = (PRESCRIBER, "Practitioner/ash", "Practitioner/reed")
"""Who works in the pretend clinic: a prescriber, a quality lead, somebody at the front desk."""

_FAILED = "The app cannot be signed in"


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SmartServer:
    """Everything of the server, put together by `smart_server`."""

    clients: Mapping[str, Client]
    addresses: Addresses
    ledger: Ledger
    key: SigningKey
    launches: Launches
    authorization: Authorization
    desk: TokenDesk
    pages: LaunchPages

    def routes(self) -> list[BaseRoute]:
        """The routes outside /fhir. They come before those of the pages."""
        return [
            Route("/auth/authorize", self._authorize, methods=["GET", "POST"]),
            Route("/auth/patient", self._pick, methods=["POST"]),
            Route("/auth/user", self._pick_user, methods=["POST"]),
            Route("/auth/token", self._token, methods=["POST"]),
            Mount("/auth/static", StaticFiles(directory=Path(__file__).parent / "static")),
            Route("/.well-known/jwks.json", self._jwks, methods=["GET"]),
            Route("/launch/{patient}", self._launch, methods=["GET", "POST"]),
            Route("/patients/{patient}/app", self._framed, methods=["GET"]),
        ]

    def fhir_routes(self) -> list[BaseRoute]:
        """The routes below /fhir. They come before those of the records."""

        def smart(_: Request) -> Response:
            return JSONResponse(smart_configuration(self.addresses, self.clients.values()))

        def openid(_: Request) -> Response:
            return JSONResponse(openid_configuration(self.addresses, self.clients.values()))

        return [
            Route("/.well-known/smart-configuration", smart, methods=["GET"]),
            Route("/.well-known/openid-configuration", openid, methods=["GET"]),
        ]

    # --- signing in ---------------------------------------------------------------------------

    async def _authorize(self, request: Request) -> Response:
        async def answer() -> Response:
            if request.method == "POST":
                asked = await posted(request)
            else:
                asked = only_once(request.query_params.multi_items())
            way = await run_in_threadpool(self.authorization.answer, asked)
            if isinstance(way, PickPatient):
                return await run_in_threadpool(self.pages.picker, way, asked["redirect_uri"])
            if isinstance(way, PickUser):
                staff = self.authorization.staff
                return await run_in_threadpool(
                    self.pages.user_picker, way, asked["redirect_uri"], staff
                )
            return RedirectResponse(way, status_code=303)

        return await self._or_page(answer)

    async def _pick(self, request: Request) -> Response:
        async def answer() -> Response:
            form = await posted(request)
            pending, patient = form.get("pending", ""), form.get("patient", "")
            way = await run_in_threadpool(self.authorization.pick, pending, patient)
            return RedirectResponse(way, status_code=303)

        return await self._or_page(answer)

    async def _pick_user(self, request: Request) -> Response:
        async def answer() -> Response:
            form = await posted(request)
            pending, user = form.get("pending", ""), form.get("user", "")
            way = await run_in_threadpool(self.authorization.pick_user, pending, user)
            return RedirectResponse(way, status_code=303)

        return await self._or_page(answer)

    async def _or_page(self, answer: Callable[[], Awaitable[Response]]) -> Response:
        try:
            return await answer()
        except (BadForm, NoWayBack) as problem:
            return self.pages.message(_FAILED, str(problem), status=400)

    async def _token(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        try:
            form = await posted(request)
            answer = await run_in_threadpool(self._tokens, request, form)
        except BadForm as unreadable:
            said = {"error": "invalid_request", "error_description": str(unreadable)}
            return JSONResponse(said, status_code=400, headers=headers)
        except NoToken as refused:
            if refused.status == 401:
                headers["WWW-Authenticate"] = "Bearer"
            said = {"error": refused.error, "error_description": refused.sentence}
            return JSONResponse(said, status_code=refused.status, headers=headers)
        return JSONResponse(answer, headers=headers)

    def _tokens(self, request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        if "authorization" in request.headers:
            raise NoToken("invalid_client", "No client here signs in with a header.")
        return self.desk.answer(form)

    def _jwks(self, request: Request) -> Response:
        del request
        return JSONResponse(self.key.jwks())

    # --- launching ----------------------------------------------------------------------------

    def _launch(self, request: Request) -> Response:
        """A button's POST, or the link of a card."""
        site = request.headers.get("sec-fetch-site")
        if site not in (None, "same-origin", "none"):
            return self.pages.message(
                "Not from this EHR", "An app is launched from a chart of this EHR.", status=403
            )
        asked = request.query_params
        try:
            url = self._launched(request, to=asked.get("to"), app_context=asked.get("appContext"))
        except NoLaunch as problem:
            return self.pages.message("The app cannot be launched", str(problem), status=400)
        return RedirectResponse(url, status_code=303)

    def _framed(self, request: Request) -> Response:
        try:
            url = self._launched(request)
        except NoLaunch as problem:
            return self.pages.message("The app cannot be launched", str(problem), status=404)
        return self.pages.framed(request.path_params["patient"], url)

    def _launched(
        self, request: Request, *, to: str | None = None, app_context: str | None = None
    ) -> str:
        patient_id = request.path_params["patient"]
        visit = self.launches.visit_of(patient_id)
        return self.launches.new_launch(
            patient_id, visit, PRESCRIBER, to=to, app_context=app_context
        )


def smart_server(
    charts: Callable[[], Charts],
    *,
    public_url: str,
    service_url: str,
    today: Callable[[], date],
    clock: Callable[[], datetime] = now,
    fetch: FetchKeys = fetch_keys,
) -> SmartServer:
    """The authorization server of an EHR at `public_url` with the apps of clients.toml.

    `clock` gives the time with a zone, `fetch` gets a client's keys. ValueError for a client that
    cannot be registered.
    """
    addresses = Addresses(public_url.rstrip("/"))
    clients = read_clients(service_url)
    ledger = Ledger(charts(), clock)
    key = SigningKey()
    assertions = Assertions(ledger, audience=addresses.token, clock=clock, fetch=fetch)
    return SmartServer(
        clients=clients,
        addresses=addresses,
        ledger=ledger,
        key=key,
        launches=Launches(charts, clients, addresses, ledger),
        authorization=Authorization(charts, clients, addresses, ledger, STAFF),
        desk=TokenDesk(clients, addresses, ledger, assertions, key, clock),
        pages=LaunchPages(charts, today, addresses.issuer, service_url),
    )
