"""How an export is asked for (Bulk Data Access 2.0, 3.1): GET, `_type` as one comma list. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

KICK_OFF_HEADERS = {"Accept": "application/fhir+json", "Prefer": "respond-async"}


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is to be exported: these types of the members of a Group, or of all patients (None)."""

    group_id: str | None
    types: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.types or not all(_TYPE.fullmatch(kind) for kind in self.types):
            raise ValueError("an export needs the types of its records")
        if self.group_id is not None and (
            not _ID.fullmatch(self.group_id) or self.group_id in (".", "..")
        ):
            raise ValueError("the Group of an export is named by its FHIR id")


def kick_off_address(base: str, order: ExportOrder) -> str:
    """Where the export is kicked off."""
    whose = "Patient" if order.group_id is None else f"Group/{order.group_id}"
    # Commas as they are: not every server decodes them.
    query = urlencode({"_type": ",".join(order.types)}, safe=",")
    return f"{base}/{whose}/$export?{query}"
