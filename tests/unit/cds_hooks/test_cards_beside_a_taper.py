"""The card where a taper was decided before: accepted, saved, signed, ours or another system's."""

import cds

ONE_MG = cds.CLONAZEPAM["1"]
HALF_MG = cds.CLONAZEPAM["0.5"]


def accepted(body, request):
    """The request again, with the drafts that accepting the first suggestion leaves."""
    actions = body["cards"][0]["suggestions"][0]["actions"]
    request["context"]["draftOrders"]["entry"] = [
        {"resource": action["resource"]} for action in actions if "resource" in action
    ]
    return request


def test_our_own_accepted_taper_is_not_warned_of_again(ask, older_woman):
    again = ask(accepted(ask(older_woman), older_woman))
    assert again["cards"] == []
    assert set(cds.results_of(again).values()) == {"set-aside"}
    why = cds.account_of(again)["high-dose"]["why"]
    assert why == "the orders are the taper that was accepted: from 2 mg/day to 1.875 mg/day"


def test_a_raised_dose_in_our_own_taper_is_warned_of(ask, older_woman):
    """Somebody turns one of the bedtime tablets into three: 0.875 + 3 = 3.875 mg."""
    changed = accepted(ask(older_woman), older_woman)
    for entry in changed["context"]["draftOrders"]["entry"]:
        quantity = entry["resource"]["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
        if entry["resource"]["id"] == "new":
            quantity["value"] = 3
            entry["resource"]["dosageInstruction"][0].pop("text")
    results = cds.results_of(ask(changed))
    assert results["dose-escalation"] == "fired"


def test_an_opioid_signed_with_our_accepted_taper_is_not_passed_over(ask):
    """The taper was decided; the opioid beside it was not."""
    request = cds.request(
        [cds.order("new", ONE_MG, 3, status="draft")], medications=[cds.order("now", ONE_MG, 2)]
    )
    again = accepted(ask(request), request)
    opioid = cds.order("oxy", cds.OXYCODONE, 4, status="draft")
    again["context"]["draftOrders"]["entry"].append({"resource": opioid})
    body = ask(again)
    results = cds.results_of(body)
    assert results.pop("opioid-together") == "fired"
    assert set(results.values()) == {"set-aside"}
    labels = [s["label"] for card in body["cards"] for s in card.get("suggestions", [])]
    assert not any(label.startswith("Taper") for label in labels)
    assert any("naloxone" in label for label in labels)


def test_the_later_steps_of_an_earlier_taper_are_named_for_discontinuation_too(ask):
    """Left in the chart they would start on 21 December beside the new taper."""
    later = cds.order("later", HALF_MG, 3, authoredOn="2026-11-01")
    later["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": "2026-12-21"}
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")],
            medications=[cds.order("now", ONE_MG, 2), later],
        )
    )
    card = body["cards"][0]
    assert "clonazepam 0.5 mg tablet" in card["suggestions"][0]["label"]
    assert "- clonazepam 0.5 mg tablet" in card["detail"]


def saved_taper(status, *, days=("2026-11-23", "2026-12-06")):
    """One step of a plan of ours: 1.5 mg/day."""
    step = cds.order("step-1", HALF_MG, 3, status=status, authoredOn="2026-11-20")
    step["groupIdentifier"] = {
        "system": "https://taperguard.org/fhir/NamingSystem/taper",
        "value": "plan-1",
    }
    bounds = {"start": days[0], "end": days[1]}
    step["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = bounds
    return step


def test_the_card_for_the_next_order_says_that_a_taper_is_in_progress(ask):
    """No second taper is drafted: the two would add up."""
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")], medications=[saved_taper("active")]
        )
    )
    card = body["cards"][0]
    assert card["summary"] == "Clonazepam 3 mg/day (raised from 1.5), a taper is in progress"
    assert (
        "**A taper is in progress**\n\n- A taper is in progress: 1.5 mg/day now, its orders reach "
        "to 6 Dec 2026; on plan." in card["detail"]
    )
    assert [s["label"] for s in card["suggestions"]] == ["Keep to the taper: remove the new order"]
    assert "isRecommended" not in card["suggestions"][0]
    notes = body["extension"]["org.taperguard.assessment"]["notes"]
    assert notes[0].startswith("a taper is in progress: 1.5 mg/day now")


def test_a_taper_that_another_system_planned_is_not_doubled_either(ask):
    """Today 1.5 mg/day; 1 mg/day from 30 November by the same order."""
    order = cds.order("theirs", HALF_MG)
    order["authoredOn"] = "2026-11-16"
    order["dosageInstruction"] = [
        {"text": "3 tablets daily for 14 days, then 2 tablets daily for 14 days"}
    ]
    body = ask(cds.request([cds.order("new", ONE_MG, 2, status="draft")], medications=[order]))
    card = body["cards"][0]
    assert (
        "- A taper is in progress: 1.5 mg/day now, 1 mg/day from 30 Nov 2026, its order reaches to "
        "13 Dec 2026; on plan." in card["detail"]
    )
    assert "To change that one, change its orders; to stay with it" in card["detail"]
    assert [s["label"] for s in card["suggestions"]] == ["Keep to the taper: remove the new order"]


def test_a_saved_taper_that_is_not_signed_yet_is_told_of_as_such(ask):
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")],
            medications=[cds.order("now", ONE_MG, 2), saved_taper("draft")],
        )
    )
    card = body["cards"][0]
    assert "(raised from 2)" in card["summary"]
    assert card["summary"].endswith("a taper is in progress")
    assert "1 draft order, saved on 20 Nov 2026, not signed yet" in card["detail"]
    assert "have no effect until they are signed" in card["detail"]
    assert [s["label"] for s in card["suggestions"]] == ["Keep to the taper: remove the new order"]


def test_a_step_that_is_signed_only_in_part_is_spoken_of(ask):
    """1.5 mg is signed and the other 1 mg of the same step is not."""
    rest = saved_taper("draft") | {
        "id": "step-1b",
        "medicationCodeableConcept": cds.order("x", ONE_MG)["medicationCodeableConcept"],
    }
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 6, status="draft")],
            medications=[saved_taper("active"), rest],
        )
    )
    detail = body["cards"][0]["detail"]
    assert "planned for today, 1 of its orders is not signed yet" in detail
    assert "so less may be taken than planned" in detail


def test_a_running_taper_stays_in_the_summary_however_many_opioids_there_are(ask):
    names = [f"morphine extended release {number}0 MG Oral Tablet" for number in range(1, 7)]
    opioids = [
        {
            **cds.order(f"o{number}", ("", name)),
            "medicationCodeableConcept": {"text": name},
        }
        for number, name in enumerate(names)
    ]
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")],
            medications=[saved_taper("active"), *opioids],
            born="1950-01-01",
        )
    )
    summary = body["cards"][0]["summary"]
    assert summary.endswith(", a taper is in progress")
    assert len(summary) < 140
