"""Override reasons as Codings (CDS Hooks 2.0, Overriding Guidance).

HL7's codes come with the example value set of CDS Hooks 3.0.0-ballot; a `display` in our own words
is allowed there, for theirs speak of any recommendation.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from clinical.findings import CheckId
from clinical.knowledge import table

OWN_SYSTEM = "https://taperguard.org/fhir/CodeSystem/override-reasons"
SYSTEMS = {
    "hl7": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
    "own": OWN_SYSTEM,
}


@cache
def _reasons() -> tuple[tuple[dict[str, str], frozenset[CheckId]], ...]:
    """Each reason as a Coding, and for which checks it is offered (none named: for all)."""
    return tuple(
        (
            {"system": SYSTEMS[row["system"]], "code": row["code"], "display": row["display"]},
            frozenset(CheckId(check) for check in row["checks"].split("|") if check),
        )
        for row in table("override_reasons.csv")
    )


def override_reasons(checks: Iterable[CheckId]) -> list[dict[str, str]]:
    """The reasons that make sense for a card about these checks, in the order of the table."""
    about = frozenset(checks)
    return [
        dict(coding)
        for coding, only_for in _reasons()
        if not only_for or not only_for.isdisjoint(about)
    ]
