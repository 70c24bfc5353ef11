"""Which code system a coding is of, in the spellings of its URI, and the tables of SNOMED CT."""

from __future__ import annotations

from functools import cache, lru_cache

from clinical.codes import SnomedCode
from clinical.drug.description import Coded
from clinical.knowledge import table

_SNOMED = ("snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96")
"""An edition may follow the URI."""

_SYSTEMS = {
    "hl7.org/fhir/sid/icd-10-cm": "icd-10",
    "hl7.org/fhir/sid/icd-10": "icd-10",
    "urn:oid:2.16.840.1.113883.6.90": "icd-10",
    "urn:oid:2.16.840.1.113883.6.3": "icd-10",
    "loinc.org": "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    # Answers yes and no: HL7 v2 tables 0136 and 0532, in R4 and in STU3.
    "terminology.hl7.org/codesystem/v2-0136": "yes-no",
    "terminology.hl7.org/codesystem/v2-0532": "yes-no",
    "terminology.hl7.org/codesystem/v3-nullflavor": "yes-no",
    "hl7.org/fhir/v2/0136": "yes-no",
    "hl7.org/fhir/v2/0532": "yes-no",
    "urn:oid:2.16.840.1.113883.12.136": "yes-no",
    "urn:oid:2.16.840.1.113883.12.532": "yes-no",
    "hl7.org/fhir/ndfrt": "medrt",
    "va.gov/terminology/medrt": "medrt",
    "urn:oid:2.16.840.1.113883.3.26.1.5": "medrt",
    "urn:oid:2.16.840.1.113883.6.345": "medrt",
    "www.whocc.no/atc": "atc",
    "urn:oid:2.16.840.1.113883.6.73": "atc",
    "hl7.org/fhir/uv/ips/codesystem/absent-unknown-uv-ips": "ips",
}


def system_of(coded: Coded) -> str | None:
    """The code system in one word, as the tables of `knowledge/` call it; None for another."""
    return None if coded.system is None else _named(coded.system)


@lru_cache(maxsize=256)
def _named(uri: str) -> str | None:
    """Kept, for a chart has few code systems and many codes of each."""
    bare = uri.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    return "snomed" if bare.startswith(_SNOMED) else _SYSTEMS.get(bare)


@cache
def by_snomed(name: str, column: str) -> dict[str, frozenset[str]]:
    """What each SNOMED CT identifier of an optional table means; empty where a site without a
    SNOMED CT licence has removed the table.
    """
    try:
        rows = table(name)
    except FileNotFoundError:
        return {}
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        code = SnomedCode.of(row["sctid"]).value
        found[code] = found.get(code, frozenset()) | {row[column]}
    return found
