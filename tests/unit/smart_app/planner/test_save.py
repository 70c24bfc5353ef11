"""POST /planner/{launch_id}/save: once, as shown, and as drafts only."""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import cds
import pytest
from planner_screen import CONFIRMED, form_of

from ehr.decode import decode, encode
from ehr.read.care_plans import taper_plans
from ehr.read.medications import medication_record
from ehr.write import ladder

PAGE = "/planner/L1"


def save(client, **changed):
    fields = form_of(client.get(PAGE))
    return client.post(f"{PAGE}/save", data={**fields, **changed})


def test_a_save_writes_drafts_and_a_plan_that_point_at_each_other(client, chart):
    assert save(client).status_code == 303
    (entries,) = chart.transactions
    plan, *orders = (entry["resource"] for entry in entries)
    assert (plan["resourceType"], plan["status"], plan["intent"]) == ("CarePlan", "draft", "plan")
    assert plan["supportingInfo"] == [{"reference": "MedicationRequest/now"}]
    assert plan["author"] == {"reference": "Practitioner/dr1"}
    assert "the supply at home was counted" in plan["note"][0]["text"]
    urls = {entry["fullUrl"] for entry in entries}
    assert len(urls) == len(entries)
    for order in orders:
        assert (order["status"], order["intent"]) == ("draft", "order")
        assert order["groupIdentifier"]["value"] == plan["identifier"][0]["value"]
        assert order["basedOn"] == [{"reference": entries[0]["fullUrl"]}]
        assert "id" not in order
    priors = [order["priorPrescription"]["reference"] for order in orders]
    # The three products of 1.875 mg follow the present order, the two of 1.75 mg those before.
    assert priors[:3] == ["MedicationRequest/now"] * 3
    assert set(priors[3:]) <= urls


def test_what_is_written_adds_up_to_the_plan_by_our_own_reading(client, chart):
    """1.875 mg/day from 23 Nov, 1.75 mg/day from 7 Dec 2026 (CLINICAL 6, asam-2025 from 2 mg)."""
    save(client)
    (entries,) = chart.transactions
    per_day = {}
    for entry in entries[1:]:
        record = medication_record(decode(encode(entry["resource"])), lambda _: None)
        (step,) = record.course.steps
        day = step.starts.isoformat()
        per_day[day] = per_day.get(day, 0) + step.dose.peak_day
    assert {day: float(mg) for day, mg in per_day.items()} == {
        "2026-11-23": 1.875,
        "2026-12-07": 1.75,
    }


def test_after_a_save_the_page_shows_it_and_offers_no_second(client, chart):
    response = save(client)
    where = urlsplit(response.headers["location"])
    assert where.path == PAGE
    assert "p1" not in where.query
    assert parse_qs(where.query)["goal"] == ["discontinue"]
    page = client.get(response.headers["location"])
    assert "Saved: this plan is in the chart (6 records)" in page.text
    assert '<form method="post"' not in page.text


def test_a_second_click_finds_the_first(client, chart):
    fields = form_of(client.get(PAGE))
    first = client.post(f"{PAGE}/save", data=fields)
    second = client.post(f"{PAGE}/save", data=fields)
    assert first.status_code == second.status_code == 303
    assert len(chart.transactions) == 1


def test_two_clicks_at_the_same_moment_write_once(client, chart):
    fields = form_of(client.get(PAGE))
    unhurried = chart.write

    async def slowly(visit, entries):
        await asyncio.sleep(0.05)
        return await unhurried(visit, entries)

    chart.write = slowly

    async def both():
        click = asyncio.to_thread
        return await asyncio.gather(
            *(click(client.post, f"{PAGE}/save", data=fields) for _ in range(2))
        )

    assert [response.status_code for response in asyncio.run(both())] == [303, 303]
    assert len(chart.transactions) == 1


def test_every_entry_is_conditional_so_that_another_process_writes_nothing_twice(client, chart):
    save(client)
    (entries,) = chart.transactions
    conditions = [entry["request"]["ifNoneExist"] for entry in entries]
    assert len(set(conditions)) == len(entries)
    for entry, condition in zip(entries, conditions, strict=True):
        held = entry["resource"]["identifier"][0]
        assert condition == f"identifier={held['system']}|{held['value']}"
        assert entry["request"]["url"] == entry["resource"]["resourceType"]


