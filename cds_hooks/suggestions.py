"""What a prescriber can accept with one click (CLINICAL section 8; CDS Hooks 2.0, Suggestion).

Accepting never doubles a dose: the order being written becomes step one (an update where the
product is the same, else deleted and created anew), step one names the order it replaces, and
the words say which present orders to discontinue. A draft that stops the medicine is withdrawn,
and step one takes the place of what it would have stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cds_hooks.plain import day
from clinical.checks.words import drug_name, listed
from clinical.drugs import Drug
from clinical.facts import MedicationRecord
from clinical.offer import Proposal, TaperOffer
from clinical.order_case import Replaced
from clinical.taper import Fill, IntakeTime, fills, products_of
from ehr.read.chart import DraftResource
from ehr.read.json import as_text
from ehr.write.draft_orders import (
    WHEN_WORDS,
    OrderContext,
    daily_order,
    naloxone_order,
    taper_order,
)

JsonObject = dict[str, Any]
NewId = Callable[[], str]

# LABEL: the starting dose in panic disorder is 0.25 mg twice a day.
_LOWER_START_RXCUI = "349195"
_LOWER_START_DAYS = 14
# RxNorm: naloxone hydrochloride 40 MG/ML Nasal Spray, 4 mg a spray.
_NALOXONE = ("1725059", "naloxone hydrochloride 40 MG/ML Nasal Spray")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the suggestions are made with: the order context, fresh ids and the drafts."""

    context: OrderContext
    new_id: NewId
    drafts: tuple[DraftResource, ...]
    horizon_days: int
    first_step_only: bool


def taper_suggestion(desk: Desk, offer: TaperOffer, proposal: Proposal) -> JsonObject | None:
    """The taper's drafts within the horizon; None when they would only stop the medicine."""
    within = _within_horizon(desk, proposal)
    begun = _ordered(desk, offer.about.drafts or offer.about.endings)
    if not within or begun is None:
        return None
    actions = _replace_drafts(desk, offer.about, within, begun)
    first = proposal.schedule.steps[0]
    instead = " instead of stopping" if offer.about.stops else ""
    label = (
        f"Taper from {proposal.schedule.from_mg}/day{instead}, {proposal.pace.called}: "
        f"{first.dose}/day from {day(first.starts)}"
    )
    stop = [drug_name(record) for record in discontinued(offer.about)]
    if stop:
        label += f"; discontinue {listed(_counted(stop))}"
    suggestion: JsonObject = {"label": label, "uuid": desk.new_id(), "actions": actions}
    if proposal.recommended:
        suggestion["isRecommended"] = True
    return suggestion


def discontinued(about: Replaced) -> list[MedicationRecord]:
    """The present and planned orders to discontinue when the taper is signed.

    Of an order that is re-signed the draft goes and the order in the chart stays: it is one too.
    """
    return [*about.current, *about.planned]


def order_name(record: MedicationRecord) -> str:
    """An order as one would name it on the telephone."""
    dosage = " ".join((record.dosage_text or "").split())
    if len(dosage) > _LONGEST_DOSAGE:
        dosage = dosage[: _LONGEST_DOSAGE - 1].rstrip() + "…"
    return f"{drug_name(record)} ({dosage})" if dosage else drug_name(record)


_LONGEST_DOSAGE = 200
_LONGEST_ID = 512
"""Far beyond FHIR's 64 characters. A longer one would be repeated in each draft of a taper."""


def _counted(names: list[str]) -> list[str]:
    """Each name once: "2 orders of clonazepam 1 mg tablet"."""
    return [
        name if names.count(name) == 1 else f"{names.count(name)} orders of {name}"
        for name in dict.fromkeys(names)
    ]


def _within_horizon(desk: Desk, proposal: Proposal) -> list[Fill]:
    last = proposal.schedule.starts_on + timedelta(days=desk.horizon_days - 1)
    found = fills(proposal.schedule, begun_by=last)
    return [fill for fill in found if fill.step_index == 0 or not desk.first_step_only]


def _ordered(
    desk: Desk, drafts: tuple[MedicationRecord, ...]
) -> dict[str, tuple[MedicationRecord, JsonObject]] | None:
    """The drafts that become step one, by id; None when one has no id to be replaced by."""
    resources = {draft.source: draft.resource for draft in desk.drafts}
    ordered = {}
    for record in drafts:
        resource = resources[record.source]
        key = resource.get("id")
        # With a blank around it the action would name another id than the draft has.
        if not isinstance(key, str) or key != as_text(key) or len(key) > _LONGEST_ID:
            return None
        ordered[key] = (record, resource)
    return ordered


def _replace_drafts(
    desk: Desk,
    about: Replaced,
    within: list[Fill],
    begun: dict[str, tuple[MedicationRecord, JsonObject]],
) -> list[JsonObject]:
    group = desk.new_id()
    present = _priors(about)
    actions: list[JsonObject] = []
    unused = dict(begun)
    of_step: dict[int, dict[str, str]] = {}
    for number, fill in enumerate(within):
        key = _same_product(unused, fill, about) if fill.step_index == 0 else None
        prior = _prior_of(fill, of_step, present[min(number, len(present) - 1)])
        draft_id = key or f"taperguard-{desk.new_id()}"
        order = taper_order(
            fill,
            desk.context,
            draft_id=draft_id,
            group=group,
            prior=prior,
            begun=None if key is None else unused.pop(key)[1],
        )
        of_step.setdefault(fill.step_index, {}).setdefault(fill.product.rxcui, draft_id)
        verb = "create" if key is None else "update"
        actions.append({"type": verb, "description": _describe(fill), "resource": order})
    deletions = [_delete(record) for record, _ in unused.values()]
    return [*deletions, *actions]


