"""The taper as a picture: steps as treads, the dose on each, the date at each fall."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from markupsafe import Markup

from clinical.follow_up import CheckIn
from clinical.quantities import plain
from clinical.taper import Schedule
from smart_app.planner.axis import DayAxis
from smart_app.planner.svg import FONT, Svg, text_width
from smart_app.planner.words import day_in_plan

LEFT, RIGHT = 40, 10
"""Room at both sides, in all pictures of a plan."""

_TOP, _PLOT = 24, 216
_FLAGS, _DATES = 20, 84


class _Canvas:
    """Where a day and a dose stand in the picture, and which places are already written on."""

    def __init__(self, schedule: Schedule, last: date, width: int) -> None:
        self.width, self.right = width, width - RIGHT
        self.axis = DayAxis(schedule.starts_on, last, LEFT, self.right)
        self.x = self.axis.x
        self.most = _highest(schedule) * 1.12
        self.bottom = _TOP + _PLOT
        self._written: list[tuple[float, float, float, float]] = []

    def y(self, mg: Fraction) -> float:
        return self.bottom - _PLOT * float(mg) / self.most

    def free(self, x: float, y: float, words: str) -> bool:
        """Whether words fit here without covering others; if so the place is taken."""
        box = (x, y - FONT + 1, x + text_width(words), y + 1)
        for left, top, right, bottom in self._written:
            if box[0] < right + 2 and left < box[2] + 2 and box[1] < bottom and top < box[3]:
                return False
        self._written.append(box)
        return True


def taper_picture(
    schedule: Schedule,
    contacts: Sequence[CheckIn],
    *,
    key: str,
    width: int,
    last: date,
    beside: Schedule | None = None,
    today: date | None = None,
) -> Markup:
    """The picture at a width, until a last day; `key` is unique on the page.

    `beside` is drawn as an outline. Of a plan under way what is before `today` is drawn as past.
    """
    at = _Canvas(schedule, last, width)
    svg = Svg(width, at.bottom + _FLAGS + _DATES)
    treads = [(step.starts, step.dose.value, bool(step.warnings)) for step in schedule.steps]
    treads.append((schedule.ends_on, schedule.to_mg.value, bool(schedule.target.warnings)))
    _axes(svg, at, schedule)
    _treads(svg, at, schedule, treads)
    if beside is not None:
        _outline(svg, at, beside)
    _labels(svg, at, schedule, treads)
    if today is not None and schedule.starts_on < today <= at.axis.last:
        _past(svg, at, today)
    _dates(svg, at, [day for day, _, _ in treads])
    _flags(svg, at, contacts)
    return svg.done(key, _title(schedule), _description(schedule, contacts))


def _highest(schedule: Schedule) -> float:
    """The highest dose of a picture; a schedule that was typed in may begin with a rise."""
    doses = [schedule.from_mg, schedule.to_mg, *(step.dose for step in schedule.steps)]
    return float(max(dose.value for dose in doses))


def taper_line(schedule: Schedule) -> Markup:
    """The same as a small line without words, for beside the sentence that says it."""
    width, height = 120, 36
    days, most = max(schedule.days, 1) * 1.12, _highest(schedule)
    svg = Svg(width, height)
    points = [f"M1 {2 + (height - 4) * (1 - float(schedule.from_mg.value) / most):.1f}"]
    falls = [*((s.starts, s.dose.value) for s in schedule.steps)]
    for day, mg in [*falls, (schedule.ends_on, schedule.to_mg.value)]:
        x = 8 + (width - 8) * (day - schedule.starts_on).days / days
        points.append(f"H{x:.1f}V{2 + (height - 4) * (1 - float(mg) / most):.1f}")
    svg.path("".join([*points, f"H{width - 1}"]), "tread-edge")
    return svg.quiet()


def _axes(svg: Svg, at: _Canvas, schedule: Schedule) -> None:
    svg.text(2, _TOP - 10, "mg/day", "soft")
    most = _highest(schedule)
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10) if most / s <= 5)
    for number in range(int(most / step) + 1):
        mg = Fraction(step) * number
        y = at.y(mg)
        svg.line(LEFT, y, at.right, y, "grid" if number else "axis")
        svg.text(LEFT - 5, y + 4, plain(mg), "soft", "end")


def _treads(
    svg: Svg, at: _Canvas, schedule: Schedule, treads: Sequence[tuple[date, Fraction, bool]]
) -> None:
    before = at.y(schedule.from_mg.value)
    first = at.x(treads[0][0])
    svg.rect(LEFT, before, first - LEFT, at.bottom - before, "tread-now")
    svg.line(LEFT, before, first, before, "tread-edge now")
    ends = [day for day, _, _ in treads[1:]]
    for (starts, mg, _), following in zip(treads, [*ends, None], strict=True):
        x, y = at.x(starts), at.y(mg)
        right = at.right if following is None else at.x(following)
        svg.rect(x, y, right - x, at.bottom - y, "tread")
        svg.path(f"M{x:.1f} {before:.1f}V{y:.1f}H{right:.1f}", "tread-edge")
        before = y


def _past(svg: Svg, at: _Canvas, today: date) -> None:
    x = at.x(today)
    svg.rect(LEFT, _TOP - 8, x - LEFT, at.bottom - _TOP + 8, "past")
    svg.line(x, _TOP - 14, x, at.bottom, "today")
    words = "today"
    right = x + 3 + text_width(words) > at.width
    svg.text(x - 3 if right else x + 3, _TOP - 10, words, "soft", "end" if right else "start")


def _outline(svg: Svg, at: _Canvas, beside: Schedule) -> None:
    points = [f"M{max(at.x(beside.starts_on), LEFT):.1f} {at.y(beside.from_mg.value):.1f}"]
    falls = [(step.starts, step.dose.value) for step in beside.steps]
    for day, mg in [*falls, (beside.ends_on, beside.to_mg.value)]:
        if day <= at.axis.last:
            points.append(f"H{max(at.x(day), LEFT):.1f}V{at.y(mg):.1f}")
    points.append(f"H{at.right}")
    svg.path("".join(points), "outline")


def _labels(
    svg: Svg, at: _Canvas, schedule: Schedule, treads: Sequence[tuple[date, Fraction, bool]]
) -> None:
    """The dose on each tread as far as there is room: the present and the last one first."""
    y = at.y(schedule.from_mg.value) - 4
    now = f"now {plain(schedule.from_mg.value)}"
    if schedule.as_needed is not None:
        now = "now, on average"
    if at.free(LEFT + 2, y, now):
        svg.text(LEFT + 2, y, now, "strong")
    for day, mg, warns in (treads[-1], *treads[:-1]):
        x, y, words = at.x(day) + 2, at.y(mg) - 4, plain(mg)
        if at.free(x, y, words + ("   " if warns else "")):
            svg.text(x, y, words, "strong")
            if warns:
                _marker(svg, x + text_width(words) + 4, y - 9)
        elif warns:
            _marker(svg, x - 1, at.y(mg) + 2)


def _marker(svg: Svg, x: float, y: float) -> None:
    """A warning sign beside the dose that it belongs to, or under its tread where room is short."""
    svg.path(f"M{x + 5:.1f} {y:.1f}l5 9h-10z", "warn-mark")


def _dates(svg: Svg, at: _Canvas, days: Sequence[date]) -> None:
    last, year = -100.0, 0
    base = at.bottom + _FLAGS
    for number, day in enumerate(days):
        x = at.x(day)
        svg.line(x, at.bottom, x, base, "fall")
        is_end = number == len(days) - 1
        crowded = x - last < FONT + 1 or (not is_end and at.x(days[-1]) - x < FONT + 1)
        if crowded and not is_end:
            continue
        with_year = is_end or day.year != year
        words = f"{day.day} {day:%b} {day.year}" if with_year else f"{day.day} {day:%b}"
        svg.text(x + 4, base + 5, words, "strong" if with_year else "soft", "end", turn=-90)
        last, year = x, day.year


def _flags(svg: Svg, at: _Canvas, contacts: Sequence[CheckIn]) -> None:
    y = at.bottom + 4
    for contact in contacts:
        x = at.x(contact.on)
        if contact.on <= at.axis.last:
            svg.path(f"M{x:.1f} {y + 11}V{y}l6 3l-6 3", "flag")


def _title(schedule: Schedule) -> str:
    return (
        f"Taper from {schedule.from_words} to {schedule.to_mg}/day in "
        f"{len(schedule.steps) + 1} cuts over {schedule.days} days"
    )


def _description(schedule: Schedule, contacts: Sequence[CheckIn]) -> str:
    steps = [f"{day_in_plan(step.starts)} {step.dose}/day" for step in schedule.steps]
    steps.append(f"{day_in_plan(schedule.ends_on)} {schedule.to_mg}/day")
    return f"Each cut: {'; '.join(steps)}. {len(contacts)} check-ins are marked with flags."
