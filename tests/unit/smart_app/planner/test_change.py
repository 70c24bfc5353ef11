"""A plan in the chart is changed: the past stays, the rest is ordered anew, who and why is kept."""

import re
from dataclasses import replace
from datetime import date

import pytest
from planner_screen import form_of

from ehr.read.care_plans import kept_plan, taper_plans

PAGE = "/planner/L1"
CHANGE = f"{PAGE}/change"
# asam-2025 from 2 mg (CLINICAL 6): 1.875 on day 0, 1.75 on 14, 1.625 on 28, 1.5 on 42 ...
SAVED_ON = date(2026, 11, 23)


@pytest.fixture
def clock(visit):
    """The day of the visit, which a test may turn."""
    return {"today": SAVED_ON}


@pytest.fixture
def client(chart, visit, policy, clock, make_client):
    with make_client(lambda: replace(visit, today=clock["today"])) as client:
        yield client


@pytest.fixture
def saved(client, chart):
    """The plan of the page as drafts in the chart."""
    assert client.post(f"{PAGE}/save", data=form_of(client.get(PAGE))).status_code == 303
    return chart


def signed(chart):
    """What was saved is signed and active; the order of before is discontinued."""
    for resource in chart.resources:
        if resource["resourceType"] in {"CarePlan", "MedicationRequest"}:
            resource["status"] = "stopped" if resource["id"] == "now" else "active"


def change(client, why="Sleepless for four nights", **asked):
    page = client.get(CHANGE, params=asked)
    fields = {**form_of(page), "why": why}
    del fields["confirm"]
    return client.post(CHANGE, data=fields)


def plans_of(chart):
    return [it for it in chart.resources if it["resourceType"] == "CarePlan"]


def orders_of(chart, status):
    return [
        it
        for it in chart.resources
        if it["resourceType"] == "MedicationRequest" and it["status"] == status
    ]


def days_of(order):
    period = order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    return period["start"], period["end"]


# --- what is shown ----------------------------------------------------------------------------


def test_the_planner_tells_of_the_plan_in_the_chart_and_links_to_its_changes(client, saved):
    page = client.get(PAGE).text
    assert "A plan is in the chart" in page
    assert "By the plan 1.875 mg/day today. 1.75 mg/day from Mon 7 Dec 2026" in page
    assert f'href="{CHANGE}"' in page


def test_without_a_plan_of_ours_the_page_says_so(client):
    page = client.get(CHANGE)
    assert page.status_code == 200
    assert "No taper that was planned here is under way in this chart." in page.text
    assert "A plan is in the chart" not in client.get(PAGE).text


def test_a_hold_is_shown_before_it_is_saved_with_the_past_and_what_was_planned(
    client, saved, clock
):
    """On day 14 1.75 is due. 1.875 is held for 14 days: 1.75 on 21 Dec, where 1.625 was planned
    (day 28), and 1.625 on 4 Jan 2027, where 1.5 was.
    """
    clock["today"] = date(2026, 12, 7)
    page = client.get(CHANGE, params={"kind": "hold", "days": "14"}).text
    assert "1.875 mg/day is held from 7 Dec 2026 to 20 Dec 2026." in page
    row = re.search(r"<tr[^>]*><th scope=\"row\">Mon 21 Dec 2026.*?</tr>", page, re.DOTALL)
    assert row is not None
    assert '<td class="n dose">1.75</td><td class="n was">1.625</td>' in row[0]
    later = re.search(r"<tr[^>]*><th scope=\"row\">Mon 4 Jan 2027.*?</tr>", page, re.DOTALL)
    assert later is not None
    assert '<td class="n dose">1.625</td><td class="n was">1.5</td>' in later[0]
    assert "not said yet" not in page
    assert len(saved.transactions) == 1


