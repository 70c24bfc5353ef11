"""A pace of the prescriber's own as typed: a step in % or mg, an interval and a floor.

What is wrong is said beside the field that mends it, in the core's words where it has some.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from clinical.quantities import MalformedQuantity, Milligrams, plain
from clinical.taper import CannotTaper, Pace, milligram_pace, percent_pace, refuse_interval
from clinical.taper.pace import PercentSteps
from smart_app.planner.typed import Fields, amount, text_of

PERCENT, MG = "percent", "mg"
_WEEK = 7
_SIGNS = {PERCENT: "%", MG: "mg"}


@dataclass(frozen=True, slots=True)
class OwnPace:
    """The fields as typed. `unit` is of the step; `floor` is mg/day, empty for none."""

    step: str
    unit: str
    weeks: str
    floor: str

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Name and value of every field, as a form sends them."""
        return (
            ("step", self.step),
            ("unit", self.unit),
            ("weeks", self.weeks),
            ("floor", self.floor),
        )


def read_own_pace(given: Fields, recommended: Pace) -> OwnPace:
    """The fields as typed; what was not sent is that of the recommended pace, to start from."""
    steps = recommended.steps
    if isinstance(steps, PercentSteps):
        step, unit, days = plain(steps.cut * 100), PERCENT, steps.interval_days
    else:
        first = steps.bands[0]
        step, unit, days = plain(Fraction(first.cut_ug) / 1000), MG, first.hold_days
    return OwnPace(
        step=text_of(given, "step", step),
        unit=text_of(given, "unit", unit),
        weeks=text_of(given, "weeks", str(days // _WEEK)),
        floor=text_of(given, "floor", ""),
    )


def own_pace(typed: OwnPace, errors: dict[str, str]) -> Pace | None:
    """The pace that was typed, or None with what is wrong by field."""
    step, days, floor = _step(typed, errors), _days(typed, errors), _floor(typed, errors)
    if step is None or days is None or floor is None:
        return None
    try:
        if typed.unit == PERCENT:
            return percent_pace(step, days, floor)
        return milligram_pace(Milligrams(step), days, floor)
    except CannotTaper as refusal:
        errors["step"] = str(refusal)
        return None


def _step(typed: OwnPace, errors: dict[str, str]) -> Fraction | None:
    if typed.unit not in _SIGNS:
        errors["step"] = "Choose whether the step is in % of the current dose or in mg."
        return None
    try:
        return amount(typed.step, _SIGNS[typed.unit])
    except MalformedQuantity:
        example = "10" if typed.unit == PERCENT else "0.25"
        errors["step"] = (
            f"Enter the step as a number of {_SIGNS[typed.unit]}: for example {example}."
        )
        return None


def _days(typed: OwnPace, errors: dict[str, str]) -> int | None:
    try:
        weeks = amount(typed.weeks, "weeks")
    except MalformedQuantity:
        weeks = None
    if weeks is None or weeks.denominator != 1:
        errors["weeks"] = "Enter the interval as a whole number of weeks: for example 4."
        return None
    days = int(weeks) * _WEEK
    try:
        refuse_interval(days)
    except CannotTaper as refusal:
        errors["weeks"] = str(refusal)
        return None
    return days


def _floor(typed: OwnPace, errors: dict[str, str]) -> Milligrams | None:
    try:
        return Milligrams(amount(typed.floor or "0", MG))
    except MalformedQuantity:
        errors["floor"] = (
            "Enter the lowest dose before the goal in mg/day, for example 0.5, or leave it empty."
        )
        return None
