"""What the prescriber gets to see, and what accepting it does."""

from dataclasses import replace

import cds
import pytest

from clinical.policy import default_policy
from clinical.taper import products_of

ONE_MG = cds.CLONAZEPAM["1"]
HALF_MG = cds.CLONAZEPAM["0.5"]


def labels_of(card):
    return [suggestion["label"] for suggestion in card.get("suggestions", [])]


def test_all_four_checks_fire_and_there_are_two_cards(ask, older_woman):
    body = ask(older_woman)
    assert set(cds.four_of(body).values()) == {"fired"}
    assert all(cds.account_of(body)[check]["shown"] for check in cds.FOUR)
    order_card, naloxone_card = body["cards"]
    assert order_card["summary"] == (
        "Clonazepam 3 mg/day (raised from 2) with oxycodone, age 72, a history of falls"
    )
    assert order_card["indicator"] == "critical"
    assert order_card["source"]["topic"]["code"] == "opioid-together"
    assert naloxone_card["source"]["topic"]["code"] == "opioid-together"


def test_the_taper_starts_from_the_present_dose_and_not_from_the_escalated_one(ask, older_woman):
    """From 2 mg/day 10 % less, rounded up to the grid: 1.875. At 72 the slow pace."""
    taper = ask(older_woman)["cards"][0]["suggestions"][0]
    assert taper["isRecommended"]
    assert taper["label"] == (
        "Taper from 2 mg/day, 10 % every 4 weeks (ASAM 2025): 1.875 mg/day from 23 Nov 2026; "
        "discontinue clonazepam 1 mg tablet"
    )


def test_the_first_step_s_tablets_add_up_to_its_dose(ask, older_woman):
    """3 x 0.25 + 1 x 0.125 in the morning, 1 x 1 at bedtime = 1.875 mg."""
    taper = ask(older_woman)["cards"][0]["suggestions"][0]
    parts = {}
    for action in taper["actions"]:
        resource = action["resource"]
        (dosage,) = resource["dosageInstruction"]
        name = resource["medicationCodeableConcept"]["coding"][0]["code"]
        parts[name] = (
            dosage["doseAndRate"][0]["doseQuantity"]["value"],
            dosage["timing"]["repeat"]["when"],
        )
    assert parts == {"349195": (3, ["MORN"]), "349194": (1, ["MORN"]), "197528": (1, ["HS"])}
    assert 3 * 0.25 + 0.125 + 1 == 1.875


def test_a_taper_is_made_of_what_the_pharmacy_stocks(ask, older_woman):
    """Only 0.5 mg tablets, which the site halves: 1.75 mg is half a tablet less in the morning.

    0.9 x 2 = 1.8 goes up to 2, which is no cut, so the next below on the grid of 0.25 mg.
    """
    stocked = replace(default_policy(), tablets=products_of(["197527"], halved=["197527"]))
    taper = ask(older_woman, policy=stocked)["cards"][0]["suggestions"][0]
    assert "10 % every 4 weeks (ASAM 2025): 1.75 mg/day from" in taper["label"]
    doses = {}
    for resource in (a["resource"] for a in taper["actions"] if a["type"] == "create"):
        assert resource["medicationCodeableConcept"]["coding"][0]["code"] == "197527"
        (dosage,) = resource["dosageInstruction"]
        (when,) = dosage["timing"]["repeat"]["when"]
        doses[when] = dosage["doseAndRate"][0]["doseQuantity"]["value"]
    assert doses == {"MORN": 1.5, "HS": 2}


def test_accepting_replaces_the_new_order_and_names_the_present_one(ask, older_woman):
    taper = ask(older_woman)["cards"][0]["suggestions"][0]
    assert [a["type"] for a in taper["actions"]] == ["create", "create", "update"]
    for action in taper["actions"]:
        resource = action["resource"]
        assert resource["priorPrescription"] == {"reference": "MedicationRequest/now"}
        assert (resource["status"], resource["intent"]) == ("draft", "order")
        assert resource["dispenseRequest"]["numberOfRepeatsAllowed"] == 0
    groups = {a["resource"]["groupIdentifier"]["value"] for a in taper["actions"]}
    assert len(groups) == 1
    assert "discontinue clonazepam 1 mg tablet" in taper["label"]


def test_another_product_is_deleted_and_created_anew(ask, older_woman):
    """The order of 2 mg tablets cannot become a step of 1.875 mg: it goes."""
    older_woman["context"]["draftOrders"]["entry"] = [
        {"resource": cds.order("new", cds.CLONAZEPAM["2"], 2, status="draft")}
    ]
    taper = ask(older_woman)["cards"][0]["suggestions"][0]
    assert taper["actions"][0]["resourceId"] == "MedicationRequest/new"
    assert {a["type"] for a in taper["actions"][1:]} == {"create"}


