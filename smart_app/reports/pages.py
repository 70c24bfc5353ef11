"""The pages as responses: templates filled with what the presenters say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import jinja2
from starlette.responses import Response

from ehr.registry import TrustedEhr
from smart_app.reports.card_presenter import CardsView
from smart_app.reports.links import Links
from smart_app.reports.presenter import ReportView, run_in_words
from smart_app.reports.reader import Reader
from smart_app.reports.roles import Role
from smart_app.reports.shelf import LastRun
from smart_app.reports.words import day_of_record
from smart_app.reports.worklist_presenter import WorklistView


@dataclass(frozen=True, slots=True)
class Message:
    """A page of a few sentences: what is so, and what one can do."""

    title: str
    sentences: tuple[str, ...]
    link: tuple[str, str] | None = None
    links: tuple[tuple[str, str], ...] = ()


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("smart_app"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Pages:
    """`css` are the addresses of the style sheets."""

    def __init__(self, css: Sequence[str], *, development: bool) -> None:
        self._always = {"css": tuple(css), "development": development}
        self._templates = _templates()

    def report(self, who: Reader, view: ReportView) -> Response:
        """The report of a night."""
        return self._page("report.html", who=who, view=view)

    def worklist(self, who: Reader, view: WorklistView) -> Response:
        """The patients behind it."""
        return self._page("worklist.html", who=who, view=view)

    def cards(self, who: Reader, view: CardsView) -> Response:
        """What became of the cards."""
        return self._page("cards.html", who=who, view=view)

    def cards_not_narrowed(self, who: Reader, sentence: str, address: str) -> Response:
        """A selection of cards that is not understood, or not for this reader."""
        message = Message(
            "The cards cannot be narrowed like that", (sentence,), link=("All cards", address)
        )
        return self._message(message, 400, ehr=who.ehr, who=who)

    def choose(self, ehrs: Sequence[tuple[str, str]]) -> Response:
        """Several EHRs are registered: whose report it shall be."""
        message = Message(
            "Whose report?",
            ("A report belongs to one EHR, and is seen by users of that EHR.",),
            links=tuple(ehrs),
        )
        return self._message(message, 200)

    def sign_in(self, ehr: TrustedEhr, address: str) -> Response:
        """Nobody is signed in."""
        message = Message(
            "Sign in to see the report",
            (
                f"The report of {ehr.name} is for its staff. Your EHR says who you are; TaperGuard "
                "asks for nothing else: no patient, no chart.",
                "The sign-in ends after two hours, or when you sign out.",
            ),
            link=(f"Sign in at {ehr.name}", address),
        )
        return self._message(message, 401, ehr=ehr)

    def signed_out(self, ehr: TrustedEhr, address: str) -> Response:
        """The session is over here, and not at the EHR."""
        message = Message(
            "Signed out of the report",
            (
                "This browser shows the report no more. You are still signed in at your EHR: on a "
                "shared computer, sign out there too.",
            ),
            link=("Back to the sign-in", address),
        )
        return self._message(message, 200, ehr=ehr)

    def not_allowed(self, who: Reader, home: str) -> Response:
        """Signed in, without the role. The same words whatever there is or is not."""
        asks_for_patients = who.role is Role.REPORT
        sentences = (
            f"You are signed in at {who.ehr.name} as {who.who}. Lists of patients are for users "
            "who are named for them; you may see the report without them."
            if asks_for_patients
            else f"You are signed in at {who.ehr.name} as {who.who}. The report is for users who "
            "are named for it, and you are not among them.",
            "Ask whoever runs TaperGuard for your clinic: they keep the list of readers, and need "
            f"your user name as it stands above ({who.who}).",
        )
        message = Message(
            "This list of patients is not for you"
            if asks_for_patients
            else "This report is not for you",
            sentences,
            link=("Open the report", home) if asks_for_patients else None,
        )
        return self._message(message, 403, ehr=who.ehr, who=who)

    def no_such_page(self) -> Response:
        """An EHR that is not registered, or an address that nobody made."""
        message = Message(
            "There is no report at this address",
            (
                "The address names no EHR that is registered here. Open the report from your "
                "clinic's own link.",
            ),
        )
        return self._message(message, 404)

    def no_such_night(self, who: Reader, nights: Sequence[date], links: Links) -> Response:
        """A night, or a file, that there is not."""
        message = Message(
            "There is nothing at this address",
            ("No report was made for that day, or it has no such page.",)
            if nights
            else ("No report has been made yet.",),
            link=None if nights else ("What will be here", links.home),
            links=tuple((day_of_record(night), links.night(night)) for night in nights[:30]),
        )
        return self._message(message, 404, ehr=who.ehr, who=who)

    def not_asked(self, who: Reader, sentence: str, address: str) -> Response:
        """A filter that is not understood."""
        message = Message(
            "This list cannot be shown",
            (
                sentence,
                "No list was made: a filter that is not understood would show the wrong patients.",
            ),
            link=("All patients of the report", address),
        )
        return self._message(message, 400, ehr=who.ehr, who=who)

    def no_report(self, who: Reader, run: LastRun | None) -> Response:
        """Nothing was made yet: what will be here and how it gets here."""
        return self._page(
            "empty.html",
            who=who,
            run=run_in_words(run),
        )

    def _message(self, message: Message, status: int, **said: Any) -> Response:
        said = {"ehr": None, "who": None, **said}
        return self._page("message.html", status=status, message=message, **said)

    def _page(self, template: str, *, status: int = 200, **said: Any) -> Response:
        if "ehr" not in said:
            said["ehr"] = said["who"].ehr
        body = self._templates.get_template(f"reports/{template}").render(**self._always, **said)
        return Response(body, status_code=status, media_type="text/html; charset=utf-8")
