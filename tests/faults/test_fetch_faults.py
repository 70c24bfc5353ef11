"""An EHR that fails while a hook fetches from it, over real HTTP: the answer is there in time.

The service has no Redis; the EHR is a small one of the tests, on a real port. Its one order of
clonazepam, 2 mg a day, and its oxycodone stand on the last of five pages.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cds
import paged_ehr
import pytest
import sqlalchemy as sa
from bulk_ehr import Answer, Asked
from paged_ehr import PATIENT, PagedEhr
from starlette.testclient import TestClient

from taperguard import memory, settings, wiring
from taperguard.app import create_app

SAFETY = "/cds-services/clonazepam-safety"
TOKEN = "token-of-one-hook"
BUDGET_SECONDS = 0.3
MOST_SECONDS = BUDGET_SECONDS + 3.5
"""Beside the budget: the assessment, and the second that a hook waits to keep what it shows; on
a machine that runs other tests.
"""

LATE = "the EHR did not answer in time"
FHIR = {"Content-Type": "application/fhir+json"}
Json = dict[str, Any]
Broken = Callable[[Asked], Answer | None]


class FaultyEhr(PagedEhr):
    """What `broken` answers is answered; where it answers None, all is well."""

    def __init__(self) -> None:
        super().__init__()
        self.valid.add(TOKEN)
        self.page_size = 200
        self.lists["MedicationRequest"] = paged_ehr.many_orders()
        self.broken: Broken = lambda _: None
        self.released = threading.Event()
        self.came = 0

    def answer(self, asked: Asked, body: bytes) -> Answer:
        self.came += 1
        return self.broken(asked) or super().answer(asked, body)

    def hang(self, _: Asked) -> Answer | None:
        self.released.wait(30)
        return None

    def stop(self) -> None:
        self.released.set()
        super().stop()


@dataclass
class Place:
    ehr: FaultyEhr
    house: wiring.House
    client: TestClient

    def sign(self, *, mg_per_day: int = 1, **prefetch: Any) -> tuple[int, Json, float]:
        """Status, body and seconds of an order-sign; the EHR supplies nothing but these parts."""
        draft = cds.order("new", cds.CLONAZEPAM["1"], mg_per_day, patient=PATIENT, status="draft")
        body = cds.request([draft], patient=PATIENT)
        body |= {"prefetch": prefetch, "fhirServer": self.ehr.base}
        body["fhirAuthorization"] = {
            "access_token": TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "patient": PATIENT,
        }
        began = time.monotonic()
        response = self.client.post(SAFETY, json=body)
        seconds = time.monotonic() - began
        answer = response.json()
        if response.status_code == 200:
            assert cds.faults(answer, body) == []
        return response.status_code, answer, seconds


@contextmanager
def service(ehr: FaultyEhr, folder: Path, empty: Path, seconds: float) -> Iterator[Place]:
    folder.mkdir()
    shutil.copy(empty, folder / "taperguard.db")
    registry = folder / "ehrs.toml"
    registry.write_text(paged_ehr.registry_text(ehr.base), encoding="utf-8")
    house = wiring.build(
        settings.load(
            data=folder,
            ehrs_file=registry,
            broker_url=f"redis+socket://{folder}/nobody.sock",
            hook_fetch_seconds=seconds,
        )
    )
    with TestClient(create_app(house), raise_server_exceptions=False) as client:
        yield Place(ehr, house, client)
    house.close()


@pytest.fixture(scope="module")
def places(migrated_sqlite: Path) -> Iterator[dict[str, Place]]:
    """One service in a hurry, and one with more time than any fault needs to be seen."""
    ehr = FaultyEhr()
    ehr.start()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tg-", dir="/tmp")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith(settings.PREFIX)]:
            patch.delenv(name)
        yield {
            name: stack.enter_context(service(ehr, folder / name, migrated_sqlite, seconds))
            for name, seconds in (("hurried", BUDGET_SECONDS), ("patient", 5))
        }
        ehr.stop()


@pytest.fixture
def place(places: dict[str, Place]) -> Iterator[Place]:
    yield from well(places["patient"])


@pytest.fixture
def hurried(places: dict[str, Place]) -> Iterator[Place]:
    yield from well(places["hurried"])


def well(place: Place) -> Iterator[Place]:
    """The EHR is well again, and nobody remembers that it was not."""
    place.house.ehr_clients._breakers.clear()
    place.ehr.asked.clear()
    yield place
    place.ehr.released.set()
    place.ehr.released = threading.Event()
    place.ehr.broken = lambda _: None


def whys(body: Json) -> str:
    """All that the account says of why, and its notes."""
    return json.dumps(body["extension"]["org.taperguard.assessment"])


def answers(status: int, body: bytes = b"", **headers: str) -> Callable[[FaultyEhr], Broken]:
    """Searches are answered so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def broken(asked: Asked) -> Answer | None:
        return Answer(status, body, named) if asked.query else None

    return lambda _: broken


