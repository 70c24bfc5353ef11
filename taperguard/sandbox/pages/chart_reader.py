"""A patient's chart as the pages need it: the patient, the records by type, what they point to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..records.json_text import Resource
from ..records.store import Charts
from .presenter import name_of


@dataclass(frozen=True, slots=True)
class PatientChart:
    """One chart. `medications` are the Medication resources by reference as it is written.

    `people` are the names of those who made care plans, by reference in the same way.
    """

    patient: Resource
    records: dict[str, list[Resource]]
    medications: dict[str, Resource]
    people: dict[str, str]

    @property
    def id(self) -> str:
        """The patient's id."""
        return str(self.patient["id"])

    @property
    def encounter(self) -> str | None:
        """Today's visit, as "Encounter/id"."""
        for encounter in self.records.get("Encounter", []):
            if encounter.get("status") == "in-progress":
                return f"Encounter/{encounter['id']}"
        return None


class ChartReader:
    """Reads charts from the store."""

    def __init__(self, charts: Callable[[], Charts], base: str) -> None:
        self._charts = charts
        self._base = base

    def read(self, patient_id: str) -> PatientChart | None:
        """A patient's chart; None when there is no such patient."""
        charts = self._charts()
        stored = charts.read("Patient", patient_id)
        if stored is None:
            return None
        records = {
            resource_type: [item.resource() for item in items]
            for resource_type, items in charts.chart_of(patient_id, base=self._base).items()
        }
        return PatientChart(
            stored.resource(), records, self._medications(records), self._authors(records)
        )

    def lookup(self, reference: str) -> Resource | None:
        """The resource that "Type/id" means in this EHR."""
        resource_type, _, resource_id = reference.partition("/")
        stored = self._charts().read(resource_type, resource_id)
        return None if stored is None else stored.resource()

    def _authors(self, records: dict[str, list[Resource]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for plan in records.get("CarePlan", ()):
            author = plan.get("author")
            said = author.get("reference") if isinstance(author, dict) else None
            if isinstance(said, str):
                there = self.lookup(said.removeprefix(f"{self._base}/"))
                if there is not None:
                    found[said] = name_of(there)
        return found

    def _medications(self, records: dict[str, list[Resource]]) -> dict[str, Resource]:
        found: dict[str, Resource] = {}
        for resource in (resource for items in records.values() for resource in items):
            pointed = resource.get("medicationReference")
            reference = pointed.get("reference") if isinstance(pointed, dict) else None
            if not isinstance(reference, str) or reference in found:
                continue
            there = self.lookup(reference.removeprefix(f"{self._base}/"))
            if there is not None and there["resourceType"] == "Medication":
                found[reference] = there
        return found
