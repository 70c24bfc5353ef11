"""From the codes of a condition to the concepts that the checks know.

ICD-10-CM codes count exactly or with everything more specific, as their row says. SNOMED CT
identifiers count as they stand, without descendants, and only where the optional table
`knowledge/conditions_snomed.csv` is present (its licence: NOTICE).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from clinical.codes import Icd10Code, MalformedCode, SnomedCode
from clinical.drugs import Coded
from clinical.knowledge import table

_ICD10_SYSTEMS = frozenset(
    {
        "hl7.org/fhir/sid/icd-10-cm",
        "hl7.org/fhir/sid/icd-10",
        "urn:oid:2.16.840.1.113883.6.90",
        "urn:oid:2.16.840.1.113883.6.3",
    }
)
_SNOMED_SYSTEMS = ("snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96")
_SHORTEST_ICD10 = 3


def concepts_of(codes: Iterable[Coded]) -> frozenset[str]:
    """The concepts (ids of `knowledge/conditions.csv`) that any of the codes belongs to.

    Codes of other systems, malformed ones and those we do not know mean nothing here.
    """
    found: set[str] = set()
    for coded in codes:
        if coded.system is None or coded.code is None:
            continue
        system = coded.system.strip().lower().removeprefix("https://").removeprefix("http://")
        if system.rstrip("/") in _ICD10_SYSTEMS:
            found |= _of_icd10(coded.code)
        elif system.startswith(_SNOMED_SYSTEMS):
            found |= _by_snomed().get(coded.code.strip(), frozenset())
    return frozenset(found)


def concepts() -> frozenset[str]:
    """Every concept that some code leads to."""
    tables = (*_icd10(), _by_snomed())
    return frozenset(concept for rows in tables for held in rows.values() for concept in held)


def _of_icd10(written: str) -> set[str]:
    try:
        code = Icd10Code.of(written).value
    except MalformedCode:
        return set()
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
def _by_snomed() -> dict[str, frozenset[str]]:
    try:
        rows = table("conditions_snomed.csv")
    except FileNotFoundError:  # a site without a SNOMED CT licence removes it
        return {}
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        code = SnomedCode.of(row["sctid"]).value
        found[code] = found.get(code, frozenset()) | {row["concept"]}
    return found
