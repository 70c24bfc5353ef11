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
from clinical.taper.schedule import Intake, Schedule, TaperStep, halves_a_day, percent_text
from clinical.taper.tablets import TabletBox, TabletProduct, box_of, dose_text


class Limit(StrEnum):
    """What a course must not do unsaid."""

    RISE = "rise"
    CUT_OVER_CAP = "cut-over-cap"
    GAP = "gap"
    NO_END = "no-end"
    UNMAKEABLE = "unmakeable-dose"
    STEP_LONGER_THAN_FILL = "step-longer-than-its-fill"
    FILL_TOO_LONG = "fill-too-long"
    ABRUPT_STOP = "abrupt-stop"


@dataclass(frozen=True, slots=True)
class BrokenLimit:
    """A limit that is broken at a step (its place from 0; the target is one after the last)."""

    limit: Limit
    step: int
    text: str


@dataclass(frozen=True, slots=True)
class DoseOnDays:
    """mg/day from a day to a last day; `ends` None: open.

    Where they are known, `intakes` are the tablets of each day and `fill_days` the days that
    each fill lasts, one after the other from the first day on; None is not known, so not judged.
    """

    starts: date
    ends: date | None
    dose: Milligrams
    intakes: tuple[Intake, ...] | None = None
    fill_days: tuple[int, ...] | None = None

    @property
    def days(self) -> int | None:
        """How many days, or None when it is open."""
        return None if self.ends is None else (self.ends - self.starts).days + 1


def course_of(schedule: Schedule) -> tuple[DoseOnDays, ...]:
    """The doses of a schedule with their tablets, the target as the open last one."""
    steps = [DoseOnDays(step.starts, step.ends, step.dose, step.intakes) for step in schedule.steps]
    end = DoseOnDays(schedule.ends_on, None, schedule.to_mg, schedule.target.intakes)
    return (*steps, end)


def amounts_of(from_mg: Milligrams, course: Sequence[DoseOnDays]) -> list[int | Fraction]:
    """The doses in micrograms, the one before the course first.

    Whole numbers but for doses that no tablets make: a plan compares them many times over.
    """
    return [in_micrograms(from_mg), *(in_micrograms(part.dose) for part in course)]


def cut_share(before: int | Fraction, amount: int | Fraction) -> Fraction:
    """The cut as a share of the amount before; 0 where there is none."""
    return Fraction(before - amount) / before if amount < before else Fraction(0)


def in_micrograms(dose: Milligrams) -> int | Fraction:
    """A dose in micrograms, a fraction only where it is no whole number of them."""
    whole = dose.micrograms
    return dose.value * 1000 if whole is None else whole


def highest_before_each(
    course: Sequence[DoseOnDays], amounts: Sequence[int | Fraction]
) -> list[int | Fraction]:
    """For each part the highest daily dose of the days that precede it and that the cap counts.

    `amounts` as of `amounts_of`: before the course began, its first was taken.
    """
    window = timedelta(days=conventions().cap_days)
    calendar_begins = date.min + window
    in_order = all(
        part.ends is not None and part.ends < after.starts for part, after in pairwise(course)
    )
    found: list[int | Fraction] = []
    for place, part in enumerate(course):
        earliest = part.starts - window if part.starts > calendar_begins else date.min
        if in_order and place and course[place - 1].starts <= earliest:
            found.append(amounts[place])  # taken on all days that count, as most doses are
            continue
        counted = [amounts[0]] if place == 0 or earliest < course[0].starts else []
        for other in range(place - 1, -1, -1):
            before = course[other]
            if before.ends is not None and before.ends < earliest:
                if in_order:
                    break
            elif before.starts < part.starts:
                counted.append(amounts[other + 1])
        found.append(max(counted, default=amounts[0]))
    return found


def judge(schedule: Schedule) -> tuple[BrokenLimit, ...]:
    """Every limit that a schedule breaks, in the order of its days.

    Its tablets have to make its doses, and what is dispensed has to last each step.
    """
    course = course_of(schedule)
    broken = [
        *judge_course(schedule.from_mg, schedule.to_mg, course, products=schedule.products),
        *(
            BrokenLimit(Limit.STEP_LONGER_THAN_FILL, place, text)
            for place, step in enumerate(schedule.steps)
            if (text := _dispensed_too_little(step))
        ),
    ]
    return tuple(sorted(broken, key=lambda found: found.step))


_OF_A_PART = (
    Limit.RISE,
    Limit.CUT_OVER_CAP,
    Limit.GAP,
    Limit.UNMAKEABLE,
    Limit.STEP_LONGER_THAN_FILL,
    Limit.FILL_TOO_LONG,
)
"""What each part of a course is judged by, in this order."""


def judge_course(
    from_mg: Milligrams,
    to_mg: Milligrams,
    course: Sequence[DoseOnDays],
    products: Sequence[TabletProduct],
) -> tuple[BrokenLimit, ...]:
    """Every limit that a course of doses breaks, ours or typed in by hand: a rise, a cut above
    the cap in any rolling 14 days, a gap or overlap between steps, a dose the tablets cannot
    make, a step that is longer than its fills, a fill that is too long, and no end.

    `from_mg` is taken until the course begins; `course` is in the order of its days, and its
    last part is the target from its first day on (`ends` None).
    """
    box = box_of(products, conventions().largest_ug_per_day)
    amounts = amounts_of(from_mg, course)
    broken: list[BrokenLimit] = []
    for place, highest in enumerate(highest_before_each(course, amounts)):
        part, before, amount = course[place], amounts[place], amounts[place + 1]
        texts = (
            _rise(part, before, amount),
            _cut(part, (highest, before, amount), box),
            _gap(course[place - 1] if place else None, part),
            _unmakeable(part, amount, box),
            _runs_out(part),
            _fill_too_long(part),
        )
        if any(texts):
            found = zip(_OF_A_PART, texts, strict=True)
            broken += [BrokenLimit(limit, place, text) for limit, text in found if text]
    if not course or course[-1].ends is not None or course[-1].dose != to_mg:
        text = (
            f"The course has no end: nothing says when {to_mg}/day begins. Add the day on which "
            "it does, or a review date."
        )
        broken.append(BrokenLimit(Limit.NO_END, max(len(course) - 1, 0), text))
    return tuple(broken)


