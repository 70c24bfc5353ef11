"""Every answer of a CDS service in this process is judged, whichever test asked for it.

The two services are the one place through which each answer goes, over HTTP, from the command
line or asked by a test: they are wrapped before anybody imports them by name. The door's routes
are wrapped too, for refusals, discovery and the bytes themselves. So `tests/conftest.py` imports
this before anything that imports the door. What is wrong is kept, for an error raised there would
be taken for one of ours, and the test that runs is failed at its end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import cds_judge
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cds_hooks.request import HookRequest
from cds_hooks.services import order_safety, patient_review
from ehr.decode import encode

found: list[str] = []
"""Faults since the last test ended."""

judged = {"answers": 0, "responses": 0, "in other processes": 0}
"""How many were looked at: a judge that is never asked finds nothing."""


def _judged_service(answer: Callable[..., Any]) -> Callable[..., Any]:
    def judged_answer(request: HookRequest, on: Any, bench: Any) -> Any:
        given = answer(request, on, bench)
        body = json.loads(encode(given.body))
        drafts = [{"resource": draft.resource} for draft in request.drafts]
        asked = json.loads(encode({"context": {"draftOrders": {"entry": drafts}}}))
        found.extend(answer_faults(body, asked))
        judged["answers"] += 1
        return given

    return judged_answer


def answer_faults(body: Any, asked: Any) -> list[str]:
    """What is wrong with an answer of ours: it accounts for its checks, always."""
    wrong = cds_judge.faults(body, asked)
    extension = body.get("extension") if isinstance(body, dict) else None
    if not isinstance(extension, dict) or cds_judge.ACCOUNT not in extension:
        wrong.append("the answer has no account")
    return wrong


def _judged_routes(routes: Callable[..., list[Route]]) -> Callable[..., list[Route]]:
    def judged_routes(given: Any) -> list[Route]:
        return [_judged_route(route) for route in routes(given)]

    return judged_routes


def _judged_route(route: Route) -> Route:
    endpoint: Callable[[Request], Awaitable[Response]] = route.endpoint

    async def judged_endpoint(request: Request) -> Response:
        response = await endpoint(request)
        found.extend(f"{route.path}: {fault}" for fault in response_faults(route.path, response))
        judged["responses"] += 1
        return response

    methods = sorted((route.methods or set()) - {"HEAD"})
    return Route(route.path, judged_endpoint, methods=methods)


def response_faults(path: str, response: Response) -> list[str]:
    """What is wrong with a response of the door, as it leaves it."""
    status, media_type = response.status_code, response.headers.get("content-type", "")
    raw = bytes(response.body)
    if status == 401:
        return ["a 401 tells more than that"] if raw else []
    if path.endswith("/feedback") and status == 200:
        return ["the answer to feedback has a body"] if raw else []
    if status == 400 and not raw:
        return []  # the client has gone: nobody reads it
    try:
        body = json.loads(raw)
    except ValueError:
        return [f"the body of a {status} is no JSON"]
    if status != 200:
        return cds_judge.refusal_faults(status, media_type, body)
    if media_type != "application/json":
        return [f"the media type is {media_type}"]
    if path == "/cds-services":
        return cds_judge.discovery_faults(body)
    # Which drafts it was asked about, the services' own judge has seen; here are the bytes.
    return [f"empty value at {place}" for place in cds_judge.empties(body)]


def calls_in(folders: Iterable[Path]) -> list[str]:
    """Faults of our answers that a sandbox EHR has received and recorded, in another process."""
    wrong = []
    for file in {file for folder in folders for file in folder.rglob("*.sqlite3")}:
        with closing(sqlite3.connect(file)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchall():
                continue
            rows = db.execute("SELECT request, response FROM calls WHERE status = 200").fetchall()
        for request, response in rows:
            body = json.loads(response)
            if isinstance(body, dict) and "cards" in body:
                wrong += answer_faults(body, json.loads(request))
                judged["in other processes"] += 1
    return wrong


def _begin() -> None:
    order_safety.answer = _judged_service(order_safety.answer)
    patient_review.answer = _judged_service(patient_review.answer)
    from cds_hooks import door  # noqa: PLC0415 - it takes the services as they now are

    door.routes = _judged_routes(door.routes)


_begin()