@pytest.mark.parametrize("strength", ["0.5", "1"])
def test_a_draft_of_an_older_release_is_deleted_under_its_own_type(ask, older_woman, strength):
    """DSTU2's MedicationOrder cannot become a MedicationRequest by an update."""
    order = cds.order("new", cds.CLONAZEPAM[strength], 3, status="draft")
    older_woman["context"]["draftOrders"]["entry"] = [
        {"resource": order | {"resourceType": "MedicationOrder"}}
    ]
    actions = list(cds.actions_of(ask(older_woman)))
    assert {a["resourceId"] for a in actions if a["type"] == "delete"} == {"MedicationOrder/new"}
    assert not [a for a in actions if a["type"] == "update"]


@pytest.mark.parametrize("blank", ["\n", " ", "\u2028"])
def test_a_blank_around_the_id_of_a_draft_leaves_it_without_actions(ask, older_woman, blank):
    """An action would name another id than the draft has."""
    older_woman["context"]["draftOrders"]["entry"][0]["resource"]["id"] += blank
    card, *_ = ask(older_woman)["cards"]
    assert "suggestions" not in card


def test_a_long_dosage_text_is_cut_in_the_detail_and_in_no_label(ask):
    """The present order is named with its text, and a text may be of any length."""
    present = cds.order("now", cds.CLONAZEPAM["1"], 2)
    present["dosageInstruction"][0]["text"] = "one tablet\nin the morning " * 1000
    body = ask(cds.request([cds.order("new", cds.CLONAZEPAM["1"], 3)], medications=[present]))
    (card,) = body["cards"]
    (named,) = [line for line in card["detail"].splitlines() if line.startswith("- clonazepam 1")]
    assert named.startswith("- clonazepam 1 mg tablet (one tablet in the morning one tablet")
    assert named.endswith("…)")
    assert len(named) < 250
    assert max(len(suggestion["label"]) for suggestion in card["suggestions"]) < 160


def test_two_present_orders_of_one_product_are_counted_in_the_label(ask):
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")],
            medications=[cds.order("day", ONE_MG, 1), cds.order("night", ONE_MG, 1)],
        )
    )
    label = body["cards"][0]["suggestions"][0]["label"]
    assert label.endswith("; discontinue 2 orders of clonazepam 1 mg tablet")


def test_on_escalation_the_present_dose_can_be_kept(ask, older_woman):
    keep = ask(older_woman)["cards"][0]["suggestions"][-1]
    assert keep["label"] == "Keep the present 2 mg/day: remove the new order"
    assert [a["type"] for a in keep["actions"]] == ["delete"]
    assert "isRecommended" not in keep


def test_the_detail_says_how_each_dose_came_about(ask, older_woman):
    detail = ask(older_woman)["cards"][0]["detail"]
    assert "3/day x 1 tablet x 1 mg = 3 mg/day" in detail
    assert "2/day x 1 tablet x 1 mg = 2 mg/day" in detail
    assert "30 MME/day" in detail  # 4 x 5 mg x 1.5


def test_held_naloxone_needs_no_second_card(ask, older_woman):
    older_woman["prefetch"]["medications"] = cds.searchset(
        cds.order("now", ONE_MG, 2),
        cds.order("oxy", cds.OXYCODONE, 4),
        cds.order("nal", cds.NALOXONE),
    )
    assert len(ask(older_woman)["cards"]) == 1


def test_an_opioid_order_beside_current_clonazepam_offers_naloxone_only(ask):
    body = ask(
        cds.request(
            [cds.order("oxy", cds.OXYCODONE, 4, status="draft")],
            medications=[cds.order("now", ONE_MG, 1)],
        )
    )
    (card,) = body["cards"]
    assert [s["label"] for s in card["suggestions"]] == [
        "Add naloxone 4 mg nasal spray, two devices"
    ]
    results = cds.four_of(body)
    assert results.pop("opioid-together") == "fired"
    assert set(results.values()) == {"clear"}


