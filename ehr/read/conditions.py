"""Condition -> concepts that the checks know."""

from __future__ import annotations

from typing import Any

from clinical.conditions import concepts_of
from clinical.drugs import Coded
from clinical.facts import ConditionFact
from ehr.read.dates import first_day
from ehr.read.json import as_list, as_object, as_text, reference_key

_OVER = frozenset({"inactive", "remission", "resolved"})
_NOT_SO = frozenset({"refuted", "entered-in-error"})
_STATUS_SYSTEMS = "http://terminology.hl7.org/CodeSystem/condition-"


def codes_of(concept: object) -> tuple[Coded, ...]:
    """The codings of a CodeableConcept, as written."""
    return tuple(
        Coded(
            as_text(coding.get("system")),
            _code(coding.get("code")),
            as_text(coding.get("display")),
        )
        for coding in map(as_object, as_list(as_object(concept).get("coding")))
    )


def _code(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value)


def condition_facts(condition: dict[str, Any]) -> tuple[ConditionFact, ...]:
    """One fact per concept that the condition's codes belong to.

    None for a condition that no check knows, and for one that is refuted or entered in error.
    A resolved condition is a fact that is not active.
    """
    if _statuses(condition.get("verificationStatus")) & _NOT_SO:
        return ()
    concepts = concepts_of(codes_of(condition.get("code")))
    active = not _statuses(condition.get("clinicalStatus")) & _OVER
    source = reference_key(f"Condition/{as_text(condition.get('id')) or 'without-id'}")
    onset = first_day(condition.get("onsetDateTime")) or first_day(condition.get("recordedDate"))
    return tuple(
        ConditionFact(source or "Condition", concept, active, onset) for concept in sorted(concepts)
    )


def _statuses(value: object) -> set[str]:
    """Status codes; STU3 wrote a bare code where R4 has a CodeableConcept."""
    bare = as_text(value)
    if bare is not None:
        return {bare}
    return {
        coded.code
        for coded in codes_of(value)
        if coded.code and (coded.system or _STATUS_SYSTEMS).startswith(_STATUS_SYSTEMS)
    }
