"""A planner behind the door, an EHR to launch it from, and browsers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import smart_ehr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ehr import log
from ehr.keys import new_key_set
from smart_app import door
from smart_app.chart import SmartChart
from smart_app.session import Sessions, check_csrf
from taperguard import wiring
from taperguard.headers import ResponseHeaders
from taperguard.settings import Settings
from taperguard.smart_door import collaborators

PLANNER = "https://planner.example"
LAUNCH = f"/smart/launch?iss={smart_ehr.BASE}&launch=abc"


class Clock:
    """A clock that a test can turn."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Door:
    """The whole door over one EHR; `browser()` is a new one each time."""

    def __init__(self, house: wiring.House, ehr: smart_ehr.FakeEhr, clock: Clock) -> None:
        self.house, self.ehr, self.clock = house, ehr, clock
        self.given = collaborators(house, http=ehr.http)
        self.sessions = Sessions(self.given)
        self.chart = SmartChart(self.given, self.sessions)
        routes = door.routes(self.given, self._pages())
        self.app = ResponseHeaders(Starlette(routes=routes), development=True)

    def browser(self) -> TestClient:
        return TestClient(self.app, base_url=PLANNER, follow_redirects=False)

    def launched(self, browser: TestClient, launch: str = LAUNCH) -> str:
        """The callback's address after launch and sign-in."""
        return self.ehr.sign_in(browser.get(launch).headers["location"])

    def opened(self, browser: TestClient) -> str:
        """The planner's address after a whole launch."""
        response = browser.get(self.launched(browser))
        assert response.status_code == 303, response.text
        return str(response.headers["location"])

    def _pages(self) -> list[Route]:
        async def page(request: Request) -> Response:
            visit = await self.sessions.visit_of(request)
            return JSONResponse(
                {
                    "patient": visit.patient_id,
                    "user": visit.user,
                    "scopes": sorted(visit.scopes),
                    "csrf": visit.csrf_token,
                    "today": visit.today.isoformat(),
                    "banner": visit.need_patient_banner,
                }
            )

        async def read(request: Request) -> Response:
            resources = await self.chart.read(await self.sessions.visit_of(request))
            return JSONResponse(
                {
                    "found": {kind: len(rows) for kind, rows in resources.by_type.items()},
                    "gaps": dict(resources.gaps),
                    "notes": list(resources.notes),
                }
            )

        async def rungs(request: Request) -> Response:
            visit = await self.sessions.visit_of(request)
            return JSONResponse(list(await self.chart.can_write(visit)))

        async def write(request: Request) -> Response:
            visit = await self.sessions.visit_of(request)
            check_csrf(visit, request.headers.get("x-form-token"))
            answer = await self.chart.write(visit, await request.json())
            if isinstance(answer, tuple):
                return JSONResponse([[one.reference, list(one.differences)] for one in answer])
            return JSONResponse({"why": answer.why})

        async def broken(request: Request) -> Response:
            raise RuntimeError("Synthetic-Alder")

        return [
            Route("/planner/{launch_id}", page),
            Route("/planner/{launch_id}/read", read),
            Route("/planner/{launch_id}/rungs", rungs),
            Route("/planner/{launch_id}/write", write, methods=["POST"]),
            Route("/planner/{launch_id}/broken", broken),
        ]


@pytest.fixture(scope="session")
def signing_keys() -> str:
    """Our keys; made once, for making them takes a while."""
    return new_key_set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ehr(clock: Clock) -> smart_ehr.FakeEhr:
    return smart_ehr.FakeEhr(clock)


@pytest.fixture
def make_door(
    make_settings: Callable[..., Settings],
    migrated_sqlite: Path,
    tmp_path: Path,
    ehr: smart_ehr.FakeEhr,
    clock: Clock,
    signing_keys: str,
) -> Iterator[Callable[..., Door]]:
    """`make_door(**settings)`: several share one store, as processes do."""
    log.configure()
    built: list[wiring.House] = []
    file = tmp_path / "smart.db"
    shutil.copy(migrated_sqlite, file)

    def make(**given: Any) -> Door:
        house = wiring.build(
            make_settings(
                database_url=f"sqlite:///{file}",
                broker_url="redis+socket:///nowhere/broker.sock",
                **{"public_url": PLANNER, "signing_keys": signing_keys, **given},
            ),
            clock=clock,
        )
        built.append(house)
        return Door(house, ehr, clock)

    yield make
    for house in built:
        house.close()


@pytest.fixture
def smart(make_door: Callable[..., Door]) -> Door:
    """A door in front of the EHR."""
    return make_door()


@pytest.fixture
def browser(smart: Door) -> TestClient:
    return smart.browser()
