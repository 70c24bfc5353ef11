"""From a story and a day to the FHIR R4 resources of a chart.

Everything is visibly synthetic: the family names, the tag HTEST and the identifier system.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ..records.json_text import Resource
from .findings import observation
from .story import Person, UnreadableStory
from .treatment import courses
from .vocabulary import CONDITION_CLINICAL, ICD10, RXNORM, concept, reference, synthetic
from .words import UnknownPhrase, day

PRACTITIONER = "hazel"
ORGANIZATION = "clinic"
GROUP = "clinic"


def build_all(
    stories: Iterable[Person], today: date, others: Iterable[Person] = ()
) -> list[Resource]:
    """Every resource of every story as it is true on a day; UnreadableStory if one cannot be.

    `others` are further patients; they are not here today.
    """
    resources = [_organization(), *_staff()]
    for story, is_here in (*((one, True) for one in stories), *((one, False) for one in others)):
        try:
            resources += build(story, today, is_here=is_here)
        except UnknownPhrase as unknown:
            raise UnreadableStory(f"{story.key}: {unknown}") from unknown
    seen: set[tuple[str, str]] = set()
    for resource in resources:
        key = (resource["resourceType"], resource["id"])
        if key in seen:
            raise UnreadableStory(f"{key[1]}: two resources of type {key[0]} have this id")
        seen.add(key)
    return resources


def build(story: Person, today: date, *, is_here: bool = True) -> list[Resource]:
    """The resources of one patient, who comes first, then what the chart says.

    A patient who is here has a visit today.
    """
    return [
        _patient(story, today),
        *([_encounter(story, today)] if is_here else []),
        *_conditions(story, today),
        *_allergies(story, today),
        *_findings(story, today),
        *courses(story, today, requester=f"Practitioner/{PRACTITIONER}"),
    ]


def _patient(story: Person, today: date) -> Resource:
    patient = synthetic("Patient", story.key) | {
        "identifier": [{"system": "urn:sandbox-ehr:synthetic:mrn", "value": f"SYN-{story.key}"}],
        "active": True,
        "name": [
            {
                "use": "official",
                "text": f"{story.given} {story.family}",
                "family": story.family,
                "given": story.given.split(),
            }
        ],
        "gender": story.sex,
        "generalPractitioner": [reference("Practitioner", PRACTITIONER)],
        "managingOrganization": reference("Organization", ORGANIZATION),
    }
    if story.born is not None:
        patient["birthDate"] = _birth_date(story.born, today)
    if story.died is not None:
        patient["deceasedDateTime"] = day(story.died, today).isoformat()
    return patient


def _birth_date(born: str, today: date) -> str:
    phrase, year_only, _ = born.partition(", year only")
    born_on = day(phrase, today)
    return f"{born_on.year:04d}" if year_only else born_on.isoformat()


def _encounter(story: Person, today: date) -> Resource:
    """Today's visit, in which an order would be written."""
    return synthetic("Encounter", f"{story.key}-visit") | {
        "status": "in-progress",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": "AMB",
            "display": "ambulatory",
        },
        "subject": reference("Patient", story.key),
        "participant": [{"individual": reference("Practitioner", PRACTITIONER)}],
        "period": {"start": today.isoformat()},
        "serviceProvider": reference("Organization", ORGANIZATION),
    }


def _conditions(story: Person, today: date) -> Iterable[Resource]:
    for number, problem in enumerate(story.has, start=1):
        over = problem.until is not None
        began = day(problem.since, today).isoformat()
        condition = synthetic("Condition", f"{story.key}-problem-{number}") | {
            "clinicalStatus": concept(CONDITION_CLINICAL, "resolved" if over else "active"),
            "verificationStatus": concept(
                "http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"
            ),
            "category": [
                concept(
                    "http://terminology.hl7.org/CodeSystem/condition-category",
                    "problem-list-item",
                    "Problem List Item",
                )
            ],
            "code": concept(ICD10, problem.icd10, problem.condition, text=problem.condition),
            "subject": reference("Patient", story.key),
            "onsetDateTime": began,
            "recordedDate": began,
        }
        if problem.until is not None:
            condition["abatementDateTime"] = day(problem.until, today).isoformat()
        yield condition


def _allergies(story: Person, today: date) -> Iterable[Resource]:
    for number, reaction in enumerate(story.reacts_to, start=1):
        yield synthetic("AllergyIntolerance", f"{story.key}-allergy-{number}") | {
            "clinicalStatus": concept(
                "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"
            ),
            "verificationStatus": concept(
                "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "confirmed"
            ),
            "category": ["medication"],
            "code": concept(RXNORM, reaction.rxnorm, reaction.substance, text=reaction.substance),
            "patient": reference("Patient", story.key),
            "recordedDate": day(reaction.since, today).isoformat(),
            "reaction": [{"manifestation": [{"text": reaction.reaction}]}],
        }


def _findings(story: Person, today: date) -> Iterable[Resource]:
    for number, found in enumerate(story.found, start=1):
        key = f"{story.key}-finding-{number}"
        yield observation(key, story.key, found.what, found.answer, day(found.on, today))


def _staff() -> Iterable[Resource]:
    people = (
        (PRACTITIONER, "Dr. Ida Synthetic-Hazel", "Prescriber"),
        ("ash", "Noor Synthetic-Ash", "Quality lead"),
        ("reed", "Sol Synthetic-Reed", "Front desk"),
    )
    for key, name, work in people:
        *prefix, given, family = name.split()
        yield synthetic("Practitioner", key) | {
            "identifier": [{"system": "urn:sandbox-ehr:synthetic:staff", "value": f"SYN-{key}"}],
            "active": True,
            "name": [
                {"use": "official", "text": name, "family": family, "given": [given]}
                | ({"prefix": prefix} if prefix else {})
            ],
            "qualification": [{"code": {"text": work}}],
        }


def clinic(resources: Iterable[Resource]) -> Resource:
    """The Group of everybody who is treated here: the patients among these resources."""
    members = [
        {"entity": reference("Patient", resource["id"])}
        for resource in resources
        if resource["resourceType"] == "Patient"
    ]
    group = synthetic("Group", GROUP) | {
        "identifier": [{"system": "urn:sandbox-ehr:synthetic:group", "value": "SYN-clinic"}],
        "active": True,
        "type": "person",
        "actual": True,
        "name": "Everybody in the Synthetic Clinic (pretend)",
        "managingEntity": reference("Organization", ORGANIZATION),
        "quantity": len(members),
    }
    return group | {"member": members} if members else group


def _organization() -> Resource:
    return synthetic("Organization", ORGANIZATION) | {
        "active": True,
        "name": "Synthetic Clinic (pretend)",
    }
