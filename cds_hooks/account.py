"""The machine-readable account of every check, on every response (PRODUCT, HTTP)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from clinical.findings import Assessment, Checked, CheckId, Fired

EXTENSION = "org.taperguard.assessment"


def account(
    assessment: Assessment,
    shown: Collection[CheckId],
    unshown_why: Mapping[CheckId, str],
    only: Collection[CheckId] | None = None,
) -> dict[str, Any]:
    """Every check's result with its reason; `only` limits it to the checks a card speaks for."""
    whole: dict[str, Any] = {
        "rules_version": assessment.rules_version,
        "on": assessment.on.isoformat(),
        "checks": [
            _entry(checked, shown, unshown_why)
            for checked in assessment.checks
            if only is None or checked.check in only
        ],
    }
    if only is None and assessment.notes:
        whole["notes"] = list(assessment.notes)
    return whole


def _entry(
    checked: Checked, shown: Collection[CheckId], unshown_why: Mapping[CheckId, str]
) -> dict[str, Any]:
    verdict = checked.verdict
    entry: dict[str, Any] = {
        "check": checked.check.value,
        "result": _RESULT[type(verdict).__name__],
    }
    if isinstance(verdict, Fired):
        entry["severity"] = verdict.severity.value
        entry["shown"] = checked.check in shown
        if checked.check not in shown:
            entry["shown_why"] = unshown_why[checked.check]
    entry["why"] = verdict.why
    if verdict.sources:
        entry["sources"] = list(verdict.sources)
    return entry


_RESULT = {
    "Fired": "fired",
    "Clear": "clear",
    "NotEvaluable": "not-evaluable",
    "SetAside": "set-aside",
}
