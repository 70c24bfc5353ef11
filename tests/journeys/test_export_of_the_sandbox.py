"""Our exports against the sandbox as its own process: neither knows the other's code."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
from backend_system import BackendSystem
from export_bench import EXPORT, Bench
from processes import Heard
from sqlalchemy.engine import Engine

from ehr import seal
from ehr.ask import export_types
from ehr.bulk import ndjson
from ehr.bulk.ndjson import Line
from ehr.keys import OurKeys
from ehr.registry import Registry, TrustedEhr
from store import exports, migrate
from store.database import make_engine, writing
from store.exports import ExportState
from taperguard.sandbox.patients import read_stories
from workers.export import steps

GENERATED = 20


class LiveBench(Bench):
    """A bench whose clock is the machine's."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def bench(store: Engine, sealer: seal.Sealer, tmp_path: Path) -> Iterator[LiveBench]:
    system = BackendSystem()
    keys = OurKeys(json.dumps({"keys": [system.key.as_dict(private=True)]}))
    with system.published() as service:
        arguments = ["--port", "0", "--host", "127.0.0.1", "--service-url", service]
        arguments += ["--patients", str(GENERATED), "--export-seconds", "0.5"]
        arguments += ["--data", str(tmp_path / "ehr")]
        process = Heard([sys.executable, "-u", "-m", "taperguard.sandbox", *arguments])
        try:
            address = process.line().removeprefix("sandbox EHR: ").strip()
            base = f"{address}/fhir"
            ehr = TrustedEhr(
                *("north", "Sandbox", base, base, ZoneInfo("UTC")),
                backend_client_id="taperguard-backend",
                bulk_group_id="clinic",
            )
            yield LiveBench(
                store, sealer, Registry((ehr,)), tmp_path / "exports", keys, lease=timedelta(60)
            )
        finally:
            process.end()


def test_the_sandbox_s_clinic_is_exported_whole_and_released(bench: LiveBench) -> None:
    """Every patient of the stories and every generated one; every line is read."""
    with writing(bench.engine) as connection:
        exports.begin(
            connection,
            export_id=EXPORT,
            ehr_id="north",
            group_id="clinic",
            types=export_types(),
            now=bench.now(),
        )
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(min(seconds, 1))
        # Time passes faster here than there: the EHR is asked again at once.
        with writing(bench.engine) as connection:
            connection.exec_driver_sql("UPDATE bulk_exports SET next_look_at = begun_at")

    export = steps.run_here(EXPORT, bench, pause=pause)
    assert export.state is ExportState.COMPLETE, export.why
    assert export.problems == ()
    assert pauses, "the export was seen under way"
    counts: Counter[str] = Counter()
    for file in bench.files():
        lines = list(ndjson.read(steps.folder_of(EXPORT, bench) / file.name, file.type))
        assert all(isinstance(line, Line) for line in lines)
        assert len(lines) == file.lines == file.count
        counts[file.type] += len(lines)
    assert counts["Patient"] == len(read_stories()) + GENERATED
    assert counts["MedicationRequest"] > counts["Patient"]
    assert set(counts) <= set(export_types())
    url = export.open_status_url(bench.sealer)
    assert url is not None
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED
    assert bench.folder() == {}
    token = bench.tokens.token_for(next(iter(bench.registry)))
    with bench.http() as http:
        answer = http.get(url, headers={"Authorization": f"Bearer {token}"})
    assert isinstance(answer, httpx2.Response)
    assert answer.status_code == 404
