"""The patient's chart with the token of a visit: whole reads, compared writes, all audited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool

from ehr import ask, history, log, scopes
from ehr.ask import Search
from ehr.client import EhrClient
from ehr.errors import EhrError, NotAllowed, NotFound
from ehr.read.chart import Background, Resources
from ehr.read.json import as_list, as_object, reference_key
from ehr.read.supplied import Supplied, WrongPatient, read_prefetch
from ehr.write import ladder
from smart_app.collaborators import Collaborators
from smart_app.last_reads import LastReads
from smart_app.refusal import NOTHING_WRITTEN, Refusal
from smart_app.session import Sessions, fingerprint
from smart_app.visit import NotWritten, Resource, Visit, Written
from smart_app.writing import Transaction
from store import audit
from store.audit import Action, Deed, Stage
from store.database import writing

_SECONDS_PER_LIST = 40
_MOST_MEDICATIONS = 60
_CAPABILITY_KEPT = timedelta(minutes=10)
_NOT_OFFERED = (404, 405, 501)
_CHANGED_MEANWHILE = (409, 412)


@dataclass(slots=True)
class _List:
    """What came of one search: a prefetch value, and what is wrong with it."""

    search: Search
    value: object = field(default=None, repr=False)
    gap: str | None = None
    note: str | None = None
    asked: bool = True
    rejected: bool = False


class SmartChart:
    """The `Chart` of the planner."""

    def __init__(self, given: Collaborators, sessions: Sessions) -> None:
        self._given = given
        self._sessions = sessions
        self._capabilities: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
        self._last = LastReads(given.now)

    async def read(self, visit: Visit) -> Resources:
        """Everything of `ehr.needs` that the scopes allow, all pages; gaps where not.

        A required list that was not granted or failed is a gap. An optional one that was not
        granted, or that this EHR does not have, is a note; one that failed is a gap.
        What could not be read whole is completed from the history that a worker read before,
        where the scopes of this user allow the list at all. Raises Refusal when the sign-in has
        ended or the EHR answers for another patient.
        """
        wanted = ask.searches(visit.patient_id)
        types = tuple(dict.fromkeys(search.need.resource_type for search in wanted))
        deed = await self._deed(visit, Action.READ, types)
        line = await self._audit(deed, Stage.ASKED)
        begun = self._last.begin()
        supplied: Supplied | None = None
        try:
            lists = await self._with_token(visit, lambda client: _read_all(client, visit, wanted))
            supplied = _sorted(visit, lists)
        finally:
            await self._audit(deed, _stage(supplied), line)
        resources = Resources(
            by_type={kind: tuple(found) for kind, found in supplied.by_type.items()},
            gaps=supplied.gaps,
            notes=tuple(supplied.notes),
            asked=supplied.asked,
        )
        resources = await self._completed(visit, resources)
        self._last.keep(visit, resources, begun)
        return resources

    async def _completed(self, visit: Visit, resources: Resources) -> Resources:
        """With the kept history, for lists that this user may read."""
        if self._given.histories is None:
            return resources
        # The background read has rights of its own; it is no way around the user's.
        refused = {
            need.key: resources.gaps[need.key]
            for need in history.NEEDS
            if need.key in resources.gaps
            and not scopes.allows(visit.scopes, need.resource_type, "r" if need.by_id else "s")
        }
        gaps = {key: why for key, why in resources.gaps.items() if key not in refused}
        seen = await run_in_threadpool(
            self._given.histories.seen, visit.ehr_id, visit.patient_id, wanted=bool(gaps)
        )
        found = history.completed(replace(resources, gaps=gaps), seen, visit.today)
        words = None if seen.kept is None else seen.kept.freshness(seen.now)
        if words is None and seen.being_read:
            words = history.BEING_READ
        background = found.background or (None if words is None else Background(words))
        return replace(found, gaps={**found.gaps, **refused}, background=background)

    async def read_again(self, visit: Visit) -> Resources:
        """What `read` found for this visit within the last minute; else the same as `read`.

        Nothing is asked of the EHR for it, and it is audited as a read all the same.
        """
        kept = self._last.of(visit)
        if kept is None:
            return await self.read(visit)
        deed = await self._deed(visit, Action.READ, tuple(kept.by_type), why="taper-planner-redraw")
        await self._audit(deed, Stage.PARTLY if kept.gaps else Stage.DONE)
        return kept

    async def can_write(self, visit: Visit) -> tuple[str, ...]:
        """The rungs of the ladder that this EHR and these scopes allow, best first.

        An EHR whose CapabilityStatement cannot be read is written nothing: text to copy.
        """
        stated = await self._capability(visit)
        return (ladder.TEXT,) if stated is None else ladder.rungs(stated, visit.scopes)

    async def can_change(self, visit: Visit) -> bool:
        """Whether orders and care plans may be made and changed, both together."""
        stated = await self._capability(visit)
        return stated is not None and ladder.can_change(stated, visit.scopes)

    async def _capability(self, visit: Visit) -> Mapping[str, Any] | None:
        """What the EHR states, kept for a while; None where it cannot be read."""
        kept = self._capabilities.get(visit.ehr_id)
        if kept is None or self._given.now() - kept[0] > _CAPABILITY_KEPT:
            token = await self._sessions.token_of(visit)
            try:
                async with self._given.http() as http:
                    stated = await EhrClient(http, visit.fhir_base, token).metadata()
            except EhrError:
                log.get(__name__).warning("capabilities not read", ehr=visit.ehr_id, exc_info=True)
                return None
            kept = (self._given.now(), stated)
            self._capabilities[visit.ehr_id] = kept
        return kept[1]

    async def write(
        self, visit: Visit, entries: Sequence[Resource], why: str = "taper-planner"
    ) -> tuple[Written, ...] | NotWritten:
        """Send the entries as one transaction, read them again and compare.

        An entry is a Bundle entry (`resource` and `request`) or a bare resource: that is created,
        or updated with If-Match when it has an id and a version. Raises Refusal.
        """
        if not entries:
            return NotWritten("Nothing was sent: there is nothing to write.")
        transaction = Transaction.of(visit, entries)
        if transaction.why_not is not None:
            return NotWritten(f"Nothing was sent: {transaction.why_not}.")
        deed = await self._deed(visit, Action.WRITE, transaction.types, why)
        line = await self._audit(deed, Stage.ASKED)
        stage, references = Stage.UNKNOWN, transaction.types
        try:
            # A write is sent once: a token that is rejected ends it, nothing was written then.
            token = await self._sessions.token_of(visit)
            async with self._given.http() as http:
                client = EhrClient(http, visit.fhir_base, token)
                try:
                    response = await client.transaction(transaction.entries)
                except EhrError as error:
                    if not _is_refusal(error):
                        return NotWritten(_not_known(error))
                    stage = Stage.REFUSED
                    return NotWritten(_not_written(error))
                kept = transaction.answered(response)
                references = tuple(ref for ref in kept if ref is not None) or references
                written = await transaction.compared(client, kept)
                stage = Stage.DONE if all(kept) else Stage.PARTLY
                return written
        except Refusal:
            stage = Stage.REFUSED
            raise
        finally:
            self._last.written()
            done = Deed(
                deed.ehr_id,
                deed.launch_id,
                deed.who,
                deed.whose,
                deed.action,
                references,
                deed.why,
            )
            await self._audit(done, stage, line)

    async def _with_token(
        self, visit: Visit, work: Callable[[EhrClient], Awaitable[list[_List]]]
    ) -> list[_List]:
        """Do it with the token; once more with a fresh one when the EHR does not take it."""
        token = await self._sessions.token_of(visit)
        for _ in range(2):
            async with self._given.http() as http:
                lists = await work(
                    EhrClient(http, visit.fhir_base, token, quirks=self._quirks(visit))
                )
            if not any(one.rejected for one in lists):
                return lists
            token = await self._sessions.token_of(visit, rejected=token)
        raise Refusal(
            401,
            "token-rejected",
            "The EHR does not accept the sign-in any more.",
            safe=NOTHING_WRITTEN,
        )

    def _quirks(self, visit: Visit) -> frozenset[str]:
        ehr = self._given.registry.get(visit.ehr_id)
        return frozenset() if ehr is None else ehr.quirks

    async def _deed(
        self, visit: Visit, action: Action, what: tuple[str, ...], why: str = "taper-planner"
    ) -> Deed:
        return Deed(
            ehr_id=visit.ehr_id,
            launch_id=visit.launch_id,
            who=await self._sessions.who(visit),
            whose=fingerprint(self._given, visit.ehr_id, visit.patient_id),
            action=action,
            what=what,
            why=why,
        )

    async def _audit(self, deed: Deed, stage: Stage, about: str | None = None) -> str:
        """Write it down first: what cannot be written down is not done."""

        def keep() -> str:
            with writing(self._given.engine) as connection:
                return audit.write_down(connection, deed, stage, now=self._given.now(), about=about)

        return await run_in_threadpool(keep)


async def _read_all(client: EhrClient, visit: Visit, wanted: Sequence[Search]) -> list[_List]:
    lists = list(await asyncio.gather(*(_read_one(client, visit, search) for search in wanted)))
    lists.append(await _medications(client, visit, lists))
    return lists


async def _read_one(client: EhrClient, visit: Visit, search: Search) -> _List:
    need = search.need
    letter = "r" if search.reference is not None else "s"
    if not scopes.allows(visit.scopes, need.resource_type, letter):
        words = f"{need.wanted} could not be read: the EHR granted no access to it"
        if need.required:
            return _List(search, asked=False, gap=words)
        return _List(search, asked=False, note=words)
    try:
        async with asyncio.timeout(_SECONDS_PER_LIST):
            if search.reference is not None:
                return _List(search, await client.read(search.reference))
            found = await client.search(need.resource_type, dict(search.parameters))
    except TimeoutError:
        return _List(search, asked=False, gap=f"{need.wanted} could not be read in time")
    except NotAllowed as error:
        gap = f"{need.wanted} could not be read: {error}"
        return _List(search, asked=False, gap=gap, rejected=error.status == 401)
    except EhrError as error:
        absent = isinstance(error, NotFound) or error.status in _NOT_OFFERED
        if absent and not need.required:
            return _List(search, asked=False, note=f"{need.wanted}: this EHR does not offer them")
        return _List(search, asked=False, gap=f"{need.wanted} could not be read: {error}")
    if found.incomplete is not None:
        return _List(search, found.bundle, f"{need.wanted} is incomplete: {found.incomplete}")
    return _List(search, found.bundle)


async def _medications(client: EhrClient, visit: Visit, lists: Sequence[_List]) -> _List:
    """The Medications that orders refer to and no page held."""
    held: set[str] = set()
    meant: dict[str, None] = {}
    for one in lists:
        for entry in map(as_object, as_list(as_object(one.value).get("entry"))):
            resource = as_object(entry.get("resource"))
            held.add(f"{resource.get('resourceType')}/{resource.get('id')}")
            key = reference_key(resource.get("medicationReference"))
            if key is not None and key.startswith("Medication/"):
                meant[key] = None
    missing = [key for key in meant if key not in held]
    search = Search(ask.MEDICATION, None)
    if not missing:
        return _List(search, {"resourceType": "Bundle", "entry": []})
    if not scopes.allows(visit.scopes, "Medication", "r"):
        words = "medications that orders refer to could not be read: the EHR granted no access"
        return _List(search, note=words)
    asked = missing[:_MOST_MEDICATIONS]
    answers = await asyncio.gather(*(client.read(key) for key in asked), return_exceptions=True)
    read = [{"resource": found} for found in answers if isinstance(found, dict)]
    for unexpected in answers:
        if isinstance(unexpected, BaseException) and not isinstance(unexpected, EhrError):
            raise unexpected
    failed = len(missing) - len(read)
    note = f"{failed} medications that orders refer to could not be read" if failed else None
    return _List(search, {"resourceType": "Bundle", "entry": read}, note=note)


def _sorted(visit: Visit, lists: Sequence[_List]) -> Supplied:
    """What was read, by type, with its gaps in words. Raises Refusal for another patient."""
    values = {one.search.need.key: one.value for one in lists if one.asked}
    try:
        supplied = read_prefetch(values, visit.patient_id)
    except WrongPatient:
        raise Refusal(
            502,
            "wrong-patient",
            "The EHR answered with the record of another patient, so nothing is shown.",
            safe=NOTHING_WRITTEN,
        ) from None
    for one in lists:
        if one.gap is not None:
            supplied.gaps[one.search.need.key] = one.gap
        if one.note is not None:
            supplied.notes.append(one.note)
    return supplied


def _stage(supplied: Supplied | None) -> Stage:
    if supplied is None:
        return Stage.REFUSED
    return Stage.PARTLY if supplied.gaps else Stage.DONE


def _is_refusal(error: EhrError) -> bool:
    """Whether the EHR surely wrote nothing: no answer, a gateway's answer and an answer that
    cannot be read prove nothing.
    """
    return error.status is not None and 400 <= error.status < 500


def _not_known(error: EhrError) -> str:
    return (
        f"Whether the plan was saved is not known: {error}. Look into the chart before you save "
        "again."
    )


def _not_written(error: EhrError) -> str:
    if error.status in _CHANGED_MEANWHILE:
        return (
            "Nothing was written: somebody has changed the plan in the chart in the meantime. Look "
            "at it again, then save."
        )
    said = f' It says: "{error.said}".' if error.said else ""
    return f"Nothing was written: {error}.{said}"
