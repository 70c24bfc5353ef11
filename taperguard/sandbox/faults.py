"""Faults on demand: this EHR answers as badly as real ones do, where somebody tells it to.

`PUT /sandbox/faults` takes JSON such as

    {"faults": [{"type": "Condition", "do": "slow", "seconds": 2, "times": 1}],
     "without_prefetch": ["conditions"]}

`type` is a resource type (without one: every FHIR request), `times` how many requests are spoilt
(without: all). `without_prefetch` holds keys of the prefetch back from the services, or `["*"]` all
of it. GET tells what is in force, DELETE ends it. Nothing of it survives a restart.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .records import json_text
from .records.outcome import Refused, outcome
from .web import whole_answer

STATUSES = ("429", "500", "503")
KINDS = (
    *STATUSES,
    "slow",
    "hang",
    "html",
    "truncated",
    "endless",
    "evil-next",
    "elsewhere",
    "outcome",
)
"""What can be done to an answer; the README says what each is."""

ELSEWHERE = "http://elsewhere.invalid/fhir"
_LONGEST_SECONDS = 60.0
_PAGE = "_endless"
_LARGEST_BODY = 65_536


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `seconds` is how long "slow" takes, and what Retry-After says with 429 and 503."""

    do: str
    type: str | None = None
    seconds: float = 1.0
    times: int | None = None


class Faults:
    """What is in force. For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._held_back: frozenset[str] = frozenset()

    def set(self, wanted: Any) -> None:
        """Put these in force instead of all others. Raises Refused (400)."""
        if not isinstance(wanted, dict) or wanted.keys() - {"faults", "without_prefetch"}:
            raise _bad("An object with faults and without_prefetch is expected.")
        listed = wanted.get("faults", [])
        held_back = wanted.get("without_prefetch", [])
        if not isinstance(listed, list) or not isinstance(held_back, list):
            raise _bad("faults and without_prefetch are lists.")
        if not all(isinstance(key, str) for key in held_back):
            raise _bad("without_prefetch lists keys of the prefetch.")
        faults = [_fault(one) for one in listed]
        with self._lock:
            self._faults, self._held_back = faults, frozenset(held_back)

    def told(self) -> dict[str, Any]:
        """What is in force, as it is set."""
        with self._lock:
            faults = [
                {name: value for name, value in asdict(one).items() if value is not None}
                for one in self._faults
            ]
            return {"faults": faults, "without_prefetch": sorted(self._held_back)}

    def supplies(self, prefetch_key: str) -> bool:
        """Whether this EHR fills a prefetch template."""
        with self._lock:
            return not self._held_back & {prefetch_key, "*"}

    def next_for(self, resource_type: str) -> Fault | None:
        """The fault of a request for this type; from now on it has happened once more."""
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.type not in (None, resource_type):
                    continue
                if fault.times == 1:
                    del self._faults[number]
                elif fault.times is not None:
                    self._faults[number] = replace(fault, times=fault.times - 1)
                return fault
        return None


def _fault(said: Any) -> Fault:
    names = {"do", "type", "seconds", "times"}
    if not isinstance(said, dict) or said.keys() - names or said.get("do") not in KINDS:
        raise _bad(f"A fault has do (one of {', '.join(KINDS)}), type, seconds and times.")
    kind, seconds, times = said.get("type"), said.get("seconds", 1), said.get("times")
    if kind is not None and not isinstance(kind, str):
        raise _bad("type is a resource type.")
    is_number = isinstance(seconds, int | Decimal) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= _LONGEST_SECONDS:
        raise _bad(f"seconds is a number up to {_LONGEST_SECONDS:.0f}.")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise _bad("times is a whole number above zero.")
    return Fault(said["do"], kind, float(seconds), times)


def _bad(sentence: str) -> Refused:
    return Refused(400, "value", sentence)


def routes(faults: Faults) -> list[Route]:
    """Where faults are set, told and ended."""

    async def door(request: Request) -> Response:
        if request.method == "PUT":
            # JSON alone: a page of another site may not send that without asking first.
            said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            body = await request.body()
            if said != "application/json" or len(body) > _LARGEST_BODY:
                raise Refused(415, "not-supported", "Faults are set with application/json.")
            try:
                wanted = json_text.read(body)
            except (ValueError, RecursionError) as unreadable:
                raise _bad("The body is no JSON.") from unreadable
            faults.set(wanted)
        elif request.method == "DELETE":
            faults.set({})
        return JSONResponse(faults.told())

    return [Route("/sandbox/faults", door, methods=["GET", "PUT", "DELETE"])]


@dataclass(frozen=True, slots=True)
class FaultyFhir:
    """ASGI middleware in front of /fhir, before anybody looks at the token."""

    app: ASGIApp
    faults: Faults
    base: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or spoil it."""
        path = scope.get("path", "")
        fault = None
        if scope["type"] == "http" and path.startswith("/fhir/"):
            fault = self.faults.next_for(path.removeprefix("/fhir/").partition("/")[0])
        if fault is None:
            await self.app(scope, receive, send)
            return
        match fault.do:
            case "slow":
                await asyncio.sleep(fault.seconds)
                await self.app(scope, receive, send)
            case "hang":
                await _until_gone(receive)
            case "truncated" | "endless" | "evil-next":
                await self._spoil(fault.do, scope, receive, send)
            case _:
                await _instead(fault)(scope, receive, send)

    async def _spoil(self, do: str, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await whole_answer(self.app, scope, receive)
        if start["status"] == 200:
            body = body[: len(body) // 2] if do == "truncated" else self._linked(do, scope, body)
            MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _linked(self, do: str, scope: Scope, body: bytes) -> bytes:
        """A searchset with one more `next` link: to the same page again, or to another server."""
        bundle: Any = json_text.read(body)
        if bundle.get("resourceType") != "Bundle":
            return body
        asked = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        number = int(asked.pop(_PAGE, "1")) + 1
        base = self.base if do == "endless" else ELSEWHERE
        kind = scope["path"].removeprefix("/fhir/")
        following = f"{base}/{kind}?{urlencode({**asked, _PAGE: number})}"
        links = [link for link in bundle.get("link", []) if link["relation"] != "next"]
        bundle["link"] = [*links, {"relation": "next", "url": following}]
        return json_text.write(bundle).encode()


def _instead(fault: Fault) -> Response:
    """An answer in place of the right one."""
    if fault.do == "html":
        return Response("<html><body>Please sign in.</body></html>", media_type="text/html")
    if fault.do == "elsewhere":
        return RedirectResponse(f"{ELSEWHERE}/Patient", status_code=302)
    status = int(fault.do) if fault.do in STATUSES else 200
    code = {429: "throttled", 503: "transient", 500: "exception"}.get(status, "processing")
    headers: Mapping[str, str] = {}
    if status in (429, 503):
        headers = {"Retry-After": f"{fault.seconds:.0f}"}
    body = json_text.write(outcome(code, "This fault was asked for."))
    return Response(body, status, dict(headers), "application/fhir+json")


async def _until_gone(receive: Receive) -> None:
    """Nothing is answered until whoever asked gives up, or a minute has passed."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), _LONGEST_SECONDS)
    except TimeoutError:
        return
