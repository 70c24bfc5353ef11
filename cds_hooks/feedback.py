"""Feedback on cards: bytes in, checked Feedback out (CDS Hooks 2.0, Feedback).

Everything that makes a report unusable is a BadRequest whose message names the field. What
older drafts of the specification wrote otherwise and can be meant in one way only is read, with
a note on the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds_hooks.memory import known_reason
from cds_hooks.request import BadRequest
from ehr.decode import NotJson, decode
from ehr.read.json import as_code, as_list, as_text
from store.feedback import Feedback, Outcome, OverrideReason

MOST_REPORTS = 200
LONGEST_COMMENT = 4_000
"""Characters of a comment that are read."""

_MOST_SUGGESTIONS = 50
_LONGEST_SYSTEM, _LONGEST_CODE, _LONGEST_DISPLAY = 256, 128, 1_000
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
# RFC 3339, section 5.6, as CDS Hooks profiles it: seconds and a zone are required.
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_YEARS = range(2000, 2200)
"""Years of a plausible outcome; databases differ in what they make of the far past and future."""


class NotKept(Exception):
    """The reports could not be kept, none of them; the same call may be made again."""


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report that was new, and the checks of its card; None where it is about no card of ours.

    A card is ours for a report when the service showed it to users of the EHR that reports.
    """

    report: Feedback
    checks: tuple[str, ...] | None

    def labels(self) -> list[tuple[str, str, str]]:
        """Check, outcome and reason for the metrics: words of ours only, whatever was sent."""
        checks = ("not-shown-here",) if self.checks is None else self.checks or ("none",)
        outcome, reason = self.report.outcome.value, _reason_label(self.report)
        return [(check, outcome, reason) for check in checks]


def _reason_label(report: Feedback) -> str:
    if report.reason is not None and report.reason.code is not None:
        return known_reason(report.reason) or "code-of-the-ehr"
    return "none" if report.reason is None and report.user_comment is None else "in-words-only"


def read_feedback(raw: bytes) -> tuple[Feedback, ...]:
    """The reports of one call, in its order, at most 200. Raises BadRequest."""
    try:
        body = decode(raw)
    except NotJson as error:
        raise BadRequest("body", str(error)) from None
    if not isinstance(body, dict):
        raise BadRequest("body", "a JSON object is expected")
    notes: list[str] = []
    reports = body.get("feedback")
    if reports is None and "card" in body:
        reports = [body]
        notes.append("a report stood alone, without a feedback list around it")
    elif isinstance(reports, dict):
        reports = [reports]
        notes.append("feedback was one report, not a list")
    if not isinstance(reports, list) or not reports:
        raise BadRequest("feedback", "a list of at least one report is required")
    if len(reports) > MOST_REPORTS:
        raise BadRequest("feedback", f"more than {MOST_REPORTS} reports")
    return tuple(_report(each, f"feedback[{i}]", tuple(notes)) for i, each in enumerate(reports))


def _report(report: object, path: str, tolerated: tuple[str, ...]) -> Feedback:
    if not isinstance(report, dict):
        raise BadRequest(path, "a JSON object is expected")
    notes = list(tolerated)
    card = _uuid(report.get("card"), f"{path}.card", notes)
    outcome = _outcome(report.get("outcome"), f"{path}.outcome")
    suggestions = _suggestions(
        report.get("acceptedSuggestions"), f"{path}.acceptedSuggestions", notes
    )
    if outcome is Outcome.ACCEPTED and not suggestions:
        raise BadRequest(
            f"{path}.acceptedSuggestions", "an accepted card names at least one suggestion"
        )
    if outcome is Outcome.OVERRIDDEN and suggestions:
        notes.append("an overridden card had accepted suggestions")
    reason, comment = _override(report.get("overrideReason"), f"{path}.overrideReason", notes)
    return Feedback(
        card=card,
        outcome=outcome,
        outcome_timestamp=_instant(
            report.get("outcomeTimestamp"), f"{path}.outcomeTimestamp", notes
        ),
        accepted_suggestions=suggestions,
        reason=reason,
        user_comment=comment,
        notes=tuple(notes),
    )


def _outcome(value: object, path: str) -> Outcome:
    try:
        return Outcome(value)  # type: ignore[arg-type]  # anything else is what we refuse
    except ValueError:
        raise BadRequest(path, "accepted or overridden is expected") from None


