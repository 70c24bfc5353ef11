"""A pace chosen by hand: a step in % or mg, an interval and a floor, within the limits.

What breaks the cap at every dose, or cannot be followed as written, is refused here. What
breaks it only at some doses (a step in mg, small tablets) is planned, and each such cut warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from clinical.knowledge import document
from clinical.quantities import Milligrams, plain
from clinical.taper.pace import Band, MilligramSteps, Pace, PercentSteps, conventions, number
from clinical.taper.refusal import CannotTaper

CUSTOM = "custom"
"""The id of every pace that was chosen by hand."""


def percent_pace(
    cut_percent: Fraction, interval_days: int, floor: Milligrams | None = None
) -> Pace:
    """A cut of so many percent of the current dose at each interval.

    `floor` is the lowest dose (mg/day) before the goal: from there the next cut is to the goal.
    Raises CannotTaper, with a sentence: no cut at all, an interval that is no whole weeks or
    beyond the limits, or cuts that would always add up to more than the cap.
    """
    refuse_interval(interval_days)
    percent = f"{plain(cut_percent)} %"
    if cut_percent <= 0:
        raise CannotTaper(f"A step of {percent} is no cut: choose 5 or 10 %, or a step in mg.")
    cut = cut_percent / 100
    shared = conventions()
    # The cuts whose dose before was still taken on one of the days that count.
    within = (shared.cap_days - 1) // interval_days + 1
    fall = 1 - (1 - min(cut, Fraction(1))) ** within
    if fall > shared.cap:
        steps = "A step" if within == 1 else f"{within} steps"
        raise CannotTaper(
            f"{steps} of {percent} every {interval_days} days would be a cut of more than "
            f"{plain(shared.cap * 100)} % in {shared.cap_days} days at every dose: choose a "
            "smaller step or a longer interval, or ask a specialist."
        )
    return _pace(
        f"{percent} of the current dose", PercentSteps(cut, interval_days), interval_days, floor
    )


def milligram_pace(cut: Milligrams, interval_days: int, floor: Milligrams | None = None) -> Pace:
    """A cut of so many mg/day at each interval; `floor` and refusals as in `percent_pace`.

    How large a share a fixed cut is depends on the dose, so the schedule says it.
    """
    refuse_interval(interval_days)
    if cut.value == 0:
        raise CannotTaper("A step of 0 mg is no cut: choose a step above 0, or maintain the dose.")
    band = Band(above_ug=0, cut_ug=cut.value * 1000, hold_days=interval_days)
    return _pace(str(cut), MilligramSteps((band,)), interval_days, floor)


def refuse_interval(days: int) -> None:
    """Raise CannotTaper, with a sentence, for an interval that no pace by hand can have."""
    shortest = number("custom_shortest_interval_days")
    longest = number("longest_without_review_days")
    if days % conventions().hold_rounded_up_to_days or not shortest <= days <= longest:
        raise CannotTaper(
            f"An interval of {days} days cannot be planned: give whole weeks, from {shortest} to "
            f"{longest} days. To wait longer, maintain the dose until a review."
        )


def custom_limits() -> str:
    """What is said of every pace that is chosen by hand."""
    return str(_rules()["limits"])


@lru_cache(maxsize=1)
def _rules() -> Mapping[str, Any]:
    rules: Mapping[str, Any] = document("paces.toml")["custom"]
    return rules


def _pace(
    step: str,
    steps: PercentSteps | MilligramSteps,
    interval_days: int,
    floor: Milligrams | None,
) -> Pace:
    weeks = interval_days // 7
    title = f"{step} every {'week' if weeks == 1 else f'{weeks} weeks'}"
    if floor is not None and floor.value:
        title += f", not below {floor} before the goal"
    return Pace(
        id=CUSTOM,
        title=title,
        steps=steps,
        sources=tuple(_rules()["sources"]),
        source_note=_rules()["source_note"],
        recommended_for="nobody by a guideline: whoever chooses it has a reason",
        limits=custom_limits(),
        limits_always_shown=True,
        floor_ug=Fraction(0) if floor is None else floor.value * 1000,
    )
