"""A schedule that was typed in by hand: read line by line, judged by the limits, and drawn.

One step a line, in the order of the days: how long (or from which day, or both), then the dose of a
day in mg or in tablets, and where it is known how long its fills last.

    14 days 1.5 mg
    2 weeks 2 x 0.5 mg, supply 14 days
    2027-03-01 to 2027-03-28 0.75 mg
    then 0 mg

A line without a day begins on the day after the one before. The last line is the goal, from its
first day on. What is typed is judged as it stands; nothing is corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from clinical.quantities import MalformedQuantity, Milligrams, exact
from clinical.taper.choice import choose
from clinical.taper.intakes import cut_to, present_regimen
from clinical.taper.limits import BrokenLimit, DoseOnDays, Limit, judge_course
from clinical.taper.pace import Band, MilligramSteps, Pace
from clinical.taper.planner import CALENDAR_AFTER, assemble
from clinical.taper.refusal import CannotTaper
from clinical.taper.replan import TaperPlan, under_way
from clinical.taper.request import TaperRequest, abrupt_share, refuse_unusable
from clinical.taper.schedule import Intake, Schedule
from clinical.taper.tablets import Pieces

TYPED = "typed-in"
"""The id of the pace of every schedule that was typed in by hand."""

_MOST_LINES = 60
_LONGEST_LINE = 120
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LINE = re.compile(
    rf"(?:from\s+)?(?P<starts>{_DAY})?"
    rf"(?:\s*(?:to|until|-)\s*(?P<ends>{_DAY}))?"
    r"(?:[\s,]*(?:for\s+)?(?P<number>[0-9]{1,4})\s*(?P<unit>days?|weeks?)\b)?"
    r"[\s,:]*(?:then\b|on\b)?[\s,:]*"
    r"(?P<dose>[^;]*?)"
    r"(?:[\s,;]+supply\s+(?P<supply>[0-9]{1,3}(?:\s*\+\s*[0-9]{1,3})*)(?:\s*days?)?)?",
    re.ASCII | re.IGNORECASE,
)
_TABLETS = re.compile(
    r"(?P<count>[0-9.]+|half)\s*[x*]\s*(?P<strength>[0-9.]+)(?:\s*mg)?(?P<odt>\s*odt)?",
    re.ASCII | re.IGNORECASE,
)
_PER_DAY = re.compile(r"\s*(?:mg)?\s*(?:/\s*day|a day|daily)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, as a course with its findings, and the schedule that it draws.

    `request` is what was asked for, from the first day typed. `findings` are in the order of the
    steps. `schedule` is drawn of what was typed whatever is
    found: where nothing says when the goal begins it ends with the last dose. None where the days
    do not follow on each other at all.
    """

    request: TaperRequest
    course: tuple[DoseOnDays, ...]
    findings: tuple[BrokenLimit, ...]
    schedule: Schedule | None

    @property
    def forbids(self) -> tuple[str, ...]:
        """Why it can be judged only. A cut over the cap is a warning here as in every taper."""
        return tuple(it.text for it in self.findings if it.limit is not Limit.CUT_OVER_CAP)


def read_typed(text: str, request: TaperRequest) -> Typed:
    """The schedule of a text; `request` says the doses, the tablets and the first day.

    Raises CannotTaper, with a sentence that names the line, where the text cannot be read.
    """
    refuse_unusable(request)
    course = tuple(_course(text, request))
    begins = replace(request, starts_on=course[0].starts, pace=_pace(request, course))
    judged = judge_course(begins.from_mg, begins.to_mg, course, begins.tablets)
    findings = sorted([*judged, *_abrupt_stop(begins, course)], key=lambda found: found.step)
    return Typed(begins, course, tuple(findings), _drawn(begins, course))


