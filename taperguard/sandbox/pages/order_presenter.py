"""The ordering screen in words: drafts, cards, what signing will do, calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..cds.cards import Card, Coding, Link, Suggestion
from ..cds.feedback import Feedback
from ..cds.shown import Call, ShownCard
from ..orders.check import Rules
from ..orders.references import prior_of
from ..orders.signing import plans_begun, replaced_by
from ..orders.worklist import Draft, Worklist
from ..records import json_text
from ..records.json_text import Resource
from . import markdown
from .presenter import dosage_words, medicine_name
from .small_words import app_name, date_words

INDICATOR_WORDS = {"critical": "Critical", "warning": "Warning", "info": "Information"}
_ACTION_WORDS = {"create": "Add", "update": "Change", "delete": "Remove"}
_LONGEST_SHOWN = 24_000
NO_ANSWER = "The safety check did not answer; you can sign with your own judgement."


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft on the list. `app` is who wrote it into the chart; empty when it was begun here.

    `stops` is a current order that signing discontinues.
    """

    id: str
    name: str
    dosage: str
    supply: str
    replaces: str
    is_selected: bool
    app: str
    stops: bool


@dataclass(frozen=True, slots=True)
class ActionLine:
    """What one action of a suggestion will do, in the service's words."""

    verb: str
    words: str


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """A suggestion as a button. `stops` are the present orders that signing it will end."""

    number: int
    label: str
    is_recommended: bool
    actions: list[ActionLine]
    stops: list[str]
    is_accepted: bool
    can_be_accepted: bool


@dataclass(frozen=True, slots=True)
class CardView:
    """A card on the screen, or (with `faults`) one that cannot be understood."""

    number: int
    service: str
    indicator: str
    indicator_word: str
    summary: str
    detail: Markup
    source_label: str
    source_url: str
    suggestions: list[SuggestionView]
    reasons: tuple[Coding, ...]
    links: tuple[Link, ...]
    answer: str
    is_open: bool
    is_closed: bool
    is_earlier: bool
    faults: list[str]
    raw: str


@dataclass(frozen=True, slots=True)
class SignView:
    """The button that signs: its words, and whether it asks the safety services first.

    `stops` are the orders that signing ends, `begins` the care plans that it makes active.
    """

    label: str
    step: str
    stops: list[str]
    begins: list[str]


@dataclass(frozen=True, slots=True)
class CheckView:
    """How the last check went: `kind` is none, quiet, cards or failed."""

    kind: str
    words: str
    why: str


@dataclass(frozen=True, slots=True)
class CallView:
    """A call in the inspector; texts are empty when they are only linked."""

    number: int
    hook: str
    address: str
    at: str
    status: str
    milliseconds: int
    request: str
    response: str
    is_whole: bool


