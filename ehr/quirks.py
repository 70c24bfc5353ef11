"""Deviations of real EHRs that our code makes room for; a registration names its own. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

NO_COUNT, ONE_CODE = "no-count", "one-code"

QUIRKS: Mapping[str, str] = {
    # Oracle Health, Millennium R4 documentation, read November 2026: Condition is searched by _id,
    # category, clinical-status and patient, and no _count is named; their sandbox has refused a
    # _count that it did not expect with a 400 (March 2023).
    NO_COUNT: "its searches take no _count: page sizes are its own",
    # FHIR Works on AWS before 3.2.0 (July 2021) and DSF (July 2026) take "a,b" for one code, and
    # find nothing.
    ONE_CODE: "a search takes one code at a time: a comma is no `or` to it",
}
"""A name that no code knows is a bad value: it would promise a tolerance that does not exist."""


def as_understood(
    parameters: Mapping[str, str], quirks: Collection[str]
) -> tuple[Mapping[str, str], ...]:
    """A search as an EHR with these quirks understands it: one, or one for each code."""
    asked = dict(parameters)
    if NO_COUNT in quirks:
        asked.pop("_count", None)
    if ONE_CODE not in quirks or "," not in asked.get("code", ""):
        return (asked,)
    return tuple({**asked, "code": code} for code in asked["code"].split(","))
