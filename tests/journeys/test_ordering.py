"""A prescriber at the ordering screen: the real service and the sandbox EHR over real HTTP."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ehr_screen import Screen

pytestmark = pytest.mark.xdist_group("ordering")

Ordering = Callable[[str], Screen]
DOWN = "The safety check did not answer; you can sign with your own judgement."


def resource(screen: Screen, path: str) -> dict[str, Any]:
    answer = screen.client.get(f"/fhir/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def orders_of(screen: Screen, patient: str, status: str) -> dict[str, dict[str, Any]]:
    """The orders in a patient's chart with this status, by id."""
    bundle = resource(screen, f"MedicationRequest?patient={patient}&status={status}&_count=200")
    return {entry["resource"]["id"]: entry["resource"] for entry in bundle.get("entry", [])}


# --- without a browser ------------------------------------------------------------------------


def test_from_an_order_of_3_mg_a_day_to_a_taper_in_the_chart(ordering: Ordering) -> None:
    """Walter Synthetic-Nettle, 81, on 2 mg a day: Ruth's walk without a browser.

    Ruth herself is kept for the browser, because what is signed stays signed.
    """
    screen = ordering("nettle")
    (present,) = [key for key in orders_of(screen, "nettle", "active") if "clonazepam" in key]
    screen.add(amount="1", quantity="90", replaces=f"MedicationRequest/{present}")
    assert screen.cards, screen.words
    card, suggestion = screen.suggestions[0]
    assert screen.post("accept", card=card, suggestion=suggestion) == 303, screen.words
    drafts = screen.drafts
    assert drafts
    assert "Accepted: Taper from 2 mg/day" in screen.words
    screen.sign()
    active = orders_of(screen, "nettle", "active")
    assert set(drafts) <= set(active)
    for key in drafts:
        assert active[key]["requester"] == {"reference": "Practitioner/hazel"}
        assert active[key]["priorPrescription"]["reference"].startswith("MedicationRequest/")
    assert present not in active
    assert orders_of(screen, "nettle", "stopped")[present]["status"] == "stopped"
    assert "taperguard-" not in str(sorted(active))
    chart = screen.client.get("/patients/nettle").text
    assert "replaced by an order signed on" in chart


def test_what_was_accepted_reaches_the_service(ordering: Ordering) -> None:
    screen = ordering("oak")
    screen.add()
    card, suggestion = screen.suggestions[0]
    screen.post("accept", card=card, suggestion=suggestion)
    for _ in range(40):
        screen.open()
        if "delivered" in screen.html:
            break
    inspector = re.sub(r"<[^>]+>", " ", screen.html.partition('id="inspector"')[2])
    assert "delivered (HTTP status 20" in inspector


def test_an_order_that_rightly_raises_nothing(ordering: Ordering) -> None:
    """Lisinopril is no concern of the clonazepam check: it answers, and with no card."""
    screen = ordering("dogwood")
    screen.add("lisinopril 10 mg tablet", frequency="once-a-day", quantity="30")
    assert screen.cards == []
    assert "has nothing to say" in screen.words
    screen.sign()
    assert "Signed 1 order" in screen.words


# --- in a browser -----------------------------------------------------------------------------


def fill_in(page: Any, **fields: str) -> None:
    page.get_by_label("Medication", exact=True).fill(fields["product"])
    page.get_by_label("Dose each time").fill(fields["amount"])
    page.get_by_label("How often").select_option(label=fields["often"])
    page.get_by_label("Quantity").fill(fields["quantity"])
    if "replaces" in fields:
        page.get_by_label("Replaces").select_option(label=fields["replaces"])


