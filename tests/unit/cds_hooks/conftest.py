"""The order-safety service without HTTP, and each answer judged."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import cds
import pytest

from cds_hooks.gather import Background
from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from clinical.policy import Policy, default_policy
from ehr.decode import encode

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
