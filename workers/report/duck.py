"""DuckDB, kept on a short lead: its memory, its folders, no network, nothing loaded on its own."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

MEMORY_LIMIT = "512MB"
THREADS = 1
"""Of one process: the machine's cores belong to the worker's processes, one bucket each."""


def connect(
    folder: Path, *, reads: Iterable[Path] = (), database: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that touches only `folder` (to spill and to write) and the folders it `reads`.

    It installs and loads no extension, reaches no network, and reads instants without a time
    zone as UTC.
    """
    # One for each process: two of them would write the same names.
    spill = folder / f"spill-{os.getpid()}"
    connection = duckdb.connect(
        ":memory:" if database is None else str(database),
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": str(THREADS),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(spill),
        },
    )
    allowed = [
        f"{name}/"
        for path in (folder, *reads)
        # Both spellings: a pattern that stands for a folder is checked as it is written.
        for name in dict.fromkeys((str(path), glob.escape(str(path))))
    ]
    connection.execute("SET TimeZone = 'UTC'")
    # Its bar would stand in the middle of our own output.
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET allowed_directories = [{', '.join(map(quoted, allowed))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def pattern(path: Path) -> str:
    """The pattern that stands for this file alone, whatever signs are in its name."""
    return glob.escape(str(path))
