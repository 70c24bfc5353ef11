"""What a prefetch lacks, fetched with the request's token (CDS Hooks 2.0, FHIR Resource Access).

Only from the registered EHR of whoever calls, only what is missing, all at once, and no longer
than the budget: what is not there by then is named, and the answer is given without it. The token
goes nowhere else and ends here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import Counter, Histogram
from starlette.concurrency import run_in_threadpool

from cds_hooks.medications import MedicationCache, References
from cds_hooks.request import PATIENT_VIEW, BadRequest, FhirAuthorization, HookRequest
from ehr import ask, guard, log, scopes
from ehr.client import EhrClient, Found
from ehr.errors import EhrError, NotFound
from ehr.needs import NEEDS, PATIENT, Need
from ehr.read.json import as_list, as_object, as_text
from ehr.read.supplied import flaw, resources_in
from ehr.registry import TrustedEhr

Resource = dict[str, Any]

Open = Callable[[TrustedEhr, str, float], EhrClient]
"""The client for one request: of this EHR, with this token, for so many seconds in all."""

MEDICATIONS_KEY = "org.taperguard.medications"
"""The prefetch key of the Medications that were fetched because records refer to them."""

MOST_PAGES = 20
"""Of one list: more than can be read within the budget of a hook, whatever a page holds."""

_MOST_MEDICATIONS = 40
_GRACE_SECONDS = 0.03
"""After the client's own deadline; what runs on even then is left behind."""

_NOT_OFFERED = (404, 405, 501)
_LATE = "the EHR did not answer in time"
_OUR_ERROR = "fetching it failed because of an error of TaperGuard"
_NOT_GRANTED = "the token of the request does not allow to read it"

