"""A pace of the prescriber's own: planned within the limits, refused beside the field, saved."""

import re
from datetime import date
from urllib.parse import urlencode

import pytest
from planner_screen import form_of

from clinical.quantities import Milligrams
from clinical.taper import TaperRequest, milligram_pace, plan, products_of
from ehr.write.plan_entries import plan_key

PAGE = "/planner/L1"
ALL_FIELDS = {
    "form": "1",
    "goal": "discontinue",
    "to": "",
    "review": "2027-02-15",
    "pace": "custom",
    "step": "0.25",
    "unit": "mg",
    "weeks": "2",
    "floor": "",
    "start": "2026-12-01",
    "products": ["197527", "197528", "349195"],
    "times": "2",
}


def ask(client, **changed):
    return client.get(PAGE, params={**ALL_FIELDS, **changed})


def test_a_quarter_milligram_every_two_weeks_from_2_mg(client):
    """1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.25, 0: eight cuts, the last on day 7 x 14 = 98.

    0.75 is exactly a quarter below 1; the three cuts after it are 33.3, 50 and 100 %.
    """
    page = ask(client).text
    assert "Schedule: 2 mg/day to 0 mg/day, 0.25 mg every 2 weeks" in page
    assert "8 cuts from Tue 1 Dec 2026; 0 mg/day begins on Tue 9 Mar 2027, after 98 days" in page
    assert "This pace was chosen by hand and rests on no guideline." in page
    assert page.count('class="warned"') == 3


def test_the_floor_is_the_last_dose_before_the_goal(client):
    """0.5 mg is reached on day 5 x 14 = 70 and ends 14 days later."""
    page = ask(client, floor="0,5 mg").text
    assert "0.25 mg every 2 weeks, not below 0.5 mg before the goal" in page
    assert "7 cuts from Tue 1 Dec 2026; 0 mg/day begins on Tue 23 Feb 2027" in page


def test_it_starts_from_the_numbers_of_the_recommended_pace(client):
    """Recommended is 10 % every 2 weeks, which from 2 mg takes 343 days (CLINICAL 6)."""
    page = client.get(PAGE, params={"pace": "custom"}).text
    assert "0 mg/day begins on Mon 1 Nov 2027, after 343 days" in page
    assert 'name="step" id="step" value="10"' in page
    assert '<option value="percent" selected>' in page
    assert 'name="weeks" id="weeks" value="2"' in page


def test_it_is_compared_with_the_recommended_pace(client):
    assert "Dashed: the recommended 10 % of the current dose every 2 weeks" in ask(client).text


def test_it_stands_after_the_shipped_paces_and_its_numbers_are_kept_for_another_one(client):
    page = ask(client, pace="nardi-2010", step="7.5", unit="percent").text
    values = re.findall(r'<input type="radio"[^>]*name="pace"[^>]*value="([^"]+)"', page)
    assert values[-2:] == ["custom", "typed-in"]
    assert 'id="step" value="7.5"' in page
    assert "chosen by hand" not in page[page.index('id="schedule"') : page.index('id="copy"')]


