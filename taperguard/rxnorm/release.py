"""The files of a downloaded release of RxNorm, line by line.

RxNorm Rich Release Format: fields end with "|", UTF-8, no quotes (RxNorm technical documentation,
section 12). The files lie in a folder (or its `rrf/`), plain or gzipped, or in the archive as it
was downloaded. Only rows of RxNorm's own names and relations (SAB=RXNORM) are handed on: those of
the other sources are not free to use.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from taperguard.refusal import Refusal

CONCEPTS, RELATIONS, ATTRIBUTES, SOURCES = "RXNCONSO", "RXNREL", "RXNSAT", "RXNSAB"
_FIELDS = {CONCEPTS: 18, RELATIONS: 16, ATTRIBUTES: 13, SOURCES: 0}
"""Fields of a line; of the list of sources only one row matters, and its width is not checked."""
_SOURCE_FIELD = {CONCEPTS: 11, RELATIONS: 10, ATTRIBUTES: 9, SOURCES: 3}
"""Where SAB stands (in RXNSAB: RSAB)."""
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Release:
    """A release and where its files lie: `archive` is a zip file, else they are files."""

    version: str
    released_on: date
    archive: Path | None
    places: dict[str, str]

    def rows(self, name: str) -> Iterator[list[bytes]]:
        """The rows of RxNorm's own in one file, streamed. Raises Refusal with file and line."""
        return _rows(self.archive, self.places[name], name)


def open_release(folder: Path, released_on: date | None = None) -> Release:
    """The release in a folder or archive. `released_on` where nothing in it tells the date.

    Raises Refusal: a file is missing, the date is unknown, or it is a weekly update.
    """
    archive, places = _places(folder)
    missing = [name for name in (CONCEPTS, RELATIONS, ATTRIBUTES) if name not in places]
    if missing:
        raise Refusal(f"{folder.name} has no {missing[0]}.RRF: a full release of RxNorm is needed")
    version = _own_version(archive, places) or _dated_name(folder, archive, places)
    weekly = version is not None and (version.endswith("W") or "weekly" in version.lower())
    if weekly or "weekly" in (archive or folder).name.lower():
        raise Refusal(
            "this is a weekly update, which holds only what changed: take the monthly full release"
        )
    day = released_on or (None if version is None else _date_in(version))
    if day is None:
        raise Refusal("nothing in the release tells its date: give it with --released-on")
    return Release(version or day.isoformat(), day, archive, places)


def _places(folder: Path) -> tuple[Path | None, dict[str, str]]:
    if folder.is_file():
        return folder, _places_in_archive(folder)
    if not folder.is_dir():
        raise Refusal(f"there is no folder or archive {folder.name}")
    for place in (folder, folder / "rrf"):
        found = {
            name: str(file)
            for name in _FIELDS
            for ending in (".RRF.gz", ".rrf", ".RRF")
            if (file := place / f"{name}{ending}").is_file()
        }
        if CONCEPTS in found:
            return None, found
    archives = sorted(folder.glob("*.zip"))
    if len(archives) > 1:
        raise Refusal(f"{folder.name} holds several archives: name the one that is meant")
    return (archives[0], _places_in_archive(archives[0])) if archives else (None, {})


def _places_in_archive(archive: Path) -> dict[str, str]:
    """The files of the full release; the prescribable part has a folder of its own in it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.namelist()
    except (zipfile.BadZipFile, OSError):
        raise Refusal(f"{archive.name} is no archive that can be read") from None
    members.sort(key=lambda member: ("prescribe" in member.lower(), member))
    found: dict[str, str] = {}
    for member in members:
        name = member.rsplit("/", 1)[-1].removesuffix(".gz").upper().removesuffix(".RRF")
        if name in _FIELDS and member.upper().removesuffix(".GZ").endswith(".RRF"):
            found.setdefault(name, member)
    return found


def _own_version(archive: Path | None, places: dict[str, str]) -> str | None:
    """RxNorm's version as its list of sources gives it: "20AA_251103F"."""
    if SOURCES not in places:
        return None
    for row in _rows(archive, places[SOURCES], SOURCES):
        version = row[6].decode("ascii", "replace")
        if _date_in(version) is not None:
            return version
    return None


def _dated_name(folder: Path, archive: Path | None, places: dict[str, str]) -> str | None:
    """The date in the names that NLM gives: RxNorm_full_11032025.zip, Readme_Full_11032025.txt."""
    names = [archive.name] if archive is not None else []
    names += [folder.name, *(file.name for file in _beside(folder))]
    return next((name for name in names if places and _date_in(name) is not None), None)


def _beside(folder: Path) -> list[Path]:
    return sorted(folder.glob("[Rr]eadme*")) if folder.is_dir() else []


def _date_in(text: str) -> date | None:
    """The date in "20AA_251103F" or "RxNorm_full_11032025": 2025-11-03."""
    for pattern, order in (
        (r"_(\d\d)(\d\d)(\d\d)[A-Z]?$", (0, 1, 2)),
        (r"(?<!\d)(\d\d)(\d\d)20(\d\d)(?!\d)", (2, 0, 1)),
    ):
        if found := re.search(pattern, text, re.ASCII):
            year, month, day = (int(found.groups()[i]) for i in order)
            with contextlib.suppress(ValueError):
                return date(2000 + year, month, day)
    return None


def _rows(archive: Path | None, place: str, name: str) -> Iterator[list[bytes]]:
    width, field = _FIELDS[name], _SOURCE_FIELD[name]
    number = 0
    try:
        with _opened(archive, place) as stream:
            for line in iter(lambda: stream.readline(_LONGEST_LINE), b""):
                number += 1
                if (width and line.count(b"|") != width) or not line.endswith(b"\n"):
                    raise Refusal(
                        f"{name}.RRF, line {number}: the line is cut short or is no RxNorm "
                        f"({line.count(b'|')} fields instead of {width})"
                    )
                if b"|RXNORM|" in line:
                    row = line.split(b"|")
                    if row[field] == b"RXNORM":
                        yield row
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        raise Refusal(f"{name}.RRF cannot be read after line {number}: it is damaged") from None


@contextlib.contextmanager
def _opened(archive: Path | None, place: str) -> Iterator[IO[bytes]]:
    with contextlib.ExitStack() as stack:
        if archive is None:
            raw: IO[bytes] = stack.enter_context(open(place, "rb", buffering=1 << 20))
        else:
            opened = stack.enter_context(zipfile.ZipFile(archive))
            raw = io.BufferedReader(stack.enter_context(opened.open(place)), 1 << 20)  # type: ignore[type-var]
        if place.lower().endswith(".gz"):
            yield io.BufferedReader(stack.enter_context(gzip.open(raw)), 1 << 20)
        else:
            yield raw
