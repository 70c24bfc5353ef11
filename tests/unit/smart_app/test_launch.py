"""From the EHR into the planner: each step in order, each refusal a sentence."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import smart_ehr
from starlette.testclient import TestClient

from ehr import log

COOKIE = re.compile(
    r"__Host-taperguard=[\w-]{43}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
)


def asked_for(response: Any) -> dict[str, str]:
    query = parse_qs(urlsplit(response.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def launch_path(iss: str = smart_ehr.BASE, **more: str) -> str:
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/smart/launch?iss={iss}{query}"


def test_an_ehr_launch_ends_at_a_clean_address_with_the_visit(smart, browser) -> None:
    leaving = browser.get(launch_path(launch="abc"))
    assert leaving.status_code == 303
    asked = asked_for(leaving)
    assert asked["launch"] == "abc"
    assert asked["redirect_uri"] == "https://planner.example/smart/callback"
    assert {"openid", "fhirUser", "launch", "patient/MedicationRequest.crus"} <= set(
        asked["scope"].split()
    )
    back = browser.get(smart.ehr.sign_in(leaving.headers["location"]))
    assert back.status_code == 303
    assert re.fullmatch(r"/planner/[\w-]{24}", back.headers["location"])
    visit = browser.get(back.headers["location"]).json()
    assert (visit["patient"], visit["user"]) == ("alder", "Practitioner/rowan")
    assert visit["today"] == "2026-11-23"


def test_a_standalone_launch_asks_for_a_patient(smart, browser) -> None:
    asked = asked_for(browser.get(launch_path()))
    assert "launch/patient" in asked["scope"].split()
    assert "launch" not in asked
    assert browser.get(smart.opened(browser)).status_code == 200


def test_the_cookie_names_the_browser_and_nothing_else(smart, browser) -> None:
    first = browser.get(launch_path(launch="a")).headers.get_list("set-cookie")
    second = browser.get(launch_path(launch="b")).headers.get_list("set-cookie")
    assert [COOKIE.fullmatch(cookie) is not None for cookie in first] == [True]
    assert first == second


def test_two_patients_in_two_tabs_stay_apart(smart, browser) -> None:
    alder = smart.opened(browser)
    smart.ehr.token_answer = {"patient": "birch"}
    birch = smart.opened(browser)
    assert browser.get(alder).json()["patient"] == "alder"
    assert browser.get(birch).json()["patient"] == "birch"


def refused(response: Any, status: int, *words: str) -> None:
    """A page with a sentence, what is safe, what to do next, and an event id."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("text/html")
    for word in (*words, "What is safe", "What to do next", "Event"):
        assert word in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example/fhir",
        "http://localhost:8701/fhir2",
        "http://localhost:8701/fhir@evil.example",
        "http://169.254.169.254/latest",
        "",
    ],
)
def test_an_unknown_issuer_is_refused_and_never_asked(smart, browser, iss: str) -> None:
    response = browser.get(launch_path(iss))
    refused(response, 400)
    assert smart.ehr.evil == []
    assert "set-cookie" not in response.headers


def test_two_issuers_in_one_address_are_refused(smart, browser) -> None:
    refused(browser.get(launch_path() + "&iss=https://evil.example"), 400, "twice")


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/auth",
        "//evil.example/auth",
        "http://localhost:8701@evil.example/auth",
        "https://localhost:8701/auth",
        "javascript:alert(1)",
    ],
)
def test_an_endpoint_that_is_not_the_issuer_s_is_refused(smart, browser, name, address) -> None:
    smart.ehr.configuration[name] = address
    refused(browser.get(launch_path()), 502, "not its own")
    assert smart.ehr.evil == []


def test_relative_endpoints_and_a_missing_jwks_uri_are_tolerated(smart, browser) -> None:
    smart.ehr.configuration |= {
        "authorization_endpoint": "/auth/authorize",
        "token_endpoint": "../auth/token",
    }
    del smart.ehr.configuration["jwks_uri"], smart.ehr.configuration["issuer"]
    smart.ehr.openid = {"issuer": smart_ehr.BASE, "jwks_uri": f"{smart_ehr.ORIGIN}/auth/jwks"}
    leaving = browser.get(launch_path(launch="a")).headers["location"]
    assert leaving.startswith(f"{smart_ehr.ORIGIN}/auth/authorize?")
    smart.ehr.configuration["authorization_endpoint"] = f"{smart_ehr.ORIGIN}/auth/authorize"
    assert browser.get(smart.ehr.sign_in(leaving)).status_code == 303


def test_a_server_with_only_the_older_scopes_is_asked_in_them(smart, browser) -> None:
    smart.ehr.configuration["capabilities"] = ["permission-v1"]
    scopes = asked_for(browser.get(launch_path()))["scope"].split()
    assert {"patient/Condition.read", "patient/CarePlan.write"} <= set(scopes)
    assert "online_access" not in scopes


# ---------------------------------------------------------------------- the callback


def test_an_error_of_the_ehr_is_told_in_our_words_and_ends_the_launch(smart, browser) -> None:
    callback = smart.launched(browser)
    state = parse_qs(urlsplit(callback).query)["state"][0]
    said = "&error_description=%3Cb%3ESynthetic-Alder%3C/b%3E"
    response = browser.get(f"/smart/callback?error=access_denied&state={state}{said}")
    refused(response, 400, "access was denied")
    assert "Alder" not in response.text
    refused(browser.get(callback), 400, "already completed")


