"""A suggestion's actions on the list of drafts, and what signing makes of the list."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any

import pytest

from taperguard.sandbox.orders import actions, signing
from taperguard.sandbox.orders.check import NotAccepted, Rules
from taperguard.sandbox.orders.worklist import Draft, Worklist

TODAY = date(2026, 11, 23)
BASE = "http://ehr.test/fhir"


def order(key: str, prior: str | None = None, **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "MedicationRequest",
        "id": key,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": f"medicine {key}"},
        "subject": {"reference": "Patient/p"},
        "dosageInstruction": [
            {"text": "Take one", "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}
        ],
        "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}},
        **more,
    }
    if prior is not None:
        made["priorPrescription"] = {"reference": f"MedicationRequest/{prior}"}
    return made


CHART = {f"MedicationRequest/{key}": order(key, status="active") for key in ("old", "older")}
CHART["MedicationRequest/done"] = order("done", status="completed")
RULES = Rules("p", TODAY, BASE, CHART.get)


@pytest.fixture
def new_id() -> Any:
    numbers: Iterator[int] = count(1)
    return lambda: f"own-{next(numbers)}"


def the_list(*orders: dict[str, Any]) -> Worklist:
    return Worklist("p", drafts=tuple(Draft(item) for item in orders))


def ids(worklist: Worklist) -> list[str]:
    return [draft.id for draft in worklist.drafts]


def create(resource: dict[str, Any]) -> dict[str, Any]:
    return {"type": "create", "description": "add", "resource": resource}


def update(resource: dict[str, Any]) -> dict[str, Any]:
    return {"type": "update", "description": "change", "resource": resource}


def delete(key: str) -> dict[str, Any]:
    return {"type": "delete", "description": "remove", "resourceId": f"MedicationRequest/{key}"}


def test_created_orders_get_own_ids_and_references_follow(new_id: Any) -> None:
    """Step two replaces step one, whose temporary id is gone; the order of actions is no matter."""
    group = {"groupIdentifier": {"value": "plan"}}
    steps = [create(order("tmp-2", "tmp-1", **group)), create(order("tmp-1", "old", **group))]
    after = actions.apply([delete("d1"), *steps], the_list(order("d1")), rules=RULES, new_id=new_id)
    assert ids(after) == ["own-1", "own-2"]
    second, first = (draft.resource for draft in after.drafts)
    assert second["priorPrescription"] == {"reference": "MedicationRequest/own-2"}
    assert first["priorPrescription"] == {"reference": "MedicationRequest/old"}
    assert second["groupIdentifier"] == {"value": "plan"}


def test_a_reference_with_the_full_address_follows_too(new_id: Any) -> None:
    far = order("tmp-2")
    far["priorPrescription"] = {"reference": f"{BASE}/MedicationRequest/tmp-1"}
    after = actions.apply(
        [create(order("tmp-1")), create(far)], the_list(), rules=RULES, new_id=new_id
    )
    assert after.drafts[1].resource["priorPrescription"] == {"reference": "MedicationRequest/own-1"}


def test_an_update_takes_the_place_of_its_draft_and_selects_it(new_id: Any) -> None:
    worklist = Worklist("p", drafts=(Draft(order("d1"), selected=False), Draft(order("d2"))))
    changed = order("d1", "old")
    after = actions.apply([update(changed)], worklist, rules=RULES, new_id=new_id)
    assert ids(after) == ["d1", "d2"]
    assert after.drafts[0] == Draft(changed, selected=True)


def test_a_create_without_an_id_gets_one(new_id: Any) -> None:
    nameless = order("x")
    del nameless["id"]
    assert ids(actions.apply([create(nameless)], the_list(), rules=RULES, new_id=new_id)) == [
        "own-1"
    ]


def test_no_actions_change_nothing(new_id: Any) -> None:
    worklist = the_list(order("d1"))
    assert actions.apply([], worklist, rules=RULES, new_id=new_id) == worklist


NO_RESOURCE = {"type": "create", "description": "x"}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["delete everything"], "no object"),
        ([{"type": "sign", "description": "x"}], "knows no action 'sign'"),
        ([NO_RESOURCE], "create comes without a resource"),
        ([{"type": "update", "description": "x", "resource": "d1"}], "update comes without"),
        ([{"type": "delete", "description": "x"}], "does not name"),
        ([{**delete("d1"), "resourceId": ["MedicationRequest/d1"]}], "does not name"),
        ([delete("old")], "no draft on the list"),
        ([delete("gone")], "no draft on the list"),
        ([update(order("old"))], "no draft on the list"),
        ([update({**order("d1"), "id": None})], "does not say which"),
        ([create(order("d1"))], "uses the id of a draft"),
        ([create({**order("x"), "id": 7})], "An id is a text"),
        ([create({"resourceType": "ServiceRequest", "id": "x"})], "Only a MedicationRequest"),
        ([delete("d1"), update(order("d1"))], "Two actions are about"),
        ([create(order("t")), create(order("t"))], "Two actions are about"),
        ([create(order("t", subject={"reference": "Patient/q"}))], "another patient"),
        ([create(order("t", status="active"))], "status draft"),
        ([create(order("t", colour="blue"))], "no element 'colour'"),
        ([create(order("t", "nowhere"))], "not in this chart"),
        ([update(order("d1", "d1"))], "cannot replace itself"),
        ([delete("d1")], "not in this chart"),  # d2 on the list replaces d1
    ],
)
def test_what_cannot_be_applied_is_refused_whole(asked: list[Any], why: str, new_id: Any) -> None:
    worklist = the_list(order("d1"), order("d2", "d1"))
    before = copy.deepcopy(worklist)
    good = create(order("fine"))
    with pytest.raises(NotAccepted, match=why):
        actions.apply([good, *asked], worklist, rules=RULES, new_id=new_id)
    assert worklist == before


# --- signing ----------------------------------------------------------------------------------


def test_signing_makes_active_orders_and_stops_what_they_replace() -> None:
    prepared = signing.prepare(the_list(order("d1", "old"), order("d2", "old")), RULES)
    assert [item["id"] for item in prepared.orders] == ["d1", "d2"]
    for signed in prepared.orders:
        assert (signed["status"], signed["authoredOn"]) == ("active", "2026-11-23")
        assert signed["requester"] == {"reference": "Practitioner/hazel"}
    (stopped,) = prepared.stopped
    assert (stopped["id"], stopped["status"]) == ("old", "stopped")
    assert prepared.left.drafts == ()


def test_steps_signed_together_do_not_stop_each_other() -> None:
    prepared = signing.prepare(the_list(order("d1", "old"), order("d2", "d1")), RULES)
    assert [item["id"] for item in prepared.stopped] == ["old"]
    assert [item["status"] for item in prepared.orders] == ["active", "active"]


def test_an_order_that_is_over_already_is_not_stopped_again() -> None:
    assert signing.prepare(the_list(order("d1", "done")), RULES).stopped == ()


def test_only_selected_drafts_are_signed() -> None:
    worklist = Worklist("p", drafts=(Draft(order("d1")), Draft(order("d2", "old"), selected=False)))
    prepared = signing.prepare(worklist, RULES)
    assert [item["id"] for item in prepared.orders] == ["d1"]
    assert prepared.stopped == ()
    assert ids(prepared.left) == ["d2"]


def test_an_order_that_replaces_a_draft_is_signed_only_with_it() -> None:
    worklist = Worklist("p", drafts=(Draft(order("d1"), selected=False), Draft(order("d2", "d1"))))
    with pytest.raises(NotAccepted, match="replaces a draft that is not selected"):
        signing.prepare(worklist, RULES)


def test_nothing_selected_is_nothing_to_sign() -> None:
    with pytest.raises(NotAccepted, match="nothing to sign"):
        signing.prepare(Worklist("p", drafts=(Draft(order("d1"), selected=False),)), RULES)


def test_a_draft_that_went_bad_overnight_is_not_signed() -> None:
    """Its start was today when it was written."""
    stale = order("d1")
    stale["dispenseRequest"]["validityPeriod"] = {"start": "2026-11-22"}
    with pytest.raises(NotAccepted, match="before today"):
        signing.prepare(the_list(stale), RULES)


def test_an_order_that_is_over_already_is_not_stopped() -> None:
    """Somebody else ended it after it was put on the list."""
    for gone in ("done", "no-such-order"):
        with pytest.raises(NotAccepted, match="not active any more"):
            signing.prepare(the_list(order(gone, status="stopped")), RULES)


def test_an_order_that_is_replaced_and_stopped_is_stopped_once() -> None:
    ready = signing.prepare(the_list(order("old", status="stopped"), order("a", "old")), RULES)
    assert [stopped["id"] for stopped in ready.stopped] == ["old"]
    assert [signed["id"] for signed in ready.orders] == ["a"]
