"""THE list of what the checks need of a patient, written once.

Prefetch templates, SMART searches and bulk filters are renderings of it (`ehr.ask`), so the
doors cannot drift apart in what they know.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinical.observations import asked_for


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of record that the checks look at.

    `key` is the prefetch key (PRODUCT, HTTP). `wanted` is what it is called in a sentence.
    A `required` need that is absent or failed is a gap; an optional one that was never asked
    for is none. `codes` limit a search to records of these codes (token values, none has a comma).
    """

    key: str
    resource_type: str
    wanted: str
    required: bool
    by_id: bool = False
    codes: tuple[str, ...] = ()


PATIENT = Need("patient", "Patient", "the patient's record", required=True, by_id=True)
MEDICATIONS = Need("medications", "MedicationRequest", "the list of medications", required=True)
CONDITIONS = Need("conditions", "Condition", "the list of conditions", required=True)
STATEMENTS = Need("statements", "MedicationStatement", "the reported medications", required=False)
DISPENSES = Need("dispenses", "MedicationDispense", "the dispensing records", required=False)
ALLERGIES = Need("allergies", "AllergyIntolerance", "the list of allergies", required=False)
OBSERVATIONS = Need(
    "observations", "Observation", "the list of observations", required=False, codes=asked_for()
)

NEEDS: tuple[Need, ...] = (
    PATIENT,
    MEDICATIONS,
    CONDITIONS,
    STATEMENTS,
    DISPENSES,
    ALLERGIES,
    OBSERVATIONS,
)

OPTIONAL: tuple[str, ...] = tuple(need.key for need in NEEDS if not need.required)
"""Keys of the lists that an EHR need not supply."""
