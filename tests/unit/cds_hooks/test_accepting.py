"""Accepting a suggestion: the actions applied to the drafts, and the drafts read again.

Whatever is accepted, on no day does the patient get more than the present dose, and nobody is
stopped at once. The matrix crosses what is taken, what is ordered and what else the chart holds.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import cds
import pytest

from cds_hooks.gather import gather
from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS
from clinical.assess import assess
from clinical.facts import is_clonazepam
from clinical.findings import CheckId, Fired, SetAside, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy
from clinical.standing import standing
from clinical.totals import total_on
from ehr.read.chart import read_chart

TODAY = date(2026, 11, 23)
ODT = ("349194", "clonazepam 0.125 MG Disintegrating Oral Tablet")
# Fills last whole weeks and drafts cover 28 days.
DAYS = [TODAY + timedelta(days=number) for week in range(0, 42, 7) for number in (week, week + 6)]
Json = dict[str, Any]


def now(key: str, strength: str, per_day: int, **more: Any) -> Json:
    return cds.order(key, cds.CLONAZEPAM[strength], per_day, **more)


def draft(strength: str, per_day: int, key: str = "new", **more: Any) -> Json:
    return cds.order(key, cds.CLONAZEPAM[strength], per_day, status="draft", **more)


def later(order: Json) -> Json:
    order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": "2026-12-21"}
    return order


def statement() -> Json:
    order = now("told", "1", 2)
    del order["intent"], order["authoredOn"]
    order["resourceType"] = "MedicationStatement"
    order["dosage"] = order.pop("dosageInstruction")
    order["effectivePeriod"] = {"start": "2026-01-01"}
    return order


PRIOR = {"priorPrescription": {"reference": "MedicationRequest/now"}}
# What is taken, mg/day by hand, and the records.
TAKEN: dict[str, tuple[Fraction, list[Json]]] = {
    "nothing": (Fraction(0), []),
    "2 mg in one order": (Fraction(2), [now("now", "1", 2)]),
    "1.5 mg in two orders": (Fraction(3, 2), [now("now", "1", 1), now("night", "0.5", 1)]),
    "4.5 mg in three orders": (
        Fraction(9, 2),
        [now("now", "2", 1), now("noon", "2", 1), now("night", "0.5", 1)],
    ),
    "0.125 mg": (Fraction(1, 8), [cds.order("now", ODT, 1)]),
    "2 mg by a statement": (Fraction(2), [statement()]),
    "2 mg and an earlier taper's later step": (
        Fraction(2),
        [now("now", "1", 2), later(now("later", "0.5", 3))],
    ),
}
ORDERED: dict[str, list[Json]] = {
    "3 mg": [draft("1", 3)],
    "4 mg of another product, linked": [draft("2", 2, **PRIOR)],
    "the same 2 mg again": [draft("1", 2)],
    "two orders": [draft("1", 2, "morning"), draft("2", 1, "night")],
    "a reduction to 0.5 mg": [draft("0.5", 1)],
    "the order in the chart, raised": [now("now", "1", 3)],
}
CHART: dict[str, tuple[str, list[Json], list[Json]]] = {
    "40 years": ("1986-06-01", [], []),
    "72 years, falls and an opioid": (
        "1954-08-20",
        [cds.condition("R29.6")],
        [cds.order("oxy", cds.OXYCODONE, 4)],
    ),
    "a seizure disorder": ("1986-06-01", [cds.condition("G40.909")], []),
    "pregnant": ("1986-06-01", [cds.condition("O09.90")], []),
    "15 years": ("2011-06-01", [], []),
}
# So that a card is dealt in every case; what it offers hangs on the case and not on these.
RAISED = {
    CheckId.DOSE_ESCALATION: Fired(Severity.WARNING, "raised", "raised", (), ("LABEL",)),
}


def apply(request: Json, suggestion: Json) -> Json:
    """The request with the drafts as they are after the suggestion's actions."""
    after = copy.deepcopy(request)
    drafts = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}": entry["resource"]
        for entry in after["context"]["draftOrders"]["entry"]
    }
    for action in suggestion["actions"]:
        if action["type"] == "delete":
            del drafts[action["resourceId"]]
            continue
        resource = action["resource"]
        key = f"{resource['resourceType']}/{resource['id']}"
        assert (key in drafts) == (action["type"] == "update")
        drafts[key] = resource
    after["context"]["draftOrders"]["entry"] = [{"resource": it} for it in drafts.values()]
    return after


def case_of(request: Json) -> OrderCase:
    read = read_request(json.dumps(request).encode(), HOOKS)
    return OrderCase(read_chart(gather(read), TODAY).facts, TODAY, default_policy())


def drafted(request: Json) -> list[Fraction]:
    """Mg of clonazepam that the drafts come to on each of the days on which that may change."""
    records = [d.record for d in case_of(request).facts.drafts if is_clonazepam(d.record)]
    doses = []
    for day in DAYS:
        total = total_on([r for r in records if standing(r, day, draft=True).counts], day)
        assert total.complete
        doses.append(total.mg_per_day)
    return doses


