"""The planner's requests: look, save, copy, take away.

A page and a save ask the chart anew. What only shows the same plan again (a changed field, the
text, the hand-out) may draw from what was read for this visit a moment ago.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ehr.read.chart import Resources
from smart_app.planner.change_presenter import StandingView, standing_view
from smart_app.planner.change_views import ChangeDesk
from smart_app.planner.charted import ChartedPlan, charted_plan
from smart_app.planner.collaborators import PlannerCollaborators
from smart_app.planner.form_presenter import error_list, form_view
from smart_app.planner.forms import Planned, make_plan, read_form
from smart_app.planner.handout import handout_pdf
from smart_app.planner.pages import PatientLocks, is_live, templates
from smart_app.planner.plan_presenter import (
    maintain_view,
    plan_text,
    preview,
    schedule_view,
    spoken,
    stays,
)
from smart_app.planner.presenter import patient_view, recipient
from smart_app.planner.save import (
    CONFIRMATIONS,
    InChart,
    Saving,
    agreement_of,
    in_chart,
    maintaining,
    saving,
)
from smart_app.planner.situation import Situation, situation
from smart_app.planner.typed import Fields
from smart_app.posted import posted_fields
from smart_app.visit import NotWritten, Visit, Written

_LARGEST_FORM = 64 * 1024
_LONGEST_WORDS = 300


def routes(given: PlannerCollaborators) -> list[BaseRoute]:
    """The page, the save, the text to copy, the plan in the chart, and the style sheet."""
    environment, locks = templates(), PatientLocks()
    desk, changes = _Desk(given, environment, locks), ChangeDesk(given, environment, locks)
    static = _Static(directory=str(files("smart_app") / "static"))
    return [
        Route("/planner/{launch_id}", desk.page, methods=["GET"]),
        Route("/planner/{launch_id}/save", desk.save, methods=["POST"]),
        Route("/planner/{launch_id}/plan.txt", desk.text, methods=["GET"]),
        Route("/planner/{launch_id}/handout.pdf", desk.handout, methods=["GET"]),
        Route("/planner/{launch_id}/change", changes.page, methods=["GET"]),
        Route("/planner/{launch_id}/change", changes.save, methods=["POST"]),
        Route("/planner/{launch_id}/change/handout.pdf", changes.handout, methods=["GET"]),
        Mount(given.static_prefix, static, name="planner-static"),
    ]


class _Static(StaticFiles):
    """Files that a browser keeps, and asks whether they have changed before it uses them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


