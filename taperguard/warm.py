"""Answers one made-up order before the service is ready: nobody's first card waits for tables."""

from __future__ import annotations

from datetime import date
from typing import Any

from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from clinical.policy import default_policy
from ehr.decode import encode
from taperguard.doors import new_id

_ON = date(2026, 11, 23)


def warm_up() -> None:
    """Read what the first order would read: the drug tables, the rules, tapers and words."""
    bench = Bench(default_policy(), new_id, "https://taperguard.invalid")
    answer(read_request(encode(_request()), HOOKS), _ON, bench)


def _request() -> dict[str, Any]:
    present, new = _order("present", "active", 2), _order("new", "draft", 3)
    return {
        "hook": "order-sign",
        "hookInstance": "warm-up",
        "context": {
            "userId": "Practitioner/nobody",
            "patientId": "nobody",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": new}]},
        },
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "nobody", "birthDate": "1954-01-01"},
            "medications": {"resourceType": "Bundle", "entry": [{"resource": present}]},
            "conditions": {"resourceType": "Bundle", "entry": []},
        },
    }


def _order(key: str, status: str, per_day: int) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": key,
        "status": status,
        "intent": "order",
        "authoredOn": "2026-01-05",
        "subject": {"reference": "Patient/nobody"},
        "medicationCodeableConcept": {"text": "clonazepam 1 mg tablet"},
        "dosageInstruction": [{"text": f"Take 1 tablet by mouth {per_day} times a day"}],
    }