@dataclass(frozen=True)
class Accepted:
    """One suggestion, the request before and after it, and the present dose by hand."""

    card: Json
    suggestion: Json
    before: Json
    after: Json
    present: Fraction

    @property
    def label(self) -> str:
        return str(self.suggestion["label"])


def every_suggestion(deal_with: Any, taken: str, each: int = 1, **more: Any) -> Iterator[Accepted]:
    """What is offered in each case, or in each third of them, of who takes this."""
    present, records = TAKEN[taken]
    first = list(TAKEN).index(taken) % each
    for orders, chart in list(itertools.product(ORDERED.values(), CHART.values()))[first::each]:
        born, conditions, medications = chart
        request = cds.request(
            copy.deepcopy(orders),
            born=born,
            conditions=conditions,
            medications=[*copy.deepcopy(records), *medications],
        )
        _, dealt = deal_with(request, RAISED, **more)
        for card in dealt.cards:
            for suggestion in card.get("suggestions", []):
                yield Accepted(card, suggestion, request, apply(request, suggestion), present)


def check(accepted: Accepted) -> None:
    """Raise AssertionError unless accepting is safe."""
    label, actions = accepted.label, accepted.suggestion["actions"]
    before, doses = drafted(accepted.before), drafted(accepted.after)
    if label.startswith("Taper"):
        assert 0 < doses[0] < accepted.present
        assert doses == sorted(doses, reverse=True)
        check_names(accepted)
        again = assess(case_of(accepted.after))
        assert isinstance(again.verdict(CheckId.HIGH_DOSE), SetAside)
        assert isinstance(again.verdict(CheckId.DOSE_ESCALATION), SetAside)
    elif label.startswith("Start lower"):
        # The label's 0.25 mg twice a day.
        assert set(doses) <= {Fraction(1, 2), Fraction(0)}
        assert 0 < doses[0] < before[0]
        assert accepted.present == 0
    elif label.startswith("Add naloxone"):
        assert doses == before
    else:
        assert max(doses) == 0
        assert label.startswith("Keep the present" if accepted.present else "Remove th")
        assert {action["type"] for action in actions} == {"delete"}
        assert "isRecommended" not in accepted.suggestion
        charted = {f"MedicationRequest/{record['id']}" for record in charted_of(accepted)}
        assert charted.isdisjoint(action["resourceId"] for action in actions)


def check_names(accepted: Accepted) -> None:
    """All that is taken or planned is named for discontinuation, in the label and in the detail."""
    listed = accepted.card["detail"].partition("Discontinue when signing")[2]
    for record in charted_of(accepted):
        name = str(record["medicationCodeableConcept"]["coding"][0]["display"])
        name = name.partition(" MG")[0]
        assert name in accepted.label
        assert name in listed


def charted_of(accepted: Accepted) -> list[Json]:
    entries = accepted.before["prefetch"]["medications"]["entry"]
    records = [entry["resource"] for entry in entries]
    return [it for it in records if "clonazepam" in str(it["medicationCodeableConcept"])]


@pytest.mark.parametrize("taken", TAKEN)
def test_whatever_is_accepted_never_doubles_and_never_stops(deal_with: Any, taken: str) -> None:
    found = list(every_suggestion(deal_with, taken, each=4))
    assert found
    for accepted in found:
        check(accepted)


@pytest.mark.long
@pytest.mark.parametrize("first_step_only", [False, True])
@pytest.mark.parametrize("taken", TAKEN)
def test_nothing_that_is_accepted_in_any_case_doubles_or_stops(
    deal_with: Any, taken: str, first_step_only: bool
) -> None:
    for accepted in every_suggestion(deal_with, taken, first_step_only=first_step_only):
        check(accepted)


def test_a_taper_takes_the_place_of_two_orders_with_one(deal_with: Any) -> None:
    """1.5 mg in two orders; the second pace's first step is one tablet of 1 mg, naming one."""
    found = list(every_suggestion(deal_with, "1.5 mg in two orders", first_step_only=True))
    assert any("Nardi" in accepted.label for accepted in found)
    for accepted in found:
        check(accepted)


def test_the_matrix_meets_every_kind_of_suggestion(deal_with: Any) -> None:
    """A walk that meets no suggestion of a kind proves nothing about it."""
    labels = {
        accepted.label.partition(":")[0].partition(",")[0]
        for taken in ("nothing", "2 mg in one order")
        for accepted in every_suggestion(deal_with, taken)
    }
    assert labels == {
        "Taper from 2 mg/day",
        "Keep the present 2 mg/day",
        "Start lower",
        "Remove this order",
        "Remove these orders",
        "Add naloxone 4 mg nasal spray",
    }


# --- An order that stops clonazepam -----------------------------------------------------------

