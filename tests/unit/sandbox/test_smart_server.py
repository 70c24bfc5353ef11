"""The sandbox's SMART authorization server: the way to a token, and everything that is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joined_ehr import BASE, CALLBACK, EHR, SCOPES, SERVICE, VERIFIER, JoinedEhr, query_of
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from taperguard.sandbox.smart.assertion import TYPE, fetch_keys
from taperguard.sandbox.smart.clients import read_clients
from taperguard.sandbox.smart.launches import NoLaunch
from taperguard.sandbox.smart.scopes import granted


def error_of(answer: Any) -> str:
    """The error at the redirect address, which carries state and issuer."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    said = query_of(answer.headers["location"])
    assert said["iss"] == BASE
    assert "code" not in said
    return said["error"]


def refused(answer: Any, error: str, status: int = 400) -> str:
    """The sentence of a refusal of the token endpoint."""
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == error
    sentence: str = answer.json()["error_description"]
    return sentence


# --- discovery --------------------------------------------------------------------------------


def test_the_smart_configuration_names_what_the_specification_asks_for(ehr: JoinedEhr) -> None:
    said = ehr.client.get("/fhir/.well-known/smart-configuration").json()
    assert said["issuer"] == BASE
    assert said["authorization_endpoint"] == f"{EHR}/auth/authorize"
    assert said["token_endpoint"] == f"{EHR}/auth/token"
    assert said["jwks_uri"] == f"{EHR}/.well-known/jwks.json"
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert set(said["capabilities"]) >= {
        "launch-ehr",
        "launch-standalone",
        "client-public",
        "client-confidential-asymmetric",
        "context-ehr-patient",
        "context-standalone-patient",
        "permission-v2",
        "permission-patient",
        "sso-openid-connect",
    }
    assert {"RS384", "ES384"} == set(said["token_endpoint_auth_signing_alg_values_supported"])
    openid = ehr.client.get("/fhir/.well-known/openid-configuration").json()
    assert openid["issuer"] == BASE
    assert openid["id_token_signing_alg_values_supported"] == ["ES256"]


def test_the_published_keys_hold_nothing_private(ehr: JoinedEhr) -> None:
    (key,) = ehr.client.get("/.well-known/jwks.json").json()["keys"]
    assert "d" not in key
    assert (key["alg"], key["use"]) == ("ES256", "sig")


def test_two_clients_are_registered_for_the_service() -> None:
    clients = read_clients(f"{SERVICE}/")
    assert clients["taperguard"].redirect_uris == (CALLBACK,)
    assert clients["taperguard"].launch_urls == (f"{SERVICE}/smart/launch",)
    assert clients["taperguard-confidential"].jwks_url == f"{SERVICE}/.well-known/jwks.json"


# --- the whole way ----------------------------------------------------------------------------


def test_an_ehr_launch_ends_in_a_token_with_the_context_of_the_chart(ehr: JoinedEhr) -> None:
    answer = ehr.authorize(launch=ehr.launch("alder", intent="plan-taper", app_context="{}"))
    back = query_of(answer.headers["location"])
    assert (back["state"], back["iss"]) == ("s" * 32, BASE)
    response = ehr.exchange(back["code"])
    assert response.headers["cache-control"] == "no-store"
    said = response.json()
    assert said["token_type"] == "Bearer"
    assert said["patient"] == "alder"
    assert said["encounter"] == "alder-visit"
    assert said["need_patient_banner"] is True
    assert said["intent"] == "plan-taper"
    assert said["appContext"] == "{}"
    assert said["scope"] == SCOPES
    assert "tenant" not in said
    read = {"Authorization": f"Bearer {said['access_token']}"}
    assert ehr.client.get("/fhir/Patient/alder", headers=read).status_code == 200


