"""AllergyIntolerance -> allergies, and whether the list itself says that nobody knows.

Read are R4's CodeableConcept statuses and `code`, STU3's bare statuses, and DSTU2's `status` and
`substance` (FHIR R4, AllergyIntolerance).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clinical.allergies import Absence, absence_of, benzodiazepine_of
from clinical.drug.description import Coded
from clinical.facts import AllergyFact, Unknown
from ehr.read.conditions import codes_of, statuses
from ehr.read.json import as_list, as_object, as_text, reference_key

_NO_FACT = frozenset({"refuted", "entered-in-error", "inactive", "resolved"})
_SUSPECTED = frozenset({"unconfirmed", "presumed"})
NOBODY_KNOWS = "the chart says that nothing is known of allergies"


def allergy_facts(resources: Iterable[dict[str, Any]]) -> tuple[AllergyFact, ...] | Unknown:
    """The allergies of one patient's list.

    "No known allergies" is an empty list: somebody looked. "No information" is Unknown, unless
    the list names an allergy beside it.
    """
    facts: list[AllergyFact] = []
    nobody_knows = False
    for resource in resources:
        said = _read(resource)
        if isinstance(said, AllergyFact):
            facts.append(said)
        elif said is Absence.NO_INFORMATION:
            nobody_knows = True
    return Unknown(NOBODY_KNOWS) if nobody_knows and not facts else tuple(facts)


def _read(resource: dict[str, Any]) -> AllergyFact | Absence | None:
    """None for what is refuted, entered in error, inactive or resolved."""
    said = (resource.get(name) for name in ("clinicalStatus", "verificationStatus", "status"))
    status = set().union(*map(statuses, said))
    if status & _NO_FACT:
        return None
    codes, text = _agent(resource)
    absence = absence_of(codes, text)
    if absence is not None:
        return absence
    benzodiazepine = benzodiazepine_of(codes, text)
    source = reference_key(f"AllergyIntolerance/{as_text(resource.get('id')) or 'without-id'}")
    return AllergyFact(
        source=source or "AllergyIntolerance",
        agent=benzodiazepine or _short(text or _display(codes) or "an agent that is not named"),
        benzodiazepine=benzodiazepine is not None,
        intolerance="intolerance" in statuses(resource.get("type")),
        confirmed=not status & _SUSPECTED,
    )


def _agent(resource: dict[str, Any]) -> tuple[tuple[Coded, ...], str | None]:
    """The codes and words of the agent: `code`, else DSTU2's `substance`, and what a reaction
    names more closely ("benzodiazepines", reaction to lorazepam).
    """
    concept = resource.get("code") or resource.get("substance")
    reactions = [
        as_object(reaction).get("substance") for reaction in as_list(resource.get("reaction"))
    ]
    codes = tuple(coded for part in (concept, *reactions) for coded in codes_of(part))
    words = [as_text(as_object(part).get("text")) for part in (concept, *reactions)]
    return codes, ", ".join(dict.fromkeys(word for word in words if word)) or None


_LONGEST_AGENT = 80


def _short(words: str) -> str:
    """The words in one line, cut where nobody would read on."""
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_AGENT else f"{line[:_LONGEST_AGENT]}..."


def _display(codes: tuple[Coded, ...]) -> str | None:
    return next((coded.display for coded in codes if coded.display), None)
