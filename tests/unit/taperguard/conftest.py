"""What the tests of the gate share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taperguard import wiring
from taperguard.settings import Settings


@pytest.fixture
def house_with(
    make_settings: Callable[..., Settings], migrated_sqlite: Path, tmp_path: Path
) -> Iterator[Callable[..., wiring.House]]:
    """`house_with(requests_at_once=1)`: a house with these settings, its store in a file."""
    houses: list[wiring.House] = []

    def build(**given: object) -> wiring.House:
        file = shutil.copy(migrated_sqlite, tmp_path / f"{len(houses)}.db")
        settings = make_settings(
            database_url=f"sqlite:///{file}",
            broker_url="redis+socket:///nowhere/broker.sock",
            **given,
        )
        houses.append(wiring.build(settings))
        return houses[-1]

    yield build
    for house in houses:
        house.close()
