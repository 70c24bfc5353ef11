"""What can go wrong with an EHR, as sentences without patient data and without tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ehr.read.json import as_list, as_object, as_text

_LONGEST_SAID = 300

# FHIR R4 IssueType, as far as servers use it towards clients.
_ISSUES: Mapping[str, str] = {
    "invalid": "it calls the content invalid",
    "structure": "it cannot read the structure of the content",
    "required": "it misses a required element",
    "value": "it does not take one of the values",
    "invariant": "it finds a rule of its profile broken",
    "security": "it refuses for reasons of security",
    "login": "it wants the user to sign in again",
    "unknown": "it does not know who asks",
    "expired": "the sign-in has expired",
    "forbidden": "it does not allow this",
    "suppressed": "it holds back part of the information",
    "processing": "it could not process the request",
    "not-supported": "it does not support this",
    "duplicate": "it already has such a record",
    "multiple-matches": "it finds several records where one was meant",
    "not-found": "it does not find the record",
    "deleted": "the record was deleted",
    "too-long": "the content is too long",
    "code-invalid": "it does not take one of the codes",
    "too-costly": "the request is too large for it",
    "business-rule": "it refuses by a rule of its own",
    "conflict": "the record was changed in the meantime",
    "throttled": "it asks to slow down",
    "timeout": "it took too long",
    "exception": "it had an error of its own",
    "no-store": "it could not reach its own store",
    "lock-error": "the record is locked by someone else",
    "transient": "it has a passing problem",
    "incomplete": "it could not answer completely",
}


class EhrError(Exception):
    """A request to an EHR that did not succeed. The message is a sentence for the user.

    `said` is what the EHR itself wrote (it may hold patient data): for the page of the user who
    asked, never for a log.
    """

    def __init__(self, sentence: str, *, status: int | None = None, said: str | None = None):
        super().__init__(sentence)
        self.status = status
        self.said = said

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r}, status={self.status})"


class Unreachable(EhrError):
    """No answer, or none in time: whether the request had an effect is not known."""


class NotAllowed(EhrError):
    """401 or 403: the token does not reach this far, or no more."""


class NotFound(EhrError):
    """404 or 410."""


class Conflict(EhrError):
    """409 or 412: somebody else changed the record."""


class RefusedByEhr(EhrError):
    """Any other status that is no success."""


class Unusable(EhrError):
    """An answer that is no FHIR, leads elsewhere, or is too large."""


def from_status(status: int, body: object) -> EhrError:
    """The error of a status and, where there is one, its OperationOutcome."""
    said = outcome_text(body)
    why = outcome_sentence(body)
    reason = f": {why}" if why else ""
    if status in (401, 403):
        words = "does not accept the sign-in any more" if status == 401 else "does not allow this"
        return NotAllowed(f"the EHR {words}{reason}", status=status, said=said)
    if status in (404, 410):
        return NotFound(f"the EHR does not have this record{reason}", status=status, said=said)
    if status in (409, 412):
        sentence = f"the record was changed by someone else in the meantime{reason}"
        return Conflict(sentence, status=status, said=said)
    if 300 <= status < 400:
        return Unusable("the EHR sends the request elsewhere, which is not followed", status=status)
    return RefusedByEhr(f"the EHR answered with status {status}{reason}", status=status, said=said)


def outcome_sentence(body: object) -> str | None:
    """What an OperationOutcome says, in our words: by its codes, never by its free text."""
    codes = [
        as_text(issue.get("code"))
        for issue in map(as_object, _issues(body))
        if as_text(issue.get("severity")) in {"error", "fatal", None}
    ]
    words = dict.fromkeys(_ISSUES[code] for code in codes if code is not None and code in _ISSUES)
    return " and ".join(words) or None


def outcome_text(body: object) -> str | None:
    """The EHR's own words, shortened; they may hold patient data."""
    texts: dict[str, None] = {}
    for issue in map(as_object, _issues(body)):
        details = as_object(issue.get("details"))
        text = as_text(details.get("text")) or as_text(issue.get("diagnostics"))
        if text:
            texts[text] = None
    return "; ".join(texts)[:_LONGEST_SAID] or None


def _issues(body: object) -> list[Any]:
    outcome: dict[str, Any] = as_object(body)
    return (
        as_list(outcome.get("issue")) if outcome.get("resourceType") == "OperationOutcome" else []
    )
