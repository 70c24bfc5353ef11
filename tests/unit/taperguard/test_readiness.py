"""The service says whether it lives and whether it can keep what it promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from taperguard import wiring
from taperguard.app import create_app
from taperguard.settings import Settings


def test_it_lives(house: wiring.House) -> None:
    with TestClient(create_app(house)) as client:
        assert client.get("/healthz").json() == {"status": "alive"}


def test_it_is_ready_without_a_broker_and_says_so(house: wiring.House) -> None:
    """Promises wait in the outbox: a broker that is away is told, not fatal."""
    with TestClient(create_app(house)) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "broker": "not reachable"}


def test_it_is_not_ready_on_a_database_without_tables(
    make_settings: Callable[..., Settings],
) -> None:
    house = wiring.build(make_settings())
    with TestClient(create_app(house)) as client:
        answer = client.get("/readyz")
    house.close()
    assert answer.status_code == 503
    assert answer.json()["database"] == "migrations are not at head"


@pytest.mark.parametrize(
    "url", ["postgresql://tg@/tg?host=/nowhere", "sqlite:////nowhere/at all/tg.db"]
)
def test_it_is_not_ready_without_its_database(
    make_settings: Callable[..., Settings], url: str
) -> None:
    house = wiring.build(make_settings(database_url=url))
    with TestClient(create_app(house)) as client:
        answer = client.get("/readyz")
    house.close()
    assert answer.status_code == 503
    assert answer.json()["database"] == "not reachable"
