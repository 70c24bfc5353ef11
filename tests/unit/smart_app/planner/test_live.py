"""A changed field is answered with the page's main part: the whole plan, and nothing around it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = "/planner/L1"
NOTICE = Path(__file__).parents[4] / "NOTICE"
LIVE = {"HX-Request": "true", "HX-Request-Type": "partial"}
FIELDS = {
    "form": "1",
    "goal": "discontinue",
    "to": "",
    "pace": "nardi-2010",
    "start": "2026-12-01",
    "products": ["197527", "197528", "349195"],
    "times": "2",
}


def ask(client, **changed):
    return client.get(PAGE, params={**FIELDS, **changed}, headers=LIVE)


def test_a_live_answer_is_the_main_part_of_the_page_and_says_the_plan_once(client):
    """nardi-2010 from 2 mg (CLINICAL 6): 0 on day 42, which is 12 Jan 2027."""
    answer = ask(client)
    assert answer.status_code == 200
    assert answer.headers["vary"] == "HX-Request-Type"
    for absent in ("<html", "<head", "<main", "<script", 'class="banner"'):
        assert absent not in answer.text
    (said,) = re.findall(r'role="status">([^<]*)</p>', answer.text)
    assert said == (
        "2 mg/day to 0 mg/day, 0.5 mg every 2 weeks down to 1 mg/day, then 0.25 mg a week: "
        "6 cuts from Tue 1 Dec 2026; 0 mg/day begins on Tue 12 Jan 2027, after 42 days."
    )
    # Plan, picture, preview, text and hand-out come together.
    for part in (
        "taper-wide",
        "curve-wide",
        "What will be written",
        "Clonazepam taper: ",
        "handout.pdf?",
    ):
        assert part in answer.text


def test_the_live_answer_and_the_page_show_the_same_plan(client):
    page = client.get(PAGE, params=FIELDS)
    live = ask(client).text
    inside = page.text[page.text.index("<h1>") : page.text.index("</main>")]
    assert inside.split() == live[live.index("<h1>") :].split()
    # A page that is loaded is read by its headings, not spoken.
    assert '<p id="spoken" class="spoken" role="status"></p>' in page.text


def test_what_is_wrong_is_said_below_the_form_and_beside_the_field(client):
    answer = ask(client, start="2020-01-01")
    assert answer.status_code == 422
    assert "There is no schedule yet. Choose today, Mon 23 Nov 2026" in answer.text
    assert answer.text.index("</form>") < answer.text.index("plan-errors")
    assert 'aria-invalid="true" aria-describedby="start-error"' in answer.text
    assert 'role="alert" aria-labelledby="plan-errors"' not in answer.text
    assert "taper-wide" not in answer.text


def test_going_back_gets_a_whole_page(client):
    headers = {"HX-Request": "true", "HX-Request-Type": "full"}
    assert "<html" in client.get(PAGE, params=FIELDS, headers=headers).text


def test_a_changed_field_a_text_and_a_hand_out_may_use_the_last_read(client, chart):
    client.get(PAGE)
    assert chart.reads_again == 0
    ask(client)
    client.get(f"{PAGE}/plan.txt")
    client.get(f"{PAGE}/handout.pdf", params=FIELDS)
    assert chart.reads_again == 3


def test_a_save_reads_anew(client, chart):
    fields = dict(re.findall(r'name="(seen|csrf_token)" value="([^"]*)"', client.get(PAGE).text))
    confirm = ["pdmp", "supply", "treatment", "consent"]
    chart.reads_again = 0
    assert client.post(f"{PAGE}/save", data={**fields, "confirm": confirm}).status_code == 303
    assert chart.reads_again == 0


def test_a_save_is_never_answered_with_a_part_of_a_page(client):
    assert (
        "<html" in client.post(f"{PAGE}/save", data={"csrf_token": "the-token"}, headers=LIVE).text
    )


NAMES = ["goal", "pace", "start", "products", "times", "to", "review"]
NAMES += ["step", "unit", "weeks", "floor"]


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_the_plan_asks_by_itself(name, client):
    page = client.get(PAGE).text
    form = page[page.index('id="plan-form"') : page.index("</form>")]
    fields = re.findall(rf'<(?:input|select)[^>]*name="{name}"[^>]*>', form)
    assert fields
    for field in fields:
        assert re.search(r'class="(?:short )?(?:now|typed)"', field)
    trigger = re.search(r'hx-trigger="([^"]+)"', page)[1]
    assert trigger == "change target:.now, input target:.typed delay:350ms"


def test_the_script_of_others_is_the_release_that_the_notice_names(client):
    script = client.get("/planner-static/htmx.min.js").text
    version = re.search(r'this\.version="([\d.]+)"', script)[1]
    assert f"htmx {version}, unchanged" in NOTICE.read_text(encoding="utf-8")