class Words:
    """Names for orders of one chart. `medications` are the Medication resources by reference.

    `apps` are the names of apps by the `meta.source` of what they write.
    """

    def __init__(
        self, medications: Mapping[str, Resource], rules: Rules, apps: Mapping[str, str]
    ) -> None:
        self._medications = medications
        self._rules = rules
        self._apps = apps

    def order(self, order: Resource) -> str:
        """An order in one line: what and how."""
        return f"{medicine_name(order, self._medications)}: {dosage_of(order)}"

    def name(self, order: Resource) -> str:
        """What is ordered."""
        return medicine_name(order, self._medications)

    def stopped_by(self, orders: Sequence[Resource]) -> list[str]:
        """The orders of the chart that signing these will discontinue, each in one line."""
        found = replaced_by(orders, self._rules)
        there = [self._rules.lookup(prior) for prior in found]
        return [self.order(order) for order in there if order is not None]

    def begun_by(self, orders: Sequence[Resource]) -> list[str]:
        """The draft care plans that signing these will make active, by title."""
        return [plan_title(plan) for plan in plans_begun(orders, self._rules)]

    def replaces(self, order: Resource, worklist: Worklist) -> str:
        """What this draft replaces, and what that means; empty when it replaces nothing."""
        prior = prior_of(order, self._rules.base)
        if prior is None:
            return ""
        on_list = {d.reference: d.resource for d in worklist.drafts if not d.stops}
        if prior in on_list:
            return f"follows {self.order(on_list[prior])}"
        there = self._rules.lookup(prior)
        if there is None:
            return f"replaces {prior}, which is not in this chart"
        if there.get("status") not in ("active", "on-hold", "draft"):
            return f"replaces {self.order(there)} ({there.get('status')} already)"
        return f"replaces {self.order(there)}, which will be discontinued"

    def draft_row(self, draft: Draft, worklist: Worklist) -> DraftRow:
        """A row of the list."""
        name = self.name(draft.resource)
        return DraftRow(
            id=draft.id,
            name=f"To be stopped: {name}" if draft.stops else name,
            dosage=dosage_of(draft.resource),
            supply=("discontinued when signed" if draft.stops else supply_words(draft.resource)),
            replaces="" if draft.stops else self.replaces(draft.resource, worklist),
            is_selected=draft.selected,
            stops=draft.stops,
            app=(app_name(draft.resource, self._apps) or "an app") if draft.in_chart else "",
        )

    def card(self, shown: ShownCard, worklist: Worklist) -> CardView:
        """A card, understood or not."""
        card = shown.read
        known = isinstance(card, Card)
        suggestions = self._suggestions(shown, card) if isinstance(card, Card) else []
        can_go_on = any(suggestion.can_be_accepted for suggestion in suggestions)
        return CardView(
            number=shown.number,
            service=shown.service,
            indicator=card.indicator if isinstance(card, Card) else "error",
            indicator_word=(
                INDICATOR_WORDS[card.indicator] if isinstance(card, Card) else "Cannot be read"
            ),
            summary=card.summary if isinstance(card, Card) else "A card that cannot be understood",
            detail=markdown.render(card.detail) if isinstance(card, Card) else Markup(),
            source_label=card.source_label if isinstance(card, Card) else shown.service,
            source_url=card.source_url if isinstance(card, Card) else "",
            suggestions=suggestions,
            reasons=card.override_reasons if isinstance(card, Card) else (),
            links=card.links if isinstance(card, Card) else (),
            answer=answer_words(shown),
            is_open=shown.is_open,
            is_closed=bool(shown.answer.outcome) and not can_go_on,
            is_earlier=shown.revision != worklist.revision,
            faults=[] if isinstance(card, Card) else card,
            raw="" if known else pretty(shown.raw),
        )

    def _suggestions(self, shown: ShownCard, card: Card) -> list[SuggestionView]:
        answer = shown.answer
        views = []
        for number, suggestion in enumerate(card.suggestions):
            accepted = number in answer.accepted
            closed = answer.outcome == "overridden" or (bool(answer.outcome) and card.only_one)
            views.append(
                SuggestionView(
                    number=number,
                    label=suggestion.label,
                    is_recommended=suggestion.is_recommended,
                    actions=_action_lines(suggestion),
                    stops=self._stops(suggestion),
                    is_accepted=accepted,
                    can_be_accepted=not accepted and not closed,
                )
            )
        return views

    def _stops(self, suggestion: Suggestion) -> list[str]:
        resources = [action.get("resource") for action in suggestion.actions]
        orders = [order for order in resources if isinstance(order, dict) and "id" in order]
        return self.stopped_by(orders)


def _action_lines(suggestion: Suggestion) -> list[ActionLine]:
    return [
        ActionLine(_ACTION_WORDS[action["type"]], str(action["description"]))
        for action in suggestion.actions
    ]


def dosage_of(order: Resource) -> str:
    """How an order is taken."""
    return dosage_words(order.get("dosageInstruction"))


def plan_title(plan: Resource) -> str:
    """What a care plan is called."""
    title = plan.get("title")
    return title if isinstance(title, str) and title.strip() else "a care plan without a title"


def supply_words(order: Resource) -> str:
    """90 tablets, 1 refill, from 4 Jan 2027."""
    supply = order.get("dispenseRequest")
    supply = supply if isinstance(supply, dict) else {}
    quantity = supply.get("quantity")
    quantity = quantity if isinstance(quantity, dict) else {}
    value, unit = quantity.get("value", "quantity not supplied"), str(quantity.get("unit", ""))
    plural = "s" if unit and value != 1 and unit not in ("mg", "mL", "g") else ""
    refills = supply.get("numberOfRepeatsAllowed", 0)
    words = [f"{value} {unit}{plural}".strip(), refill_words(refills)]
    period = supply.get("validityPeriod")
    start = date_words(period.get("start")) if isinstance(period, dict) else ""
    return ", ".join([*words, f"from {start}"] if start else words)