def _rise(part: DoseOnDays, before: int | Fraction, amount: int | Fraction) -> str | None:
    if amount <= before:
        return None
    return (
        f"The dose rises on {part.starts} from {dose_text(before)} to {part.dose}/day; a taper "
        "never rises: hold the lower dose, or step back as a decision of its own."
    )


def _cut(
    part: DoseOnDays, falls: tuple[int | Fraction, int | Fraction, int | Fraction], box: TabletBox
) -> str | None:
    """The warning of a fall above the cap, with what would make it smaller.

    `falls` are the highest dose that the cap counts, the dose before and the dose, micrograms.
    """
    highest, before, amount = falls
    cap, days = conventions().cap, conventions().cap_days
    largest = max(highest, before)
    if (largest - amount) * cap.denominator <= largest * cap.numerator:
        return None
    at_once, in_window = cut_share(before, amount), cut_share(highest, amount)
    limit = f"more than {plain(cap * 100)} % in {days} days"
    change = f"from {dose_text(before)} to {part.dose}/day on {part.starts}"
    if at_once <= cap:
        return (
            f"The cut {change} makes {percent_text(in_window, cap)} within {days} days (from "
            f"{dose_text(highest)}), {limit}: choose a longer interval, or ask a specialist."
        )
    size = percent_text(at_once, cap)
    if in_window > at_once:
        size += f" ({percent_text(in_window, cap)} within {days} days)"
    if box.below(before) <= amount:
        remedy = (
            "these tablets make nothing between; hold the dose before it longer, use a product "
            "with a smaller unit, or ask a specialist"
        )
    else:
        remedy = "choose smaller cuts with a longer interval, or ask a specialist"
    return f"The cut {change} is {size}, {limit}: {remedy}."


def _gap(before: DoseOnDays | None, part: DoseOnDays) -> str | None:
    if part.ends is not None and part.ends < part.starts:
        return (
            f"The dose of {part.dose}/day ends on {part.ends}, before it begins on {part.starts}: "
            "correct one of the two days."
        )
    if before is None or (
        before.ends is not None and part.starts == before.ends + timedelta(days=1)
    ):
        return None
    until = "has no last day" if before.ends is None else f"ends on {before.ends}"
    return (
        f"The dose of {before.dose}/day {until}, the next begins on {part.starts}: let each dose "
        "begin on the day after the one before."
    )


def _unmakeable(part: DoseOnDays, micrograms: int | Fraction, box: TabletBox) -> str | None:
    """A dose that no tablets make, or that the tablets listed for it do not."""
    if not box.makes(micrograms):
        near = dose_text(box.below(micrograms))
        above = box.at_least(micrograms)
        if above is not None:
            near += f" and {dose_text(above)}"
        return (
            f"These tablets do not make {part.dose}/day; the nearest doses they make are {near}: "
            "change the dose or add a product."
        )
    if part.intakes is None or _adds_up(micrograms, part.intakes, box):
        return None
    return (
        f"The tablets listed do not make {part.dose}/day out of the products chosen: list other "
        "tablets or change the dose."
    )


def _adds_up(micrograms: int | Fraction, intakes: Sequence[Intake], box: TabletBox) -> bool:
    total = 0
    for intake in intakes:
        for piece in intake.pieces:
            if piece.product not in box or not piece.can_be_taken:
                return False
            total += piece.micrograms
    return total == micrograms


def _runs_out(part: DoseOnDays) -> str | None:
    """A step whose fills end before it does. The target's own order is none of the course."""
    if part.days is None or part.fill_days is None or part.days <= sum(part.fill_days):
        return None
    return _too_little(part.starts, part.days, sum(part.fill_days), f"{part.dose}/day")


def _too_little(starts: date, days: int, lasts: int, what: str) -> str:
    return (
        f"The step from {starts} lasts {days} days, its supply of {what} {lasts}: add a fill from "
        f"{starts + timedelta(days=lasts)} on, or nothing is left to take."
    )


def _fill_too_long(part: DoseOnDays) -> str | None:
    longest = conventions().longest_fill_days
    if part.fill_days is None or max(part.fill_days, default=0) <= longest:
        return None
    return (
        f"A fill for the step from {part.starts} is for {max(part.fill_days)} days, more than "
        f"{longest}: divide it into fills of at most {longest} days."
    )


def _dispensed_too_little(step: TaperStep) -> str | None:
    """Tablets that do not last to the end of the step."""
    dispensed = {line.product: line.quantity for line in step.dispense}
    for product, halves in halves_a_day(step.intakes).items():
        lasts = dispensed.get(product, 0) * 2 // halves
        if lasts < step.days:
            return _too_little(step.starts, step.days, lasts, product.short_name)
    return None
