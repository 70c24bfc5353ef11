"""Draft MedicationRequests for a card or a plan (FHIR R4). Strict: what we write validates.

Every order is `status: draft`, `intent: order`, has one product, one dosage instruction, a
quantity and no refills. Nothing here decides a dose: doses come from a `Schedule`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from clinical.facts import OWN_PLAN
from clinical.quantities import plain
from clinical.taper import Fill, IntakeTime
from clinical.taper.tablets import TabletProduct

Resource = dict[str, Any]

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"

# FHIR EventTiming and v3 TimingEvent codes for the times of day.
_WHEN = {
    IntakeTime.MORNING: "MORN",
    IntakeTime.MIDDAY: "NOON",
    IntakeTime.EVENING: "EVE",
    IntakeTime.NIGHT: "HS",
}
WHEN_WORDS = {
    IntakeTime.MORNING: "in the morning",
    IntakeTime.MIDDAY: "at midday",
    IntakeTime.EVENING: "in the evening",
    IntakeTime.NIGHT: "at bedtime",
}
# What an update keeps of the draft that the prescriber began, by its shape in R4.
_KEPT: Mapping[str, type] = {
    "identifier": list,
    "category": list,
    "priority": str,
    "medicationCodeableConcept": dict,
    "medicationReference": dict,
    "contained": list,
    "encounter": dict,
    "requester": dict,
    "recorder": dict,
    "reasonCode": list,
    "reasonReference": list,
    "insurance": list,
}


@dataclass(frozen=True, slots=True)
class OrderContext:
    """For whom and by whom the drafts are. `requester` is a reference or None."""

    patient_id: str
    authored_on: date
    requester: str | None = None
    encounter_id: str | None = None


def taper_order(
    fill: Fill,
    context: OrderContext,
    *,
    draft_id: str,
    group: str,
    prior: str | None,
    begun: Mapping[str, Any] | None = None,
) -> Resource:
    """One fill of a taper as a draft order.

    `prior` is the order that it replaces ("MedicationRequest/d1"), `group` joins the plan's
    orders. `begun` is the prescriber's own draft of the same product, of which everything but
    the dosage and the supply is kept.
    """
    order = _order(fill.product.rxcui, fill.product.name, context, draft_id, begun)
    order["groupIdentifier"] = {"system": OWN_PLAN, "value": group}
    if prior is not None:
        order["priorPrescription"] = {"reference": prior}
    order["dosageInstruction"] = [_dosage(fill)]
    order["dispenseRequest"] = _dispense(fill.starts, fill.days, fill.quantity, "tablet")
    return order


def daily_order(
    product: TabletProduct,
    context: OrderContext,
    *,
    draft_id: str,
    count: int,
    times: Sequence[IntakeTime],
    days: int,
    begun: Mapping[str, Any] | None = None,
) -> Resource:
    """A draft order of so many tablets at each of the times, from the day it is written."""
    order = _order(product.rxcui, product.name, context, draft_id, begun)
    order["dosageInstruction"] = [
        {
            "text": _text(Decimal(count), product, times),
            "timing": {"repeat": _repeat(times)},
            "doseAndRate": [{"doseQuantity": _tablets(Decimal(count))}],
        }
    ]
    order["dispenseRequest"] = _dispense(
        context.authored_on, days, count * len(times) * days, "tablet"
    )
    return order


def naloxone_order(rxcui: str, name: str, context: OrderContext, *, draft_id: str) -> Resource:
    """A draft of a rescue naloxone nasal spray: two devices, one spray, repeat if needed."""
    order = _order(rxcui, name, context, draft_id)
    order["dosageInstruction"] = [
        {
            "text": (
                "One spray in one nostril if an overdose is suspected, and call for emergency "
                "help; another spray in the other nostril after 2 to 3 minutes if there is no "
                "response."
            ),
            "asNeededBoolean": True,
            "route": {"text": "nasal"},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "spray"}}],
        }
    ]
    order["dispenseRequest"] = {
        "numberOfRepeatsAllowed": 0,
        "quantity": {"value": 2, "unit": "device"},
    }
    return order


def _order(
    rxcui: str,
    name: str,
    context: OrderContext,
    draft_id: str,
    begun: Mapping[str, Any] | None = None,
) -> Resource:
    order: Resource = {
        "resourceType": "MedicationRequest",
        "id": draft_id,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": rxcui, "display": name}],
            "text": name,
        },
        "subject": {"reference": f"Patient/{context.patient_id}"},
        "authoredOn": context.authored_on.isoformat(),
    }
    if context.encounter_id:
        order["encounter"] = {"reference": f"Encounter/{context.encounter_id}"}
    if context.requester:
        order["requester"] = {"reference": context.requester}
    if begun is not None:
        order.update(_kept(begun))
        if "medicationReference" in order:
            order.pop("medicationCodeableConcept")
    return order


def _kept(begun: Mapping[str, Any]) -> Resource:
    """What can be kept of a begun draft: a field of the wrong shape is not written again."""
    return {
        name: begun[name]
        for name, shape in _KEPT.items()
        if isinstance(begun.get(name), shape)
        and _is_whole(begun[name])
        and (shape is not list or all(isinstance(item, dict) for item in begun[name]))
    }


def _is_whole(value: object) -> bool:
    """Whether nothing in it is null or empty, as FHIR's JSON asks."""
    if value is None or value in ("", [], {}):
        return False
    if isinstance(value, dict):
        return all(_is_whole(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_is_whole(inner) for inner in value)
    return True


def _dosage(fill: Fill) -> Resource:
    times = [time for time, _ in fill.per_intake]
    count = fill.per_intake[0][1]
    bounds = {"start": fill.starts.isoformat(), "end": fill.ends.isoformat()}
    return {
        "text": f"{_text(count, fill.product, times)}, from {fill.starts} to {fill.ends}",
        "timing": {"repeat": {"boundsPeriod": bounds, **_repeat(times)}},
        "doseAndRate": [{"doseQuantity": _tablets(count)}],
    }


def _repeat(times: Sequence[IntakeTime]) -> Resource:
    return {
        "frequency": len(times),
        "period": 1,
        "periodUnit": "d",
        "when": [_WHEN[time] for time in times],
    }


def _tablets(count: Decimal) -> Resource:
    return {"value": count, "unit": "tablet", "system": UCUM, "code": "{tbl}"}


def _text(count: Decimal, product: TabletProduct, times: Sequence[IntakeTime]) -> str:
    tablets = "tablet" if count <= 1 else "tablets"
    strength = plain(Fraction(product.strength_ug, 1000))
    when = " and ".join(WHEN_WORDS[time] for time in times)
    return f"Take {plain(Fraction(count))} {tablets} of {strength} mg {when}"


def _dispense(starts: date, days: int, quantity: int, unit: str) -> Resource:
    return {
        "validityPeriod": {"start": starts.isoformat()},
        "numberOfRepeatsAllowed": 0,
        "quantity": {"value": quantity, "unit": unit, "system": UCUM, "code": "{tbl}"},
        "expectedSupplyDuration": {"value": days, "unit": "day", "system": UCUM, "code": "d"},
    }
