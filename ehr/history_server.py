"""A FHIR server for background reads, on fhirclient: its searches and paging, our guard.

fhirclient builds the search and turns its pages. It does not get what it would do wrong: it
sends the token along any `next` link and redirect, has no time-outs, reads without a limit and
takes proxies from the environment. So every request goes through `_fetch` here, every address
through `ehr.guard`, and its models see only the skeleton of a page (its type and its checked
next link): they turn doses into floats and raise on shapes that real EHRs send. The records
themselves are decoded by `ehr.decode` and go to our own tolerant reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from fhirclient.models.fhirsearch import FHIRSearch
from fhirclient.server import FHIRServer

from ehr import answers, guard
from ehr.client import FHIR_JSON, Found
from ehr.errors import EhrError, Unreachable, Unusable
from ehr.quirks import as_understood
from ehr.read.json import as_list
from ehr.worker_network import GuardedAdapter

Resource = dict[str, Any]

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_BUSY = (429, 503)
_PASSING = (502, 504)
_TRIES = 3
_LONGEST_PAUSE_SECONDS = 10.0
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Limits:
    """What one background read may cost. `seconds` and `most_bytes` are for all of it."""

    seconds: float = 150.0
    most_bytes: int = 60_000_000
    most_bytes_a_page: int = 20_000_000
    most_pages: int = 400
    connect_seconds: float = 5.0
    silent_seconds: float = 15.0


class _Kind:
    """What FHIRSearch wants to know of a resource's model: its name."""

    def __init__(self, resource_type: str) -> None:
        self.resource_type = resource_type


