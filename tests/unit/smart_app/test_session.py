"""The session behind a planner page: whose it is, how long, and how its token is renewed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from smart_app.browser import COOKIE
from smart_app.refusal import Refusal
from smart_app.visit import Visit


def visit_of(smart: Any, browser: TestClient, path: str) -> Visit:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "path_params": {"launch_id": path.rpartition("/")[2]},
        "headers": [(b"cookie", f"{COOKIE}={browser.cookies[COOKIE]}".encode())],
    }
    return asyncio.run(smart.sessions.visit_of(Request(scope)))


def test_a_planner_s_address_opens_nothing_in_another_browser(smart, browser) -> None:
    path = smart.opened(browser)
    other = smart.browser()
    assert other.get(path).status_code == 401
    smart.opened(other)
    assert other.get(path).status_code == 401
    assert browser.get(path).status_code == 200
    assert browser.get("/planner/no-such-launch").status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43 + ";b=c", "\u00e4" * 10, "a" * 43])
def test_a_cookie_that_is_not_ours_names_no_browser(smart, browser, cookie: str) -> None:
    path = smart.opened(browser)
    headers = {"Cookie": f"{COOKIE}={cookie}".encode()}
    assert smart.browser().get(path, headers=headers).status_code == 401


def test_a_session_ends_with_the_shift(smart, browser) -> None:
    path = smart.opened(browser)
    smart.clock.turn(hours=10)
    response = browser.get(path)
    assert response.status_code == 401
    assert "sign-in to the EHR has ended" in response.text


def test_a_living_token_is_used_as_it_is(smart, browser) -> None:
    path = smart.opened(browser)
    assert browser.get(f"{path}/read").status_code == 200
    assert len(smart.ehr.token_forms) == 1


def test_a_short_token_is_renewed_and_the_refresh_token_rotates(smart, browser) -> None:
    path = smart.opened(browser)
    for turns in (1, 2, 3):
        smart.clock.turn(minutes=59)
        assert browser.get(f"{path}/read").json()["found"] == {"Patient": 1}
        assert len(smart.ehr.token_forms) == 1 + turns
    used = [form["refresh_token"] for form in smart.ehr.token_forms[1:]]
    assert len(set(used)) == 3
    assert browser.get(path).json()["patient"] == "alder"


def test_without_a_new_refresh_token_the_old_one_stays(smart, browser) -> None:
    path = smart.opened(browser)
    smart.ehr.refresh_answer = {"refresh_token": None}
    smart.clock.turn(minutes=59)
    before = set(smart.ehr.refresh_tokens)
    assert browser.get(f"{path}/read").status_code == 200
    smart.ehr.refresh_tokens |= before
    smart.clock.turn(minutes=59)
    assert browser.get(f"{path}/read").status_code == 200


def test_ten_requests_at_once_renew_once(smart, browser) -> None:
    path = smart.opened(browser)
    visit = visit_of(smart, browser, path)
    smart.clock.turn(minutes=59)

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(smart.sessions.token_of(visit) for _ in range(10)))

    assert len(set(asyncio.run(all_at_once()))) == 1
    assert len(smart.ehr.token_forms) == 2


def test_two_processes_renew_once(make_door) -> None:
    """Each has its own locks; they meet in the store."""
    one, two = make_door(), make_door()
    browser = one.browser()
    visit = visit_of(one, browser, one.opened(browser))
    one.clock.turn(minutes=59)

    async def both() -> list[str]:
        return await asyncio.gather(
            *(door.sessions.token_of(visit) for door in (one, two, one, two))
        )

    assert len(set(asyncio.run(both()))) == 1
    assert len(one.ehr.token_forms) == 2


def test_a_changed_patient_ends_the_session(smart, browser) -> None:
    path = smart.opened(browser)
    smart.ehr.refresh_answer = {"patient": "birch"}
    smart.clock.turn(minutes=59)
    response = browser.get(f"{path}/read")
    assert response.status_code == 401
    assert "changed the patient" in response.text
    assert browser.get(path).status_code == 401


def test_a_withdrawn_refresh_token_ends_the_session(smart, browser) -> None:
    path = smart.opened(browser)
    smart.ehr.refresh_tokens.clear()
    smart.clock.turn(minutes=59)
    assert browser.get(f"{path}/read").status_code == 401
    assert browser.get(path).status_code == 401


def test_a_passing_failure_of_the_ehr_does_not_end_the_session(smart, browser) -> None:
    path = smart.opened(browser)
    smart.ehr.refresh_status = 503
    smart.clock.turn(minutes=59)
    assert browser.get(f"{path}/read").status_code == 200
    smart.clock.turn(minutes=2)
    assert browser.get(f"{path}/read").status_code == 401
    smart.ehr.refresh_status = 200
    assert browser.get(f"{path}/read").status_code == 200


def test_a_renewal_never_widens_the_scope(smart, browser) -> None:
    smart.ehr.scope = "openid fhirUser patient/Patient.rs"
    path = smart.opened(browser)
    smart.ehr.refresh_answer = {"scope": "openid patient/*.cruds patient/Patient.rs"}
    smart.clock.turn(minutes=59)
    browser.get(f"{path}/read")
    assert browser.get(path).json()["scopes"] == ["openid", "patient/Patient.rs"]


def test_without_a_refresh_token_the_session_lasts_as_long_as_the_token(smart, browser) -> None:
    smart.ehr.token_answer = {"refresh_token": None, "expires_in": "600"}
    path = smart.opened(browser)
    smart.clock.turn(minutes=9, seconds=50)
    assert browser.get(f"{path}/read").status_code == 200
    smart.clock.turn(seconds=11)
    assert browser.get(f"{path}/read").status_code == 401


def test_a_token_that_the_ehr_withdrew_is_renewed_once(smart, browser) -> None:
    path = smart.opened(browser)
    smart.ehr.valid.clear()
    assert browser.get(f"{path}/read").json()["found"] == {"Patient": 1}
    assert len(smart.ehr.token_forms) == 2


@pytest.mark.parametrize("token", [None, "", "x", "\u00e4"])
def test_a_form_without_its_token_is_refused(smart, browser, token: str | None) -> None:
    path = smart.opened(browser)
    headers = {} if token is None else {"X-Form-Token": token.encode()}
    response = browser.post(f"{path}/write", json=[], headers=headers)
    assert response.status_code == 403
    assert smart.ehr.transactions == []


def test_a_form_token_of_another_launch_is_refused(smart, browser) -> None:
    first, second = smart.opened(browser), smart.opened(browser)
    token = browser.get(first).json()["csrf"]
    headers = {"X-Form-Token": token}
    assert browser.post(f"{second}/write", json=[], headers=headers).status_code == 403
    assert browser.post(f"{first}/write", json=[], headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://planner.example"])
def test_a_form_of_another_site_is_refused_even_with_its_token(smart, browser, origin) -> None:
    path = smart.opened(browser)
    headers = {"X-Form-Token": browser.get(path).json()["csrf"], "Origin": origin}
    assert browser.post(f"{path}/write", json=[], headers=headers).status_code == 403
    headers["Origin"] = "https://planner.example"
    assert browser.post(f"{path}/write", json=[], headers=headers).status_code == 200


def test_a_session_that_was_altered_in_the_store_opens_nothing(smart, browser) -> None:
    """The sealed values of two sessions are exchanged: each is bound to its launch."""
    first, second = smart.opened(browser), smart.opened(browser)
    with smart.house.engine.begin() as connection:
        one, two = (path.rpartition("/")[2] for path in (first, second))
        kept = connection.exec_driver_sql(
            "SELECT kept FROM smart_sessions WHERE launch_id = ?",
            (one,),
        ).scalar()
        connection.exec_driver_sql(
            "UPDATE smart_sessions SET kept = ? WHERE launch_id = ?",
            (kept, two),
        )
    assert browser.get(first).status_code == 200
    assert browser.get(second).status_code == 401


def test_a_visit_outlived_by_its_session_gets_no_token(smart, browser) -> None:
    visit = visit_of(smart, browser, smart.opened(browser))
    smart.clock.turn(hours=11)
    with pytest.raises(Refusal, match="has ended"):
        asyncio.run(smart.sessions.token_of(visit))
