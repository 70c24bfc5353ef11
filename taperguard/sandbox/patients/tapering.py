"""A taper in the chart: as orders that belong to one plan, or as one order with a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from ..records.json_text import Resource
from .dosages import days, dosage, for_days, from_to, supply
from .medicine import Product
from .story import Course, Step
from .vocabulary import reference
from .words import Dose, day, dose

Frame = Callable[[str, date, Product | None], Resource]
"""An active order without its dosage: from its id, the day it was written and the product."""

_PLANS = "urn:sandbox-ehr:synthetic:plan"


def as_orders_of_a_plan(
    course: Course, course_id: str, today: date, frame: Frame
) -> Iterator[Resource]:
    """One order for each step, joined by groupIdentifier; all were signed on the first day.

    A step that is over is completed. A later step is active and starts later, as an EHR keeps a
    signed order for a coming day.
    """
    written = day(course.since, today)
    first = written
    for number, step in enumerate(course.steps, start=1):
        last = first + timedelta(days=step.days - 1)
        product, taken = _taken(course, step)
        order = frame(f"{course_id}-step-{number}", written, product) | {
            "status": "completed" if last < today else "active",
            "groupIdentifier": {"system": _PLANS, "value": course_id},
            "dosageInstruction": [dosage(taken, within=from_to(first, last))],
            "dispenseRequest": {
                "validityPeriod": {"start": first.isoformat()},
                "quantity": supply(taken, step.days),
                "expectedSupplyDuration": days(step.days),
            },
        }
        if number > 1:
            before = f"{course_id}-step-{number - 1}"
            order["priorPrescription"] = reference("MedicationRequest", before)
        yield order
        first = last + timedelta(days=1)


def as_one_order(course: Course, course_id: str, today: date, frame: Frame) -> Resource:
    """One order whose dosage lines follow each other; each lasts so many days."""
    lines = [
        dosage(_taken(course, step)[1], within=for_days(step.days), turn=turn)
        for turn, step in enumerate(course.steps, start=1)
    ]
    order = frame(course_id, day(course.since, today), course.medicine)
    return order | {"dosageInstruction": lines}


def _taken(course: Course, step: Step) -> tuple[Product | None, Dose]:
    """The tablets of a step and how they are taken."""
    product = step.medicine or course.medicine
    verb, route = ("Take", "by mouth") if product is None else (product.verb, product.route)
    return product, dose(step.dose, verb, route)
