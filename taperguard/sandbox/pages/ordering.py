"""The ordering screen: one page, and a form for everything that can be done on it.

Every action is a POST that ends in a redirect to the page (so reload and the back button repeat
nothing), or in the same page with the reasons why it was refused and all that was typed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ..cds import feedback as feedback_queue
from ..cds import shown as cds_shown
from ..cds.cards import Card
from ..cds.feedback import Sender
from ..cds.hooks import ORDER_SELECT, ORDER_SIGN, SafetyCheck, now
from ..cds.patient_view import PatientView
from ..cds.shown import Answer, ShownCard
from ..orders import actions, signing
from ..orders import worklist as lists
from ..orders.check import Fault, NotAccepted, Rules, require
from ..orders.form import FREQUENCIES, Desk, Entry, Incomplete, entry_of, order_of
from ..orders.formulary import Formulary
from ..orders.references import ORDER
from ..orders.worklist import Changed, Worklist, Worklists
from ..patients import Story
from ..records.json_text import Resource
from ..records.store import Charts
from . import order_presenter as words_of
from .chart_reader import ChartReader, PatientChart
from .posting import Form, NotOurs, Unreadable, read_form
from .presenter import ChartPage, chart_page
from .reviews import reviews

_LONGEST_COMMENT = 500
_CHANGED = "The list was changed in the meantime. This is the list as it is now: look again."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, as the page says it, with all that was typed.

    `problems` are about fields of the order form, `alike` are products to choose instead, and
    `posted` is the form that was refused.
    """

    status: int
    title: str
    sentences: tuple[str, ...]
    posted: Form
    entry: Entry | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    alike: tuple[Any, ...] = ()

    @property
    def card(self) -> int:
        """The card whose override was refused; -1 when it was something else."""
        return self.posted.number("card") if "reason" in self.posted.fields else -1


