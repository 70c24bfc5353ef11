"""The planner while one works on the plan: it redraws around the person, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pdf_words
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("ordering"), pytest.mark.browser]

EVERY_2 = "10 % of the current dose every 2 weeks"
EVERY_4 = "10 % of the current dose every 4 weeks"
HALF_MG = "0.5 mg every 2 weeks down to 1 mg/day, then 0.25 mg a week"


@pytest.fixture
def view(demo: Any, window: Callable[[str], Any]) -> Any:
    """The planner of a patient, with a mark that a page load would wipe away."""
    opened = window(demo.ehr)
    opened.page.goto("/launch/birch")
    opened.page.evaluate("window.sameDocument = true")
    return opened


def same_document(page: Any) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def schedule(page: Any) -> Any:
    return page.get_by_role("heading", name=re.compile("^Schedule: "))


def test_a_changed_pace_redraws_schedule_picture_and_texts_and_keeps_the_place(view: Any) -> None:
    page = view.page
    view.look("planner-live-before")
    picture = page.locator("#taper-wide-title").text_content()
    page.get_by_text("The plan as text").click()
    pace = page.get_by_role("radio", name=EVERY_2)
    pace.focus()
    page.keyboard.press("Space")
    expect(schedule(page)).to_contain_text(EVERY_2)
    page.evaluate("window.scrollTo(0, 300)")
    before = pace.bounding_box()
    page.keyboard.press("ArrowDown")
    expect(schedule(page)).to_contain_text(HALF_MG)
    chosen = page.get_by_role("radio", name=HALF_MG)
    expect(chosen).to_be_focused()
    expect(chosen).to_be_checked()
    assert same_document(page)
    assert pace.bounding_box() == before
    assert page.locator("#taper-wide-title").text_content() != picture
    # What was opened stays open and tells the new plan; the address does too.
    expect(page.get_by_role("region", name="The plan as text")).to_contain_text(HALF_MG)
    assert "pace=nardi-2010" in page.url
    expect(page.locator("#spoken")).to_contain_text(HALF_MG)
    expect(page.locator("#result")).not_to_have_attribute("aria-busy", "true")
    view.look("planner-live-after")
    page.reload()
    expect(chosen).to_be_checked()
    expect(schedule(page)).to_contain_text(HALF_MG)
    # So does the way back from another page.
    with page.expect_navigation():
        page.get_by_role("link", name="Open the text alone").click()
    page.go_back()
    expect(chosen).to_be_checked()
    expect(schedule(page)).to_contain_text(HALF_MG)


def test_what_is_typed_stays_whatever_is_answered(view: Any) -> None:
    page = view.page
    page.get_by_role("radio", name="Reduce to a lower dose").check()
    dose = page.get_by_label("to", exact=True)
    dose.press_sequentially("99")
    expect(page.locator("#to-error")).to_be_visible()
    expect(dose).to_be_focused()
    expect(dose).to_have_value("99")
    expect(dose).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#spoken")).to_contain_text("There is no schedule yet.")
    expect(schedule(page)).to_have_count(0)
    view.look("planner-live-error")
    dose.press("Control+a")
    dose.press_sequentially("0.5")
    dose.press("Enter")
    expect(schedule(page)).to_contain_text("to 0.5 mg/day")
    expect(dose).to_be_focused()
    expect(dose).to_have_value("0.5")
    expect(page.locator("#to-error")).to_have_count(0)
    assert same_document(page)
    assert "to=0.5" in page.url


def test_an_older_answer_never_overwrites_a_newer_one(view: Any) -> None:
    page = view.page
    page.get_by_role("radio", name=EVERY_2).check()
    expect(schedule(page)).to_contain_text(EVERY_2)
    late: list[Any] = []

    def hold(route: Any) -> None:
        late.append(route)

    page.route(re.compile("pace=asam-2025-slow"), hold)
    page.get_by_role("radio", name=EVERY_4).check()
    # While the answer is awaited, the plan on the page is another than that of the form.
    expect(page.locator("#result")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("button", name=re.compile("^Save "))).to_be_disabled()
    page.get_by_role("radio", name=HALF_MG).check()
    expect(schedule(page)).to_contain_text(HALF_MG)
    expect(page.get_by_role("button", name=re.compile("^Save "))).to_be_enabled()
    (slow,) = late
    slow.continue_()
    page.wait_for_timeout(500)
    expect(schedule(page)).to_contain_text(HALF_MG)
    assert "pace=nardi-2010" in page.url


@pytest.mark.parametrize("fault", ["no answer", "an error page"])
def test_an_answer_that_does_not_come_loses_nothing(view: Any, fault: str) -> None:
    page = view.page
    page.get_by_label("First cut on").fill("2030-03-04")
    expect(schedule(page)).to_be_visible()
    expect(page.locator("#spoken")).to_contain_text("Mon 4 Mar 2030")

    def broken(route: Any) -> None:
        if fault == "no answer":
            route.abort()
        else:
            route.fulfill(status=503, body="<!doctype html><title>x</title><p>Down</p>")

    page.route(re.compile("pace=nardi-2010"), broken)
    page.get_by_role("radio", name=HALF_MG).check()
    expect(page.locator("#not-answered")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Save "))).to_be_disabled()
    expect(page.get_by_label("First cut on")).to_have_value("2030-03-04")
    expect(page.get_by_role("radio", name=HALF_MG)).to_be_checked()
    page.unroute_all()
    view.complaints.clear()  # the browser itself complains of the fault that was made here
    with page.expect_navigation():
        page.get_by_role("button", name="Show this plan").click()
    expect(schedule(page)).to_contain_text(HALF_MG)
    assert not same_document(page)
    expect(page.get_by_label("First cut on")).to_have_value("2030-03-04")


def test_the_hand_out_is_saved_as_a_file_with_the_plan_on_the_page(view: Any) -> None:
    page = view.page
    page.get_by_role("radio", name=HALF_MG).check()
    page.get_by_label("First cut on").fill("2030-03-04")
    expect(page.locator("#spoken")).to_contain_text("Mon 4 Mar 2030")
    with page.expect_download() as download:
        page.get_by_role("link", name="Hand-out (PDF)").click()
    assert download.value.suggested_filename == "clonazepam-plan.pdf"
    words = pdf_words.words_of(download.value.path().read_bytes())
    assert "Synthetic-Birch" in words
    assert "Synthetic: made for a demonstration" in words
    assert "Monday 4 March 2030 to " in words


def test_without_script_the_button_shows_the_plan(demo: Any, chromium: Any) -> None:
    context = chromium.new_context(base_url=demo.ehr, java_script_enabled=False)
    page = context.new_page()
    page.goto("/launch/birch")
    page.get_by_role("radio", name=HALF_MG).check()
    assert "pace=nardi-2010" not in page.url
    page.get_by_role("button", name="Show this plan").click()
    expect(schedule(page)).to_contain_text(HALF_MG)
    expect(page.get_by_role("button", name=re.compile("^Save "))).to_be_enabled()
    assert "pace=nardi-2010" in page.url
    context.close()


def test_the_content_policy_lets_no_script_be_made_of_text(view: Any) -> None:
    """Typed text can become no code: neither by htmx nor by anything else on the page."""
    page = view.page
    assert page.evaluate("typeof htmx.version") == "string"
    made = "() => { try { new Function('return 1')(); return 'made' } catch { return 'refused' } }"
    # Playwright's own evaluation is exempt in its frame; a timer of the page is not.
    result = page.evaluate(
        f"new Promise(r => setTimeout(() => r(({made})()), 0))",
    )
    assert result == "refused"
