"""What only the prescriber can say: a pace of one's own, and what is taken as needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from planner_screen import Planner
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("ordering"), pytest.mark.browser]


def opened(demo: Any, view: Any, patient: str) -> Any:
    """The page of a patient's planner, with a mark that a page load would wipe away."""
    view.page.goto(f"/launch/{patient}")
    view.page.wait_for_url(f"{demo.service}/planner/**")
    view.page.evaluate("window.sameDocument = true")
    return view.page


def test_a_pace_of_ones_own_is_typed_refused_mended_and_saved(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = opened(demo, view, "fennel")
    schedule = page.get_by_role("heading", name=re.compile("^Schedule: "))
    own = page.get_by_role("radio", name="Own pace")
    expect(own).not_to_be_checked()
    # Whoever types beside a choice means that choice.
    page.get_by_label("step", exact=True).fill("30")
    expect(own).to_be_checked()
    beside = page.locator("#step-error")
    expect(beside).to_contain_text("would be a cut of more than 25 % in 14 days at every dose")
    expect(page.get_by_label("step", exact=True)).to_be_focused()
    expect(schedule).to_have_count(0)
    view.look("planner-own-refused")

    page.get_by_label("unit of the step").select_option(label="mg")
    page.get_by_label("step", exact=True).fill("0.25")
    page.get_by_label("every", exact=True).fill("3")
    page.get_by_label("not below").fill("0.5")
    words = "0.25 mg every 3 weeks, not below 0.5 mg before the goal"
    expect(schedule).to_contain_text(words)
    expect(beside).to_have_count(0)
    expect(page.locator("#spoken")).to_contain_text(words)
    assert page.evaluate("window.sameDocument === true")
    view.look("planner-own")

    planner = Planner(page)
    planner.save()
    expect(schedule).to_contain_text(words)
    expect(page.get_by_role("textbox", name="not below")).to_have_value("0.5")
    page.goto("/patients/fennel")
    plan = page.get_by_role("heading", name=re.compile("^Care plan: Clonazepam taper"))
    expect(plan).to_have_count(1)
    page.get_by_text("How it was made, and notes").click()
    assert f"pace custom ({words})" in page.inner_text(".plan")


def test_of_clonazepam_as_needed_it_is_asked_what_is_really_taken(
    demo: Any, window: Callable[[str], Any]
) -> None:
    """0.5 mg every 6 hours as needed, at most 1 mg a day: on 5 days a week 0.357 mg/day."""
    view = window(demo.ehr)
    page = opened(demo, view, "kite")
    schedule = page.get_by_role("heading", name=re.compile("^Schedule: "))
    expect(page.get_by_role("heading", name="No schedule yet")).to_be_visible()
    expect(schedule).to_have_count(0)
    view.look("planner-as-needed-asks")

    taken = page.get_by_label("on a day with clonazepam")
    taken.fill("0.5")
    expect(page.locator("#days-error")).to_be_visible()
    expect(taken).to_be_focused()
    days = page.get_by_label("on", exact=True).and_(page.locator("select"))
    days.select_option(label="2 days a week")
    expect(page.get_by_role("heading", name="The plan: no daily schedule")).to_be_visible()
    expect(page.locator("#spoken")).to_contain_text("No daily schedule: 0.5 mg on 2 days a week")
    expect(schedule).to_have_count(0)
    view.look("planner-as-needed-rare")

    days.select_option(label="5 days a week")
    expect(schedule).to_contain_text("0.5 mg on 5 days a week to 0 mg/day")
    expect(page.locator(".steps .dose").first).to_have_text("0.25")
    expect(page.get_by_text("Level in blood")).to_have_count(0)
    assert page.evaluate("window.sameDocument === true")
    view.look("planner-as-needed")

    Planner(page).save()
    page.goto("/patients/kite")
    title = "Care plan: Clonazepam taper from 0.5 mg on 5 days a week to 0 mg/day"
    expect(page.get_by_role("heading", name=title)).to_have_count(1)