def test_an_ehr_that_does_not_list_it_yet_is_not_written_to_again(client, chart):
    chart.lists = False
    response = save(client)
    page = client.get(response.headers["location"])
    assert "does not list it yet" in page.text
    assert '<form method="post"' not in page.text


def test_differences_after_reading_again_are_shown(client, chart):
    chart.differences = ("the dosage text was shortened",)
    response = save(client)
    assert response.status_code == 200
    assert "Saved, with differences." in response.text
    assert "CarePlan/w0: the dosage text was shortened" in response.text
    assert '<form method="post"' not in response.text


def test_what_the_ehr_refuses_is_said_and_the_text_is_there_to_copy(client, chart):
    chart.refusal = "The EHR refused the transaction; nothing was written."
    response = save(client)
    assert response.status_code == 502
    assert chart.refusal in response.text
    assert "Event event-1" in response.text
    assert "The plan as text" in response.text
    # What was ticked stays ticked, and one may try again.
    assert response.text.count('name="confirm"') == 4
    assert len(re.findall(r'name="confirm"[^>]* checked', response.text)) == 4


@pytest.mark.parametrize("left_out", CONFIRMED)
def test_each_confirmation_is_asked_for(left_out, client, chart):
    ticked = [value for value in CONFIRMED if value != left_out]
    response = save(client, confirm=ticked)
    assert response.status_code == 422
    assert "Before saving, confirm that" in response.text
    assert len(re.findall(r'name="confirm"[^>]* checked', response.text)) == 3
    assert chart.transactions == []


