"""FHIR R4 over HTTP: metadata, read and search, under /fhir (FHIR R4 section 3.1.0)."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import json_text
from .capability import capability_statement
from .json_text import Resource
from .outcome import Refused, outcome
from .parameters import PARAMETERS
from .question import Pairs, Question, understand
from .store import Answer, Charts, Stored

MEDIA_TYPE = "application/fhir+json"
_LARGEST_FORM = 65_536
_JSON_NAMES = {"json", "application/json", "application/fhir+json", "text/json"}
_WELCOME = ("application/fhir+json", "application/json", "application/*", "*/*", "text/html")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


class FhirApi:
    """The FHIR door of the sandbox. `charts` gives the store, fresh for the day of the request."""

    def __init__(self, charts: Callable[[], Charts], *, base: str, version: str) -> None:
        self._charts = charts
        self._base = base
        self._version = version

    def routes(self) -> list[Route]:
        """The routes below /fhir."""
        return [
            Route("/metadata", self._answer_metadata, methods=["GET"]),
            Route("/{type}", self._answer_search, methods=["GET"]),
            Route("/{type}/_search", self._answer_posted_search, methods=["POST"]),
            Route("/{type}/{id}", self._answer_read, methods=["GET"]),
        ]

    async def _answer_metadata(self, request: Request) -> Response:
        want_json(request, request.query_params.multi_items())
        return reply(capability_statement(base=self._base, version=self._version))

    async def _answer_read(self, request: Request) -> Response:
        want_json(request, request.query_params.multi_items())
        resource_type = _known_type(request)
        resource_id = request.path_params["id"]
        if not _ID.fullmatch(resource_id):
            raise Refused(400, "value", "An id is 1 to 64 letters, digits, hyphens and dots.")
        stored = await run_in_threadpool(lambda: self._charts().read(resource_type, resource_id))
        if stored is None:
            raise Refused(404, "not-found", f"There is no such {resource_type}.")
        return Response(
            stored.text,
            media_type=MEDIA_TYPE,
            headers={"ETag": f'W/"{stored.version}"'},
        )

    async def _answer_search(self, request: Request) -> Response:
        return await self._search(request, request.query_params.multi_items())

    async def _answer_posted_search(self, request: Request) -> Response:
        said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if said != "application/x-www-form-urlencoded":
            raise Refused(
                415, "not-supported", "A posted search is application/x-www-form-urlencoded."
            )
        posted = await _form(request)
        return await self._search(request, [*request.query_params.multi_items(), *posted])

    async def _search(self, request: Request, pairs: Pairs) -> Response:
        want_json(request, pairs)
        resource_type = _known_type(request)
        question = understand(
            resource_type, pairs, base=self._base, strict=_is_strict(request.headers)
        )
        answer = await run_in_threadpool(lambda: self._charts().find(question, base=self._base))
        return Response(_searchset(question, answer, self._base), media_type=MEDIA_TYPE)


def reply(resource: Resource, status: int = 200) -> Response:
    """A resource as an HTTP response."""
    return Response(json_text.write(resource), status_code=status, media_type=MEDIA_TYPE)


def refusal(refused: Refused) -> Response:
    """An OperationOutcome as an HTTP response."""
    return reply(outcome(refused.code, refused.sentence), refused.status)


def _known_type(request: Request) -> str:
    resource_type: str = request.path_params["type"]
    if resource_type not in PARAMETERS:
        raise Refused(404, "not-supported", "This EHR has no resource type of that name.")
    return resource_type


def _is_strict(headers: Headers) -> bool:
    """Whether `Prefer` asks for strict handling; it may stand beside other preferences."""
    said = headers.getlist("prefer")
    wishes = re.split(r"[,;]", ",".join(said))
    return any(wish.replace(" ", "").lower() == "handling=strict" for wish in wishes)


def want_json(request: Request, pairs: Pairs) -> None:
    """Refuse (406) a request for XML: `_format` decides, then `Accept`."""
    formats = [value for name, value in pairs if name == "_format"]
    if formats:
        wanted = formats[0].replace(" ", "+").partition(";")[0].strip().lower()
        if wanted not in _JSON_NAMES:
            raise Refused(406, "not-supported", "This EHR speaks JSON only.")
        return
    accept = request.headers.get("accept", "")
    ranges = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    if ranges and not any(wanted in _WELCOME for wanted in ranges):
        raise Refused(406, "not-supported", "This EHR speaks JSON only.")


async def _form(request: Request) -> Pairs:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise Refused(413, "too-long", "A posted search has at most 64 KiB.")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as unreadable:
        raise Refused(400, "structure", "The form is not UTF-8.") from unreadable


def _searchset(question: Question, answer: Answer, base: str) -> str:
    """The Bundle as text: each resource goes in as it was stored, digit for digit."""
    links = [{"relation": "self", "url": question.link(base)}]
    following = question.offset + question.count
    if not question.only_count and following < answer.total:
        links.append({"relation": "next", "url": question.page_link(base, following)})
    head = json_text.write(
        {"resourceType": "Bundle", "type": "searchset", "total": answer.total, "link": links}
    )
    entries = [_entry(match, "match", base) for match in answer.matches]
    entries += [_entry(other, "include", base) for other in answer.included]
    if not entries:
        return head
    return f'{head[:-1]},"entry":[{",".join(entries)}]}}'


def _entry(stored: Stored, mode: str, base: str) -> str:
    address = json_text.write(f"{base}/{stored.type}/{stored.id}")
    return (
        f'{{"fullUrl":{address},"resource":{stored.text},'
        f'"search":{{"mode":{json_text.write(mode)}}}}}'
    )
