"""OperationOutcome: how a FHIR server says no (FHIR R4 section 2.48)."""

from __future__ import annotations

from .json_text import Resource


class Refused(Exception):
    """A request that cannot be answered; `status` is the HTTP status, `code` FHIR's issue type."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence


def outcome(code: str, sentence: str, severity: str = "error") -> Resource:
    """An OperationOutcome with one issue; the sentence is for the person who will read it."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": sentence}],
    }
