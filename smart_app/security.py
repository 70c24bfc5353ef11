"""What every page of this door carries, and how its errors are told.

Frames: a page may be shown by the EHR that launched it and by nobody else. A refusal that
belongs to no known launch may be shown by any registered EHR: it says nothing of a patient, and
a blank frame would say nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import jinja2
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ehr import guard, log
from ehr.registry import TrustedEhr
from smart_app.collaborators import Collaborators
from smart_app.refusal import NOTHING_WRITTEN, OPEN_AGAIN, Refusal

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_FRAMES = "smart_frame_origins"
_HTML_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def frame_origins(ehr: TrustedEhr) -> tuple[str, ...]:
    """The origins whose pages may show this EHR's launches in a frame."""
    return ehr.page_origins or (guard.origin(ehr.issuer),)


def belongs_to(request: Request, ehr: TrustedEhr) -> None:
    """From here on the response is for this EHR's frames only."""
    setattr(request.state, _FRAMES, frame_origins(ehr))


def headers(frames: Iterable[str]) -> dict[str, str]:
    """The headers of a page that these origins may show in a frame.

    Referrer-Policy is not "no-referrer": a browser then hides the origin of our own forms, and
    the origin is half of how a forged form is told from ours.
    """
    origins = " ".join(frames) or "'none'"
    return {
        "Content-Security-Policy": _POLICY.format(frames=origins),
        "Referrer-Policy": "same-origin",
        **_HTML_HEADERS,
    }


def protect(routes: Sequence[BaseRoute], given: Collaborators) -> list[BaseRoute]:
    """The same routes, each with the headers, the check of forms' origin and refusal pages."""
    for route in routes:
        if isinstance(route, Route):  # Not mounted static files: nothing in them is a page.
            route.app = Protected(route.app, given)
    return list(routes)


class Protected:
    """Headers around a page; a Refusal as a page; an error of ours as a page with an event id."""

    def __init__(self, app: ASGIApp, given: Collaborators) -> None:
        self._app = app
        self._given = given
        self._own_origin = guard.origin(given.base_url)
        self._any_ehr = tuple(
            dict.fromkeys(origin for ehr in given.registry for origin in frame_origins(ehr))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                frames = getattr(request.state, _FRAMES, self._any_ehr)
                MutableHeaders(scope=message).update(headers(frames))
            await send(message)

        try:
            self._check_origin(request)
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            return
        except Refusal as refusal:
            if begun:
                raise
            page = await run_in_threadpool(self._page, refusal)
            await page(scope, receive, send_with_headers)
        except (SQLAlchemyError, OSError):
            if begun:
                raise
            event_id = self._given.new_event_id()
            log.get(__name__).error("store not reachable", event_id=event_id, exc_info=True)
            page = refusal_page(_NOT_KEPT, event_id, development=self._given.development)
            page.headers["Retry-After"] = "30"
            await page(scope, receive, send_with_headers)
        except Exception:  # the last resort of a door: say so, with an id to find it
            if begun:
                raise
            event_id = self._given.new_event_id()
            log.get(__name__).error("planner request failed", event_id=event_id, exc_info=True)
            await refusal_page(_OUR_ERROR, event_id, development=self._given.development)(
                scope, receive, send_with_headers
            )

    def _page(self, refusal: Refusal) -> Response:
        event_id = self._given.new_event_id()
        log.get(__name__).info(
            "planner request refused",
            event_id=event_id,
            reason=refusal.code,
            status=refusal.status,
        )
        return refusal_page(refusal, event_id, development=self._given.development)

    def _check_origin(self, request: Request) -> None:
        """A form that another site's page sends is refused before anything is read."""
        origin = request.headers.get("origin")
        if request.method in _SAFE_METHODS or origin is None or origin == self._own_origin:
            return
        raise Refusal(
            403,
            "foreign-form",
            "This form was sent from a page that is not the planner's.",
            safe=NOTHING_WRITTEN,
        )


_OUR_ERROR = Refusal(
    500,
    "error",
    "The planner could not answer because of an error of its own.",
    safe="If you were saving, look into the chart before you save again: what was sent to the EHR "
    "before the error may have been kept.",
    next_step=OPEN_AGAIN,
)

_NOT_KEPT = Refusal(
    503,
    "store",
    "The planner cannot reach its own store at the moment, and does nothing that it cannot "
    "write down.",
    safe=_OUR_ERROR.safe,
    next_step="Wait half a minute and load the page again.",
)


def refusal_page(refusal: Refusal, event_id: str, *, development: bool) -> Response:
    """The page of a refusal."""
    words = _template().render(refusal=refusal, event_id=event_id, development=development)
    return HTMLResponse(words, status_code=refusal.status)


def _template() -> jinja2.Template:
    return _ENVIRONMENT.get_template("refusal.html")


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("smart_app"), autoescape=True, undefined=jinja2.StrictUndefined
)


def see_other(address: str) -> Response:
    """303: a GET of another address, so that code and state do not stay in this one."""
    return RedirectResponse(address, status_code=303)
