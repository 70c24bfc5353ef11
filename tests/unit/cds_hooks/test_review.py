"""patient-view: one quiet card for long-term users, and none for anybody else."""

from __future__ import annotations

import itertools
import json
from calendar import monthrange
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import cds
import pytest

from cds_hooks.cards import deal_review
from cds_hooks.gather import Background, gather
from cds_hooks.request import BadRequest, read_request
from cds_hooks.services.order_safety import Bench
from cds_hooks.services.patient_review import HOOKS, answer
from cds_hooks.suggestions import Desk
from clinical.assess import CHECKS
from clinical.facts import OWN_PLAN
from clinical.findings import CheckId
from clinical.order_case import OrderCase
from clinical.policy import CheckChoice, Policy, default_policy
from clinical.review import review
from ehr.decode import encode
from ehr.history import Seen
from ehr.read.chart import read_chart
from ehr.write.draft_orders import OrderContext

TODAY = date(2026, 11, 23)
LONG = cds.order("now", cds.CLONAZEPAM["1"], 2, authoredOn="2024-03-03")
DEAD = {"resourceType": "Patient", "id": "p1", "deceasedBoolean": True}
SHORT = cds.order("now", cds.CLONAZEPAM["1"], 2, authoredOn="2026-11-01")


@pytest.fixture
def view() -> Callable[..., Any]:
    """`view(medications=[...])`: the judged answer when this patient's chart is opened."""
    numbers = itertools.count(1)

    def run(
        *, background: Background | None = None, policy: Policy | None = None, **told: Any
    ) -> Any:
        request = cds.request([], hook="patient-view", **told)
        bench = Bench(
            policy or default_policy(),
            lambda: f"id-{next(numbers)}",
            "https://taperguard.example",
            background=background,
        )
        read = read_request(json.dumps(request).encode(), HOOKS)
        body = json.loads(encode(answer(read, TODAY, bench).body))
        assert cds.faults(body, request) == []
        return body

    return run


def test_a_long_term_user_gets_one_quiet_card_that_leads_with_the_fact(view) -> None:
    body = view(medications=[LONG])
    (card,) = body["cards"]
    assert card["summary"] == "Clonazepam 2 mg/day since 3 Mar 2024"
    assert card["indicator"] == "info"
    assert card["source"]["topic"]["code"] == "long-term-use"
    assert "suggestions" not in card
    assert card["links"][0] == {
        "label": "Open the taper planner",
        "url": "https://taperguard.example/smart/launch",
        "type": "smart",
    }
    detail = card["detail"]
    # The order states no supply: whether it was filled since 2024 the chart does not tell.
    assert "0 of the past 365 days covered (prescribed days); 365 more cannot be worked" in detail
    # 3 Mar 2024 to 23 Nov 2026: 2 years and 266 days.
    assert "Physical dependence is likely: over 2 years at 2 mg/day, if taken as ordered" in detail
    assert "An estimate from the chart, and no diagnosis: please confirm" in detail
    # 2 mg/day is a finding of the review; it is a line here, and no louder card.
    assert "**Warning: High dose.**" in detail
    shown = {check for check, entry in cds.account_of(body).items() if entry.get("shown")}
    assert shown == {"high-dose"}
    assert cds.results_of(body)["long-term-use"] == "not-evaluable"
    told = card["extension"]["org.taperguard.assessment"]["checks"]
    assert {entry["check"] for entry in told} == {"long-term-use", "high-dose"}


