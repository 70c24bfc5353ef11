"""kill -9 of the worker at any point of an export: it completes, and the folder holds the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bulk_ehr
import pytest
from bulk_ehr import BulkEhr
from export_bench import EXPORT, TYPES, whole

from ehr import seal
from store import exports, migrate
from store.database import reading, writing
from store.exports import Export, ExportState
from taperguard import wiring
from workers.app import LOOK_AT_EXPORTS, make_app
from workers.export import steps

LONG = pytest.mark.long
# No group in the registry: past 02:00 the worker would begin the night's own export beside ours.
REGISTRY = """\
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "{base}"
fhir_base = "{base}"
time_zone = "UTC"
backend_client_id = "taperguard-backend"
"""


@dataclass
class Night:
    """An EHR, a house, its workers, and ticks as beat sends them, only more often."""

    ehr: BulkEhr
    house: wiring.House
    start: Callable[..., Any]
    folder: Path
    _done: threading.Event = field(default_factory=threading.Event)
    _ticks: threading.Thread | None = None

    def begin(self) -> None:
        with writing(self.house.engine) as connection:
            exports.begin(
                connection,
                export_id=EXPORT,
                ehr_id="north",
                group_id=bulk_ehr.GROUP,
                types=TYPES,
                now=self.house.now(),
            )
        self._ticks = threading.Thread(target=self._tick)
        self._ticks.start()

    def _tick(self) -> None:
        app = make_app(self.house.settings.broker)
        while not self._done.wait(0.5):
            app.send_task(LOOK_AT_EXPORTS, expires=1)
        app.close()

    def worker(self) -> Any:
        settings = self.house.settings
        return self.start(
            self.house,
            TAPERGUARD_EHRS_FILE=str(settings.ehrs_file),
            TAPERGUARD_OUTBOX_LEASE_SECONDS=str(settings.outbox_lease_seconds),
        )

    def export(self) -> Export:
        with reading(self.house.engine) as connection:
            found = exports.get(connection, EXPORT)
        assert found is not None
        return found

    def is_over(self) -> bool:
        return self.export().state not in exports.UNDER_WAY

    def held(self) -> dict[str, bytes]:
        found = self.house.exports_folder / EXPORT
        return {file.name: file.read_bytes() for file in found.iterdir()}

    def stop(self) -> None:
        self._done.set()
        if self._ticks is not None:
            self._ticks.join()
        self.house.close()
        self.ehr.stop()


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the kind that the test names."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres").new_empty_database()
        return url
    return f"sqlite:///{tmp_path / 'taperguard.db'}"


@pytest.fixture
def night(
    make_settings: Callable[..., Any],
    store_url: str,
    broker: Any,
    start_worker: Callable[..., Any],
    tmp_path: Path,
) -> Iterator[Night]:
    """A lease of two seconds: what a dead worker held is free again soon."""
    ehr = BulkEhr().start()
    ehrs_file = tmp_path / "ehrs.toml"
    ehrs_file.write_text(REGISTRY.format(base=ehr.base), encoding="utf-8")
    settings = make_settings(
        database_url=store_url,
        broker_url=broker.url,
        ehrs_file=ehrs_file,
        outbox_lease_seconds=2,
    )
    house = wiring.build(settings)
    migrate.upgrade(house.engine)
    keys = wiring.our_keys(settings, house.registry)
    assert keys is not None
    ehr.client_keys = bulk_ehr.KeySet.import_key_set(keys.public())
    built = Night(ehr, house, start_worker, tmp_path)
    yield built
    built.stop()


@pytest.mark.parametrize(
    ("store_url", "moment", "path", "kick_offs", "fetched"),
    [
        pytest.param("postgresql", "asking for the export", "$export", 2, 3, marks=LONG),
        pytest.param("sqlite", "looking at the status", "/jobs/", 1, 3, marks=LONG),
        ("sqlite", "in the middle of a file", "/files/1", 1, 4),
        pytest.param("postgresql", "in the middle of a file", "/files/1", 1, 4, marks=LONG),
    ],
    indirect=["store_url"],
    ids=["kick-off", "look", "file-sqlite", "file-postgresql"],
)
def test_a_worker_that_is_killed_leaves_an_export_that_completes(
    night: Night,
    until: Callable[..., None],
    moment: str,
    path: str,
    kick_offs: int,
    fetched: int,
) -> None:
    """The EHR sends half of its answer and waits; kill -9; another worker takes the same step.

    Only the file that was in flight is fetched twice, and only a kick-off whose answer nobody
    kept is repeated.
    """
    first = night.worker()
    going_on = night.ehr.pause_at(path)
    night.begin()
    until(lambda: night.ehr.count("GET", path) > 0, 60, f"the worker is not {moment}")
    first.kill_all()
    going_on.set()
    assert not night.is_over()
    night.worker()
    until(night.is_over, 90, f"the export does not complete after a kill: {moment}")
    assert night.export().state is ExportState.COMPLETE
    assert night.held() == whole(night.ehr)
    assert night.ehr.count("GET", "$export") == kick_offs
    assert night.ehr.count("GET", "/files/") == fetched
    assert steps.release(EXPORT, night.house, night.house.now()) is ExportState.RELEASED
    assert len(night.ehr.deleted) == 1


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_no_token_address_or_patient_stands_in_logs_queue_or_cache(
    night: Night, until: Callable[..., None], short_folder: Path
) -> None:
    """Worker's log, Valkey's file of every command, and SQLite's file, after a whole export."""
    night.ehr.errors = [bulk_ehr.outcome("not-found") + b"\n"]
    night.ehr.fault("GET", "/files/0", bulk_ehr.Answer(500, bulk_ehr.outcome("transient")))
    night.worker()
    night.begin()
    until(night.is_over, 90, "the export does not complete")
    assert night.held() == whole(night.ehr)
    places = [
        *night.folder.glob("worker-*.log"),
        *short_folder.rglob("*.aof"),
        *night.folder.rglob("taperguard.db*"),
    ]
    written = b"".join(file.read_bytes() for file in places)
    assert EXPORT.encode() in written
    assert b"export advanced" in written
    for secret in (*night.ehr.valid, *night.ehr.jobs, "Synthetic-Alder", "1954-03-01"):
        assert secret.encode() not in written
    with pytest.raises(seal.CannotOpen):
        seal.Sealer([seal.SealKey("dev", b"x" * 32)], b"x" * 32).open(
            night.export().status_url or b"", f"bulk-export/{EXPORT}"
        )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)
def test_workers_killed_at_random_moments_leave_the_same_folder(
    night: Night, until: Callable[..., None], seed: int
) -> None:
    """Twelve files; five workers in turn, each killed within two seconds of its first request."""
    chance = random.Random(seed)  # noqa: S311
    night.ehr.files = [
        ("MedicationRequest", bulk_ehr.ndjson(*map(bulk_ehr.order, range(n * 200, n * 200 + 200))))
        for n in range(12)
    ]
    night.begin()
    for _ in range(5):
        worker = night.worker()
        asked = len(night.ehr.asked)
        until(lambda asked=asked: len(night.ehr.asked) > asked or night.is_over(), 40)
        threading.Event().wait(chance.random() * 2)
        worker.kill_all()
    night.worker()
    until(night.is_over, 120, "the export does not complete")
    assert night.held() == whole(night.ehr)
