"""The limits of any course of doses, ours or typed in by hand, each with words and a remedy.

A limit that is broken is a warning, never hidden and never a refusal: small tablets force cuts
above the cap near the end of every taper (CLINICAL 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from clinical.quantities import Milligrams, plain
from clinical.taper.pace import conventions
from clinical.taper.schedule import Intake, Schedule, percent_text
from clinical.taper.tablets import TabletBox, TabletProduct, box_of


class Limit(StrEnum):
    """What a course must not do unsaid."""

    RISE = "rise"
    CUT_OVER_CAP = "cut-over-cap"
    GAP = "gap"
    NO_END = "no-end"
    UNMAKEABLE = "unmakeable-dose"


@dataclass(frozen=True, slots=True)
class BrokenLimit:
    """A limit that is broken at a step (its place from 0; the target is one after the last)."""

    limit: Limit
    step: int
    text: str


@dataclass(frozen=True, slots=True)
class DoseOnDays:
    """mg/day from a day to a last day; `ends` None: open."""

    starts: date
    ends: date | None
    dose: Milligrams


def course_of(schedule: Schedule) -> tuple[DoseOnDays, ...]:
    """The doses of a schedule, with the target as the open last one."""
    steps = [DoseOnDays(step.starts, step.ends, step.dose) for step in schedule.steps]
    return (*steps, DoseOnDays(schedule.ends_on, None, schedule.to_mg))


def cut_share(before: Milligrams, dose: Milligrams) -> Fraction:
    """The cut as a share of the dose before; 0 where there is none."""
    if before.value == 0 or dose >= before:
        return Fraction(0)
    return (before.value - dose.value) / before.value


def highest_before(
    day: date, from_mg: Milligrams, course: Sequence[DoseOnDays], days: int
) -> Milligrams:
    """The highest daily dose of the days that precede `day`; `from_mg` before the course began."""
    earliest = day.toordinal() - days
    doses = [
        part.dose
        for part in course
        if part.starts < day and (part.ends is None or part.ends.toordinal() >= earliest)
    ]
    if not course or earliest < course[0].starts.toordinal():
        doses.append(from_mg)
    return max(doses, default=from_mg)


def judge(schedule: Schedule) -> tuple[BrokenLimit, ...]:
    """Every limit that a schedule breaks, in the order of its days."""
    broken = list(
        judge_course(
            schedule.from_mg, schedule.to_mg, course_of(schedule), products=schedule.products
        )
    )
    intakes = [(step.dose, step.intakes) for step in schedule.steps]
    intakes.append((schedule.target.dose, schedule.target.intakes))
    told = {(found.limit, found.step) for found in broken}
    for place, (dose, taken) in enumerate(intakes):
        if (Limit.UNMAKEABLE, place) not in told and not _adds_up(dose, taken, schedule.products):
            text = (
                f"The tablets listed do not make {dose}/day out of the products chosen: list "
                "other tablets or change the dose."
            )
            broken.append(BrokenLimit(Limit.UNMAKEABLE, place, text))
    return tuple(sorted(broken, key=lambda found: found.step))


def _adds_up(
    dose: Milligrams, intakes: Sequence[Intake], products: Sequence[TabletProduct]
) -> bool:
    pieces = [piece for intake in intakes for piece in intake.pieces]
    if any(piece.product not in products or not piece.can_be_taken for piece in pieces):
        return False
    return sum(piece.micrograms for piece in pieces) == dose.value * 1000


def judge_course(
    from_mg: Milligrams,
    to_mg: Milligrams,
    course: Sequence[DoseOnDays],
    products: Sequence[TabletProduct],
) -> tuple[BrokenLimit, ...]:
    """Every limit that a course of doses breaks: a rise, a cut above the cap in any rolling
    14 days, a gap or overlap between steps, a dose the tablets cannot make, and no end.

    `from_mg` is taken until the course begins; `course` is in the order of its days, and its
    last part is the target from its first day on (`ends` None).
    """
    box = box_of(products, conventions().largest_ug_per_day)
    broken: list[BrokenLimit] = []
    doses = [from_mg, *(part.dose for part in course)]
    for place, (part, (before, dose)) in enumerate(zip(course, pairwise(doses), strict=True)):
        highest = highest_before(part.starts, from_mg, course[:place], conventions().cap_days)
        found = [
            (Limit.RISE, _rise(part, before)),
            (Limit.CUT_OVER_CAP, _cut(part, before, highest, box)),
            (Limit.GAP, _gap(course[place - 1], part) if place else None),
            (Limit.UNMAKEABLE, _unmakeable(dose, box)),
        ]
        broken += [BrokenLimit(limit, place, text) for limit, text in found if text]
    if not course or course[-1].ends is not None or course[-1].dose != to_mg:
        text = (
            f"The course has no end: nothing says when {to_mg}/day begins. Add the day on which "
            "it does, or a review date."
        )
        broken.append(BrokenLimit(Limit.NO_END, max(len(course) - 1, 0), text))
    return tuple(broken)


def _rise(part: DoseOnDays, before: Milligrams) -> str | None:
    if part.dose <= before:
        return None
    return (
        f"The dose rises on {part.starts} from {before} to {part.dose}/day; a taper never rises: "
        "hold the lower dose, or step back as a decision of its own."
    )


def _cut(part: DoseOnDays, before: Milligrams, highest: Milligrams, box: TabletBox) -> str | None:
    """The warning of a fall above the cap, with what would make it smaller."""
    cap, days = conventions().cap, conventions().cap_days
    at_once, in_window = cut_share(before, part.dose), cut_share(highest, part.dose)
    if max(at_once, in_window) <= cap:
        return None
    limit = f"more than {plain(cap * 100)} % in {days} days"
    change = f"from {before} to {part.dose}/day on {part.starts}"
    if at_once <= cap:
        return (
            f"The cut {change} makes {percent_text(in_window, cap)} within {days} days (from "
            f"{highest}), {limit}: choose a longer interval, or ask a specialist."
        )
    size = percent_text(at_once, cap)
    if in_window > at_once:
        size += f" ({percent_text(in_window, cap)} within {days} days)"
    if box.below(before.value * 1000) <= part.dose.value * 1000:
        remedy = (
            "these tablets make nothing between; hold the dose before it longer, use a product "
            "with a smaller unit, or ask a specialist"
        )
    else:
        remedy = "choose smaller cuts with a longer interval, or ask a specialist"
    return f"The cut {change} is {size}, {limit}: {remedy}."


def _gap(before: DoseOnDays, part: DoseOnDays) -> str | None:
    if before.ends is not None and part.starts == before.ends + timedelta(days=1):
        return None
    until = "has no last day" if before.ends is None else f"ends on {before.ends}"
    return (
        f"The dose of {before.dose}/day {until}, the next begins on {part.starts}: let each dose "
        "begin on the day after the one before."
    )


def _unmakeable(dose: Milligrams, box: TabletBox) -> str | None:
    micrograms = dose.value * 1000
    if box.makes(micrograms):
        return None
    near = f"{Milligrams(Fraction(box.below(micrograms), 1000))}"
    above = box.at_least(micrograms)
    if above is not None:
        near += f" and {Milligrams(Fraction(above, 1000))}"
    return (
        f"These tablets do not make {dose}/day; the nearest doses they make are {near}: change "
        "the dose or add a product."
    )
