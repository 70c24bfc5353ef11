"""The last read of a visit: drawn from for a minute, audited each time, gone after a write."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import smart_ehr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ehr.read.chart import Resources
from smart_app import door
from smart_app.last_reads import LastReads
from smart_app.visit import Visit
from store import audit
from store.database import reading

VISIT = Visit(
    launch_id="L1",
    ehr_id="test",
    ehr_name="Test EHR",
    fhir_base="https://ehr.example/fhir",
    patient_id="p1",
    user=None,
    user_name=None,
    scopes=frozenset({"patient/*.rs"}),
    csrf_token="t",
    need_patient_banner=True,
    today=date(2026, 11, 23),
)
CHART = Resources({"Patient": ({"id": "p1"},)})


@pytest.fixture
def last(clock) -> LastReads:
    return LastReads(clock)


def test_a_read_is_drawn_from_for_less_than_a_minute(last, clock):
    last.keep(VISIT, CHART, last.begin())
    clock.turn(seconds=59)
    assert last.of(VISIT) is CHART
    clock.turn(seconds=1)
    assert last.of(VISIT) is None


@pytest.mark.parametrize(
    "other",
    [{"launch_id": "L2"}, {"patient_id": "p2"}, {"scopes": frozenset({"patient/Patient.r"})}],
    ids=str,
)
def test_another_launch_patient_or_right_finds_nothing(other, last):
    last.keep(VISIT, CHART, last.begin())
    assert last.of(replace(VISIT, **other)) is None


def test_after_a_write_nothing_earlier_is_drawn_from(last):
    last.keep(VISIT, CHART, last.begin())
    last.written()
    assert last.of(VISIT) is None


def test_a_read_that_a_write_overtook_is_not_kept(last):
    begun = last.begin()
    last.written()
    last.keep(VISIT, CHART, begun)
    assert last.of(VISIT) is None


def test_no_more_than_a_hundred_charts_are_held(last):
    for number in range(101):
        last.keep(replace(VISIT, launch_id=str(number)), CHART, last.begin())
    assert last.of(replace(VISIT, launch_id="0")) is None
    assert last.of(replace(VISIT, launch_id="1")) is CHART


# --- in front of an EHR ------------------------------------------------------------------------


@pytest.fixture
def again(smart) -> Any:
    """`again(browser, path)`: the chart through `read_again`."""

    async def read_again(request: Request) -> JSONResponse:
        resources = await smart.chart.read_again(await smart.sessions.visit_of(request))
        return JSONResponse({kind: len(rows) for kind, rows in resources.by_type.items()})

    app = door.routes(smart.given, [Route("/planner/{launch_id}/again", read_again)])
    smart.app.app.router.routes.extend(app)
    return lambda browser, path: browser.get(f"{path}/again")


def searches(ehr: smart_ehr.FakeEhr) -> int:
    return len(ehr.asked)


def lines(smart: Any) -> list[tuple[str, str, str]]:
    whose = smart.given.sealer.fingerprint("patient", "sandbox", smart_ehr.PATIENT)
    with reading(smart.given.engine) as connection:
        found = audit.of_patient(connection, "sandbox", whose)
    return [(line["action"], line["why"], line["outcome"]) for line in found]


def test_a_second_look_asks_the_ehr_nothing_and_is_audited(smart, browser, ehr, clock, again):
    path = smart.opened(browser)
    first = browser.get(f"{path}/read").json()["found"]
    clock.turn(seconds=5)
    asked, written = searches(ehr), len(lines(smart))
    assert again(browser, path).json() == first
    assert searches(ehr) == asked
    assert lines(smart)[written:] == [("read", "taper-planner-redraw", "done")]


def test_after_a_minute_the_ehr_is_asked_again(smart, browser, ehr, clock, again):
    path = smart.opened(browser)
    browser.get(f"{path}/read")
    asked = searches(ehr)
    clock.turn(seconds=60)
    again(browser, path)
    assert searches(ehr) > asked
    assert lines(smart)[-1] == ("read", "taper-planner", "done")


def test_after_a_write_the_ehr_is_asked_again(smart, browser, ehr, again):
    path = smart.opened(browser)
    browser.get(f"{path}/read")
    token = browser.get(path).json()["csrf"]
    draft = {key: value for key, value in smart_ehr.order(1).items() if key != "id"}
    entries = [{**draft, "status": "draft"}]
    browser.post(f"{path}/write", json=entries, headers={"X-Form-Token": token})
    assert len(ehr.transactions) == 1
    asked = searches(ehr)
    again(browser, path)
    assert searches(ehr) > asked


def test_a_browser_without_the_session_draws_from_nothing(smart, browser, again):
    path = smart.opened(browser)
    browser.get(f"{path}/read")
    stranger: TestClient = smart.browser()
    assert again(stranger, path).status_code == 401
