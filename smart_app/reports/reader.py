"""Who reads: the report's session of a browser, and the role that its user has today."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ehr.registry import TrustedEhr
from ehr.seal import CannotOpen
from smart_app.browser import browser_of
from smart_app.collaborators import Collaborators
from smart_app.purpose import Purpose
from smart_app.refusal import Refusal
from smart_app.reports.roles import Role, role_of
from smart_app.session import Kept
from store import audit, smart_sessions
from store.audit import Action, Deed, Stage
from store.database import reading, writing


@dataclass(frozen=True, slots=True)
class Reader:
    """A signed-in user of an EHR. `who` is how the audit names them."""

    ehr: TrustedEhr
    session_id: str
    who: str
    name: str | None = field(repr=False)
    role: Role
    csrf_token: str = field(repr=False)


async def reader_of(request: Request, given: Collaborators, ehr: TrustedEhr) -> Reader | None:
    """The reader behind this request; None when nobody is signed in for this EHR's report.

    A planner's session is none, whoever it belongs to: it was opened for one patient, on a
    screen that shows that patient.
    """
    return await run_in_threadpool(_find, given, ehr, browser_of(request))


def _find(given: Collaborators, ehr: TrustedEhr, browser: str | None) -> Reader | None:
    try:
        with reading(given.engine) as connection:
            sessions = smart_sessions.of_browser(
                connection, browser=browser, ehr_id=ehr.id, sealer=given.sealer, now=given.now()
            )
    except CannotOpen:
        return None
    for session in sessions:
        kept = Kept.from_json(session.kept)
        if kept.purpose is Purpose.REPORT:
            return Reader(
                ehr=ehr,
                session_id=session.launch_id,
                who=kept.who,
                name=kept.user_name,
                role=role_of(ehr, kept.fhir_user),
                csrf_token=kept.csrf_token,
            )
    return None


async def sign_out(
    request: Request, given: Collaborators, ehr: TrustedEhr, form_token: str | None
) -> None:
    """End every report session of this browser at this EHR. Raises Refusal."""
    reader = await reader_of(request, given, ehr)
    if reader is None:
        return
    if form_token is None or not hmac.compare_digest(
        form_token.encode(errors="replace"), reader.csrf_token.encode()
    ):
        raise Refusal(
            403,
            "no-form-token",
            "This form does not come from a page of this report, or the page is an old one.",
            next_step="Go back, load the report again and sign out there.",
            purpose=Purpose.REPORT,
        )
    await run_in_threadpool(_end, given, ehr, browser_of(request))


def _end(given: Collaborators, ehr: TrustedEhr, browser: str | None) -> None:
    with writing(given.engine) as connection:
        for session in smart_sessions.of_browser(
            connection, browser=browser, ehr_id=ehr.id, sealer=given.sealer, now=given.now()
        ):
            if Kept.from_json(session.kept).purpose is Purpose.REPORT:
                smart_sessions.end(connection, session.launch_id)


async def write_down(
    given: Collaborators,
    reader: Reader,
    *,
    what: tuple[str, ...],
    why: str,
    patients: tuple[str, ...] = (),
) -> None:
    """Into the audit, before anything is shown: the view, and each patient whom it shows.

    `patients` are ids at the EHR; the lines hold their fingerprints and point to the view's.
    """
    await run_in_threadpool(_write_down, given, reader, what, why, patients)


def _write_down(
    given: Collaborators,
    reader: Reader,
    what: tuple[str, ...],
    why: str,
    patients: tuple[str, ...],
) -> None:
    now = given.now()

    def deed(whose: str) -> Deed:
        return Deed(
            ehr_id=reader.ehr.id,
            launch_id=reader.session_id,
            who=reader.who,
            whose=whose,
            action=Action.READ,
            what=what,
            why=why,
        )

    with writing(given.engine) as connection:
        view = audit.write_down(connection, deed(audit.EVERYBODY), Stage.DONE, now=now)
        for patient_id in patients:
            whose = given.sealer.fingerprint("patient", reader.ehr.id, patient_id)
            audit.write_down(connection, deed(whose), Stage.DONE, now=now, about=view)
