"""What the gate gives to the SMART door, with the planner behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import smart_ehr
from fastapi import FastAPI
from starlette.testclient import TestClient

from ehr import seal
from taperguard import smart_door, wiring
from taperguard.headers import ResponseHeaders
from taperguard.settings import Settings, SettingsRefused

PLANNER = "https://planner.example"
KEYED = """\
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir"
fhir_base = "https://north.example.org/fhir"
time_zone = "UTC"
client_id = "taperguard"
client_auth = "private_key_jwt"
"""


def build(make_settings: Callable[..., Settings], **given: Any) -> wiring.House:
    return wiring.build(make_settings(broker_url="redis+socket:///nowhere/b.sock", **given))


def test_development_keys_are_made_once_and_are_readable_by_us_only(
    make_settings: Callable[..., Settings],
) -> None:
    houses = [build(make_settings) for _ in range(2)]
    first, second = (smart_door.our_keys(house) for house in houses)
    assert first is not None
    assert second is not None
    assert first.public() == second.public()
    file = houses[0].settings.data / "secrets" / "signing_keys"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["keys"][0]["d"]
    for house in houses:
        house.close()


def test_production_makes_no_keys_and_misses_those_it_needs(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    file = tmp_path / "ehrs.toml"
    given = {
        "env": "production",
        "public_url": PLANNER,
        "database_url": "postgresql://tg@/tg?host=/nowhere",
        "seal_keys": f"k1:{seal.new_secret()}",
        "hash_key": seal.new_secret(),
        "ehrs_file": file,
    }
    file.write_text(KEYED.replace('client_auth = "private_key_jwt"\n', ""))
    house = build(make_settings, **given)
    assert smart_door.our_keys(house) is None
    house.close()
    backend = 'backend_client_id = "taperguard-backend"\n'
    for text in (KEYED, KEYED.replace('client_auth = "private_key_jwt"\n', backend)):
        file.write_text(text)
        house = build(make_settings, **given)
        with pytest.raises(SettingsRefused, match=r"TAPERGUARD_SIGNING_KEYS .* north"):
            smart_door.our_keys(house)
        with pytest.raises(SettingsRefused, match="TAPERGUARD_SIGNING_KEYS"):
            assert house.tokens
        house.close()


@pytest.mark.parametrize("keys", ["{}", "word", '{"keys": [{"kty": "oct", "k": "secret"}]}'])
def test_signing_keys_that_cannot_be_used_are_refused_without_showing_them(
    make_settings: Callable[..., Settings], keys: str
) -> None:
    with pytest.raises(SettingsRefused, match="TAPERGUARD_SIGNING_KEYS") as refused:
        make_settings(signing_keys=keys)
    assert "secret" not in str(refused.value)


def test_the_planner_opens_behind_the_whole_application(
    house: wiring.House, make_settings: Callable[..., Settings]
) -> None:
    """On each kind of store: launch, sign-in, the planner's own page, and its headers."""
    moved = make_settings(
        public_url=PLANNER, database_url=house.settings.database, broker_url=house.settings.broker
    )
    built = wiring.build(moved, clock=house.clock)
    ehr = smart_ehr.FakeEhr(house.clock)
    routes = smart_door.smart_routes(built, http=ehr.http)
    app = ResponseHeaders(FastAPI(routes=routes, openapi_url=None), development=True)
    browser = TestClient(app, base_url=PLANNER, follow_redirects=False)
    leaving = browser.get(f"/smart/launch?iss={smart_ehr.BASE}&launch=abc")
    back = browser.get(ehr.sign_in(leaving.headers["location"]))
    page = browser.get(back.headers["location"])
    assert page.status_code == 200
    assert "frame-ancestors http://localhost:8701" in page.headers["content-security-policy"]
    form = browser.post(f"{back.headers['location']}/save", data={"csrf_token": "wrong"})
    assert form.status_code == 403
    assert "Nothing was written" in form.text
    assert ehr.transactions == []
    built.close()
