"""Condition -> concepts that the checks know: since when, until when, how sure.

Read are R4's statuses and those of STU3 and DSTU2, which were bare codes (FHIR R4, Condition).
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from clinical.conditions import can_be_looked_up, concepts_of, has_passed, is_late_effect
from clinical.drugs import Coded
from clinical.facts import ConditionFact
from ehr.read.alike import ReadOnce
from ehr.read.dates import first_day, last_day
from ehr.read.json import as_bool, as_list, as_object, as_text, reference_key

_OVER = frozenset({"inactive", "remission", "resolved"})
_NOT_SO = frozenset({"refuted", "entered-in-error"})
_SUSPECTED = frozenset({"provisional", "differential", "unconfirmed"})
_STATUS_SYSTEMS = (
    "http://terminology.hl7.org/CodeSystem/condition-",
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-",
    # STU3, and R5's type of an allergy
    "http://hl7.org/fhir/condition-",
    "http://hl7.org/fhir/allergy",
)
_VISIT = "encounter-diagnosis"
_KEPT_UP = frozenset({"problem-list-item", "health-concern"})
"""Categories of lists that somebody keeps up (US Core, Condition Problems and Health Concerns)."""


def codes_of(concept: object) -> tuple[Coded, ...]:
    """The codings of a CodeableConcept, as written."""
    return tuple(
        [
            Coded(
                as_text(coding.get("system")),
                _code(coding.get("code")),
                as_text(coding.get("display")),
            )
            for coding in map(as_object, as_list(as_object(concept).get("coding")))
        ]
    )


def _code(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value)


def statuses(value: object) -> set[str]:
    """The codes of a status; STU3 and DSTU2 wrote a bare code where R4 has a CodeableConcept."""
    bare = as_text(value)
    if bare is not None:
        return {bare}
    return {
        coded.code
        for coded in codes_of(value)
        if coded.code and (coded.system or _STATUS_SYSTEMS[0]).startswith(_STATUS_SYSTEMS)
    }


class _Meant(NamedTuple):
    """The codings of a condition's code, the concepts they belong to, and whether they tell."""

    codes: tuple[Coded, ...]
    concepts: frozenset[str]
    can_be_looked_up: bool


def _meant(code: object) -> _Meant:
    codes = codes_of(code)
    return _Meant(codes, concepts_of(codes), can_be_looked_up(codes))


_meaning = ReadOnce(_meant)


def condition_facts(condition: dict[str, Any], on: date) -> tuple[ConditionFact, ...]:
    """One fact per concept that the condition's codes belong to, as it stands on the day.

    None for a condition that no check knows, and for one that is refuted or entered in error.
    A fact is not active when the condition is resolved, has abated, can only be of the past
    (`clinical.conditions.has_passed`), or is told by its late effects alone.
    """
    codes, concepts, _ = _meaning(condition.get("code"))
    if not concepts:
        return ()  # most conditions of a chart: nothing else of them is read
    verification = statuses(condition.get("verificationStatus"))
    if verification & _NOT_SO:
        return ()
    present = concepts_of(coded for coded in codes if not is_late_effect(coded))
    abated_on, is_over = _end(condition, on)
    onset = _onset(condition)
    of_a_visit = _is_of_a_visit(condition)
    source = reference_key(f"Condition/{as_text(condition.get('id')) or 'without-id'}")
    return tuple(
        ConditionFact(
            source=source or "Condition",
            concept=concept,
            active=not is_over
            and concept in present
            and not has_passed(concept, onset, on, of_a_visit=of_a_visit),
            onset=onset,
            abated_on=abated_on,
            confirmed=not verification & _SUSPECTED,
        )
        for concept in sorted(concepts)
    )


def concerns_no_check(code: bytes) -> bool:
    """Whether a condition of this code (a CodeableConcept, as JSON) is surely none of ours.

    It has then neither facts nor is it `uncoded`. Raises NotJson.
    """
    meant = _meaning.of_json(code)
    return meant.can_be_looked_up and not meant.concepts


def uncoded(condition: dict[str, Any], on: date) -> bool:
    """Whether its codes do not tell if this present condition is one that a check knows."""
    if _meaning(condition.get("code")).can_be_looked_up:
        return False
    return not (statuses(condition.get("verificationStatus")) & _NOT_SO or _end(condition, on)[1])


def _onset(condition: dict[str, Any]) -> date | None:
    """The earliest day that it may have begun; the day it was recorded where none is said."""
    said = (
        condition.get("onsetDateTime"),
        as_object(condition.get("onsetPeriod")).get("start"),
        condition.get("recordedDate"),
        condition.get("assertedDate"),  # STU3
        condition.get("dateRecorded"),  # DSTU2
    )
    return next((day for value in said if (day := first_day(value)) is not None), None)


def _end(condition: dict[str, Any], on: date) -> tuple[date | None, bool]:
    """The last day that it can have lasted until, and whether it is over.

    What has abated cannot be active (FHIR R4, con-4): a day of the past counts more than the
    status. A day to come ends nothing yet, and words are not understood.
    """
    period = as_object(condition.get("abatementPeriod"))
    said = (condition.get("abatementDateTime"), period.get("end"), period.get("start"))
    abated_on = next((day for value in said if (day := last_day(value)) is not None), None)
    is_over = bool(statuses(condition.get("clinicalStatus")) & _OVER)
    is_over = is_over or as_bool(condition.get("abatementBoolean")) is True
    is_over = is_over or bool(
        as_object(condition.get("abatementAge")) or as_object(condition.get("abatementRange"))
    )
    return abated_on, is_over or (abated_on is not None and abated_on < on)


def _is_of_a_visit(condition: dict[str, Any]) -> bool:
    """Whether it is a diagnosis of a visit and stands on no list that somebody keeps up."""
    categories = {
        coded.code
        for category in as_list(condition.get("category"))
        for coded in codes_of(category)
    }
    return _VISIT in categories and not categories & _KEPT_UP