def refill_words(refills: Any) -> str:
    """No refills, 1 refill, 2 refills."""
    if not refills:
        return "no refills"
    return "1 refill" if refills == 1 else f"{refills} refills"


def answer_words(shown: ShownCard) -> str:
    """What was done with a card; empty while it is open."""
    answer, card = shown.answer, shown.read
    if not isinstance(card, Card) or not answer.outcome:
        return ""
    if answer.outcome == "accepted":
        labels = [card.suggestions[number].label for number in answer.accepted]
        return f"Accepted: {'; '.join(labels)}"
    reasons = {reason.code: reason.display for reason in card.override_reasons}
    reason = reasons.get(answer.reason, "no reason given")
    return f"Overridden: {reason}{f' - {answer.comment}' if answer.comment else ''}"


def sign_view(worklist: Worklist, cards: Sequence[ShownCard], words: Words) -> SignView:
    """The button as it stands now."""
    count = len(worklist.selected)
    orders = f"{count} order{'' if count == 1 else 's'}"
    signed = [draft.resource for draft in worklist.selected if not draft.stops]
    ended = [words.order(draft.resource) for draft in worklist.selected if draft.stops]
    stops = list(dict.fromkeys((*ended, *words.stopped_by(signed))))
    begins = words.begun_by(signed)
    if not worklist.is_checked_for_signing:
        return SignView(f"Sign {orders}", "check", stops, begins)
    checked = worklist.checked
    if checked is not None and checked.problem:
        return SignView(f"Sign {orders} without the check", "final", stops, begins)
    if any(card.is_open or not isinstance(card.read, Card) for card in cards):
        return SignView(f"Sign {orders} anyway", "final", stops, begins)
    return SignView(f"Sign {orders}", "final", stops, begins)


def check_view(worklist: Worklist, cards: Sequence[ShownCard]) -> CheckView:
    """How the last check went."""
    checked = worklist.checked
    if checked is None or not worklist.drafts:
        return CheckView("cards" if cards else "none", "", "")
    if checked.problem and checked.revision == worklist.revision:
        return CheckView("failed", NO_ANSWER, checked.problem)
    if cards:
        return CheckView("cards", "", "")
    if checked.revision != worklist.revision or not worklist.selected:
        return CheckView("none", "", "")
    return CheckView("quiet", "The safety check looked at these orders and has nothing to say.", "")


def call_views(calls: Sequence[Call], *, shown: int = 3) -> list[CallView]:
    """The recorded calls; the newest with their texts, the others as links."""
    return [_call(call, in_full=place < shown) for place, call in enumerate(calls)]


def _call(call: Call, *, in_full: bool) -> CallView:
    request, response = pretty_text(call.request), pretty_text(call.response)
    whole = len(request) <= _LONGEST_SHOWN and len(response) <= _LONGEST_SHOWN
    status = "no answer" if call.status is None else str(call.status)
    return CallView(
        number=call.number,
        hook=call.hook,
        address=call.address,
        at=call.at,
        status=f"{status}: {call.problem}" if call.problem else status,
        milliseconds=call.milliseconds,
        request=request[:_LONGEST_SHOWN] if in_full else "",
        response=response[:_LONGEST_SHOWN] if in_full else "",
        is_whole=whole,
    )


def pretty_text(text: str) -> str:
    """JSON indented, digits as they were; anything else as it came."""
    try:
        return pretty(json_text.read(text)) if text else ""
    except (ValueError, RecursionError):
        return text


def pretty(value: Any, indent: str = "") -> str:
    """A value as indented JSON, a Decimal with its digits."""
    inner = f"{indent}  "
    match value:
        case dict() if value:
            lines = [f"{json_text.write(k)}: {pretty(v, inner)}" for k, v in value.items()]
            return "{\n" + ",\n".join(f"{inner}{line}" for line in lines) + f"\n{indent}}}"
        case list() if value:
            items = [f"{inner}{pretty(item, inner)}" for item in value]
            return "[\n" + ",\n".join(items) + f"\n{indent}]"
    return json_text.write(value)


def feedback_words(feedback: Feedback) -> str:
    """How far a piece of feedback has come, for a person."""
    last = f" ({feedback.last_answer})" if feedback.last_answer else ""
    return f"{feedback.state.value}{last}"
