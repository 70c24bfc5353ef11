"""What only the prescriber can say: a pace of one's own."""

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
    assert f"pace custom ({words})" in page.inner_text(".plan")
