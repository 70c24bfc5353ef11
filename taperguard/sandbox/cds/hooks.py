"""order-select and order-sign: services asked, their cards kept, each call recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..orders.signing import PRESCRIBER
from ..orders.worklist import Checked, Worklist, note_check
from ..records.store import Charts
from .cards import Nonsense, read_answer
from .discovery import Discovery, NoDiscovery
from .http import Exchange, exchange
from .requests import Requests
from .shown import put_call, put_cards

ORDER_SELECT, ORDER_SIGN = "order-select", "order-sign"


def now() -> str:
    """The instant, as FHIR writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class SafetyCheck:
    """Asks the services about a list of drafts."""

    charts: Callable[[], Charts]
    discovery: Discovery
    requests: Requests

    def ask(self, hook: str, worklist: Worklist, encounter: str | None) -> Checked:
        """Ask all services of a hook; keep their cards. Trouble is in the result, never raised."""
        charts, patient_id = self.charts(), worklist.patient_id
        try:
            services = self.discovery.services(hook)
        except NoDiscovery as none:
            checked = Checked(hook, worklist.revision, none.problem)
            with charts.transaction(writing=True) as db:
                put_call(db, patient_id, "discovery", now(), none.attempt, none.problem)
                note_check(db, patient_id, checked)
            return checked
        context = context_of(hook, worklist, encounter)
        with self.requests.to(services, context, charts) as asks:
            calls = exchange(asks, sign=self.discovery.sign)
        problems: list[str] = []
        answers = [
            (service, call, *understood(call))
            for service, call in zip(services, calls, strict=True)
        ]
        with charts.transaction(writing=True) as db:
            for service, call, cards, problem in answers:
                put_call(db, patient_id, hook, now(), call, problem)
                if problem:
                    problems.append(f"{service.title}: {problem}")
                    continue
                put_cards(
                    db,
                    patient_id,
                    service=service.title,
                    address=service.address,
                    revision=worklist.revision,
                    cards=cards,
                )
            checked = Checked(hook, worklist.revision, "; ".join(problems))
            note_check(db, patient_id, checked)
        return checked


def context_of(hook: str, worklist: Worklist, encounter: str | None) -> dict[str, Any]:
    """The hook's context: all drafts with those selected, or on signing only what is signed.

    A draft that an app wrote is part of this ordering once somebody selects it; until then it is
    in the chart, where the services find it.
    """
    is_select = hook == ORDER_SELECT
    begun = tuple(draft for draft in worklist.drafts if draft.selected or not draft.in_chart)
    drafts = begun if is_select else worklist.selected
    context: dict[str, Any] = {"userId": PRESCRIBER, "patientId": worklist.patient_id}
    if encounter is not None:
        context["encounterId"] = encounter.removeprefix("Encounter/")
    if is_select:
        context["selections"] = [draft.reference for draft in worklist.selected]
    context["draftOrders"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": draft.resource} for draft in drafts],
    }
    return context


def understood(call: Exchange) -> tuple[list[Any], str]:
    """The cards of an answer as raw data, and what is wrong with the answer as a whole."""
    if call.problem:
        return [], call.problem
    try:
        return read_answer(call.response), ""
    except Nonsense as nonsense:
        return [], str(nonsense)
