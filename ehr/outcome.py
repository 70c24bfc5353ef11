"""OperationOutcome: what went wrong, in a sentence (FHIR R4, OperationOutcome)."""

from __future__ import annotations

from typing import Any


def operation_outcome(code: str, sentence: str, expression: str | None = None) -> dict[str, Any]:
    """One error issue. `code` is an IssueType; `expression` names the field, where there is one."""
    issue: dict[str, Any] = {
        "severity": "error",
        "code": code,
        "details": {"text": sentence},
        "diagnostics": sentence,
    }
    if expression is not None:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
