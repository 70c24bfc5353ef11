"""The door: bytes in, bytes out, each refusal a status with an OperationOutcome.

Nothing on this path parses with pydantic or fhir.resources: 40 KB of prefetch are decoded once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from cds_hooks.caller import Caller, CannotTell, NotTrusted
from cds_hooks.discovery import ORDER_SAFETY, PATIENT_REVIEW, services
from cds_hooks.feedback import KeptReport, NotKept, read_feedback
from cds_hooks.request import BadRequest, HookRequest, read_request
from cds_hooks.services import order_safety, patient_review
from cds_hooks.services.order_safety import Answer, Bench, NothingDecided
from clinical.findings import CheckId
from clinical.policy import Policy
from ehr import log
from ehr.decode import encode
from ehr.outcome import operation_outcome
from ehr.registry import TrustedEhr
from store.feedback import Feedback

_JSON = "application/json"
HOOKS_ANSWERED = Counter("taperguard_hooks_total", "Hook calls answered", ["service", "status"])
CHECKS_MADE = Counter("taperguard_checks_total", "Checks made", ["check", "result"])
FINDINGS = Counter("taperguard_findings_total", "Checks that fired", ["check", "shown"])
FEEDBACK_KEPT = Counter("taperguard_feedback_total", "Reports on cards kept", ["outcome"])
CARD_OUTCOMES = Counter(
    "taperguard_card_outcomes_total",
    "Reports on cards kept, by check (a card counts under each that it spoke for)",
    ["check", "outcome", "reason"],
)
_FHIR_JSON = "application/fhir+json"
_FORM = "application/x-www-form-urlencoded"
_RETRY_AFTER_SECONDS = 30
_MOST_BYTES_AT_ONCE = 500_000
"""A larger request is looked at in a thread: others do not wait for it."""


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What the door is given by the gate.

    `trust` tells who calls, from the head of the request, and raises NotTrusted, CannotTell where
    that is our trouble, or TooOften. `ehr_of` tells which EHR a call of theirs is about, by the
    FHIR server that it names; raises BadRequest.
    `complete` fetches what the prefetch lacks, within the time that it has; it never raises.
    `keep_shown` keeps what was shown; it may raise, and the answer is then given all the same.
    `keep_feedback` takes the service and the reports and keeps all of them or none: it returns
    those that were new, each with what its card was about, and raises NotKept when they should be
    sent again. A report on a card that the caller was never shown is kept and settles nothing.
    `policy` is the site's: discovery lists what it lets an EHR configure.
    """

    trust: Callable[[Request], Awaitable[Caller]]
    ehr_of: Callable[[Caller, str | None], TrustedEhr | None]
    complete: Callable[[HookRequest, TrustedEhr | None], Awaitable[HookRequest]]
    today: Callable[[TrustedEhr | None], date]
    bench: Callable[[TrustedEhr | None, str | None], Bench]
    keep_shown: Callable[[HookRequest, TrustedEhr | None, Answer], None]
    keep_feedback: Callable[[Caller, str, tuple[Feedback, ...]], tuple[KeptReport, ...]]
    new_event_id: Callable[[], str]
    optional_needs: tuple[str, ...]
    policy: Policy


