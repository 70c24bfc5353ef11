"""GET /smart/callback: back from the EHR's sign-in, checked in order, to a clean address."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

import httpx2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ehr import id_token, log, oauth
from ehr.errors import EhrError
from ehr.id_token import BadIdToken, Expected, User
from ehr.oauth import Departure, Endpoints, Tokens
from ehr.registry import TrustedEhr
from ehr.token_endpoint import NotSignedIn
from smart_app import security
from smart_app.browser import browser_of
from smart_app.collaborators import Collaborators
from smart_app.launch import Aim, only_one, redirect_uri
from smart_app.purpose import Purpose
from smart_app.refusal import Refusal
from smart_app.session import Kept, keep_new
from store import smart_sessions
from store.database import writing
from store.smart_sessions import AlreadyUsed, Expired, OtherBrowser, UnknownState

_LONGEST = 8000

_ERRORS = {
    "access_denied": "The EHR did not let TaperGuard in: access was denied.",
    "invalid_scope": "The EHR does not grant what TaperGuard asks for.",
    "unauthorized_client": "The EHR does not let TaperGuard sign in this way.",
    "invalid_request": "The EHR calls TaperGuard's request malformed.",
    "unsupported_response_type": "The EHR does not support TaperGuard's way of signing in.",
    "server_error": "The EHR had an error of its own while signing in.",
    "temporarily_unavailable": "The EHR's sign-in is not available at the moment.",
    "login_required": "The EHR wants you to sign in first.",
    "interaction_required": "The EHR wants you to sign in first.",
    "consent_required": "The EHR wants a consent that was not given.",
}


@dataclass(frozen=True, slots=True)
class _Return:
    """A sign-in that came back to the browser that left for it."""

    ehr: TrustedEhr
    endpoints: Endpoints
    leaving: Departure = field(repr=False)
    aim: Aim


async def callback(request: Request, given: Collaborators) -> Response:
    """The session's first page, by 303. Raises Refusal."""
    browser = browser_of(request)
    error = only_one(request, "error")
    state = only_one(request, "state")
    if error is not None:
        purpose = await run_in_threadpool(_use_up, given, state, browser)
        sentence = _ERRORS.get(error, "The EHR ended the sign-in with an error it did not explain.")
        raise Refusal(400, "ehr-error", sentence, purpose=purpose)
    back = await run_in_threadpool(_take, given, state, browser)
    security.belongs_to(request, back.ehr)
    try:
        kept = await _signed_in(request, given, back)
    except Refusal as refusal:
        refusal.purpose = back.aim.purpose
        raise
    launch_id = secrets.token_urlsafe(18)
    await run_in_threadpool(keep_new, given, back.ehr, launch_id, browser or "", kept)
    if back.aim.purpose is Purpose.REPORT:
        return security.see_other(back.aim.back_to or f"/reports/{back.ehr.id}")
    if given.histories is not None and kept.tokens.patient_id is not None:
        # Nobody waits for it: a worker reads on while the user looks at the first page.
        patient = kept.tokens.patient_id
        await run_in_threadpool(given.histories.seen, back.ehr.id, patient, wanted=True)
    return security.see_other(f"/planner/{launch_id}")