@pytest.mark.browser
def test_the_72_year_old_from_order_to_signed_taper(
    demo: Any, window: Callable[[str], Any], readme_picture: Callable[[Any], None]
) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto("/")
    view.look("patients")
    page.get_by_label("Filter by name or story").fill("ruth")
    view.press(page.get_by_role("button", name="Filter"))
    view.press(page.get_by_role("link", name="Order for Ruth Synthetic-Alder"))
    view.look("orders-empty")

    view.press(page.get_by_role("button", name="Add to orders"))
    assert page.locator(":focus").get_attribute("name") == "product"
    view.look("orders-incomplete")

    present = "clonazepam 1 mg tablet: Take 1 tablet by mouth twice a day"
    fill_in(
        page,
        product="clonazepam 1 mg tablet",
        amount="1",
        often="three times a day",
        quantity="90",
        replaces=present,
    )
    assert "Take 1 tablet by mouth three times a day. 90 last 30 days." in page.inner_text("form")
    view.press(page.get_by_role("button", name="Add to orders"))

    card = page.get_by_role("article").first
    assert "Clonazepam 3 mg/day (raised from 2) with oxycodone, age 72" in card.inner_text()
    assert "Critical" in card.inner_text()
    view.look("cards", every_scene=True)
    page.get_by_text(re.compile("^Inspector: ")).click()
    page.get_by_text("Request", exact=True).first.click()
    assert '"hook": "order-select"' in page.locator("pre").first.inner_text()
    view.look("inspector")
    page.get_by_text(re.compile("^Inspector: ")).click()
    readme_picture(page)

    recommended = card.locator(".recommended")
    assert "Taper from 2 mg/day" in recommended.inner_text()
    view.press(recommended.get_by_role("button"))
    assert "Accepted: Taper from 2 mg/day" in page.get_by_role("status").first.inner_text()
    count = page.locator(".draft").count()
    assert count >= 2
    view.look("accepted")
    view.press(page.get_by_role("button", name="Accept Add naloxone"))
    assert page.locator(".draft").count() == count + 1

    view.sign(f"Sign {count + 1} orders")
    assert f"Signed {count + 1} orders" in page.get_by_role("status").first.inner_text()
    view.look("signed")

    view.press(page.get_by_role("link", name="Chart", exact=True))
    current = page.locator(".current").inner_text()
    assert "naloxone" in current
    assert "Take 1 tablet by mouth twice a day" not in current
    assert "Take 1 tablet by mouth twice a day" in page.locator(".past").inner_text()
    view.look("chart-after", every_scene=True)


@pytest.mark.browser
def test_an_override_with_a_reason(demo: Any, window: Callable[[str], Any]) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto("/patients/heron/orders?again=heron-clonazepam")
    view.press(page.get_by_role("button", name="Add to orders"))
    card = page.get_by_role("article").first
    view.press(card.get_by_role("button", name=re.compile("^Override")))
    assert "Choose a reason for overriding the card." in page.get_by_role("alert").inner_text()
    view.look("override-refused")
    card = page.get_by_role("article").first
    card.get_by_label("Override because").select_option(
        label="The benefit outweighs the risk for this patient"
    )
    card.get_by_label(re.compile("^Comment")).fill("Attacks returned on 1.5 mg.")
    view.press(card.get_by_role("button", name=re.compile("^Override")))
    answered = page.get_by_role("article").first.inner_text()
    assert "Overridden: The benefit outweighs the risk for this patient" in answered
    assert "Attacks returned on 1.5 mg." in answered
    view.look("overridden")
    view.sign(re.compile("^Sign 1 order"))
    assert "Signed 1 order" in page.get_by_role("status").first.inner_text()
    _is_told_to_the_clinical_owner(window(demo.service))


def _is_told_to_the_clinical_owner(view: Any) -> None:
    """By way of the EHR's feedback and of a worker, each of which may take a moment."""
    view.page.goto("/reports/sandbox/cards")
    view.press(view.page.get_by_role("link", name="Sign in at"))
    view.press(view.page.get_by_role("button", name="Synthetic-Hazel"))
    for _ in range(60):
        if "The benefit outweighs the risk" in view.page.inner_text("main"):
            break
        time.sleep(0.5)
        view.page.reload()
    view.look("cards-of-the-demo")
    row = view.page.get_by_role("row", name="The benefit outweighs the risk for this patient")
    assert row.get_by_role("cell").first.inner_text() == "1"
    assert "Attacks returned" not in view.page.content()


