"""From the codes of a condition to the concepts that the checks know.

ICD-10-CM codes count exactly or with everything more specific, as their row says. SNOMED CT
identifiers count as they stand, without descendants, and only where the optional table
`knowledge/conditions_snomed.csv` is present (its licence: NOTICE).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

from clinical.code_systems import by_snomed, system_of
from clinical.codes import Icd10Code, MalformedCode
from clinical.drugs import Coded
from clinical.knowledge import table

_SHORTEST_ICD10, _LONGEST_ICD10 = 3, 7


def concepts_of(codes: Iterable[Coded]) -> frozenset[str]:
    """The concepts (ids of `knowledge/conditions.csv`) that any of the codes belongs to.

    Codes of other systems, malformed ones and those we do not know mean nothing here.
    """
    found: set[str] = set()
    for coded in codes:
        icd10 = _icd10_code(coded)
        if icd10 is not None:
            found |= _of_icd10(icd10)
        elif coded.code is not None and system_of(coded) == "snomed":
            found |= _by_snomed().get(coded.code.strip(), frozenset())
    return frozenset(found)


def can_be_looked_up(codes: Iterable[Coded]) -> bool:
    """Whether the codes tell if the condition is one of our concepts.

    An ICD-10-CM code does, whether it is one of ours or not. A SNOMED CT identifier does only
    where it is one of ours: of others nobody here knows what they are kinds of.
    """
    codes = tuple(codes)
    return any(_icd10_code(coded) is not None for coded in codes) or bool(concepts_of(codes))


def is_late_effect(coded: Coded) -> bool:
    """Whether the code is of a sequela: S in the seventh place of an injury or its cause."""
    code = _icd10_code(coded)
    return code is not None and len(code) == _LONGEST_ICD10 and code.endswith("S")


def has_passed(concept: str, began: date | None, on: date, *, of_a_visit: bool) -> bool:
    """Whether a condition that began then cannot be present on a day any more.

    For those of `knowledge/condition_spans.csv`; some only where the record is a diagnosis of a
    visit, which nobody keeps up. Without a day nothing has passed.
    """
    span = _spans().get(concept)
    if span is None or began is None:
        return False
    days, only_of_visits = span
    return (of_a_visit or not only_of_visits) and on - began > timedelta(days=days)


def concepts() -> frozenset[str]:
    """Every concept that some code leads to."""
    tables = (*_icd10(), _by_snomed())
    return frozenset(concept for rows in tables for held in rows.values() for concept in held)


def _icd10_code(coded: Coded) -> str | None:
    """The code in the form that is compared; None for another system's and a malformed one."""
    if coded.code is None or system_of(coded) != "icd-10":
        return None
    try:
        return Icd10Code.of(coded.code).value
    except MalformedCode:
        return None


def _of_icd10(code: str) -> set[str]:
    exact, prefixes = _icd10()
    found = set(exact.get(code, ()))
    for length in range(_SHORTEST_ICD10, len(code) + 1):
        found |= prefixes.get(code[:length], frozenset())
    return found


@cache
def _icd10() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """The concepts by exact code and by the beginning of a code."""
    by_match: dict[str, dict[str, frozenset[str]]] = {"exact": {}, "prefix": {}}
    for row in table("conditions.csv"):
        code = Icd10Code.of(row["icd10cm"]).value
        rows = by_match[row["match"]]
        rows[code] = rows.get(code, frozenset()) | {row["concept"]}
    return by_match["exact"], by_match["prefix"]


@cache
def _spans() -> dict[str, tuple[int, bool]]:
    """The days that a concept lasts at most, and whether that is so of a visit's diagnosis only."""
    return {
        row["concept"]: (int(row["days"]), row["of"] == "encounter")
        for row in table("condition_spans.csv")
    }


def _by_snomed() -> dict[str, frozenset[str]]:
    return by_snomed("conditions_snomed.csv", "concept")
