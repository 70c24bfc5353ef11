"""What is asked of a taper, and what is refused before any schedule is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from clinical.knowledge import document
from clinical.quantities import Milligrams, plain
from clinical.taper.as_needed import TakenAsNeeded, refuse_daily
from clinical.taper.pace import Pace, conventions, number
from clinical.taper.refusal import CannotTaper
from clinical.taper.tablets import TabletBox, TabletProduct, box_of, default_products, dose_text


class IntakeTime(StrEnum):
    """When tablets are taken, in the order of the day."""

    MORNING = "morning"
    MIDDAY = "midday"
    EVENING = "evening"
    NIGHT = "night"


TIMES_OF_DAY = {
    1: (IntakeTime.NIGHT,),
    2: (IntakeTime.MORNING, IntakeTime.NIGHT),
    3: (IntakeTime.MORNING, IntakeTime.MIDDAY, IntakeTime.NIGHT),
    4: tuple(IntakeTime),
}
"""Which times of day are used, by the number of intakes a day."""

CUT_ORDER = (IntakeTime.MIDDAY, IntakeTime.MORNING, IntakeTime.EVENING, IntakeTime.NIGHT)
"""Which intake is cut first: each is used up before the next is touched, the night's last."""


def cut_order_from(time: IntakeTime) -> tuple[IntakeTime, ...]:
    """An order of cuts that begins with this intake; the others as usual."""
    return (time, *(other for other in CUT_ORDER if other is not time))


@dataclass(frozen=True, slots=True)
class TaperRequest:
    """A taper to plan: from what the patient takes now to the goal, starting with the first cut.

    `from_mg` and `to_mg` are mg/day; `to_mg` 0 is to discontinue. A dose that stays is reviewed
    on `review_on`; with that day, `to_mg` may be the present dose: to maintain it. The present
    regimen is `intakes` (mg each, in the order of the day, at the times of `TIMES_OF_DAY`; they
    add up to `from_mg`), or, when that is empty, `from_mg` in `times_per_day` parts, about even,
    the largest at night. Of a dose taken as needed, `as_needed` says what is
    really taken; `from_mg` is then its average.
    """

    from_mg: Milligrams
    to_mg: Milligrams
    starts_on: date
    pace: Pace
    products: tuple[TabletProduct, ...] = ()
    intakes: tuple[Milligrams, ...] = ()
    times_per_day: int = 1
    cut_order: tuple[IntakeTime, ...] = CUT_ORDER
    review_on: date | None = None
    as_needed: TakenAsNeeded | None = None

    @property
    def tablets(self) -> tuple[TabletProduct, ...]:
        """The products of the request, or the default ones when it names none."""
        return self.products or default_products()

    @property
    def box(self) -> TabletBox:
        """What the tablets make, up to the largest dose that is planned for."""
        return box_of(self.tablets, conventions().largest_ug_per_day)

    @property
    def times(self) -> tuple[IntakeTime, ...]:
        """The times of day of the present regimen."""
        return TIMES_OF_DAY[len(self.intakes) or self.times_per_day]

    @property
    def order_of_cuts(self) -> tuple[IntakeTime, ...]:
        """Its intakes in the order in which they are cut; none where there is only one."""
        times = self.times
        return () if len(times) == 1 else tuple(t for t in self.cut_order if t in times)


def proposed_review(stays_from: date) -> date:
    """When a dose that stays from a day on is looked at again, unless another day is chosen.

    Raises OverflowError where the calendar ends before.
    """
    return stays_from + timedelta(days=number("longest_without_review_days"))


def refuse_unusable(request: TaperRequest) -> None:
    """Raise CannotTaper, with a sentence, when no schedule can be made of the request."""
    _refuse_doses(request)
    if request.as_needed is not None:
        refuse_daily(request.as_needed, request.from_mg)
    _refuse_regimen(request)
    _refuse_goal(request)
    _refuse_floor(request)


def _refuse_doses(request: TaperRequest) -> None:
    largest = conventions().largest_ug_per_day
    start, goal = request.from_mg, request.to_mg
    if start.value == 0:
        raise CannotTaper("The present dose is 0 mg/day: there is nothing to taper.")
    if start.value * 1000 > largest:
        raise CannotTaper(
            f"{start}/day is more than the {dose_text(largest)}/day up to which a taper is "
            "planned; check the dose, or ask a specialist."
        )
    if start == goal and request.review_on is None:
        raise CannotTaper(
            f"The goal is the present dose of {start}/day: there is no cut to plan. To maintain "
            "it, give the day of its review."
        )
    if start < goal:
        raise CannotTaper(
            f"The goal of {goal}/day is above the present {start}/day: a taper never raises a dose."
        )


def _refuse_regimen(request: TaperRequest) -> None:
    if request.intakes:
        if len(request.intakes) not in TIMES_OF_DAY:
            raise CannotTaper("A regimen has 1 to 4 intakes a day.")
        if any(part.value == 0 for part in request.intakes):
            raise CannotTaper("An intake of 0 mg is no intake: leave it out.")
        total = sum((part.value for part in request.intakes), Fraction(0))
        if total != request.from_mg.value:
            raise CannotTaper(
                f"The intakes add up to {plain(total)} mg/day, not to the present "
                f"{request.from_mg}/day."
            )
    elif request.times_per_day not in TIMES_OF_DAY:
        raise CannotTaper(f"{request.times_per_day} intakes a day cannot be planned; 1 to 4 can.")
    if set(request.cut_order) != set(IntakeTime) or len(request.cut_order) != len(IntakeTime):
        raise CannotTaper("The order of cuts names morning, midday, evening and night once each.")


def _refuse_goal(request: TaperRequest) -> None:
    goal = request.to_mg.value * 1000
    if request.review_on is not None and goal == 0:
        raise CannotTaper(
            "A review date is for a dose that stays; a taper to 0 mg/day has its check-ins."
        )
    box = request.box
    if box.makes(goal):
        return
    above = box.at_least(goal)
    nearest = [box.below(goal)] + ([above] if above is not None else [])
    words = " and ".join(dose_text(dose) for dose in nearest)
    raise CannotTaper(
        f"These tablets do not make the goal of {request.to_mg}/day; the nearest doses they "
        f"make are {words}."
    )


def _refuse_floor(request: TaperRequest) -> None:
    """A floor above all steps, or so high that from it to nothing would be an abrupt stop."""
    start, floor = request.from_mg, request.pace.floor_ug
    if not floor or start == request.to_mg:
        return
    if request.to_mg.value:
        if floor >= start.value * 1000:
            raise CannotTaper(
                f"The floor of {dose_text(floor)}/day is not below the present {start}/day: no "
                "step is left before the goal. Choose a lower floor, or none."
            )
        return
    highest = request.from_mg.value * 1000 * abrupt_share()
    if request.pace.floor_ug > highest:
        raise CannotTaper(
            f"To stop from a floor of {dose_text(request.pace.floor_ug)}/day, more than "
            f"{plain(abrupt_share() * 100)} % of the present {request.from_mg}/day, would be an "
            f"abrupt stop: choose a floor up to {dose_text(request.box.at_most(highest))}/day."
        )


@lru_cache(maxsize=1)
def abrupt_share() -> Fraction:
    """Use that ends above this share of the dose before ends abruptly (CLINICAL 9)."""
    return Fraction(document("measures.toml")["numbers"]["abrupt_percent"]["value"]) / 100