def test_a_user_whose_supply_is_known_is_a_long_term_user_for_certain(view) -> None:
    """150 days and one refill from 1 Mar 2026: 1 Mar to 23 Nov are 268 of its 300 days."""
    supply = {"expectedSupplyDuration": {"value": 150, "unit": "d"}, "numberOfRepeatsAllowed": 1}
    body = view(
        medications=[
            cds.order(
                "now", cds.CLONAZEPAM["1"], 2, authoredOn="2026-03-01", dispenseRequest=supply
            )
        ]
    )
    (card,) = body["cards"]
    assert card["summary"] == "Clonazepam 2 mg/day since 1 Mar 2026"
    assert "268 of the past 365 days covered (prescribed days); long-term use" in card["detail"]
    assert "Physical dependence is likely: 8 months at 2 mg/day." in card["detail"]
    shown = {check for check, entry in cds.account_of(body).items() if entry.get("shown")}
    assert shown == {"long-term-use", "high-dose"}


def test_a_dose_that_changed_is_not_said_to_be_as_old_as_the_use(view) -> None:
    before = cds.order(
        "before", cds.CLONAZEPAM["0.5"], 2, authoredOn="2024-03-03", status="completed"
    )
    now = cds.order(
        "now",
        cds.CLONAZEPAM["1"],
        2,
        authoredOn="2026-06-01",
        priorPrescription={"reference": "MedicationRequest/before"},
    )
    (card,) = view(medications=[now, before])["cards"]
    assert card["summary"] == "Clonazepam 2 mg/day, ordered since 3 Mar 2024"
    assert _table_of(card["detail"]) == [
        ("From", "To", "mg/day"),
        ("3 Mar 2024", "31 May 2026", "1"),
        ("1 Jun 2026", "today", "2"),
    ]


def _table_of(detail: str) -> list[tuple[str, ...]]:
    """The cells of the table of the dose over time, without the rule under its head."""
    part = detail.partition("**Dose over time**\n\n")[2].partition("\n\n")[0]
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in part.splitlines()]
    return [row for number, row in enumerate(rows) if number != 1]


def test_days_without_an_order_and_days_that_nobody_can_tell_are_no_dose_of_zero(view) -> None:
    """1 Mar to 30 Apr 2025 by its period; nothing in May; then an order of as much as needed."""
    first = cds.order("first", cds.CLONAZEPAM["1"], 1, authoredOn="2025-03-01", status="completed")
    first["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {
        "start": "2025-03-01",
        "end": "2025-04-30",
    }
    now = cds.order("now", cds.CLONAZEPAM["1"], 1, authoredOn="2025-06-01")
    now["dosageInstruction"] = [{"text": "as directed"}]
    (card,) = view(medications=[now, first])["cards"]
    assert _table_of(card["detail"])[1:] == [
        ("1 Mar 2025", "30 Apr 2025", "1"),
        ("1 May 2025", "31 May 2025", "no order"),
        ("1 Jun 2025", "today", "not known"),
    ]
    assert "\n\nNot known: " in card["detail"]


def test_of_a_long_history_the_last_twelve_doses_are_shown_and_where_the_rest_is(view) -> None:
    """Every month of 2024 and 2025 an order of its own, 1 mg and 2 mg in turn, then 2026 on 3 mg:
    25 doses, of which the last 12 begin in February 2025.
    """
    orders = []
    for number in range(24):
        year, month = 2024 + number // 12, number % 12 + 1
        order = cds.order(
            f"m{number:02}",
            cds.CLONAZEPAM["1"],
            1 + number % 2,
            authoredOn=f"{year}-{month:02}-01",
            status="completed",
        )
        order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {
            "start": f"{year}-{month:02}-01",
            "end": f"{year}-{month:02}-{monthrange(year, month)[1]}",
        }
        orders.append(order)
    orders.append(cds.order("now", cds.CLONAZEPAM["1"], 3, authoredOn="2026-01-01"))
    (card,) = view(medications=orders)["cards"]
    _head, *rows = _table_of(card["detail"])
    assert len(rows) == 12
    assert rows[0] == ("1 Feb 2025", "28 Feb 2025", "2")
    assert rows[-1] == ("1 Jan 2026", "today", "3")
    assert "It begins on 1 Jan 2024; 13 earlier rows are in the planner." in card["detail"]


