"""Bulk Data exports of one registered EHR (Bulk Data Access 2.0): one exchange each, no sleep.

Whoever calls keeps what came back, and asks again when it is time: a worker may die between any
two exchanges. Tokens and status addresses go to the EHR's own origin only, and stand in no
exception; files that lie elsewhere are refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from ehr import guard
from ehr.bulk import dialect
from ehr.bulk.dialect import ExportOrder
from ehr.bulk.manifest import ExportedFile, Manifest, read_manifest
from ehr.decode import NotJson, decode
from ehr.documents import as_json_object
from ehr.errors import EhrError, Unusable, outcome_sentence
from ehr.pace import retry_after
from ehr.read.json import as_list, as_object
from ehr.registry import TrustedEhr
from ehr.token_endpoint import NotSignedIn

ANSWER_SECONDS = 20.0
FILE_IDLE_SECONDS = 600.0
"""Silence that is borne in the middle of a file: servers work while they send."""

_MOST_ANSWER_BYTES = 50_000_000
_GZIP = b"\x1f\x8b"
_SLOW_DOWN = 429
_GONE = (404, 410)
_PASSING = (502, 503, 504)
# FHIR R4 IssueType: what a server calls its own passing state (Bulk Data, 3.4 names the first).
_PASSING_ISSUES = ("transient", "throttled", "timeout", "lock-error")


class NotYet(Exception):
    """Ask again later: after so long, or at the caller's own pace (None). A sentence why."""

    def __init__(self, sentence: str, after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class Damaged(NotYet):
    """A file arrived other than the manifest announced it; once more may help."""


class LinkGone(Exception):
    """The file's address holds no longer (404, 410): the manifest has fresh ones."""


class ExportFailed(Exception):
    """The export cannot be had; the sentence says why, without addresses or patient data."""


class Tokens(Protocol):
    """Access tokens for work without a user (`ehr.backend.BackendTokens`)."""

    def token_for(self, ehr: TrustedEhr, *, anew: bool = False) -> str:
        """A token; `anew` when the last one was rejected."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a file turned out to be: lines that are not blank, SHA-256 (hex), size in bytes."""

    lines: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class _Said:
    status: int
    headers: httpx2.Headers
    raw: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class BulkClient:
    """Exports of one EHR. `http` makes a client that follows no redirects."""

    def __init__(
        self,
        ehr: TrustedEhr,
        tokens: Tokens,
        http: Callable[[], httpx2.Client],
        now: Callable[[], datetime],
        *,
        idle_seconds: float = FILE_IDLE_SECONDS,
    ) -> None:
        self._ehr = ehr
        self._tokens = tokens
        self._http = http
        self._now = now
        self._idle_seconds = idle_seconds

    def kick_off(self, order: ExportOrder) -> str:
        """Have the EHR begin an export; the address of its status, to be kept at once.

        Raises NotYet, ExportFailed or NoBackend.
        """
        address = dialect.kick_off_address(self._ehr.fhir_base, order)
        said = self._exchange("GET", address, dialect.KICK_OFF_HEADERS)
        if said.status != 202:
            raise self._refused(said, "does not begin the export")
        where = said.headers.get("content-location")
        if where is None:
            raise ExportFailed("the EHR began an export and does not say where its status is")
        return self._own_or_failed(where, "the export's status is not asked for")

    def look(self, status_url: str, types: tuple[str, ...]) -> Manifest:
        """The manifest, when the export is finished. Raises NotYet, ExportFailed or NoBackend."""
        said = self._exchange("GET", status_url, {"Accept": "application/json"})
        if said.status == 202:
            raise NotYet("the EHR is at work", self._wait(said))
        if said.status in _GONE:
            raise ExportFailed("the EHR does not know this export any more")
        if said.status != 200:
            raise self._refused(said, "ended the export")
        try:
            return read_manifest(as_json_object(said.raw, "the EHR's manifest"), types, self._own)
        except Unusable as error:
            raise ExportFailed(str(error)) from None

    def fetch_file(self, file: ExportedFile, *, needs_token: bool, into: Path) -> Fetched:
        """Stream a file to disk, durably, and count what came.

        Raises NotYet (Damaged when it is not what was announced), LinkGone, ExportFailed,
        NoBackend, or OSError when this machine cannot keep it.
        """
        address = self._own_or_failed(file.url, "a file of the export is not fetched")
        headers = {"Accept": "application/fhir+ndjson"}
        with self._answer(
            "GET", address, headers, signed=needs_token, idle=self._idle_seconds
        ) as response:
            if response.status_code != 200:
                said = _Said(response.status_code, response.headers, _read(response))
                if said.status in _GONE:
                    raise LinkGone
                raise self._refused(said, "does not hand out a file of the export")
            fetched = _keep(_unzipped(response.iter_bytes()), into)
        if file.count is not None and fetched.lines != file.count:
            raise Damaged(
                f"{file.name} holds {fetched.lines} records and was announced with {file.count}"
            )
        return fetched

    def release(self, status_url: str) -> None:
        """Have the EHR delete the export and its files. Raises NotYet, ExportFailed, NoBackend.

        An EHR that has forgotten it, or deletes by itself (405, 501), has nothing more to do.
        """
        said = self._exchange("DELETE", status_url, {"Accept": "application/json"})
        if not (said.ok or said.status in (*_GONE, 405, 501)):
            raise self._refused(said, "does not delete the export")

    def _own(self, address: str) -> str:
        """The address, made absolute, when it is of the EHR's origin. Raises guard.Elsewhere."""
        base = self._ehr.fhir_base
        absolute = guard.of_origins({guard.origin(base)}, guard.joined(f"{base}/", address))
        # The last look before a token leaves, by the parser that will send it.
        sent = httpx2.URL(absolute)
        if sent.host != urlsplit(base).hostname or sent.userinfo:
            raise guard.Elsewhere("the address leads to another server")
        return absolute

    def _own_or_failed(self, address: str, words: str) -> str:
        try:
            return self._own(address)
        except guard.Elsewhere as error:
            raise ExportFailed(f"{words}: {error}") from None

    def _exchange(self, method: str, address: str, headers: dict[str, str]) -> _Said:
        address = self._own_or_failed(address, "the export is not asked for")
        with self._answer(method, address, headers) as response:
            return _Said(response.status_code, response.headers, _read(response))

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        address: str,
        headers: dict[str, str],
        *,
        signed: bool = True,
        idle: float = ANSWER_SECONDS,
    ) -> Iterator[httpx2.Response]:
        """The answer to one request; a token that is rejected is replaced once."""
        timeout = httpx2.Timeout(ANSWER_SECONDS, read=idle)
        try:
            with contextlib.ExitStack() as open_:
                http = open_.enter_context(self._http())
                for anew in (False, True):
                    if signed:
                        headers = {**headers, "Authorization": f"Bearer {self._token(anew)}"}
                    asked = http.build_request(method, address, headers=headers, timeout=timeout)
                    response = http.send(asked, stream=True, follow_redirects=False)
                    open_.callback(response.close)
                    if response.status_code != 401 or not signed or anew:
                        break
                yield response
        except httpx2.TimeoutException:
            raise NotYet("the EHR did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
            # Its message may hold the address, which is a key to the files.
            raise NotYet("the EHR could not be reached, or broke off") from None

    def _token(self, anew: bool) -> str:
        try:
            return self._tokens.token_for(self._ehr, anew=anew)
        except NotSignedIn as error:
            if error.final:
                raise ExportFailed(str(error)) from None
            raise NotYet(str(error)) from None
        except EhrError as error:
            raise NotYet(str(error)) from None

    def _refused(self, said: _Said, what: str) -> NotYet | ExportFailed:
        """What a status that is no success asks of us: to come again, or to give up."""
        body = _decoded(said.raw)
        why = outcome_sentence(body)
        reason = f": {why}" if why else ""
        if said.status == _SLOW_DOWN:
            return NotYet("the EHR asks to slow down", self._wait(said))
        if said.status in _PASSING or (said.status >= 500 and _is_passing(body)):
            return NotYet(f"the EHR has a passing problem{reason}", self._wait(said))
        if 300 <= said.status < 400:
            return ExportFailed("the EHR sends the request elsewhere, which is not followed")
        return ExportFailed(f"the EHR {what} (status {said.status}){reason}")

    def _wait(self, said: _Said) -> timedelta | None:
        return retry_after(said.headers.get("retry-after"), self._now())


def _read(response: httpx2.Response) -> bytes:
    raw = bytearray()
    for chunk in response.iter_bytes():
        raw += chunk
        if len(raw) > _MOST_ANSWER_BYTES:
            raise ExportFailed("the EHR's answer is larger than what is read")
    return bytes(raw)


def _decoded(raw: bytes) -> object:
    try:
        return decode(raw)
    except NotJson:
        return None


def _is_passing(body: object) -> bool:
    issues = map(as_object, as_list(as_object(body).get("issue")))
    return any(issue.get("code") in _PASSING_ISSUES for issue in issues)


def _unzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks as they are, or unpacked when the file itself is gzip. Raises Damaged."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= len(_GZIP):
            break
    if not first.startswith(_GZIP):
        yield first
        yield from chunks
        return
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for chunk in itertools.chain([first], chunks):
            yield unpack.decompress(chunk)
            while unpack.unused_data:  # a file may be several, one behind the other
                following = unpack.unused_data
                unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
                yield unpack.decompress(following)
    except zlib.error:
        raise Damaged("a compressed file of the export arrived broken") from None
    if not unpack.eof:
        raise Damaged("a compressed file of the export arrived in part")


def _keep(chunks: Iterator[bytes], into: Path) -> Fetched:
    """Write the chunks to a file that is on disk when this returns."""
    digest = hashlib.sha256()
    lines = size = 0
    in_line = False
    with into.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            *ended, last = chunk.split(b"\n")
            for piece in ended:
                lines += in_line or bool(piece.strip())
                in_line = False
            in_line = in_line or bool(last.strip())
        out.flush()
        os.fsync(out.fileno())
    return Fetched(lines + in_line, digest.hexdigest(), size)
