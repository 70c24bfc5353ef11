"""A search as asked over HTTP, understood: what to find, how much of it, and what was ignored."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from . import moments
from .outcome import Refused
from .parameters import PARAMETERS, Kind, Parameter, parameters_of

DEFAULT_COUNT = 20
LARGEST_COUNT = 200
LARGEST_COUNT_OF_A_HISTORY = 50
"""The most on one page of a patient's medication records: a server may give fewer than asked."""
_HISTORIES = {"MedicationRequest", "MedicationStatement", "MedicationDispense"}
_WHOSE = {"patient", "subject"}
CURSOR = "_cursor"
_IGNORED_WITHOUT_A_WORD = {"_format", "_pretty", "_total"}
_PREFIXES = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition that a match meets: the SQL over the index rows of one parameter.

    A narrow one leaves few resources of many, such as those of one patient.
    """

    parameter: str
    sql: str
    values: tuple[str, ...]
    negated: bool = False
    is_narrow: bool = False


@dataclass(frozen=True, slots=True)
class SortKey:
    """A parameter to sort by."""

    parameter: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """Also return what `parameter` of a match refers to (only `target_type`, if given)."""

    parameter: str
    target_type: str | None


@dataclass(slots=True)
class Question:
    """A search on one resource type; `understood` are the pairs that took part in it."""

    resource_type: str
    count: int = DEFAULT_COUNT
    offset: int = 0
    clauses: list[Clause] = field(default_factory=list)
    sort: list[SortKey] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    understood: Pairs = field(default_factory=list)
    only_count: bool = False

    def link(self, base: str) -> str:
        """The address that asks this question again: what took part, and nothing ignored."""
        if self.offset:
            return self.page_link(base, self.offset)
        query = "?" + urlencode(self.understood) if self.understood else ""
        return f"{base}/{self.resource_type}{query}"

    def page_link(self, base: str, offset: int) -> str:
        """The address of the page that begins at `offset`; its cursor is ours to read."""
        said = json.dumps([offset, self.understood], separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
        return f"{base}/{self.resource_type}?{CURSOR}={cursor}"


def understand(resource_type: str, pairs: Pairs, *, base: str, strict: bool) -> Question:
    """What a search asks for.

    An unknown parameter is ignored, or refused when `strict` (`Prefer: handling=strict`, FHIR R4
    section 3.1.1.3). A value that cannot be read, and a modifier that we do not have, are always
    refused: ignoring either would answer another question than the one asked.
    """
    offset = 0
    cursors = [value for name, value in pairs if name == CURSOR]
    if cursors:
        offset, pairs = _from_cursor(cursors[0])
    question = Question(resource_type, offset=offset)
    for name, value in pairs:
        if not _is_text(name + value):
            raise Refused(400, "invalid", "A parameter holds characters that are no text.")
        if not value.strip():
            continue  # "code=" asks for nothing: FHIR lets a server treat it as absent
        if _take(question, name, value, base):
            question.understood.append((name, value))
        elif strict and name not in _IGNORED_WITHOUT_A_WORD:
            raise Refused(
                400, "not-supported", f"{resource_type} cannot be searched by {name} here."
            )
    if resource_type in _HISTORIES and any(one.parameter in _WHOSE for one in question.clauses):
        question.count = min(question.count, LARGEST_COUNT_OF_A_HISTORY)
    return question


def _take(question: Question, name: str, value: str, base: str) -> bool:
    """Add what a pair asks for to the question; False when it is not known here."""
    control = _CONTROLS.get(name)
    if control is not None:
        return control(question, value)
    bare, _, modifier = name.partition(":")
    if bare in _CONTROLS and modifier:
        raise Refused(400, "not-supported", f"{bare} has no modifier {modifier} here.")
    parameter = parameters_of(question.resource_type).get(bare)
    if parameter is None:
        return False
    question.clauses.append(_clause(bare, modifier, parameter, value, base))
    return True


# --- controls ---------------------------------------------------------------------------------


def _take_count(question: Question, value: str) -> bool:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Refused(400, "invalid", "_count is a whole number, 0 or more.")
    question.count = min(int(value), LARGEST_COUNT)
    question.only_count = question.only_count or int(value) == 0
    return True


def _take_summary(question: Question, value: str) -> bool:
    question.only_count = question.only_count or value == "count"
    return value == "count"


def _take_sort(question: Question, value: str) -> bool:
    known = parameters_of(question.resource_type)
    keys = [SortKey(key.removeprefix("-"), key.startswith("-")) for key in value.split(",")]
    if any(key.parameter not in known for key in keys):
        return False
    question.sort.extend(keys)
    return True


def _take_include(question: Question, value: str) -> bool:
    source, _, rest = value.partition(":")
    name, _, target = rest.partition(":")
    parameter = PARAMETERS[question.resource_type].get(name)
    if source != question.resource_type or parameter is None:
        return False
    if parameter.kind is not Kind.REFERENCE:
        return False
    question.includes.append(Include(name, target or None))
    return True


_CONTROLS: dict[str, Callable[[Question, str], bool]] = {
    "_count": _take_count,
    "_summary": _take_summary,
    "_sort": _take_sort,
    "_include": _take_include,
}


# --- clauses ----------------------------------------------------------------------------------


def _clause(name: str, modifier: str, parameter: Parameter, value: str, base: str) -> Clause:
    alternatives = _split(value, ",")
    match parameter.kind, modifier:
        case Kind.TOKEN, "" | "not":
            parts = [_token_sql(alternative) for alternative in alternatives]
        case Kind.REFERENCE, "":
            parts = [_reference_sql(name, parameter.target, item, base) for item in alternatives]
        case Kind.REFERENCE, target if target in PARAMETERS:
            parts = [_reference_sql(name, target, item, base) for item in alternatives]
        case Kind.DATE, "":
            parts = [_date_sql(name, alternative) for alternative in alternatives]
        case Kind.STRING, "" | "contains":
            parts = [_string_sql(alternative, modifier) for alternative in alternatives]
        case _:
            raise Refused(400, "not-supported", f"{name} has no modifier {modifier} here.")
    return Clause(
        parameter=name,
        sql=" OR ".join(sql for sql, _ in parts),
        values=tuple(value for _, values in parts for value in values),
        negated=modifier == "not",
        is_narrow=parameter.kind is Kind.REFERENCE,
    )


_Sql = tuple[str, tuple[str, ...]]


def _token_sql(text: str) -> _Sql:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it).

    An element of type code says no system; the one that its binding implies is taken as given.
    """
    parts = [_unescape(part) for part in _split(text, "|")]
    match parts:
        case [code]:
            return "two = ?", (code,)
        case ["", code]:
            return "(one IS NULL AND two = ?)", (code,)
        case [system, ""]:
            return "one = ?", (system,)
        case [system, code]:
            return "((one = ? OR plain) AND two = ?)", (system, code)
    raise Refused(400, "invalid", "A token is written code, system|code, |code or system|.")


