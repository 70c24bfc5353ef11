"""A course of a medicine as an EHR records it: orders that follow each other, fills, statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from ..records.json_text import Resource
from .story import Course, Product, Story
from .vocabulary import DRUG_FORM, RXNORM, UCUM, concept, reference, synthetic
from .words import Dose, day, days_from, dose

_FORM_CODES = {"tablet": "TAB", "capsule": "CAP"}
_DAYS_OF_A_FILL = 30


def courses(story: Story, today: date, *, requester: str) -> Iterator[Resource]:
    """Every medication resource of a story."""
    for course in story.takes:
        yield from _Course(story, course, today, requester).resources(over=None)
    for course in story.took:
        over = day(course.until, today) if course.until else today
        yield from _Course(story, course, today, requester).resources(over=over)
    for course in story.reports:
        yield _statement(story, course, today)


class _Course:
    """One course on its way to resources. `over` is the day a past course ended."""

    def __init__(self, story: Story, course: Course, today: date, requester: str) -> None:
        self.story = story
        self.course = course
        self.today = today
        self.requester = requester
        self.id = f"{story.key}-{course.id or _first_word(course)}"
        self.dose = _dose(course)

    def resources(self, over: date | None) -> Iterator[Resource]:
        if self.course.written == "by reference" and self.course.medicine is not None:
            yield _medication(self.id, self.course.medicine)
        began = day(self.course.since, self.today)
        until = over or self.today
        orders = days_from(began, self.course.renewed or "every 1200 months", until)
        ids = self._order_ids(len(orders))
        for number, (order_id, on) in enumerate(zip(ids, orders, strict=True)):
            is_last = number == len(orders) - 1
            order = self._order(order_id, on, is_current=is_last and over is None)
            if number:
                order["priorPrescription"] = reference("MedicationRequest", ids[number - 1])
            if is_last and over is not None:
                order |= self._stopped()
            yield order
        yield from self._fills(began, until, dict(zip(orders, ids, strict=True)))

    def _order_ids(self, count: int) -> list[str]:
        """The order in force has the short id; earlier ones are numbered, oldest first."""
        return [*(f"{self.id}-{number}" for number in range(1, count)), self.id]

    def _order(self, order_id: str, on: date, *, is_current: bool) -> Resource:
        order = synthetic("MedicationRequest", order_id) | {
            "status": "active" if is_current else "completed",
            "intent": "order",
            "category": [
                concept(
                    "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
                    "community",
                    "Community",
                )
            ],
            **self._medicine(),
            "subject": reference("Patient", self.story.key),
            "authoredOn": on.isoformat(),
            "requester": {"reference": self.requester},
            "dosageInstruction": [self._dosage()],
        }
        problem = self._problem()
        if problem is not None:
            order["reasonReference"] = [problem]
        if self.dose is not None and not self.dose.as_needed:
            order["dispenseRequest"] = {
                "quantity": _counted(self.dose, _DAYS_OF_A_FILL),
                "expectedSupplyDuration": _days(_DAYS_OF_A_FILL),
            }
        return order

    def _stopped(self) -> Resource:
        why = self.course.why_stopped
        if why is None:
            return {"status": "completed"}
        return {"status": "stopped", "statusReason": {"text": why}}

    def _fills(self, began: date, until: date, orders: dict[date, str]) -> Iterator[Resource]:
        if self.course.filled is None or self.dose is None:
            return
        for number, on in enumerate(days_from(began, self.course.filled, until), start=1):
            in_force = max(ordered for ordered in orders if ordered <= on)
            yield synthetic("MedicationDispense", f"{self.id}-fill-{number}") | {
                "status": "completed",
                **self._medicine(),
                "subject": reference("Patient", self.story.key),
                "authorizingPrescription": [reference("MedicationRequest", orders[in_force])],
                "quantity": _counted(self.dose, _DAYS_OF_A_FILL),
                "daysSupply": _days(_DAYS_OF_A_FILL),
                "whenHandedOver": on.isoformat(),
                "dosageInstruction": [self._dosage()],
            }

    def _medicine(self) -> Resource:
        product = self.course.medicine
        if product is None:
            return {"medicationCodeableConcept": {"text": self.course.text}}
        if self.course.written == "by reference":
            return {"medicationReference": reference("Medication", self.id)}
        return {"medicationCodeableConcept": _coded(product)}

    def _dosage(self) -> Resource:
        if self.dose is None:
            return {"text": self.course.instructions or ""}
        return _dosage(self.dose)

    def _problem(self) -> Resource | None:
        for number, problem in enumerate(self.story.has, start=1):
            if self.course.because is not None and problem.icd10 == self.course.because:
                return reference("Condition", f"{self.story.key}-problem-{number}")
        return None


def _statement(story: Story, course: Course, today: date) -> Resource:
    """What the patient says to take, with nobody's order."""
    return synthetic("MedicationStatement", f"{story.key}-{course.id or _first_word(course)}") | {
        "status": "active",
        "category": {
            "coding": [
                {
                    "system": (
                        "http://terminology.hl7.org/CodeSystem/medication-statement-category"
                    ),
                    "code": "patientspecified",
                    "display": "Patient Specified",
                }
            ]
        },
        "medicationCodeableConcept": (
            _coded(course.medicine) if course.medicine else {"text": course.text}
        ),
        "subject": reference("Patient", story.key),
        "effectivePeriod": {"start": day(course.since, today).isoformat()},
        "dateAsserted": (today - timedelta(days=1)).isoformat(),
        "informationSource": reference("Patient", story.key),
        "dosage": [
            _dosage(found)
            if (found := _dose(course)) is not None
            else {"text": course.instructions or ""}
        ],
    }


