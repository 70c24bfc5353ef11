"""The call of a hook: its context, its prefetch, and access to this EHR for as long as it lasts.

The token is a real one (CDS Hooks 2.0, FHIR Resource Access): it reads the records of the one
patient, lives for seconds, and is good for nothing once the services have answered.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..faults import Faults
from ..orders.signing import PRESCRIBER
from ..records import json_text
from ..records.store import Charts
from ..smart.ledger import Kind, Ledger
from .discovery import Service
from .http import TOTAL_SECONDS, Ask
from .prefetch import fill

SUBJECT = "cds-services"
_SECONDS = round(TOTAL_SECONDS) + 2
_READ = (
    "Patient",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationDispense",
    "Medication",
    "Condition",
    "AllergyIntolerance",
    "Observation",
)
_SCOPES = tuple(f"patient/{kind}.rs" for kind in _READ)


@dataclass(frozen=True, slots=True)
class Requests:
    """Makes the calls. `base` is this EHR's FHIR address; `faults` may hold a prefetch back."""

    base: str
    ledger: Ledger
    faults: Faults

    @contextmanager
    def to(
        self, services: Sequence[Service], context: Mapping[str, Any], charts: Charts
    ) -> Iterator[list[Ask]]:
        """One call for each service. Their tokens end with the block."""
        lent = [self._lend(context["patientId"]) for _ in services]
        try:
            yield [
                self._ask(service, context, charts, token)
                for service, token in zip(services, lent, strict=True)
            ]
        finally:
            for token in lent:
                self.ledger.take(Kind.ACCESS, token)

    def _lend(self, patient_id: str) -> str:
        said = {"client": SUBJECT, "patient": patient_id, "user": PRESCRIBER, "scopes": _SCOPES}
        return self.ledger.issue(Kind.ACCESS, _SECONDS, said)

    def _ask(self, service: Service, context: Mapping[str, Any], charts: Charts, token: str) -> Ask:
        request: dict[str, Any] = {
            "hook": service.hook,
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": self.base,
            "fhirAuthorization": {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": _SECONDS,
                "scope": " ".join(_SCOPES),
                "subject": SUBJECT,
                "patient": context["patientId"],
            },
            "context": context,
        }
        templates = {
            key: template for key, template in service.prefetch.items() if self.faults.supplies(key)
        }
        if templates:
            request["prefetch"] = fill(templates, context, charts, base=self.base)
        return Ask(service.address, json_text.write(request))