@dataclass(frozen=True, slots=True)
class _Looked:
    """One look at the chart with a plan in hand."""

    resources: Resources
    found: Situation
    planned: Planned
    write: Saving | None

    @property
    def held(self) -> InChart:
        return in_chart(self.resources, None if self.write is None else self.write.key)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the page says beside the plan: of a save that was tried, and what was ticked."""

    refusal: str | None = None
    event: str | None = None
    differences: tuple[Written, ...] = ()
    confirmed: tuple[str, ...] = ()
    confirm_error: str | None = None
    specialist: str = ""
    specialist_why: str = ""
    specialist_error: str | None = None
    saved_key: str | None = None


class _Desk:
    """The handlers of one door."""

    def __init__(
        self, given: PlannerCollaborators, environment: jinja2.Environment, locks: PatientLocks
    ) -> None:
        self.given = given
        self._locks = locks
        self._page = environment.get_template("planner/page.html")
        self._main = environment.get_template("planner/main.html")

    async def page(self, request: Request) -> Response:
        """The planner, with the plan that the address names; only its main part when live."""
        visit = await self.given.visit_of(request)
        looked = await self._look(visit, request.query_params, again=is_live(request))
        said = _Said(saved_key=request.query_params.get("saved"))
        return await self._render(request, looked, said, 422 if looked.planned.form.errors else 200)

    async def text(self, request: Request) -> Response:
        """The plan as text to copy."""
        visit = await self.given.visit_of(request)
        looked = await self._look(visit, request.query_params, again=True)
        planned = looked.planned
        if looked.found.blocked is not None or planned.why_none or planned.forbids:
            return _no_plan(looked)
        return PlainTextResponse(plan_text(looked.found, looked.planned))

    async def handout(self, request: Request) -> Response:
        """The plan for the patient, as PDF; where there is none, why, as text."""
        visit = await self.given.visit_of(request)
        looked = await self._look(visit, request.query_params, again=True)
        schedule = looked.planned.schedule
        if looked.found.blocked is not None or schedule is None or looked.planned.forbids:
            return _no_plan(looked)
        whose = recipient(looked.found, signed=looked.held.signed)
        pdf = await run_in_threadpool(handout_pdf, schedule, whose)
        # Saved as a file: a tab of its own has no cookie of a planner in an EHR's frame, and the
        # name says nothing of the patient.
        name = "clonazepam-plan.pdf"
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(pdf, media_type="application/pdf", headers=disposition)

    async def save(self, request: Request) -> Response:
        """Write the plan, once; then show it, or say why it was not written."""
        visit = await self.given.visit_of(request)
        fields = await posted_fields(request, _LARGEST_FORM)
        if fields is None:
            return PlainTextResponse("The form is too large or not readable.\n", status_code=400)
        self.given.check_csrf(request, visit, fields)
        confirmed = tuple(v for v in fields.getlist("confirm") if v in CONFIRMATIONS)
        said = _Said(
            confirmed=confirmed,
            specialist=fields.get("specialist", "").strip()[:_LONGEST_WORDS],
            specialist_why=fields.get("specialist_why", "").strip()[:_LONGEST_WORDS],
        )
        lock = self._locks.of(visit)
        async with lock:
            looked = await self._look(visit, fields)
            refused = _refused(looked, fields, said)
            if refused is not None:
                words, status = refused
                return await self._render(request, looked, words, status)
            if looked.write is None or looked.held.this_plan:
                return self._see(request, looked)
            return await self._write(request, looked, looked.write, said)

    async def _write(
        self, request: Request, looked: _Looked, write: Saving, said: _Said
    ) -> Response:
        words = [CONFIRMATIONS[v] for v in said.confirmed if v in write.confirming]
        found, agreement = looked.found, None
        if found.overridden:
            agreement = agreement_of(found, said.specialist, said.specialist_why)
        result = await self.given.chart.write(found.visit, write.entries(words, agreement))
        if isinstance(result, NotWritten):
            event = self.given.new_id()
            return await self._render(
                request, looked, replace(said, refusal=result.why, event=event), 502
            )
        different = tuple(written for written in result if written.differences)
        if different:
            looked = await self._look(looked.found.visit, _pairs(looked))
            told = replace(said, differences=different, saved_key=write.key)
            return await self._render(request, looked, told, 200)
        return self._see(request, looked)

    def _see(self, request: Request, looked: _Looked) -> Response:
        """To the page with the plan, so that a reload does not send the form again."""
        where = _paths(request, looked)["page"]
        saved = "" if looked.write is None else f"&saved={looked.write.key}"
        query = f"{looked.planned.form.query}{saved}"
        return RedirectResponse(f"{where}?{query}#saved", status_code=303)

    async def _look(self, visit: Visit, fields: Fields, *, again: bool = False) -> _Looked:
        chart = self.given.chart
        resources = await (chart.read_again(visit) if again else chart.read(visit))
        policy = self.given.policy_of(visit)
        found = situation(resources, visit, policy)
        if "agreed" in fields:
            found = found.agreed_by_specialist()
        form = read_form(fields, found)
        if found.blocked is not None:
            return _Looked(resources, found, Planned(form), None)
        planned = make_plan(form, found)
        write = None
        if planned.request is not None and planned.schedule is not None and not planned.forbids:
            allowed = await chart.can_write(visit)
            write = saving(found, planned.schedule, allowed, policy, planned.request)
        elif planned.review_on is not None:
            allowed = await chart.can_write(visit)
            write = maintaining(found, stays(planned, found), planned.review_on, allowed, policy)
        return _Looked(resources, found, planned, write)

    async def _render(
        self, request: Request, looked: _Looked, said: _Said, status: int
    ) -> Response:
        found, planned = looked.found, looked.planned
        plan: dict[str, Any] = {"schedule": None, "preview": None, "maintain": None, "form": None}
        if found.blocked is None:
            plan["form"] = form_view(planned, found)
            plan["maintain"] = maintain_view(planned, found)
        if planned.schedule is not None:
            plan["schedule"] = schedule_view(
                planned.schedule,
                planned.curve,
                planned.recommended,
                judged_only=bool(planned.forbids),
            )
        if looked.write is not None:
            plan["preview"] = preview(
                found,
                planned.schedule,
                looked.write,
                looked.held,
                confirmed=said.confirmed,
                saved_key=said.saved_key,
            )
        has_plan = found.blocked is None and not planned.why_none and not planned.forbids
        live = is_live(request)
        body = (self._main if live else self._page).render(
            main="planner/main.html",
            page_title="Taper planner",
            standing=_standing(looked),
            view=patient_view(found, self.given.policy_of(found.visit)),
            blocked=found.blocked,
            overridden=found.overridden,
            notices=found.notices,
            instead=planned.instead,
            forbids=planned.forbids,
            asks=planned.why_none if not planned.form.errors else (),
            **plan,
            said=said,
            live=live,
            spoken=spoken(found, planned) if live else "",
            text=plan_text(found, planned) if has_plan else None,
            pairs=planned.form.pairs,
            csrf_token=found.visit.csrf_token,
            paths={**_paths(request, looked), "static": self.given.static_prefix},
            confirm_errors=error_list(
                {
                    name: words
                    for name, words in (
                        ("confirm", said.confirm_error),
                        ("specialist", said.specialist_error),
                    )
                    if words
                }
            ),
        )
        media_type = "text/html; charset=utf-8"
        return Response(body, status, {"Vary": "HX-Request-Type"}, media_type)


def _standing(looked: _Looked) -> StandingView | None:
    """Where the plan stands that the chart holds already."""
    charted = charted_plan(looked.resources, looked.found)
    if not isinstance(charted, ChartedPlan):
        return None
    return standing_view(charted, looked.found.visit.today)


def _no_plan(looked: _Looked) -> Response:
    """Why there is no plan, as text: a patient who cannot be tapered, or fields to correct."""
    blocked = looked.found.blocked
    if blocked is not None:
        words = [blocked.title, "", *blocked.why, "", *blocked.possible, ""]
        return PlainTextResponse("\n".join(words), status_code=409)
    return PlainTextResponse(plan_text(looked.found, looked.planned), status_code=422)


def _paths(request: Request, looked: _Looked) -> dict[str, str]:
    """Where the pages of this visit are, below whatever the application is mounted at."""
    root = request.scope.get("root_path", "")
    page = f"{root}/planner/{quote(looked.found.visit.launch_id, safe='')}"
    query = looked.planned.form.query
    return {
        "page": page,
        "save": f"{page}/save",
        "change": f"{page}/change",
        "text": f"{page}/plan.txt?{query}",
        "handout": f"{page}/handout.pdf?{query}",
    }


def _pairs(looked: _Looked) -> Fields:
    return QueryParams(list(looked.planned.form.pairs))


def _refused(looked: _Looked, fields: Fields, said: _Said) -> tuple[_Said, int] | None:
    """Why this save is not sent, and with which status; None when it is."""
    if looked.found.blocked is not None:
        return replace(said, refusal="Nothing was written. No plan can be saved here."), 409
    if looked.write is None:
        why = " ".join(["Nothing was written. There is no plan to save.", *looked.planned.forbids])
        return replace(said, refusal=why), 422
    if looked.held.this_plan:
        return None
    if not looked.write.count:
        why = "Nothing was written: this EHR takes neither draft orders nor a care plan."
        return replace(said, refusal=why), 409
    if fields.get("seen") != looked.write.seen:
        why = (
            "Nothing was written: the chart or the plan has changed since the preview. Look at "
            "it again below, then save."
        )
        return replace(said, refusal=why), 409
    asked = looked.write.confirming
    missing = [CONFIRMATIONS[value] for value in asked if value not in said.confirmed]
    if missing:
        why = "Nothing was written. Before saving, confirm that " + "; that ".join(missing) + "."
        return replace(said, confirm_error=why), 422
    if looked.found.overridden and not (said.specialist and said.specialist_why):
        why = (
            "Nothing was written. Name the specialist who agreed to this taper, and say why: both "
            "stand in the plan and in its orders."
        )
        return replace(said, specialist_error=why), 422
    return None