def _dose(course: Course) -> Dose | None:
    if course.dose is None or course.medicine is None:
        return None
    return dose(course.dose, course.medicine.verb, course.medicine.route)


def _dosage(taken: Dose) -> Resource:
    repeat: Resource = {
        "frequency": taken.per_period,
        "period": taken.period,
        "periodUnit": taken.period_unit,
    }
    if taken.when is not None:
        repeat["when"] = [taken.when]
    dosage: Resource = {"text": taken.sentence, "timing": {"repeat": repeat}}
    if taken.as_needed:
        dosage["asNeededBoolean"] = True
    amount: Resource = (
        {"doseQuantity": _quantity(taken.low, taken.unit)}
        if taken.low == taken.high
        else {
            "doseRange": {
                "low": _quantity(taken.low, taken.unit),
                "high": _quantity(taken.high, taken.unit),
            }
        }
    )
    dosage["doseAndRate"] = [amount]
    return dosage


def _quantity(value: Decimal, unit: str) -> Resource:
    """A quantity; a film or a puff has no code that every EHR writes, so it has none here."""
    if unit in _FORM_CODES:
        return {"value": value, "unit": unit, "system": DRUG_FORM, "code": _FORM_CODES[unit]}
    if unit in ("mg", "mL"):
        return {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return {"value": value, "unit": unit}


def _counted(taken: Dose, days: int) -> Resource:
    return _quantity(taken.units_in(days), taken.unit)


def _days(count: int) -> Resource:
    return {"value": count, "unit": "days", "system": UCUM, "code": "d"}


def _coded(product: Product) -> Resource:
    return concept(RXNORM, product.rxnorm, product.name, text=product.said)


def _medication(resource_id: str, product: Product) -> Resource:
    medication = synthetic("Medication", resource_id) | {
        "code": _coded(product),
        "status": "active",
    }
    if product.ingredient is not None:
        medication["ingredient"] = [
            {
                "itemCodeableConcept": concept(
                    RXNORM, product.ingredient.rxnorm, product.ingredient.name
                ),
                "isActive": True,
                "strength": {
                    "numerator": _quantity(product.ingredient.mg, "mg"),
                    "denominator": _quantity(Decimal(1), product.unit),
                },
            }
        ]
    return medication


def _first_word(course: Course) -> str:
    """The beginning of an id: the first word of the medicine, without capitals."""
    said = course.medicine.said if course.medicine else course.text or "medicine"
    words = [word for word in re.split(r"[^a-z]+", said.lower()) if len(word) > 3]
    return words[0] if words else "medicine"
