"""GET /reports: sign-in, the report of a night, the worklist behind it, and its files.

Who may see what is settled before anything is looked up: the answer to somebody without a role
is the same whether or not there is a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ehr.registry import TrustedEhr
from smart_app import security
from smart_app.collaborators import Collaborators
from smart_app.posted import posted_fields
from smart_app.reports import pages, reader, signing_in
from smart_app.reports.card_views import Answer, CardDesk
from smart_app.reports.links import Links
from smart_app.reports.presenter import FileOffer, report_view
from smart_app.reports.reader import Reader
from smart_app.reports.roles import Role
from smart_app.reports.shelf import Report, Shelf
from smart_app.reports.worklist import PAGE, NotAsked, bars_of, chosen, read_query
from smart_app.reports.worklist_presenter import worklist_view
from store.reports import Kept

_LARGEST_FORM = 4096


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """How a file of a report is made: `render` gives its bytes.

    `needs_all`: its format has no way to say that a number is withheld.
    """

    media_type: str
    render: Callable[[Report], bytes]
    what: str
    needs_all: bool = False


@dataclass(frozen=True, slots=True)
class ReportCollaborators:
    """What the pages work with.

    `shareable` gives the form of a report that may be passed on. `files` are the downloads by
    name. `reasons` are those that cards offer for an override, by "system|code", as displayed.
    `css` are the style sheets' addresses.
    """

    door: Collaborators
    shelf: Shelf
    shareable: Callable[[Report], Report]
    files: Mapping[str, RenderedFile]
    reasons: Mapping[str, str]
    css: tuple[str, ...] = ("/planner-static/planner.css", "/planner-static/reports.css")


def routes(given: ReportCollaborators) -> list[BaseRoute]:
    """The routes; the door protects them like its others."""
    desk = _Desk(given)
    cards = CardDesk(given.door, desk.pages, given.reasons, desk.for_a_reader)
    return [
        Route("/reports", desk.choose, methods=["GET"]),
        Route("/reports/sign-in", desk.sign_in, methods=["GET"]),
        Route("/reports/{ehr}", desk.newest, methods=["GET"]),
        Route("/reports/{ehr}/sign-out", desk.sign_out, methods=["POST"]),
        Route("/reports/{ehr}/cards", cards.cards, methods=["GET"]),
        Route("/reports/{ehr}/cards/{file}", cards.file, methods=["GET"]),
        Route("/reports/{ehr}/{night}", desk.report, methods=["GET"]),
        Route("/reports/{ehr}/{night}/patients", desk.patients, methods=["GET"]),
        Route("/reports/{ehr}/{night}/{file}", desk.file, methods=["GET"]),
    ]


class _Desk:
    """The handlers."""

    def __init__(self, given: ReportCollaborators) -> None:
        self._given = given
        self.pages = pages.Pages(given.css, development=given.door.development)

    # --- who --------------------------------------------------------------------------------

    async def choose(self, request: Request) -> Response:
        """Whose report: straight on where there is only one EHR."""
        ehrs = list(self._given.door.registry)
        root = request.scope.get("root_path", "")
        if len(ehrs) == 1:
            return RedirectResponse(f"{root}/reports/{quote(ehrs[0].id)}", status_code=303)
        return self.pages.choose([(ehr.name, f"{root}/reports/{quote(ehr.id)}") for ehr in ehrs])

    async def sign_in(self, request: Request) -> Response:
        """To the EHR's sign-in, which is asked who somebody is and nothing more."""
        return await signing_in.sign_in(request, self._given.door)

    async def sign_out(self, request: Request) -> Response:
        """End the session of the report; the EHR's own is the EHR's."""
        ehr = self._ehr(request)
        if ehr is None:
            return self.pages.no_such_page()
        security.belongs_to(request, ehr)
        fields = await posted_fields(request, _LARGEST_FORM)
        token = fields.get("csrf_token") if fields is not None else None
        await reader.sign_out(request, self._given.door, ehr, token)
        return self.pages.signed_out(ehr, _links(request, ehr).home)

    def _ehr(self, request: Request) -> TrustedEhr | None:
        return self._given.door.registry.get(str(request.path_params["ehr"]))

    async def for_a_reader(
        self, request: Request, answer: Answer, *, least: Role = Role.REPORT
    ) -> Response:
        """The answer for who may have it; else the page that says how, or that they may not."""
        ehr = self._ehr(request)
        if ehr is None:
            return self.pages.no_such_page()
        security.belongs_to(request, ehr)
        found = await reader.reader_of(request, self._given.door, ehr)
        if found is None:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            query = urlencode({"iss": ehr.issuer, "back_to": asked})
            root = request.scope.get("root_path", "")
            return self.pages.sign_in(ehr, f"{root}/reports/sign-in?{query}")
        if found.role < least:
            return self.pages.not_allowed(found, _links(request, ehr).home)
        return await answer(request, found)

    # --- the report -------------------------------------------------------------------------

    async def newest(self, request: Request) -> Response:
        """The newest night; where there is none, what will be here and how it gets here."""
        return await self.for_a_reader(request, self._newest)

    async def _newest(self, request: Request, who: Reader) -> Response:
        nights = await run_in_threadpool(self._given.shelf.nights, who.ehr.id)
        if nights:
            return RedirectResponse(_links(request, who.ehr).night(nights[0]), status_code=303)
        run = await run_in_threadpool(self._given.shelf.last_run, who.ehr.id)
        return self.pages.no_report(who, run)

    async def report(self, request: Request) -> Response:
        """The report of a night, with every number for those named for the worklist."""
        return await self.for_a_reader(request, self._report)

    async def _report(self, request: Request, who: Reader) -> Response:
        kept, nights = await self._kept(request, who)
        if kept is None:
            return self.pages.no_such_night(who, nights, _links(request, who.ehr, who))
        run = await run_in_threadpool(self._given.shelf.last_run, who.ehr.id)
        is_whole = who.role >= Role.WORKLIST
        view = report_view(
            kept.report if is_whole else self._given.shareable(kept.report),
            night=kept.night,
            nights=nights,
            links=_links(request, who.ehr, who),
            files=[
                FileOffer(name, file.what, file.needs_all)
                for name, file in self._given.files.items()
            ],
            is_whole=is_whole,
            run=run if kept.night == nights[0] else None,
        )
        return self.pages.report(who, view)

    async def file(self, request: Request) -> Response:
        """A file of a night: with every number for who may see them and asks for them."""
        return await self.for_a_reader(request, self._file)

    async def _file(self, request: Request, who: Reader) -> Response:
        name = str(request.path_params["file"])
        wanted = self._given.files.get(name)
        kept, nights = await self._kept(request, who)
        is_whole = who.role >= Role.WORKLIST and request.query_params.get("form") != "shareable"
        if wanted is None or kept is None or (wanted.needs_all and not is_whole):
            return self.pages.no_such_night(who, nights, _links(request, who.ehr, who))
        form = "all-numbers" if is_whole else "shareable"
        await reader.write_down(
            self._given.door, who, what=(f"Report/{kept.night}", name, form), why="report-download"
        )
        body = await run_in_threadpool(
            wanted.render, kept.report if is_whole else self._given.shareable(kept.report)
        )
        stem, _, ending = name.partition(".")
        called = f"clonazepam-{who.ehr.id}-{kept.night}-{form}-{stem}.{ending}"
        return Response(
            body,
            media_type=wanted.media_type,
            headers={"Content-Disposition": f'attachment; filename="{called}"'},
        )

    async def _kept(self, request: Request, who: Reader) -> tuple[Kept | None, tuple[date, ...]]:
        nights = tuple(await run_in_threadpool(self._given.shelf.nights, who.ehr.id))
        night = _night(request)
        if night is None or night not in nights:
            return None, nights
        return await run_in_threadpool(self._given.shelf.report, who.ehr.id, night), nights

    # --- the patients -----------------------------------------------------------------------

    async def patients(self, request: Request) -> Response:
        """The worklist. That it was shown, and whom it showed, is written down first."""
        return await self.for_a_reader(request, self._patients, least=Role.WORKLIST)

    async def _patients(self, request: Request, who: Reader) -> Response:
        links = _links(request, who.ehr, who)
        kept, nights = await self._kept(request, who)
        rows = None
        if kept is not None:
            rows = await run_in_threadpool(self._given.shelf.worklist, who.ehr.id, kept.night)
        if kept is None or rows is None:
            return self.pages.no_such_night(who, nights, links)
        known = [measure["id"] for measure in kept.report["measures"]]
        bars = bars_of(kept.report)
        try:
            asked = read_query(request.query_params, known, [bar.id for bar in bars])
        except NotAsked as problem:
            return self.pages.not_asked(who, str(problem), f"{links.night(kept.night)}/patients")
        begin = (asked.page - 1) * PAGE
        shown = chosen(rows, asked, bars)[begin : begin + PAGE]
        view = worklist_view(
            kept.report,
            rows,
            asked,
            night=kept.night,
            links=links,
            planner=f"{links.root}/smart/launch?{urlencode({'iss': who.ehr.issuer})}",
        )
        if view is None:
            return self.pages.not_asked(
                who, "The list has no such page.", f"{links.night(kept.night)}/patients"
            )
        await reader.write_down(
            self._given.door,
            who,
            what=(f"Worklist/{kept.night}", f"?{asked.query()}"),
            why="report-worklist",
            patients=tuple(str(row["patient"]).partition("/")[2] for row in shown),
        )
        return self.pages.worklist(who, view)


def _links(request: Request, ehr: TrustedEhr, who: Reader | None = None) -> Links:
    to_patients = who is not None and who.role >= Role.WORKLIST
    return Links(request.scope.get("root_path", ""), ehr.id, to_patients)


def _night(request: Request) -> date | None:
    text = str(request.path_params["night"])
    try:
        night = date.fromisoformat(text)
    except ValueError:
        return None
    # Python also reads "20261125"; a page has one address.
    return night if night.isoformat() == text else None
