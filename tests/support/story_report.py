"""One night's report of the sandbox's stories, made as an operator makes it from an EHR.

The sandbox is a process of its own on a fixed day; `taperguard report run --bulk` signs in, asks
for an export of the clinic, downloads it and counts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import processes
from backend_system import CLIENT, BackendSystem

from taperguard import valkey


@dataclass(frozen=True)
class Night:
    """The report, its shareable form, and the rows of the worklist by the patient's key."""

    report: dict[str, Any]
    shareable: dict[str, Any]
    worklist: Mapping[str, dict[str, Any]]


def night_of_the_stories(on: date, folder: Path, short_folder: Path) -> Night:
    """What `report run` leaves of that day. `short_folder` is short enough for a socket."""
    system = BackendSystem()
    with ExitStack() as running:
        keys = running.enter_context(system.published())
        base = running.enter_context(_sandbox(on, keys, folder / "ehr")) + "/fhir"
        broker = running.enter_context(_broker(short_folder))
        ehrs = folder / "ehrs.toml"
        ehrs.write_text(
            f'[[ehr]]\nid = "sandbox"\nname = "Sandbox"\nissuer = "{base}"\n'
            f'fhir_base = "{base}"\ntime_zone = "UTC"\n'
            f'backend_client_id = "{CLIENT}"\nbulk_group_id = "clinic"\n',
            encoding="utf-8",
        )
        ours = {
            "TAPERGUARD_DATA": str(folder / "data"),
            "TAPERGUARD_EHRS_FILE": str(ehrs),
            "TAPERGUARD_BROKER_URL": broker,
            "TAPERGUARD_SIGNING_KEYS": json.dumps({"keys": [system.key.as_dict(private=True)]}),
        }
        out = folder / "out"
        command = [sys.executable, "-m", "taperguard", "report", "run", "--bulk", base]
        command += ["--on", on.isoformat(), "--out", str(out)]
        done = processes.run(command, env=processes.bare_environment() | ours, timeout=180)
    assert done.returncode == 0, done.stderr
    return Night(
        json.loads((out / "report.json").read_text(encoding="utf-8")),
        json.loads((out / "report-shareable.json").read_text(encoding="utf-8")),
        _rows(out / "restricted" / "patients.parquet"),
    )


def _rows(file: Path) -> dict[str, dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(file)])
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {row["patient"].removeprefix("Patient/"): row for row in rows}


@contextmanager
def _sandbox(on: date, keys: str, data: Path) -> Iterator[str]:
    """The address of a sandbox with the stories alone."""
    arguments = ["--port", "0", "--host", "127.0.0.1", "--service-url", keys, "--data", str(data)]
    arguments += ["--today", on.isoformat(), "--patients", "0", "--export-seconds", "0.2"]
    command = [sys.executable, "-u", "-m", "taperguard.sandbox", *arguments]
    process = processes.Heard(command)
    try:
        yield process.line().removeprefix("sandbox EHR: ").strip()
    finally:
        process.end()


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    socket, file = folder / "broker.sock", folder / "broker.conf"
    file.write_text(valkey.configuration(socket_file=socket, folder=folder), encoding="utf-8")
    command = [str(valkey.find_server().program), str(file)]
    process = processes.Kept(command, folder / "broker.log")
    try:
        until = time.monotonic() + 20
        while not valkey.answers(socket):
            assert time.monotonic() < until, "Valkey did not come up"
            time.sleep(0.05)
        yield f"redis+socket://{socket}"
    finally:
        process.stop()
