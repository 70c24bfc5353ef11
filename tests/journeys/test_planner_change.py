"""A plan in the chart is changed in the planner, a schedule typed in is judged: in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from planner_screen import SLOW, Planner
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("ordering"), pytest.mark.browser]


def opened(demo: Any, view: Any, patient: str) -> Any:
    """The page of a patient's planner, with a mark that a page load would wipe away."""
    view.page.goto(f"/launch/{patient}")
    view.page.wait_for_url(f"{demo.service}/planner/**")
    view.page.evaluate("window.sameDocument = true")
    return view.page


def records(demo: Any, kind: str, status: str) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{demo.ehr}/fhir/{kind}?patient=heron&status={status}&_count=200").json()
    return [entry["resource"] for entry in answer.get("entry", [])]


def test_a_saved_plan_is_held_and_then_stopped_and_the_chart_follows(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = opened(demo, view, "heron")
    planner = Planner(page)
    planner.choose(SLOW)
    planner.save()
    before = {order["id"] for order in records(demo, "MedicationRequest", "draft")}
    assert before
    expect(page.get_by_role("heading", name="A plan is in the chart")).to_be_visible()
    view.look("planner-plan-in-chart")

    page.get_by_role("link", name="Change this plan").click()
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_text("mg/day is held from")).to_be_visible()
    page.get_by_label("for", exact=True).fill("7")
    expect(page.locator("#spoken")).to_contain_text("mg/day is held from")
    assert page.evaluate("window.sameDocument === true")
    view.look("planner-change", every_scene=True)
    page.get_by_role("textbox", name="Why").fill("Sleepless for four nights")
    page.get_by_role("button", name="Save this change to the chart").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    expect(page.get_by_text("Why: Sleepless for four nights")).to_be_visible()
    view.look("planner-change-saved")

    cancelled = {order["id"] for order in records(demo, "MedicationRequest", "cancelled")}
    assert before <= cancelled
    (plan,) = records(demo, "CarePlan", "draft")
    assert plan["meta"]["versionId"] == "2"
    assert "Sleepless for four nights" in plan["note"][-1]["text"]
    assert plan["extension"][0]["valueAttachment"]["contentType"] == "application/json"
    new = records(demo, "MedicationRequest", "draft")
    assert {order["basedOn"][0]["reference"] for order in new} == {f"CarePlan/{plan['id']}"}

    page.get_by_role("link", name="Change this plan").click()
    page.get_by_label("which red flag").select_option(label="A seizure")
    expect(page.get_by_role("heading", name="Urgent: the taper is stopped")).to_be_visible()
    # One change a day, but a red flag never waits.
    page.get_by_role("textbox", name="Why").fill("Seizure this morning")
    view.look("planner-red-flag")
    page.get_by_role("button", name="Save this change to the chart").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    expect(page.get_by_role("heading", name="Urgent: the taper is stopped")).to_be_visible()
    view.look("planner-stopped")
    assert records(demo, "CarePlan", "draft") == []
    assert records(demo, "MedicationRequest", "draft") == []


def test_a_schedule_is_typed_in_judged_and_mended(demo: Any, window: Callable[[str], Any]) -> None:
    view = window(demo.ehr)
    page = opened(demo, view, "birch")
    page.get_by_role("radio", name="Own schedule, typed in").check()
    expect(page.locator("#course-error")).to_contain_text("Type the schedule, one step a line")
    lines = page.get_by_label("One step a line")
    lines.press_sequentially("28 days 0.5 mg")
    lines.press("Enter")
    lines.press_sequentially("28 days 0.75 mg")
    forbidden = page.get_by_role("heading", name="Judged, and not to be saved")
    expect(forbidden).to_be_visible()
    expect(page.get_by_text("The course has no end").first).to_be_visible()
    expect(lines).to_be_focused()
    view.look("planner-typed-judged")
    lines.fill("28 days 0.75 mg\n28 days 0.5 mg\n28 days 0.25 mg\nthen 0 mg")
    expect(forbidden).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Save "))).to_be_enabled()
    assert page.evaluate("window.sameDocument === true")
    view.look("planner-typed")
