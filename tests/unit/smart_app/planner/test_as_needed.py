"""Clonazepam as needed: the page asks what is really taken, and plans from that alone."""

import re
from datetime import date

import cds
import pytest
from planner_screen import form_of

from clinical.quantities import Milligrams
from clinical.taper import TakenAsNeeded, TaperRequest, pace, plan
from ehr.write.plan_entries import plan_key
from smart_app.planner.handout_presenter import Recipient, handout

PAGE = "/planner/L1"
ON_FIVE_DAYS = {"taken": "1", "days": "5"}


@pytest.fixture(autouse=True)
def as_needed(chart):
    """The woman of the fixture may take 1 mg twice a day as needed: at most 2 mg."""
    chart.resources[1]["dosageInstruction"][0]["asNeededBoolean"] = True


def ask(client, **answers):
    return client.get(PAGE, params=answers)


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


# --- the questions ----------------------------------------------------------------------------


def test_before_any_answer_the_page_asks_and_plans_nothing(client):
    page = ask(client)
    assert page.status_code == 200
    words = words_of(page)
    assert "Clonazepam as needed, at most 2 mg/day" in words
    assert "The chart allows up to 2 mg/day, as needed. Ask what is really taken" in words
    assert "No schedule yet" in words
    assert "1.875" not in words  # the first step of a taper from the maximum
    assert "error" not in page.text
    for absent in ("taper-wide", "curve-wide", "Save ", "handout.pdf", "plan.txt"):
        assert absent not in page.text


def test_before_any_answer_there_is_nothing_to_save_to_copy_or_to_hand_out(client, chart):
    assert client.post(f"{PAGE}/save", data={"csrf_token": "the-token"}).status_code == 422
    assert chart.transactions == []
    for part in ("plan.txt", "handout.pdf"):
        answer = client.get(f"{PAGE}/{part}")
        assert answer.status_code == 422
        assert "Say how much clonazepam is taken on a day with it" in answer.text


