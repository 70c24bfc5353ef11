"""What was asked or found on a day, as FHIR Observations with the codes that EHRs use for it.

Names and answers are LOINC's (Regenstrief Institute).
"""

from __future__ import annotations

import re
from datetime import date

from ..records.json_text import Resource
from .vocabulary import LOINC, concept, reference, synthetic
from .words import UnknownPhrase

_HOW_OFTEN = {
    "not at all": ("LA6568-5", "Not at all"),
    "several days": ("LA6569-3", "Several days"),
    "more than half the days": ("LA6570-1", "More than half the days"),
    "nearly every day": ("LA6571-9", "Nearly every day"),
}
_PREGNANT = {
    "pregnant": ("LA15173-0", "Pregnant"),
    "not pregnant": ("LA26683-5", "Not pregnant"),
}
# What a story calls it: LOINC code and name, and its answers; None where it is a number.
_KINDS: dict[str, tuple[str, str, dict[str, tuple[str, str]] | None]] = {
    "PHQ-9 item 9": (
        "44260-8",
        "Thoughts that you would be better off dead, or of hurting yourself in some way in last 2"
        " weeks [Reported.PHQ]",
        _HOW_OFTEN,
    ),
    "PHQ-9 total score": (
        "44261-6",
        "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]",
        None,
    ),
    "pregnancy status": ("82810-3", "Pregnancy status", _PREGNANT),
    "falls in the past year": ("52552-7", "Falls in the past year", None),
}
_NUMBER = re.compile(r"\d{1,3}")


def observation(key: str, patient: str, what: str, answer: str, on: date) -> Resource:
    """A final Observation; UnknownPhrase for a finding or an answer that stories cannot tell."""
    if what not in _KINDS:
        raise UnknownPhrase(f"no finding is called {what!r}")
    code, name, answers = _KINDS[what]
    return synthetic("Observation", key) | {
        "status": "final",
        "category": [
            concept(
                "http://terminology.hl7.org/CodeSystem/observation-category", "survey", "Survey"
            )
        ],
        "code": concept(LOINC, code, name, text=what),
        "subject": reference("Patient", patient),
        "effectiveDateTime": on.isoformat(),
        **_value(what, answer, answers),
    }


def _value(what: str, answer: str, answers: dict[str, tuple[str, str]] | None) -> Resource:
    if answers is None:
        if not _NUMBER.fullmatch(answer):
            raise UnknownPhrase(f"no number of {what} is said by {answer!r}")
        return {"valueInteger": int(answer)}
    if answer not in answers:
        raise UnknownPhrase(f"no answer to {what} is said by {answer!r}")
    code, display = answers[answer]
    return {"valueCodeableConcept": concept(LOINC, code, display, text=display)}