WRONG = {
    "no step": ({"step": ""}, "step", "Enter the step as a number of mg: for example 0.25."),
    "words": (
        {"step": "a bit", "unit": "percent"},
        "step",
        "Enter the step as a number of %: for example 10.",
    ),
    "another unit than chosen": ({"step": "10 %"}, "step", "Enter the step as a number of mg"),
    "a negative step": ({"step": "-0.25"}, "step", "Enter the step as a number of mg"),
    "no unit": ({"unit": "tablets"}, "step", "Choose whether the step is in %"),
    "a step of nothing": ({"step": "0"}, "step", "A step of 0 mg is no cut"),
    "a step always above the cap": (
        {"step": "26", "unit": "percent"},
        "step",
        "A step of 26 % every 14 days would be a cut of more than 25 % in 14 days at every dose",
    ),
    "a step as large as the dose": ({"step": "2"}, "step", "would be to 0, an abrupt stop"),
    "no interval": ({"weeks": ""}, "weeks", "Enter the interval as a whole number of weeks"),
    "half weeks": ({"weeks": "2.5"}, "weeks", "Enter the interval as a whole number of weeks"),
    "no weeks": ({"weeks": "0"}, "weeks", "An interval of 0 days cannot be planned"),
    "13 weeks": ({"weeks": "13"}, "weeks", "An interval of 91 days cannot be planned: give whole"),
    "a floor in words": ({"floor": "low"}, "floor", "Enter the lowest dose before the goal"),
    "a floor to stop from abruptly": (
        {"floor": "1.25"},
        "floor",
        "To stop from a floor of 1.25 mg/day, more than 50 % of the present 2 mg/day, would be an "
        "abrupt stop",
    ),
    "a floor above the dose": (
        {"floor": "3", "goal": "reduce", "to": "1"},
        "floor",
        "The floor of 3 mg/day is not below the present 2 mg/day",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_beside_the_field_that_mends_it(case, client):
    changed, field, sentence = WRONG[case]
    answer = ask(client, **changed)
    assert answer.status_code == 422
    beside = re.search(rf'id="{field}-error">.*?</p>', answer.text, re.DOTALL)[0]
    assert sentence in beside
    assert f'<a href="#{field}">' in answer.text
    assert "Save" not in answer.text
    for name, value in changed.items():
        if name in {"step", "weeks", "floor"}:
            assert f'id="{name}" value="{value}"' in answer.text


def test_all_that_is_wrong_with_it_is_said_at_once(client):
    page = ask(client, step="x", weeks="x", floor="x", start="").text
    assert page.count('class="error"') == 4


def test_what_is_wrong_with_it_is_nothing_to_another_pace(client):
    assert ask(client, pace="asam-2025", step="x", weeks="x", floor="x").status_code == 200


@pytest.mark.parametrize("junk", ["\x00", "<b>", "9" * 500, "\uff11", "1e400", "NaN", "1/3"])
def test_junk_in_its_fields_is_refused_in_a_sentence(junk, client):
    for name in ("step", "unit", "weeks", "floor"):
        answer = ask(client, **{name: junk})
        assert answer.status_code in {200, 422}
        assert "<b>" not in answer.text


# --- in the chart -----------------------------------------------------------------------------


def save(client):
    fields = form_of(ask(client))
    return client.post(f"{PAGE}/save", data=fields)


def test_the_plan_and_its_orders_say_the_pace_in_the_chart(client, chart):
    assert "noted: Part of a clonazepam taper: 0.25 mg every 2 weeks." in ask(client).text
    assert save(client).status_code == 303
    (entries,) = chart.transactions
    care_plan, *orders = (entry["resource"] for entry in entries)
    assert "pace custom (0.25 mg every 2 weeks)." in care_plan["description"]
    assert "pace custom (0.25 mg every 2 weeks)." in care_plan["text"]["div"]
    assert orders
    for order in orders:
        assert order["note"] == [{"text": "Part of a clonazepam taper: 0.25 mg every 2 weeks."}]


def test_it_is_found_saved_by_the_second_click_and_by_its_address(client, chart):
    fields = form_of(ask(client))
    first = client.post(f"{PAGE}/save", data=fields)
    assert client.post(f"{PAGE}/save", data=fields).status_code == 303
    assert len(chart.transactions) == 1
    for address in (first.headers["location"], f"{PAGE}?{urlencode(ALL_FIELDS, doseq=True)}"):
        page = client.get(address).text
        assert "Saved: this plan is in the chart" in page
        assert '<form method="post"' not in page
    assert "Save" in ask(client, weeks="3").text


def test_the_plans_key_depends_on_the_paces_numbers():
    """Of 0.25 mg tablets a step of 0.2 mg makes the same doses: it is another plan all the same."""
    only = products_of(["349195"])

    def made(step):
        pace = milligram_pace(Milligrams.of(step), 14)
        start, goal = Milligrams.of(2), Milligrams.of(0)
        return plan(TaperRequest(start, goal, date(2026, 12, 1), pace, products=only))

    one, other = made("0.25"), made("0.2")
    assert one.steps == other.steps
    assert plan_key(one, "p1") == plan_key(made("0.25"), "p1") != plan_key(other, "p1")


def test_the_text_to_copy_and_the_hand_out_are_of_the_same_plan(client):
    text = client.get(f"{PAGE}/plan.txt", params=ALL_FIELDS).text
    assert "Clonazepam taper: 2 mg/day to 0 mg/day, 0.25 mg every 2 weeks" in text
    assert "Note: This pace was chosen by hand and rests on no guideline." in text
    assert "Tue 1 Dec 2026 (14 days): 1.75 mg/day" in text
    pdf = client.get(f"{PAGE}/handout.pdf", params=ALL_FIELDS)
    assert pdf.status_code == 200
    assert pdf.content.startswith(b"%PDF")
