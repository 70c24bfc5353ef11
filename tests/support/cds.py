"""CDS Hooks from the client's side: requests told in few words, and a judge of responses.

The judge is written from CDS Hooks 2.0 and from nothing of ours, so that it can disagree.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

JsonObject = dict[str, Any]
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


# The judge.

_INDICATORS = {"info", "warning", "critical"}
_HTML = re.compile(r"<[a-zA-Z/!]")


def faults(body: JsonObject, asked: JsonObject) -> list[str]:
    """What is wrong with a 200 response to this request; an empty list when nothing is."""
    found = [f"empty value at {path}" for path in _empties(body, "")]
    cards = body.get("cards")
    if not isinstance(cards, list):
        return [*found, "cards is no list"]
    drafts = {
        f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}"
        for entry in asked["context"].get("draftOrders", {}).get("entry", [])
    }
    uuids = []
    for number, card in enumerate(cards):
        found += [f"card {number}: {fault}" for fault in _card_faults(card, drafts)]
        uuids.append(card.get("uuid"))
        uuids += [suggestion.get("uuid") for suggestion in card.get("suggestions", [])]
    known = [value for value in uuids if value is not None]
    if len(known) != len(set(known)):
        found.append("a uuid is used twice")
    json.dumps(body, allow_nan=False)
    return found


def _empties(value: object, path: str) -> Iterator[str]:
    if value is None or value in ("", {}) or (value == [] and path != ".cards"):
        yield path or "the whole"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _empties(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _empties(inner, f"{path}[{number}]")


def _card_faults(card: JsonObject, drafts: set[str]) -> Iterator[str]:
    summary = card.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary) < 140:
        yield "summary is not of 1 to 139 characters"
    if card.get("indicator") not in _INDICATORS:
        yield "indicator is none of info, warning, critical"
    if _HTML.search(card.get("detail", "")):
        yield "detail holds HTML"
    yield from _source_faults(card.get("source", {}))
    suggestions = card.get("suggestions")
    if (suggestions is None) != (card.get("selectionBehavior") is None):
        yield "selectionBehavior and suggestions do not go together"
    if card.get("selectionBehavior") not in {None, "at-most-one", "any"}:
        yield "selectionBehavior is unknown"
    if sum(bool(s.get("isRecommended")) for s in suggestions or []) > 1:
        yield "more than one suggestion is recommended"
    for suggestion in suggestions or []:
        yield from _suggestion_faults(suggestion, drafts)
    for reason in card.get("overrideReasons", []):
        if not (reason.get("code") and reason.get("system") and reason.get("display")):
            yield "an override reason is no Coding with a display"
    for link in card.get("links", []):
        yield from _link_faults(link)


def _source_faults(source: JsonObject) -> Iterator[str]:
    if not source.get("label"):
        yield "source has no label"
    if "url" in source and not _absolute(source["url"]):
        yield "source.url is not absolute"
    if "topic" in source and not (source["topic"].get("code") and source["topic"].get("system")):
        yield "source.topic is no Coding"


def _suggestion_faults(suggestion: JsonObject, drafts: set[str]) -> Iterator[str]:
    if not suggestion.get("label"):
        yield "a suggestion has no label"
    for action in suggestion.get("actions", []):
        kind = action.get("type")
        if kind not in {"create", "update", "delete"}:
            yield "an action's type is unknown"
        if not action.get("description"):
            yield "an action has no description"
        if kind == "delete":
            target = action.get("resourceId")
            if "resource" in action or target not in drafts:
                yield f"a delete of {target}, which is not in draftOrders"
        else:
            resource = action.get("resource", {})
            target = f"{resource.get('resourceType')}/{resource.get('id')}"
            if (kind == "update") != (target in drafts):
                yield f"{kind} of {target} does not fit draftOrders"


def _link_faults(link: JsonObject) -> Iterator[str]:
    if not link.get("label") or not _absolute(link.get("url", "")):
        yield "a link has no label or no absolute URL"
    if link.get("type") not in {"absolute", "smart"}:
        yield "a link's type is unknown"
    if "appContext" in link and link.get("type") != "smart":
        yield "appContext on a link that is not smart"


def _absolute(url: str) -> bool:
    return url.startswith(("https://", "http://"))
