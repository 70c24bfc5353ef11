"""Signing in for the report: who somebody is, and nothing of a patient."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import smart_ehr
from hand_shelf import PAGE as NIGHT
from hand_shelf import READER, WORKLIST

from store import audit, smart_sessions
from store.database import reading


def audit_lines(reports, whose=audit.EVERYBODY):
    with reading(reports.smart.house.engine) as connection:
        return audit.of_patient(connection, "sandbox", whose)


def test_it_asks_the_ehr_who_somebody_is_and_for_no_patient(reports) -> None:
    leaving = reports.leave(reports.browser())
    assert leaving.status_code == 303
    asked = parse_qs(urlsplit(leaving.headers["location"]).query)
    assert asked["scope"] == ["openid fhirUser"]
    assert "launch" not in asked


def test_it_comes_back_to_the_newest_report_or_to_the_page_that_was_asked_for(reports) -> None:
    browser = reports.browser()
    assert reports.come_back(browser, READER).headers["location"] == "/reports/sandbox"
    asked = f"{NIGHT}/patients?measure=high-dose&page=2"
    back = reports.come_back(browser, WORKLIST, back_to=asked)
    assert back.headers["location"] == asked


@pytest.mark.parametrize(
    "back_to",
    [
        "https://evil.example/reports/sandbox",
        "//evil.example/reports/sandbox",
        "/reports/sandbox.evil.example",
        "/reports/sandbox/../../planner",
        "/planner/abc",
        "/reports/other",
        "/reports/sandbox?x=\r\nSet-Cookie: a=b",
    ],
)
def test_it_comes_back_nowhere_else(reports, back_to) -> None:
    back = reports.come_back(reports.browser(), READER, back_to=back_to)
    assert back.headers["location"] == "/reports/sandbox"


def test_nothing_that_could_ask_the_ehr_is_kept(reports) -> None:
    """Neither token nor patient, even where the EHR names one."""
    browser = reports.browser()
    reports.come_back(browser, READER)
    reports.smart.ehr.claims = {"fhirUser": f"{smart_ehr.BASE}/{READER}"}
    reports.smart.ehr.token_answer = {"patient": "alder"}
    browser.get(reports.smart.ehr.sign_in(reports.leave(browser).headers["location"]))
    kept = session_rows(reports)
    assert len(kept) == 2
    for tokens in (one["tokens"] for one in kept):
        assert (tokens["access"], tokens["refresh"], tokens["patient_id"]) == ("", None, None)


def session_rows(reports):
    given = reports.smart.given
    with reading(given.engine) as connection:
        rows = connection.execute(smart_sessions.smart_sessions.select()).mappings().all()
        return [
            smart_sessions.again(connection, row["launch_id"], sealer=given.sealer).kept
            for row in rows
        ]


def test_a_report_session_opens_no_planner(reports) -> None:
    browser = reports.signed_in(WORKLIST)
    (line,) = audit_lines(reports)
    answer = browser.get(f"/planner/{line['launch_id']}")
    assert answer.status_code == 401
    assert "patient" not in answer.text.lower() or "alder" not in answer.text


def test_a_planner_session_opens_no_report_whoever_its_user_is(reports) -> None:
    browser = reports.browser()
    reports.smart.ehr.claims = {"fhirUser": f"{smart_ehr.BASE}/{WORKLIST}"}
    assert (
        browser.get(
            reports.smart.ehr.sign_in(
                browser.get(f"/smart/launch?iss={smart_ehr.BASE}&launch=abc").headers["location"]
            )
        )
        .headers["location"]
        .startswith("/planner/")
    )
    answer = browser.get(NIGHT)
    assert answer.status_code == 401
    assert "Sign in to see the report" in answer.text


def test_a_report_opens_in_the_browser_that_signed_in_and_in_no_other(reports) -> None:
    assert reports.signed_in(READER).get(NIGHT).status_code == 200
    assert reports.browser().get(NIGHT).status_code == 401


def test_the_session_ends_after_two_hours(reports) -> None:
    browser = reports.signed_in(READER)
    reports.smart.clock.turn(minutes=119)
    assert browser.get(NIGHT).status_code == 200
    reports.smart.clock.turn(minutes=1)
    assert browser.get(NIGHT).status_code == 401


def test_signing_out_ends_it_at_once_and_takes_the_form_s_token(reports) -> None:
    browser = reports.signed_in(READER)
    refused = browser.post("/reports/sandbox/sign-out", data={"csrf_token": "x"})
    assert refused.status_code == 403
    assert browser.get(NIGHT).status_code == 200
    page = browser.get(NIGHT).text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    out = browser.post("/reports/sandbox/sign-out", data={"csrf_token": token})
    assert out.status_code == 200
    assert "Signed out" in out.text
    assert browser.get(NIGHT).status_code == 401


def test_the_newest_sign_in_of_a_browser_is_the_one_that_counts(reports) -> None:
    browser = reports.signed_in(WORKLIST)
    reports.smart.clock.turn(seconds=1)
    reports.come_back(browser, READER)
    assert browser.get(f"{NIGHT}/patients").status_code == 403


def test_an_ehr_that_is_not_registered_is_not_asked(reports) -> None:
    answer = reports.leave(reports.browser(), iss="https://elsewhere.example/fhir")
    assert answer.status_code == 400
    assert "Open the report again" in answer.text or "registered" in answer.text
    assert reports.smart.ehr.evil == []


def test_a_sign_in_that_the_ehr_ends_is_told_as_the_report_s(reports) -> None:
    browser = reports.browser()
    state = parse_qs(urlsplit(reports.leave(browser).headers["location"]).query)["state"][0]
    answer = browser.get(f"/smart/callback?error=access_denied&state={state}")
    assert answer.status_code == 400
    assert "The report could not open" in answer.text
    assert "Open the report again" in answer.text


def test_that_somebody_signed_in_is_written_down(reports) -> None:
    reports.signed_in(READER)
    (line,) = audit_lines(reports)
    assert (line["who"], line["action"], line["why"]) == (READER, "launch", "report-opened")
    assert line["what"] == ["Report"]
