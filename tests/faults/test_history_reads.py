"""Histories over the real service, worker and Valkey: used, read once, and never in clear.

The EHR is a small one of the tests, on a real port, with 1,000 orders on 20 pages. The order
that matters, clonazepam 2 mg a day since 3 Mar 2024, stands at the end of the last page.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cds
import paged_ehr
import pytest
import sqlalchemy as sa
from joserfc.jwk import KeySet
from paged_ehr import PATIENT, PagedEhr
from ports import free_port

from ehr.keys import OurKeys, new_key_set
from store import migrate
from store.sealed_cache import connect
from taperguard import wiring

INCOMPLETE = "only its first page was supplied"


@dataclass
class Place:
    """The service on a port, its house as the test sees it, the EHR and the broker."""

    house: wiring.House
    port: int
    ehr: PagedEhr
    broker: Any
    logs: Path

    def call(self, body: dict[str, Any], service: str = "clonazepam-safety") -> dict[str, Any]:
        """The answer of the service, judged by the specification."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/cds-services/{service}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            answer: dict[str, Any] = json.loads(response.read())
        assert cds.faults(answer, body) == []
        return answer

    def letters(self) -> list[Any]:
        with self.house.engine.connect() as connection:
            query = sa.text("SELECT id, done_at FROM outbox WHERE kind = 'history-wanted'")
            return list(connection.execute(query))


@pytest.fixture
def ehr() -> Iterator[PagedEhr]:
    running = PagedEhr()
    running.lists["MedicationRequest"] = paged_ehr.many_orders()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def place(
    make_settings: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    keep: Callable[..., Any],
    until: Callable[..., None],
    broker: Any,
    ehr: PagedEhr,
    tmp_path: Path,
) -> Iterator[Place]:
    """A service that runs; a worker is started by the test, when it wants one."""
    registry = tmp_path / "ehrs.toml"
    registry.write_text(paged_ehr.registry_text(ehr.base), encoding="utf-8")
    port = free_port()
    settings = make_settings(broker_url=broker.url, ehrs_file=registry, port=port)
    monkeypatch.setenv("TAPERGUARD_EHRS_FILE", str(registry))
    monkeypatch.setenv("TAPERGUARD_OUTBOX_LEASE_SECONDS", "2")
    monkeypatch.setenv("TAPERGUARD_LOG_LEVEL", "DEBUG")
    house = wiring.build(settings)
    migrate.upgrade(house.engine)
    keys = OurKeys(wiring.kept_secret(settings.data, "signing_keys", new_key_set))
    ehr.client_keys = KeySet.import_key_set(keys.public())
    keep(
        [sys.executable, "-m", "taperguard", "serve"],
        tmp_path / "serve.log",
        environment={
            "TAPERGUARD_DATA": str(settings.data),
            "TAPERGUARD_BROKER_URL": settings.broker,
            "TAPERGUARD_PORT": str(port),
        },
    )
    until(lambda: answers(port), 60, "the service did not come up")
    yield Place(house, port, ehr, broker, tmp_path)
    house.close()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
    except OSError:
        return False


def first_page(ehr: PagedEhr, **more: Any) -> dict[str, Any]:
    """What the EHR prefetches: the patient, no conditions, and the first 50 of 1,000 orders."""
    orders = ehr.lists["MedicationRequest"]
    page = cds.searchset(*orders[:50])
    page["total"] = len(orders)
    page["link"] = [{"relation": "next", "url": f"{ehr.base}/MedicationRequest?page=2"}]
    return {"patient": paged_ehr.person(), "medications": page, **more}


def signing(ehr: PagedEhr, key: str = "new") -> dict[str, Any]:
    """Clonazepam 3 mg a day is being signed, by an EHR that supplies one page of the list."""
    draft = cds.order(key, cds.CLONAZEPAM["1"], 3, patient=PATIENT, status="draft")
    body = cds.request([draft], patient=PATIENT, prefetch=first_page(ehr))
    return {**body, "fhirServer": ehr.base}


def viewing(ehr: PagedEhr) -> dict[str, Any]:
    body = cds.request([], hook="patient-view", patient=PATIENT, prefetch=first_page(ehr))
    return {**body, "fhirServer": ehr.base}


def notes_of(body: dict[str, Any]) -> list[str]:
    return list(body["extension"]["org.taperguard.assessment"].get("notes", []))


def is_read(place: Place) -> Callable[[], bool]:
    return lambda: [bool(letter.done_at) for letter in place.letters()] == [True]


