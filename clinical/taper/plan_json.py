"""A plan with its changes as plain JSON and back, so that it can be kept. Doses stay exact.

The tablets stand in it whole, and the schedule as it was planned: tables that are reviewed
later change no plan that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from clinical.quantities import Milligrams
from clinical.taper.as_needed import TakenAsNeeded
from clinical.taper.changes import (
    Hold,
    LateFill,
    Maintain,
    MissedCheckIn,
    PlanChange,
    RedFlag,
    Resume,
    SkipForward,
    SlowDown,
    StepBack,
    Stop,
)
from clinical.taper.course import Part
from clinical.taper.custom import CUSTOM, milligram_pace, percent_pace
from clinical.taper.limits import DoseOnDays, Limit, judge
from clinical.taper.pace import MilligramSteps, Pace, PercentSteps, pace
from clinical.taper.planner import assemble
from clinical.taper.refusal import CannotTaper
from clinical.taper.replan import TaperPlan, change
from clinical.taper.request import IntakeTime, TaperRequest, refuse_unusable
from clinical.taper.schedule import Intake, Schedule
from clinical.taper.tablets import Pieces, TabletProduct
from clinical.taper.typed import TYPED, typed_pace

OWN_RECORD = "https://taperguard.org/fhir/StructureDefinition/taper-plan"
"""The extension of a CarePlan that holds the plan with its changes."""

Json = dict[str, Any]
_T = TypeVar("_T")

_KINDS: Mapping[str, type[PlanChange]] = {
    "hold": Hold,
    "resume": Resume,
    "slow-down": SlowDown,
    "step-back": StepBack,
    "skip-forward": SkipForward,
    "late-fill": LateFill,
    "missed-check-in": MissedCheckIn,
    "maintain": Maintain,
    "stop": Stop,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class MalformedPlan(ValueError):
    """What was kept is no plan. The message says so in a sentence, without its contents."""


def to_json(given: TaperPlan) -> Json:
    """Objects, lists, texts and whole numbers; a dose is a fraction of mg/day ("15/8").

    Raises CannotTaper for a pace that is neither a shipped one nor made by hand within the
    limits: it could not be read back.
    """
    request, planned = given.request, given.planned
    return {
        "request": {
            "from_mg": str(request.from_mg.value),
            "to_mg": str(request.to_mg.value),
            "starts_on": request.starts_on.isoformat(),
            "pace": _pace_json(request.pace),
            "products": [_product_json(product) for product in request.products],
            "intakes": [str(intake.value) for intake in request.intakes],
            "times_per_day": request.times_per_day,
            "cut_order": [time.value for time in request.cut_order],
            "review_on": None if request.review_on is None else request.review_on.isoformat(),
            "as_needed": None if request.as_needed is None else _as_needed_json(request.as_needed),
        },
        "planned": {
            "steps": [
                {
                    "starts": step.starts.isoformat(),
                    "ends": step.ends.isoformat(),
                    "dose": str(step.dose.value),
                    "intakes": _intakes_json(step.intakes),
                }
                for step in planned.steps
            ],
            "ends_on": planned.ends_on.isoformat(),
            "target_intakes": _intakes_json(planned.target.intakes),
        },
        "before": None if given.before is None else _part_json(given.before),
        "changes": [change_json(each) for each in given.changes],
    }


def from_json(kept: Mapping[str, Any]) -> TaperPlan:
    """Read back. Raises MalformedPlan for anything else, and CannotChange, with its sentence,
    for changes that do not follow on each other.
    """
    try:
        request = _request(kept["request"])
        refuse_unusable(request)
        planned, before = _planned(kept["planned"], request), _before(kept["before"])
        changes = [change_from_json(each) for each in kept["changes"]]
    except (CannotTaper, KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise MalformedPlan("What was kept of the plan cannot be read as one.") from None
    return change(TaperPlan(request, planned, before), *changes)


def change_json(given: PlanChange) -> Json:
    """One change: its kind, and its fields as texts and whole numbers."""
    values = {each.name: getattr(given, each.name) for each in fields(given)}
    return {
        "kind": _NAMES[type(given)],
        **{
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in values.items()
        },
    }


def change_from_json(kept: Mapping[str, Any]) -> PlanChange:
    """Read back. Raises KeyError, TypeError or ValueError for anything else."""
    kind = _KINDS[kept["kind"]]
    wanted = [each.name for each in fields(kind)]
    if set(kept) != {"kind", *wanted}:
        raise ValueError("these are not the fields of such a change")
    return kind(**{name: _value(name, kept[name]) for name in wanted})


def _value(name: str, kept: Any) -> Any:
    if name in {"on", "due_on", "to_day", "review_on"}:
        return date.fromisoformat(kept)
    if name == "red_flag":
        return RedFlag(kept)
    return _typed(kept, int if name == "days" else str)


def _pace_json(given: Pace) -> str | Json:
    if given.id not in {CUSTOM, TYPED}:
        if given != pace(given.id):
            raise CannotTaper(f'The pace "{given.id}" is not as shipped: it cannot be kept.')
        return given.id
    floor_mg = str(Fraction(given.floor_ug) / 1000)
    match given.steps:
        case PercentSteps(cut=cut, interval_days=days):
            return {"cut_percent": str(cut * 100), "interval_days": days, "floor_mg": floor_mg}
        case MilligramSteps(bands=(band,)):
            cut_mg = str(Fraction(band.cut_ug) / 1000)
            if given.id == TYPED:
                return {"typed_first_cut_mg": cut_mg, "first_days": band.hold_days}
            return {"cut_mg": cut_mg, "interval_days": band.hold_days, "floor_mg": floor_mg}
    raise CannotTaper("A pace that was chosen by hand has one step at each interval.")


def _as_needed_json(given: TakenAsNeeded) -> Json:
    return {"on_a_day": str(given.on_a_day.value), "days_a_week": given.days_a_week}


def _part_json(part: Part) -> Json:
    return {"dose": str(part.dose.value), "days": part.days}


def _product_json(product: TabletProduct) -> Json:
    return {
        "rxcui": product.rxcui,
        "name": product.name,
        "strength_ug": product.strength_ug,
        "form": product.form,
        "halvable": product.halvable,
    }


def _intakes_json(intakes: Sequence[Intake]) -> list[Json]:
    return [
        {
            "time": intake.time.value,
            "pieces": [
                {"rxcui": piece.product.rxcui, "count": str(piece.count)} for piece in intake.pieces
            ],
        }
        for intake in intakes
    ]


def _request(kept: Mapping[str, Any]) -> TaperRequest:
    return TaperRequest(
        from_mg=_milligrams(kept["from_mg"]),
        to_mg=_milligrams(kept["to_mg"]),
        starts_on=date.fromisoformat(kept["starts_on"]),
        pace=_pace(kept["pace"]),
        products=tuple(
            TabletProduct(
                rxcui=_typed(item["rxcui"], str),
                name=_typed(item["name"], str),
                strength_ug=_typed(item["strength_ug"], int),
                form=_typed(item["form"], str),
                halvable=_typed(item["halvable"], bool),
            )
            for item in kept["products"]
        ),
        intakes=tuple(_milligrams(item) for item in kept["intakes"]),
        times_per_day=_typed(kept["times_per_day"], int),
        cut_order=tuple(IntakeTime(item) for item in kept["cut_order"]),
        review_on=None if kept["review_on"] is None else date.fromisoformat(kept["review_on"]),
        as_needed=None if kept["as_needed"] is None else _as_needed(kept["as_needed"]),
    )


def _pace(kept: Any) -> Pace:
    if isinstance(kept, str):
        return pace(kept)
    if "typed_first_cut_mg" in kept:
        cut, first = _milligrams(kept["typed_first_cut_mg"]), _typed(kept["first_days"], int)
        return typed_pace(cut, first)
    days, floor = _typed(kept["interval_days"], int), _milligrams(kept["floor_mg"])
    if "cut_mg" in kept:
        return milligram_pace(_milligrams(kept["cut_mg"]), days, floor)
    return percent_pace(Fraction(_typed(kept["cut_percent"], str)), days, floor)


def _as_needed(kept: Mapping[str, Any]) -> TakenAsNeeded:
    return TakenAsNeeded(_milligrams(kept["on_a_day"]), _typed(kept["days_a_week"], int))


def _before(kept: Mapping[str, Any] | None) -> Part | None:
    if kept is None:
        return None
    part = Part(_milligrams(kept["dose"]), _typed(kept["days"], int))
    if part.days < 1:
        raise ValueError("a dose is taken for at least a day")
    return part


def _planned(kept: Mapping[str, Any], request: TaperRequest) -> Schedule:
    by_code = {product.rxcui: product for product in request.tablets}
    course = [
        DoseOnDays(
            date.fromisoformat(step["starts"]),
            date.fromisoformat(step["ends"]),
            _milligrams(step["dose"]),
        )
        for step in kept["steps"]
    ]
    course.append(DoseOnDays(date.fromisoformat(kept["ends_on"]), None, request.to_mg))
    intakes = [_intakes(step["intakes"], by_code) for step in kept["steps"]]
    intakes.append(_intakes(kept["target_intakes"], by_code))
    schedule = assemble(request, course, intakes, request.review_on)
    broken = {found.limit for found in judge(schedule)} - {Limit.CUT_OVER_CAP}
    if broken or schedule.starts_on != request.starts_on:
        raise ValueError("this is no schedule that was planned")
    return schedule


def _intakes(
    kept: Sequence[Mapping[str, Any]], by_code: Mapping[str, TabletProduct]
) -> tuple[Intake, ...]:
    return tuple(
        Intake(
            IntakeTime(intake["time"]),
            tuple(
                Pieces(by_code[piece["rxcui"]], Decimal(piece["count"]))
                for piece in intake["pieces"]
            ),
        )
        for intake in kept
    )


def _milligrams(text: Any) -> Milligrams:
    return Milligrams(Fraction(_typed(text, str)))


def _typed(value: Any, kind: type[_T]) -> _T:
    """The value, which is exactly of this type: JSON's true is not 1."""
    if type(value) is not kind:
        raise TypeError("a value has another type")
    return value
