"""The requests about a plan in the chart: look at it, try a change, save it, take it away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from ehr.read.chart import Resources
from smart_app.planner.change_form import (
    DAY_WORDS,
    KINDS,
    Changed,
    ChangeForm,
    is_last,
    make_change,
    possible,
    read_change,
    why_of,
)
from smart_app.planner.change_presenter import (
    change_form_view,
    changed_view,
    standing_pictures,
    standing_view,
    urgent_view,
)
from smart_app.planner.change_save import ChangeSaving, change_saving
from smart_app.planner.charted import CannotBeChanged, ChartedPlan, charted_plan
from smart_app.planner.collaborators import PlannerCollaborators
from smart_app.planner.handout import handout_pdf
from smart_app.planner.pages import PatientLocks, is_live
from smart_app.planner.presenter import patient_view, recipient
from smart_app.planner.situation import Situation, situation
from smart_app.planner.typed import Fields
from smart_app.posted import posted_fields
from smart_app.visit import NotWritten, Visit, Written

_LARGEST_FORM = 64 * 1024
_WHY = "taper-plan-change"
_NO_PLAN = "No taper that was planned here is under way in this chart."


@dataclass(frozen=True, slots=True)
class _Looked:
    """One look at the chart with a change in hand."""

    resources: Resources
    found: Situation
    charted: ChartedPlan | CannotBeChanged | None
    changed: Changed
    write: ChangeSaving | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What the page says of a save that was tried, and the reason as typed."""

    saved: bool = False
    refusal: str | None = None
    event: str | None = None
    differences: tuple[Written, ...] = ()
    why: str = ""
    why_error: str | None = None


