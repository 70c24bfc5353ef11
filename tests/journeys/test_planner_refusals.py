"""Launches that are refused, and one that signs in with a key: service and sandbox EHR joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from planner_screen import Planner

pytestmark = [pytest.mark.xdist_group("ordering"), pytest.mark.browser]


def callback_of(demo: Any, page: Any, patient: str) -> str:
    """Launch the planner; the address at which the EHR gave the code back."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/launch/{patient}")
    page.wait_for_url(f"{demo.service}/planner/**")
    (callback,) = [url for url in asked if url.startswith(f"{demo.service}/smart/callback")]
    return callback


def refused(page: Any, url: str, sentence: str) -> str:
    """The words of the page that refuses: a sentence, what is safe and what to do."""
    answer = page.goto(url)
    assert answer.status == 400
    words: str = page.inner_text("main")
    assert sentence in words
    assert "What is safe" in words
    assert "What to do next" in words
    return words


def test_a_callback_that_nobody_started_is_refused_in_a_sentence(
    demo: Any, window: Callable[[str], Any]
) -> None:
    view = window(demo.ehr)
    refused(view.page, f"{demo.service}/smart/callback?code=x&state=y", "Nothing was read")
    view.look("planner-refused")


def test_a_callback_with_another_state_is_refused(demo: Any, window: Callable[[str], Any]) -> None:
    page = window(demo.ehr).page
    state = httpx2.URL(callback_of(demo, page, "pine")).params["state"]
    url = httpx2.URL(callback_of(demo, page, "pine")).copy_set_param("state", state[::-1])
    refused(page, str(url), "Nothing was read from the chart")


def test_a_replayed_callback_is_refused_and_the_planner_stays_open(
    demo: Any, window: Callable[[str], Any]
) -> None:
    page = window(demo.ehr).page
    callback = callback_of(demo, page, "pine")
    planner = page.url
    refused(page, callback, "Nothing was read from the chart")
    page.goto(planner)
    assert "Synthetic-Pine" in page.inner_text("body")


def test_a_callback_in_another_browser_is_refused(demo: Any, window: Callable[[str], Any]) -> None:
    """Whoever gets hold of the address has no planner by it, and no chart."""
    owner, other = window(demo.ehr).page, window(demo.ehr).page
    callback = callback_of(demo, owner, "pine")
    refused(other, callback, "Nothing was read from the chart")
    answer = other.goto(owner.url)
    assert answer.status == 401
    assert "Synthetic-Pine" not in other.content()


def test_an_issuer_that_is_not_registered_is_not_even_asked(
    demo: Any, window: Callable[[str], Any]
) -> None:
    page = window(demo.ehr).page
    for issuer in ("http://ehr.test/fhir", f"{demo.ehr}/other", f"{demo.ehr}.evil.test/fhir"):
        url = f"{demo.service}/smart/launch?iss={issuer}&launch=abc"
        refused(page, url, "The planner was opened by an EHR that it does not know.")


def test_a_launch_that_the_ehr_did_not_make_is_refused_by_both(
    demo: Any, window: Callable[[str], Any]
) -> None:
    page = window(demo.ehr).page
    page.goto(f"{demo.service}/smart/launch?iss={demo.ehr}/fhir&launch=made-up")
    assert page.url.startswith(f"{demo.service}/smart/callback")
    assert "What to do next" in page.inner_text("main")
    assert page.context.cookies(demo.service)


def test_the_service_signs_in_with_its_key_and_reads_the_chart(
    confidential: Any, window: Callable[[str], Any]
) -> None:
    """private_key_jwt: the EHR fetches our public keys from /.well-known/jwks.json over HTTP."""
    keys = httpx2.get(f"{confidential.service}/.well-known/jwks.json").json()["keys"]
    assert keys
    assert not any("d" in key for key in keys)
    page = window(confidential.ehr).page
    page.goto("/patients/heron/app")
    planner = Planner(page.frame_locator("iframe"))
    planner.save_button.wait_for()
    assert "Synthetic-Heron" in planner.words
    assert "Clonazepam 2 mg/day" in planner.words
    planner.save()
    page.goto("/patients/heron")
    assert "draft, from TaperGuard planner, with a key" in page.inner_text(".current")
    logs = confidential.logs()
    assert "eyJ" not in logs
    assert "Heron" not in logs