def test_a_request_without_a_prefetch_is_answered_from_the_ehr(place: Place) -> None:
    """Ordered: 1 mg a day. Only the fifth page has the oxycodone, and clonazepam 2 mg a day.

    It would be a high dose, 2 + 1 mg, if both go on, and no escalation if the new one replaces.
    """
    status, body, _ = place.sign()
    assert status == 200
    assert place.ehr.pages_asked() == 5
    assert cds.four_of(body) == {
        "opioid-together": "fired",
        "high-dose": "fired",
        "older-adult-fall-risk": "fired",
        "dose-escalation": "clear",
    }
    assert {one.headers["authorization"] for one in place.ehr.asked} == {f"Bearer {TOKEN}"}


def endless(ehr: FaultyEhr) -> Broken:
    def broken(asked: Asked) -> Answer | None:
        if not asked.query:
            return None
        page = int(asked.query.get("page", ["1"])[0])
        following = f"{ehr.base}{asked.path.removeprefix('/fhir')}?page={page + 1}"
        bundle = {"resourceType": "Bundle", "link": [{"relation": "next", "url": following}]}
        return Answer(200, json.dumps(bundle).encode(), FHIR)

    return broken


EVIL = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "http://127.0.0.2:9/fhir"}]}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}

FAULTS: dict[str, tuple[Callable[[FaultyEhr], Broken], str]] = {
    "429": (answers(429, Retry_After="60"), "asks to wait 60 s"),
    "500": (answers(500), "status 500"),
    "503": (answers(503, Retry_After="60"), "asks to wait 60 s"),
    "HTML": (answers(200, b"<html><body>Sign in</body></html>"), "is not JSON"),
    "truncated JSON": (answers(200, b'{"resourceType": "Bundle", "ent'), "is not JSON"),
    "endless next links": (endless, "only its first 20 pages were read"),
    "evil next link": (answers(200, json.dumps(EVIL).encode()), "leads to another server"),
    "redirected elsewhere": (
        answers(302, Location="http://127.0.0.2:9/fhir/Condition"),
        "a redirect of the EHR was not followed",
    ),
    "OperationOutcome": (answers(200, json.dumps(OUTCOME).encode()), "it took too long"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_answer_says_what_was_not_checked_and_why(place: Place, name: str) -> None:
    """3 mg a day is a high dose whatever the chart holds; nobody knows of opioids."""
    make, words = FAULTS[name]
    place.ehr.broken = make(place.ehr)
    status, body, _ = place.sign(mg_per_day=3, patient=paged_ehr.person())
    assert status == 200
    assert cds.four_of(body)["high-dose"] == "fired"
    assert cds.four_of(body)["opioid-together"] == "not-evaluable"
    assert "the list of medications was not supplied, and " in whys(body)
    assert words in whys(body)


def test_an_ehr_that_hangs_costs_the_budget_and_no_more(hurried: Place) -> None:
    hurried.ehr.broken = hurried.ehr.hang
    status, body, seconds = hurried.sign(mg_per_day=3, patient=paged_ehr.person())
    assert (status, cds.four_of(body)["high-dose"]) == (200, "fired")
    assert seconds < MOST_SECONDS
    assert f"the list of medications was not supplied, and {LATE}" in whys(body)


def test_where_the_draft_decides_nothing_it_is_a_412_in_time(hurried: Place) -> None:
    hurried.ehr.broken = hurried.ehr.hang
    status, body, seconds = hurried.sign()
    assert status == 412
    assert seconds < MOST_SECONDS
    said = body["issue"][0]["diagnostics"]
    assert f"the list of medications was not supplied, and {LATE}" in said


def test_an_ehr_that_is_down_is_not_asked_by_every_hook(place: Place) -> None:
    """Ten failures in a row are enough: a hook asks for four lists, so the third is the last."""
    place.ehr.broken = lambda _: Answer(500)
    before = place.ehr.came
    for _ in range(3):
        place.sign(mg_per_day=3)
    came = place.ehr.came
    assert came - before >= 10
    status, body, _ = place.sign(mg_per_day=3)
    assert (status, place.ehr.came) == (200, came)
    assert "failed several times in a row and is not asked for a while" in whys(body)


@contextmanager
def locked(house: wiring.House) -> Iterator[None]:
    with house.engine.connect() as connection:
        connection.execute(sa.text("DELETE FROM card_memory WHERE card_uuid = ''"))
        yield
        connection.rollback()


def test_everything_down_at_once_still_gives_a_card_in_time(
    hurried: Place, until: Callable[..., None]
) -> None:
    """The EHR hangs, there is no Redis, and somebody writes to the database and does not end."""
    hurried.ehr.broken = hurried.ehr.hang
    with locked(hurried.house):
        status, body, seconds = hurried.sign(mg_per_day=3, patient=paged_ehr.person())
    assert (status, len(body["cards"])) == (200, 1)
    assert seconds < MOST_SECONDS
    assert body["extension"]["org.taperguard.recorded"] is False
    for words in (LATE, "could not be looked up"):
        assert words in whys(body)
    # What came too late goes on behind us, and ends before its database does.
    until(lambda: all(it.name != memory.WORKS for it in threading.enumerate()), 20)
