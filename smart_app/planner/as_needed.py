"""What is really taken of clonazepam that is ordered as needed: the two questions and answers.

The order says only what is allowed. A taper is made of what is taken, never of that maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinical.quantities import MalformedQuantity, Milligrams
from clinical.taper import CannotTaper, TakenAsNeeded
from clinical.totals import Total
from smart_app.planner.typed import Fields, amount, text_of

_WEEK = 7

ASKED = (
    "Say how much clonazepam is taken on a day with it, and on how many days a week: a taper is "
    "made of that, never of the most that the order allows."
)
"""Why there is no schedule while neither question is answered."""


@dataclass(frozen=True, slots=True)
class TypedUse:
    """The answers as typed: mg on a day with clonazepam, and days a week."""

    taken: str
    days: str

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Name and value of every field, as a form sends them."""
        return (("taken", self.taken), ("days", self.days))

    @property
    def is_empty(self) -> bool:
        """Whether neither question is answered: that is asked for, and no mistake."""
        return not self.taken and self.days in {"", str(_WEEK)}


def read_use(given: Fields, *, daily_too: bool) -> TypedUse:
    """The answers as typed; empty where none came. What is taken every day is on 7 days a week."""
    usual = str(_WEEK) if daily_too else ""
    return TypedUse(taken=text_of(given, "taken", ""), days=text_of(given, "days", usual))


def use_of_answers(
    typed: TypedUse, errors: dict[str, str], *, daily_too: bool = False
) -> TakenAsNeeded | None:
    """What is taken, or None with what is wrong by field. `daily_too`: a part is, every day."""
    taken, days = _taken(typed, errors), _days(typed, errors)
    if daily_too and days is not None and days != _WEEK:
        errors["days"] = (
            "A part is ordered for every day: say how much is taken on an average day, on 7 days a "
            "week."
        )
        return None
    if taken is None or days is None:
        return None
    try:
        return TakenAsNeeded(taken, days)
    except CannotTaper as refusal:
        errors["days" if taken.value else "taken"] = str(refusal)
        return None


def _taken(typed: TypedUse, errors: dict[str, str]) -> Milligrams | None:
    try:
        return Milligrams(amount(typed.taken, "mg"))
    except MalformedQuantity:
        errors["taken"] = "Enter how many mg are taken on a day with clonazepam: for example 0.5."
        return None


def _days(typed: TypedUse, errors: dict[str, str]) -> int | None:
    try:
        days = amount(typed.days, "days")
    except MalformedQuantity:
        days = None
    if days is None or days.denominator != 1:
        errors["days"] = "Choose on how many days of a week clonazepam is taken, from 1 to 7."
        return None
    return int(days)


def more_than_ordered(use: TakenAsNeeded, most: Total) -> str | None:
    """What to ask where more is taken on a day than the orders allow, as far as they say it."""
    if not most.complete or use.on_a_day.value <= most.mg_per_day:
        return None
    return (
        f"{use.on_a_day} on a day is more than the {most} that the chart allows: ask again what "
        "is taken, and where it comes from."
    )
