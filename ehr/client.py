"""Asynchronous FHIR reads and writes over httpx2 with the token of one launch.

The token goes to the EHR's own origin and path (`ehr.guard`). Answers are read up to a limit of
bytes, pages and seconds; what is cut off is said, never silently dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from ehr import answers, guard
from ehr.decode import encode
from ehr.errors import EhrError, Unreachable, Unusable, from_status
from ehr.read.json import as_list, as_object

Resource = dict[str, Any]

FHIR_JSON = "application/fhir+json"
MOST_PAGES = 40
MOST_BYTES = 20_000_000
SECONDS_PER_ANSWER = 20.0
_MOST_REDIRECTS = 3
_PAUSE_SECONDS = 0.2
_PASSING = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class Found:
    """All pages of a search as one searchset; `incomplete` says why it is not all."""

    bundle: Resource = field(repr=False)
    pages: int
    incomplete: str | None = None


class EhrClient:
    """One EHR with one token. `http` must not follow redirects; it is closed by its owner."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        base: str,
        token: str | None,
        *,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS_PER_ANSWER,
    ) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._token = token
        self._most_bytes = most_bytes
        self._seconds = seconds

    async def read(self, reference: str) -> Resource:
        """The resource of "Type/id". Raises EhrError; also when the answer is another type."""
        if guard.local_reference(self._base, reference) != reference:
            raise Unusable("the reference does not name a record of this EHR")
        body, _ = await self._get(f"{self._base}/{reference}")
        return answers.checked(body, reference)

    async def metadata(self) -> Resource:
        """The CapabilityStatement. Raises EhrError."""
        body, _ = await self._get(f"{self._base}/metadata")
        if body.get("resourceType") != "CapabilityStatement":
            raise Unusable("the EHR's metadata is no CapabilityStatement")
        return body

    async def search(
        self, kind: str, parameters: Mapping[str, str], *, most_pages: int = MOST_PAGES
    ) -> Found:
        """All pages of a search. Raises EhrError when not even the first page came.

        What is missing behind the first page is said in `incomplete`.
        """
        address = f"{self._base}/{kind}?{urlencode(parameters)}"
        entries: list[Any] = []
        total: object = None
        seen = {address}
        pages = 0
        incomplete: str | None = None
        while True:
            try:
                page, address = await self._get(address)
                if page.get("resourceType") != "Bundle":
                    raise Unusable("the EHR answered a search with something else than a Bundle")
            except EhrError as error:
                if not pages:
                    raise
                incomplete = f"page {pages + 1} could not be read ({error})"
                break
            pages += 1
            entries += as_list(page.get("entry"))
            total = page.get("total", total)
            try:
                following = guard.next_page(self._base, address, page)
            except guard.Elsewhere as error:
                incomplete = f"its next page was not followed: {error}"
                break
            if following is None:
                break
            if following in seen:
                incomplete = "its pages lead in a circle"
                break
            if pages >= most_pages:
                incomplete = f"only its first {most_pages} pages were read"
                break
            seen.add(following)
            address = following
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        if total is not None:
            bundle["total"] = total
        return Found(bundle, pages, incomplete)

    async def transaction(self, entries: Sequence[Mapping[str, Any]]) -> Resource:
        """Send a transaction Bundle; the response Bundle. Raises EhrError.

        It is sent once, whatever happens: after Unreachable nobody knows whether it took effect.
        """
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        status, _, body = await self._exchange("POST", self._base, encode(bundle))
        if not 200 <= status < 300:
            raise from_status(status, body)
        if as_object(body).get("resourceType") != "Bundle":
            raise Unusable("the EHR answered the transaction with something else than a Bundle")
        return as_object(body)

    async def _get(self, address: str) -> tuple[Resource, str]:
        """A resource, and the address that answered (after redirects within the EHR)."""
        for _ in range(_MOST_REDIRECTS):
            status, location, body = await self._patiently(address)
            if status in (301, 302, 303, 307, 308) and location is not None:
                try:
                    address = guard.within(self._base, location, relative_to=address)
                except guard.Elsewhere as error:
                    raise Unusable(f"a redirect of the EHR was not followed: {error}") from None
                continue
            return answers.resource_of(status, body), address
        raise Unusable("the EHR redirects too often")

    async def _patiently(self, address: str) -> tuple[int, str | None, object]:
        """A read may be asked twice: a passing failure of the way is not yet a gap."""
        try:
            answer = await self._exchange("GET", address)
            if answer[0] not in _PASSING:
                return answer
        except Unreachable as error:
            if error.status == 0:  # It took all its time: another turn would take it again.
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
        return await self._exchange("GET", address)

    async def _exchange(
        self, method: str, address: str, content: bytes | None = None
    ) -> tuple[int, str | None, object]:
        """One request and its whole answer: status, Location, decoded body."""
        headers = {"Accept": FHIR_JSON}
        if content is not None:
            headers |= {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
        self._check(address)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._http.stream(
                    method, address, headers=headers, content=content, follow_redirects=False
                ) as response,
            ):
                raw = bytearray()
                async for chunk in response.aiter_bytes():
                    raw += chunk
                    if len(raw) > self._most_bytes:
                        raise Unusable("the EHR's answer is larger than what is read")
                status, location = response.status_code, response.headers.get("location")
        except TimeoutError:
            raise Unreachable("the EHR did not answer in time", status=0) from None
        except httpx2.TimeoutException:
            raise Unreachable("the EHR did not answer in time", status=0) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
            # Its message may hold the address, and with it who the patient is.
            raise Unreachable("the EHR could not be reached") from None
        return status, location, answers.decoded(bytes(raw), status)

    def _check(self, address: str) -> None:
        """The last look before the token leaves, by the parser that will send it."""
        try:
            guard.within(self._base, address)
        except guard.Elsewhere as error:
            raise Unusable(str(error)) from None
        sent = httpx2.URL(address)
        if sent.host != urlsplit(self._base).hostname or sent.userinfo:
            raise Unusable("the address leads to another server")
