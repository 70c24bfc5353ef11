"""Clonazepam taken as needed: a taper starts from what is really taken, never from the maximum.

"As needed, at most 2 mg a day" says what is allowed. A daily schedule made of the allowed
dose, or of the dose of the days with clonazepam, would be a rise for whoever takes it on some
days only; so the average over the week is what a daily schedule has to stay below.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinical.quantities import Milligrams
from clinical.taper.pace import number
from clinical.taper.refusal import CannotTaper

_WEEK = 7


@dataclass(frozen=True, slots=True)
class TakenAsNeeded:
    """What the patient says is taken: mg on a day with clonazepam, and on how many days a week.

    Raises CannotTaper for a dose of 0 and for days that are not 1 to 7.
    """

    on_a_day: Milligrams
    days_a_week: int

    def __post_init__(self) -> None:
        if self.on_a_day.value == 0:
            raise CannotTaper("Nothing is taken on those days: there is nothing to taper.")
        if not 1 <= self.days_a_week <= _WEEK:
            raise CannotTaper(
                f"Clonazepam cannot be taken on {self.days_a_week} days a week; 1 to 7 can."
            )

    @property
    def average(self) -> Milligrams:
        """Mg/day over a whole week: what a daily schedule is made from."""
        return Milligrams(self.on_a_day.value * self.days_a_week / _WEEK)

    @property
    def is_daily(self) -> bool:
        """Whether there is a dose on every day, so that nothing has to be evened out."""
        return self.days_a_week == _WEEK

    @property
    def in_words(self) -> str:
        """For example "1 mg on 5 days a week"."""
        days = "1 day" if self.days_a_week == 1 else f"{self.days_a_week} days"
        return f"{self.on_a_day} on {days} a week"


def refuse_rare(taken: TakenAsNeeded) -> None:
    """Raise CannotTaper, with what to do instead, where no daily schedule is made at all.

    Up to three days a week it would make a daily medicine of a rare one (ASAM table 2).
    """
    rare = number("rare_up_to_days_a_week")
    if taken.days_a_week <= rare:
        raise CannotTaper(
            f"{taken.in_words} is no daily use, and no daily schedule is made of it: every day "
            f"would be a rise on the days without. Dependence is rare at up to {rare} "
            "days a week: take it on one day less at a time, or less on those days (never above "
            f"{taken.on_a_day}), then stop."
        )


def refuse_daily(taken: TakenAsNeeded, from_mg: Milligrams) -> None:
    """Raise CannotTaper where a daily schedule from `from_mg` is wrong for such use.

    None is made of rare use. Of more it begins at the week's average: from more it would be a
    rise.
    """
    refuse_rare(taken)
    if from_mg > taken.average:
        raise CannotTaper(
            f"{taken.in_words} is {taken.average}/day on average: a daily schedule from {from_mg}"
            f"/day would be a rise. Start from {taken.average}/day."
        )
    if from_mg < taken.average:
        raise CannotTaper(
            f"{taken.in_words} is {taken.average}/day on average, not {from_mg}/day: ask again "
            "what is taken."
        )


def evened_out(taken: TakenAsNeeded) -> str:
    """What it means that such use becomes a daily schedule."""
    return (
        f"{taken.in_words} is {taken.average}/day on average. The schedule begins below that and "
        "is taken every day, the days without included: no week has more than before. Cuts are "
        "counted from the average."
    )
