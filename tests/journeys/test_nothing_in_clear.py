"""What the demo keeps after a night's report and a read history: no patient in clear anywhere.

Everything is looked at: each key and value of Valkey, its file, the database, the logs, and all
else that lies in the data folder. Only the sandbox EHR's own file may know its patients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ehr_patients
import pytest
import redis
from ehr_screen import Screen

pytestmark = pytest.mark.xdist_group("ordering")


def everybody(ehr: str) -> set[str]:
    """Names, birth dates and references of all patients of the EHR, the generated ones too."""
    told: set[str] = set()
    for patient in ehr_patients.all_of(ehr):
        told |= {f"Patient/{patient['id']}", *(n["family"] for n in patient.get("name", []))}
        if len(patient.get("birthDate", "")) == 10:
            told.add(patient["birthDate"])
    return told


def valkey(demo: Any) -> redis.Redis:
    folder = Path((demo.data / "demo.folder").read_text(encoding="utf-8"))
    return redis.Redis(unix_socket_path=str(folder / "broker.sock"))


def held_by(client: redis.Redis) -> bytes:
    """Every key with its value, of whatever kind."""
    held = []
    for key in client.keys("*"):
        held += [key, client.dump(key) or b""]
    return b"\n".join(held)


def kept_files(data: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(data.rglob("*")):
        if file.is_file() and "sandbox" not in file.relative_to(data).parts:
            try:
                yield str(file.relative_to(data)), file.read_bytes()
            except FileNotFoundError:  # a file of work that was done meanwhile
                continue


def test_after_a_night_and_a_read_history_no_patient_stands_in_clear(
    demo: Any, ordering: Callable[[str], Screen], until: Callable[..., None]
) -> None:
    ordering("alder")  # opening the orders has the chart reviewed, and its history read
    client = valkey(demo)
    until(lambda: client.keys("taperguard:kept:history:*"), 60, "no history was read")
    report = "taperguard.db"

    def is_made() -> bool:
        return (
            b"taperguard-report/1"
            in (demo.data / report).read_bytes() + (demo.data / f"{report}-wal").read_bytes()
        )

    until(is_made, 150, "no report was made")
    time.sleep(1)  # what was logged last is written
    secrets = everybody(demo.ehr)
    assert "Synthetic-Alder" in secrets
    assert "Patient/alder" in secrets
    assert len(secrets) > 700  # 370 patients: a reference each, and most a name and a birth date
    places = [("Valkey", held_by(client)), *kept_files(demo.data)]
    assert {"taperguard.db", "logs/worker.log", "logs/service.log"} <= {name for name, _ in places}
    found = [
        f"{secret!r} in {name}"
        for name, held in places
        for secret in sorted(secrets)
        if secret.encode() in held
    ]
    assert found == []
