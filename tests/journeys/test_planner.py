"""From the card into the planner and back into the chart, through the real parts in a browser."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import ehr_patients
import httpx2
import pytest
from ehr_screen import Screen
from planner_screen import FASTER, SLOW, Planner

from store import smart_sessions
from store.database import make_engine, reading
from taperguard import settings as settings_module
from taperguard import wiring

pytestmark = [pytest.mark.xdist_group("ordering"), pytest.mark.browser]


def drafts_of(ehr: str, patient: str) -> dict[str, dict[str, Any]]:
    """The draft orders in a patient's chart, by id."""
    answer = httpx2.get(
        f"{ehr}/fhir/MedicationRequest?patient={patient}&status=draft&_count=200"
    ).json()
    return {entry["resource"]["id"]: entry["resource"] for entry in answer.get("entry", [])}


def order_again(view: Any, patient: str) -> None:
    """Clonazepam 1 mg three times a day, in the ordering screen."""
    page = view.page
    page.goto(f"/patients/{patient}/orders")
    page.get_by_label("Medication", exact=True).fill("clonazepam 1 mg tablet")
    page.get_by_label("Dose each time").fill("1")
    page.get_by_label("How often").select_option(label="three times a day")
    page.get_by_label("Quantity").fill("90")
    view.press(page.get_by_role("button", name="Add to orders"))


def from_the_card(demo: Any, page: Any) -> Any:
    """Click the planner's link of the first card; the tab that it opens."""
    with page.expect_popup() as popup:
        page.get_by_role("article").first.get_by_role("link", name="Open the taper planner").click()
    tab = popup.value
    tab.wait_for_url(f"{demo.service}/planner/**")
    return tab


def from_app(page: Any) -> list[str]:
    """The drafts of the planner on the worklist, each in its words."""
    texts: list[str] = page.locator(".from-app .draft").all_inner_texts()
    return texts


def opened(demo: Any, page: Any, patient: str) -> Planner:
    """The planner of a patient in this page, launched by the EHR."""
    page.goto(f"/launch/{patient}")
    page.wait_for_url(f"{demo.service}/planner/**")
    return Planner(page)


# --- the whole way ----------------------------------------------------------------------------


