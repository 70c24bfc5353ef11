"""A launch in a real browser: in a frame of the EHR on another site, and in two tabs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import smart_ehr
import uvicorn
from ports import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from store import migrate
from taperguard import wiring
from taperguard.headers import ResponseHeaders
from taperguard.settings import Settings
from taperguard.smart_door import smart_routes

pytestmark = pytest.mark.browser


@contextmanager
def serving(app: Any, host: str, port: int) -> Iterator[None]:
    """A real server in a thread of this process."""
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, lifespan="off", loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


class Site:
    """An EHR on localhost and the planner on 127.0.0.1: two sites to a browser."""

    def __init__(self, ehr: smart_ehr.FakeEhr, planner: str, stranger: str) -> None:
        self.ehr, self.planner, self.stranger = ehr, planner, stranger

    def launch(self, code: str = "abc") -> str:
        return f"{self.planner}/smart/launch?iss={self.ehr.base}&launch={code}"


@pytest.fixture
def site(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Site]:
    ehr_port, port, stranger_port = free_port(), free_port(), free_port()
    ehr = smart_ehr.FakeEhr(wiring.utc_now, f"http://localhost:{ehr_port}")
    file = tmp_path / "ehrs.toml"
    file.write_text(
        f"""
[[ehr]]
id = "fake"
name = "A pretend EHR"
issuer = "{ehr.base}"
fhir_base = "{ehr.base}"
time_zone = "UTC"
client_id = "{smart_ehr.CLIENT}"
"""
    )
    house = wiring.build(make_settings(port=port, ehrs_file=file, sandbox_port=ehr_port))
    migrate.upgrade(house.engine)
    found = Site(ehr, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{stranger_port}")

    async def frame(request: Request) -> Response:
        return HTMLResponse(f'<iframe width=1000 height=800 src="{found.launch()}"></iframe>')

    fhir = ehr.app()
    fhir.router.routes.append(Route("/chart", frame))
    door = ResponseHeaders(
        Starlette(routes=smart_routes(house, http=lambda: httpx2.AsyncClient(trust_env=False))),
        development=True,
    )
    with (
        serving(fhir, "localhost", ehr_port),
        serving(fhir, "127.0.0.1", stranger_port),
        serving(door, "127.0.0.1", port),
    ):
        yield found
    house.close()


def test_the_planner_opens_in_a_frame_of_the_ehr_on_another_site(site: Site, chromium: Any) -> None:
    page = chromium.new_context().new_page()
    page.goto(f"{site.ehr.origin}/chart")
    frame = page.frames[1]
    frame.wait_for_url(f"{site.planner}/planner/*")
    assert frame.locator("h1").count() >= 1
    assert "did not begin" not in frame.content()
    (cookie,) = page.context.cookies(site.planner)
    assert cookie["name"] == "__Host-taperguard"
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "None")
    assert cookie["partitionKey"] == "http://localhost"
    assert frame.evaluate("document.cookie") == ""
    for token in (*site.ehr.valid, *site.ehr.refresh_tokens):
        assert token not in frame.content() + frame.url
    assert "code" not in frame.url


def test_a_page_of_another_site_cannot_frame_a_planner(site: Site, chromium: Any) -> None:
    """The same page, served from an origin that is not the EHR's."""
    page = chromium.new_context().new_page()
    page.goto(f"{site.stranger}/chart")
    page.wait_for_timeout(1500)
    # Chromium shows its own error page in place of what may not be framed.
    assert page.frames[1].url == "chrome-error://chromewebdata/"
    # The launch itself came through: it was the page that was kept back.
    assert len(site.ehr.token_forms) == 1


def test_two_tabs_keep_two_patients_apart(site: Site, chromium: Any) -> None:
    context = chromium.new_context()
    tabs = [context.new_page(), context.new_page()]
    for tab, patient in zip(tabs, ("alder", "birch"), strict=True):
        site.ehr.token_answer = {"patient": patient}
        site.ehr.resources[f"Patient/{patient}"] = {
            "resourceType": "Patient",
            "id": patient,
            "name": [{"text": f"Synthetic {patient.title()}"}],
        }
        tab.goto(site.launch())
        tab.wait_for_url(f"{site.planner}/planner/*")
    for tab, name, other in zip(tabs, ("Alder", "Birch"), ("Birch", "Alder"), strict=True):
        tab.reload()
        assert f"Synthetic {name}" in tab.content()
        assert f"Synthetic {other}" not in tab.content()


def test_the_back_button_after_a_launch_ends_in_a_sentence_or_the_planner(
    site: Site, chromium: Any
) -> None:
    """The callback is no page of the history: back does not send the code again."""
    page = chromium.new_context().new_page()
    page.goto("about:blank")
    page.goto(site.launch())
    page.wait_for_url(f"{site.planner}/planner/*")
    page.go_back()
    assert page.url == "about:blank"
    page.go_forward()
    page.wait_for_url(f"{site.planner}/planner/*")
    assert len(site.ehr.token_forms) == 1
