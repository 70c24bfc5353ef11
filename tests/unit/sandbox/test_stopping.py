"""Stopping a current order: it stands on the list like any other, is judged, and then signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Ordering = Callable[[str], Any]
MakeCard = Callable[..., dict[str, Any]]
BIRCH = "birch-clonazepam"


def order(screen: Any, order_id: str = BIRCH) -> dict[str, Any]:
    found: dict[str, Any] = screen.client.get(f"/fhir/MedicationRequest/{order_id}").json()
    return found


def test_every_current_order_has_a_button_that_stops_it(ordering: Ordering) -> None:
    """A form with a button: it works by keyboard and without script."""
    screen = ordering("birch")
    assert 'action="/patients/birch/orders/stop"' in screen.html
    assert "Stop clonazepam 0.5 mg tablet" in screen.words


def test_a_stopped_order_is_a_draft_with_the_status_stopped(
    ordering: Ordering, service: Any
) -> None:
    screen = ordering("birch")
    assert screen.post("stop", order=BIRCH) == 303
    assert screen.drafts == [BIRCH]
    assert "To be stopped: clonazepam 0.5 mg tablet" in screen.words
    asked = service.asked[-1]
    assert asked["hook"] == "order-select"
    assert asked["context"]["selections"] == [f"MedicationRequest/{BIRCH}"]
    (entry,) = asked["context"]["draftOrders"]["entry"]
    assert (entry["resource"]["id"], entry["resource"]["status"]) == (BIRCH, "stopped")
    assert order(screen)["status"] == "active"  # nothing is done before it is signed


def test_signing_a_stop_asks_about_it_and_then_stops_the_order(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    screen = ordering("birch")
    screen.post("stop", order=BIRCH)
    service.cards = [a_card()]
    screen.post("sign", step="check")
    asked = service.asked[-1]
    assert asked["hook"] == "order-sign"
    (entry,) = asked["context"]["draftOrders"]["entry"]
    assert entry["resource"]["status"] == "stopped"
    assert order(screen)["status"] == "active"
    screen.post("sign", step="final")
    assert "Signed without a new order" in screen.words
    assert "Discontinued: clonazepam 0.5 mg tablet" in screen.words
    stopped = order(screen)
    assert stopped["status"] == "stopped"
    assert stopped["statusReason"] == {"text": "stopped in the ordering screen on 2026-11-23"}
    assert screen.drafts == []


def test_a_stop_that_is_removed_from_the_list_leaves_the_order_as_it_was(
    ordering: Ordering,
) -> None:
    screen = ordering("birch")
    before = order(screen)
    screen.post("stop", order=BIRCH)
    screen.post("remove", order=BIRCH)
    assert screen.drafts == []
    assert order(screen) == before


def test_a_stop_set_aside_is_not_signed(ordering: Ordering) -> None:
    screen = ordering("birch")
    screen.post("stop", order=BIRCH)
    screen.add(replaces="")
    screen.post("select", order=BIRCH)
    screen.post("sign", step="check")
    assert order(screen)["status"] == "active"
    assert screen.drafts == [BIRCH]


def test_a_stop_and_a_new_order_are_signed_together(ordering: Ordering) -> None:
    screen = ordering("birch")
    screen.post("stop", order=BIRCH)
    screen.add(replaces=f"MedicationRequest/{BIRCH}")
    screen.post("sign", step="check")
    assert "Signed 1 order; active in the chart now" in screen.words
    assert screen.words.count("Discontinued: clonazepam 0.5 mg tablet") == 1
    assert order(screen)["status"] == "stopped"


def test_a_service_may_propose_drafts_instead_of_the_stop(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    """The stop leaves the list and the order is replaced by what is proposed."""
    screen = ordering("birch")
    lower = order(screen) | {
        "id": "proposed",
        "status": "draft",
        "priorPrescription": {"reference": f"MedicationRequest/{BIRCH}"},
        "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}},
    }
    service.cards = [
        a_card(
            {
                "type": "delete",
                "description": "Do not stop it",
                "resourceId": f"MedicationRequest/{BIRCH}",
            },
            {"type": "create", "description": "Step one", "resource": lower},
        )
    ]
    screen.post("stop", order=BIRCH)
    assert screen.post("accept", card=screen.cards[0], suggestion="0") == 303
    (draft,) = screen.drafts
    assert draft != BIRCH
    assert "which will be discontinued" in screen.words


def test_a_service_cannot_change_an_order_that_is_being_stopped(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    screen = ordering("birch")
    changed = order(screen) | {"status": "draft"}
    service.cards = [a_card({"type": "update", "description": "Change it", "resource": changed})]
    screen.post("stop", order=BIRCH)
    assert screen.post("accept", card=screen.cards[0], suggestion="0") == 422
    assert "being stopped" in screen.words


def test_what_is_no_current_order_cannot_be_stopped(ordering: Ordering) -> None:
    screen = ordering("birch")
    for key in ("birch-clonazepam-1", "alder-clonazepam", "no-such-order", ""):
        assert screen.post("stop", order=key) == 422
        assert "no current order of this patient" in screen.words
    assert screen.drafts == []


def test_an_order_is_on_the_list_to_be_stopped_only_once(ordering: Ordering) -> None:
    screen = ordering("birch")
    screen.post("stop", order=BIRCH)
    assert screen.post("stop", order=BIRCH) == 422
    assert screen.drafts == [BIRCH]
    screen.open()
    assert 'action="/patients/birch/orders/stop"' not in screen.html
    assert f"?change={BIRCH}" not in screen.html
