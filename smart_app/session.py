"""Sessions on the server: the launch id in the path and the browser's cookie select one.

Tokens stay here: the planner's pages get a `Visit`, and the chart a token for one request.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ehr import log, oauth
from ehr.errors import EhrError
from ehr.oauth import Endpoints, Tokens
from ehr.registry import TrustedEhr
from ehr.seal import CannotOpen
from ehr.token_endpoint import NotSignedIn
from smart_app import security
from smart_app.browser import browser_of
from smart_app.collaborators import Collaborators
from smart_app.purpose import Purpose
from smart_app.refusal import NOTHING_WRITTEN, Refusal
from smart_app.visit import Visit
from store import audit, smart_sessions
from store.audit import Action, Deed, Stage
from store.database import reading, writing
from store.smart_sessions import Session

LIFE = timedelta(hours=10)
"""The longest session: one shift. An EHR that ends its token earlier ends the session."""

REPORT_LIFE = timedelta(hours=2)
"""The longest session of the report: it holds no token whose end the EHR could set."""

SHORT = timedelta(seconds=90)
"""A token that lives no longer than this is renewed before it is used."""

_LEASE = timedelta(seconds=20)
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Kept:
    """What the server keeps of a session, sealed."""

    tokens: Tokens = field(repr=False)
    endpoints: Endpoints
    fhir_user: str | None
    subject: str
    user_name: str | None = field(repr=False)
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    purpose: Purpose = Purpose.PLANNER

    def to_json(self) -> dict[str, Any]:
        """As it is sealed. The id_token has done its work and is not kept."""
        tokens = asdict(self.tokens)
        tokens |= {
            "expires_at": self.tokens.expires_at.isoformat(),
            "scopes": sorted(self.tokens.scopes),
            "id_token": None,
        }
        return {
            "tokens": tokens,
            "endpoints": self.endpoints.to_json(),
            "fhir_user": self.fhir_user,
            "subject": self.subject,
            "user_name": self.user_name,
            "csrf_token": self.csrf_token,
            "purpose": self.purpose.value,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Kept:
        """What was sealed."""
        tokens = dict(kept["tokens"])
        tokens["expires_at"] = datetime.fromisoformat(tokens["expires_at"])
        tokens["scopes"] = frozenset(tokens["scopes"])
        return cls(
            tokens=Tokens(**tokens),
            endpoints=Endpoints.from_json(kept["endpoints"]),
            fhir_user=kept["fhir_user"],
            subject=kept["subject"],
            user_name=kept["user_name"],
            csrf_token=kept["csrf_token"],
            purpose=Purpose(kept.get("purpose", Purpose.PLANNER)),
        )

    @property
    def who(self) -> str:
        """The user for the audit: the fhirUser, else the subject of the id_token."""
        return (self.fhir_user or f"subject/{self.subject}")[:128]


def keep_new(
    given: Collaborators, ehr: TrustedEhr, launch_id: str, browser: str, kept: Kept
) -> None:
    """Keep a new session, and that it began."""
    now = given.now()
    is_report = kept.purpose is Purpose.REPORT
    with writing(given.engine) as connection:
        smart_sessions.open_session(
            connection,
            launch_id=launch_id,
            browser=browser,
            ehr_id=ehr.id,
            kept=kept.to_json(),
            sealer=given.sealer,
            now=now,
            expires_at=now + (REPORT_LIFE if is_report else LIFE),
        )
        deed = Deed(
            ehr_id=ehr.id,
            launch_id=launch_id,
            who=kept.who,
            whose=audit.EVERYBODY
            if is_report
            else fingerprint(given, ehr.id, kept.tokens.patient_id or ""),
            action=Action.LAUNCH,
            what=("Report",) if is_report else ("Patient",),
            why="report-opened" if is_report else "planner-opened",
        )
        audit.write_down(connection, deed, Stage.DONE, now=now)


def fingerprint(given: Collaborators, ehr_id: str, patient_id: str) -> str:
    """How the audit names a patient."""
    return given.sealer.fingerprint("patient", ehr_id, patient_id)


class Sessions:
    """The sessions of this process; what they hold is in the store."""

    def __init__(self, given: Collaborators) -> None:
        self._given = given
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def visit_of(self, request: Request) -> Visit:
        """The visit of a planner page (`launch_id` in its path). Raises Refusal."""
        launch_id = str(request.path_params.get("launch_id", ""))
        session = await run_in_threadpool(self._find, launch_id, browser_of(request))
        if session is None:
            raise Refusal(
                401,
                "no-session",
                "There is no open planner at this address for this browser.",
            )
        ehr = self._given.registry.get(session.ehr_id)
        now = self._given.now()
        if ehr is None or now >= session.expires_at:
            raise _ended()
        security.belongs_to(request, ehr)
        kept = Kept.from_json(session.kept)
        if kept.purpose is not Purpose.PLANNER or kept.tokens.patient_id is None:
            raise _ended()
        return Visit(
            launch_id=session.launch_id,
            ehr_id=ehr.id,
            ehr_name=ehr.name,
            fhir_base=ehr.fhir_base,
            patient_id=kept.tokens.patient_id,
            user=kept.fhir_user,
            user_name=kept.user_name,
            scopes=kept.tokens.scopes,
            csrf_token=kept.csrf_token,
            need_patient_banner=kept.tokens.need_patient_banner,
            today=now.astimezone(ehr.time_zone).date(),
        )

    async def who(self, visit: Visit) -> str:
        """The user of a visit as the audit names them."""
        return Kept.from_json((await self._again(visit)).kept).who

    async def token_of(self, visit: Visit, *, rejected: str | None = None) -> str:
        """An access token that lives long enough for a request. Raises Refusal.

        `rejected` is a token that the EHR did not take although it seemed alive. Renewal is
        single-flight, in this process and among all of them: a refresh token may be used once.
        """
        lock = self._locks.setdefault(visit.launch_id, asyncio.Lock())
        async with lock:
            until = self._given.now() + _LEASE
            while True:
                session = await self._again(visit)
                kept = Kept.from_json(session.kept)
                is_short = kept.tokens.expires_at - self._given.now() <= SHORT
                if not is_short and kept.tokens.access != rejected:
                    return kept.tokens.access
                if kept.tokens.refresh is None:
                    if rejected is None and kept.tokens.expires_at > self._given.now():
                        return kept.tokens.access
                    raise _ended()
                if await run_in_threadpool(self._claim, session):
                    return await self._renew(session, kept, rejected)
                if self._given.now() > until:
                    raise _ended()
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _renew(self, session: Session, kept: Kept, rejected: str | None) -> str:
        ehr = self._given.registry.get(session.ehr_id)
        if ehr is None:
            raise _ended()
        try:
            async with self._given.http() as http:
                tokens = await oauth.renew(
                    http,
                    ehr,
                    kept.endpoints,
                    kept.tokens,
                    keys=self._given.our_keys,
                    now=self._given.now(),
                )
        except (EhrError, NotSignedIn) as trouble:
            log.get(__name__).warning("renewal failed", ehr=ehr.id, exc_info=True)
            if isinstance(trouble, NotSignedIn) and trouble.final:
                await run_in_threadpool(self._end, session)
                raise _ended(str(trouble)) from None
            await run_in_threadpool(self._give_up, session)
            if rejected is None and kept.tokens.expires_at > self._given.now():
                return kept.tokens.access
            raise _ended(str(trouble)) from None
        fresh = replace(kept, tokens=tokens)
        await run_in_threadpool(self._keep, session, fresh)
        return tokens.access

    async def _again(self, visit: Visit) -> Session:
        session = await run_in_threadpool(self._look, visit.launch_id)
        if session is None or self._given.now() >= session.expires_at:
            raise _ended()
        return session

    def _find(self, launch_id: str, browser: str | None) -> Session | None:
        try:
            with reading(self._given.engine) as connection:
                return smart_sessions.find(
                    connection, launch_id=launch_id, browser=browser, sealer=self._given.sealer
                )
        except CannotOpen:
            return None

    def _look(self, launch_id: str) -> Session | None:
        with reading(self._given.engine) as connection:
            return smart_sessions.again(connection, launch_id, sealer=self._given.sealer)

    def _claim(self, session: Session) -> bool:
        with writing(self._given.engine) as connection:
            return smart_sessions.claim_renewal(
                connection, session.launch_id, session.turn, now=self._given.now(), lease=_LEASE
            )

    def _keep(self, session: Session, fresh: Kept) -> None:
        with writing(self._given.engine) as connection:
            smart_sessions.keep_renewed(
                connection,
                session.launch_id,
                session.turn,
                fresh.to_json(),
                sealer=self._given.sealer,
            )

    def _give_up(self, session: Session) -> None:
        with writing(self._given.engine) as connection:
            smart_sessions.give_up_renewal(connection, session.launch_id, session.turn)

    def _end(self, session: Session) -> None:
        with writing(self._given.engine) as connection:
            smart_sessions.end(connection, session.launch_id)


def check_csrf(visit: Visit, given: str | None) -> None:
    """Whether a form holds the token of its visit. Raises Refusal."""
    if given is None or not hmac.compare_digest(
        given.encode(errors="replace"), visit.csrf_token.encode()
    ):
        raise Refusal(
            403,
            "no-form-token",
            "This form does not come from a page of this planner, or the page is an old one.",
            safe=NOTHING_WRITTEN,
            next_step="Go back, load the planner again and send the form once more.",
        )


def _ended(why: str | None = None) -> Refusal:
    because = f": {why}" if why else ""
    return Refusal(
        401,
        "session-ended",
        f"The sign-in to the EHR has ended{because}.",
        safe=NOTHING_WRITTEN,
    )