def test_a_chart_that_changed_since_the_preview_is_not_written_to(client, chart):
    """The preview was of 2 mg/day; meanwhile the order is three times a day."""
    fields = form_of(client.get(PAGE))
    chart.resources[1]["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = 3
    response = client.post(f"{PAGE}/save", data=fields)
    assert response.status_code == 409
    assert "has changed since the preview" in response.text
    assert chart.transactions == []


def test_another_plan_in_the_form_than_in_the_preview_is_not_written(client, chart):
    assert save(client, pace=["nardi-2010"]).status_code == 409
    assert save(client, seen=["0" * 32]).status_code == 409
    assert chart.transactions == []


def test_a_form_without_the_visits_token_is_refused(client, chart):
    assert save(client, csrf_token=["other"]).status_code == 403
    assert client.post(f"{PAGE}/save", content=b"\xff\xfe").status_code == 400
    assert client.post(f"{PAGE}/save", content=b"a" * 70000).status_code == 400
    assert chart.transactions == []


def test_where_only_plans_can_be_written_the_orders_are_not_sent(client, chart):
    chart.rungs = (ladder.PLAN, ladder.TEXT)
    page = client.get(PAGE)
    assert "Save 1 draft to the chart" in page.text
    assert save(client).status_code == 303
    (entries,) = chart.transactions
    assert [entry["resource"]["resourceType"] for entry in entries] == ["CarePlan"]


@pytest.mark.parametrize("allowed", [(), (ladder.TEXT,), (ladder.DOCUMENT, ladder.TEXT)])
def test_where_nothing_can_be_written_there_is_text_to_copy(allowed, client, chart):
    chart.rungs = allowed
    page = client.get(PAGE)
    assert '<form method="post"' not in page.text
    assert "Nothing can be written" in page.text
    assert "Clonazepam taper: 2 mg/day to 0 mg/day" in page.text
    assert client.post(f"{PAGE}/save", data={"csrf_token": "the-token"}).status_code == 409


def test_a_nurse_is_no_requester_of_orders(client, chart, visit):
    object.__setattr__(visit, "user", "RelatedPerson/x")
    save(client)
    (entries,) = chart.transactions
    assert all("requester" not in entry["resource"] for entry in entries)
    assert "author" not in entries[0]["resource"]


def test_the_same_plan_has_the_same_key_in_another_launch(client, chart, visit):
    save(client)
    object.__setattr__(visit, "launch_id", "L2")
    assert "this plan is in the chart" in client.get("/planner/L2").text


def test_a_present_order_without_an_id_is_not_pointed_at(client, chart):
    del chart.resources[1]["id"]
    assert save(client).status_code == 303
    assert "without-id" not in encode([list(chart.transactions[0])]).decode()


# --- a dose that stays --------------------------------------------------------------------------


def saved_with(client, chart, **asked):
    """The entries that are written for these fields, with every box ticked."""
    fields = form_of(client.get(PAGE, params={"form": "1", **asked}))
    assert client.post(f"{PAGE}/save", data=fields).status_code == 303
    (entries,) = chart.transactions
    return [entry["resource"] for entry in entries]


STAYS = {"pace": "asam-2025", "start": "2026-11-23", "products": ["197527"], "times": "2"}


def test_a_reduction_is_saved_with_its_review_and_the_order_of_its_cuts(client, chart):
    plan, *_ = saved_with(
        client, chart, **STAYS, goal="reduce", to="1", then="2027-06-07", first="night"
    )
    assert "reviewed on 2027-06-07" in plan["description"]
    assert "Cut: the night intake first, then the morning." in plan["description"]
    (review,) = [a["detail"] for a in plan["activity"] if "Review" in a["detail"]["description"]]
    assert review["scheduledPeriod"] == {"start": "2027-06-07", "end": "2027-06-07"}
    assert plan["period"]["end"] == "2027-06-07"


def test_to_maintain_a_care_plan_with_the_review_is_saved_and_no_order(client, chart):
    (plan,) = saved_with(client, chart, goal="maintain", review="2027-02-22")
    assert (plan["resourceType"], plan["status"]) == ("CarePlan", "draft")
    assert plan["title"] == "Clonazepam stays at 2 mg/day until a review"
    (activity,) = plan["activity"]
    assert activity["detail"]["scheduledPeriod"]["start"] == "2027-02-22"
    assert "supply at home" not in plan["note"][0]["text"]  # asked of a taper
    assert taper_plans([plan]) == ()
    again = client.get(PAGE, params={"form": "1", "goal": "maintain", "review": "2027-02-22"})
    assert "Saved: this plan is in the chart (1 record)" in again.text


# --- what stops a taper, where a specialist has agreed ------------------------------------------


@pytest.fixture
def epilepsy(chart):
    """The same patient with a seizure disorder."""
    chart.resources.append(cds.condition("G40.909"))
    return chart


def agreed_form(client):
    blocked = client.get(PAGE).text
    assert f'href="{PAGE}?agreed=1"' in blocked
    page = client.get(PAGE, params={"agreed": "1"})
    assert "Planned because a specialist has agreed" in page.text
    assert "A seizure disorder is in the chart" in page.text
    return form_of(page)


def test_a_named_specialist_may_agree_and_the_plan_and_each_order_say_so(client, epilepsy):
    fields = agreed_form(client)
    said = {
        "specialist": "Dr Vera Neuro, neurology",
        "specialist_why": "Seizure-free on levetiracetam",
    }
    response = client.post(f"{PAGE}/save", data={**fields, **said})
    assert response.status_code == 303
    assert "Neuro" not in response.headers["location"]
    (entries,) = epilepsy.transactions
    for entry in entries:
        note = entry["resource"]["note"][-1]["text"]
        assert "A seizure disorder is in the chart" in note
        assert "agreed by Dr Vera Neuro, neurology. Why: Seizure-free on levetiracetam" in note
        assert "Recorded by Dr One." in note
    assert "Saved: this plan is in the chart" in client.get(response.headers["location"]).text


@pytest.mark.parametrize("missing", ["specialist", "specialist_why"])
def test_without_a_name_and_a_reason_nothing_is_written(missing, client, epilepsy):
    said = {"specialist": "Dr Vera Neuro", "specialist_why": "Seizure-free", missing: " "}
    response = client.post(f"{PAGE}/save", data={**agreed_form(client), **said})
    assert response.status_code == 422
    assert "Name the specialist who agreed to this taper, and say why" in response.text
    kept = said["specialist" if missing == "specialist_why" else "specialist_why"]
    assert f'value="{kept}"' in response.text
    assert epilepsy.transactions == []


def test_nobody_agrees_to_a_plan_from_a_dose_that_is_not_known(client, chart):
    chart.resources[1].update(dosageInstruction=[{"text": "as directed"}])
    page = client.get(PAGE, params={"agreed": "1"}).text
    assert "the present dose cannot be computed" in page
    assert "agreed=1" not in page
