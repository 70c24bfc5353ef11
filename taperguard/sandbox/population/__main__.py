"""`python -m taperguard.sandbox.population`: generated patients as files of a bulk export.

The files are named and written as the sandbox's `$export` names and writes them; nothing is kept
in memory, so that a bench may ask for many. Status 2 means that it could not be done, with one
sentence on standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TextIO

from ..patients.build import build, clinic
from ..records import json_text
from ..records.json_text import Resource
from ..records.store import as_stored
from .people import SEED, people

ROWS = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files."""
    asked = _parser().parse_args(arguments)
    try:
        patients = people(asked.patients, seed=asked.seed)
        _make_room(asked.out)
        with _Files(asked.out, asked.rows, asked.on) as files:
            told: list[Resource] = []
            for person in patients:
                for resource in build(person, asked.on, is_here=False):
                    files.write(resource)
                told.append({"resourceType": "Patient", "id": person.key})
            files.write(clinic(told))
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"population: {problem}\n")
        return 2
    return 0


def _make_room(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")


class _Files:
    """One open file for each type; a new one when it has its rows."""

    def __init__(self, folder: Path, rows: int, on: date) -> None:
        self._folder = folder
        self._rows = rows
        self._at = datetime.combine(on, time(), tzinfo=UTC)
        self._open: dict[str, TextIO] = {}
        self._written: dict[str, int] = {}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def write(self, resource: Resource) -> None:
        """Append a resource to the file of its type."""
        name = resource["resourceType"]
        written = self._written.get(name, 0)
        if written % self._rows == 0:
            if name in self._open:
                self._open[name].close()
            file = self._folder / f"{name}.{written // self._rows}.ndjson"
            self._open[name] = file.open("w", encoding="utf-8", newline="\n")
        self._open[name].write(json_text.write(as_stored(resource, 1, self._at)) + "\n")
        self._written[name] = written + 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m taperguard.sandbox.population",
        description="Generated patients as NDJSON files of a bulk export.",
    )
    parser.add_argument("--patients", type=int, default=300, help="how many")
    parser.add_argument("--on", type=_day, required=True, help="the day that is today for them")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder, or none yet")
    parser.add_argument("--seed", type=int, default=SEED, help="other patients for another seed")
    parser.add_argument("--rows", type=_rows, default=ROWS, help="the most resources of one file")
    return parser


def _rows(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as unreadable:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-23") from unreadable


if __name__ == "__main__":
    sys.exit(main())