WRONG = {
    "no dose": ({"days": "5"}, "taken", "Enter how many mg are taken on a day with clonazepam"),
    "no days": ({"taken": "1"}, "days", "Choose on how many days of a week clonazepam is taken"),
    "words": ({"taken": "one", "days": "5"}, "taken", "Enter how many mg are taken"),
    "a negative dose": ({"taken": "-1", "days": "5"}, "taken", "Enter how many mg are taken"),
    "nothing": ({"taken": "0", "days": "5"}, "taken", "there is nothing to taper"),
    "eight days": ({"taken": "1", "days": "8"}, "days", "cannot be taken on 8 days a week"),
    "half days": ({"taken": "1", "days": "4.5"}, "days", "Choose on how many days of a week"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_beside_the_answer(case, client):
    answers, field, sentence = WRONG[case]
    page = ask(client, **answers)
    assert page.status_code == 422
    beside = re.search(rf'id="{field}-error">.*?</p>', page.text, re.DOTALL)[0]
    assert sentence in beside
    assert f'<a href="#{field}">' in page.text
    assert "Save " not in page.text


@pytest.mark.parametrize("junk", ["\x00", "<b>", "9" * 500, "\uff11", "1e400", "NaN"])
def test_junk_in_an_answer_is_refused_in_a_sentence(junk, client):
    for name in ("taken", "days"):
        page = ask(client, **{**ON_FIVE_DAYS, name: junk})
        assert page.status_code in {200, 422}
        assert "<b>" not in page.text


@pytest.mark.parametrize("name", ["taken", "days"])
def test_each_answer_asks_for_the_plan_by_itself(name, client):
    page = ask(client).text
    form = page[page.index('id="plan-form"') : page.index("</form>")]
    (field,) = re.findall(rf'<(?:input|select)[^>]*name="{name}"[^>]*>', form)
    assert re.search(r'class="(?:short )?(?:now|typed)"', field)


# --- the answers ------------------------------------------------------------------------------


def test_on_five_days_a_week_a_daily_schedule_begins_below_the_average(client):
    """5 mg a week is 0.714 mg a day: 0.625, 0.5, ... 0 on day 168 (spec, taken as needed)."""
    page = ask(client, **ON_FIVE_DAYS)
    words = words_of(page)
    assert "Schedule: 1 mg on 5 days a week to 0 mg/day, 10 % of the current dose" in words
    assert "6 cuts from Mon 23 Nov 2026; 0 mg/day begins on Mon 10 May 2027" in words
    assert "1 mg on 5 days a week is 0.714286 mg/day on average." in words
    assert "now, on average" in words
    assert "1.875" not in words


def test_no_level_is_drawn_from_an_average(client):
    """Nobody who takes 1 mg on 5 days has the steady level of 0.714 mg/day."""
    page = ask(client, **ON_FIVE_DAYS).text
    assert "Level in blood" not in page
    assert "curve-wide" not in page


def test_on_every_day_it_is_a_daily_dose_like_any_other(client):
    """1 mg/day by asam-2025: 0.875 on day 0 (10 % of 1 mg, up to the grid)."""
    words = words_of(ask(client, taken="1", days="7"))
    assert "Schedule: 1 mg/day to 0 mg/day" in words
    assert "Level in blood" in words


@pytest.mark.parametrize("days", ["1", "3"])
def test_on_up_to_three_days_a_week_there_is_no_schedule_and_the_page_says_what_instead(
    days, client
):
    page = ask(client, taken="0.5", days=days)
    assert page.status_code == 200
    words = words_of(page)
    assert "The plan: no daily schedule" in words
    assert "every day would be a rise on the days without" in words
    assert "taper-wide" not in page.text
    assert "Save " not in page.text
    text = client.get(f"{PAGE}/plan.txt", params={"taken": "0.5", "days": days})
    assert text.status_code == 200
    assert "No daily clonazepam schedule: 0.5 mg on" in text.text


def test_more_than_the_orders_allow_is_asked_again_and_never_hidden(client):
    """The order allows 2 mg on a day."""
    answers = {"taken": "2.5", "days": "5"}
    more = "2.5 mg on a day is more than the 2 mg/day that the chart allows: ask again"
    assert more in words_of(ask(client, **answers))
    assert f"Note: {more}" in client.get(f"{PAGE}/plan.txt", params=answers).text
    assert "more than the" not in words_of(ask(client, taken="2", days="5"))


def test_to_reduce_is_below_the_average(client):
    assert ask(client, **ON_FIVE_DAYS, goal="reduce", to="0.5").status_code == 200
    page = ask(client, **ON_FIVE_DAYS, goal="reduce", to="0.75")
    assert page.status_code == 422
    assert "Enter a dose below the present 0.714286 mg/day" in page.text


@pytest.mark.parametrize(
    ("answers", "stays"),
    [({}, "as needed"), (ON_FIVE_DAYS, "as needed (1 mg on 5 days a week)")],
)
def test_to_maintain_needs_no_answer_and_names_no_maximum(answers, stays, client):
    words = words_of(ask(client, **answers, goal="maintain", review="2027-02-22"))
    assert f"Clonazepam stays {stays} until the review on Mon 22 Feb 2027." in words
    assert "Maintain use as needed and review" in words


# --- in the chart -----------------------------------------------------------------------------


def test_the_saved_plan_says_what_was_taken(client, chart):
    fields = form_of(ask(client, **ON_FIVE_DAYS))
    assert client.post(f"{PAGE}/save", data=fields).status_code == 303
    assert client.post(f"{PAGE}/save", data=fields).status_code == 303
    (entries,) = chart.transactions
    care_plan = entries[0]["resource"]
    assert care_plan["title"] == "Clonazepam taper from 1 mg on 5 days a week to 0 mg/day"
    assert "Saved: this plan is in the chart" in ask(client, **ON_FIVE_DAYS).text


def schedule(on_a_day, days_a_week):
    use = TakenAsNeeded(Milligrams.of(on_a_day), days_a_week)
    start, goal = date(2026, 12, 1), Milligrams.of(0)
    return plan(TaperRequest(use.average, goal, start, pace("asam-2025"), as_needed=use))


def test_other_use_with_the_same_average_is_another_plan():
    """1.5 mg on 4 days and 1 mg on 6 days are both 6 mg a week."""
    one, other = schedule("1.5", 4), schedule("1", 6)
    assert one.steps == other.steps
    assert plan_key(one, "p1") != plan_key(other, "p1")


def test_the_hand_out_says_what_changes_in_the_patients_words():
    whose = Recipient(None, None, None, None, synthetic=False, signed=False, rules_version="1")
    words = handout(schedule("1", 5), whose).content
    assert words["schedule"]["lead"].startswith(
        "Now: 1 mg on 5 days a week. From step 1 on you take a smaller amount every day, and none "
        "besides. Tick a box"
    )
    assert words["description"].startswith("From 1 mg on 5 days a week to 0 mg a day")


# --- beside a daily dose, and without a maximum ------------------------------------------------


@pytest.fixture
def night_too(chart):
    """0.5 mg every night as well."""
    chart.resources.append(cds.order("night", cds.CLONAZEPAM["0.5"], 1))


@pytest.mark.usefixtures("night_too")
def test_beside_a_daily_dose_it_is_asked_what_an_average_day_comes_to(client):
    """0.5 mg every night and up to 2 mg as needed: at most 2.5. On average 1 mg is taken: the first
    step of asam-2025 from 1 mg is 0.875.
    """
    words = words_of(ask(client))
    assert "Clonazepam partly as needed, at most 2.5 mg/day" in words
    assert "A part is ordered every day and a part as needed, up to 2.5 mg/day in all." in words
    assert "No schedule yet" in words
    words = words_of(ask(client, taken="1", days="7"))
    assert "Schedule: 1 mg/day to 0 mg/day" in words
    assert "0.875" in words
    for order in ("clonazepam 1 mg tablet", "clonazepam 0.5 mg tablet"):
        assert order in words[words.index("Discontinue when you sign") :]


@pytest.mark.usefixtures("night_too")
def test_what_is_taken_every_day_is_on_seven_days_a_week(client):
    response = ask(client, **ON_FIVE_DAYS)
    assert response.status_code == 422
    assert "A part is ordered for every day: say how much is taken on an average" in response.text


def test_without_a_maximum_it_is_asked_all_the_same(client, chart):
    """Nobody needs to know the most that is allowed where it is asked what is taken."""
    dosage = chart.resources[1]["dosageInstruction"][0]
    del dosage["timing"]
    words = words_of(ask(client))
    assert "Clonazepam as needed, no maximum given" in words
    assert "without a maximum, so the most is not known. Ask what is really taken" in words
    words = words_of(ask(client, **ON_FIVE_DAYS))
    assert "Schedule: 1 mg on 5 days a week to 0 mg/day" in words
    assert "is more than the" not in words


# --- what is still no plan --------------------------------------------------------------------


def test_a_dose_that_is_not_known_beside_it_is_not_asked_about(client, chart):
    chart.resources.append(cds.order("night", cds.CLONAZEPAM["0.5"], 1))
    chart.resources[-1]["dosageInstruction"] = [{"text": "as directed"}]
    page = ask(client, **ON_FIVE_DAYS)
    assert "the present dose cannot be computed" in page.text
    assert "<form" not in page.text


def test_a_reason_to_stop_stops_here_too(client, chart):
    chart.resources.append(cds.condition("G40.909"))
    page = ask(client, **ON_FIVE_DAYS)
    assert "A seizure disorder is in the chart" in page.text
    assert "<form" not in page.text


def test_answers_are_nothing_to_a_patient_with_a_daily_dose(client, chart):
    del chart.resources[1]["dosageInstruction"][0]["asNeededBoolean"]
    page = ask(client, **ON_FIVE_DAYS)
    assert "Schedule: 2 mg/day to 0 mg/day" in page.text
    assert "What is really taken" not in page.text
