"""What the sandbox accepts as a draft order: every refusal, one at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from taperguard.sandbox.orders.check import NotAccepted, Rules, faults_of, require

TODAY = date(2026, 11, 23)
BASE = "http://ehr.test/fhir"
CHART = {
    "Patient/p": {"resourceType": "Patient", "id": "p"},
    "Practitioner/hazel": {"resourceType": "Practitioner", "id": "hazel"},
    "Encounter/visit": {"resourceType": "Encounter", "id": "visit"},
    "MedicationRequest/old": {
        "resourceType": "MedicationRequest",
        "id": "old",
        "subject": {"reference": "Patient/p"},
    },
    "MedicationRequest/hers": {
        "resourceType": "MedicationRequest",
        "id": "hers",
        "subject": {"reference": "Patient/q"},
    },
}
RULES = Rules("p", TODAY, BASE, CHART.get)
GOOD: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "d1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "clonazepam 1 mg tablet"},
    "subject": {"reference": "Patient/p"},
    "encounter": {"reference": "Encounter/visit"},
    "requester": {"reference": "Practitioner/hazel"},
    "authoredOn": "2026-11-23",
    "priorPrescription": {"reference": "MedicationRequest/old"},
    "dosageInstruction": [
        {
            "text": "Take half a tablet at bedtime",
            "timing": {
                "repeat": {
                    "boundsPeriod": {"start": "2026-11-23", "end": "2026-12-20"},
                    "frequency": 1,
                    "period": 1,
                    "periodUnit": "d",
                }
            },
            "doseAndRate": [{"doseQuantity": {"value": Decimal("0.5"), "unit": "tablet"}}],
        }
    ],
    "dispenseRequest": {
        "validityPeriod": {"start": "2026-11-23"},
        "numberOfRepeatsAllowed": 0,
        "quantity": {"value": 14, "unit": "tablet"},
    },
}


def test_a_whole_order_is_accepted() -> None:
    assert faults_of(GOOD, RULES) == []


Change = Callable[[dict[str, Any]], Any]


def put(name: str, value: Any) -> Change:
    return lambda order: order.__setitem__(name, value)


def drop(name: str) -> Change:
    return lambda order: order.pop(name)


def in_dosage(name: str, value: Any) -> Change:
    return lambda order: order["dosageInstruction"][0].__setitem__(name, value)


def in_supply(name: str, value: Any) -> Change:
    return lambda order: order["dispenseRequest"].__setitem__(name, value)


def dose(quantity: Any) -> Change:
    return in_dosage("doseAndRate", [{"doseQuantity": quantity}])


def bounds(**period: str) -> Change:
    return in_dosage("timing", {"repeat": {"boundsPeriod": period, "frequency": 1}})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (put("resourceType", "ServiceRequest"), "resourceType"),
        (drop("resourceType"), "resourceType"),
        (put("id", "no id/at all"), "id"),
        (drop("id"), "id"),
        (put("status", "active"), "status"),
        (put("intent", "plan"), "intent"),
        (put("doNotPerform", True), "doNotPerform"),
        (drop("subject"), "subject"),
        (put("subject", {"reference": "Patient/q"}), "subject"),
        (put("subject", {"reference": "http://elsewhere.test/fhir/Patient/p"}), "subject"),
        (put("subject", {"display": "her"}), "subject"),
        (drop("medicationCodeableConcept"), "medication"),
        (put("medicationCodeableConcept", {"coding": [{"code": "1"}]}), "medication"),
        (put("medicationCodeableConcept", {"text": "  "}), "medication"),
        (put("medicationReference", {"reference": "Patient/p"}), "medication"),
        (drop("dosageInstruction"), "dosageInstruction"),
        (lambda order: order["dosageInstruction"].append({"text": "x"}), "dosageInstruction"),
        (put("dosageInstruction", ["at night"]), "dosageInstruction"),
        (in_dosage("text", " "), "dosageInstruction.text"),
        (in_dosage("doseAndRate", [{}, {}]), "dosageInstruction.doseAndRate"),
        (dose({"value": 0}), "dosageInstruction.doseAndRate"),
        (dose({"value": Decimal("-0.5")}), "dosageInstruction.doseAndRate"),
        (dose({"value": "1"}), "dosageInstruction.doseAndRate"),
        (dose({"value": True}), "dosageInstruction.doseAndRate"),
        (dose({"value": 1, "comparator": "<"}), "dosageInstruction.doseAndRate"),
        (
            in_dosage("doseAndRate", [{"doseRange": {"low": {"value": 2}, "high": {"value": 1}}}]),
            "dosageInstruction.doseAndRate",
        ),
        (in_dosage("asNeededBoolean", "yes"), "dosageInstruction.asNeededBoolean"),
        (drop("dispenseRequest"), "dispenseRequest.quantity"),
        (in_supply("quantity", {"value": 0}), "dispenseRequest.quantity"),
        (in_supply("quantity", {"value": -3}), "dispenseRequest.quantity"),
        (in_supply("quantity", {"value": Decimal("1.5")}), "dispenseRequest.quantity"),
        (in_supply("quantity", {"unit": "tablet"}), "dispenseRequest.quantity"),
        (in_supply("numberOfRepeatsAllowed", -1), "dispenseRequest.numberOfRepeatsAllowed"),
        (in_supply("numberOfRepeatsAllowed", "1"), "dispenseRequest.numberOfRepeatsAllowed"),
        (
            in_supply("validityPeriod", {"start": "2026-11-22"}),
            "dispenseRequest.validityPeriod.start",
        ),
        (
            in_supply("validityPeriod", {"start": "soon"}),
            "dispenseRequest.validityPeriod.start",
        ),
        (
            bounds(start="2026-11-22", end="2026-12-01"),
            "dosageInstruction.timing.repeat.boundsPeriod.start",
        ),
        (
            bounds(start="2026-12-02", end="2026-12-01"),
            "dosageInstruction.timing.repeat.boundsPeriod.end",
        ),
        (bounds(end="2026-11-22"), "dosageInstruction.timing.repeat.boundsPeriod.end"),
        (put("encounter", {"reference": "Encounter/gone"}), "encounter"),
        (put("requester", {"reference": "https://elsewhere.test/Practitioner/1"}), "requester"),
        (put("reasonReference", [{"reference": "#not-inside"}]), "reasonReference"),
        (put("priorPrescription", {"reference": "MedicationRequest/x"}), "priorPrescription"),
        (put("priorPrescription", {"reference": "MedicationRequest/hers"}), "priorPrescription"),
        (put("priorPrescription", {"reference": "Encounter/visit"}), "priorPrescription"),
        (put("dosage", "1"), "dosage"),
        (put("_dosageInstruction", {"id": "x"}), "_dosageInstruction"),
        (put("medication", {"concept": {"text": "R5"}}), "medication"),
        (put("_medicationReference", {"id": "x"}), "_medicationReference"),
        (put("meta", "none"), "meta"),
        (put("groupIdentifier", [{"value": "plan"}]), "groupIdentifier"),
        (put("category", {"text": "x"}), "category"),
        (put("reportedBoolean", "no"), "reportedBoolean"),
        (put("authoredOn", 2026), "authoredOn"),
        (put("note", []), "note"),
        (put("reasonCode", [{"text": None}]), "reasonCode.text"),
        (put("priority", ""), "priority"),
    ],
)
def test_each_fault_is_refused_and_named(change: Change, field: str) -> None:
    order = copy.deepcopy(GOOD)
    change(order)
    faults = faults_of(order, RULES)
    assert field in [fault.field for fault in faults], faults
    assert all(fault.sentence.endswith(".") for fault in faults)
    with pytest.raises(NotAccepted):
        require([GOOD, order], RULES)


@pytest.mark.parametrize("nothing", [None, "order", [], 3])
def test_what_is_no_resource_is_refused(nothing: Any) -> None:
    assert faults_of(nothing, RULES) != []


@pytest.mark.parametrize(
    "change",
    [
        put("subject", {"reference": f"{BASE}/Patient/p"}),
        put("subject", {"reference": "Patient/p/_history/2"}),
        put("medicationCodeableConcept", {"coding": [{"system": "urn:x", "code": "1"}]}),
        put("status", "draft"),
        drop("priorPrescription"),
        drop("authoredOn"),
        put("contained", [{"resourceType": "Medication", "id": "m"}]),
        put("_authoredOn", {"extension": [{"url": "urn:x", "valueCode": "masked"}]}),
        in_dosage("doseAndRate", [{"doseRange": {"high": {"value": 2}}}]),
        in_dosage("asNeededBoolean", False),
        in_supply("quantity", {"value": Decimal("14.0")}),
    ],
)
def test_other_ways_to_say_it_are_accepted(change: Change) -> None:
    order = copy.deepcopy(GOOD)
    change(order)
    assert faults_of(order, RULES) == []


def test_a_reference_to_something_contained_resolves() -> None:
    order = copy.deepcopy(GOOD)
    del order["medicationCodeableConcept"]
    order["medicationReference"] = {"reference": "#m"}
    order["contained"] = [{"resourceType": "Medication", "id": "m", "code": {"text": "x"}}]
    assert faults_of(order, RULES) == []


def test_an_order_cannot_replace_itself() -> None:
    order = {**GOOD, "priorPrescription": {"reference": "MedicationRequest/d1"}}
    rules = Rules("p", TODAY, BASE, lambda said: order if said.endswith("/d1") else CHART.get(said))
    assert [fault.field for fault in faults_of(order, rules)] == ["priorPrescription"]
