"""SMART scopes: what the app asks for, and what the granted ones allow (SMART App Launch 2.2).

Version 2 names interactions by letter (`patient/MedicationRequest.rs`), version 1 by word
(`patient/MedicationRequest.read`). What is granted may be less than what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ehr.ask import export_types
from ehr.needs import NEEDS

_RESOURCE_SCOPE = re.compile(
    r"(?:patient|user)/(?P<type>\*|[A-Za-z]+)\.(?P<letters>c?r?u?d?s?|read|write|\*)(?P<query>\?.+)?"
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
# What a plan is written as, and may be changed when it is saved again.
_WRITTEN = ("CarePlan", "MedicationRequest")


def allows(granted: Collection[str], resource_type: str, letter: str) -> bool:
    """Whether the scopes allow an interaction: c(reate), r(ead), u(pdate), d(elete), s(earch).

    A scope with a query (`...?category=...`) allows a part only and counts as none.
    """
    for scope in granted:
        found = _RESOURCE_SCOPE.fullmatch(scope)
        if found is None or found["query"] or found["type"] not in ("*", resource_type):
            continue
        letters = found["letters"]
        if letter in _VERSION_1.get(letters, letters):
            return True
    return False


def surely_refuse(scope: str, resource_type: str, letter: str) -> bool:
    """Whether the scope of a token (RFC 6749, 3.3) leaves no doubt that it does not allow this.

    Scopes of users, patients and systems alike are looked at; where none of them can be read, as
    in a vendor's own words, nothing is sure.
    """
    stated = [re.sub(r"^system/", "user/", one) for one in scope.split()]
    readable = any(_RESOURCE_SCOPE.fullmatch(one) for one in stated)
    return readable and not allows(stated, resource_type, letter)


def wanted(*, launch: bool, version_1: bool, refresh: bool) -> tuple[str, ...]:
    """The scopes to ask for. `launch`: the EHR gave a launch code, else a patient is picked."""
    types = {need.resource_type: "rs" for need in NEEDS} | {"Medication": "rs"}
    types |= dict.fromkeys(_WRITTEN, "crus")
    types["DocumentReference"] = "crs"
    scopes = ["openid", "fhirUser", "launch" if launch else "launch/patient"]
    if refresh:
        scopes.append("online_access")
    for kind, letters in types.items():
        if not version_1:
            scopes.append(f"patient/{kind}.{letters}")
            continue
        scopes.append(f"patient/{kind}.read")
        if "c" in letters:
            scopes.append(f"patient/{kind}.write")
    return tuple(scopes)


def wanted_without_user(*, version_1: bool) -> tuple[str, ...]:
    """The scopes that background work asks for (SMART Backend Services): reads, nothing else."""
    letters = "read" if version_1 else "rs"
    return tuple(f"system/{kind}.{letters}" for kind in (*export_types(), "Group"))