def test_an_order_is_answered_at_once_and_the_next_one_uses_the_history(
    place: Place, start_worker: Callable[..., Any], until: Callable[..., None]
) -> None:
    """1,000 orders on 20 pages. On the first page there is neither clonazepam that is current
    nor an opioid: 3 mg/day is then a high dose, and nothing is known of oxycodone.
    """
    place.call(signing(place.ehr))  # the first call of a process also opens connections
    began = time.perf_counter()
    before = place.call(signing(place.ehr))
    seconds = time.perf_counter() - began
    assert seconds < 1.0, f"an answer took {seconds:.2f} s while the history was wanted"
    opioid = cds.account_of(before)["opioid-together"]
    assert opioid["result"] == "not-evaluable"
    assert INCOMPLETE in opioid["why"]
    assert "the history is being read in the background" in opioid["why"]
    assert place.ehr.asked == []
    assert len(place.letters()) == 1

    start_worker(place.house)
    until(is_read(place), 60, "the history was not read")

    after = place.call(signing(place.ehr))
    results = cds.results_of(after)
    assert results["opioid-together"] == "fired"
    # 2 mg/day before, 3 mg/day after.
    assert results["dose-escalation"] == "fired"
    assert "MedicationRequest/now" in cds.account_of(after)["dose-escalation"]["sources"]
    fresh = "medication history read just now: 1,000 records"
    assert fresh in notes_of(after)
    assert "Medication history read just now: 1,000 records." in after["cards"][0]["detail"]
    assert place.ehr.pages_asked() == 20

    # patient-view: the same history, one quiet card.
    review = place.call(viewing(place.ehr), "clonazepam-review")
    (card,) = review["cards"]
    assert card["summary"] == "Clonazepam 2 mg/day since 3 Mar 2024"
    assert card["indicator"] == "info"
    assert card["source"]["topic"]["code"] == "long-term-use"
    assert place.ehr.pages_asked() == 20, "a fresh history was read again"
    assert len(place.letters()) == 1


def test_a_worker_killed_in_the_middle_of_a_read_is_made_up_for_once(
    place: Place, start_worker: Callable[..., Any], until: Callable[..., None]
) -> None:
    place.ehr.hold, place.ehr.hold_at_page = threading.Event(), 7
    place.call(signing(place.ehr))
    worker = start_worker(place.house)
    until(place.ehr.holding.is_set, 60, "the seventh page was never asked for")
    worker.kill_all()
    assert "being read" in cds.account_of(place.call(signing(place.ehr)))["opioid-together"]["why"]
    place.ehr.hold.set()
    place.ehr.hold_at_page = 0
    start_worker(place.house)
    # The killed reader's lease ends 25 s after its last request.
    until(is_read(place), 90, "the history was not read after the kill")
    after = place.call(signing(place.ehr))
    assert cds.results_of(after)["opioid-together"] == "fired"
    # Seven pages before the kill, all twenty after it, and no third time.
    assert place.ehr.pages_asked() == 7 + 20
    assert len(place.letters()) == 1


@pytest.mark.long
def test_two_workers_and_many_clicks_read_a_patient_once(
    place: Place, start_worker: Callable[..., Any], until: Callable[..., None]
) -> None:
    start_worker(place.house)
    start_worker(place.house)
    calls = [
        threading.Thread(target=lambda: place.call(viewing(place.ehr), "clonazepam-review"))
        for _ in range(8)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join(30)
    until(is_read(place), 60, "the history was not read")
    time.sleep(1)
    assert place.ehr.pages_asked() == 20
    assert len(place.letters()) == 1


def everything(broker: Any) -> bytes:
    """Every key of the Valkey with what it holds: strings, queues, hashes and sets."""
    client = connect(broker.url, 5.0)
    found = b""
    for key in client.scan_iter(count=1000):
        held: Any = {
            b"none": lambda _: b"",  # gone since it was listed
            b"string": lambda name: client.get(name) or b"",
            b"list": lambda name: client.lrange(name, 0, -1),
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda name: client.zrange(name, 0, -1, withscores=True),
        }[client.type(key)](key)
        found += key + b" " + (held if isinstance(held, bytes) else repr(held).encode()) + b"\n"
    client.close()
    return found


def test_no_name_id_birth_date_or_token_stands_in_clear_in_valkey_queues_or_logs(
    place: Place, start_worker: Callable[..., Any], until: Callable[..., None]
) -> None:
    """Looked at while the letter waits, in the middle of the read, and after it."""
    place.ehr.hold, place.ehr.hold_at_page = threading.Event(), 7
    place.call(signing(place.ehr))
    until(lambda: b"read_history" in everything(place.broker), 20, "no letter was posted")
    dumps = [everything(place.broker)]
    start_worker(place.house)
    until(place.ehr.holding.is_set, 60, "the seventh page was never asked for")
    dumps.append(everything(place.broker))
    assert b"unacked" in dumps[-1]
    place.ehr.hold.set()
    until(is_read(place), 60, "the history was not read")
    place.call(signing(place.ehr))
    dumps.append(everything(place.broker))
    assert b"taperguard:kept:history:" in dumps[-1]
    assert b"taperguard:kept:backend-token:" in dumps[-1]

    logs = b"".join(file.read_bytes() for file in sorted(place.logs.glob("*.log")))
    assert b"history read" in logs
    rows = repr(place.letters()) + everything_in_the_outbox(place)
    secrets = [*paged_ehr.NAMES, *place.ehr.valid]
    assert len(secrets) == 5
    for secret in secrets:
        for where, held in (("Valkey", b"".join(dumps)), ("logs", logs), ("outbox", rows.encode())):
            assert secret.encode() not in held, f"{secret[:6]}... stands in clear in {where}"


def everything_in_the_outbox(place: Place) -> str:
    with place.house.engine.connect() as connection:
        return repr(list(connection.execute(sa.text("SELECT * FROM outbox"))))
