"""GET /reports/{ehr}/cards: what became of the cards, and the same numbers as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from ehr.decode import pretty
from smart_app.collaborators import Collaborators
from smart_app.reports import reader
from smart_app.reports.card_counts import NONE, Counts, counted, enough_patients, shareable
from smart_app.reports.card_presenter import (
    Asked,
    CardFilter,
    as_data,
    as_table,
    cards_view,
    months_until,
)
from smart_app.reports.links import Links
from smart_app.reports.pages import Pages
from smart_app.reports.reader import Reader
from smart_app.reports.roles import Role
from store import card_months, card_outcomes
from store.card_outcomes import Shown
from store.database import reading

Answer = Callable[[Request, Reader], Awaitable[Response]]


class CardDesk:
    """The handlers. `for_a_reader` gives the answer to who may have it, and else says why not.

    `reasons` are those that our cards offer, by "system|code", as they are displayed.
    """

    def __init__(
        self,
        door: Collaborators,
        shown_by: Pages,
        reasons: Mapping[str, str],
        for_a_reader: Callable[[Request, Answer], Awaitable[Response]],
    ) -> None:
        self._door, self._pages, self._reasons = door, shown_by, reasons
        self._for_a_reader = for_a_reader

    async def cards(self, request: Request) -> Response:
        """What became of the cards, with every number for those named for the worklist."""
        return await self._for_a_reader(request, self._cards)

    async def _cards(self, request: Request, who: Reader) -> Response:
        links = Links(request.scope.get("root_path", ""), who.ehr.id, to_patients=False)
        is_whole = who.role >= Role.WORKLIST
        months, rows, in_vain = await self._read(who, is_whole=is_whole)
        known = _checks(rows)
        try:
            chosen = read_filter(request.query_params, months, known, is_whole=is_whole)
        except NotNarrowed as problem:
            return self._pages.cards_not_narrowed(who, str(problem), links.cards)
        counts = await run_in_threadpool(self._count, rows, months, chosen, is_whole=is_whole)
        view = cards_view(
            counts,
            Asked(months, chosen, known),
            address=links.cards,
            back=links.home,
            is_whole=is_whole,
            in_vain=in_vain,
        )
        return self._pages.cards(who, view)

    async def file(self, request: Request) -> Response:
        """All numbers of the page as a file, in the form that the reader may have."""
        return await self._for_a_reader(request, self._file)

    async def _file(self, request: Request, who: Reader) -> Response:
        name = str(request.path_params["file"])
        links = Links(request.scope.get("root_path", ""), who.ehr.id, to_patients=False)
        if name not in ("cards.csv", "cards.json"):
            return self._pages.no_such_night(who, (), links)
        is_whole = who.role >= Role.WORKLIST and request.query_params.get("form") != "shareable"
        months, rows, _ = await self._read(who, is_whole=is_whole)
        form = "all-numbers" if is_whole else "shareable"
        period = f"{months[0]}-to-{months[-1]}"
        await reader.write_down(
            self._door, who, what=(f"Cards/{period}", name, form), why="report-download"
        )
        counts = await run_in_threadpool(self._count, rows, months, CardFilter(), is_whole=is_whole)
        about = {
            "ehr": who.ehr.id,
            "first_month": months[0],
            "last_month": months[-1],
            "form": form,
            "made_at": self._door.now().isoformat(),
        }
        called = f"cards-{who.ehr.id}-{period}-{form}.{name.partition('.')[2]}"
        is_json = name == "cards.json"
        return Response(
            f"{pretty(as_data(counts, about))}\n" if is_json else _csv(as_table(counts)),
            media_type="application/json" if is_json else "text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{called}"'},
        )

    async def _read(
        self, who: Reader, *, is_whole: bool
    ) -> tuple[tuple[str, ...], tuple[Shown, ...], int]:
        today = self._door.now().astimezone(who.ehr.time_zone).date()
        months = months_until(today, is_whole=is_whole)

        def read() -> tuple[tuple[str, ...], tuple[Shown, ...], int]:
            rows = card_months.of_ehr(
                self._door.engine, who.ehr.id, months, enough_patients=enough_patients()
            )
            with reading(self._door.engine) as connection:
                return months, rows, card_outcomes.cards_reported_in_vain(connection, who.ehr.id)

        return await run_in_threadpool(read)

    def _count(
        self,
        rows: Sequence[Shown],
        months: Sequence[str],
        chosen: CardFilter,
        *,
        is_whole: bool,
    ) -> Counts:
        """The numbers of the cards that are asked for; the months' stay those of all months."""
        of_check = [one for one in rows if chosen.check is None or chosen.check in _keys(one)]
        of_month = [one for one in of_check if chosen.month in (None, one.month)]
        begun = min((one.month for one in rows), default=None)
        since = [month for month in months if begun is not None and month >= begun]
        counts = counted(of_month, () if chosen.month else since, self._reasons)
        if chosen.month:
            by_month = counted(of_check, since, self._reasons).lines["month"]
            counts = Counts(counts.total, {**counts.lines, "month": by_month}, counts.reasons)
        return counts if is_whole else shareable(counts)


class NotNarrowed(Exception):
    """A filter that is not understood, or not for this reader; says why in a sentence."""


def read_filter(
    query: QueryParams, months: Sequence[str], checks: Sequence[str], *, is_whole: bool
) -> CardFilter:
    """What the address asks for. Raises NotNarrowed."""
    if not is_whole:
        if query:
            raise NotNarrowed(
                "The form to pass on is not narrowed to a month or a check: two selections side by "
                "side could tell single patients."
            )
        return CardFilter()
    unknown = sorted(set(query) - {"month", "check"})
    if unknown or any(len(query.getlist(name)) > 1 for name in query):
        raise NotNarrowed("The address asks for something else than one month and one check.")
    month, check = query.get("month"), query.get("check")
    if month is not None and month not in months:
        raise NotNarrowed("The address names a month that is not looked at here.")
    if check is not None and check not in checks:
        raise NotNarrowed("The address names a check for which no card spoke in these months.")
    return CardFilter(month, check)


def _keys(one: Shown) -> tuple[str, ...]:
    return one.checks or (NONE,)


def _checks(rows: Sequence[Shown]) -> tuple[str, ...]:
    return tuple(sorted({check for one in rows for check in _keys(one)}))


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