def test_the_id_token_says_who_signed_in_where_and_for_whom(ehr: JoinedEhr) -> None:
    said = ehr.tokens()
    keys = KeySet.import_key_set(ehr.client.get("/.well-known/jwks.json").json())
    claims = jwt.decode(said["id_token"], keys, algorithms=["ES256"]).claims
    issued = int(ehr.time.timestamp())
    assert claims == {
        "iss": BASE,
        "sub": "hazel",
        "aud": "taperguard",
        "exp": issued + 600,
        "iat": issued,
        "nonce": "n" * 32,
        "fhirUser": f"{BASE}/Practitioner/hazel",
    }


def test_without_openid_there_is_no_id_token_and_without_offline_no_refresh(
    ehr: JoinedEhr,
) -> None:
    said = ehr.tokens(scope="launch patient/Patient.r")
    assert "id_token" not in said
    assert "refresh_token" not in said


def test_an_authorization_request_may_be_posted(ehr: JoinedEhr) -> None:
    asked = query_of(str(ehr.authorize(launch=ehr.launch()).request.url))
    answer = ehr.client.post("/auth/authorize", data={**asked, "launch": ehr.launch()})
    assert answer.status_code == 303
    assert ehr.exchange(query_of(answer.headers["location"])["code"]).status_code == 200


def standalone(ehr: JoinedEhr) -> tuple[Any, str]:
    """The picker page, and the secret that it sends along."""
    page = ehr.authorize(scope=SCOPES.replace("launch", "launch/patient"))
    assert page.status_code == 200, page.text
    pending = re.search(r'name="pending" value="([^"]+)"', page.text)
    assert pending is not None
    return page, pending[1]


def test_a_standalone_launch_lets_a_patient_be_picked(ehr: JoinedEhr) -> None:
    page, pending = standalone(ehr)
    assert "Synthetic-Birch" in page.text
    assert f"form-action 'self' {SERVICE};" in page.headers["content-security-policy"]
    answer = ehr.client.post("/auth/patient", data={"pending": pending, "patient": "birch"})
    said = ehr.exchange(query_of(answer.headers["location"])["code"]).json()
    assert said["patient"] == "birch"
    assert "encounter" not in said


def test_a_patient_is_picked_once_and_exists(ehr: JoinedEhr) -> None:
    _, pending = standalone(ehr)
    nobody = ehr.client.post("/auth/patient", data={"pending": pending, "patient": "nobody"})
    assert nobody.status_code == 400
    first = ehr.client.post("/auth/patient", data={"pending": pending, "patient": "birch"})
    assert first.status_code == 303
    again = ehr.client.post("/auth/patient", data={"pending": pending, "patient": "alder"})
    assert again.status_code == 400
    assert "location" not in again.headers


# --- refused at the authorization endpoint ----------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "http://evil.test/smart/callback"},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}?x=1"},
        {"redirect_uri": CALLBACK.upper()},
    ],
)
def test_an_unregistered_app_or_address_gets_a_page_and_no_redirect(
    ehr: JoinedEhr, changed: dict[str, Any]
) -> None:
    answer = ehr.authorize(launch=ehr.launch(), **changed)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "registered" in answer.text


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "http://other.test/fhir"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "user/*.cruds"}, "invalid_scope"),
        ({"scope": "openid patient/Patient.r"}, "invalid_scope"),
        ({"launch": "made-up"}, "invalid_request"),
    ],
)
def test_a_faulty_request_is_refused_at_the_apps_own_address(
    ehr: JoinedEhr, changed: dict[str, Any], error: str
) -> None:
    assert error_of(ehr.authorize(**{"launch": ehr.launch(), **changed})) == error


def test_patient_scopes_without_any_launch_are_refused(ehr: JoinedEhr) -> None:
    assert error_of(ehr.authorize(scope="openid launch patient/Patient.r")) == "invalid_scope"


def test_a_parameter_that_stands_twice_is_refused(ehr: JoinedEhr) -> None:
    url = str(ehr.authorize(launch=ehr.launch()).request.url)
    assert ehr.client.get(f"{url}&aud=http://other.test").status_code == 400


