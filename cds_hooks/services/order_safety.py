"""clonazepam-safety: an order being selected or signed -> cards (order-select, order-sign)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any

from cds_hooks import memory, wording
from cds_hooks.account import EXTENSION, account
from cds_hooks.cards import Dealt, deal
from cds_hooks.configuration import configured
from cds_hooks.discovery import ORDER_SAFETY
from cds_hooks.gather import Background, gather, gather_with_history
from cds_hooks.request import ORDER_SELECT, ORDER_SIGN, HookRequest
from cds_hooks.suggestions import Desk
from clinical.assess import assess, assess_no_concern
from clinical.findings import FIRST_FOUR, Assessment, CheckId, Fired, NotEvaluable
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.shadow import without
from ehr.read.chart import read_chart
from ehr.read.concern import concern_no_check
from ehr.read.json import as_text
from ehr.read.medications import MEDICATION_RECORDS
from ehr.read.patient import deceased
from ehr.write.draft_orders import OrderContext

HOOKS = frozenset({ORDER_SELECT, ORDER_SIGN})


class NothingDecided(Exception):
    """Needed data was not supplied and the drafts alone decide nothing: a 412 (PRODUCT, HTTP)."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a service works with. `base_url` is ours, as the EHR's users reach it.

    `background` is None where no history is read in the background, `memory` where nothing is
    kept of what was settled (both on the command line).
    """

    policy: Policy
    new_id: Callable[[], str]
    base_url: str
    first_step_only: bool = False
    background: Background | None = None
    memory: memory.Memory | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The response's body, what was shown, and the facts on which that stands."""

    body: Mapping[str, Any]
    assessment: Assessment
    dealt: Dealt
    service: str = ORDER_SAFETY
    standing: memory.Standing = field(default_factory=dict, repr=False)


def concerns_a_check(request: HookRequest, on: date, policy: Policy) -> bool:
    """Whether the chart could matter to the answer: some check finds or lacks something when it
    sees the drafts alone. It does not of clonazepam that is not selected. Raises BadRequest.
    """
    drugs = {"Medication": gather(request).by_type.get("Medication", ())}
    alone = replace(gather(replace(request, prefetch={})), by_type=drugs)
    assessment = assess(OrderCase(read_chart(alone, on).facts, on, policy))
    return any(isinstance(it.verdict, NotEvaluable | Fired) for it in assessment.checks)


def answer_at_once(request: HookRequest, on: date, bench: Bench) -> Answer | None:
    """The answer for orders that concern no check: most of a hospital's. None for all others.

    It takes next to no time and asks nobody: nothing need be fetched for it. Raises BadRequest.
    """
    drafts = [draft.resource for draft in request.drafts]
    if not concern_no_check(drafts, ()):
        return None
    asked = configured(request, bench.policy)
    resources = gather(asked.request)
    if any(deceased(patient) for patient in resources.by_type.get("Patient", ())):
        return None  # that sets every check aside
    medicines = [it for kind in MEDICATION_RECORDS for it in resources.by_type.get(kind, ())]
    charted = {(str(it["resourceType"]), as_text(it.get("id")) or "") for it in medicines}
    if charted and not concern_no_check(drafts, charted):
        return None
    off = frozenset(check for check, choice in asked.policy.checks.items() if not choice.on)
    found = _of_no_concern(on, asked.policy.rules_version, off)
    return _noted(found, resources.notes) if resources.notes else found


@lru_cache(maxsize=64)
def _of_no_concern(on: date, rules_version: str, off: frozenset[CheckId]) -> Answer:
    return _unshown(assess_no_concern(on, rules_version, off))


def _noted(found: Answer, notes: tuple[str, ...]) -> Answer:
    return _unshown(replace(found.assessment, notes=notes))


def _unshown(assessment: Assessment) -> Answer:
    """An answer without cards, of an assessment in which nothing fired."""
    body = {"cards": [], "extension": {EXTENSION: account(assessment, (), {})}}
    return Answer(body, assessment, Dealt((), frozenset(), {}, ()))


def answer(request: HookRequest, on: date, bench: Bench) -> Answer:
    """Assess the drafts and deal the cards. Raises BadRequest or NothingDecided."""
    at_once = answer_at_once(request, on, bench)
    if at_once is not None:
        return at_once
    asked = configured(request, bench.policy)
    request, policy = asked.request, asked.policy
    resources = gather_with_history(request, on, bench.background)
    chart = read_chart(resources, on, for_checks=True)
    case = OrderCase(chart.facts, on, policy)
    assessment = assess(case)
    undecided = all(isinstance(assessment.verdict(it), NotEvaluable) for it in FIRST_FOUR)
    if resources.gaps and undecided:
        raise NothingDecided(
            "The draft alone decides nothing, and this was not supplied: "
            + "; ".join(dict.fromkeys(resources.gaps.values()))
            + "."
        )
    desk = Desk(
        context=OrderContext(
            patient_id=request.patient_id,
            authored_on=on,
            requester=_requester(request.user_id),
            encounter_id=_encounter(request.encounter_id),
        ),
        new_id=bench.new_id,
        drafts=request.drafts,
        horizon_days=policy.card_horizon_days,
        first_step_only=bench.first_step_only,
    )
    shown = without(assessment, asked.hidden)
    standing = memory.standing_of(case, shown)
    recalled = memory.Recalled()
    if standing:  # else there is nothing that could have been settled
        recalled = memory.recall(bench.memory, request.patient_id, ORDER_SAFETY, standing, on)
    quiet = memory.quiet_at_order(shown, recalled, policy)
    assessment = replace(assessment, notes=(*assessment.notes, *recalled.notes))
    dealt = deal(case, shown, desk, bench.base_url, quiet).beside(asked.hidden)
    memory.say_what_is_quiet(dealt.cards, shown, recalled, quiet)
    wording.say_how_fresh(dealt.cards, resources.background)
    body = {
        "cards": list(dealt.cards),
        "extension": {EXTENSION: account(assessment, dealt.shown, dealt.unshown_why)},
    }
    return Answer(body, assessment, dealt, standing=standing)


def _requester(user_id: str) -> str | None:
    """The user as a requester, where the user is somebody who can order."""
    kind = user_id.partition("/")[0]
    return user_id if kind in {"Practitioner", "PractitionerRole"} else None


def _encounter(encounter_id: str | None) -> str | None:
    return None if encounter_id is None else encounter_id.removeprefix("Encounter/")