def _uuid(value: object, path: str, notes: list[str]) -> str:
    """One of our uuids, as we write them. Every card and suggestion of ours has one."""
    text = as_text(value)
    if text is None:
        raise BadRequest(path, "a uuid is required")
    plain = text.lower().removeprefix("urn:uuid:")
    if not _UUID.fullmatch(plain):
        raise BadRequest(path, "a uuid of our response is expected")
    if plain != value:
        notes.append("a uuid was written otherwise than we wrote it")
    return plain


def _suggestions(value: object, path: str, notes: list[str]) -> tuple[str, ...]:
    entries = as_list(value)
    if len(entries) > _MOST_SUGGESTIONS:
        raise BadRequest(path, f"more than {_MOST_SUGGESTIONS} suggestions")
    if value is not None and (not isinstance(value, list) or not value):
        notes.append("acceptedSuggestions was empty or no list")
    found: list[str] = []
    for number, entry in enumerate(entries):
        where = f"{path}[{number}]"
        if isinstance(entry, dict):
            name = "id" if entry.get("id") is not None or "uuid" not in entry else "uuid"
            held, where = entry.get(name), f"{where}.{name}"
        elif isinstance(entry, str):
            name, held = "", entry
        else:
            raise BadRequest(where, "a JSON object with an id is expected")
        if name != "id":
            notes.append("a suggestion was not given as an object with an id")
        found.append(_uuid(held, where, notes))
    return tuple(dict.fromkeys(found))


def _override(
    value: object, path: str, notes: list[str]
) -> tuple[OverrideReason | None, str | None]:
    """The chosen reason and the comment; either may be missing."""
    if value is None:
        return None, None
    if not isinstance(value, dict):
        raise BadRequest(path, "a JSON object is expected")
    coding, where = value.get("reason"), f"{path}.reason"
    if coding is None and ("code" in value or "display" in value):
        coding, where = value, path
        notes.append("overrideReason was the Coding itself")
    reason = None if coding is None else _coding(coding, where, notes)
    comment = _short_text(value, "userComment", path, LONGEST_COMMENT)
    if reason is None and comment is None:
        notes.append("overrideReason held neither a reason nor a comment")
    return reason, comment


def _coding(coding: object, path: str, notes: list[str]) -> OverrideReason | None:
    """A reason with a code or a display (Coding); None for an empty one."""
    if not isinstance(coding, dict):
        raise BadRequest(path, "a Coding is expected")
    system = _short_text(coding, "system", path, _LONGEST_SYSTEM)
    if system is not None and (not system.isprintable() or " " in system):
        raise BadRequest(f"{path}.system", "a URI is expected")
    code = as_code(coding.get("code"))
    if code is None and coding.get("code") not in (None, ""):
        raise BadRequest(f"{path}.code", "a code is expected")
    if code is not None and (len(code) > _LONGEST_CODE or not code.isprintable()):
        raise BadRequest(f"{path}.code", f"a code of at most {_LONGEST_CODE} characters is read")
    display = _short_text(coding, "display", path, _LONGEST_DISPLAY)
    if code is None and display is None:
        notes.append("a reason had neither code nor display")
        return None
    return OverrideReason(system, code, display)


def _short_text(holder: Mapping[str, Any], name: str, path: str, longest: int) -> str | None:
    """The text, without surrounding blanks; None when it is missing or blank."""
    value = holder.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRequest(f"{path}.{name}", "a text is expected")
    if len(value) > longest:
        raise BadRequest(f"{path}.{name}", f"the text is longer than {longest} characters")
    return as_text(value)


def _instant(value: object, path: str, notes: list[str]) -> datetime:
    """The instant in UTC. One without a time zone is refused, not guessed."""
    text = as_text(value)
    why = "an instant with seconds and a time zone is required, as 2026-11-23T15:30:00Z"
    if text is None or not _INSTANT.fullmatch(text):
        raise BadRequest(path, why)
    try:
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(path, why) from None
    if instant.year not in _YEARS:
        raise BadRequest(path, "the year of the instant is not plausible")
    if not text.endswith(("Z", "z")) or " " in text:
        notes.append("outcomeTimestamp was not written in UTC as RFC 3339 has it")
    return instant