def _reference_sql(name: str, target: str, text: str, base: str) -> _Sql:
    reference = _unescape(text).removeprefix(f"{base}/")
    if "/" not in reference:
        if not _ID.fullmatch(reference):
            raise Refused(400, "invalid", f"The value of {name} is no id and no reference.")
        reference = f"{target}/{reference}"
    return "one IN (?, ?)", (reference, f"{base}/{reference}")


_COMPARISONS = {
    "eq": "(one >= ? AND two <= ?)",
    "ne": "NOT (one >= ? AND two <= ?)",
    "gt": "two > ?",
    "lt": "one < ?",
    "ge": "(two > ? OR (one >= ? AND two <= ?))",
    "le": "(one < ? OR (one >= ? AND two <= ?))",
    "sa": "one >= ?",
    "eb": "two <= ?",
}


def _date_sql(name: str, text: str) -> _Sql:
    prefix, rest = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    if prefix not in _PREFIXES:
        raise Refused(400, "not-supported", f"{name} cannot be compared with {prefix[:2]} here.")
    try:
        low, high = moments.stretch(rest.replace(" ", "+"))
    except ValueError as unreadable:
        raise Refused(400, "invalid", f"The value of {name} is no date.") from unreadable
    values = {
        "eq": (low, high),
        "ne": (low, high),
        "gt": (high,),
        "lt": (low,),
        "ge": (high, low, high),
        "le": (low, low, high),
        "sa": (high,),
        "eb": (low,),
    }
    return _COMPARISONS[prefix], values[prefix]


def _string_sql(text: str, modifier: str) -> _Sql:
    said = _unescape(text).casefold()
    before = "%" if modifier == "contains" else ""
    return "one LIKE ? ESCAPE '!'", (f"{before}{_like(said)}%",)


# --- words ------------------------------------------------------------------------------------


def _is_text(said: str) -> bool:
    """Whether it can be written as UTF-8; half a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in said)


def _split(text: str, separator: str) -> list[str]:
    r"""The parts between separators; `\,` and `\|` are part of a value (FHIR R4 3.1.1.4.0)."""
    return re.split(rf"(?<!\\){re.escape(separator)}", text)


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def _like(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)


def _from_cursor(cursor: str) -> tuple[int, Pairs]:
    try:
        said: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        offset, pairs = said
        named = [(str(name), str(value)) for name, value in pairs]
        if type(offset) is int and 0 <= offset < 10**9:
            return offset, named
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise Refused(400, "invalid", "This is no page of a search of ours.")
