"""Writing over HTTP: create, update with If-Match, and transaction (FHIR R4, 3.1.0.5 to 3.1.0.11).

Nothing is half written: a request is one transaction of the store, and everything is checked
before the first resource is saved. What is read back is what was sent, digit for digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from . import access as accesses
from . import json_text
from .access import Access
from .api import MEDIA_TYPE, reply
from .capability import capability_statement
from .entries import Asked, Invalid, Planned, from_bundle, plan
from .json_text import Resource
from .outcome import Refused
from .store import Charts, Stored
from .written_types import WRITABLE, hold_written_types, with_writes

_LARGEST = 2 * 1024 * 1024
_JSON = ("application/fhir+json", "application/json")


@dataclass(frozen=True, slots=True)
class FhirWrites:
    """The writing half of the FHIR door. `charts` gives the store, fresh for the day.

    `clock` gives the time with a zone; `authorize` and `token` are what metadata says of signing
    in.
    """

    charts: Callable[[], Charts]
    base: str
    version: str
    today: Callable[[], date]
    clock: Callable[[], datetime]
    authorize: str
    token: str

    def __post_init__(self) -> None:
        """The store holds what is written from now on."""
        hold_written_types()

    def routes(self) -> list[BaseRoute]:
        """The routes below /fhir. They come before those of `FhirApi`: metadata says more here."""
        return [
            Route("/metadata", self._metadata, methods=["GET"]),
            Route("/", self.transaction, methods=["POST"]),
            Route("/{type}", self._create, methods=["POST"]),
            Route("/{type}/{id}", self._update, methods=["PUT"]),
        ]

    def _metadata(self, request: Request) -> Response:
        del request
        said = capability_statement(base=self.base, version=self.version)
        return reply(with_writes(said, authorize=self.authorize, token=self.token))

    async def _create(self, request: Request) -> Response:
        access = accesses.of(request)
        asked = Asked(
            method="POST",
            resource_type=_writable(request, "create"),
            resource=await posted_resource(request),
            if_none_exist=request.headers.get("if-none-exist"),
        )
        return await self._answer_one(request, asked, access)

    async def _update(self, request: Request) -> Response:
        access = accesses.of(request)
        asked = Asked(
            method="PUT",
            resource_type=_writable(request, "update"),
            resource_id=request.path_params["id"],
            resource=await posted_resource(request),
            if_match=request.headers.get("if-match"),
        )
        return await self._answer_one(request, asked, access)

    async def _answer_one(self, request: Request, asked: Asked, access: Access) -> Response:
        try:
            ((planned, stored),) = await run_in_threadpool(self._write, [asked], access)
        except Invalid as invalid:
            return refusal_of(invalid)
        headers = {"ETag": f'W/"{stored.version}"'}
        if asked.method == "POST":
            headers["Location"] = f"{self.base}/{_versioned(stored)}"
        body = "" if _wants_little(request) else stored.text
        status = 201 if planned.is_new else 200
        return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)

    async def transaction(self, request: Request) -> Response:
        """POST of a transaction Bundle to the base: all of it is written, or nothing."""
        access = accesses.of(request)
        bundle = await posted_resource(request)
        try:
            asked = from_bundle(bundle, self.base)
            written = await run_in_threadpool(self._write, asked, access)
        except Invalid as invalid:
            return refusal_of(invalid)
        wants_little = _wants_little(request)
        entries = ",".join(_entry(*one, wants_little=wants_little) for one in written)
        head = json_text.write({"resourceType": "Bundle", "type": "transaction-response"})
        text = f'{head[:-1]},"entry":[{entries}]}}' if entries else head
        return Response(text, media_type=MEDIA_TYPE)

    def _write(self, asked: Sequence[Asked], access: Access) -> list[tuple[Planned, Stored]]:
        """Write all that is asked in one transaction. Raises Refused or Invalid."""
        charts, at = self.charts(), self.clock()
        with charts.transaction(writing=True) as db:
            planned = plan(asked, access, charts, base=self.base, today=self.today())
            return [(one, one.stored or charts.save_in(db, one.resource, at=at)) for one in planned]


def refusal_of(invalid: Invalid) -> Response:
    """An OperationOutcome with one issue for each fault."""
    issues = [
        {
            "severity": "error",
            "code": "business-rule",
            "diagnostics": fault.sentence,
            **({"expression": [fault.field]} if fault.field else {}),
        }
        for fault in invalid.faults
    ]
    return reply({"resourceType": "OperationOutcome", "issue": issues}, 422)


def _writable(request: Request, interaction: str) -> str:
    resource_type: str = request.path_params["type"]
    if interaction not in WRITABLE.get(resource_type, ()):
        raise Refused(405, "not-supported", f"{resource_type[:40]} cannot be written so here.")
    return resource_type


async def posted_resource(request: Request) -> Resource:
    """The resource that a request brings. Raises Refused when it brings none."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in _JSON:
        raise Refused(415, "not-supported", "A resource is sent as application/fhir+json.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise Refused(413, "too-long", "A request here has at most 2 MiB.")
    try:
        resource = json_text.read(body.decode("utf-8"))
    except (ValueError, RecursionError) as unreadable:
        raise Refused(400, "structure", "The request is not JSON.") from unreadable
    if not isinstance(resource, dict):
        raise Refused(400, "structure", "The request is no resource.")
    return resource


def _wants_little(request: Request) -> bool:
    said = ",".join(request.headers.getlist("prefer")).replace(" ", "").lower()
    return "return=minimal" in said.replace(";", ",").split(",")


def _versioned(stored: Stored) -> str:
    return f"{stored.type}/{stored.id}/_history/{stored.version}"


def _entry(planned: Planned, stored: Stored, *, wants_little: bool) -> str:
    response: dict[str, Any] = {
        "status": "201 Created" if planned.is_new else "200 OK",
        "location": _versioned(stored),
        "etag": f'W/"{stored.version}"',
        "lastModified": stored.updated,
    }
    said = f'"response":{json_text.write(response)}'
    return f"{{{said}}}" if wants_little else f'{{"resource":{stored.text},{said}}}'