def test_steps_that_are_over_are_past_and_as_they_were(client, saved, clock):
    clock["today"] = date(2026, 12, 21)
    page = client.get(CHANGE, params={"kind": "slow-down"}).text
    past = re.findall(r'<tbody class="past">.*?</tbody>', page, re.DOTALL)
    assert len(past) == 2
    assert "1.875" in past[0]
    assert "1.75" in past[1]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"kind": "hold", "days": "40"}, "A hold lasts at most 14 days"),
        ({"kind": "hold", "days": "some"}, "Enter for how many days the dose is held"),
        ({"kind": "skip-forward", "to_day": "soon"}, "Enter a date as year-month-day"),
        ({"kind": "skip-forward", "to_day": "2030-01-01"}, "The plan&#39;s last dose ends before"),
        ({"kind": "resume"}, "Nothing is on hold"),
        ({"kind": "stop", "flag": "fever"}, "Choose which red flag it is."),
        ({"kind": "late-fill", "fill_due": "2026-11-23"}, "was not late"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_offers_no_save(asked, sentence, client, saved):
    response = client.get(CHANGE, params=asked)
    assert response.status_code == 422
    assert sentence in response.text
    assert "Save this change" not in response.text


@pytest.mark.parametrize("kind", ["skip-forward", "late-fill", "missed-check-in"])
def test_a_day_that_is_asked_for_is_no_mistake_before_it_is_given(kind, client, saved):
    response = client.get(CHANGE, params={"kind": kind})
    assert response.status_code == 200
    assert "Choose the day." in response.text


# --- what is written --------------------------------------------------------------------------


def test_a_draft_plan_is_changed_in_its_place_against_the_version_that_was_read(
    client, saved, clock
):
    clock["today"] = date(2026, 12, 7)
    assert change(client, kind="hold", days="14").status_code == 303
    entry = saved.transactions[-1][0]
    assert (entry["request"]["method"], entry["request"]["ifMatch"]) == ("PUT", 'W/"1"')
    (plan,) = plans_of(saved)
    assert plan["status"] == "draft"
    note = plan["note"][-1]
    assert (note["authorString"], note["time"]) == ("Dr One", "2026-12-07")
    assert "1.875 mg/day is held" in note["text"]
    assert "Why: Sleepless for four nights" in note["text"]
    (kept,) = kept_plan(plan).changes
    assert (kept.who, kept.why, kept.days) == ("Dr One", "Sleepless for four nights", 14)
    # What the chart says of the steps is what the page said.
    (told,) = taper_plans([plan])
    assert [(s.starts, float(s.dose)) for s in told.steps[:2]] == [
        (date(2026, 11, 23), 1.875),
        (date(2026, 12, 21), 1.75),
    ]
    assert saved.purposes == ["taper-planner", "taper-plan-change"]


def test_drafts_are_withdrawn_and_the_rest_is_ordered_from_the_day_of_the_change(
    client, saved, clock
):
    before = {it["id"] for it in orders_of(saved, "draft")}
    clock["today"] = date(2026, 12, 7)
    change(client, kind="hold", days="14")
    assert {it["id"] for it in orders_of(saved, "cancelled")} == before
    new = orders_of(saved, "draft")
    # 1.875 until 20 Dec and 1.75 from 21 Dec; the first day of the change is the first ordered.
    assert {days_of(it) for it in new} == {
        ("2026-12-07", "2026-12-20"),
        ("2026-12-21", "2027-01-03"),
    }
    (plan,) = plans_of(saved)
    assert {it["basedOn"][0]["reference"] for it in new} == {f"CarePlan/{plan['id']}"}
    groups = {it["groupIdentifier"]["value"] for it in new}
    assert groups == {plan["identifier"][0]["value"]}


def test_signed_orders_that_still_say_the_same_go_on(client, saved, clock):
    """Slowed on day 7: 1.875 lasts until day 20 (7 + 2 x 7); what is signed says so until 13."""
    signed(saved)
    clock["today"] = date(2026, 11, 30)
    page = client.get(CHANGE, params={"kind": "slow-down"}).text
    assert "The signed orders say the same until Sun 6 Dec 2026 and go on" in page
    discontinue = page[
        page.index("Signed orders to discontinue on Mon 7 Dec 2026, when the new ones begin") :
    ]
    assert "from 23 Nov 2026 to 6 Dec 2026" not in discontinue
    assert "from 7 Dec 2026 to 20 Dec 2026" in discontinue
    change(client, kind="slow-down")
    new = orders_of(saved, "draft")
    assert min(days_of(it) for it in new) == ("2026-12-07", "2026-12-13")


def test_a_plan_that_is_active_is_replaced_by_a_draft_and_not_touched(client, saved, clock):
    signed(saved)
    (active,) = plans_of(saved)
    clock["today"] = date(2026, 12, 7)
    assert change(client, kind="step-back").status_code == 303
    old, new = plans_of(saved)
    assert old == active
    assert new["status"] == "draft"
    assert new["replaces"] == [{"reference": f"CarePlan/{active['id']}"}]
    assert new["identifier"][0] == active["identifier"][0]
    # The page goes on from the new one, with the change in its history.
    page = client.get(CHANGE).text
    assert "Sleepless for four nights" in page
    assert '<p class="total">2 mg/day</p>' in page


def test_every_change_stands_in_the_history_with_who_when_and_why(client, saved, clock):
    clock["today"] = date(2026, 12, 7)
    change(client, kind="hold", days="14")
    clock["today"] = date(2026, 12, 14)
    change(client, kind="resume", why="Sleeps again")
    page = client.get(CHANGE).text
    for words in ("Mon 7 Dec 2026", "Sleepless for four nights", "Mon 14 Dec 2026", "Sleeps again"):
        assert words in page
    assert page.count("Dr One: ") == 2


def test_a_change_without_a_reason_is_not_written(client, saved):
    response = change(client, why="  ", kind="hold", days="7")
    assert response.status_code == 422
    assert "Say why: it stands in the plan" in response.text
    assert len(saved.transactions) == 1


def test_a_second_click_finds_the_first(client, saved, clock):
    clock["today"] = date(2026, 12, 7)
    fields = {**form_of(client.get(CHANGE, params={"kind": "hold", "days": "14"})), "why": "x"}
    assert client.post(CHANGE, data=fields).status_code == 303
    assert client.post(CHANGE, data=fields).status_code == 303
    assert len(saved.transactions) == 2


def test_a_chart_that_changed_since_the_preview_is_shown_again(client, saved, clock):
    clock["today"] = date(2026, 12, 7)
    fields = {**form_of(client.get(CHANGE, params={"kind": "hold", "days": "14"})), "why": "x"}
    (plan,) = plans_of(saved)
    plan["meta"]["versionId"] = "2"
    response = client.post(CHANGE, data=fields)
    assert response.status_code == 409
    assert "has changed since the preview" in response.text
    assert len(saved.transactions) == 1


def test_a_refusal_by_the_ehr_leaves_the_reason_in_its_field(client, saved):
    saved.refusal = "Nothing was written: somebody has changed the plan in the chart."
    response = change(client, kind="hold", days="7")
    assert response.status_code == 502
    assert saved.refusal in response.text
    assert 'value="Sleepless for four nights"' in response.text
    assert "event-1" in response.text


@pytest.mark.parametrize("lacks", ["rights", "versions"])
def test_where_no_change_can_be_written_the_page_says_what_to_do_by_hand(lacks, client, saved):
    if lacks == "rights":
        saved.changes = False
    else:
        for resource in saved.resources:
            resource.pop("meta", None)
    page = client.get(CHANGE, params={"kind": "hold", "days": "7"}).text
    assert "Nothing can be written" in page
    assert "make the change in the EHR by the words below" in page
    assert "Save this change" not in page


# --- a red flag -------------------------------------------------------------------------------


def test_a_red_flag_shows_at_once_what_to_do(client, saved):
    page = client.get(CHANGE, params={"kind": "stop", "flag": "seizure"}).text
    assert "Urgent: the taper is stopped" in page
    assert "Have the patient assessed now" in page
    assert "do not stop clonazepam" in page


def test_a_stopped_draft_plan_is_withdrawn_with_its_orders_and_is_not_taken_up_again(client, saved):
    response = change(client, kind="stop", flag="confusion", why="Found confused at home")
    assert response.status_code == 303
    (plan,) = plans_of(saved)
    assert plan["status"] == "revoked"
    assert "Stopped for confusion" in plan["note"][-1]["text"]
    assert orders_of(saved, "draft") == []
    after = client.get(response.headers["location"]).text
    assert "Saved: the change is in the chart." in after
    assert "Have the patient assessed now" in after
    assert "No taper that was planned here is under way" in after


def test_of_an_active_plan_a_draft_says_that_it_was_stopped(client, saved, clock):
    signed(saved)
    clock["today"] = date(2026, 11, 30)
    page = client.get(CHANGE, params={"kind": "stop", "flag": "seizure"}).text
    discontinue = page[page.index("Signed orders that have not begun") :]
    assert "from 23 Nov 2026 to 6 Dec 2026" not in discontinue  # what is taken now goes on
    assert "from 7 Dec 2026 to 20 Dec 2026" in discontinue
    change(client, kind="stop", flag="seizure", why="Seizure last night")
    _, new = plans_of(saved)
    assert "stopped on 2026-11-30" in new["title"]
    assert "Seizure last night" in new["note"][-1]["text"]
    starts = [it["detail"]["scheduledPeriod"]["start"] for it in new["activity"]]
    assert max(starts) < "2026-11-30"
    page = client.get(CHANGE).text
    assert "stopped" in page


# --- what an EHR does not keep ----------------------------------------------------------------


def test_a_plan_whose_own_record_was_dropped_is_read_from_its_steps(client, saved, clock):
    (plan,) = plans_of(saved)
    del plan["extension"]
    clock["today"] = date(2026, 12, 7)
    page = client.get(CHANGE, params={"kind": "hold", "days": "14"}).text
    assert "This EHR has not kept the plan itself" in page
    assert "1.875 mg/day is held from 7 Dec 2026 to 20 Dec 2026." in page
    assert change(client, kind="hold", days="14").status_code == 303


def test_a_record_that_somebody_spoilt_is_none(saved):
    (plan,) = plans_of(saved)
    assert kept_plan(plan) is not None
    for data in ("", "%%%", "bm8=", "W10=", "eyJyZXF1ZXN0IjogMX0="):
        plan["extension"][0]["valueAttachment"]["data"] = data
        assert kept_plan(plan) is None


def test_the_hand_out_is_of_the_plan_as_it_stands(client, saved, clock):
    clock["today"] = date(2026, 12, 7)
    change(client, kind="hold", days="14")
    response = client.get(f"{CHANGE}/handout.pdf")
    assert response.headers["content-type"] == "application/pdf"
    assert response.content.startswith(b"%PDF")


def test_before_the_first_cut_the_present_order_goes_on_until_the_new_ones_begin(client, saved):
    """Held on the first day for 14: 2 mg goes on, 1.875 begins on 7 Dec 2026."""
    page = client.get(CHANGE, params={"kind": "hold", "days": "14"}).text
    assert "2 mg/day is held from 23 Nov 2026 to 6 Dec 2026." in page
    words = "Signed orders to discontinue on Mon 7 Dec 2026, when the new ones begin"
    assert "clonazepam 1 mg tablet" in page[page.index(words) :]


def test_after_a_change_the_plan_is_shown_as_it_stands_and_only_a_red_flag_is_left_today(
    client, saved, clock
):
    clock["today"] = date(2026, 12, 7)
    response = change(client, kind="hold", days="14")
    page = client.get(response.headers["location"]).text
    assert 'id="stands-wide-title"' in page
    page = client.get(CHANGE, params={"kind": "stop"}).text
    assert re.findall(r'name="kind" id="kind-([^"]+)"', page) == ["stop"]
