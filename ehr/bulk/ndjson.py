"""Newline-delimited JSON, read strictly, line by line: a line is read or it is quarantined.

A quarantined line is named by its number, the SHA-256 of its bytes and a reason, never by what it
says. DuckDB reads whole files faster; this reads those in which it found something wrong, and says
what and where.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO, cast

from ehr.decode import NotJson, decode

MOST_LINE_BYTES = 32_000_000
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
# IEEE 754 doubles, in which JSON numbers are exchanged, reach from 4.9e-324 to 1.8e308.
_LARGEST_POWER, _SMALLEST_POWER = 308, -324
_MOST_DIGITS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read: its number, from 1, its resource with exact decimals, its bytes."""

    number: int
    resource: dict[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A line that was not read: its number, the SHA-256 (hex) of its bytes, and why."""

    number: int
    sha256: str
    why: str


class BadLine(Exception):
    """A line that is no resource; the sentence says why, without quoting it."""


def read(
    file: Path, kind: str | None = None, *, identified: bool = True
) -> Iterator[Line | Quarantined]:
    """Every line of a file, plain or gzip, that is not blank. Raises OSError: no such file.

    With `kind` a resource of another type is quarantined, with `identified` one without an id.
    """
    number = 0
    with _opened(file) as lines:
        while True:
            number += 1
            try:
                raw = lines.readline(MOST_LINE_BYTES + 1)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                why = "the compressed file is broken here: what follows cannot be read"
                yield Quarantined(number, hashlib.sha256(b"").hexdigest(), why)
                return
            if not raw:
                return
            if len(raw) > MOST_LINE_BYTES:
                yield Quarantined(number, _rest_of_line(raw, lines), "the line is too long")
                continue
            line = raw.removeprefix(_BOM) if number == 1 else raw
            line = line.strip(b" \t\r\n")
            if not line:
                continue
            try:
                yield Line(number, resource_of(line, kind, identified=identified), line)
            except BadLine as bad:
                yield Quarantined(number, hashlib.sha256(line).hexdigest(), str(bad))


def resource_of(line: bytes, kind: str | None = None, *, identified: bool = True) -> dict[str, Any]:
    """The resource of one line. Raises BadLine."""
    try:
        value = decode(line)
    except NotJson as error:
        nested = "nested" in str(error)
        raise BadLine("it is nested too deeply" if nested else "it is not valid JSON") from None
    if value is None:
        raise BadLine("it is null")
    if not isinstance(value, dict):
        raise BadLine("it is no JSON object")
    _check_letter_by_letter(line)
    said = value.get("resourceType")
    if not isinstance(said, str) or not said:
        raise BadLine("it has no resourceType")
    if kind is not None and said != kind:
        raise BadLine(f"it is no {kind}")
    if identified and not (isinstance(value.get("id"), str) and value["id"].strip()):
        raise BadLine("it has no id")
    return value


def _check_letter_by_letter(line: bytes) -> None:
    """What a decoder passes over in silence: keys that stand twice, numbers beyond exchange."""
    try:
        json.loads(
            line, object_pairs_hook=_once, parse_float=_exchanged, parse_int=_short, strict=True
        )
    except (ValueError, RecursionError):
        raise BadLine("it is not valid JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadLine("a key stands twice")
    return found


def _exchanged(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadLine("a number is beyond what can be exchanged") from None
    if number and not _SMALLEST_POWER <= number.adjusted() <= _LARGEST_POWER:
        raise BadLine("a number is beyond what can be exchanged")
    return number


def _short(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise BadLine("a number is beyond what can be exchanged")
    return int(text)


def _opened(file: Path) -> BinaryIO:
    plain = file.open("rb")
    zipped = plain.read(len(_GZIP)) == _GZIP
    plain.seek(0)
    if not zipped:
        return plain
    plain.close()
    return cast("BinaryIO", gzip.open(file, "rb"))


def _rest_of_line(begun: bytes, lines: BinaryIO) -> str:
    """The hash of a line that is too long, with its end read away."""
    digest = hashlib.sha256(begun)
    while begun and not begun.endswith(b"\n"):
        begun = lines.readline(1_000_000)
        digest.update(begun)
    return digest.hexdigest()
