"""SMART scopes, version 2: which are granted, and what they allow (SMART App Launch 2.2.0, 2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_INTERACTIONS = "cruds"
_OF_A_PATIENT = re.compile(r"patient/(?P<type>\*|[A-Za-z]+)\.(?P<letters>c?r?u?d?s?)")


def granted(asked: str, registered: Iterable[str]) -> tuple[str, ...]:
    """What of the scopes asked for an app gets: never more than it is registered for.

    A scope of letters comes back with the letters that are allowed; one with a query, one of
    version 1 and one that is unknown do not come back. `patient/*.rs` comes back type by type.
    """
    known = tuple(registered)
    allowed = letters_by_type(known)
    found: dict[str, None] = {}
    for scope in asked.split(" "):
        match = _match(scope)
        if match is None:
            if scope in known and not scope.startswith("patient/"):
                found[scope] = None
            continue
        wanted_type, letters = match
        types = sorted(allowed) if wanted_type == "*" else [wanted_type]
        for resource_type in types:
            both = _both(letters, allowed.get(resource_type, ""))
            if both:
                found[f"patient/{resource_type}.{both}"] = None
    return tuple(found)


def letters_by_type(scopes: Iterable[str]) -> Mapping[str, str]:
    """The interactions that scopes allow on each type: "cruds" are create, read, update, delete
    and search.
    """
    allowed: dict[str, str] = {}
    for scope in scopes:
        match = _match(scope)
        if match is not None:
            resource_type, letters = match
            before = allowed.get(resource_type, "")
            allowed[resource_type] = "".join(
                letter for letter in _INTERACTIONS if letter in before + letters
            )
    return allowed


def _match(scope: str) -> tuple[str, str] | None:
    match = _OF_A_PATIENT.fullmatch(scope)
    return (match["type"], match["letters"]) if match and match["letters"] else None


def _both(one: str, other: str) -> str:
    return "".join(letter for letter in _INTERACTIONS if letter in one and letter in other)
