"""Files that are there whole or not at all, and the folder of one run."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A draft to write; the file stands under its name when the block ends without an error.

    Synced before it is renamed, and its folder after: a power cut leaves the old state or the
    new one.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
    try:
        draft.touch(mode=0o600)
        yield draft
        with draft.open("rb") as handle:
            os.fsync(handle.fileno())
        draft.chmod(0o600)
        draft.replace(file)
        sync_folder(file.parent)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def sync_folder(folder: Path) -> None:
    """Have the folder's list of names on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(file: Path, value: object, *, indent: int | None = None) -> None:
    """The value as JSON, the same bytes for the same value."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=indent)
    with whole(file) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def read_json(file: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(file.read_text(encoding="utf-8"))


@contextmanager
def only_one(lock: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock; held to the end of the block, or of the process."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run keeps what it has done. It holds patient data: for its own user only."""

    path: Path

    def make(self) -> None:
        """Make the folder, with whatever stands above it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in (self.shards, self.buckets, self.counts):
            part.mkdir(exist_ok=True, mode=0o700)

    @property
    def lock(self) -> Path:
        """Held by whoever prepares the run."""
        return self.path / "lock"

    @property
    def shards(self) -> Path:
        """What was read of each file: `00003.parquet`, and `00003.json` when it is done."""
        return self.path / "shards"

    @property
    def buckets(self) -> Path:
        """The records of the patients who matter: `00003.parquet`."""
        return self.path / "buckets"

    @property
    def counts(self) -> Path:
        """What was counted of each bucket: `00003.json`."""
        return self.path / "counts"

    @property
    def prepared(self) -> Path:
        """The ledger of what was read; there when all buckets are."""
        return self.path / "prepared.json"

    @property
    def columns(self) -> Path:
        """The database in which the columns are gathered; gone afterwards."""
        return self.path / "columns.duckdb"

    def bucket(self, number: int) -> Path:
        """The records of one bucket."""
        return self.buckets / f"{number:05}.parquet"

    def count(self, number: int) -> Path:
        """The result of one bucket."""
        return self.counts / f"{number:05}.json"

    def uncounted(self) -> list[int]:
        """The buckets that have no result yet. The run is prepared, or this raises."""
        buckets = int(read_json(self.prepared)["buckets"])
        return [number for number in range(buckets) if not self.count(number).exists()]
