"""The door: launch, callback, our keys, and the planner's pages behind them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from smart_app import callback, launch, security
from smart_app.collaborators import Collaborators


def routes(given: Collaborators, pages: Sequence[BaseRoute] = ()) -> list[BaseRoute]:
    """The routes of this door; `pages` are the planner's, made with the same collaborators."""

    async def begin(request: Request) -> Response:
        return await launch.launch(request, given)

    async def come_back(request: Request) -> Response:
        return await callback.callback(request, given)

    async def keys(_: Request) -> Response:
        """What an EHR needs to check our assertions (RFC 7517). Nothing secret: may be kept."""
        body = given.our_keys.public() if given.our_keys is not None else {"keys": []}
        return JSONResponse(body, headers={"Cache-Control": "public, max-age=300"})

    guarded = [
        Route("/smart/launch", begin, methods=["GET"]),
        Route("/smart/callback", come_back, methods=["GET"]),
        *pages,
    ]
    return [
        Route("/.well-known/jwks.json", keys, methods=["GET"]),
        *security.protect(guarded, given),
    ]
