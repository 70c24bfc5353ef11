"""The order-safety service without HTTP, and each answer judged."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import cds
import pytest

from cds_hooks.cards import Dealt, deal
from cds_hooks.gather import Background, gather_with_history
from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from cds_hooks.suggestions import Desk
from clinical.assess import assess
from clinical.findings import Checked, CheckId, Clear, Verdict
from clinical.order_case import OrderCase
from clinical.policy import Policy, default_policy
from ehr.decode import encode
from ehr.read.chart import read_chart
from ehr.write.draft_orders import OrderContext

TODAY = date(2026, 11, 23)


@pytest.fixture
def ask() -> Callable[..., dict[str, Any]]:
    """`ask(request)`: the response's body; a response that breaks the specification fails."""
    numbers = itertools.count(1)

    def run(
        request: dict[str, Any],
        *,
        on: date = TODAY,
        first_step_only: bool = False,
        background: Background | None = None,
        policy: Policy | None = None,
    ) -> Any:
        bench = Bench(
            policy=policy or default_policy(),
            new_id=lambda: f"id-{next(numbers)}",
            base_url="https://taperguard.example",
            first_step_only=first_step_only,
            background=background,
        )
        raw = json.dumps(request).encode()
        body = json.loads(encode(answer(read_request(raw, HOOKS), on, bench).body))
        assert cds.faults(body, request) == []
        return body

    return run


@pytest.fixture
def older_woman() -> dict[str, Any]:
    """72, clonazepam 1 mg twice a day and oxycodone; ordered 1 mg three times a day."""
    return cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        born="1954-08-20",
        medications=[cds.order("now", cds.CLONAZEPAM["1"], 2), cds.order("oxy", cds.OXYCODONE, 4)],
        conditions=[cds.condition("R29.6")],
    )


@pytest.fixture
def deal_with() -> Callable[..., tuple[OrderCase, Dealt]]:
    """`deal_with(request, {check: verdict})`: the case, and the judged cards with these verdicts.

    For what the cards make of a verdict, whatever the check itself would say of the request;
    `only`: every other check is clear.
    """
    numbers = itertools.count(1)

    def run(
        request: dict[str, Any],
        verdicts: Mapping[CheckId, Verdict] | None = None,
        *,
        only: bool = False,
        quiet: Mapping[CheckId, str] | None = None,
        policy: Policy | None = None,
        first_step_only: bool = False,
    ) -> tuple[OrderCase, Dealt]:
        read = read_request(json.dumps(request).encode(), HOOKS)
        facts = read_chart(gather_with_history(read, TODAY, None), TODAY).facts
        case = OrderCase(facts, TODAY, policy or default_policy())
        assessment = assess(case)
        given: dict[CheckId, Verdict] = dict.fromkeys(CheckId, Clear("nothing was found"))
        if not only:
            given |= {it.check: it.verdict for it in assessment.checks}
        given |= verdicts or {}
        checks = tuple(Checked(check, given[check]) for check in CheckId)
        desk = Desk(
            context=OrderContext(patient_id=read.patient_id, authored_on=TODAY),
            new_id=lambda: f"id-{next(numbers)}",
            drafts=read.drafts,
            horizon_days=case.policy.card_horizon_days,
            first_step_only=first_step_only,
        )
        found = replace(assessment, checks=checks)
        dealt = deal(case, found, desk, "https://taperguard.example", quiet)
        body = json.loads(encode({"cards": list(dealt.cards)}))
        assert cds.faults(body, request) == []
        return case, replace(dealt, cards=tuple(body["cards"]))

    return run
