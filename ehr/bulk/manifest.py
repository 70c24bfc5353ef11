"""The manifest of a finished export, believed as far as it was checked (Bulk Data, 3.5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ehr import guard
from ehr.errors import Unusable
from ehr.read.json import as_list, as_object, as_text

_MOST_FILES = 200_000


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file. `count` is how many records it has to hold, None where the EHR does not say.

    `number` counts the files of its type from 0.
    """

    type: str
    number: int
    url: str = field(repr=False)
    count: int | None

    @property
    def name(self) -> str:
        """What it is called in the folder of the export."""
        return f"{self.type}.{self.number}.ndjson"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export consists of. `problems` are sentences about what is not as it should be.

    `transaction_time`: the records are as they were then. `errors` are files of what went wrong.
    """

    transaction_time: datetime | None
    needs_token: bool
    files: tuple[ExportedFile, ...]
    errors: tuple[ExportedFile, ...]
    problems: tuple[str, ...] = ()


def read_manifest(
    body: Mapping[str, Any], types: tuple[str, ...], own: Callable[[str], str]
) -> Manifest:
    """The manifest of a body. Raises Unusable.

    `own` returns an address made absolute when it is the EHR's own, else raises guard.Elsewhere:
    a manifest with a single foreign address is refused, for nothing may be left out of an export.
    """
    if not isinstance(body.get("output"), list):
        raise Unusable("the EHR's manifest lists no files")
    if any(as_text(link.get("relation")) == "next" for link in map(as_object, _links(body))):
        raise Unusable("the EHR's manifest comes in pages, which are not read: it would be a part")
    problems: list[str] = []
    files = _files(as_list(body["output"]), own)
    foreign = sorted({file.type for file in files if file.type not in types})
    if foreign:
        problems.append(f"not asked for and not fetched: {', '.join(foreign)}")
    # STU 1 and 2 call them "error", STU 3 "outcome".
    errors = _files([*as_list(body.get("error")), *as_list(body.get("outcome"))], own)
    if as_list(body.get("deleted")):
        problems.append("the EHR lists deleted records, which are not applied")
    transaction_time = _instant(body.get("transactionTime"))
    if transaction_time is None:
        problems.append("the EHR does not say of what instant its export is")
    return Manifest(
        transaction_time=transaction_time,
        needs_token=body.get("requiresAccessToken") is True,
        files=tuple(file for file in files if file.type in types),
        errors=tuple(errors),
        problems=tuple(problems),
    )


def _files(rows: list[Any], own: Callable[[str], str]) -> list[ExportedFile]:
    if len(rows) > _MOST_FILES:
        raise Unusable("the EHR's manifest lists more files than are fetched")
    numbers: dict[str, int] = {}
    files = []
    for row in map(as_object, rows):
        kind, url = as_text(row.get("type")), as_text(row.get("url"))
        if kind is None or url is None or not (kind.isascii() and kind.isalpha()):
            raise Unusable("the EHR's manifest lists a file without type or address")
        try:
            address = own(url)
        except guard.Elsewhere as error:
            raise Unusable(f"a file of the EHR's manifest is not fetched: {error}") from None
        number = numbers[kind] = numbers.get(kind, -1) + 1
        files.append(ExportedFile(kind, number, address, _count(row.get("count"))))
    return files


def _count(said: object) -> int | None:
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise Unusable("the EHR's manifest counts records by something that is no number")
    return said


def _links(body: Mapping[str, Any]) -> list[Any]:
    return as_list(body.get("link"))


def _instant(said: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(as_text(said) or "")
    except ValueError:
        return None
    return None if instant.tzinfo is None else instant
