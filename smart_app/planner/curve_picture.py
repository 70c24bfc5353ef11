"""The illustrative level under the taper: a line in its band, on the same days as the treads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from clinical.kinetics import LevelOnDay
from clinical.taper import Schedule
from smart_app.planner.axis import DayAxis, months_between
from smart_app.planner.svg import Svg, text_width
from smart_app.planner.taper_picture import LEFT, RIGHT

_TOP, _PLOT, _MONTHS = 20, 140, 20
_MOST = 108
"""Percent at the upper edge: a little above the present level."""


class _Canvas:
    """Where a day and a percentage stand in the picture."""

    def __init__(self, starts_on: date, last: date, width: int) -> None:
        self.width, self.right = width, width - RIGHT
        self.axis = DayAxis(starts_on, last, LEFT, self.right)
        self.bottom = _TOP + _PLOT

    def y(self, percent: float) -> float:
        return self.bottom - _PLOT * percent / _MOST

    def end_of(self, day: int) -> float:
        """The end of a day counted from the first cut.

        There stands the day's mean: nothing falls in the picture before the cut that it follows.
        """
        return self.axis.x(self.axis.starts_on, 24 * (day + 1))


def curve_picture(
    schedule: Schedule,
    levels: Sequence[LevelOnDay],
    *,
    key: str,
    width: int,
    last: date,
    description: str,
) -> Markup:
    """The picture at a width, until a last day; `key` is unique on the page.

    `levels` begin with the day before the first cut. `description` says them in words.
    """
    at = _Canvas(schedule.starts_on, last, width)
    svg = Svg(width, at.bottom + _MONTHS)
    _axes(svg, at)
    _band(svg, at, levels)
    _dose(svg, at, schedule)
    points = [f"{at.end_of(p.day):.1f} {at.y(p.level.percent):.1f}" for p in levels]
    start, *rest = points
    svg.path(f"M{LEFT} {at.y(100):.1f}L{start}L{'L'.join(rest)}", "level")
    return svg.done(key, "Illustrative level of clonazepam; it sets no dose", description)


def _axes(svg: Svg, at: _Canvas) -> None:
    svg.text(2, _TOP - 8, "% of the present level", "soft")
    for percent in (0, 25, 50, 75, 100):
        y = at.y(percent)
        svg.line(LEFT, y, at.right, y, "grid" if percent else "axis")
        if percent % 50 == 0:
            svg.text(LEFT - 5, y + 4, str(percent), "soft", "end")
    until = at.width - 2
    for day, words in months_between(at.axis.starts_on, at.axis.last):
        x = at.axis.x(day)
        svg.line(x, at.bottom, x, at.bottom + 4, "axis")
        half = text_width(words) / 2
        if x - half > LEFT and x + half < until:
            svg.text(x, at.bottom + 16, words, "soft", "middle")


def _band(svg: Svg, at: _Canvas, levels: Sequence[LevelOnDay]) -> None:
    """Between the levels with the shortest and the longest half-life, whichever is higher."""
    upper = [(p.day, max(p.level.shortest, p.level.longest)) for p in levels]
    lower = [(p.day, min(p.level.shortest, p.level.longest)) for p in reversed(levels)]
    edge = "L".join(f"{at.end_of(day):.1f} {at.y(percent):.1f}" for day, percent in upper + lower)
    svg.path(f"M{edge}Z", "level-band")


def _dose(svg: Svg, at: _Canvas, schedule: Schedule) -> None:
    """The dose as steps, in percent of the present one."""
    whole = schedule.from_mg.value
    points = [f"M{LEFT} {at.y(100):.1f}"]
    falls = [(step.starts, step.dose.value) for step in schedule.steps]
    for day, mg in [*falls, (schedule.ends_on, schedule.to_mg.value)]:
        points.append(f"H{at.axis.x(day):.1f}V{at.y(float(100 * mg / whole)):.1f}")
    svg.path("".join([*points, f"H{at.right}"]), "dose-steps")