@dataclass(frozen=True, slots=True)
class OrderingPages:
    """The ordering screen of each patient. `page` and `message` make responses from templates.

    `apps` are the names of the apps that write here, by the `meta.source` of what they write.
    """

    charts: Callable[[], Charts]
    stories: Mapping[str, Story]
    formulary: Formulary
    today: Callable[[], date]
    fhir_base: str
    public_url: str
    check: SafetyCheck
    view: PatientView
    sender: Sender
    apps: Mapping[str, str]
    page: Callable[..., Response]
    message: Callable[..., Response]

    @property
    def _reader(self) -> ChartReader:
        return ChartReader(self.charts, self.fhir_base)

    def routes(self) -> list[BaseRoute]:
        """The routes of the screen."""
        home = "/patients/{id}/orders"
        posts: dict[str, Callable[[PatientChart, Form], str]] = {
            "add": self._add,
            "select": self._select,
            "stop": self._stop,
            "remove": self._remove,
            "accept": self._accept,
            "override": self._override,
            "sign": self._sign,
        }
        return [
            Route(home, self._show, methods=["GET"]),
            Route(f"{home}/calls/{{number:int}}/{{part}}", self._show_call, methods=["GET"]),
            *(
                Route(f"{home}/{name}", self._posted(act), methods=["POST"])
                for name, act in posts.items()
            ),
        ]

    # --- what is asked ------------------------------------------------------------------------

    def _show(self, request: Request) -> Response:
        chart = self._reader.read(request.path_params["id"])
        if chart is None:
            return self._no_chart()
        asked = request.query_params
        return self._screen(chart, change=asked.get("change", ""), again=asked.get("again", ""))

    def _show_call(self, request: Request) -> Response:
        """The whole text of a call's request or response."""
        calls = cds_shown.calls_of(self.charts(), request.path_params["id"])
        part = request.path_params["part"]
        for call in calls:
            if call.number == request.path_params["number"] and part in ("request", "response"):
                text = call.request if part == "request" else call.response
                return PlainTextResponse(words_of.pretty_text(text))
        return self.message("No such call", "This call is no longer kept.", status=404)

    def _posted(self, act: Callable[[PatientChart, Form], str]) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request, public_url=self.public_url)
            except NotOurs:
                sentence = "A form of another site cannot order here."
                return self.message("Not from this EHR", sentence, status=403)
            except Unreadable as unreadable:
                return self.message("No form", str(unreadable), status=unreadable.status)
            return await run_in_threadpool(self._do, act, request.path_params["id"], form)

        return endpoint

    def _do(
        self, act: Callable[[PatientChart, Form], str], patient_id: str, form: Form
    ) -> Response:
        chart = self._reader.read(patient_id)
        if chart is None:
            return self._no_chart()
        typed = _entry_of(form) if "product" in form.fields else None
        try:
            place = act(chart, form)
        except Incomplete as found:
            title = "The draft was not changed" if form.text("draft") else "The order was not added"
            refusal = Refusal(422, title, (), form, typed, found.problems, tuple(found.alike))
        except NotAccepted as refused:
            sentences = tuple(dict.fromkeys(fault.sentence for fault in refused.faults))
            refusal = Refusal(422, "Nothing was changed", sentences, form, typed)
        except Changed:
            refusal = Refusal(409, "Nothing was changed", (_CHANGED,), form, typed)
        else:
            home = f"/patients/{quote(patient_id)}/orders"
            return RedirectResponse(f"{home}#{place}", status_code=303)
        return self._screen(chart, refusal=refusal)

    def _no_chart(self) -> Response:
        sentence = "There is no patient with this id in the sandbox."
        return self.message("No such chart", sentence, status=404)

    # --- what is done: each gives the place of the page to go to -------------------------------

    def _add(self, chart: PatientChart, form: Form) -> str:
        """Add a draft, or change the one that the form names."""
        entry = _entry_of(form)
        worklist = self._worklist(chart, form)
        changed = worklist.draft(entry.draft).resource if entry.draft else None
        order = order_of(
            entry,
            self._desk(chart, worklist),
            order_id=entry.draft or new_order_id(),
            changed=changed,
        )
        after = worklist.putting(order, in_place_of=entry.draft or None)
        require([order], actions.with_drafts(self._rules(chart), after))
        verb = "Changed" if entry.draft else "Added"
        return self._kept(chart, after, f"{verb}: {self._words(chart).order(order)}")

    def _stop(self, chart: PatientChart, form: Form) -> str:
        """Put a current order on the list, to be stopped when the list is signed."""
        worklist = self._worklist(chart, form)
        wanted = form.text("order")
        order = next((o for o in _current(chart.records) if o.get("id") == wanted), None)
        if order is None:
            raise NotAccepted(Fault("order", "That is no current order of this patient."))
        if any(draft.id == wanted for draft in worklist.drafts):
            raise NotAccepted(Fault("order", "That order is on the list already."))
        after = worklist.putting({**order, "status": lists.STOPPED})
        return self._kept(chart, after, f"To be stopped: {self._words(chart).order(order)}")

    def _select(self, chart: PatientChart, form: Form) -> str:
        """Select a draft that is not, or the other way round; or all that apps have written."""
        worklist = self._worklist(chart, form)
        if form.text("all") in ("select", "aside"):
            is_selected = form.text("all") == "select"
            going = [draft.id for draft in worklist.from_apps]
            after = worklist.selecting(going, selected=is_selected)
            count = f"{len(going)} draft{'' if len(going) == 1 else 's'}"
            return self._kept(
                chart, after, f"{'Selected' if is_selected else 'Set aside'}: {count}"
            )
        after = worklist.toggling(form.text("order"))
        name = self._words(chart).name(after.draft(form.text("order")).resource)
        is_selected = after.draft(form.text("order")).selected
        return self._kept(chart, after, f"{'Selected' if is_selected else 'Set aside'}: {name}")

    def _remove(self, chart: PatientChart, form: Form) -> str:
        """Remove a draft, or all that are selected, or discard all that apps have written."""
        worklist = self._worklist(chart, form)
        order_id = form.text("order")
        if form.text("all") == "selected":
            going = [draft.id for draft in worklist.selected]
        elif form.text("all") == "apps":
            going = [draft.id for draft in worklist.from_apps]
        else:
            going = [order_id]
        drafts = [worklist.draft(key) for key in going]
        names = [self._words(chart).name(draft.resource) for draft in drafts]
        after = worklist.without(going)
        require(
            [draft.resource for draft in after.drafts if not draft.stops],
            actions.with_drafts(self._rules(chart), after, instead_of=worklist),
        )
        verb = "Discarded" if drafts and all(draft.in_chart for draft in drafts) else "Removed"
        lines = [f"{verb}: {', '.join(names) or 'nothing'}"]
        plans = lists.plans_without_orders(
            [draft for draft in drafts if draft.in_chart], after, self.charts()
        )
        lines += [f"Care plan revoked with its last draft: {words_of.plan_title(p)}" for p in plans]
        return self._kept(chart, after, "\n".join(lines))

    def _kept(self, chart: PatientChart, after: Worklist, notice: str) -> str:
        """Keep a changed list and have the selected orders looked at."""
        written = Worklists(self.charts()).write(after, notice)
        if not written.selected:
            with self.charts().transaction(writing=True) as db:
                cds_shown.clear_cards(db, chart.id)
            return "orders"
        self.check.ask(ORDER_SELECT, written, chart.encounter)
        return "orders"

    def _accept(self, chart: PatientChart, form: Form) -> str:
        """Apply a suggestion to the list, tell the service, sign nothing.

        The services are not asked again: the change is their own, and what else they said is
        still to be answered. They have the last word when the orders are signed.
        """
        worklist = self._worklist(chart, form)
        shown, card = self._open_card(chart, form)
        number = form.number("suggestion")
        if not 0 <= number < len(card.suggestions):
            raise NotAccepted(Fault("suggestion", "The card has no such suggestion."))
        suggestion = card.suggestions[number]
        after = actions.apply(
            suggestion.actions, worklist, rules=self._rules(chart), new_id=new_order_id
        )
        answer = Answer("accepted", (*shown.answer.accepted, number))
        told = feedback_queue.accepted(card.uuid, [suggestion.uuid], now())
        with self.charts().transaction(writing=True) as db:
            lists.write_in(db, self.charts(), after, f"Accepted: {suggestion.label}")
            cds_shown.set_answer(db, shown.number, answer)
            if not after.selected:
                cds_shown.clear_open_cards(db, chart.id)
            if card.uuid and suggestion.uuid:
                feedback_queue.put(
                    db, chart.id, service=shown.address, feedback=told, words=suggestion.label
                )
        self.sender.wake()
        return "orders"

    def _override(self, chart: PatientChart, form: Form) -> str:
        """Set a card aside, with a reason where the card offers some."""
        self._worklist(chart, form)
        shown, card = self._open_card(chart, form)
        reason, comment = self._reason(card, form)
        with self.charts().transaction(writing=True) as db:
            self._put_override(db, chart, shown, card, reason, comment)
            lists.note(db, chart.id, f"Overridden: {card.summary}")
        self.sender.wake()
        return "check"

    def _reason(self, card: Card, form: Form) -> tuple[Resource | None, str]:
        said, comment = form.text("reason"), form.text("comment")
        if len(comment) > _LONGEST_COMMENT:
            raise NotAccepted(Fault("comment", "A comment has at most 500 characters."))
        for reason in card.override_reasons:
            if reason.code == said:
                return {
                    "code": reason.code,
                    "system": reason.system,
                    "display": reason.display,
                }, comment
        if card.override_reasons:
            raise NotAccepted(Fault("reason", "Choose a reason for overriding the card."))
        return None, comment

    def _put_override(
        self,
        db: Any,
        chart: PatientChart,
        shown: ShownCard,
        card: Card,
        reason: Resource | None,
        comment: str,
    ) -> None:
        code = str(reason["code"]) if reason else ""
        cds_shown.set_answer(db, shown.number, Answer("overridden", (), code, comment))
        if card.uuid:
            told = feedback_queue.overridden(card.uuid, reason, comment, now())
            feedback_queue.put(
                db, chart.id, service=shown.address, feedback=told, words=card.summary
            )

    def _open_card(self, chart: PatientChart, form: Form) -> tuple[ShownCard, Card]:
        for shown in cds_shown.cards_of(self.charts(), chart.id):
            if shown.number == form.number("card") and isinstance(shown.read, Card):
                if shown.is_open or (
                    shown.answer.outcome == "accepted" and not shown.read.only_one
                ):
                    return shown, shown.read
                raise NotAccepted(Fault("card", "This card has been answered already."))
        raise NotAccepted(Fault("card", "This card is no longer shown; a later one replaced it."))

    def _sign(self, chart: PatientChart, form: Form) -> str:
        """Ask the services about signing; sign when they were asked and the prescriber has seen."""
        worklist = self._worklist(chart, form)
        prepared = signing.prepare(worklist, self._rules(chart))
        self.sender.send()
        if form.text("step") != "final" or not worklist.is_checked_for_signing:
            checked = self.check.ask(ORDER_SIGN, worklist, chart.encounter)
            cards = cds_shown.cards_of(self.charts(), chart.id)
            if checked.problem or any(c.is_open or isinstance(c.read, list) for c in cards):
                with self.charts().transaction(writing=True) as db:
                    lists.note(db, chart.id, "Not signed yet: see what the safety check says.")
                return "check"
        self._write_signed(chart, prepared)
        self.sender.wake()
        return "orders"

    def _write_signed(self, chart: PatientChart, prepared: signing.Signing) -> None:
        """Sign; cards that were seen and not answered are overridden without a reason."""
        names = self._words(chart)
        count = len(prepared.orders)
        lines = [f"Signed {count} order{'' if count == 1 else 's'}; active in the chart now"]
        if not prepared.orders:
            lines = ["Signed without a new order"]
        lines += [names.order(order) for order in prepared.orders]
        lines += [f"Discontinued: {names.order(order)}" for order in prepared.stopped]
        lines += [f"Care plan, active now: {words_of.plan_title(p)}" for p in prepared.begun]
        notice = "\n".join(lines)
        with self.charts().transaction(writing=True) as db:
            for shown in cds_shown.cards_in(db, chart.id):
                if shown.is_open and isinstance(shown.read, Card):
                    self._put_override(db, chart, shown, shown.read, None, "")
            signing.sign_in(db, self.charts(), prepared, at=datetime.now(UTC), notice=notice)
            cds_shown.clear_cards(db, chart.id)

    # --- what the screen shows ------------------------------------------------------------------

    def _screen(
        self,
        chart: PatientChart,
        *,
        change: str = "",
        again: str = "",
        refusal: Refusal | None = None,
    ) -> Response:
        charts = self.charts()
        heard = self.view.beside(chart.id, chart.encounter)
        worklist = Worklists(charts).read(chart.id)
        cards = cds_shown.cards_of(charts, chart.id)
        names = self._words(chart)
        entry, composing = self._entry(chart, worklist, change, again, refusal)
        sign = words_of.sign_view(worklist, cards, names)
        story = self.stories.get(chart.id)
        return self.page(
            "orders.html",
            status=refusal.status if refusal else 200,
            chart=self._chart_page(chart),
            to_try=story.to_try if story else "",
            worklist=worklist,
            rows=[names.draft_row(draft, worklist) for draft in worklist.drafts],
            cards=[names.card(card, worklist) for card in cards],
            sign=sign,
            reviews=reviews(heard),
            stopping=self._stopping(chart, worklist),
            check=words_of.check_view(worklist, cards),
            calls=words_of.call_views(cds_shown.calls_of(charts, chart.id)),
            feedback=[
                (item.words, words_of.feedback_words(item))
                for item in feedback_queue.feedback_of(charts, chart.id)
            ],
            entry=entry,
            composing=composing,
            problems=refusal.problems if refusal else {},
            alike=refusal.alike if refusal else (),
            refusal=refusal,
            frequencies=FREQUENCIES,
            formulary=self.formulary,
            listed={draft.reference for draft in worklist.drafts},
            replaceable=self._replaceable(chart, worklist, entry),
            today=self.today().isoformat(),
        )

    def _entry(
        self,
        chart: PatientChart,
        worklist: Worklist,
        change: str,
        again: str,
        refusal: Refusal | None,
    ) -> tuple[Entry, str]:
        """What stands in the form, and whether it is for a new order or for changing one."""
        today = self.today()
        if refusal is not None and refusal.entry is not None:
            return refusal.entry, "change" if refusal.entry.draft else "new"
        for draft in worklist.drafts:
            if draft.id == change and not draft.stops:
                return entry_of(draft.resource, self.formulary, today), "change"
        for order in chart.records.get(ORDER, ()):
            if order.get("id") == again:
                entry = entry_of(order, self.formulary, today)
                source = f"{ORDER}/{again}"
                return replace(entry, draft="", start="", until="", replaces=source), "new"
        empty = Entry(start=today.isoformat())
        return empty, "" if worklist.drafts else "new"

    def _replaceable(
        self, chart: PatientChart, worklist: Worklist, entry: Entry
    ) -> Sequence[tuple[str, str]]:
        names = self._words(chart)
        offered = [
            (f"{ORDER}/{order['id']}", names.order(order)) for order in _current(chart.records)
        ]
        offered += [
            (draft.reference, f"draft: {names.order(draft.resource)}")
            for draft in worklist.drafts
            if draft.id != entry.draft and not draft.stops
        ]
        return offered

    def _stopping(self, chart: PatientChart, worklist: Worklist) -> set[str]:
        orders = [draft.resource for draft in worklist.selected if not draft.stops]
        stops = {draft.reference for draft in worklist.selected if draft.stops}
        return stops | set(signing.replaced_by(orders, self._rules(chart)))

    def _chart_page(self, chart: PatientChart) -> ChartPage:
        return chart_page(
            chart.patient, chart.records, chart.medications, self.today(), self.apps, chart.people
        )

    def _words(self, chart: PatientChart) -> words_of.Words:
        return words_of.Words(chart.medications, self._rules(chart), self.apps)

    def _rules(self, chart: PatientChart) -> Rules:
        return Rules(chart.id, self.today(), self.fhir_base, self._reader.lookup)

    def _desk(self, chart: PatientChart, worklist: Worklist) -> Desk:
        offered = {f"{ORDER}/{order['id']}" for order in _current(chart.records)}
        offered |= {draft.reference for draft in worklist.drafts}
        return Desk(self.formulary, chart.id, self.today(), chart.encounter, frozenset(offered))

    def _worklist(self, chart: PatientChart, form: Form) -> Worklist:
        """The list as the person saw it; Changed when it is another by now."""
        return Worklists(self.charts()).read(chart.id).as_seen(form.number("revision"))


def _entry_of(form: Form) -> Entry:
    """What was typed; a product that was picked from a list of similar ones replaces the typed."""
    entry = Entry.of(form.fields)
    return replace(entry, product=form.text("pick")) if form.text("pick") else entry


def new_order_id() -> str:
    """A fresh id for an order."""
    return f"order-{secrets.token_hex(6)}"


def _current(records: Mapping[str, Sequence[Resource]]) -> list[Resource]:
    orders = records.get(ORDER, ())
    return [order for order in orders if order.get("status") in ("active", "on-hold")]
