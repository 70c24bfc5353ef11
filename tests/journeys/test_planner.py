"""From the card into the planner and back into the chart, through the real parts in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

pytestmark = [pytest.mark.xdist_group("ordering"), pytest.mark.browser]


def drafts_of(ehr: str, patient: str) -> dict[str, dict[str, Any]]:
    """The draft orders in a patient's chart, by id."""
    answer = httpx2.get(
        f"{ehr}/fhir/MedicationRequest?patient={patient}&status=draft&_count=200"
    ).json()
    return {entry["resource"]["id"]: entry["resource"] for entry in answer.get("entry", [])}


def test_from_the_card_into_the_planner_and_back_into_the_chart(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto("/patients/kestrel/orders")
    page.get_by_label("Medication", exact=True).fill("clonazepam 1 mg tablet")
    page.get_by_label("Dose each time").fill("1")
    page.get_by_label("How often").select_option(label="three times a day")
    page.get_by_label("Quantity").fill("90")
    view.press(page.get_by_role("button", name="Add to orders"))
    with page.expect_popup() as opened:
        page.get_by_role("article").first.get_by_role("link", name="Open the taper planner").click()
    planner = opened.value
    planner.wait_for_load_state()
    assert planner.url.startswith(f"{demo.service}/planner/")
    assert "Synthetic-Kestrel" in planner.inner_text("body")
    assert "synthetic" in planner.inner_text("body")

    planner.get_by_label("10 % of the current dose every 2 weeks").check()
    planner.get_by_role("button", name="Show this plan").click()
    planner.wait_for_load_state()
    assert "pace=asam-2025" in planner.url
    for box in planner.locator("form input[type=checkbox][name^=confirm]").all():
        box.check()
    before = drafts_of(demo.ehr, "kestrel")
    planner.get_by_role("button", name="drafts to the chart").click()
    planner.wait_for_load_state()
    written = drafts_of(demo.ehr, "kestrel")
    new = {key: order for key, order in written.items() if key not in before}
    assert new
    for order in new.values():
        assert (order["status"], order["intent"]) == ("draft", "order")
        assert len(order["dosageInstruction"]) == 1

    cookies = {cookie["name"]: cookie["value"] for cookie in planner.context.cookies()}
    assert "code=" not in planner.url
    assert "eyJ" not in planner.content()  # no JWT in the page
    assert not any(value.startswith("eyJ") for value in cookies.values())


def test_two_patients_in_two_tabs_never_mix(demo: Any, window: Callable[[str], Any]) -> None:
    context = window(demo.ehr).context
    birch, heron = context.new_page(), context.new_page()
    birch.goto(f"{demo.ehr}/launch/birch")
    heron.goto(f"{demo.ehr}/launch/heron")
    birch.reload()
    assert "Synthetic-Birch" in birch.inner_text("body")
    assert "Synthetic-Heron" in heron.inner_text("body")
    assert birch.url != heron.url


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        ("cedar", "clonazepam"),  # none is current
        ("dogwood", "neurology"),  # a seizure disorder
    ],
)
def test_where_no_taper_is_possible_the_page_says_what_is(
    demo: Any, window: Callable[[str], Any], patient: str, words: str
) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto(f"/launch/{patient}")
    assert words in page.inner_text("main")
    view.look(f"planner-{patient}")
    assert page.get_by_role("button", name="drafts to the chart").count() == 0


def test_a_callback_that_nobody_started_is_refused_in_a_sentence(
    demo: Any, window: Callable[[str], Any]
) -> None:
    page = window(demo.ehr).page
    answer = page.goto(f"{demo.service}/smart/callback?code=x&state=y")
    assert answer.status == 400
    assert page.inner_text("main").strip()


def test_standalone_the_patient_is_picked_at_the_ehr(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto(f"{demo.service}/smart/launch?iss={demo.ehr}/fhir")
    assert page.url.startswith(f"{demo.ehr}/auth/")
    view.look("picker")
    page.get_by_role("button", name="Synthetic-Birch").or_(
        page.get_by_role("link", name="Synthetic-Birch")
    ).first.click()
    page.wait_for_url(f"{demo.service}/planner/**")
    assert "Synthetic-Birch" in page.inner_text("body")
    view.look("planner")


def test_the_planner_works_in_a_frame_of_the_ehr(demo: Any, window: Callable[[str], Any]) -> None:
    """The EHR is another site to the browser: localhost frames 127.0.0.1."""
    page = window(demo.ehr).page
    page.goto("/patients/heron/app")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Show this plan").wait_for()
    assert "Synthetic-Heron" in frame.locator("body").inner_text()
    frame.get_by_role("radio", name="10 % of the current dose every 4 weeks").check()
    frame.get_by_role("button", name="Show this plan").click()
    frame.get_by_role("heading", name="10 % of the current dose every 4 weeks").wait_for()
    assert frame.get_by_role("button", name="drafts to the chart").count() == 1


def test_the_evidence_page_is_accessible(demo: Any, window: Callable[[str], Any]) -> None:
    view = window(demo.ehr)
    view.page.goto(f"{demo.service}/evidence")
    assert "Rules and sources" in view.page.title()
    view.look("evidence")