def test_a_launch_is_good_once_and_for_five_minutes(ehr: JoinedEhr) -> None:
    launch = ehr.launch()
    ehr.later(seconds=299)
    assert ehr.authorize(launch=launch).headers["location"].count("code=") == 1
    assert error_of(ehr.authorize(launch=launch)) == "invalid_request"
    late = ehr.launch()
    ehr.later(seconds=300)
    assert error_of(ehr.authorize(launch=late)) == "invalid_request"


def test_scopes_come_back_smaller_than_they_were_asked_for() -> None:
    registered = ["openid", "patient/MedicationRequest.crus", "patient/Patient.rs"]
    asked = "openid profile patient/MedicationRequest.cruds user/Patient.r patient/Binary.r"
    assert granted(asked, registered) == ("openid", "patient/MedicationRequest.crus")
    assert granted("patient/*.rs", registered) == (
        "patient/MedicationRequest.rs",
        "patient/Patient.rs",
    )
    assert granted("patient/Patient.read patient/Patient.rs?gender=male", registered) == ()


# --- refused at the token endpoint ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "error", "status"),
    [
        ({"code_verifier": None}, "invalid_grant", 400),
        ({"code_verifier": "w" * 43}, "invalid_grant", 400),
        ({"code_verifier": VERIFIER[:-1]}, "invalid_grant", 400),
        ({"redirect_uri": None}, "invalid_grant", 400),
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant", 400),
        ({"code": "made-up"}, "invalid_grant", 400),
        ({"grant_type": None}, "invalid_request", 400),
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
        ({"client_id": None}, "invalid_client", 401),
        ({"client_id": "nobody"}, "invalid_client", 401),
        ({"client_id": "taperguard-confidential"}, "invalid_client", 401),
        ({"client_secret": "x"}, "invalid_client", 401),
    ],
)
def test_a_faulty_exchange_gives_no_token(
    ehr: JoinedEhr, changed: dict[str, Any], error: str, status: int
) -> None:
    refused(ehr.exchange(**{"code": ehr.code(), **changed}), error, status)


def test_a_wrong_verifier_spends_the_code(ehr: JoinedEhr) -> None:
    code = ehr.code()
    refused(ehr.exchange(code, code_verifier="w" * 43), "invalid_grant")
    refused(ehr.exchange(code), "invalid_grant")


def test_a_code_is_good_for_a_minute(ehr: JoinedEhr) -> None:
    code = ehr.code()
    ehr.later(seconds=60)
    refused(ehr.exchange(code), "invalid_grant")


def test_a_replayed_code_revokes_the_tokens_that_came_of_it(ehr: JoinedEhr) -> None:
    code = ehr.code()
    said = ehr.exchange(code).json()
    read = {"Authorization": f"Bearer {said['access_token']}"}
    assert ehr.client.get("/fhir/Patient/alder", headers=read).status_code == 200
    ehr.later(minutes=5)
    refused(ehr.exchange(code), "invalid_grant")
    assert ehr.client.get("/fhir/Patient/alder", headers=read).status_code == 401
    refused(ehr.refresh(said["refresh_token"]), "invalid_grant")


def test_the_token_endpoint_takes_forms_only(ehr: JoinedEhr) -> None:
    answer = ehr.client.post("/auth/token", json={"grant_type": "authorization_code"})
    refused(answer, "invalid_request")
    assert ehr.client.get("/auth/token").status_code == 405
    twice = "grant_type=refresh_token&grant_type=refresh_token"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    refused(ehr.client.post("/auth/token", content=twice, headers=form), "invalid_request")


def test_no_secret_is_kept_as_it_is(ehr: JoinedEhr, tmp_path: Path) -> None:
    said = ehr.tokens()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert said["access_token"].encode() not in kept
    assert said["refresh_token"].encode() not in kept


# --- refresh ----------------------------------------------------------------------------------


