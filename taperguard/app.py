"""One ASGI application of the web doors, with the relay beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_hooks import door
from ehr import log
from taperguard import evidence_page, openapi
from taperguard.cors import CdsCors
from taperguard.doors import cds_hooks_collaborators, trust_of
from taperguard.headers import ResponseHeaders
from taperguard.limits import CDS_PATH, Limits, RequestLimits
from taperguard.smart_door import smart_routes
from taperguard.warm import warm_up
from taperguard.wiring import House


def create_app(house: House) -> ASGIApp:
    """The application for one house.

    Its lifespan runs the relay of the outbox and fetches the keys of CDS clients.
    """
    trust = trust_of(house)
    cds_routes = door.routes(cds_hooks_collaborators(house, trust))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(warm_up)
        house.relay.start()
        first_keys = asyncio.create_task(trust.fetch_keys())
        try:
            yield
        finally:
            first_keys.cancel()
            await house.ehr_clients.close()
            await run_in_threadpool(house.relay.stop)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        report = await run_in_threadpool(readiness, house)
        return JSONResponse(report, status_code=200 if report["ready"] else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    development = not house.settings.is_production
    app = FastAPI(
        title="TaperGuard",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers={HTTPException: _refused},
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *openapi.routes(house.settings.base_url, development=development),
            *evidence_page.routes(
                development=development,
                policy=house.policies.site,
                by_ehr={
                    ehr.name: house.policy_of(ehr.id)
                    for ehr in house.registry
                    if house.policy_of(ehr.id) != house.policies.site
                },
            ),
            *cds_routes,
            *smart_routes(house),
        ],
    )
    settings = house.settings
    bounded: ASGIApp = RequestLimits(
        HooksFirst(app, cds_routes),
        Limits(
            body_seconds=settings.body_seconds,
            at_once=settings.requests_at_once,
            per_second=settings.rate_limit,
        ),
    )
    if settings.cors_origins:
        bounded = CdsCors(bounded, settings.cors_origins)
    # Around everything, so that also an unexpected 500 says in which mode it happened.
    return ResponseHeaders(bounded, development=development)


class HooksFirst:
    """Leads a call of a hook to its endpoint; all else to the application, which knows it too.

    A prescriber waits for hooks. The application would lead them to the same place, through
    middlewares and past routes that are nothing to them.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[Route]) -> None:
        self.app = app
        self._hooks: dict[str, Callable[[Request], Awaitable[Response]]] = {
            route.path: route.endpoint
            for route in routes
            if route.methods == {"POST"} and not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST to the very address of a hook; pass on everything else."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._hooks.get(scope["path"]) if is_post else None
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    """What the router refuses: for a CDS client an OperationOutcome, as from the door itself."""
    assert isinstance(error, HTTPException)  # noqa: S101  it is registered for nothing else
    if not request.url.path.startswith(CDS_PATH):
        return await http_exception_handler(request, error)
    if error.status_code == 405:
        response = door.refusal(405, "not-supported", "This address does not answer that method.")
    else:
        response = door.refusal(error.status_code, "not-found", "There is nothing here.")
    response.headers.update(error.headers or {})
    return response


def readiness(house: House) -> dict[str, Any]:
    """Whether the service can keep what it promises.

    The broker is told of and decides nothing: promises wait in the outbox for it.
    """
    try:
        database = "ok" if house.migrations_at_head() else "migrations are not at head"
    except SQLAlchemyError:
        log.get(__name__).warning("database not reachable", exc_info=True)
        database = "not reachable"
    broker = "ok" if house.broker_answers() else "not reachable"
    return {"ready": database == "ok", "database": database, "broker": broker}
