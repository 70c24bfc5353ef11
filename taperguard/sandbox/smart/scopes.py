"""SMART scopes, version 2: which are granted, and what they allow (SMART App Launch 2.2.0, 2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_INTERACTIONS = "cruds"
_SCOPE = re.compile(r"(?P<level>patient|system)/(?P<type>\*|[A-Za-z]+)\.(?P<letters>c?r?u?d?s?)")
PATIENT = "patient"
SYSTEM = "system"
"""Whose records a scope is about: those of the patient of a launch, or those of everybody."""
_LEVELS = (f"{PATIENT}/", f"{SYSTEM}/")


def granted(asked: str, registered: Iterable[str], level: str = PATIENT) -> tuple[str, ...]:
    """What of the scopes asked for an app gets: never more than it is registered for.

    A scope of letters comes back with the letters that are allowed; one with a query, one of
    version 1 and one that is unknown do not come back. `patient/*.rs` comes back type by type.
    With the level SYSTEM only scopes of systems come back, and with PATIENT none of them.
    """
    known = tuple(registered)
    allowed = letters_by_type(known, level)
    found: dict[str, None] = {}
    for scope in asked.split(" "):
        match = _match(scope, level)
        if match is None:
            if level == PATIENT and scope in known and not scope.startswith(_LEVELS):
                found[scope] = None
            continue
        wanted_type, letters = match
        types = sorted(allowed) if wanted_type == "*" else [wanted_type]
        for resource_type in types:
            both = _both(letters, allowed.get(resource_type, ""))
            if both:
                found[f"{level}/{resource_type}.{both}"] = None
    return tuple(found)


def letters_by_type(scopes: Iterable[str], level: str = PATIENT) -> Mapping[str, str]:
    """The interactions that scopes of a level allow on each type: "cruds" are create, read,
    update, delete and search.
    """
    allowed: dict[str, str] = {}
    for scope in scopes:
        match = _match(scope, level)
        if match is not None:
            resource_type, letters = match
            before = allowed.get(resource_type, "")
            allowed[resource_type] = "".join(
                letter for letter in _INTERACTIONS if letter in before + letters
            )
    return allowed


def _match(scope: str, level: str) -> tuple[str, str] | None:
    match = _SCOPE.fullmatch(scope)
    if match is None or match["level"] != level or not match["letters"]:
        return None
    return match["type"], match["letters"]


def _both(one: str, other: str) -> str:
    return "".join(letter for letter in _INTERACTIONS if letter in one and letter in other)