class ChangeDesk:
    """The handlers of a plan under way."""

    def __init__(
        self, given: PlannerCollaborators, environment: jinja2.Environment, locks: PatientLocks
    ) -> None:
        self.given = given
        self._locks = locks
        self._page = environment.get_template("planner/page.html")
        self._main = environment.get_template("planner/change.html")

    async def page(self, request: Request) -> Response:
        """The plan in the chart, and what the change that the address names makes of it."""
        visit = await self.given.visit_of(request)
        looked = await self._look(visit, request.query_params, again=is_live(request))
        said = _Said(saved="saved" in request.query_params)
        return self._render(request, looked, said, 422 if looked.changed.form.errors else 200)

    async def handout(self, request: Request) -> Response:
        """The plan as it stands in the chart for the patient, as PDF."""
        visit = await self.given.visit_of(request)
        looked = await self._look(visit, request.query_params, again=True)
        charted = looked.charted
        if not isinstance(charted, ChartedPlan) or charted.standing.schedule is None:
            why = charted.why if isinstance(charted, CannotBeChanged) else _NO_PLAN
            return PlainTextResponse(f"{why}\n", status_code=409)
        signed = not charted.is_draft and not charted.drafts
        whose = recipient(looked.found, signed=signed)
        pdf = await run_in_threadpool(handout_pdf, charted.standing.schedule, whose)
        disposition = {"Content-Disposition": 'attachment; filename="clonazepam-plan.pdf"'}
        return Response(pdf, media_type="application/pdf", headers=disposition)

    async def save(self, request: Request) -> Response:
        """Write the change, once; then show the plan, or say why it was not written."""
        visit = await self.given.visit_of(request)
        fields = await posted_fields(request, _LARGEST_FORM)
        if fields is None:
            return PlainTextResponse("The form is too large or not readable.\n", status_code=400)
        self.given.check_csrf(request, visit, fields)
        lock = self._locks.of(visit)
        async with lock:
            looked = await self._look(visit, fields)
            said = _Said(why=why_of(fields))
            charted = looked.charted
            if not isinstance(charted, ChartedPlan):
                refused = replace(said, refusal=f"Nothing was written. {_NO_PLAN}")
                return self._render(request, looked, refused, 409)
            if is_last(charted.plan, looked.changed.form, visit.today, who(visit), said.why):
                return self._see(request, looked)
            refusal = _refused(looked, fields, said)
            if refusal is not None:
                words, status = refusal
                return self._render(request, looked, words, status)
            return await self._write(request, looked, charted, said)

    async def _write(
        self, request: Request, looked: _Looked, charted: ChartedPlan, said: _Said
    ) -> Response:
        found = looked.found
        visit, form = found.visit, looked.changed.form
        final = make_change(form, charted.plan, visit.today, who(visit), said.why)
        if final.plan is None or final.standing is None:
            words = " ".join(["Nothing was written.", *final.form.errors.values()])
            return self._render(request, looked, replace(said, refusal=words), 422)
        policy = self.given.policy_of(visit)
        write = change_saving(found, charted, final.plan, final.standing, policy, can_change=True)
        result = await self.given.chart.write(visit, write.entries, _WHY)
        if isinstance(result, NotWritten):
            event = self.given.new_id()
            told = replace(said, refusal=result.why, event=event)
            return self._render(request, looked, told, 502)
        different = tuple(written for written in result if written.differences)
        if different:
            looked = await self._look(visit, QueryParams(list(form.pairs)))
            return self._render(request, looked, _Said(differences=different), 200)
        return self._see(request, looked)

    def _see(self, request: Request, looked: _Looked) -> Response:
        """To the page of the plan, so that a reload does not send the form again."""
        form = looked.changed.form
        flag = f"&kind=stop&flag={quote(form.flag, safe='')}" if form.kind == "stop" else ""
        return RedirectResponse(
            f"{self._paths(request, looked)['change']}?saved=1{flag}#saved", status_code=303
        )

    async def _look(self, visit: Visit, fields: Fields, *, again: bool = False) -> _Looked:
        chart, policy = self.given.chart, self.given.policy_of(visit)
        resources = await (chart.read_again(visit) if again else chart.read(visit))
        found = situation(resources, visit, policy)
        charted = charted_plan(resources, found)
        form = read_change(fields, visit.today)
        if not isinstance(charted, ChartedPlan) or "saved" in fields:
            return _Looked(resources, found, charted, Changed(form), None)
        changed = make_change(form, charted.plan, visit.today, who(visit))
        write = None
        if changed.plan is not None and changed.standing is not None:
            can_change = await chart.can_change(visit)
            write = change_saving(
                found, charted, changed.plan, changed.standing, policy, can_change=can_change
            )
        return _Looked(resources, found, charted, changed, write)

    def _render(self, request: Request, looked: _Looked, said: _Said, status: int) -> Response:
        found, charted = looked.found, looked.charted
        visit, form = found.visit, looked.changed.form
        standing = form_view = changed = pictures = None
        if isinstance(charted, ChartedPlan):
            standing = standing_view(charted, visit.today)
            form_view = change_form_view(form, possible(charted.plan, visit.today))
            if said.saved:
                pictures = standing_pictures(charted, visit.today)
            if looked.write is not None:
                changed = changed_view(charted, looked.changed, looked.write, visit.today)
        live = is_live(request)
        body = (self._main if live else self._page).render(
            main="planner/change.html",
            page_title="The plan in the chart",
            view=patient_view(found, self.given.policy_of(visit)),
            why_no_plan=charted.why if isinstance(charted, CannotBeChanged) else _NO_PLAN,
            standing=standing,
            form=form_view,
            day_words=DAY_WORDS,
            changed=changed,
            pictures=pictures,
            urgent=urgent_view(form),
            said=said,
            live=live,
            spoken=_spoken(looked) if live else "",
            pairs=form.pairs,
            who=who(visit),
            csrf_token=visit.csrf_token,
            paths={**self._paths(request, looked), "static": self.given.static_prefix},
        )
        return Response(
            body, status, {"Vary": "HX-Request-Type"}, media_type="text/html; charset=utf-8"
        )

    def _paths(self, request: Request, looked: _Looked) -> dict[str, str]:
        root = request.scope.get("root_path", "")
        page = f"{root}/planner/{quote(looked.found.visit.launch_id, safe='')}"
        return {
            "page": page,
            "change": f"{page}/change",
            "handout": f"{page}/change/handout.pdf",
        }


def who(visit: Visit) -> str:
    """Who decides: the signed-in user, by name where the EHR gives one."""
    return visit.user_name or visit.user or "the signed-in user"


def _refused(looked: _Looked, fields: Fields, said: _Said) -> tuple[_Said, int] | None:
    """Why this change is not sent, and with which status; None when it is."""
    if looked.write is None:
        errors = looked.changed.form.errors.values()
        words = " ".join(["Nothing was written. There is no change to save.", *errors])
        return replace(said, refusal=words), 422
    if looked.write.why_not is not None:
        return replace(said, refusal=looked.write.why_not), 409
    if fields.get("seen") != looked.write.seen:
        why = (
            "Nothing was written: the chart or the plan has changed since the preview. Look at it "
            "again below, then save."
        )
        return replace(said, refusal=why), 409
    if not said.why:
        return replace(said, why_error="Say why: it stands in the plan's history."), 422
    return None


def _spoken(looked: _Looked) -> str:
    """What a screen reader says after a changed field."""
    form: ChangeForm = looked.changed.form
    if form.errors:
        return " ".join(["This change cannot be made.", *form.errors.values()])
    standing = looked.changed.standing
    if standing is None:
        return f"{KINDS[form.kind]}."
    return standing.decisions[-1].what