def test_under_65_above_1_mg_and_without_a_gate_the_second_pace_is_offered(ask):
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 2, status="draft")], medications=[cds.order("now", ONE_MG, 2)]
        )
    )
    labels = [s["label"].partition(": ")[0] for s in body["cards"][0]["suggestions"]]
    assert labels == [
        "Taper from 2 mg/day, 10 % every 2 weeks (ASAM 2025)",
        "Taper from 2 mg/day, 0.5 mg every 2 weeks, then 0.25 mg a week (Nardi 2010)",
    ]
    detail = body["cards"][0]["detail"]
    assert "51 of 73" in detail  # the study's limits stand beside its pace


def test_drafts_cover_28_days_and_follow_each_other(ask):
    """asam-2025 from 2 mg: 1.875 for 14 days, then 1.75 for 14 days."""
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 2, status="draft")], medications=[cds.order("now", ONE_MG, 2)]
        )
    )
    actions = body["cards"][0]["suggestions"][0]["actions"]
    starts = [
        a["resource"]["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["start"]
        for a in actions
        if a["type"] != "delete"
    ]
    assert set(starts) == {"2026-11-23", "2026-12-07"}
    ids = {f"MedicationRequest/{a['resource']['id']}" for a in actions if "resource" in a}
    later = [a["resource"] for a in actions if "resource" in a][-1]
    assert later["priorPrescription"]["reference"] in ids
    assert later["dispenseRequest"]["validityPeriod"]["start"] == "2026-12-07"


def test_an_ehr_may_ask_for_the_first_step_only(ask):
    request = cds.request(
        [cds.order("new", ONE_MG, 2, status="draft")], medications=[cds.order("now", ONE_MG, 2)]
    )
    actions = ask(request, first_step_only=True)["cards"][0]["suggestions"][0]["actions"]
    starts = {
        a["resource"]["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["start"]
        for a in actions
        if "resource" in a
    }
    assert starts == {"2026-11-23"}


def test_a_new_start_is_offered_lower_or_not_at_all(ask):
    body = ask(cds.request([cds.order("new", ONE_MG, 2, status="draft")]))
    lower, remove = body["cards"][0]["suggestions"]
    assert lower["label"] == "Start lower: 0.25 mg twice a day, the label's start"
    assert remove["label"] == "Remove this order"
    assert not any("isRecommended" in s for s in (lower, remove))


@pytest.mark.parametrize(
    ("code", "words"),
    [("G40.909", "neurology"), ("O09.90", "regnancy"), ("K74.60", "liver")],
)
def test_a_stop_gate_leaves_no_drafts_and_says_why(ask, code, words):
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 5, status="draft")],
            medications=[cds.order("now", ONE_MG, 4)],
            conditions=[cds.condition(code)],
        )
    )
    (card,) = body["cards"]
    labels = [s["label"] for s in card.get("suggestions", [])]
    assert not any(label.startswith("Taper") for label in labels)
    assert words in card["detail"]


def test_missing_conditions_cannot_rule_out_a_seizure_disorder_so_there_are_no_drafts(ask):
    request = cds.request(
        [cds.order("new", ONE_MG, 3, status="draft")], medications=[cds.order("now", ONE_MG, 2)]
    )
    del request["prefetch"]["conditions"]
    (card,) = ask(request)["cards"]
    assert labels_of(card) == ["Keep the present 2 mg/day: remove the new order"]
    assert "seizures or pregnancy cannot be ruled out" in card["detail"]
    assert "Keep the present dose until then: an abrupt stop can cause seizures." in card["detail"]


def test_a_child_gets_the_checks_and_no_taper(ask):
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")],
            born="2012-01-01",
            medications=[cds.order("now", ONE_MG, 2)],
        )
    )
    (card,) = body["cards"]
    assert "The patient is under 18" in card["detail"]
    assert labels_of(card) == ["Keep the present 2 mg/day: remove the new order"]


def test_an_unknown_present_dose_gives_no_drafts_and_the_reason(ask):
    unreadable = cds.order("now", ONE_MG, 2)
    unreadable["dosageInstruction"] = [{"text": "as directed"}]
    body = ask(cds.request([cds.order("new", ONE_MG, 3, status="draft")], medications=[unreadable]))
    (card,) = body["cards"]
    assert "suggestions" not in card
    assert "The present dose cannot be computed" in card["detail"]


def test_an_order_that_raises_nothing_gets_no_card_and_a_full_account(ask):
    body = ask(
        cds.request(
            [cds.order("new", HALF_MG, 2, status="draft")],
            medications=[cds.order("now", HALF_MG, 2)],
        )
    )
    assert body["cards"] == []
    assert set(cds.four_of(body).values()) == {"clear"}


