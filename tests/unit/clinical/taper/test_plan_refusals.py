"""What cannot be planned is refused with a sentence that names the way out."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from clinical.quantities import Milligrams
from clinical.taper import CannotTaper, IntakeTime, TaperRequest, pace, plan, products_of

MONDAY = date(2027, 1, 4)


def request(from_mg: str = "2", to_mg: str = "0", **more: Any) -> TaperRequest:
    pace_id = more.pop("pace_id", "asam-2025")
    starts_on = more.pop("starts_on", MONDAY)
    return TaperRequest(
        Milligrams.of(from_mg), Milligrams.of(to_mg), starts_on, pace(pace_id), **more
    )


def intakes(*amounts: str) -> tuple[Milligrams, ...]:
    return tuple(Milligrams.of(amount) for amount in amounts)


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (request("0"), "The present dose is 0 mg/day: there is nothing to taper."),
        (
            request("2", "2"),
            "The goal is the present dose of 2 mg/day: there is no cut to plan. To maintain it, "
            "give the day of its review.",
        ),
        (
            request("1", "1.5"),
            "The goal of 1.5 mg/day is above the present 1 mg/day: a taper never raises a dose.",
        ),
        (
            request("40.125"),
            "40.125 mg/day is more than the 40 mg/day up to which a taper is planned; check the "
            "dose, or ask a specialist.",
        ),
        (
            request("2", "0.3"),
            "These tablets do not make the goal of 0.3 mg/day; the nearest doses they make are "
            "0.25 mg and 0.375 mg.",
        ),
        (
            request("2", "0.05"),
            "These tablets do not make the goal of 0.05 mg/day; the nearest doses they make are "
            "0 mg and 0.125 mg.",
        ),
        (
            request("3", "0.5", products=products_of(["197528"])),
            "These tablets do not make the goal of 0.5 mg/day; the nearest doses they make are "
            "0 mg and 1 mg.",
        ),
        (
            request("0.125"),
            "From 0.125 mg/day the first cut of asam-2025 would be to 0, an abrupt stop: these "
            "tablets leave no step between. Choose a product with a smaller unit, or ask a "
            "specialist.",
        ),
        (
            request("2", products=products_of(["197529"])),
            "From 2 mg/day the first cut of asam-2025 would be to 0, an abrupt stop: these "
            "tablets leave no step between. Choose a product with a smaller unit, or ask a "
            "specialist.",
        ),
        (
            request("0.25", pace_id="nardi-2010"),
            "From 0.25 mg/day the first cut of nardi-2010 would be to 0, an abrupt stop: this "
            "pace leaves no step between. Choose a slower pace, or ask a specialist.",
        ),
        (
            request(starts_on=date(9999, 12, 1)),
            "The start is too late: the calendar ends before the taper.",
        ),
        (
            # It ends on 10 Dec 9999; the last contact would be 28 days after that.
            request(starts_on=date(9999, 1, 1)),
            "The start is too late: the calendar ends before the taper.",
        ),
        (request(times_per_day=0), "0 intakes a day cannot be planned; 1 to 4 can."),
        (request(times_per_day=5), "5 intakes a day cannot be planned; 1 to 4 can."),
        (
            request(intakes=intakes("0.5", "1")),
            "The intakes add up to 1.5 mg/day, not to the present 2 mg/day.",
        ),
        (
            request(intakes=intakes("1.5", "1")),
            "The intakes add up to 2.5 mg/day, not to the present 2 mg/day.",
        ),
        (
            request(intakes=intakes("0", "2")),
            "An intake of 0 mg is no intake: leave it out.",
        ),
        (
            request(intakes=intakes("0.4", "0.4", "0.4", "0.4", "0.4")),
            "A regimen has 1 to 4 intakes a day.",
        ),
        (
            request(cut_order=(IntakeTime.NIGHT,)),
            "The order of cuts names morning, midday, evening and night once each.",
        ),
    ],
)
def test_it_is_refused_in_words(refused: TaperRequest, sentence: str) -> None:
    with pytest.raises(CannotTaper) as refusal:
        plan(refused)
    assert str(refusal.value) == sentence


def test_the_largest_dose_is_still_planned() -> None:
    assert plan(request("40")).steps[0].dose == Milligrams.of("36")  # 0.9 x 40


def test_a_dose_that_is_no_decimal_is_tapered_from_where_it_is() -> None:
    # 1 mg every third day is 1/3 mg/day; 0.3 goes up to 0.375, which is no cut, so 0.25.
    third = TaperRequest(Milligrams(Fraction(1, 3)), Milligrams.of(0), MONDAY, pace("asam-2025"))
    schedule = plan(third)
    assert schedule.steps[0].dose == Milligrams.of("0.25")
    assert schedule.warnings[0] == (
        "These tablets do not make the present 0.333333 mg/day; the first cut is counted from "
        "it all the same."
    )