class HistoryServer(FHIRServer):  # type: ignore[misc]  # fhirclient publishes no types
    """One EHR, read with a Backend Services token. Used for one patient by one thread.

    `token` gives the access token; its argument tells that the EHR rejected the last one.
    `private_hosts` may lie in a private network (`Registry.private_hosts`).
    `before_each` is called before each request (a lease is renewed there) and may raise to stop.
    """

    def __init__(
        self,
        base: str,
        token: Callable[[bool], str],
        *,
        private_hosts: Collection[str],
        limits: Limits | None = None,
        quirks: Collection[str] = (),
        before_each: Callable[[], None] = lambda: None,
        seconds_now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(None, base_uri=base)
        self.session = requests.Session()
        # No proxies, no .netrc and no certificates from the environment: a .netrc entry would
        # even replace our Authorization header.
        self.session.trust_env = False
        guarded = GuardedAdapter(private_hosts)
        self.session.mount("https://", guarded)
        self.session.mount("http://", guarded)
        self._base = base.rstrip("/")
        self._new_token = token
        self._token: str | None = None
        self._limits = limits or Limits()
        self._quirks = quirks
        self._before_each = before_each
        self._seconds_now = seconds_now
        self._pause = pause
        self._until = seconds_now() + self._limits.seconds
        self._bytes = 0
        self._page: Resource = {}
        self._cut: str | None = None
        self._asked: set[str] = set()
        self.pages = 0

    def close(self) -> None:
        """Give up connections."""
        self.session.close()

    # What is asked of an EHR here.

    def read(self, reference: str) -> Resource:
        """The resource of "Type/id". Raises EhrError; also when the answer is another one."""
        if guard.local_reference(self._base, reference) != reference:
            raise Unusable("the reference does not name a record of this EHR")
        resource, _ = self._fetch(f"{self._base}/{reference}")
        return answers.checked(resource, reference)

    def search(self, kind: str, parameters: Mapping[str, str]) -> Found:
        """All pages of a search. Raises EhrError when not even the first page came.

        What is missing behind the first page is said in `incomplete`.
        """
        entries: list[Any] = []
        total: object = None
        pages = 0
        self._cut, self._asked = None, set()
        # No background read searches by code: what is asked is one search (`ehr.history_read`).
        (asked,) = as_understood(parameters, self._quirks)
        turning = FHIRSearch(_Kind(kind), dict(asked)).perform_iter(self)
        while True:
            try:
                if next(turning, None) is None:
                    break
            except EhrError as error:
                if not pages:
                    raise
                self._cut = f"page {pages + 1} could not be read ({error})"
                break
            pages += 1
            entries += as_list(self._page.get("entry"))
            total = self._page.get("total", total)
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        if total is not None:
            bundle["total"] = total
        return Found(bundle, pages, self._cut)

    # What fhirclient asks of its server.

    def request_json(self, path: str, nosign: bool = False) -> Resource:  # noqa: ARG002
        """A page of a search for fhirclient: only what it needs to turn to the next.

        The page itself is kept in decimals for `search`. Raises EhrError.
        """
        address = guard.joined(f"{self._base}/", path)
        self._asked.add(address)
        page, answered_at = self._fetch(address)
        if page.get("resourceType") != "Bundle":
            raise Unusable("the EHR answered a search with something else than a Bundle")
        self._page = page
        self.pages += 1
        following = self._next(answered_at, page)
        links = [] if following is None else [{"relation": "next", "url": following}]
        return {"resourceType": "Bundle", "type": "searchset", "link": links}

    def _next(self, answered_at: str, page: Resource) -> str | None:
        """The next page of this EHR's own; where there should be one and is not, `_cut` says."""
        try:
            following = guard.next_page(self._base, answered_at, page)
        except guard.Elsewhere as error:
            self._cut = f"its next page was not followed: {error}"
            return None
        if following is None:
            return None
        if following in self._asked:
            self._cut = "its pages lead in a circle"
        elif self.pages >= self._limits.most_pages:
            self._cut = f"only {self._limits.most_pages} pages were read"
        else:
            return following
        return None

    def _get(self, path: str, headers: object = None, nosign: bool = False) -> Any:  # noqa: ARG002
        raise Unusable("this server reads FHIR resources only")

    put_json = post_json = post_as_form = delete_json = _get

    # The way to the EHR.

    def _fetch(self, address: str) -> tuple[Resource, str]:
        """A resource, and the address that answered (after redirects within the EHR)."""
        for _ in range(_MOST_REDIRECTS):
            status, location, body = self._patiently(address)
            if status in _REDIRECTS and location is not None:
                try:
                    address = guard.within(self._base, location, relative_to=address)
                except guard.Elsewhere as error:
                    raise Unusable(f"a redirect of the EHR was not followed: {error}") from None
                continue
            return answers.resource_of(status, body), address
        raise Unusable("the EHR redirects too often")

    def _patiently(self, address: str) -> tuple[int, str | None, object]:
        """One answer; a busy EHR is given time, a token that it rejects is replaced once."""
        renewed = False
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            try:
                status, headers, body = self._exchange(address)
            except Unreachable:
                if last or self._left() <= 0:
                    raise
                self._rest(attempt)
                continue
            if status == 401 and not renewed:
                renewed, self._token = True, self._new_token(True)
            elif status in (*_BUSY, *_PASSING) and not last:
                self._rest(_seconds(headers.get("retry-after")) or attempt)
            else:
                return status, headers.get("location"), body
        return status, headers.get("location"), body

    def _rest(self, seconds: float) -> None:
        self._pause(max(0.0, min(seconds, _LONGEST_PAUSE_SECONDS, self._left())))

    def _left(self) -> float:
        return self._until - self._seconds_now()

    def _exchange(self, address: str) -> tuple[int, Mapping[str, str], object]:
        """One request and its whole answer: status, headers, decoded body."""
        self._check(address)
        if self._left() <= 0:
            raise Unreachable(f"it was not read within {self._limits.seconds:.0f} seconds")
        self._before_each()
        if self._token is None:
            self._token = self._new_token(False)
        headers = {"Accept": FHIR_JSON, "Authorization": f"Bearer {self._token}"}
        waits = (
            min(self._limits.connect_seconds, self._left()),
            min(self._limits.silent_seconds, max(0.1, self._left())),
        )
        try:
            with self.session.get(
                address, headers=headers, timeout=waits, allow_redirects=False, stream=True
            ) as response:
                raw = self._whole(response)
                status, said = response.status_code, response.headers
        except requests.Timeout:
            raise Unreachable("the EHR did not answer in time") from None
        except (requests.RequestException, OSError, ValueError):
            # Its message may hold the address, and with it who the patient is.
            raise Unreachable("the EHR could not be reached") from None
        return status, said, answers.decoded(raw, status)

    def _whole(self, response: requests.Response) -> bytes:
        raw = bytearray()
        for chunk in response.iter_content(_CHUNK):
            raw += chunk
            self._bytes += len(chunk)
            if len(raw) > self._limits.most_bytes_a_page or self._bytes > self._limits.most_bytes:
                raise Unusable("the EHR's answers are larger than what is read")
            if self._left() <= 0:
                raise Unreachable(f"it was not read within {self._limits.seconds:.0f} seconds")
        return bytes(raw)

    def _check(self, address: str) -> None:
        """The last look before the token leaves, also by the parser that will send it."""
        try:
            guard.within(self._base, address)
        except guard.Elsewhere as error:
            raise Unusable(str(error)) from None
        sent = requests.Request("GET", address).prepare().url
        if sent is None or urlsplit(sent).netloc != urlsplit(self._base).netloc:
            raise Unusable("the address leads to another server")


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; a date or nonsense is left to our own pauses."""
    text = (retry_after or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
