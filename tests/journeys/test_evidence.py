"""The page of rules and sources in a browser, of a site that has chosen much."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from clinical.findings import CheckId
from clinical.policy import CheckChoice, default_policy
from taperguard.evidence_page import routes
from taperguard.headers import ResponseHeaders

pytestmark = pytest.mark.xdist_group("evidence")


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the page of a site that has chosen much, and of one EHR that differs."""
    shipped = default_policy()
    checks = {
        **shipped.checks,
        CheckId.PREGNANCY: CheckChoice(shadow=True),
        CheckId.BREATHING: CheckChoice(on=False),
    }
    policy = replace(shipped, high_dose_mg_per_day=Fraction(3, 2), checks=checks)
    north = replace(policy, older_adult_from_years=70)
    page = Starlette(routes=routes(development=False, policy=policy, by_ehr={"North": north}))
    server = uvicorn.Server(
        uvicorn.Config(ResponseHeaders(page, development=False), port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_a_site_s_own_numbers_are_told_accessibly(site: str, window: Callable[[str], Any]) -> None:
    view = window(site)
    view.page.goto("/evidence#high-dose")
    assert "this site: 1.5" in view.page.locator("#high-dose").inner_text()
    assert "North: 70" in view.page.locator("#older-adult-fall-risk").inner_text()
    assert "4 differences" in view.page.locator(".facts").inner_text()
    view.look("evidence-site")


@pytest.mark.parametrize(("width", "media"), [(1440, "screen"), (768, "screen"), (720, "print")])
def test_nothing_reaches_beyond_a_wide_screen_or_a_sheet_of_paper(
    site: str, window: Callable[[str], Any], width: int, media: str
) -> None:
    page = window(site).page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(media=media)
    page.goto("/evidence")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("navigation").is_visible() == (media == "screen")


def test_a_link_leads_to_the_check_or_number_that_it_names(
    site: str, window: Callable[[str], Any]
) -> None:
    """A card that links to /evidence#high-dose shows that check first, and so does a key."""
    page = window(site).page
    page.goto("/evidence")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the rules"
    page.get_by_role("navigation").get_by_role("link", name="A high dose of clonazepam").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/evidence#high-dose")
    assert 0 <= page.locator("#high-dose").bounding_box()["y"] < 100
    page.goto("/evidence#cap_percent")
    assert page.locator("#cap_percent").is_visible()
