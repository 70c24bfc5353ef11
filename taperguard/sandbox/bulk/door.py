"""`$export` over HTTP: kick-off, status, files, and giving an export back."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..records import access as accesses
from ..records import json_text
from ..records.access import Access
from ..records.api import want_json
from ..records.json_text import Resource
from ..records.outcome import Refused
from ..records.store import Charts
from ..records.writes import posted_resource
from .asked import NDJSON, Pairs, pairs_of, understand
from .jobs import Exports, File, Job


@dataclass(frozen=True, slots=True)
class BulkDoor:
    """The routes of exports below /fhir; they come before those of the records.

    The guard lets only systems pass to them. `base` is the FHIR address; `clock` gives the time
    with a zone.
    """

    charts: Callable[[], Charts]
    exports: Exports
    base: str
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Kick-off, status with DELETE, and files."""
        return [
            Route("/Group/{id}/$export", self._kick_off, methods=["GET", "POST"]),
            Route("/bulk/{job}", self._status, methods=["GET"]),
            Route("/bulk/{job}", self._give_back, methods=["DELETE"]),
            Route("/bulk/{job}/{file}", self._file, methods=["GET"]),
        ]

    # --- asking for one -----------------------------------------------------------------------

    async def _kick_off(self, request: Request) -> Response:
        access = _system(request)
        pairs: Pairs = request.query_params.multi_items()
        want_json(request, pairs)
        wishes = _wishes(request.headers)
        if "respond-async" not in wishes:
            raise Refused(400, "required", "An export needs the header Prefer: respond-async.")
        if request.method == "POST":
            pairs += pairs_of(await posted_resource(request))
        asked = understand(pairs, access.letters, lenient="handling=lenient" in wishes)
        query = urlsplit(str(request.url)).query
        address = f"{self.base}/Group/{request.path_params['id']}/$export"
        address = f"{address}?{query}" if query else address

        def begin() -> str:
            group = self.charts().read("Group", request.path_params["id"])
            if group is None:
                raise Refused(404, "not-found", "There is no such Group.")
            return self.exports.begin(asked, group.resource(), client=access.app, request=address)

        job = await run_in_threadpool(begin)
        return Response(status_code=202, headers={"Content-Location": f"{self.base}/bulk/{job}"})

    # --- how it stands ------------------------------------------------------------------------

    def _status(self, request: Request) -> Response:
        job, now = self._job(request), self.clock()
        done = job.progress(now)
        if done is not None:
            seconds = math.ceil((job.ready_at - now).total_seconds())
            return Response(
                status_code=202,
                headers={
                    "Retry-After": str(max(1, seconds)),
                    "X-Progress": f"{int(100 * done)} % of the records written",
                },
            )
        return Response(
            json_text.write(self._manifest(job)),
            media_type="application/json",
            headers={"Expires": format_datetime(job.ends_at, usegmt=True)},
        )

    def _manifest(self, job: Job) -> Resource:
        at = job.asked_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "transactionTime": at,
            "request": job.request,
            "requiresAccessToken": True,
            "output": [self._described(job, file) for file in job.files],
            "error": [self._described(job, file) for file in job.problems],
        }

    def _described(self, job: Job, file: File) -> Resource:
        url = f"{self.base}/bulk/{job.id}/{file.name}"
        return {"type": file.type, "url": url, "count": file.rows}

    def _give_back(self, request: Request) -> Response:
        self.exports.forget(self._job(request))
        return Response(status_code=202)

    # --- its files ----------------------------------------------------------------------------

    def _file(self, request: Request) -> Response:
        access, name = _system(request), request.path_params["file"]
        job = self.exports.get(request.path_params["job"], client=access.app)
        found = [] if job is None else [*job.files, *job.problems]
        file = next((one for one in found if one.name == name), None)
        if job is None or file is None or job.progress(self.clock()) is not None:
            raise Refused(404, "not-found", "There is no such file of an export.")
        if file in job.files:
            access.require(file.type, "r")
        text = self.exports.text(job, name)
        if text is None:
            raise Refused(404, "not-found", "There is no such file of an export.")
        headers = {"Vary": "Accept-Encoding"}
        body = text.encode()
        if _takes_gzip(request.headers):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=NDJSON, headers=headers)

    def _job(self, request: Request) -> Job:
        """The export of an address: this client's, and only for a token with all of its types."""
        access = _system(request)
        job = self.exports.get(request.path_params["job"], client=access.app)
        if job is None:
            raise Refused(404, "not-found", "There is no such export.")
        for name in job.types:
            access.require(name, "r")
        return job


def _system(request: Request) -> Access:
    access = accesses.of(request)
    if not access.is_system:
        raise Refused(403, "forbidden", "Only a system exports, by Backend Services.")
    return access


def _wishes(headers: Headers) -> set[str]:
    """The preferences of a request (RFC 7240), without their spaces."""
    said = ",".join(headers.getlist("prefer"))
    return {wish.replace(" ", "").lower() for wish in re.split(r"[,;]", said)}


def _takes_gzip(headers: Headers) -> bool:
    for one in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() == "gzip":
            return not re.fullmatch(r"\s*q=0(?:\.0*)?\s*", weight)
    return False
