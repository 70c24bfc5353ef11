"""The guard of the FHIR door: an access token allows its scopes, in its patient's compartment.

A system's token (Backend Services) has no patient: it reads and searches the types of its scopes,
exports them, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from ..records import access as accesses
from ..records import json_text
from ..records.access import Access, is_of_a_patient
from ..records.api import refusal
from ..records.json_text import Resource
from ..records.outcome import Refused
from ..records.parameters import PARAMETERS
from ..records.question import understand
from ..records.store import Charts
from ..web import whole_answer
from .ledger import Kind, Ledger
from .scopes import PATIENT, SYSTEM, letters_by_type

_OPEN = ("/fhir/metadata", "/fhir/.well-known/")
_EXPORT = "$export"
_EXPORTED = "bulk"
_READING = ("GET", "HEAD")


class NotSignedIn(Refused):
    """No token, or one that is good no more (RFC 6750, 3.1)."""


@dataclass(frozen=True, slots=True)
class FhirGuard:
    """ASGI middleware over /fhir; everything else passes.

    `open_fhir` lets reads without a token pass: the sandbox's own pages and the prefetch of its
    hooks need them, and nothing in it is secret. Writing always needs a token.
    """

    app: ASGIApp
    ledger: Ledger
    charts: Callable[[], Charts]
    base: str
    open_fhir: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if it may be answered."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == "/fhir" or path.startswith("/fhir/")):
            await self.app(scope, receive, send)
            return
        try:
            access = await run_in_threadpool(self._access, scope)
            if access is None:
                await self.app(scope, receive, send)
                return
            accesses.give(scope, access)
            await self._pass(scope, receive, send, access)
        except Refused as refused:
            response = refusal(refused)
            if isinstance(refused, NotSignedIn):
                is_bad = "authorization" in Headers(scope=scope)
                response.headers["WWW-Authenticate"] = (
                    'Bearer error="invalid_token"' if is_bad else "Bearer"
                )
            elif refused.status == 403:
                response.headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
            await response(scope, receive, send)

    def _access(self, scope: Scope) -> Access | None:
        """What the token allows; None for an open request without one. Raises NotSignedIn."""
        path, method = scope["path"], scope["method"]
        headers = Headers(scope=scope).getlist("authorization")
        if not headers:
            is_read = method in _READING or (method == "POST" and path.endswith("/_search"))
            if path.startswith(_OPEN):
                return None
            if self.open_fhir and is_read and not _is_bulk(_parts(path)):
                return None
            raise NotSignedIn(401, "login", "This needs an access token.")
        kind, _, token = headers[0].partition(" ")
        entry = None
        if len(headers) == 1 and kind.lower() == "bearer":
            entry = self.ledger.look(Kind.ACCESS, token.strip())
        if entry is None or not entry.is_good:
            raise NotSignedIn(401, "login", "The access token is not known, revoked or expired.")
        said = entry.said
        is_system = said.get("system") is True
        letters = dict(letters_by_type(said["scopes"], SYSTEM if is_system else PATIENT))
        return Access(letters, said.get("patient"), said.get("user", ""), said["client"], is_system)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, access: Access) -> None:
        parts, method = _parts(scope["path"]), scope["method"]
        if scope["path"].startswith(_OPEN):
            await self.app(scope, receive, send)
        elif _is_bulk(parts):  # what of it is whose, and of which types, the export looks at
            if not access.is_system:
                raise Refused(403, "forbidden", "Only a system exports, by Backend Services.")
            await self.app(scope, receive, send)
        elif method in _READING and len(parts) == 2 and parts[0] in PARAMETERS:
            await run_in_threadpool(self._check_read, parts[0], parts[1], access)
            await self.app(scope, receive, send)
        elif _is_search(method, parts):
            access.require(parts[0], "s")
            await self._search(self._narrowed(scope, parts[0], access), receive, send, access)
        elif access.is_system and method not in _READING:
            raise Refused(403, "forbidden", "A system reads here and writes nothing.")
        else:  # writes look at the access themselves; what is nothing at all is a 404
            await self.app(scope, receive, send)

    def _check_read(self, resource_type: str, resource_id: str, access: Access) -> None:
        if f"{resource_type}/{resource_id}" == access.user:
            return  # whom the id_token names can be read
        access.require(resource_type, "r")
        stored = self.charts().read(resource_type, resource_id)
        if stored is not None and not access.may_see(stored.resource(), self.base):
            # The same words as for what does not exist: the app learns nothing of other patients.
            raise Refused(404, "not-found", f"There is no such {resource_type}.")

    def _narrowed(self, scope: Scope, resource_type: str, access: Access) -> Scope:
        """The search, with the patient as one more condition: it can only find less."""
        if access.is_system or not is_of_a_patient(resource_type):
            return scope
        if access.patient_id is None:
            raise Refused(403, "forbidden", "The app was given no patient.")
        more = f"{_condition(resource_type)}={quote(access.patient_id)}".encode()
        query = scope["query_string"]
        return {**scope, "query_string": query + b"&" + more if query else more}

    async def _search(self, scope: Scope, receive: Receive, send: Send, access: Access) -> None:
        """Pass a search on, and take out of its answer what the app may not see."""
        start, body = await whole_answer(self.app, scope, receive)
        if start["status"] == 200:
            resource_type = _parts(scope["path"])[0]
            body = await run_in_threadpool(self._only_visible, resource_type, body, access)
            MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _only_visible(self, resource_type: str, body: bytes, access: Access) -> bytes:
        bundle: Resource = json_text.read(body)
        self._check_question(resource_type, bundle, access)
        entries = bundle.get("entry", [])
        kept = [entry for entry in entries if self._is_visible(entry, access)]
        if len(kept) == len(entries):
            return body
        if kept:
            bundle["entry"] = kept
        else:
            bundle.pop("entry")
        return json_text.write(bundle).encode()

    def _check_question(self, resource_type: str, bundle: Resource, access: Access) -> None:
        """A page address of an app's own making could ask about somebody else: it is refused."""
        if access.is_system or not is_of_a_patient(resource_type):
            return
        (asked,) = (link["url"] for link in bundle["link"] if link["relation"] == "self")
        pairs = parse_qsl(urlsplit(asked).query, keep_blank_values=True)
        question = understand(resource_type, pairs, base=self.base, strict=False)
        if (_condition(resource_type), access.patient_id) not in question.understood:
            raise Refused(403, "forbidden", "This page is not one of a search of this app.")

    def _is_visible(self, entry: dict[str, Any], access: Access) -> bool:
        resource = entry["resource"]
        letter = "s" if entry["search"]["mode"] == "match" else "r"
        return access.allows(resource["resourceType"], letter) and access.may_see(
            resource, self.base
        )


def _condition(resource_type: str) -> str:
    """The search parameter that names whose record it is."""
    return "_id" if resource_type == "Patient" else "patient"


def _parts(path: str) -> list[str]:
    return path.removeprefix("/fhir").strip("/").split("/")


def _is_bulk(parts: list[str]) -> bool:
    """Whether an address is about an export: asking for one, its state or its files."""
    return parts[0] in (_EXPORTED, _EXPORT) or parts[-1] == _EXPORT


def _is_search(method: str, parts: list[str]) -> bool:
    if parts[0] not in PARAMETERS:
        return False
    return (method in _READING and len(parts) == 1) or (
        method == "POST" and len(parts) == 2 and parts[1] == "_search"
    )
