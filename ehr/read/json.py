"""Decoded JSON of unknown shape, read without surprises.

Real EHRs send an object where a list belongs, a number where a code belongs and a blank where
nothing belongs. These helpers answer with an empty value instead of raising, so that a reader
says what is missing in its own words.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.\-]{1,64})(?:/_history/[^/]*)?$")
"""The last "Type/id" of a relative, absolute or versioned reference (FHIR R4, References)."""


def as_object(value: object) -> dict[str, Any]:
    """The object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The list; one object or value where a list is expected counts as a list of one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def as_text(value: object) -> str | None:
    """The text without surrounding blanks; None for a blank and for anything that is no text."""
    if not isinstance(value, str):
        return None
    return value.strip() or None


def as_bool(value: object) -> bool | None:
    """True or false, also where a server wrote the word as text; None for anything else."""
    if isinstance(value, bool):
        return value
    text = as_text(value)
    return None if text is None else {"true": True, "false": False}.get(text.lower())


def as_code(value: object) -> str | None:
    """A code as text; servers that send a number for it (197527) are understood."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value)) if abs(value.adjusted()) < _LONGEST_NUMBER else None
    return as_text(value)


_LONGEST_NUMBER = 30
"""Digits of a number beyond which it is no code."""


def reference_key(value: object) -> str | None:
    """What a reference points at, so that two spellings of one reference are equal.

    "MedicationRequest/1" from a relative, absolute or versioned reference; "#a" and urn:uuid
    references stay as they are. A Reference object is read by its `reference`. None for
    anything that points nowhere.
    """
    text = as_text(value.get("reference") if isinstance(value, dict) else value)
    if text is None:
        return None
    if text.startswith(("#", "urn:")):
        return text
    found = _REFERENCE.search(text.split("?", 1)[0].split("#", 1)[0].rstrip("/"))
    return f"{found[1]}/{found[2]}" if found else None