def test_a_wrong_state_is_refused(smart, browser) -> None:
    callback = smart.launched(browser)
    refused(browser.get(callback.replace("state=", "state=x")), 400, "did not begin here")
    refused(browser.get("/smart/callback?code=code-1"), 400, "did not begin here")


def test_a_replayed_callback_is_refused(smart, browser) -> None:
    callback = smart.launched(browser)
    assert browser.get(callback).status_code == 303
    refused(browser.get(callback), 400, "already completed")
    assert len(smart.ehr.token_forms) == 1


def test_another_browser_cannot_finish_a_launch_nor_use_it_up(smart, browser) -> None:
    """An attacker's own code, sent to a victim as a link, opens nothing (login CSRF)."""
    callback = smart.launched(browser)
    refused(smart.browser().get(callback), 400, "another browser")
    other = smart.browser()
    smart.launched(other)
    refused(other.get(callback), 400, "another browser")
    assert browser.get(callback).status_code == 303


def test_a_launch_that_took_too_long_is_refused(smart, browser) -> None:
    callback = smart.launched(browser)
    smart.clock.turn(minutes=10)
    refused(browser.get(callback), 400, "expired")
    assert smart.ehr.token_forms == []


@pytest.mark.parametrize("iss", ["https://evil.example/fhir", "http://localhost:8701"])
def test_an_answer_of_another_issuer_is_refused(smart, browser, iss: str) -> None:
    leaving = browser.get(launch_path()).headers["location"]
    refused(browser.get(smart.ehr.sign_in(leaving, iss=iss)), 400, "another EHR")
    assert smart.ehr.token_forms == []


def test_a_promised_issuer_that_is_missing_is_refused(smart, browser) -> None:
    smart.ehr.configuration["authorization_response_iss_parameter_supported"] = True
    refused(browser.get(smart.launched(browser)), 400, "did not say who it is")
    leaving = browser.get(launch_path()).headers["location"]
    assert browser.get(smart.ehr.sign_in(leaving, iss=smart_ehr.BASE)).status_code == 303


def test_a_code_that_the_ehr_does_not_take_is_refused(smart, browser) -> None:
    callback = smart.launched(browser)
    smart.ehr.codes.clear()
    refused(browser.get(callback), 502, "used before, has expired or was withdrawn")


def test_a_verifier_other_than_the_one_promised_opens_nothing(smart, browser) -> None:
    """The fake EHR checks PKCE: a code stolen from one launch is of no use in another."""
    first = smart.launched(browser)
    second = smart.launched(browser)
    stolen = parse_qs(urlsplit(first).query)["code"][0]
    own = parse_qs(urlsplit(second).query)["code"][0]
    refused(browser.get(second.replace(own, stolen)), 502, "no token")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"patient": None}, "which patient"),
        ({"patient": "../Patient/x"}, "no FHIR id"),
        ({"access_token": None}, "holds no token"),
        ({"access_token": "a\nb"}, "holds no token"),
        ({"token_type": "mac"}, "not a bearer token"),
        ({"id_token": None}, "did not say who signed in"),
        ({"id_token": "a.b"}, "malformed"),
    ],
)
def test_a_token_response_that_lacks_something_is_refused(smart, browser, answer, words) -> None:
    smart.ehr.token_answer = answer
    response = browser.get(smart.launched(browser))
    assert response.status_code in (400, 403, 502)
    refused(response, response.status_code, words)


def test_less_scope_than_asked_for_is_kept_as_granted(smart, browser) -> None:
    smart.ehr.scope = "openid fhirUser patient/Patient.r"
    visit = browser.get(smart.opened(browser)).json()
    assert visit["scopes"] == ["fhirUser", "openid", "patient/Patient.r"]


# ---------------------------------------------------------------------- nothing leaks


def test_no_token_and_no_code_in_page_address_cookie_store_or_log(
    smart, browser: TestClient, rows, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    callback = smart.launched(browser)
    code = parse_qs(urlsplit(callback).query)["code"][0]
    back = browser.get(callback)
    page = browser.get(back.headers["location"])
    read = browser.get(f"{back.headers['location']}/read")
    replay = browser.get(callback)
    smart.ehr.token_status = 500
    failed = browser.get(smart.launched(browser))
    broken = browser.get(f"{back.headers['location']}/broken")
    assert broken.status_code == 500
    responses = (back, page, read, replay, failed, broken)
    seen = "".join(f"{r.headers} {r.text}" for r in responses)
    seen += repr(dict(browser.cookies))
    for table in ("smart_launches", "smart_sessions", "audit_events"):
        seen += repr(rows(smart.house.engine, table))
    log_text = capsys.readouterr().err
    assert "planner request refused" in log_text
    for secret in (*smart.ehr.valid, *smart.ehr.refresh_tokens, code):
        assert secret not in seen + log_text
    assert '"alder"' not in log_text
    assert "Synthetic-Alder" not in log_text + broken.text
    assert smart.ehr.token_forms[0]["code_verifier"] not in seen + log_text


def test_a_page_may_be_framed_by_its_ehr_only(smart, browser) -> None:
    for response in (browser.get(smart.opened(browser)), browser.get("/smart/launch?iss=x")):
        policy = response.headers["content-security-policy"]
        assert "frame-ancestors http://localhost:8701" in policy
        assert "'unsafe" not in policy
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "same-origin"


def test_our_public_keys_are_published_without_their_secrets(smart, browser) -> None:
    body = browser.get("/.well-known/jwks.json").json()
    assert {key["alg"] for key in body["keys"]} == {"ES384", "RS384"}
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in body["keys"] for name in key}