def test_information_alone_raises_no_card_and_says_so(ask):
    """3 after 4 mg/day: a reduction that is still high."""
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")], medications=[cds.order("now", ONE_MG, 4)]
        )
    )
    assert body["cards"] == []
    entry = cds.account_of(body)["high-dose"]
    assert (entry["result"], entry["severity"], entry["shown"]) == ("fired", "information", False)
    assert entry["shown_why"].startswith("information only")


def test_what_could_not_be_checked_is_said_on_a_card(ask):
    request = cds.request([cds.order("new", HALF_MG, 1, status="draft")])
    request["prefetch"]["medications"] = {"resourceType": "OperationOutcome", "issue": []}
    (card,) = ask(request)["cards"]
    assert card["indicator"] == "info"
    assert card["summary"] == (
        "Clonazepam 0.5 mg/day: not checked for opioids, a high dose, a rise, an abrupt cut and "
        "other sedatives"
    )
    assert "could not be supplied by the EHR" in card["detail"]
    assert "suggestions" not in card


def test_chart_text_cannot_bring_markup_into_a_card(ask):
    hostile = cds.order("now", ONE_MG, 2)
    hostile["dosageInstruction"][0]["text"] = (
        "<script>alert(1)</script> | **2 a day** [x](http://x)"
    )
    body = ask(cds.request([cds.order("new", ONE_MG, 3, status="draft")], medications=[hostile]))
    detail = body["cards"][0]["detail"]
    assert "<script" not in detail
    assert "[x](" not in detail


def test_each_card_carries_the_account_of_its_own_checks(ask, older_woman):
    order_card, naloxone_card = ask(older_woman)["cards"]
    checks = [
        [c["check"] for c in card["extension"]["org.taperguard.assessment"]["checks"]]
        for card in (order_card, naloxone_card)
    ]
    assert set(checks[0]) >= set(cds.FOUR)
    assert checks[1] == ["opioid-together"]


def test_two_present_orders_are_both_named_for_discontinuation(ask):
    body = ask(
        cds.request(
            [cds.order("new", ONE_MG, 3, status="draft")],
            medications=[cds.order("day", ONE_MG, 1), cds.order("night", HALF_MG, 1)],
        )
    )
    label = body["cards"][0]["suggestions"][0]["label"]
    assert label.startswith("Taper from 1.5 mg/day")
    assert "clonazepam 1 mg tablet and clonazepam 0.5 mg tablet" in label


def test_a_deceased_patient_sets_everything_aside(ask, older_woman):
    older_woman["prefetch"]["patient"]["deceasedDateTime"] = "2026-11-01"
    body = ask(older_woman)
    assert body["cards"] == []
    assert set(cds.results_of(body).values()) == {"set-aside"}


def test_a_chain_of_orders_over_a_year_long_gets_the_slow_pace(ask):
    """Each order names the one before; the first was written 14 months ago."""
    first = cds.order("first", ONE_MG, 2, status="completed", authoredOn="2025-09-20")
    now = cds.order(
        "now",
        ONE_MG,
        2,
        authoredOn="2026-09-20",
        priorPrescription={"reference": "MedicationRequest/first"},
    )
    body = ask(cds.request([cds.order("new", ONE_MG, 2, status="draft")], medications=[first, now]))
    assert "10 % every 4 weeks" in body["cards"][0]["suggestions"][0]["label"]


def test_a_drug_that_cannot_be_computed_is_told_of_by_its_name(ask):
    """The account names the record by its id; a person would look for the drug."""
    present = cds.order("now", ONE_MG, 2)
    present["dosageInstruction"] = [{"text": "as directed"}]
    body = ask(cds.request([cds.order("new", ONE_MG, 3, status="draft")], medications=[present]))
    detail = body["cards"][0]["detail"]
    assert "The present dose cannot be computed (clonazepam 1 mg tablet: " in detail
    assert "MedicationRequest/now" not in detail
    assert "MedicationRequest/now" in cds.account_of(body)["dose-escalation"]["why"]


def test_a_hostile_id_cannot_bring_markup_into_the_reasons(ask):
    """Where nothing names the drug its record is named, and the id may be anything."""
    nameless = cds.order("<script>", ONE_MG, 2)
    del nameless["medicationCodeableConcept"]
    body = ask(cds.request([cds.order("new", ONE_MG, 3, status="draft")], medications=[nameless]))
    assert "MedicationRequest/&lt;script&gt;" in body["cards"][0]["detail"]


