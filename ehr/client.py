"""Asynchronous FHIR reads and writes over httpx2 with the token of one launch or one hook.

The token goes to the EHR's own origin and path (`ehr.guard`). Answers are read up to a limit of
bytes, pages and seconds; what is cut off is said, never silently dropped. No exception here holds
an address or words of the EHR: they tell who the patient is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from ehr import answers, guard, network
from ehr.breaker import Breaker
from ehr.decode import encode
from ehr.errors import EhrError, RefusedByEhr, Unreachable, Unusable, from_status
from ehr.pace import retry_after
from ehr.quirks import as_understood
from ehr.read.json import as_list, as_object

Resource = dict[str, Any]

FHIR_JSON = "application/fhir+json"
MOST_PAGES = 40
MOST_BYTES = 20_000_000
SECONDS_PER_ANSWER = 20.0
SECONDS_IN_ALL = 120.0
_MOST_REDIRECTS = 3
_PAUSE_SECONDS = 0.2
_PASSING = (502, 503, 504)
_BUSY = (429, 503)
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be read. `seconds_in_all` is for everything that one client is used for."""

    most_bytes: int = MOST_BYTES
    seconds: float = SECONDS_PER_ANSWER
    seconds_in_all: float = SECONDS_IN_ALL


@dataclass(frozen=True, slots=True)
class Found:
    """All pages of a search as one searchset; `incomplete` says why it is not all."""

    bundle: Resource = field(repr=False)
    pages: int
    incomplete: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """A whole answer: status, headers, decoded body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: object = field(repr=False)


class EhrClient:
    """One EHR with one token, for one piece of work. `http` must not follow redirects; it is closed
    by its owner.

    `quirks` are those of the registration. With a `breaker` an EHR that has failed again and again
    is not asked. `seconds_now` counts from any beginning.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        base: str,
        token: str | None,
        *,
        limits: Limits | None = None,
        quirks: Collection[str] = (),
        breaker: Breaker | None = None,
        seconds_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._token = token
        self._limits = limits or Limits()
        self._quirks = quirks
        self._breaker = breaker
        self._seconds_now = seconds_now
        self._until = seconds_now() + self._limits.seconds_in_all

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
        asked = as_understood(parameters, self._quirks)
        if len(asked) == 1:
            return await self._search(kind, asked[0], most_pages)
        parts = (self._search(kind, one, most_pages) for one in asked)
        return _joined(await asyncio.gather(*parts, return_exceptions=True))

    async def _search(self, kind: str, parameters: Mapping[str, str], most_pages: int) -> Found:
        address = f"{self._base}/{kind}?{urlencode(parameters)}"
        page, answered_at = await self._page(address)
        return await self._rest(page, answered_at, {address}, most_pages)

    async def rest_of(self, first_page: Resource, *, most_pages: int = MOST_PAGES) -> Found:
        """A searchset that somebody else was given the first page of, with all its pages.

        Never raises for what the EHR does: what cannot be read is said in `incomplete`.
        """
        return await self._rest(first_page, f"{self._base}/", set(), most_pages)

    async def _rest(
        self, page: Resource, answered_at: str, seen: set[str], most_pages: int
    ) -> Found:
        """A page of a search and all that follow it."""
        entries = as_list(page.get("entry")).copy()
        total = page.get("total")
        pages = 1
        incomplete: str | None = None
        while True:
            try:
                following = guard.next_page(self._base, answered_at, page)
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
            try:
                page, answered_at = await self._page(following)
            except EhrError as error:
                incomplete = f"page {pages + 1} could not be read ({error})"
                break
            pages += 1
            entries += as_list(page.get("entry"))
            total = page.get("total", total)
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        if total is not None:
            bundle["total"] = total
        return Found(bundle, pages, incomplete)

    async def _page(self, address: str) -> tuple[Resource, str]:
        page, answered_at = await self._get(address)
        if page.get("resourceType") != "Bundle":
            raise Unusable("the EHR answered a search with something else than a Bundle")
        return page, answered_at

    async def transaction(self, entries: Sequence[Mapping[str, Any]]) -> Resource:
        """Send a transaction Bundle; the response Bundle. Raises EhrError.

        It is sent once, whatever happens: after Unreachable nobody knows whether it took effect.
        """
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        answer = await self._exchange("POST", self._base, encode(bundle))
        if not 200 <= answer.status < 300:
            raise from_status(answer.status, answer.body)
        if as_object(answer.body).get("resourceType") != "Bundle":
            raise Unusable("the EHR answered the transaction with something else than a Bundle")
        return as_object(answer.body)

    async def _get(self, address: str) -> tuple[Resource, str]:
        """A resource, and the address that answered (after redirects within the EHR)."""
        for _ in range(_MOST_REDIRECTS):
            answer = await self._patiently(address)
            location = answer.headers.get("location")
            if answer.status in _REDIRECTS and location is not None:
                try:
                    address = guard.within(self._base, location, relative_to=address)
                except guard.Elsewhere as error:
                    raise Unusable(f"a redirect of the EHR was not followed: {error}") from None
                continue
            return answers.resource_of(answer.status, answer.body), address
        raise Unusable("the EHR redirects too often")

    async def _patiently(self, address: str) -> _Answer:
        """A read may be asked twice: a passing failure of the way is not yet a gap.

        Where the EHR says how long to wait it is waited for if there is time for it at all.
        """
        wait: float | None = None
        try:
            answer = await self._exchange("GET", address)
        except Unreachable as error:
            if error.status == 0:  # It took all its time: another turn would take it again.
                raise
        else:
            if answer.status in _BUSY:
                said = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
                wait = None if said is None else said.total_seconds()
            if wait is None and answer.status not in _PASSING:
                return answer
            if wait is not None and wait >= self._left():
                why = from_status(answer.status, answer.body)
                raise RefusedByEhr(
                    f"{why}, and asks to wait {wait:.0f} s, for which there is no time",
                    status=answer.status,
                    said=why.said,
                )
        await asyncio.sleep(min(_PAUSE_SECONDS, self._left() / 4) if wait is None else wait)
        return await self._exchange("GET", address)

    def _left(self) -> float:
        return self._until - self._seconds_now()

    async def _exchange(self, method: str, address: str, content: bytes | None = None) -> _Answer:
        """One request and its whole answer, where there is time and the breaker lets it pass."""
        self._check(address)
        seconds = min(self._limits.seconds, self._left())
        if seconds <= 0:
            raise Unreachable("the EHR did not answer in time", status=0)
        if self._breaker is not None and not self._breaker.lets_pass(self._seconds_now()):
            raise Unreachable(
                "the EHR has failed several times in a row and is not asked for a while", status=0
            )
        try:
            answer = await self._send(method, address, content, seconds)
        except EhrError as error:
            # What began when the time was nearly up says nothing of the EHR.
            cut_short = error.status == 0 and seconds < self._limits.seconds_in_all / 2
            if not cut_short:
                self._note(answered=False)
            raise
        self._note(answered=answer.status < 500 and answer.status != 429)
        return answer

    def _note(self, *, answered: bool) -> None:
        if self._breaker is not None:
            self._breaker.note(answered=answered, now=self._seconds_now())

    async def _send(
        self, method: str, address: str, content: bytes | None, seconds: float
    ) -> _Answer:
        headers = {"Accept": FHIR_JSON}
        if content is not None:
            headers |= {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.stream(
                    method, address, headers=headers, content=content, follow_redirects=False
                ) as response,
            ):
                raw = bytearray()
                async for chunk in response.aiter_bytes():
                    raw += chunk
                    if len(raw) > self._limits.most_bytes:
                        raise Unusable("the EHR's answer is larger than what is read")
                status, said = response.status_code, dict(response.headers)
        except TimeoutError:
            raise Unreachable("the EHR did not answer in time", status=0) from None
        except httpx2.TimeoutException:
            raise Unreachable("the EHR did not answer in time", status=0) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            # Its message may hold the address, and with it who the patient is.
            if network.is_refusal(error):
                raise Unreachable(
                    "the EHR's name leads to an address that its registration does not allow",
                    status=0,
                ) from None
            raise Unreachable("the EHR could not be reached") from None
        return _Answer(status, said, answers.decoded(bytes(raw), status))

    def _check(self, address: str) -> None:
        """The last look before the token leaves, by the parser that will send it."""
        try:
            guard.within(self._base, address)
        except guard.Elsewhere as error:
            raise Unusable(str(error)) from None
        sent = httpx2.URL(address)
        if sent.host != urlsplit(self._base).hostname or sent.userinfo:
            raise Unusable("the address leads to another server")


def _joined(parts: Sequence[Found | BaseException]) -> Found:
    """Searches of one list, one code each, as one searchset: what is missing of any is missing.

    Raises EhrError when no part came.
    """
    found = [part for part in parts if isinstance(part, Found)]
    missing = [part.incomplete for part in found if part.incomplete is not None]
    for error in parts:
        if isinstance(error, BaseException):
            if not found or not isinstance(error, EhrError):
                raise error
            missing.append(f"one of its codes could not be read ({error})")
    entries = [entry for part in found for entry in part.bundle["entry"]]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    pages = sum(part.pages for part in found)
    return Found(bundle, pages, "; ".join(dict.fromkeys(missing)) or None)