def test_a_refresh_keeps_the_context_and_replaces_the_refresh_token(ehr: JoinedEhr) -> None:
    before = ehr.tokens()
    after = ehr.refresh(before["refresh_token"]).json()
    assert (after["patient"], after["encounter"]) == ("alder", "alder-visit")
    assert after["scope"] == before["scope"]
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]
    assert "id_token" not in after


def test_a_replaced_refresh_token_ends_its_whole_family(ehr: JoinedEhr) -> None:
    first = ehr.tokens()
    second = ehr.refresh(first["refresh_token"]).json()
    refused(ehr.refresh(first["refresh_token"]), "invalid_grant")
    refused(ehr.refresh(second["refresh_token"]), "invalid_grant")
    read = {"Authorization": f"Bearer {second['access_token']}"}
    assert ehr.client.get("/fhir/Patient/alder", headers=read).status_code == 401


def test_a_refresh_may_ask_for_less_but_not_for_more(ehr: JoinedEhr) -> None:
    token = ehr.tokens(scope="launch offline_access patient/Patient.rs")["refresh_token"]
    refused(ehr.refresh(token, scope="patient/Condition.rs"), "invalid_scope")
    refused(ehr.refresh(token, scope="patient/Patient.crus"), "invalid_scope")
    less = ehr.refresh(token, scope="patient/Patient.r").json()
    assert less["scope"] == "patient/Patient.r"
    whole = ehr.refresh(less["refresh_token"]).json()
    assert whole["scope"] == "launch offline_access patient/Patient.rs"


# --- the client with a key --------------------------------------------------------------------


class KeyedApp:
    """The confidential client: `published` is what its JWKS address gives."""

    def __init__(self, folder: Path) -> None:
        self.key = ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)
        self.published: Any = {"keys": [self.key.as_dict(private=False)]}
        self.fetched: list[str] = []
        self.ehr = JoinedEhr(folder, fetch=self._fetch)
        self.count = 0

    def _fetch(self, url: str) -> Any:
        self.fetched.append(url)
        return self.published

    def claims(self, **changed: Any) -> dict[str, Any]:
        self.count += 1
        plain = {
            "iss": "taperguard-confidential",
            "sub": "taperguard-confidential",
            "aud": f"{EHR}/auth/token",
            "exp": int(self.ehr.time.timestamp()) + 240,
            "jti": f"jti-{self.count}",
        }
        return {name: value for name, value in {**plain, **changed}.items() if value is not None}

    def assertion(self, key: Any = None, header: Any = None, **changed: Any) -> str:
        used = key or self.key
        said = {"alg": "ES384", "kid": used.kid, "typ": "JWT", **(header or {})}
        algorithms = ["ES384", "RS384", "HS384"]
        return jwt.encode(said, self.claims(**changed), used, algorithms=algorithms)

    def exchange(self, assertion: str, **changed: str | None) -> Any:
        code = self.ehr.code(client_id="taperguard-confidential")
        form = {"client_assertion_type": TYPE, "client_assertion": assertion, "client_id": None}
        return self.ehr.exchange(code, **{**form, **changed})


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[KeyedApp]:
    app = KeyedApp(tmp_path)
    with app.ehr.client:
        yield app


def test_a_client_with_a_key_signs_in_with_an_assertion(keyed: KeyedApp) -> None:
    answer = keyed.exchange(keyed.assertion())
    assert answer.status_code == 200, answer.text
    assert keyed.fetched == [f"{SERVICE}/.well-known/jwks.json"]
    assert answer.json()["patient"] == "alder"


def test_an_rsa_key_is_as_good(keyed: KeyedApp) -> None:
    key = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
    keyed.published = {"keys": [key.as_dict(private=False)]}
    answer = keyed.exchange(keyed.assertion(key, {"alg": "RS384"}))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "taperguard"},
        {"aud": f"{EHR}/auth/authorize"},
        {"aud": None},
        {"exp": None},
        {"exp": 1_795_426_200},  # 23 Nov 2026, 09:30:00, which is now
        {"exp": 1_795_426_200 + 306},
        {"iat": 1_795_426_200 + 60},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
    ],
)
def test_an_assertion_with_a_faulty_claim_is_refused(
    keyed: KeyedApp, changed: dict[str, Any]
) -> None:
    assert keyed.ehr.time.timestamp() == 1_795_426_200
    refused(keyed.exchange(keyed.assertion(**changed)), "invalid_client", 401)