@pytest.mark.browser
def test_an_order_that_raises_nothing_is_signed_with_one_click(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    page = view.page
    page.goto("/patients/birch/orders?again=birch-clonazepam")
    view.press(page.get_by_role("button", name="Add to orders"))
    assert "has nothing to say" in page.get_by_role("region", name="Safety check").inner_text()
    assert page.get_by_role("article").count() == 0
    view.look("quiet")
    view.press(page.get_by_role("button", name="Sign 1 order"))
    assert "Signed 1 order" in page.get_by_role("status").first.inner_text()


@pytest.mark.browser
def test_when_the_service_is_down_the_prescriber_is_told_and_signs(
    lonely: str, window: Callable[[str], Any]
) -> None:
    view = window(lonely)
    page = view.page
    page.goto("/patients/alder/orders?again=alder-clonazepam")
    view.press(page.get_by_role("button", name="Add to orders"))
    assert DOWN in page.get_by_role("region", name="Safety check").inner_text()
    view.look("down")
    view.press(page.get_by_role("button", name="Sign 1 order"))
    view.press(page.get_by_role("button", name="Sign 1 order without the check"))
    assert "Signed 1 order" in page.get_by_role("status").first.inner_text()


class Reviewer:
    """A small CDS service of somebody else that wants to know when a chart is opened."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, body: bytes) -> Any:
        if not body:
            prefetch = {"patient": "Patient/{{context.patientId}}"}
            service = {"hook": "patient-view", "id": "review", "title": "Clonazepam review"}
            return {"services": [{**service, "description": "x", "prefetch": prefetch}]}
        self.asked.append(json.loads(body))
        time.sleep(self.seconds)
        card = {
            "uuid": "one",
            "summary": "Clonazepam 2 mg/day for 7 months; no review of the need for it is recorded",
            "indicator": "info",
            "detail": "Since 23 Apr 2026.\n\n| Order | mg/day |\n|---|--:|\n| 1 mg tablet | 2 |",
            "source": {"label": "Clonazepam review", "url": f"{self.url}/why"},
            "links": [
                {"label": "Rules and sources", "url": f"{self.url}/rules", "type": "absolute"}
            ],
        }
        return {"cards": [card]}


@pytest.fixture
def reviewer() -> Iterator[Reviewer]:
    told = Reviewer()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = json.dumps(told.answer(self.rfile.read(length))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
def test_what_a_service_says_of_a_chart_is_shown_in_it_quietly(
    reviewer: Reviewer, ehr_asking: Callable[[str], str], window: Callable[[str], Any]
) -> None:
    view = window(ehr_asking(reviewer.url))
    page = view.page
    said = page.get_by_role("region", name="Decision support on this chart")
    page.goto("/patients/heron")
    while "did not answer" in said.inner_text():  # a second is short on a busy machine
        page.reload()
    assert "Information" in said.inner_text()
    assert "Clonazepam 2 mg/day for 7 months" in said.inner_text()
    assert page.get_by_role("article").count() == 0  # it asks for no decision
    said.get_by_text("Detail").click()
    view.look("chart-reviewed")
    view.press(page.get_by_role("link", name="Orders", exact=True))
    assert "Clonazepam 2 mg/day for 7 months" in page.get_by_role("complementary").inner_text()
    view.look("orders-reviewed")
    page.get_by_text(re.compile("^Inspector: ")).click()
    page.get_by_text("Request", exact=True).first.click()
    assert '"hook": "patient-view"' in page.locator("pre").first.inner_text()
    assert reviewer.asked[-1]["context"]["encounterId"] == "heron-visit"


@pytest.mark.browser
def test_a_service_that_sleeps_does_not_keep_a_chart_closed(
    reviewer: Reviewer, ehr_asking: Callable[[str], str], window: Callable[[str], Any]
) -> None:
    view = window(ehr_asking(reviewer.url))
    page = view.page
    page.goto("/patients/heron")
    reviewer.seconds = 8
    began = time.monotonic()
    page.goto("/patients/alder", wait_until="commit")
    assert time.monotonic() - began < 4  # a second, and what a busy machine adds; not eight
    assert "Clonazepam review did not answer. The chart is here without it" in page.inner_text(
        "main"
    )
    assert "clonazepam 1 mg tablet" in page.inner_text(".current")
    view.look("chart-without-review")


def enter(page: Any) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.browser
def test_the_whole_walk_by_keyboard_and_without_script(demo: Any, chromium: Any) -> None:
    """Tab, type, Enter: no pointer, no script."""
    context = chromium.new_context(base_url=demo.ehr, java_script_enabled=False)
    page = context.new_page()
    page.goto("/patients/iris/orders")
    page.get_by_label("Medication", exact=True).focus()
    page.keyboard.type("clonazepam 0.5 mg tablet")
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("at bed")
    page.keyboard.press("Tab")
    page.keyboard.type("14")
    enter(page)
    assert "Take 1 tablet by mouth at bedtime" in page.locator(".draft").inner_text()
    page.get_by_role("button", name="Sign 1 order").focus()
    enter(page)
    if page.get_by_text("Not signed yet").count():
        page.get_by_role("button", name=re.compile("^Sign 1 order")).focus()
        enter(page)
    assert "Signed 1 order" in page.get_by_role("status").first.inner_text()
    context.close()