def routes(given: Collaborators) -> list[Route]:
    """The routes of this door."""

    async def discover(request: Request) -> Response:
        async def work(_: Request, __: Caller, ___: Collaborators) -> Response:
            return _json(services(given.optional_needs, given.policy))

        return await _guarded(work, request, given, _DISCOVERY_FAILED)

    def hook_endpoint(service: _Service) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            response = await _guarded(service.work, request, given, service.failed)
            HOOKS_ANSWERED.labels(service.id, str(response.status_code)).inc()
            return response

        return answered

    async def unknown_service(request: Request) -> Response:
        async def work(_: Request, __: Caller, ___: Collaborators) -> Response:
            return refusal(404, "not-found", "There is no CDS service of this id.")

        return await _guarded(work, request, given, _DISCOVERY_FAILED)

    known = frozenset(service["id"] for service in services(given.optional_needs)["services"])

    async def feedback(request: Request) -> Response:
        if request.path_params["id"] not in known:
            return await unknown_service(request)
        return await _guarded(_feedback, request, given, _FEEDBACK_FAILED)

    return [
        Route("/cds-services", discover, methods=["GET"]),
        *(
            Route(f"/cds-services/{one.id}", hook_endpoint(one), methods=["POST"])
            for one in _SERVICES
        ),
        Route("/cds-services/{id}", unknown_service, methods=["POST"]),
        Route("/cds-services/{id}/feedback", feedback, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Service:
    """A service: the hooks that it answers, how, and what is said when that fails.

    `at_once` answers what takes next to no time, without a look at anything beside the request.
    """

    id: str
    hooks: frozenset[str]
    at_once: Callable[[HookRequest, date, Bench], Answer | None]
    answer: Callable[[HookRequest, date, Bench], Answer]
    failed: str

    async def work(self, request: Request, caller: Caller, given: Collaborators) -> Response:
        """The cards for the call of a hook."""
        raw = await _body(request)
        hook_request = read_request(raw, self.hooks)
        ehr = given.ehr_of(caller, hook_request.fhir_server)
        on, bench = given.today(ehr), given.bench(ehr, hook_request.fhir_server)
        at_once = None
        if len(raw) <= _MOST_BYTES_AT_ONCE:
            at_once = self.at_once(hook_request, on, bench)
        if at_once is not None:
            # To hand it to a thread takes longer than it took to make.
            _count(at_once)
            return _json(at_once.body)
        whole = await given.complete(hook_request, ehr)

        def worked_out() -> Mapping[str, Any]:
            found = self.answer(whole, on, bench)
            _count(found)
            return _kept(found, whole, ehr, given)

        return _json(await run_in_threadpool(worked_out))


_SERVICES = (
    _Service(
        ORDER_SAFETY,
        order_safety.HOOKS,
        order_safety.answer_at_once,
        order_safety.answer,
        "TaperGuard could not check this order because of an error of its own; sign with your "
        "own judgement.",
    ),
    _Service(
        PATIENT_REVIEW,
        patient_review.HOOKS,
        lambda *_: None,
        patient_review.answer,
        "TaperGuard could not review this chart because of an error of its own.",
    ),
)
_DISCOVERY_FAILED = "TaperGuard could not tell of its services because of an error of its own."
_FEEDBACK_FAILED = "The feedback was not kept because of an error of TaperGuard."


async def _guarded(
    work: Callable[[Request, Caller, Collaborators], Awaitable[Response]],
    request: Request,
    given: Collaborators,
    failed: str,
) -> Response:
    """What the work answers, or the refusal that fits; an error of ours is a 500 with an id."""
    try:
        return await work(request, await given.trust(request), given)
    except CannotTell:
        return _again(
            "Nothing was checked or kept: who calls cannot be told at the moment. Call again later."
        )
    except NotTrusted:
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
    except BadRequest as error:
        return refusal(400, "invalid", f"{error}.", error.field)
    except NotJsonBody:
        sentence = "The body has to be JSON, as it is: application/json, without Content-Encoding."
        return refusal(415, "not-supported", sentence, "body")
    except TooOften as error:
        response = refusal(429, "throttled", "You ask too often; ask again later.")
        response.headers["Retry-After"] = str(error.seconds)
        return response
    except NothingDecided as error:
        return refusal(412, "required", str(error), "prefetch")
    except NotKept:
        log.get(__name__).error("feedback not kept", exc_info=True)
        return _again("The feedback could not be kept; send it again later.")
    except ClientDisconnect:
        return Response(status_code=400)
    except Exception:  # noqa: BLE001 - the last resort of a door: say so, with an id to find it
        event_id = given.new_event_id()
        log.get(__name__).error("request failed", event_id=event_id, exc_info=True)
        return refusal(500, "exception", f"{failed} Event {event_id}.")


async def _feedback(request: Request, caller: Caller, given: Collaborators) -> Response:
    """An empty 200 when every report is kept; otherwise none is.

    The specification gives the answer no body, and forbids an empty object.
    """
    reports = read_feedback(await _body(request))
    service = request.path_params["id"]
    new = await run_in_threadpool(given.keep_feedback, caller, service, reports)
    for kept in new:
        FEEDBACK_KEPT.labels(kept.report.outcome.value).inc()
        for labels in kept.labels():
            CARD_OUTCOMES.labels(*labels).inc()
    log.get(__name__).info(
        "feedback kept",
        new=len(new),
        of=len(reports),
        tolerated=sum(bool(report.notes) for report in reports),
        not_shown_here=sum(kept.checks is None for kept in new),
    )
    return Response(status_code=200)


def _kept(
    found: Answer, hook_request: HookRequest, ehr: TrustedEhr | None, given: Collaborators
) -> Mapping[str, Any]:
    """The body; what it shows is kept, or the body says that it is not."""
    try:
        given.keep_shown(hook_request, ehr, found)
    except Exception:  # noqa: BLE001 - a full disk must not keep a warning from the prescriber
        log.get(__name__).error("shown cards not kept", exc_info=True)
        extension = found.body["extension"] | {"org.taperguard.recorded": False}
        return {**found.body, "extension": extension}
    return found.body


def _count(found: Answer) -> None:
    """Count what was found, without saying of whom."""
    for checked in found.assessment.checks:
        _made(checked.check, type(checked.verdict).__name__).inc()
    for finding in found.assessment.findings:
        shown = "yes" if finding.check in found.dealt.shown else "no"
        FINDINGS.labels(finding.check.value, shown).inc()


@cache
def _made(check: CheckId, result: str) -> Counter:
    """The counter of one check's result: to look it up by its labels takes longer than to count."""
    return CHECKS_MADE.labels(check.value, result)


class TooOften(Exception):
    """The client asks more often than it may, and may again after so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__("the client asks too often")
        self.seconds = seconds


class NotJsonBody(Exception):
    """The body is said to be something else than JSON, or to be packed."""


async def _body(request: Request) -> bytes:
    """The body. Size and time are limited around this door. Raises NotJsonBody.

    A client that does not say what it sends means JSON, and so does one whose tool says "a form"
    unasked (curl, Python's urllib). Another type is refused and not guessed.
    """
    headers = request.headers
    kind = headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    packed = headers.get("content-encoding", "identity").strip().lower()
    if (kind not in (_JSON, _FORM) and not kind.endswith("+json")) or packed != "identity":
        raise NotJsonBody
    return await request.body()


def _again(sentence: str) -> Response:
    """Our trouble, which passes: 503, and when to come back."""
    response = refusal(503, "transient", sentence)
    response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    return response


def _json(body: Mapping[str, Any]) -> Response:
    return Response(encode(body), media_type=_JSON)


def refusal(status: int, code: str, sentence: str, field: str | None = None) -> Response:
    """A status with an OperationOutcome (CDS Hooks 3.0 ballot, HTTP status codes)."""
    body = encode(operation_outcome(code, sentence, field))
    return Response(body, status_code=status, media_type=_FHIR_JSON)