def test_a_short_user_gets_no_card_and_an_account_of_every_check(view) -> None:
    body = view(medications=[SHORT])
    assert body["cards"] == []
    results = cds.results_of(body)
    assert results.keys() == {check.value for check in CHECKS}
    assert results.items() >= {
        ("opioid-together", "clear"),
        ("high-dose", "fired"),
        ("dose-escalation", "set-aside"),
        ("older-adult-fall-risk", "clear"),
        ("abrupt-stop", "set-aside"),
        ("long-term-use", "clear"),
    }
    # 1 to 23 Nov 2026: 23 days.
    assert "23 more cannot be worked out" in cds.account_of(body)["long-term-use"]["why"]
    high = cds.account_of(body)["high-dose"]
    assert (high["result"], high["shown"]) == ("fired", False)
    assert "only while a long-term user takes clonazepam" in high["shown_why"]


@pytest.mark.parametrize(
    "told",
    [
        {"medications": []},
        {"medications": [cds.order("o", cds.OXYCODONE, 4, authoredOn="2024-01-01")]},
        {
            "medications": [LONG],
            "prefetch": {"patient": DEAD},
        },
    ],
    ids=["nothing", "another drug", "died"],
)
def test_everybody_else_is_left_in_peace(view, told) -> None:
    body = view(**told)
    assert body["cards"] == []
    assert cds.results_of(body)["long-term-use"] in {"clear", "set-aside"}


def test_long_use_that_has_ended_is_in_the_account_and_on_no_card(view) -> None:
    ended = cds.order("a", cds.CLONAZEPAM["1"], 2, authoredOn="2024-03-03")
    ended["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {
        "start": "2024-03-03",
        "end": "2026-10-31",
    }
    body = view(medications=[{**ended, "status": "completed"}])
    assert body["cards"] == []
    entry = cds.account_of(body)["long-term-use"]
    assert (entry["result"], entry["shown"]) == ("fired", False)


