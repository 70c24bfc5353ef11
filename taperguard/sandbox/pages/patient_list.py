"""The patient list: stories in groups, and a filter over their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from ..patients import Story
from ..population import is_generated
from ..records.json_text import Resource
from .presenter import age_words, name_of, sex_of

# A group begins with this story and ends before the next group's, in the order of the stories.
GROUPS = {
    "alder": "Where to begin",
    "gorse": "One check alone, and two together",
    "quail": "Renewals, reductions, tapers and titration",
    "avocet": "Other indications, opioids and their treatment",
    "egret": "How records are written",
    "plover": "Conditions that change the answer",
    "lilac": "Other medicines and risks",
    "clover": "Which records count",
    "tansy": "Findings, interactions, and a stop",
}
OTHERS = "Without a story"


@dataclass(frozen=True, slots=True)
class PatientLine:
    """A patient in the list. `title` says what the story shows, `line` what is known at once."""

    id: str
    name: str
    age: str
    sex: str
    title: str
    line: str


@dataclass(frozen=True, slots=True)
class PatientGroup:
    """Patients under one heading."""

    heading: str
    patients: list[PatientLine]


def groups_of(
    patients: Iterable[Resource], stories: Mapping[str, Story], *, today: date, asked: str
) -> list[PatientGroup]:
    """The patients whose words hold each word that was asked for, in the order of the stories."""
    by_id = {str(patient.get("id")): patient for patient in patients}
    words = asked.casefold().split()
    heading = OTHERS
    found: dict[str, list[PatientLine]] = {}
    for key, story in stories.items():
        heading = GROUPS.get(key, heading)
        patient = by_id.pop(key, None)
        if patient is None:
            continue
        line = _line(patient, today, story.title, story.line)
        if _holds(words, f"{line.name} {heading} {line.title} {line.line} {story.story} {key}"):
            found.setdefault(heading, []).append(line)
    for key, patient in by_id.items():
        if is_generated(key) and not words:
            continue  # a clinic's worth of them would bury the stories: one asks for them
        line = _line(patient, today, "No story", "")
        if _holds(words, f"{line.name} {key}"):
            found.setdefault(OTHERS, []).append(line)
    return [PatientGroup(heading, lines) for heading, lines in found.items()]


def _line(patient: Resource, today: date, title: str, line: str) -> PatientLine:
    return PatientLine(
        id=str(patient.get("id", "")),
        name=name_of(patient),
        age=age_words(patient.get("birthDate"), today),
        sex=sex_of(patient),
        title=title,
        line=line,
    )


def _holds(words: list[str], text: str) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)