ABRUPT = {
    CheckId.ABRUPT_STOP: Fired(
        Severity.WARNING,
        "2 mg/day is being stopped at once",
        "clonazepam 2 mg/day is stopped at once",
        (),
        ("LABEL",),
    )
}
NOW = now("now", "1", 2)
OWN_STOP = draft("1", 2, "stop", doNotPerform=True, **PRIOR)
CHARTED_STOP = now("now", "1", 2) | {"status": "stopped"}


def offered(deal_with: Any, drafts: list[Json], **chart: Any) -> tuple[Json, list[Json]]:
    request = cds.request(copy.deepcopy(drafts), **{"medications": [NOW], **chart})
    _, dealt = deal_with(request, ABRUPT)
    (card,) = dealt.cards
    return request, card.get("suggestions", [])


@pytest.mark.parametrize("stop", [OWN_STOP, CHARTED_STOP], ids=["an order not to", "its status"])
def test_instead_of_a_stop_a_taper_is_offered_and_the_stop_withdrawn(
    deal_with: Any, stop: Json
) -> None:
    request, (taper, *_) = offered(deal_with, [stop])
    assert taper["label"] == (
        "Taper from 2 mg/day instead of stopping, 10 % every 2 weeks (ASAM 2025): 1.875 mg/day "
        "from 23 Nov 2026; discontinue clonazepam 1 mg tablet"
    )
    withdrawn, *created = taper["actions"]
    assert withdrawn["resourceId"] == f"MedicationRequest/{stop['id']}"
    assert withdrawn["description"] == "Withdraw the stop of clonazepam 1 mg tablet"
    assert {action["type"] for action in created} == {"create"}
    assert created[0]["resource"]["priorPrescription"] == PRIOR["priorPrescription"]
    doses = drafted(apply(request, taper))
    assert doses[0] == Fraction(15, 8)
    assert doses == sorted(doses, reverse=True)


def test_a_stop_of_an_order_that_the_list_does_not_hold_is_met_with_a_taper_too(
    deal_with: Any,
) -> None:
    """The EHR sends the order that is being stopped, and not in the list of medications."""
    request, (taper, *_) = offered(deal_with, [CHARTED_STOP], medications=[])
    assert taper["label"].startswith("Taper from 2 mg/day instead of stopping")
    doses = drafted(apply(request, taper))
    assert doses[0] == Fraction(15, 8)


def test_a_stop_can_be_withdrawn_where_it_is_an_order_of_its_own(deal_with: Any) -> None:
    """Removing a draft that is the chart's own order could be read as stopping that order."""
    keep = "Keep the present 2 mg/day: withdraw the stop"
    _, suggestions = offered(deal_with, [OWN_STOP])
    assert [it["label"] for it in suggestions][-1] == keep
    _, suggestions = offered(deal_with, [CHARTED_STOP])
    assert keep not in [it["label"] for it in suggestions]


def test_where_a_gate_stops_the_taper_the_stop_can_still_be_withdrawn(deal_with: Any) -> None:
    _, suggestions = offered(deal_with, [OWN_STOP], conditions=[cds.condition("O09.90")])
    (keep,) = suggestions
    assert keep["label"] == "Keep the present 2 mg/day: withdraw the stop"
    assert "isRecommended" not in keep


def test_who_keeps_the_present_dose_withdraws_the_stop_beside_the_new_order_too(
    deal_with: Any,
) -> None:
    """A new order of 1 mg/day beside the stop of 2 mg/day: without the one the other would stop."""
    _, suggestions = offered(deal_with, [draft("0.5", 2), OWN_STOP])
    keep = next(it for it in suggestions if it["label"].startswith("Keep"))
    assert {action["resourceId"] for action in keep["actions"]} == {
        "MedicationRequest/new",
        "MedicationRequest/stop",
    }


def test_an_opioid_that_is_stopped_offers_nothing_about_clonazepam(deal_with: Any) -> None:
    stop = cds.order("oxy", cds.OXYCODONE, 4, status="stopped")
    request = cds.request([stop], medications=[NOW, cds.order("oxy", cds.OXYCODONE, 4)])
    _, dealt = deal_with(request, {}, only=True)
    assert dealt.cards == ()


# --- A new start ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check_id", "words"),
    [
        (CheckId.CONTRAINDICATION, "Clonazepam is contraindicated"),
        (CheckId.PREGNANCY, "In pregnancy no start is offered"),
        (CheckId.SEIZURE_INDICATION, "In a seizure disorder the label's start is another one"),
    ],
)
def test_no_lower_start_is_offered_where_there_is_a_reason_against_it(
    deal_with: Any, check_id: CheckId, words: str
) -> None:
    found = {check_id: Fired(Severity.WARNING, "found", "found", (), ("LABEL",))}
    _, dealt = deal_with(cds.request([draft("1", 2)]), found)
    (card,) = dealt.cards
    assert [it["label"] for it in card["suggestions"]] == ["Remove this order"]
    assert words in card["detail"]
