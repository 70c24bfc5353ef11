"""CDS Hooks from the client's side: requests told in few words, and what stands in an answer.

`faults` is the judge of `cds_judge`: what is wrong with an answer to a request.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from cds_judge import faults  # noqa: F401 - the judge is called by this name too

JsonObject = dict[str, Any]
TODAY = date(2026, 11, 23)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CLONAZEPAM = {
    "0.5": ("197527", "clonazepam 0.5 MG Oral Tablet"),
    "1": ("197528", "clonazepam 1 MG Oral Tablet"),
    "2": ("197529", "clonazepam 2 MG Oral Tablet"),
}
OXYCODONE = ("1049621", "oxycodone hydrochloride 5 MG Oral Tablet")
NALOXONE = ("1725059", "naloxone hydrochloride 40 MG/ML Nasal Spray")


def order(
    key: str,
    product: tuple[str, str],
    per_day: int = 1,
    tablets: float | int = 1,
    *,
    patient: str = "p1",
    status: str = "active",
    **more: Any,
) -> JsonObject:
    """A MedicationRequest of so many tablets so many times a day."""
    code, name = product
    return {
        "resourceType": "MedicationRequest",
        "id": key,
        "status": status,
        "intent": "order",
        "authoredOn": "2026-01-10",
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": code, "display": name}]
        },
        "subject": {"reference": f"Patient/{patient}"},
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": per_day, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": tablets, "unit": "tablet"}}],
            }
        ],
        **more,
    }


def condition(code: str, key: str = "c1", patient: str = "p1") -> JsonObject:
    """An active Condition with an ICD-10-CM code."""
    return {
        "resourceType": "Condition",
        "id": key,
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "code": "active",
                }
            ]
        },
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
    }


def searchset(*resources: JsonObject) -> JsonObject:
    """A whole searchset of these resources."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [{"resource": resource} for resource in resources],
    }


def request(
    drafts: list[JsonObject],
    *,
    hook: str = "order-sign",
    born: str | None = "1985-06-01",
    medications: list[JsonObject] | None = None,
    conditions: list[JsonObject] | None = None,
    selections: list[str] | None = None,
    prefetch: JsonObject | None = None,
    patient: str = "p1",
) -> JsonObject:
    """A hook request. Lists that are not given are empty and whole; `prefetch` overrides keys."""
    person: JsonObject = {"resourceType": "Patient", "id": patient, "gender": "female"}
    if born is not None:
        person["birthDate"] = born
    context: JsonObject = {"userId": "Practitioner/dr1", "patientId": patient}
    if hook != "patient-view":
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": draft} for draft in drafts],
        }
    if hook == "order-select":
        keys = [f"{d['resourceType']}/{d['id']}" for d in drafts]
        context["selections"] = keys if selections is None else selections
    return {
        "hook": hook,
        "hookInstance": str(uuid.UUID(int=42)),
        "context": context,
        "prefetch": {
            "patient": person,
            "medications": searchset(*(medications or [])),
            "conditions": searchset(*(conditions or [])),
            **(prefetch or {}),
        },
    }


def account_of(body: JsonObject) -> dict[str, JsonObject]:
    """The response's account, by check id."""
    account = body["extension"]["org.taperguard.assessment"]
    return {entry["check"]: entry for entry in account["checks"]}


def results_of(body: JsonObject) -> dict[str, str]:
    """Check id -> result."""
    return {check: entry["result"] for check, entry in account_of(body).items()}


FOUR = ("opioid-together", "high-dose", "dose-escalation", "older-adult-fall-risk")


def four_of(body: JsonObject) -> dict[str, str]:
    """The results of the four checks that the service exists for."""
    found = results_of(body)
    return {check: found[check] for check in FOUR}


def actions_of(body: JsonObject) -> Iterator[JsonObject]:
    """Every action of every suggestion."""
    for card in body["cards"]:
        for suggestion in card.get("suggestions", []):
            yield from suggestion.get("actions", [])
