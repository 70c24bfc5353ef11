"""The report of the small clinic, made once for all who look at it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from small_clinic import write_clinic

from clinical.policy import default_policy
from ehr import seal
from workers.report.files import RunFolder
from workers.report.finish import Finished
from workers.report.make import Making, make_report

Make = Callable[..., Finished]


@pytest.fixture(scope="session")
def make() -> Make:
    """`make(source, run, in_a_bucket)`: a report of 25 November 2026 from these files."""

    def from_files(source: Path, run: Path, in_a_bucket: int, key: bytes = b"h" * 32) -> Finished:
        sealer = seal.Sealer([seal.SealKey("k1", b"1" * 32)], key)
        return make_report(
            Making(
                source=source,
                run=RunFolder(run),
                ehr_id="sandbox",
                on=date(2026, 11, 25),
                policy=default_policy(),
                made_at=datetime(2026, 11, 25, 2, 0, 5, tzinfo=UTC),
                fingerprint=lambda patient: sealer.fingerprint("patient", "sandbox", patient),
                about_source={"kind": "ndjson", "group": None, "transaction_time": None},
                patients_in_a_bucket=in_a_bucket,
            )
        )

    return from_files


@pytest.fixture(scope="session")
def done(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The report, counted in buckets of three."""
    folder = tmp_path_factory.mktemp("clinic")
    return make(write_clinic(folder / "in"), folder / "run", 3)