FETCHED = Counter("taperguard_fetched_total", "Parts asked of EHRs for hooks", ["part", "outcome"])
FETCH_SECONDS = Histogram(
    "taperguard_fetch_seconds",
    "Time that hooks spent on fetching",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2),
)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is asked for: a list that is `flawed` so, or one Medication (`need` is then None)."""

    search: ask.Search
    flawed: str = ""
    value: object = field(default=None, repr=False)

    @property
    def need(self) -> Need:
        return self.search.need


class Fetching:
    """Completes requests. `seconds` is the budget of one; with 0 nothing is fetched.

    `concerns_a_check` tells of an order whether the chart could matter to its answer at all.
    """

    def __init__(
        self,
        open_client: Open,
        concerns_a_check: Callable[[HookRequest, TrustedEhr], bool],
        *,
        seconds: float,
        seconds_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_client
        self._concerns_a_check = concerns_a_check
        self._seconds = seconds
        self._seconds_now = seconds_now
        self._medications = MedicationCache(seconds_now)

    async def complete(self, request: HookRequest, ehr: TrustedEhr | None) -> HookRequest:
        """The request with what could be fetched, and with why the rest could not. Never raises.

        Nothing is asked where nothing is missing. The request that comes back has no token.
        """
        access = request.authorization
        if access is None:
            return request
        request = replace(request, authorization=None)
        if ehr is None or self._seconds <= 0:
            return request
        try:
            return await self._completed(request, ehr, access)
        except Exception:  # noqa: BLE001 - an order is answered with what was supplied
            log.get(__name__).error("fetching failed", ehr=ehr.id, exc_info=True)
            note = "what the prefetch lacks was not fetched because of an error of TaperGuard"
            return replace(request, notes=(*request.notes, note))

    async def _completed(
        self, request: HookRequest, ehr: TrustedEhr, access: FhirAuthorization
    ) -> HookRequest:
        missing = list(_missing_lists(request, ehr))
        references = References(ehr.id, ehr.fhir_base, self._medications)
        work = _Work(request.patient_id, access.scope, references)
        prefetched = list(_prefetched(request))
        references.holds(prefetched)
        ordered = references.of(draft.resource for draft in request.drafts)
        medications = [*ordered, *references.of(prefetched)]
        whole = not (missing or medications)
        if whole or not (ordered or await self._is_of_concern(work.added_to(request), ehr)):
            return work.added_to(request)
        why_not = _not_usable(request, ehr, access)
        if why_not is None:
            await self._fetch(work, ehr, access, missing, medications)
        else:
            for part in missing:
                work.lacks(part, why_not, is_fault=False)
            work.notes.append(f"nothing was fetched from the EHR: {why_not}")
        return work.added_to(request)

    async def _is_of_concern(self, request: HookRequest, ehr: TrustedEhr) -> bool:
        """Whether a chart is needed; of one that is opened it always is."""
        if request.hook == PATIENT_VIEW:
            return True
        try:
            return await run_in_threadpool(self._concerns_a_check, request, ehr)
        except BadRequest:
            return False  # it will be refused

    async def _fetch(
        self,
        work: _Work,
        ehr: TrustedEhr,
        access: FhirAuthorization,
        missing: list[_Part],
        medications: list[str],
    ) -> None:
        began = self._seconds_now()
        client = self._open(ehr, access.access_token, self._seconds)
        await work.all_of(client, missing, medications, self._seconds + _GRACE_SECONDS)
        spent = self._seconds_now() - began
        FETCH_SECONDS.observe(spent)
        log.get(__name__).info(
            "prefetch completed",
            ehr=ehr.id,
            asked=len(missing),
            missing=len(work.unfetched),
            milliseconds=round(spent * 1000),
        )


class _Work:
    """The fetching for one request, and what has come of it."""

    def __init__(self, patient_id: str, scope: str | None, references: References) -> None:
        self._patient_id = patient_id
        self._scope = scope
        self._references = references
        self._not_read: dict[str, int] = {}
        self._medications_asked = 0
        self.values: dict[str, Resource] = {}
        self.unfetched: dict[str, str] = {}
        self.notes: list[str] = []

    def lacks(self, part: _Part, why: str, *, is_fault: bool = True) -> None:
        """A part did not come. An optional list that is not granted or not offered is no gap."""
        need = part.need
        if need is ask.MEDICATION:
            self._not_read[why] = self._not_read.get(why, 0) + 1
        elif need.required or is_fault:
            self.unfetched[need.key] = f"{need.wanted} {part.flawed}, and {why}"
        else:
            self.notes.append(f"{need.wanted} {part.flawed}, and {why}")

    async def all_of(
        self, client: EhrClient, lists: Iterable[_Part], medications: Iterable[str], seconds: float
    ) -> None:
        """All lists at once, and the Medications of each as soon as it is there."""
        running: dict[asyncio.Task[None], _Part] = {}

        def start(part: _Part) -> None:
            running[asyncio.ensure_future(self._one(client, part))] = part

        for part in (*lists, *self._each(medications)):
            start(part)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while running and (left := until - loop.time()) > 0:
            done, _ = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                part = running.pop(task)
                self._ended(task, part)
                found = self.values.get(part.need.key)
                for more in self._each(self._references.of(resources_in(found))):
                    start(more)
        for task, part in running.items():
            task.cancel()
            self._count(part, "late")
            self.lacks(part, _LATE)
        if running:
            await asyncio.wait(running, timeout=_GRACE_SECONDS)

    def _each(self, medications: Iterable[str]) -> Iterator[_Part]:
        for reference in medications:
            self._medications_asked += 1
            part = _Part(ask.Search(ask.MEDICATION, reference))
            if self._medications_asked <= _MOST_MEDICATIONS:
                yield part
            else:
                self.lacks(part, f"only {_MOST_MEDICATIONS} are asked for at once")

    def _ended(self, task: asyncio.Task[None], part: _Part) -> None:
        error = task.exception()
        if error is None:
            return
        if isinstance(error, EhrError):
            absent = isinstance(error, NotFound) or error.status in _NOT_OFFERED
            self._count(part, "refused" if error.status else "failed")
            self.lacks(part, str(error), is_fault=not absent)
            return
        log.get(__name__).error("part not fetched", exc_info=error)
        self._count(part, "error")
        self.lacks(part, _OUR_ERROR)

    def _count(self, part: _Part, outcome: str) -> None:
        FETCHED.labels(part.need.key, outcome).inc()

    async def _one(self, client: EhrClient, part: _Part) -> None:
        """Fetch one part. Raises EhrError."""
        search, need = part.search, part.need
        letter = "s" if search.reference is None else "r"
        if self._scope is not None and scopes.surely_refuse(
            self._scope, need.resource_type, letter
        ):
            self._count(part, "not granted")
            self.lacks(part, _NOT_GRANTED, is_fault=False)
            return
        if search.reference is not None:
            found = await client.read(search.reference)
            self._count(part, "whole")
            if need is ask.MEDICATION:
                self._references.take(search.reference, found)
            else:
                self.values[need.key] = found
            return
        listed = await _list(client, part)
        if _holds_somebody_else(listed.bundle, self._patient_id):
            raise EhrError("the EHR answered with the record of another patient")
        self.values[need.key] = listed.bundle
        self._count(part, "whole" if listed.incomplete is None else "partly")
        if listed.incomplete is not None:
            self.lacks(part, listed.incomplete)

    def added_to(self, request: HookRequest) -> HookRequest:
        """The request with all this."""
        values = dict(self.values)
        if self._references.found:
            entries = [{"resource": found} for found in self._references.found]
            values[MEDICATIONS_KEY] = {"resourceType": "Bundle", "entry": entries}
        notes = list(self.notes)
        if self._references.elsewhere:
            notes.append(
                f"medications that records refer to on another server: {self._references.elsewhere}"
            )
        notes += [
            f"medications that records refer to and that could not be fetched: {count} ({why})"
            for why, count in self._not_read.items()
        ]
        if not (values or notes or self.unfetched):
            return request
        return replace(
            request,
            prefetch={**(request.prefetch or {}), **values},
            unfetched={**request.unfetched, **self.unfetched},
            notes=(*request.notes, *notes),
        )


async def _list(client: EhrClient, part: _Part) -> Found:
    """All pages of a list, from the second on where the first was supplied. Raises EhrError."""
    search = part.search
    kind, parameters = search.need.resource_type, dict(search.parameters)
    first = as_object(part.value)
    if not _has_next(first):
        return await client.search(kind, parameters, most_pages=MOST_PAGES)
    rest = await client.rest_of(first, most_pages=MOST_PAGES)
    if rest.incomplete is None or rest.pages > 1:
        return rest
    try:
        # An EHR may write its own inner address into the link: then the list is asked for anew.
        return await client.search(kind, parameters, most_pages=MOST_PAGES)
    except EhrError:
        return rest


def _missing_lists(request: HookRequest, ehr: TrustedEhr) -> Iterator[_Part]:
    """The needs that the prefetch does not meet: absent, failed, of another kind, or in pages.

    `null` says that the EHR has looked. An optional list is missing where the registration wants
    it. Of a Patient that is somebody else's nothing is asked: that request is refused.
    """
    prefetch = request.prefetch or {}
    flawed = {}
    for need in NEEDS:
        given = prefetch.get(need.key, _ABSENT)
        if given is None or (given is _ABSENT and not (need.required or need.key in ehr.prefetch)):
            continue
        why = flaw(prefetch, need)
        if why is not None:
            flawed[need.key] = why
    if not flawed:
        return
    for search in ask.searches(request.patient_id):
        key = search.need.key
        if key in flawed:
            yield _Part(search, flawed[key], prefetch.get(key))


_ABSENT = object()


def _not_usable(request: HookRequest, ehr: TrustedEhr, access: FhirAuthorization) -> str | None:
    """Why nothing is asked with this token, or None when it may be used."""
    if access.patient is not None and access.patient != request.patient_id:
        return "the token of the request is for another patient"
    patient = f"{PATIENT.resource_type}/{request.patient_id}"
    if guard.local_reference(ehr.fhir_base, patient) != patient:
        # Else "1,2" would ask for two patients.
        return "the patient's id in the request is no FHIR id"
    return None


def _prefetched(request: HookRequest) -> Iterator[object]:
    """Every resource that the prefetch holds."""
    for value in (request.prefetch or {}).values():
        yield from resources_in(value)


def _has_next(bundle: Resource) -> bool:
    return any(
        as_text(as_object(one).get("relation")) == "next" for one in as_list(bundle.get("link"))
    )


def _holds_somebody_else(bundle: Resource, patient_id: str) -> bool:
    return any(
        as_object(resource).get("resourceType") == PATIENT.resource_type
        and as_object(resource).get("id") != patient_id
        for resource in resources_in(bundle)
    )