def begin_from_course(request: TaperRequest, course: Sequence[DoseOnDays]) -> TaperPlan:
    """A course that somebody else states, as a plan that can be changed; its tablets are chosen.

    Raises CannotTaper where it is none of ours: it breaks more than the cap.
    """
    begins = replace(request, starts_on=course[0].starts, pace=_pace(request, course))
    judged = judge_course(begins.from_mg, begins.to_mg, course, begins.tablets)
    other = [found.text for found in judged if found.limit is not Limit.CUT_OVER_CAP]
    schedule = _drawn(begins, course)
    if other or schedule is None:
        raise CannotTaper(other[0] if other else "The days of its steps do not follow each other.")
    return under_way(begins, schedule)


def typed_pace(cut: Milligrams, days: int) -> Pace:
    """The pace of a schedule typed in: its first cut and how long that dose lasts."""
    return Pace(
        id=TYPED,
        title="typed in by hand",
        steps=MilligramSteps((Band(above_ug=0, cut_ug=cut.value * 1000, hold_days=days),)),
        sources=(),
        source_note="",
        recommended_for="nobody by a guideline: whoever types it has a reason",
        limits="Judged by the limits of every taper, step by step.",
        limits_always_shown=False,
    )


# --- the lines ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as it was typed: what it says of its days, None where it says nothing."""

    number: int
    starts: date | None
    ends: date | None
    days: int | None
    dose: Milligrams
    intakes: tuple[Intake, ...] | None
    fill_days: tuple[int, ...] | None


def _course(text: str, request: TaperRequest) -> Iterator[DoseOnDays]:
    lines = list(_lines(text, request))
    if not lines:
        raise CannotTaper(
            "Type the schedule, one step a line: for example 14 days 1.5 mg, and last the goal."
        )
    day: date | None = request.starts_on
    try:
        for line, following in zip(lines, [*lines[1:], None], strict=True):
            starts = line.starts or day
            if starts is None:
                raise CannotTaper(
                    f"Line {line.number} has no first day, for the line before does not say when "
                    "it ends: give that one its days, or this one a date."
                )
            ends = line.ends
            if line.days is not None:
                ends = starts + timedelta(days=line.days - 1)
            elif ends is None and following is not None and following.starts is not None:
                ends = following.starts - timedelta(days=1)
            yield DoseOnDays(starts, ends, line.dose, line.intakes, line.fill_days)
            day = None if ends is None else ends + timedelta(days=1)
            starts + CALENDAR_AFTER  # raises where the calendar ends
    except OverflowError:
        raise CannotTaper("The calendar ends before this schedule would.") from None


def _lines(text: str, request: TaperRequest) -> Iterator[_Line]:
    written = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(written) > _MOST_LINES:
        raise CannotTaper(f"A schedule has at most {_MOST_LINES} lines.")
    for number, words in written:
        yield _line(number, words, request)


def _line(number: int, words: str, request: TaperRequest) -> _Line:
    found = _LINE.fullmatch(words[:_LONGEST_LINE])
    if found is None or not found["dose"] or len(words) > _LONGEST_LINE:
        raise CannotTaper(
            f"Line {number} cannot be read: say how long or from which day, then the dose, for "
            "example 14 days 1.5 mg."
        )
    days = None
    if found["number"] is not None:
        days = int(found["number"]) * (7 if found["unit"].lower().startswith("week") else 1)
        if days == 0 or found["ends"] is not None:
            raise CannotTaper(f"Line {number}: give a number of days from 1, or a last day.")
    dose, intakes = _dose(number, found["dose"], request)
    supply = found["supply"]
    return _Line(
        number,
        _day(number, found["starts"]),
        _day(number, found["ends"]),
        days,
        dose,
        intakes,
        None if supply is None else tuple(int(part) for part in supply.split("+")),
    )


