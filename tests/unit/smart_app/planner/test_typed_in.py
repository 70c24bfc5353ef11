"""A schedule that is typed in: each line is read or named, judged, drawn, and saved if it may."""

import pytest
from planner_screen import form_of

PAGE = "/planner/L1"
FIELDS = {
    "form": "1",
    "goal": "discontinue",
    "pace": "typed-in",
    "start": "2026-12-01",
    "products": ["197527", "197528", "349195"],
    "times": "1",
}
# 2 mg: 25 % off, then 33, 50 and 100 % - each of the last three is a warning, none forbids.
GOOD = "28 days 1.5 mg\n4 weeks 2 x 0.5 mg\n28 days 0.5\nthen 0 mg"


def ask(client, course, **changed):
    return client.get(PAGE, params={**FIELDS, "course": course, **changed})


def test_a_schedule_is_drawn_as_it_was_typed_with_its_warnings(client):
    """1.5 mg from 1 Dec for 28 days, 1 mg from 29 Dec, 0.5 mg from 26 Jan, 0 on 23 Feb 2027."""
    page = ask(client, GOOD).text
    assert "Schedule: 2 mg/day to 0 mg/day, typed in by hand" in page
    assert "0 mg/day begins on Tue 23 Feb 2027, after 84 days" in page
    assert "two 0.5 mg tablets at bedtime" in page  # and not one of 1 mg
    assert "The cut from 1.5 mg to 1 mg/day on 29 Dec 2026 is 33.3 %" in page
    assert "Judged, and not to be saved" not in page
    assert "Dashed: the recommended 10 % of the current dose every 2 weeks" in page


def test_it_is_saved_as_drafts_like_any_plan(client, chart):
    fields = form_of(ask(client, GOOD))
    assert client.post(f"{PAGE}/save", data=fields).status_code == 303
    (entries,) = chart.transactions
    plan, order = (entry["resource"] for entry in entries)  # 28 days: the first step
    assert "pace typed-in (typed in by hand)" in plan["description"]
    # Three 0.5 mg tablets (3 pieces, 1 product: 3 + 2) before 1 mg and 0.5 mg (2 + 4), 28 days.
    assert order["dispenseRequest"]["quantity"]["value"] == 84


def test_a_dose_that_no_tablets_make_is_not_read_as_nothing(client):
    page = ask(client, "14 days 1.5 mg\n14 days 1.3 mg\nthen 0").text
    assert page.count("not made by these tablets") == 1
    assert page.count("no clonazepam</td>") == 1  # the end


FORBIDDEN = {
    "a rise": ("14 days 1 mg\n14 days 1.5 mg\nthen 0", "The dose rises on 15 Dec 2026 from 1 mg"),
    "a gap": (
        "2026-12-01 to 2026-12-14 1.5\n2026-12-20 14 days 0.5 mg\nthen 0",
        "ends on 14 Dec 2026, the",
    ),
    "no end": ("14 days 1.5 mg\n14 days 1 mg", "The course has no end"),
    "no such dose": ("14 days 1.3 mg\nthen 0", "nearest doses they make are 1.25 mg and 1.5 mg"),
    "a short fill": (
        "28 days 1 mg supply 14 days\nthen 0",
        "its supply of 1 mg/day 14: add a fill",
    ),
    "a long fill": ("56 days 1 mg, supply 56\nthen 0", "divide it into fills of at most 28 days"),
    "a stop": ("28 days 1.5 mg\nthen 0", "From 1.5 mg/day to nothing on 29 Dec 2026 would be an"),
    "days that go back": ("14 days 1\n2026-11-29 3 days 0.5\nthen 0", "so there is no picture"),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_breaks_more_than_the_cap_is_judged_and_not_saved(case, client):
    course, sentence = FORBIDDEN[case]
    response = ask(client, course)
    assert response.status_code == 200
    assert "Judged, and not to be saved" in response.text
    assert sentence in response.text
    assert "to the chart</button>" not in response.text
    assert "Hand-out" not in response.text
    assert client.get(f"{PAGE}/plan.txt", params=dict(response.url.params)).status_code == 422


UNREADABLE = {
    "nothing": ("", "Type the schedule, one step a line"),
    "words": ("14 days 1.5 mg\nas before", "Line 2: the dose is a number of mg/day"),
    "no dose": ("14 days", "Line 1 cannot be read"),
    "a day that is none": ("2027-02-30 1 mg", "Line 1: 2027-02-30 is no day of the calendar."),
    "a tablet that is not ticked": ("14 days 4 x 0.125 mg", "Line 1: no tablet of 0.125 mg"),
    "a third of a tablet": ("14 days 0.3 x 1 mg", "tablets are counted in whole ones and halves"),
    "days that are not known": ("1.5 mg\nthen 0 mg", "Line 2 has no first day"),
    "no days": ("0 days 1 mg", "Line 1: give a number of days from 1, or a last day."),
    "the past": ("2026-11-01 1 mg\n2027-02-01 0", "The first line begins on Sun 1 Nov 2026"),
    "the end of time": ("9999-12-01 14 days 1 mg", "The calendar ends before this schedule"),
    "too many lines": ("1 day 1 mg\n" * 61, "A schedule has at most 60 lines."),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_line_that_cannot_be_read_is_named_and_what_was_typed_stays(case, client):
    course, sentence = UNREADABLE[case]
    response = ask(client, course)
    assert response.status_code == 422
    assert response.text.count(sentence) == 2  # in the summary and beside the field
    assert 'id="course"' in response.text
    for line in course.splitlines()[:2]:
        assert line in response.text


def test_tablets_are_typed_only_where_one_intake_takes_them(client):
    response = ask(client, "14 days 2 x 0.5 mg\nthen 0", times="2")
    assert "Line 1: with several intakes a day type the dose in mg/day" in response.text


def test_a_save_of_what_is_only_judged_writes_nothing_and_says_why(client, chart):
    fields = form_of(ask(client, GOOD))
    fields["course"] = "14 days 1 mg\n14 days 1.5 mg\nthen 0"
    response = client.post(f"{PAGE}/save", data=fields)
    assert response.status_code == 422
    assert "Nothing was written." in response.text
    assert "The dose rises on 15 Dec 2026" in response.text
    assert chart.transactions == []