def test_an_assertion_is_good_once(keyed: KeyedApp) -> None:
    assertion = keyed.assertion()
    assert keyed.exchange(assertion).status_code == 200
    assert "before" in refused(keyed.exchange(assertion), "invalid_client", 401)


def test_an_assertion_with_another_key_or_algorithm_is_refused(keyed: KeyedApp) -> None:
    other = ECKey.generate_key("P-384", {"kid": keyed.key.kid})
    refused(keyed.exchange(keyed.assertion(other)), "invalid_client", 401)
    shared = OctKey.generate_key(256, {"kid": keyed.key.kid})
    refused(keyed.exchange(keyed.assertion(shared, {"alg": "HS384"})), "invalid_client", 401)
    nowhere = {"jku": "http://evil.test/jwks.json"}
    refused(keyed.exchange(keyed.assertion(header=nowhere)), "invalid_client", 401)
    refused(keyed.exchange("not.a.jwt"), "invalid_client", 401)
    refused(keyed.exchange(keyed.assertion(), client_assertion_type="x"), "invalid_client", 401)


def test_a_new_key_is_fetched_when_it_is_first_named(keyed: KeyedApp) -> None:
    assert keyed.exchange(keyed.assertion()).status_code == 200
    new = ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)
    keyed.published = {"keys": [new.as_dict(private=False)]}
    keyed.ehr.later(seconds=11)
    assert keyed.exchange(keyed.assertion(new)).status_code == 200
    refused(keyed.exchange(keyed.assertion()), "invalid_client", 401)


def test_keys_that_cannot_be_read_prove_nothing(keyed: KeyedApp) -> None:
    for said in (None, [], {"keys": "x"}, {"keys": [{"kty": "EC"}]}):
        keyed.published = said
        keyed.ehr.later(minutes=10)
        refused(keyed.exchange(keyed.assertion()), "invalid_client", 401)


def test_keys_are_fetched_from_this_machine_or_by_https_only() -> None:
    with pytest.raises(ValueError, match="https"):
        fetch_keys("http://evil.test/jwks.json")


def test_another_clients_code_is_refused_and_stays_good(keyed: KeyedApp) -> None:
    code = keyed.ehr.code()  # of the public client
    form = {"client_assertion_type": TYPE, "client_id": None}
    answer = keyed.ehr.exchange(code, client_assertion=keyed.assertion(), **form)
    refused(answer, "invalid_grant")
    assert keyed.ehr.exchange(code).status_code == 200


def test_another_clients_refresh_token_is_refused(keyed: KeyedApp) -> None:
    token = keyed.ehr.tokens()["refresh_token"]
    answer = keyed.ehr.client.post(
        "/auth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_assertion_type": TYPE,
            "client_assertion": keyed.assertion(),
        },
    )
    refused(answer, "invalid_grant")
    assert keyed.ehr.refresh(token).status_code == 200


# --- launching --------------------------------------------------------------------------------


def test_a_launch_leads_to_the_registered_address_with_issuer_and_launch(ehr: JoinedEhr) -> None:
    for answer in (ehr.client.post("/launch/alder"), ehr.client.get("/launch/alder")):
        assert answer.status_code == 303
        url = answer.headers["location"]
        assert url.startswith(f"{SERVICE}/smart/launch?")
        assert query_of(url)["iss"] == BASE
        code = query_of(ehr.authorize(launch=query_of(url)["launch"]).headers["location"])["code"]
        said = ehr.exchange(code).json()
        assert (said["patient"], said["encounter"]) == ("alder", "alder-visit")


