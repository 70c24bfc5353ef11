"""The report behind the door: a shelf to fill, and browsers of users with each role."""

from __future__ import annotations

from collections.abc import Callable

import hand_shelf
import pytest
import sample_report
import smart_ehr
from hand_shelf import READER, WORKLIST
from starlette.applications import Starlette
from starlette.testclient import TestClient

from smart_app import door
from taperguard.headers import ResponseHeaders
from taperguard.reports_door import report_routes


class Reports:
    """The door with planner and report; `signed_in` is a browser of a user."""

    def __init__(self, smart) -> None:
        self.smart = smart
        self.shelf = hand_shelf.HandShelf()
        self.shelf.put(sample_report.report(), sample_report.worklist())
        routes = [*smart._pages(), *report_routes(smart.given, shelf=self.shelf)]
        self.app = ResponseHeaders(
            Starlette(routes=door.routes(smart.given, routes)), development=True
        )

    def browser(self) -> TestClient:
        return TestClient(self.app, base_url="https://planner.example", follow_redirects=False)

    def leave(self, browser: TestClient, **query: str):
        asked = {"iss": smart_ehr.BASE, **query}
        return browser.get("/reports/sign-in", params=asked)

    def come_back(self, browser: TestClient, user: str | None, **query: str):
        self.smart.ehr.claims = {
            "fhirUser": None if user is None else f"{smart_ehr.BASE}/{user}",
            "name": "Synthetic User",
        }
        self.smart.ehr.token_answer = {"patient": None}
        return browser.get(self.smart.ehr.sign_in(self.leave(browser, **query).headers["location"]))

    def signed_in(self, user: str | None) -> TestClient:
        browser = self.browser()
        answer = self.come_back(browser, user)
        assert answer.status_code == 303, answer.text
        return browser


@pytest.fixture
def reports(make_door: Callable) -> Reports:
    return Reports(make_door())


@pytest.fixture(params=[WORKLIST, READER], ids=["worklist", "report"])
def reader(request, reports) -> TestClient:
    return reports.signed_in(request.param)
