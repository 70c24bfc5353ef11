"""clonazepam-review: a chart is opened -> one quiet card for long-term users (patient-view)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from cds_hooks import memory, review_wording, wording
from cds_hooks.account import EXTENSION, account
from cds_hooks.cards import deal_review
from cds_hooks.configuration import configured
from cds_hooks.discovery import PATIENT_REVIEW
from cds_hooks.gather import gather_with_history
from cds_hooks.request import PATIENT_VIEW, HookRequest
from cds_hooks.services.order_safety import Answer, Bench
from cds_hooks.suggestions import Desk
from clinical.checks.long_term_use import year_of_use
from clinical.dose_history import dose_history
from clinical.duration import present_use
from clinical.facts import PatientFacts
from clinical.findings import CheckId
from clinical.order_case import OrderCase
from clinical.policy import Policy
from clinical.review import review
from clinical.shadow import without
from clinical.signing import current_clonazepam
from ehr.read.chart import read_chart
from ehr.write.draft_orders import OrderContext

HOOKS = frozenset({PATIENT_VIEW})


def answer(request: HookRequest, on: date, bench: Bench) -> Answer:
    """Review the present orders; a card only where clonazepam is, or may be, in long-term use,
    or where a follow-up that was promised is due.

    Where supply that nobody states would decide, the check is not evaluable and the card says so:
    orders that stand for so long are worth a question. What could not be looked at is in the
    account: nothing was ordered, so nobody is interrupted for it. Raises BadRequest.
    """
    asked = configured(request, bench.policy)
    request, policy = asked.request, asked.policy
    resources = gather_with_history(request, on, bench.background)
    facts = read_chart(resources, on, for_checks=True).facts
    kept = resources.background.dose if resources.background is not None else None
    told = kept if kept is not None else dose_history(facts, on)
    case = OrderCase(facts, on, policy)
    assessment = review(facts, on, policy)
    shown = without(assessment, asked.hidden)
    standing = memory.standing_of(case, shown)
    recalled = memory.Recalled()
    words = None
    if facts.deceased is not True and current_clonazepam(facts, on):
        recalled = memory.recall(bench.memory, request.patient_id, PATIENT_REVIEW, standing, on)
        assessment = replace(assessment, notes=(*assessment.notes, *recalled.notes))
        its_check = CheckId.LONG_TERM_USE
        told_of = policy.checks[its_check].on and its_check not in asked.hidden
        if recalled.follow_ups or (told_of and _is_long(facts, on, policy)):
            use = present_use(facts, on, policy)
            told_in = (
                review_wording.summary(facts, on, use, told),
                review_wording.detail(shown, use, told, facts),
            )
            words = memory.with_follow_ups(told_in, recalled.follow_ups)
    desk = Desk(
        context=OrderContext(patient_id=request.patient_id, authored_on=on),
        new_id=bench.new_id,
        drafts=(),
        horizon_days=policy.card_horizon_days,
        first_step_only=bench.first_step_only,
    )
    quiet = memory.quiet_at_review(shown, recalled, policy)
    dealt = deal_review(case, shown, desk, bench.base_url, words, quiet).beside(asked.hidden)
    wording.say_how_fresh(dealt.cards, resources.background)
    body = {
        "cards": list(dealt.cards),
        "extension": {EXTENSION: account(assessment, dealt.shown, dealt.unshown_why)},
    }
    return Answer(body, assessment, dealt, PATIENT_REVIEW, standing)


def _is_long(facts: PatientFacts, on: date, policy: Policy) -> bool:
    """Whether the use is long-term, or may be: days that are not known are asked about."""
    use = year_of_use(facts, on, policy)
    return use.covered + use.perhaps >= policy.long_term_days
