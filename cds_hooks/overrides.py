"""Override reasons as Codings (CDS Hooks 2.0, Overriding Guidance)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from clinical.findings import CheckId
from clinical.knowledge import table

SYSTEM = "https://taperguard.org/fhir/CodeSystem/override-reasons"


@cache
def _reasons() -> tuple[tuple[str, str, frozenset[str]], ...]:
    return tuple(
        (row["code"], row["display"], frozenset(filter(None, row["checks"].split("|"))))
        for row in table("override_reasons.csv")
    )


def override_reasons(checks: Iterable[CheckId]) -> list[dict[str, str]]:
    """The reasons that make sense for a card about these checks."""
    about = frozenset(checks)
    return [
        {"system": SYSTEM, "code": code, "display": display}
        for code, display, only_for in _reasons()
        if not only_for or only_for & about
    ]