def test_the_link_of_a_card_brings_its_context_to_the_app(ehr: JoinedEhr) -> None:
    link = {"to": f"{SERVICE}/smart/launch", "appContext": '{"plan":"slow"}'}
    url = ehr.client.get("/launch/alder", params=link).headers["location"]
    code = query_of(ehr.authorize(launch=query_of(url)["launch"]).headers["location"])["code"]
    assert ehr.exchange(code).json()["appContext"] == '{"plan":"slow"}'


def test_what_is_not_registered_is_not_launched(ehr: JoinedEhr) -> None:
    for to in ("http://evil.test/smart/launch", f"{SERVICE}/smart/launch?x=1", "/smart/launch"):
        answer = ehr.client.get("/launch/alder", params={"to": to})
        assert answer.status_code == 400
        assert "location" not in answer.headers
    assert ehr.client.get("/launch/nobody").status_code == 400
    with pytest.raises(NoLaunch):
        ehr.launch("nobody")


def test_another_site_cannot_launch_an_app(ehr: JoinedEhr) -> None:
    answer = ehr.client.post("/launch/alder", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_the_app_in_a_frame_may_be_framed_from_the_service_only(ehr: JoinedEhr) -> None:
    page = ehr.client.get("/patients/alder/app")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"].split("; ")
    assert f"frame-src 'self' {SERVICE}" in policy  # 'self': the way leads through our sign-in
    source = re.search(r'<iframe [^>]*src="([^"]+)"', page.text)
    assert source is not None
    url = source[1].replace("&amp;", "&")
    assert ehr.authorize(launch=query_of(url)["launch"]).headers["location"].count("code=") == 1
    assert ehr.client.get("/patients/nobody/app").status_code == 404


# --- signing in without a patient -------------------------------------------------------------

WHO = "openid fhirUser"


def pending_of(page: Any) -> str:
    found = re.search(r'name="pending" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("user", ["hazel", "ash", "reed"])
def test_an_app_that_asks_for_no_patient_lets_one_choose_who_one_is(
    ehr: JoinedEhr, user: str
) -> None:
    page = ehr.authorize(scope=WHO)
    assert page.status_code == 200
    assert "Synthetic-Ash" in page.text
    assert "Quality lead" in page.text
    form = {"pending": pending_of(page), "user": f"Practitioner/{user}"}
    answer = ehr.client.post("/auth/user", data=form)
    said = ehr.exchange(query_of(answer.headers["location"])["code"]).json()
    assert said["scope"] == WHO
    assert "patient" not in said
    assert "refresh_token" not in said
    keys = KeySet.import_key_set(ehr.client.get("/.well-known/jwks.json").json())
    claims = jwt.decode(said["id_token"], keys, algorithms=["ES256"]).claims
    assert claims["fhirUser"] == f"{BASE}/Practitioner/{user}"
    # A choice is made once.
    assert ehr.client.post("/auth/user", data=form).status_code == 400


def test_who_does_not_work_here_cannot_be_chosen(ehr: JoinedEhr) -> None:
    pending = pending_of(ehr.authorize(scope=WHO))
    form = {"pending": pending, "user": "Practitioner/nobody"}
    assert ehr.client.post("/auth/user", data=form).status_code == 400


def test_the_choice_of_a_patient_is_no_choice_of_a_user_nor_the_other_way_round(
    ehr: JoinedEhr,
) -> None:
    patient = pending_of(ehr.authorize(scope=SCOPES.replace("launch", "launch/patient")))
    form = {"pending": patient, "user": "Practitioner/ash"}
    assert ehr.client.post("/auth/user", data=form).status_code == 400
    user = pending_of(ehr.authorize(scope=WHO))
    form = {"pending": user, "patient": "alder"}
    assert ehr.client.post("/auth/patient", data=form).status_code == 400


def test_a_launch_from_the_chart_is_the_prescriber_s_and_asks_nothing(ehr: JoinedEhr) -> None:
    answer = ehr.authorize(launch=ehr.launch("alder"))
    assert answer.status_code == 303
