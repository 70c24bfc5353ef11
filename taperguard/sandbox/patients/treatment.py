"""A course of a medicine as an EHR records it: orders that follow each other, fills, statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from ..records.json_text import Resource
from .dosages import DAYS_OF_A_FILL, days, dosage, from_to, is_counted, supply, text_only
from .medicine import Product, coded, medication
from .story import Course, Person
from .tapering import as_one_order, as_orders_of_a_plan, fills_of_a_plan
from .vocabulary import concept, reference, synthetic
from .words import Dose, day, days_from, dose


def courses(story: Person, today: date, *, requester: str) -> Iterator[Resource]:
    """Every medication resource of a story."""
    for course in (*story.takes, *story.took):
        yield from _Course(story, course, today, requester).resources(is_past=course in story.took)
    for course in story.reports:
        yield from _statements(story, course, today)


class _Course:
    """One course on its way to resources."""

    def __init__(self, story: Person, course: Course, today: date, requester: str) -> None:
        self.story = story
        self.course = course
        self.today = today
        self.requester = requester
        self.id = f"{story.key}-{course.id or _first_word(course)}"
        self.dose = _dose(course)
        self.began = day(course.since, today)

    def resources(self, *, is_past: bool) -> Iterator[Resource]:
        match self.course.written:
            case "orders of a plan":
                yield from as_orders_of_a_plan(self.course, self.id, self.today, self._frame)
                if self.course.filled is not None:
                    yield from fills_of_a_plan(self.course, self.id, self.today, self._fill)
            case "one order":
                yield as_one_order(self.course, self.id, self.today, self._frame)
            case _:
                yield from self._orders(is_past=is_past)

    def _orders(self, *, is_past: bool) -> Iterator[Resource]:
        if self.course.written == "by reference" and self.course.medicine is not None:
            yield medication(self.course.medicine, self.id)
        ends = day(self.course.until, self.today) if self.course.until else None
        until = min(ends or self.today, self.today)
        turns = days_from(self.began, self.course.renewed or "every 1200 months", until)
        ids = self._order_ids(len(turns))
        for number, (order_id, on) in enumerate(zip(ids, turns, strict=True)):
            is_last = number == len(turns) - 1
            order = self._order(order_id, on, ends if is_last else None)
            if not is_last:
                order["status"] = "completed"
            elif is_past:
                order |= self._stopped()
            elif self.course.status is not None:
                order["status"] = self.course.status
            if number:
                order["priorPrescription"] = reference("MedicationRequest", ids[number - 1])
            yield order
        yield from self._fills(until, dict(zip(turns, ids, strict=True)))

    def _order_ids(self, count: int) -> list[str]:
        """The order in force has the short id; earlier ones are numbered, oldest first."""
        return [*(f"{self.id}-{number}" for number in range(1, count)), self.id]

    def _order(self, order_id: str, on: date, ends: date | None) -> Resource:
        within = None if ends is None else from_to(on, ends)
        order = self._frame(order_id, on, self.course.medicine) | {
            "dosageInstruction": [self._dosage(within)]
        }
        if self.dose is not None and is_counted(self.dose) and not self.dose.as_needed:
            order["dispenseRequest"] = {
                "quantity": supply(self.dose, DAYS_OF_A_FILL),
                "expectedSupplyDuration": days(DAYS_OF_A_FILL),
            }
        return order

    def _frame(self, order_id: str, on: date, product: Product | None) -> Resource:
        """An active order of this course without its dosage."""
        order = synthetic("MedicationRequest", order_id)
        if self.course.written == "contained" and product is not None:
            order["contained"] = [medication(product)]
        order |= {
            "status": "active",
            "intent": "order",
            "category": [
                concept(
                    "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
                    "community",
                    "Community",
                )
            ],
            **self._medicine(product),
            "subject": reference("Patient", self.story.key),
            "authoredOn": on.isoformat(),
            "requester": {"reference": self.requester},
        }
        problem = self._problem()
        if problem is not None:
            order["reasonReference"] = [problem]
        return order

    def _stopped(self) -> Resource:
        why = self.course.why_stopped
        if why is None:
            return {"status": "completed"}
        return {"status": "stopped", "statusReason": {"text": why}}

    def _fills(self, until: date, orders: dict[date, str]) -> Iterator[Resource]:
        if self.course.filled is None or self.dose is None:
            return
        for number, on in enumerate(days_from(self.began, self.course.filled, until), start=1):
            in_force = max(ordered for ordered in orders if ordered <= on)
            yield self._fill(f"{self.id}-fill-{number}", on, self.course.medicine) | {
                "authorizingPrescription": [reference("MedicationRequest", orders[in_force])],
                "quantity": supply(self.dose, DAYS_OF_A_FILL),
                "daysSupply": days(DAYS_OF_A_FILL),
                "dosageInstruction": [self._dosage(None)],
            }

    def _fill(self, fill_id: str, on: date, product: Product | None) -> Resource:
        """A dispense of this course without its dosage."""
        return synthetic("MedicationDispense", fill_id) | {
            "status": "completed",
            **self._medicine(product),
            "subject": reference("Patient", self.story.key),
            "whenHandedOver": on.isoformat(),
        }

    def _medicine(self, product: Product | None) -> Resource:
        if product is None:
            return {"medicationCodeableConcept": {"text": self.course.text}}
        match self.course.written:
            case "by reference":
                return {"medicationReference": reference("Medication", self.id)}
            case "contained":
                return {"medicationReference": {"reference": "#medicine"}}
        return {"medicationCodeableConcept": coded(product, self.course.called)}

    def _dosage(self, within: Resource | None) -> Resource:
        if self.dose is None:
            return text_only(self.course.instructions or "", within)
        return dosage(self.dose, text=self.course.instructions, within=within)

    def _problem(self) -> Resource | None:
        for number, problem in enumerate(self.story.has, start=1):
            if self.course.because is not None and problem.icd10 == self.course.because:
                return reference("Condition", f"{self.story.key}-problem-{number}")
        return None


def _statements(story: Person, course: Course, today: date) -> Iterator[Resource]:
    """What the patient or another clinic says is taken, with nobody's order here.

    Told again and again, each telling ends the one before.
    """
    told = days_from(day(course.since, today), course.renewed or "every 1200 months", today)
    course_id = f"{story.key}-{course.id or _first_word(course)}"
    for number, on in enumerate(told, start=1):
        is_last = number == len(told)
        statement = synthetic(
            "MedicationStatement", course_id if is_last else f"{course_id}-{number}"
        )
        asserted = on if course.renewed else today - timedelta(days=1)
        period = {"start": on.isoformat()}
        if not is_last:
            period["end"] = (told[number] - timedelta(days=1)).isoformat()
        yield (
            statement
            | _said(story, course)
            | {
                "status": "active" if is_last else "completed",
                "effectivePeriod": period,
                "dateAsserted": asserted.isoformat(),
            }
        )


def _said(story: Person, course: Course) -> Resource:
    """What is taken, and who says so."""
    by_patient = course.by == "the patient"
    taken = _dose(course)
    return {
        "category": concept(
            "http://terminology.hl7.org/CodeSystem/medication-statement-category",
            "patientspecified" if by_patient else "community",
            "Patient Specified" if by_patient else "Community",
        ),
        "medicationCodeableConcept": (
            coded(course.medicine, course.called) if course.medicine else {"text": course.text}
        ),
        "subject": reference("Patient", story.key),
        "informationSource": (
            reference("Patient", story.key)
            if by_patient
            else {"type": "Organization", "display": "Synthetic Neighbour Clinic (pretend)"}
        ),
        "dosage": [
            text_only(course.instructions or "")
            if taken is None
            else dosage(taken, text=course.instructions)
        ],
    }


def _dose(course: Course) -> Dose | None:
    if course.dose is None or course.medicine is None:
        return None
    return dose(course.dose, course.medicine.verb, course.medicine.route)


def _first_word(course: Course) -> str:
    """The beginning of an id: the first word of the medicine, without capitals."""
    said = course.medicine.said if course.medicine else course.text or "medicine"
    words = [word for word in re.split(r"[^a-z]+", said.lower()) if len(word) > 3]
    return words[0] if words else "medicine"