def test_a_taper_in_progress_is_said_first(view) -> None:
    step = cds.order(
        "step",
        cds.CLONAZEPAM["0.5"],
        3,
        status="draft",
        authoredOn="2026-11-20",
        groupIdentifier={"system": OWN_PLAN, "value": "g1"},
    )
    step["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"end": "2026-12-06"}
    following = cds.order(
        "following",
        cds.CLONAZEPAM["0.5"],
        2,
        status="draft",
        authoredOn="2026-11-20",
        groupIdentifier={"system": OWN_PLAN, "value": "g1"},
    )
    following["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": "2026-12-07"}
    (card,) = view(medications=[LONG, step, following])["cards"]
    assert card["summary"].endswith(", a taper is in progress")
    # Three, then two tablets of 0.5 mg a day.
    told = card["detail"].partition("**A taper is in progress**\n\n")[2].partition("\n\n")[0]
    assert "1.5 mg/day planned for today" in told
    assert "1 mg/day from 7 Dec 2026" in told


def test_a_dose_that_is_taken_as_needed_is_asked_about(view) -> None:
    needed = json.loads(json.dumps(LONG))
    needed["dosageInstruction"][0]["asNeededBoolean"] = True
    (card,) = view(medications=[needed])["cards"]
    assert "on how many days of a week it is taken is not stated" in card["detail"]


def test_without_any_list_nothing_is_shown_and_nothing_is_called_clear(view) -> None:
    request = cds.request([], hook="patient-view")
    del request["prefetch"]
    bench = Bench(default_policy(), lambda: "id", "https://taperguard.example")
    read = read_request(json.dumps(request).encode(), HOOKS)
    body = answer(read, TODAY, bench).body
    assert body["cards"] == []
    assert set(cds.results_of(dict(body)).values()) == {"not-evaluable"}


def test_it_asks_for_a_read_and_says_that_the_history_is_being_read(view) -> None:
    asked: list[tuple[str, str, bool]] = []

    class Kept:
        def seen(self, ehr_id: str, patient_id: str, *, wanted: bool) -> Seen:
            asked.append((ehr_id, patient_id, wanted))
            return Seen(datetime(2026, 11, 23, 15, 30, tzinfo=UTC), being_read=wanted)

    page = cds.searchset(SHORT)
    page["total"] = 1000
    body = view(background=Background(Kept(), "north"), prefetch={"medications": page})
    assert asked == [("north", "p1", True)]
    why = cds.account_of(body)["long-term-use"]["why"]
    assert "1 of 1000 records were supplied; the history is being read in the background" in why


class NotToBeAsked:
    def seen(self, ehr_id: str, patient_id: str, *, wanted: bool) -> Seen:
        raise AssertionError(f"{ehr_id} {patient_id} {wanted}")


def test_signing_an_order_with_whole_lists_looks_for_no_history(ask) -> None:
    """Nothing is missing, so nobody waits for Redis; with a page missing it is asked."""
    whole = cds.request([cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")])
    background = Background(NotToBeAsked(), "north")
    assert cds.results_of(ask(whole, background=background))["high-dose"] == "fired"
    whole["prefetch"]["medications"]["total"] = 1000
    with pytest.raises(AssertionError, match="north p1 True"):
        ask(whole, background=background)


def test_another_hook_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="this service answers patient-view"):
        read_request(json.dumps(cds.request([], hook="order-sign")).encode(), HOOKS)


@pytest.mark.parametrize(
    ("choice", "result"),
    [
        (CheckChoice(on=False, own_card=False), "set-aside"),
        (CheckChoice(shadow=True, own_card=False), "fired"),
    ],
    ids=["off", "shadow mode"],
)
def test_there_is_no_card_where_the_check_of_long_term_use_is_off_or_in_shadow_mode(
    view, choice: CheckChoice, result: str
) -> None:
    supplied = cds.order(
        "now",
        cds.CLONAZEPAM["1"],
        2,
        authoredOn="2026-01-01",
        dispenseRequest={
            "numberOfRepeatsAllowed": 0,
            "expectedSupplyDuration": {
                "value": 180,
                "code": "d",
                "system": "http://unitsofmeasure.org",
            },
        },
    )
    assert len(view(medications=[supplied])["cards"]) == 1
    shipped = default_policy()
    chosen = replace(shipped, checks={**shipped.checks, CheckId.LONG_TERM_USE: choice})
    body = view(medications=[supplied], policy=chosen)
    assert body["cards"] == []
    checks = body["extension"]["org.taperguard.assessment"]["checks"]
    assert {it["check"]: it["result"] for it in checks}["long-term-use"] == result


def test_what_is_quiet_is_left_out_and_a_quiet_long_term_use_leaves_no_card() -> None:
    request = cds.request([], hook="patient-view", medications=[LONG])
    facts = read_chart(gather(read_request(json.dumps(request).encode(), HOOKS)), TODAY).facts
    case = OrderCase(facts, TODAY, default_policy())
    desk = Desk(OrderContext("p1", TODAY), lambda: "id", (), 28, first_step_only=False)
    found = review(facts, TODAY, default_policy())
    words = ("Clonazepam 2 mg/day since 3 Mar 2024", "The detail.")
    high = {CheckId.HIGH_DOSE: "settled on 20 Nov 2026"}
    dealt = deal_review(case, found, desk, "https://taperguard.example", words, high)
    assert len(dealt.cards) == 1
    assert CheckId.HIGH_DOSE not in dealt.shown
    assert dealt.unshown_why == high
    quiet = {CheckId.LONG_TERM_USE: "settled on 20 Nov 2026"}
    dealt = deal_review(case, found, desk, "https://taperguard.example", words, quiet)
    assert dealt.cards == ()
    assert "about long-term use, and that is not shown" in dealt.unshown_why[CheckId.HIGH_DOSE]
