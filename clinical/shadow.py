"""Shadow mode: a check is made, told in the account and counted, and nobody sees it.

A site tries a check so before it interrupts anybody. Cards and pages are made as if it were
switched off: its finding, what it could not look at and what would follow from it stay away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clinical.findings import Assessment, Checked, CheckId, SetAside
from clinical.policy import Policy

IN_SHADOW = "shadow mode: the site's policy makes this check and shows it to nobody"


def shadow_reasons(policy: Policy) -> dict[CheckId, str]:
    """The checks in shadow mode, each with why it is not shown."""
    return {check: IN_SHADOW for check, chosen in policy.checks.items() if chosen.shadow}


def without(assessment: Assessment, hidden: Mapping[CheckId, str]) -> Assessment:
    """What a card or a page is made of where these checks, each for its reason, are not shown."""
    if not hidden:
        return assessment
    checks = tuple(
        Checked(it.check, SetAside(hidden[it.check])) if it.check in hidden else it
        for it in assessment.checks
    )
    return replace(assessment, checks=checks)