async def _signed_in(request: Request, given: Collaborators, back: _Return) -> Kept:
    """Who signed in, with the tokens of the session. Raises Refusal."""
    _check_issuer(back, only_one(request, "iss"))
    code = only_one(request, "code")
    if code is None or len(code) > _LONGEST:
        raise Refusal(400, "no-code", "The EHR came back without the code that it owes.")
    try:
        async with given.http() as http:
            tokens = await oauth.exchange(
                http,
                back.ehr,
                back.endpoints,
                back.leaving,
                code=code,
                redirect_uri=redirect_uri(given),
                keys=given.our_keys,
                now=given.now(),
            )
            user = await _user(http, given, back, tokens)
    except (EhrError, NotSignedIn, BadIdToken) as trouble:
        log.get(__name__).warning("sign-in refused", ehr=back.ehr.id, exc_info=True)
        code_word = "bad-id-token" if isinstance(trouble, BadIdToken) else "no-token"
        status = 403 if isinstance(trouble, BadIdToken) else 502
        raise Refusal(
            status, code_word, f"The sign-in could not be completed: {trouble}."
        ) from None
    if back.aim.purpose is Purpose.REPORT:
        # It asks the EHR for nothing more, so nothing that could ask is kept; and whatever
        # patient the EHR may have named is not what was signed in for.
        tokens = replace(tokens, access="", refresh=None, patient_id=None, encounter_id=None)
    elif tokens.patient_id is None:
        raise Refusal(
            400,
            "no-patient",
            "The EHR did not say which patient the planner is for.",
            next_step="Open the planner from a patient's chart, or choose a patient when asked.",
        )
    return Kept(
        tokens,
        back.endpoints,
        user.fhir_user,
        user.subject,
        user.name,
        purpose=back.aim.purpose,
    )


def _take(given: Collaborators, state: str | None, browser: str | None) -> _Return:
    """What was kept of the launch, used up. Raises Refusal."""
    if state is None or len(state) > _LONGEST:
        raise _refused("no-state", "This sign-in did not begin here.")
    try:
        with writing(given.engine) as connection:
            ehr_id, kept = smart_sessions.take(
                connection, state=state, browser=browser, sealer=given.sealer, now=given.now()
            )
    except UnknownState:
        raise _refused("unknown-state", "This sign-in did not begin here.") from None
    except OtherBrowser:
        raise _refused(
            "other-browser",
            "This sign-in began in another browser, or this one does not keep TaperGuard's cookie.",
        ) from None
    except AlreadyUsed:
        raise _refused("state-used", "This sign-in was already completed once.") from None
    except Expired:
        raise _refused("state-expired", "This sign-in took too long and has expired.") from None
    ehr = given.registry.get(ehr_id)
    if ehr is None:
        raise _refused("unknown-issuer", "The EHR of this sign-in is not registered any more.")
    leaving = Departure(state, kept["nonce"], kept["verifier"], tuple(kept["scopes"]))
    aim = Aim(Purpose(kept.get("purpose", Purpose.PLANNER)), kept.get("back_to"))
    return _Return(ehr, Endpoints.from_json(kept["endpoints"]), leaving, aim)


def _use_up(given: Collaborators, state: str | None, browser: str | None) -> Purpose:
    """A sign-in that ended with an error cannot be continued by anybody; what it was for."""
    try:
        return _take(given, state, browser).aim.purpose
    except Refusal:
        return Purpose.PLANNER


def _refused(code: str, sentence: str) -> Refusal:
    return Refusal(400, code, sentence)


def _check_issuer(back: _Return, stated: str | None) -> None:
    """RFC 9207: an answer that names another issuer belongs to another EHR."""
    if stated is None:
        if back.endpoints.names_itself:
            raise _refused("no-response-issuer", "The EHR did not say who it is, as it promised.")
        return
    if stated not in (back.endpoints.openid_issuer or back.ehr.issuer, back.ehr.issuer):
        raise _refused("other-issuer", "The sign-in was answered by another EHR.")


async def _user(
    http: httpx2.AsyncClient, given: Collaborators, back: _Return, tokens: Tokens
) -> User:
    """Who signed in. Raises BadIdToken or EhrError."""
    if tokens.id_token is None:
        raise BadIdToken("the EHR did not say who signed in (it gave no id_token)")
    said = id_token.peek(tokens.id_token)
    issuer, jwks_url = await oauth.openid_keys(http, back.ehr, back.endpoints, said.issuer)
    keys = await given.issuer_keys.candidates(http, jwks_url, said.key_id, said.algorithm)
    return id_token.check(
        tokens.id_token,
        keys,
        Expected(
            issuer=issuer,
            client_id=back.ehr.client_id or "",
            nonce=back.leaving.nonce,
            fhir_base=back.ehr.fhir_base,
            now=given.now(),
        ),
    )
