"""Pages of listed origins may call the CDS service, and nothing else; without a list, none."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from taperguard.app import create_app

PAGE = "https://cds-client.example.org"
ELSEWHERE = "https://elsewhere.example.org"
SAFETY = "/cds-services/clonazepam-safety"
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


@pytest.fixture
def client(house_with) -> TestClient:
    """The service of a site that lets the pages of one origin call it."""
    return TestClient(create_app(house_with(cors_origins=PAGE)))


def allowed(response) -> dict[str, str]:
    prefix = "access-control-"
    return {name: it for name, it in response.headers.items() if name.startswith(prefix)}


def test_a_page_of_a_listed_origin_may_ask_with_a_token(client) -> None:
    response = client.options(SAFETY, headers={"origin": PAGE, **ASKED})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    assert response.headers["access-control-allow-methods"] == "GET, POST"
    assert "Authorization" in response.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in response.headers


def test_it_reads_every_answer_also_a_refusal(client) -> None:
    for response in (
        client.get("/cds-services", headers={"origin": PAGE}),
        client.post(SAFETY, content=b"{", headers={"origin": PAGE}),
        client.post(SAFETY, content=b" " * 9_000_000, headers={"origin": PAGE}),
        client.post(f"{SAFETY}/feedback", content=b"{", headers={"origin": PAGE}),
    ):
        assert response.headers["access-control-allow-origin"] == PAGE
        assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [ELSEWHERE, f"{PAGE}.evil.example", "null", PAGE.upper(), "*"])
def test_a_page_of_another_origin_may_not(client, origin: str) -> None:
    response = client.options(SAFETY, headers={"origin": origin, **ASKED})
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers
    answer = client.get("/cds-services", headers={"origin": origin})
    assert allowed(answer) == {"access-control-expose-headers": "Retry-After"}
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/smart/launch", "/reports", "/evidence", "/metrics"])
def test_pages_are_read_from_no_other_origin(client, path: str) -> None:
    assert allowed(client.get(path, headers={"origin": PAGE})) == {}


def test_without_a_list_no_page_may(house_with) -> None:
    client = TestClient(create_app(house_with()))
    assert allowed(client.get("/cds-services", headers={"origin": PAGE})) == {}
    assert client.options(SAFETY, headers={"origin": PAGE, **ASKED}).status_code == 405
