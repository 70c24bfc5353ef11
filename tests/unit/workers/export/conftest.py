"""A bench on each kind of store, before a small EHR on a real port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bulk_ehr import BulkEhr
from export_bench import Bench, registry_of
from sqlalchemy.engine import Engine

from ehr import seal
from ehr.keys import OurKeys, new_key_set


@pytest.fixture(scope="session")
def export_keys() -> OurKeys:
    return OurKeys(new_key_set())


@pytest.fixture
def ehr(export_keys: OurKeys) -> Iterator[BulkEhr]:
    running = BulkEhr(export_keys.public())
    yield running.start()
    running.stop()


@pytest.fixture
def bench(
    ehr: BulkEhr, store: Engine, sealer: seal.Sealer, export_keys: OurKeys, tmp_path: Path
) -> Bench:
    made = Bench(store, sealer, registry_of(ehr), tmp_path / "the exports", export_keys)
    ehr.now = made.now
    return made
