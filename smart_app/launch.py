"""To the sign-in of an EHR: for the planner (GET /smart/launch) or for the report.

The planner is opened from the EHR (`iss`, `launch`) or standalone (`iss`); the report's sign-in
asks who somebody is and for nothing of a patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ehr import log, oauth
from ehr.errors import EhrError
from ehr.oauth import Departure, Endpoints
from ehr.registry import TrustedEhr
from smart_app import security
from smart_app.browser import browser_of, new_browser, remember
from smart_app.collaborators import Collaborators
from smart_app.purpose import Purpose
from smart_app.refusal import Refusal
from store import smart_sessions
from store.database import writing

LIFE = timedelta(minutes=10)
"""How long a sign-in may take. A person types a password and perhaps a second factor."""

WHO_ONLY = ("openid", "fhirUser")
"""The scopes of a sign-in that only asks who somebody is."""

_LONGEST_LAUNCH = 4000


def redirect_uri(given: Collaborators) -> str:
    """Where the EHR sends the browser back to, as it is registered there."""
    return f"{given.base_url}/smart/callback"


def only_one(request: Request, name: str) -> str | None:
    """A query parameter that may stand once (RFC 6749, 3.1). Raises Refusal for a second one."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Refusal(400, "repeated-parameter", "The address holds a parameter twice.")
    return values[0] if values and values[0] else None


async def launch(request: Request, given: Collaborators) -> Response:
    """To the sign-in of a registered EHR, for the planner. Raises Refusal."""
    issuer = only_one(request, "iss")
    ehr = registered(given, issuer)
    security.belongs_to(request, ehr)
    code = only_one(request, "launch")
    if code is not None and len(code) > _LONGEST_LAUNCH:
        raise Refusal(400, "launch-too-long", "The EHR's launch code is longer than any is.")
    audience = f"{ehr.issuer}/" if issuer == f"{ehr.issuer}/" else ehr.issuer
    return await depart(request, given, ehr, audience=audience, launch_code=code)


@dataclass(frozen=True, slots=True)
class Aim:
    """What a sign-in is for; `back_to` is the page of ours that it returns to, if it says so."""

    purpose: Purpose = Purpose.PLANNER
    back_to: str | None = None


async def depart(
    request: Request,
    given: Collaborators,
    ehr: TrustedEhr,
    *,
    audience: str,
    launch_code: str | None = None,
    aim: Aim = Aim(),
) -> Response:
    """To the sign-in of this EHR; what is needed on the way back is kept. Raises Refusal."""
    try:
        async with given.http() as http:
            endpoints = await oauth.discover(http, ehr)
    except EhrError as error:
        log.get(__name__).warning("discovery failed", ehr=ehr.id, exc_info=True)
        raise Refusal(
            502,
            "discovery-failed",
            f"The sign-in of {ehr.name} cannot be found: {error}.",
            next_step="Try again in a minute. If it stays so, tell who runs the planner.",
        ) from None
    leaving = oauth.departure(ehr, endpoints, launched=launch_code is not None)
    if aim.purpose is Purpose.REPORT:
        leaving = replace(leaving, scopes=WHO_ONLY)
    browser = browser_of(request) or new_browser()
    await run_in_threadpool(_keep, given, ehr, endpoints, leaving, browser, aim)
    address = oauth.authorize_url(
        ehr,
        endpoints,
        leaving,
        redirect_uri=redirect_uri(given),
        launch=launch_code,
        audience=audience,
    )
    response = security.see_other(address)
    remember(response, browser)
    return response


def registered(given: Collaborators, issuer: str | None) -> TrustedEhr:
    """The EHR of an `iss`. Raises Refusal: nobody else is asked, not even to look."""
    if issuer is None:
        raise Refusal(400, "no-issuer", "The address does not say which EHR opens the planner.")
    ehr = given.registry.by_issuer(issuer)
    if ehr is None:
        raise Refusal(
            400,
            "unknown-issuer",
            "The planner was opened by an EHR that it does not know.",
            safe="Nothing was sent to that address, and nothing was read.",
            next_step="Open the planner from the patient's chart. If it was opened from there, "
            "the EHR has to be registered by who runs the planner.",
        )
    if ehr.client_id is None:
        raise Refusal(
            400,
            "no-client",
            f"The planner has not been registered with {ehr.name} yet.",
            next_step="Tell who runs the planner: the EHR's entry needs a client_id.",
        )
    return ehr


def _keep(
    given: Collaborators,
    ehr: TrustedEhr,
    endpoints: Endpoints,
    leaving: Departure,
    browser: str,
    aim: Aim,
) -> None:
    now = given.now()
    with writing(given.engine) as connection:
        smart_sessions.begin(
            connection,
            state=leaving.state,
            browser=browser,
            ehr_id=ehr.id,
            kept={
                "endpoints": endpoints.to_json(),
                "nonce": leaving.nonce,
                "verifier": leaving.verifier,
                "scopes": list(leaving.scopes),
                "purpose": aim.purpose.value,
                "back_to": aim.back_to,
            },
            sealer=given.sealer,
            now=now,
            life=LIFE,
        )
