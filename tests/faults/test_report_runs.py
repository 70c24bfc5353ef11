"""kill -9 of the worker while it makes a report: it is made once in effect, with the same bytes."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from bulk_folder import patient, write
from small_clinic import of_days, write_clinic

from clinical.policy import default_policy
from store import exports, report_runs, reports
from store.database import reading, writing
from store.report_runs import RunState
from taperguard import wiring
from taperguard.settings import Settings
from workers import app as jobs
from workers.export.steps import folder_of
from workers.report.files import RunFolder
from workers.report.make import Making, make_report

NIGHT = date(2026, 11, 25)
PATIENTS = 300
REGISTRY = """
[[ehr]]
id = "clinic"
name = "A clinic"
issuer = "https://ehr.example/fhir"
fhir_base = "https://ehr.example/fhir"
time_zone = "UTC"
client_id = "taperguard"
"""


@pytest.fixture
def registry_file(tmp_path: Path) -> Path:
    file = tmp_path / "ehrs.toml"
    file.write_text(REGISTRY, encoding="utf-8")
    return file


@pytest.fixture
def clinic_house(
    make_settings: Callable[..., Settings], store_url: str, broker: Any, registry_file: Path
) -> Iterator[wiring.House]:
    """A house whose steps are posted again after a second."""
    settings = make_settings(
        database_url=store_url,
        broker_url=broker.url,
        ehrs_file=registry_file,
        outbox_lease_seconds=1,
    )
    built = wiring.build(settings)
    yield built
    built.close()


def exported_files(house: wiring.House, export_id: str) -> Path:
    """Files as an export leaves them: the small clinic, and many more people beside it."""
    folder = write_clinic(folder_of(export_id, house))
    names = [f"name{number:04}" for number in range(PATIENTS)]
    write(folder, "Patient.1.ndjson", [patient(name) for name in names])
    write(
        folder,
        "MedicationRequest.1.ndjson",
        [
            {
                **of_days(f"{name}-{month}", name, f"2026-{month:02}-01", times=1 + month % 3),
                "note": [{"text": "x" * 500}],
            }
            for name in names
            for month in range(5, 11)
        ],
    )
    return folder


def begin(house: wiring.House) -> tuple[str, str]:
    """A run whose export is complete, and the export."""
    export_id = "0123456789abcdef"
    exported_files(house, export_id)
    now = house.now()
    with writing(house.engine) as connection:
        exports.begin(
            connection,
            export_id=export_id,
            ehr_id="clinic",
            group_id="g",
            types=["Patient"],
            now=now,
        )
        connection.execute(
            sa.text("UPDATE bulk_exports SET state = 'complete', next_look_at = NULL")
        )
        run_id = report_runs.begin(connection, ehr_id="clinic", night=NIGHT, group_id="g", now=now)
        report_runs.advance(
            connection,
            run_id,
            expected=RunState.ASKED,
            to=RunState.EXPORTING,
            now=now,
            export_id=export_id,
        )
    return run_id, export_id


class Clock:
    """Ticks as beat does, a little faster."""

    def __init__(self, broker_url: str) -> None:
        self._app = jobs.make_app(broker_url, posting_only=True)

    def until(self, answer: Callable[[], object], seconds: float) -> None:
        ends = time.monotonic() + seconds
        ticked = 0.0
        while not answer():
            assert time.monotonic() < ends, "waited in vain"
            if time.monotonic() - ticked > 0.5:
                self._app.send_task(jobs.LOOK_AT_REPORTS, expires=5)
                ticked = time.monotonic()
            time.sleep(0.005)


def state_of(house: wiring.House, run_id: str) -> RunState:
    with reading(house.engine) as connection:
        run = report_runs.get(connection, run_id)
    assert run is not None
    return run.state


def in_the_middle(house: wiring.House, run_id: str, step: str) -> bool:
    """Whether the worker has begun with this step and is not done with it."""
    folder = RunFolder(house.reports_folder / run_id)
    if step == "reading":
        return bool(list(folder.shards.glob("*.json"))) and not folder.prepared.exists()
    begun = {file.stem for file in folder.counts.glob("*.lock")}
    done = {file.stem for file in folder.counts.glob("*.json")}
    return bool(begun - done)


def without_made_at(report: dict[str, Any]) -> str:
    return json.dumps({**report, "made_at": None, "source": None}, sort_keys=True)


@pytest.mark.parametrize("step", [pytest.param("reading", marks=pytest.mark.long), "counting"])
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    step: str,
    clinic_house: wiring.House,
    start_worker: Callable[..., Any],
    broker: Any,
    registry_file: Path,
    tmp_path: Path,
) -> None:
    """Killed twice, then left alone; beside it the same report made in one go."""
    settings = {
        "TAPERGUARD_EHRS_FILE": str(registry_file),
        "TAPERGUARD_OUTBOX_LEASE_SECONDS": "1",
    }
    source = exported_files(clinic_house, "reference")
    reference = make_report(
        Making(
            source=source,
            run=RunFolder(tmp_path / "reference"),
            ehr_id="clinic",
            on=NIGHT,
            policy=default_policy(),
            made_at=datetime(2026, 11, 25, tzinfo=UTC),
            fingerprint=lambda key: clinic_house.sealer.fingerprint("patient", "clinic", key),
            about_source={},
        )
    )
    run_id, export_id = begin(clinic_house)
    clock = Clock(broker.url)
    for _ in range(2):
        worker = start_worker(clinic_house, **settings)
        clock.until(lambda: in_the_middle(clinic_house, run_id, step), 90)
        worker.kill_all()
        assert state_of(clinic_house, run_id) is not RunState.DONE
    start_worker(clinic_house, **settings)
    clock.until(lambda: state_of(clinic_house, run_id) is RunState.DONE, 120)
    with reading(clinic_house.engine) as connection:
        kept = reports.get(connection, "clinic", NIGHT)
        assert kept is not None
        assert without_made_at(kept.report) == without_made_at(reference.report)
        worklist = reports.worklist(connection, "clinic", NIGHT, sealer=clinic_house.sealer)
        assert worklist == reference.worklist
        assert reports.compared(connection, "clinic", NIGHT, sealer=clinic_house.sealer) == (
            reference.compared
        )
    clock.until(lambda: not (clinic_house.reports_folder / run_id).exists(), 30)
    assert not folder_of(export_id, clinic_house).exists(), "what was exported is not kept"
    assert_no_patient_in_the_broker(broker)


def assert_no_patient_in_the_broker(broker: Any) -> None:
    """Messages hold the run's id and the bucket's number."""
    client = redis.Redis(unix_socket_path=str(broker.socket))
    try:
        held = [client.dump(key) or b"" for key in client.keys("*")]
        held += [
            raw
            for key in client.keys("*")
            if client.type(key) == b"list"
            for raw in client.lrange(key, 0, -1)
        ]
    finally:
        client.close()
    bodies = re.compile(rb'"body": ?"([A-Za-z0-9+/=]+)"')
    held += [base64.b64decode(body) for raw in held for body in bodies.findall(raw)]
    # By itself "ada" stands in many a random id.
    people = (b"name0", b"Synthetic", b"/ada", b'"ada"', b"ada-")
    assert not [raw for raw in held if any(person in raw for person in people)]
