"""A taper in the chart: as orders that belong to one plan, or as one order with a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from ..records.json_text import Resource
from .dosages import DAYS_OF_A_FILL, days, dosage, for_days, from_on, from_to, supply
from .medicine import Product
from .story import Course, Step
from .vocabulary import reference
from .words import Dose, day, dose

Frame = Callable[[str, date, Product | None], Resource]
"""An active order or a dispense without its dosage: from its id, its day and the product."""

_PLANS = "urn:sandbox-ehr:synthetic:plan"


def as_orders_of_a_plan(
    course: Course, course_id: str, today: date, frame: Frame
) -> Iterator[Resource]:
    """One order for each step, joined by groupIdentifier; all were signed on the first day.

    A step that is over is completed. A later step is active and starts later, as an EHR keeps a
    signed order for a coming day. A step at which the plan is held has no end, and those after it
    are on hold; where it was given up, the step of that day is stopped and later ones cancelled.
    """
    written = day(course.since, today)
    for number, step, first, last in _days_of(course, today):
        product, taken = _taken(course, step)
        status = _status(course, number, first, last, today)
        is_held = status == "active" and course.held == f"at step {number}"
        order = frame(f"{course_id}-step-{number}", written, product) | {
            "status": status,
            "groupIdentifier": {"system": _PLANS, "value": course_id},
            "dosageInstruction": [
                dosage(taken, within=from_on(first) if is_held else from_to(first, last))
            ],
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


def fills_of_a_plan(
    course: Course, course_id: str, today: date, frame: Frame
) -> Iterator[Resource]:
    """What a pharmacy handed over for the steps that have begun, at most 30 days at a time."""
    turn = 0
    given_up = today if course.until is None else day(course.until, today)
    for number, step, first, last in _days_of(course, today):
        product, taken = _taken(course, step)
        is_held = course.held == f"at step {number}"
        on, ends = first, today if is_held else last
        while on <= min(ends, given_up):
            count = min(DAYS_OF_A_FILL, DAYS_OF_A_FILL if is_held else (ends - on).days + 1)
            turn += 1
            order = f"{course_id}-step-{number}"
            yield frame(f"{course_id}-fill-{turn}", on, product) | {
                "authorizingPrescription": [reference("MedicationRequest", order)],
                "quantity": supply(taken, count),
                "daysSupply": days(count),
                "dosageInstruction": [dosage(taken)],
            }
            on += timedelta(days=count)
        if is_held:
            return


def _days_of(course: Course, today: date) -> Iterator[tuple[int, Step, date, date]]:
    """Each step with its number, its first day and the last day that was planned for it."""
    first = day(course.since, today)
    for number, step in enumerate(course.steps, start=1):
        last = first + timedelta(days=step.days - 1)
        yield number, step, first, last
        first = last + timedelta(days=1)


def _status(course: Course, number: int, first: date, last: date, today: date) -> str:
    if course.held is not None and number >= (held := int(course.held.split()[-1])):
        return "active" if number == held else "on-hold"
    if course.until is not None and last > (given_up := day(course.until, today)):
        return "stopped" if first <= given_up else "cancelled"
    return "completed" if last < today else "active"


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