def test_what_a_begun_draft_has_in_the_wrong_shape_is_not_written_again(ask):
    """The order is updated in place; its broken fields are left out, its good ones kept."""
    draft = cds.order("new", ONE_MG, 3, status="draft")
    draft |= {
        "encounter": {"reference": ""},
        "category": "outpatient",
        "reasonCode": [{"text": "panic"}],
    }
    body = ask(cds.request([draft], medications=[cds.order("now", ONE_MG, 2)]))
    updates = [a["resource"] for a in cds.actions_of(body) if a["type"] == "update"]
    for resource in updates:
        assert "encounter" not in resource
        assert "category" not in resource
        assert resource["reasonCode"] == [{"text": "panic"}]
    assert updates


def test_a_lapsed_dose_is_not_called_the_present_one(ask):
    """The last order ended on 3 November: nothing is taken now, as far as the chart knows."""
    lapsed = cds.order("old", ONE_MG, 1, status="completed")
    repeat = lapsed["dosageInstruction"][0]["timing"]["repeat"]
    repeat["boundsPeriod"] = {"start": "2026-01-01", "end": "2026-11-03"}
    body = ask(cds.request([cds.order("new", ONE_MG, 2, status="draft")], medications=[lapsed]))
    (card,) = body["cards"]
    assert card["summary"] == "Clonazepam 2 mg/day (1 mg/day until 3 Nov 2026)"
    assert "suggestions" not in card
    assert "ask what the patient takes now" in card["detail"]


def test_large_cuts_stand_in_one_sentence_with_their_days(ask, older_woman):
    """asam-2025-slow from 2 mg: 0.375 to 0.25 is 33.3 %, to 0.125 is 50 %, to nothing 100 %."""
    detail = ask(older_woman)["cards"][0]["detail"]
    (line,) = [line for line in detail.splitlines() if "within 14 days" in line]
    assert line == (
        "- More than 25 % within 14 days: 0.25 mg/day from 3 Apr 2028 (33.3 %), 0.125 mg/day from "
        "29 May 2028 (50 %) and 0 mg/day from 24 Jul 2028 (100 %). Hold the dose before such a cut "
        "longer, use a product with a smaller unit, or ask a specialist."
    )


def every_other_day():
    order = cds.order("now", cds.CLONAZEPAM["2"], 1)
    order["dosageInstruction"][0]["timing"]["repeat"]["period"] = 2
    return order


def as_needed():
    order = cds.order("now", ONE_MG, 2)
    order["dosageInstruction"][0]["asNeededBoolean"] = True
    return order


def one_or_two_tablets():
    order = cds.order("now", ONE_MG, 1)
    order["dosageInstruction"][0]["doseAndRate"] = [
        {
            "doseRange": {
                "low": {"value": 1, "unit": "tablet"},
                "high": {"value": 2, "unit": "tablet"},
            }
        }
    ]
    return order


@pytest.mark.parametrize(
    ("present", "words"),
    [
        (every_other_day, "not the same every day: 1 mg/day on average, at most 2 mg on one day"),
        (as_needed, "taken as needed, from 0 to 2 mg/day"),
        (one_or_two_tablets, "from 1 to 2 mg/day"),
    ],
)
def test_a_daily_taper_is_never_proposed_above_what_may_be_taken(ask, present, words):
    """2 mg every other day is 1 mg a day: 1.875 mg every day would be a rise."""
    body = ask(cds.request([cds.order("new", ONE_MG, 3, status="draft")], medications=[present()]))
    card = body["cards"][0]
    labels = [suggestion["label"] for suggestion in card.get("suggestions", [])]
    assert not any(label.startswith("Taper") for label in labels)
    assert words in card["detail"]


def test_a_child_is_not_offered_the_adult_starting_dose(ask):
    body = ask(cds.request([cds.order("new", ONE_MG, 2, status="draft")], born="2015-01-01"))
    (card,) = body["cards"]
    assert labels_of(card) == ["Remove this order"]
    assert "The label's starting dose is for adults" in card["detail"]


def test_the_site_chooses_which_paces_a_card_offers(ask):
    asked = cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        medications=[cds.order("now", cds.CLONAZEPAM["1"], 2, authoredOn="2026-10-01")],
    )

    def schedules(**chosen):
        (card,) = ask(asked, policy=replace(default_policy(), **chosen))["cards"]
        return [it["label"] for it in card["suggestions"] if it["label"].startswith("Taper")]

    assert len(schedules()) == 2
    assert len(schedules(offered_pace=None)) == 1
    # 25 % of 2 mg/day is 0.5 mg: the first step is 1.5 mg/day.
    assert "1.5 mg/day" in schedules(recommended_pace="bzra-25", offered_pace=None)[0]