def test_from_the_card_into_the_planner_and_back_into_the_chart(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    order_again(view, "kestrel")
    tab = from_the_card(demo, page)
    planner = Planner(tab)
    assert "Synthetic-Kestrel" in planner.words
    assert "synthetic" in planner.words
    assert tab.get_by_role("radio", name=SLOW).is_checked()  # recommended, after years of use
    planner.choose(FASTER)
    assert drafts_of(demo.ehr, "kestrel") == {}
    planner.save()
    view.look("planner-saved", tab)

    written = drafts_of(demo.ehr, "kestrel")
    assert written
    for order in written.values():
        assert (order["status"], order["intent"]) == ("draft", "order")
        assert len(order["dosageInstruction"]) == 1
    assert_no_secret_is_seen(demo, tab, asked, "kestrel")

    # Back in the ordering screen: the drafts wait beside the order that was begun.
    page.reload()
    assert len(from_app(page)) == len(written)
    assert page.get_by_role("heading", name="Drafts from TaperGuard planner").count() == 1
    view.look("orders-with-drafts-of-the-planner")
    # The order that was begun is looked at again: its card says what is planned.
    view.press(page.get_by_role("button", name=re.compile("^Sign clonazepam 1 mg tablet")))
    view.press(page.get_by_role("button", name=re.compile("^Sign clonazepam 1 mg tablet")))
    assert "a taper is in progress" in page.get_by_role("article").first.inner_text()
    view.press(page.get_by_role("button", name=re.compile("^Remove clonazepam 1 mg tablet")))
    view.press(page.get_by_role("button", name="Select all drafts from apps"))
    assert "Signing will make this care plan active" in page.inner_text(".signing")
    view.press(page.get_by_role("link", name="Chart", exact=True))
    assert page.get_by_role("heading", name=re.compile("^Care plan: Clonazepam taper")).count() == 1
    assert "draft, from TaperGuard planner" in page.inner_text(".current")
    view.look("chart-with-plan")
    view.look_at_print("chart-with-plan")

    view.press(page.get_by_role("link", name="Orders", exact=True))
    view.sign(re.compile(f"^Sign {len(written)} order"))
    assert f"Signed {len(written)} order" in page.get_by_role("status").first.inner_text()
    assert drafts_of(demo.ehr, "kestrel") == {}
    for key in written:
        order = httpx2.get(f"{demo.ehr}/fhir/MedicationRequest/{key}").json()
        assert order["status"] == "active"
    view.press(page.get_by_role("link", name="Chart", exact=True))
    assert "Status active" in " ".join(page.locator(".plan dl").inner_text().split())

    # The next order.
    order_again(view, "kestrel")
    assert "a taper is in progress" in page.get_by_role("article").first.inner_text()


def test_standalone_the_patient_is_picked_at_the_ehr_and_the_plan_is_in_the_chart(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto(f"{demo.service}/smart/launch?iss={demo.ehr}/fhir")
    assert page.url.startswith(f"{demo.ehr}/auth/")
    view.look("picker")
    page.get_by_role("button", name="Synthetic-Juniper").click()
    page.wait_for_url(f"{demo.service}/planner/**")
    planner = Planner(page)
    assert "Synthetic-Juniper" in planner.words
    view.look("planner", every_scene=True)
    view.look_at_print("planner")
    planner.choose(SLOW)
    planner.save()
    written = drafts_of(demo.ehr, "juniper")
    page.goto("/patients/juniper/orders")
    assert len(from_app(page)) == len(written) > 0
    page.goto("/patients/juniper")
    assert page.get_by_role("heading", name=re.compile("^Care plan: Clonazepam taper")).count() == 1


def test_in_a_frame_of_the_ehr_a_plan_is_saved_and_found_in_the_chart(
    demo: Any, window: Callable[[str], Any]
) -> None:
    """The EHR is another site to the browser: localhost frames 127.0.0.1."""
    view = window(demo.ehr)
    page = view.page
    page.goto("/patients/heather")
    view.press(page.get_by_role("link", name="Taper planner", exact=True))
    framed = page.frame_locator("iframe")
    planner = Planner(framed)
    planner.save_button.wait_for()
    assert "Synthetic-Heather" in planner.words
    frame = page.locator("iframe").bounding_box()
    assert (frame["width"], frame["x"]) == (1024, 0)
    assert frame["height"] >= 600
    assert page.evaluate("document.documentElement.scrollHeight") <= 768  # only the app scrolls
    view.look("framed")
    planner.choose(SLOW)
    planner.save()
    view.look("framed-saved")
    written = drafts_of(demo.ehr, "heather")
    view.press(page.get_by_role("link", name="Orders", exact=True))
    assert len(from_app(page)) == len(written) > 0
    view.press(page.get_by_role("link", name="Chart", exact=True))
    assert page.get_by_role("heading", name=re.compile("^Care plan: Clonazepam taper")).count() == 1
    # Opened again, it is found and not offered a second time.
    view.press(page.get_by_role("link", name="Taper planner", exact=True))
    planner.choose(SLOW)
    planner.saved.wait_for()
    assert planner.save_button.count() == 0


def test_two_patients_in_two_tabs_never_mix(demo: Any, window: Callable[[str], Any]) -> None:
    context = window(demo.ehr).context
    birch, heron = context.new_page(), context.new_page()
    birch.goto(f"{demo.ehr}/launch/birch")
    heron.goto(f"{demo.ehr}/launch/heron")
    birch.reload()
    assert "Synthetic-Birch" in birch.inner_text("body")
    assert "Synthetic-Heron" in heron.inner_text("body")
    assert birch.url != heron.url


def test_a_plan_saved_in_one_of_two_tabs_is_in_that_patients_chart_alone(
    demo: Any, window: Callable[[str], Any]
) -> None:
    context = window(demo.ehr).context
    first, second = context.new_page(), context.new_page()
    osprey, egret = opened(demo, first, "osprey"), opened(demo, second, "egret")
    osprey.choose(SLOW)
    egret.choose(SLOW)
    osprey.save()
    assert drafts_of(demo.ehr, "egret") == {}
    assert drafts_of(demo.ehr, "osprey")
    second.reload()
    assert egret.saved.count() == 0
    assert "Synthetic-Egret" in egret.words


# --- where no plan can be made ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "why", "possible"),
    [
        ("cedar", "no clonazepam order is current", "For a new start there is nothing to taper"),
        ("dogwood", "neurology", "Keep the present dose until then"),
        ("mallow", "the present dose cannot be computed", "Ask the patient, a carer or the"),
    ],
)
def test_where_no_taper_is_possible_the_page_says_what_is(
    demo: Any, window: Callable[[str], Any], patient: str, why: str, possible: str
) -> None:
    """Without clonazepam; with a seizure disorder; "take as directed"."""
    view = window(demo.ehr)
    page = view.page
    planner = opened(demo, page, patient)
    main = page.inner_text("main")
    assert why in main
    assert "What is possible" in main
    assert possible in main
    assert planner.save_button.count() == 0
    view.look(f"planner-{patient}")


# --- what goes wrong --------------------------------------------------------------------------


def test_without_the_confirmations_nothing_is_written_and_the_page_says_which(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    planner = opened(demo, page, "finch")
    assert planner.confirmations
    # The browser would ask for them itself; the service does not rely on it.
    page.evaluate("for (const form of document.forms) form.noValidate = true")
    planner.save_button.click()
    page.get_by_role("alert").first.wait_for()
    assert "Nothing was written. Before saving, confirm" in page.inner_text("main")
    assert drafts_of(demo.ehr, "finch") == {}
    view.look("planner-not-confirmed")


def test_a_chart_that_changed_since_the_preview_is_shown_again_before_anything_is_written(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    planner = opened(demo, page, "sage")
    planner.choose(SLOW)
    with httpx2.Client(base_url=demo.ehr, timeout=20, trust_env=False) as client:
        screen = Screen(client, "sage")
        screen.add(
            "clonazepam 0.5 mg tablet",
            frequency="at-bedtime",
            quantity="28",
            replaces="MedicationRequest/sage-clonazepam",
        )
        screen.sign()
    planner.confirm()
    planner.save_button.click()
    page.get_by_role("alert").first.wait_for()
    assert "the chart or the plan has changed since the preview" in page.inner_text("main")
    assert drafts_of(demo.ehr, "sage") == {}
    view.look("planner-chart-changed")


def test_a_session_that_has_ended_says_what_is_safe_and_what_to_do(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    planner = opened(demo, page, "linnet")
    with sqlite3.connect(demo.data / "taperguard.db", timeout=20) as db:
        launch = page.url.partition("/planner/")[2].partition("?")[0]
        ended = db.execute(
            "UPDATE smart_sessions SET expires_at = started_at WHERE launch_id = ?", (launch,)
        )
        assert ended.rowcount == 1
    db.close()
    planner.confirm()
    planner.save_button.click()
    page.get_by_text("The sign-in to the EHR has ended").first.wait_for()
    assert "Nothing was written to the chart" in page.inner_text("main")
    assert "Open the planner again" in page.inner_text("main")
    view.look("planner-session-ended")


# --- what nobody may see ----------------------------------------------------------------------


def secrets_of(demo: Any) -> list[str]:
    """All tokens that the service holds, opened with the keys of its own data folder."""
    settings = settings_module.load(data=demo.data)
    engine, sealer = (
        make_engine(f"sqlite:///{demo.data / 'taperguard.db'}"),
        wiring.sealer(settings),
    )
    found = []
    with reading(engine) as connection:
        rows = connection.exec_driver_sql("SELECT launch_id FROM smart_sessions").fetchall()
        for (launch_id,) in rows:
            session = smart_sessions.again(connection, launch_id, sealer=sealer)
            assert session is not None
            tokens = session.kept["tokens"]
            found += [tokens["access"], tokens["refresh"]]
    engine.dispose()
    return [token for token in found if token]


def patients_of(demo: Any) -> list[str]:
    """Each patient's id, names and birth date, of all pages."""
    words = set()
    for patient in ehr_patients.all_of(demo.ehr):
        words.add(patient["id"])
        for name in patient["name"]:
            words |= {name.get("family", ""), *name.get("given", [])}
        words.add(patient.get("birthDate", ""))
    return sorted(word for word in words if len(word) > 2 and not word.isdigit())


def assert_no_secret_is_seen(demo: Any, tab: Any, asked: list[str], patient: str) -> None:
    """No token where a person or a log can see it, and no patient in a log or an address."""
    tokens = secrets_of(demo)
    assert len(tokens) >= 2
    cookies = str(tab.context.cookies())
    ours = [url for url in asked if url.startswith(demo.service)]
    assert any("/smart/callback" in url for url in ours)
    for token in (*tokens, "eyJ"):  # "eyJ" begins every JWT
        assert token not in tab.content()
        assert token not in cookies
        assert not any(token in url for url in asked)
    assert "code=" not in tab.url
    assert not any(re.search(rf"\b{patient}\b", url, re.IGNORECASE) for url in ours)
    assert patient not in cookies.lower()
    logs = demo.logs()
    assert logs
    for token in (*tokens, "eyJ"):
        assert token not in logs
    patients = patients_of(demo)
    assert {"kestrel", "Synthetic-Kestrel"} <= set(patients)
    seen = [word for word in patients if re.search(rf"\b{re.escape(word)}\b", logs)]
    assert seen == []
