"""What a kick-off asks for (Bulk Data Access 2.0.0, "Query Parameters"): types, since, format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..records import moments
from ..records.access import is_of_a_patient
from ..records.json_text import Resource
from ..records.outcome import Refused
from ..records.parameters import PARAMETERS

NDJSON = "application/fhir+ndjson"
_FORMATS = (NDJSON, "application/ndjson", "ndjson")
# Beside the records of its patients: the list itself, and the medicines that orders point to.
_WITH_A_GROUP = ("Group", "Medication")
_VALUES = ("valueString", "valueCode", "valueInstant", "valueDateTime", "valueUri")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """An export as it was asked for. `types` are what it holds; `since` is ISO text in UTC.

    `ignored` are sentences on what was asked for and left aside, as the client wanted it.
    """

    types: tuple[str, ...]
    since: str | None
    ignored: tuple[str, ...]


def exportable() -> list[str]:
    """The types that an export of a Group can hold here."""
    return sorted(name for name in PARAMETERS if is_of_a_patient(name) or name in _WITH_A_GROUP)


def understand(pairs: Pairs, letters: Mapping[str, str], *, lenient: bool) -> Asked:
    """What the parameters of a kick-off ask for, within the interactions that a token allows.

    Without `_type` it is all that the token may read. Refused (400) for what is not understood,
    left aside where the client is `lenient` (`Prefer: handling=lenient`); Refused (403) for a type
    that no scope allows.
    """
    ignored: list[str] = []

    def leave(sentence: str) -> None:
        if not lenient:
            raise Refused(400, "not-supported", sentence)
        ignored.append(sentence)

    types: list[str] = []
    since: str | None = None
    asks_for_types = False
    for name, value in pairs:
        match name:
            case "_type":
                asks_for_types = True
                types += _types(value, leave)
            case "_since":
                since = _since(value)
            case "_outputFormat":
                _check_format(value)
            case "_format":
                pass  # of the answer to this request, not of the files
            case _:
                leave(f"An export here has no parameter {name[:40]!r}.")
    allowed = [name for name in exportable() if "r" in letters.get(name, "")]
    if asks_for_types and not types:
        raise Refused(400, "not-supported", "None of the types asked for can be exported here.")
    for name in types:
        if name not in allowed:
            raise Refused(403, "forbidden", f"No granted scope lets the system read {name}.")
    if not allowed:
        raise Refused(403, "forbidden", "No granted scope lets the system read anything.")
    return Asked(tuple(dict.fromkeys(types or allowed)), since, tuple(ignored))


def pairs_of(parameters: Resource) -> Pairs:
    """The parameters of a posted kick-off. Refused (400) when they are none."""
    said = parameters.get("parameter", [])
    if parameters.get("resourceType") != "Parameters" or not isinstance(said, list):
        raise Refused(400, "structure", "A posted kick-off brings a Parameters resource.")
    return [_pair(one) for one in said]


def _pair(one: object) -> tuple[str, str]:
    name = one.get("name") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(name, str):
        raise Refused(400, "structure", "A parameter has no name.")
    values = [one[key] for key in _VALUES if key in one]
    if len(values) > 1 or not all(isinstance(value, str) for value in values):
        raise Refused(400, "structure", f"The parameter {name[:40]!r} has no one value.")
    return name, values[0] if values else ""


def _check_format(value: str) -> None:
    if value.replace(" ", "+") not in _FORMATS:
        raise Refused(400, "not-supported", "An export here is written as NDJSON.")


def _types(value: str, leave: Callable[[str], None]) -> Iterable[str]:
    known = exportable()
    for name in filter(None, (part.strip() for part in value.split(","))):
        if name in known:
            yield name
        else:
            leave(f"The type {name[:40]!r} cannot be exported here.")


def _since(value: str) -> str:
    """An instant to the second: that is how precisely a record here says when it changed."""
    said = value.replace(" ", "+")
    sentence = "_since is an instant with its zone."
    if not _INSTANT.fullmatch(said):
        raise Refused(400, "value", sentence)
    try:
        return moments.stretch(said).low[: len("2026-11-23T09:30:00")] + "Z"
    except ValueError as unreadable:
        raise Refused(400, "value", sentence) from unreadable
