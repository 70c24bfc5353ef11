"""The judge of single lines: which resource a line holds, or why it cannot be used.

Used for a file that DuckDB refused or of which one line looked odd; what passes here is
written anew, one resource a line, and DuckDB reads that.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from ehr.decode import NotJson, decode
from ehr.read.json import as_object, as_text

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one resource; DuckDB's own limit, so that both readers take the same files."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
PATIENT_REFERENCE = r"(?:^|/)Patient/([A-Za-z0-9.\-]{1,64})(?:/_history/[^/]*)?$"
"""The patient's id in a reference without query and fragment; also read by DuckDB."""
_PATIENT = re.compile(PATIENT_REFERENCE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank, without blanks around it. Numbers begin at 1."""

    number: int
    raw: bytes
    why_not: str | None = None

    @property
    def sha256(self) -> str:
        """By which the line is found again without quoting it."""
        return hashlib.sha256(self.raw).hexdigest()


def is_gzip(file: Path) -> bool:
    """Whether the file is compressed, by its first bytes: names promise nothing."""
    with file.open("rb") as handle:
        return handle.read(2) == _GZIP


def read_lines(file: Path, owned: frozenset[str]) -> Iterator[Line]:
    """Each line that is not blank, with why it cannot be used, if it cannot.

    `owned` are the resource types that belong to a patient: one that names none is refused.
    A compressed file that ends in the middle gives a last line that says so.
    """
    number = 0
    opener = gzip.open if is_gzip(file) else open
    with cast("IO[bytes]", opener(file, "rb")) as handle:
        try:
            while raw := handle.readline(LONGEST_LINE + 1):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(_BOM)
                if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
                    yield _too_long(number, raw, handle)
                elif plain := raw.strip(b" \t\r\n"):
                    yield Line(number, plain, why_unusable(plain, owned))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield Line(number + 1, b"", "the compressed file is damaged from here on")


def _too_long(number: int, start: bytes, handle: IO[bytes]) -> Line:
    while rest := handle.readline(LONGEST_LINE):
        if rest.endswith(b"\n"):
            break
    return Line(number, start, "the line is longer than 16 MB")


def why_unusable(raw: bytes, owned: frozenset[str]) -> str | None:
    """Why the line is no resource that can be used, as a sentence without patient data."""
    try:
        resource = decode(raw)
    except NotJson:
        return "the line is not valid JSON"
    if not isinstance(resource, dict):
        return "the line is no JSON object"
    kind = as_text(resource.get("resourceType"))
    if kind is None or not _TYPE.fullmatch(kind) or kind != resource["resourceType"]:
        return "the line has no resourceType"
    if as_text(resource.get("id")) is None:
        return f"the {kind} has no id that is a text"
    if kind in owned and patient_of(resource) is None:
        return f"the {kind} names no patient"
    return None


def patient_of(resource: dict[str, Any]) -> str | None:
    """The id of the patient whom the resource belongs to, from `subject` or `patient`."""
    for name in ("subject", "patient"):
        reference = as_text(as_object(resource.get(name)).get("reference"))
        if reference is not None:
            found = _PATIENT.search(re.split(r"[?#]", reference, maxsplit=1)[0].rstrip("/"))
            if found:
                return found[1]
    return None
