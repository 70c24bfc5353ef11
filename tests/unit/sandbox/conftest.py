"""The sandbox as a test sees it: an application on a fixed day, and its store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from taperguard.sandbox.app import DATA_FILE, create_app
from taperguard.sandbox.patients import build_all, read_stories
from taperguard.sandbox.records.store import Charts

TODAY = date(2026, 11, 23)
EHR = "http://ehr.test"


@pytest.fixture
def today() -> date:
    return TODAY


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Starlette]:
    """Make an application on the test's own data; `today` may be given as a function."""

    def make(today: Callable[[], date] = lambda: TODAY, data_dir: Path | None = None) -> Starlette:
        return create_app(
            data_dir=data_dir or tmp_path / "data with a space",
            today=today,
            service_url="http://service.test",
            public_url=f"{EHR}/",
        )

    return make


@pytest.fixture
def client(make_app: Callable[..., Starlette]) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url=EHR) as client:
        yield client


@pytest.fixture
def charts(client: TestClient, tmp_path: Path) -> Charts:
    """The store behind `client`."""
    return Charts(tmp_path / "data with a space" / DATA_FILE)


@pytest.fixture
def search(client: TestClient) -> Callable[..., dict[str, Any]]:
    """Search and give the Bundle; the answer must be 200 and FHIR JSON."""

    def ask(path: str, **headers: str) -> dict[str, Any]:
        answer = client.get(f"/fhir/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/fhir+json"
        bundle: dict[str, Any] = answer.json()
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
        return bundle

    return ask


@pytest.fixture
def ids() -> Callable[..., list[str]]:
    """The ids in a Bundle with a search mode."""

    def of(bundle: dict[str, Any], mode: str = "match") -> list[str]:
        entries = bundle.get("entry", [])
        return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == mode]

    return of


@pytest.fixture(scope="session")
def story_resources() -> list[dict[str, Any]]:
    return build_all(read_stories(), TODAY)


@pytest.fixture
def visible() -> Callable[[str], str]:
    """The words of a page, without tags."""

    def words(html: str) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))

    return words
