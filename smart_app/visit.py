"""What the planner's pages know of the launch they serve, and what they may ask of the EHR.

The hinge of this door: launch, callback and session make a `Visit`; the planner only uses it.
Tokens never come this far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from ehr.read.chart import Resources

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    """One launch: one patient, one user, one EHR.

    `launch_id` stands in the path of every page, so that two tabs with two patients never mix.
    `user` is the fhirUser reference. `scopes` are those granted, as they were written.
    `csrf_token` belongs into every form. `today` is the date at the clinic.
    """

    launch_id: str
    ehr_id: str
    ehr_name: str
    fhir_base: str
    patient_id: str
    user: str | None
    user_name: str | None
    scopes: frozenset[str]
    csrf_token: str
    need_patient_banner: bool
    today: date


@dataclass(frozen=True, slots=True)
class Written:
    """One resource as the EHR has it after a save: its reference, and what differs from ours."""

    reference: str
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The EHR did not take the plan; `why` is a sentence for the prescriber."""

    why: str


class Chart(Protocol):
    """The patient's chart through the token of this visit. Each read and write is audited."""

    async def read(self, visit: Visit) -> Resources:
        """Everything of `ehr.needs` that the scopes allow, all pages; gaps where not."""
        ...

    async def read_again(self, visit: Visit) -> Resources:
        """The last read of this visit if it is younger than a minute, else as `read`."""
        ...

    async def can_write(self, visit: Visit) -> tuple[str, ...]:
        """The rungs of the ladder that this EHR and these scopes allow, best first."""
        ...

    async def can_change(self, visit: Visit) -> bool:
        """Whether orders and care plans may be made and changed, both together."""
        ...

    async def write(
        self, visit: Visit, entries: Sequence[Resource], why: str = "taper-planner"
    ) -> tuple[Written, ...] | NotWritten:
        """Write the resources as one transaction, read them again and compare.

        `why` is the static name of the purpose, for the audit.
        """
        ...