def _day(number: int, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CannotTaper(f"Line {number}: {text} is no day of the calendar.") from None


def _dose(
    number: int, text: str, request: TaperRequest
) -> tuple[Milligrams, tuple[Intake, ...] | None]:
    """The dose of a day, and its tablets where they were typed."""
    terms = [term.strip() for term in text.split("+")]
    if all(_TABLETS.fullmatch(term) for term in terms):
        if len(request.times) > 1:
            raise CannotTaper(
                f"Line {number}: with several intakes a day type the dose in mg/day; the tablets "
                "of each intake are then shown."
            )
        pieces = tuple(_pieces(number, term, request) for term in terms)
        total = sum((Fraction(piece.micrograms) for piece in pieces), Fraction(0)) / 1000
        return Milligrams(total), (Intake(request.times[0], pieces),)
    bare = re.match(r"[0-9.,]+", text, re.ASCII)
    if bare is None or not _PER_DAY.fullmatch(text, bare.end()):
        raise CannotTaper(
            f"Line {number}: the dose is a number of mg/day (1.5 mg) or tablets (3 x 0.5 mg)."
        )
    return Milligrams(_number(number, bare[0])), None


def _pieces(number: int, term: str, request: TaperRequest) -> Pieces:
    found = _TABLETS.fullmatch(term)
    if found is None:
        raise CannotTaper(f"Line {number} cannot be read.")  # never: the caller has matched it
    strength_ug = _number(number, found["strength"]) * 1000
    fit = [product for product in request.tablets if product.strength_ug == strength_ug]
    fit.sort(key=lambda product: (product.form == "tablet") == bool(found["odt"]))
    if not fit:
        raise CannotTaper(
            f"Line {number}: no tablet of {found['strength']} mg is among those that the taper "
            "may be made of."
        )
    count = Decimal("0.5") if found["count"].lower() == "half" else None
    if count is None:
        halves = _number(number, found["count"]) * 2
        if halves.denominator != 1 or not 0 < halves <= 80:
            raise CannotTaper(f"Line {number}: tablets are counted in whole ones and halves.")
        count = Decimal(int(halves)) / 2
    return Pieces(fit[0], count)


def _number(number: int, text: str) -> Fraction:
    try:
        return exact(text.replace(",", "."))
    except MalformedQuantity:
        raise CannotTaper(f"Line {number}: {text} is no number.") from None


# --- what is made of it ---------------------------------------------------------------------


def _pace(request: TaperRequest, course: Sequence[DoseOnDays]) -> Pace:
    first = course[0]
    cut = max(request.from_mg.value - first.dose.value, Fraction(1, 1000))
    return typed_pace(Milligrams(cut), max(first.days or 1, 1))


def _abrupt_stop(request: TaperRequest, course: Sequence[DoseOnDays]) -> Iterator[BrokenLimit]:
    """Nothing after a dose that is more than the abrupt share of the present one."""
    doses = [request.from_mg, *(part.dose for part in course)]
    for place, part in enumerate(course):
        before = doses[place].value
        if part.dose.value == 0 and before > request.from_mg.value * abrupt_share():
            yield BrokenLimit(
                Limit.ABRUPT_STOP,
                place,
                f"From {doses[place]}/day to nothing on {part.starts} would be an abrupt stop: add "
                "steps between.",
            )


def _drawn(request: TaperRequest, course: Sequence[DoseOnDays]) -> Schedule | None:
    """The course as a schedule. Its last part is shown as the dose that stays."""
    *steps, last = course
    days = [part.days for part in steps]
    begins = [part.starts for part in course]
    if any(number is None or number < 1 for number in days) or begins != sorted(set(begins)):
        return None
    parts = [*steps, replace(last, ends=None)]
    return assemble(request, parts, _intakes(request, parts), request.review_on)


def _intakes(request: TaperRequest, course: Sequence[DoseOnDays]) -> list[tuple[Intake, ...]]:
    """The tablets as typed, else those that make the dose; none where it cannot be made."""
    box, before = request.box, present_regimen(request)
    splits = []
    for part in course:
        micrograms = part.dose.value * 1000
        split = {}
        if part.intakes is None and micrograms and box.makes(micrograms):
            split = cut_to(int(micrograms), before, request.cut_order, box)
            before = {time: Fraction(split.get(time, 0)) for time in before}
        splits.append(split)
    choices = choose([frozenset(split.values()) for split in splits], box)
    return [
        part.intakes
        if part.intakes is not None
        else tuple(Intake(time, box.pieces(choice[amount])) for time, amount in split.items())
        for part, split, choice in zip(course, splits, choices, strict=True)
    ]