def _priors(about: Replaced) -> list[str | None]:
    """The present orders in turn, for an order can name only one as the one it replaces."""
    orders = [r.source for r in discontinued(about) if r in about.current]
    named = [key for key in orders if key.startswith("MedicationRequest/")]
    return [key for key in named if len(key) <= _LONGEST_ID] or [None]


def _prior_of(
    fill: Fill, of_step: Mapping[int, Mapping[str, str]], present: str | None
) -> str | None:
    """What the fill replaces: the present order, or the step before (the same product's first)."""
    before = of_step.get(fill.step_index - 1)
    if not before:
        return present
    draft_id = before.get(fill.product.rxcui) or next(iter(before.values()))
    return f"MedicationRequest/{draft_id}"


def _same_product(
    begun: Mapping[str, tuple[MedicationRecord, JsonObject]], fill: Fill, about: Replaced
) -> str | None:
    """The draft that an update makes this fill: never one that ends or changes a charted order."""
    if about.stops:
        return None
    return next(
        (
            key
            for key, (record, _) in begun.items()
            if record.source not in about.re_signed and _can_become(record, fill.product.rxcui)
        ),
        None,
    )


def _can_become(record: MedicationRecord, rxcui: str) -> bool:
    """Whether an update can make the draft an order of this product: it is one already.

    What we write is a MedicationRequest, so a draft of another type (DSTU2's MedicationOrder) is
    deleted and written anew.
    """
    of_our_type = record.source.startswith("MedicationRequest/")
    return of_our_type and isinstance(record.drug, Drug) and record.drug.rxcui == rxcui


def _describe(fill: Fill) -> str:
    times = listed(f"{count} {WHEN_WORDS[time]}" for time, count in fill.per_intake)
    return (
        f"{fill.product.name}: {times}, {day(fill.starts)} to {day(fill.ends)}, "
        f"{fill.quantity} tablets, no refills"
    )


def _delete(record: MedicationRecord) -> JsonObject:
    ends = record.do_not_perform or record.status not in {None, "draft", "active"}
    what = "Withdraw the stop of" if ends else "Remove the new order of"
    return {
        "type": "delete",
        "description": f"{what} {order_name(record)}",
        "resourceId": record.source,
    }


def keep_suggestion(desk: Desk, about: Replaced, why: str = "") -> JsonObject | None:
    """Leave the present dose as it is: every draft of clonazepam goes, also one that stops it."""
    if about.re_signed:
        # Removing the changed order could be read as removing the order: an abrupt stop.
        return None
    how = "withdraw the stop" if about.stops else "remove the new order"
    label = why or f"Keep the present {about.present}"
    return removal_suggestion(desk, (*about.drafts, *about.endings), f"{label}: {how}")


def removal_suggestion(
    desk: Desk, drafts: tuple[MedicationRecord, ...], label: str
) -> JsonObject | None:
    """Remove the drafts; never recommended by itself. None when one has no id."""
    ordered = _ordered(desk, drafts)
    if not ordered:
        return None
    actions = [_delete(record) for record, _ in ordered.values()]
    return {"label": label, "uuid": desk.new_id(), "actions": actions}


def lower_start_suggestion(desk: Desk, drafts: tuple[MedicationRecord, ...]) -> JsonObject | None:
    """Start at the label's 0.25 mg twice a day instead."""
    ordered = _ordered(desk, drafts)
    if not ordered:
        return None
    (product,) = products_of([_LOWER_START_RXCUI])
    same = next(
        (key for key, (record, _) in ordered.items() if _can_become(record, product.rxcui)), None
    )
    order = daily_order(
        product,
        desk.context,
        draft_id=same or f"taperguard-{desk.new_id()}",
        count=1,
        times=(IntakeTime.MORNING, IntakeTime.NIGHT),
        days=_LOWER_START_DAYS,
        begun=None if same is None else ordered[same][1],
    )
    actions = [_delete(record) for key, (record, _) in ordered.items() if key != same]
    verb = "create" if same is None else "update"
    words = f"{product.name}: one in the morning and one at bedtime, {_LOWER_START_DAYS} days"
    actions.append({"type": verb, "description": words, "resource": order})
    return {
        "label": "Start lower: 0.25 mg twice a day, the label's start",
        "uuid": desk.new_id(),
        "actions": actions,
    }


def naloxone_suggestion(desk: Desk) -> JsonObject:
    """A draft of a rescue naloxone nasal spray."""
    rxcui, name = _NALOXONE
    order = naloxone_order(rxcui, name, desk.context, draft_id=f"taperguard-{desk.new_id()}")
    return {
        "label": "Add naloxone 4 mg nasal spray, two devices",
        "uuid": desk.new_id(),
        "actions": [
            {"type": "create", "description": f"{name}: two devices, no refills", "resource": order}
        ],
    }
