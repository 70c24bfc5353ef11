"""The dose history as a picture: dose up, time across, other sedating medicines underneath."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup

from clinical.dose_history import DoseHistory, Known, Stretch, Strip
from clinical.quantities import plain
from smart_app.planner.axis import months_between
from smart_app.planner.svg import Svg, text_width
from smart_app.planner.words import day_of_record

_WIDTH, _LEFT, _RIGHT, _TOP = 380, 28, 8, 18
_PLOT, _STRIP = 130, 30
_DAYS_DRAWN = 1096


def _first_day(history: DoseHistory, today: date) -> date | None:
    """Where the picture begins: shortly before the first order, at most three years ago."""
    begins = min((s.starts for s in history.stretches), default=history.begins)
    if begins is None:
        return None
    begins = max(begins, today - timedelta(days=_DAYS_DRAWN))
    lead = timedelta(days=max(int((today - begins).days * 0.06), 3))
    return min(begins - lead, today - timedelta(days=30))


def _is_seen(strip: Strip, first: date) -> bool:
    return any(ends >= first for _, ends in strip.spans) or any(d >= first for d in strip.open_ends)


class _Canvas:
    """Where a day and a dose stand in the picture."""

    def __init__(self, first: date, today: date, most: float) -> None:
        self.first, self.today, self.most = first, today, most
        self.bottom = _TOP + _PLOT

    def x(self, day: date) -> float:
        share = (day - self.first).days / max((self.today - self.first).days, 1)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(share, 0), 1)

    def y(self, mg: float) -> float:
        return self.bottom - _PLOT * mg / self.most


def history_picture(
    history: DoseHistory, today: date, high_dose: float, marks: tuple[tuple[date, str], ...] = ()
) -> Markup | None:
    """The picture, or None when there is nothing to draw. `marks` are events with their words."""
    first = _first_day(history, today)
    if first is None:
        return None
    strips = [strip for strip in history.strips if _is_seen(strip, first)]
    highs = [float(s.dose.high) for s in history.stretches if isinstance(s.dose, Known)]
    most = max([high_dose * 1.25, *(high * 1.2 for high in highs)])
    marks = tuple((day, words) for day, words in marks if first <= day <= today)
    height = _TOP + _PLOT + 22 + _STRIP * len(strips) + (22 if marks else 0)
    svg = Svg(_WIDTH, height)
    svg.hatch("h-unknown", "hatch-unknown")
    svg.hatch("h-overlap", "hatch-overlap")
    canvas = _Canvas(first, today, most)
    _doses(svg, canvas, history)
    _axes(svg, canvas, high_dose)
    top = canvas.bottom + 22
    if marks:
        _marks(svg, canvas, marks, top)
        top += 22
    for place, strip in enumerate(strips):
        _strip(svg, canvas, strip, history.stretches, top + place * _STRIP)
    svg.line(canvas.x(today), _TOP - 4, canvas.x(today), height, "today")
    svg.text(canvas.x(today), _TOP - 7, "today", "soft", "end")
    return svg.done("history", "Clonazepam dose over time", _description(history, today))


def _doses(svg: Svg, at: _Canvas, history: DoseHistory) -> None:
    first = min((s.starts for s in history.stretches), default=at.today)
    if first > at.first:
        _unknown(svg, at, at.first, first - timedelta(days=1), "no order")
    for stretch in history.stretches:
        if stretch.ends < at.first:
            continue
        starts = max(stretch.starts, at.first)
        x, right = at.x(starts), at.x(min(stretch.ends + timedelta(days=1), at.today))
        dose = stretch.dose
        if not isinstance(dose, Known):
            _unknown(svg, at, starts, stretch.ends, "no order" if dose.no_order else "not known")
            continue
        low, high = at.y(float(dose.low)), at.y(float(dose.high))
        svg.rect(x, low, right - x, at.bottom - low, "dose")
        if dose.low < dose.high:
            svg.rect(x, high, right - x, low - high, "dose-range")
        svg.line(x, high, right, high, "dose-edge")
        words = f"{plain(dose.high)} mg"
        if right - x > text_width(words) + 6:
            inside = at.bottom - high > 18
            svg.text(x + 4, high + 14 if inside else high - 4, words, "in" if inside else "strong")


def _unknown(svg: Svg, at: _Canvas, starts: date, ends: date, words: str) -> None:
    x, right = at.x(starts), at.x(min(ends + timedelta(days=1), at.today))
    svg.hatched(x, _TOP, right - x, _PLOT, "h-unknown")
    if right - x > text_width(words) + 6:
        svg.text((x + right) / 2, at.bottom - 8, words, "soft halo", "middle")


def _axes(svg: Svg, at: _Canvas, high_dose: float) -> None:
    svg.line(_LEFT, at.bottom, _WIDTH - _RIGHT, at.bottom, "axis")
    svg.text(2, _TOP - 7, "mg/day", "soft")
    for mg in range(int(at.most) + 1):
        if at.most <= 6 or mg % 2 == 0:
            svg.text(_LEFT - 6, at.y(mg) + 4, str(mg), "soft", "end")
    line = at.y(high_dose)
    svg.line(_LEFT, line, _WIDTH - _RIGHT, line, "threshold")
    words = f"{high_dose:g} mg/day: high dose"
    svg.text(_LEFT + 4, line - 4, words, "on-threshold halo")
    for day, label in months_between(at.first, at.today):
        x = at.x(day)
        svg.line(x, at.bottom, x, at.bottom + 4, "axis")
        if _LEFT + 16 < x < _WIDTH - 20:
            svg.text(x, at.bottom + 16, label, "soft", "middle")


def _marks(svg: Svg, at: _Canvas, marks: tuple[tuple[date, str], ...], top: float) -> None:
    for day, words in marks:
        x = at.x(day)
        svg.line(x, _TOP, x, top + 8, "mark")
        end = x + text_width(words) > _WIDTH - 20
        svg.text(x - 4 if end else x + 4, top + 10, words, "strong halo", "end" if end else "start")


def _strip(svg: Svg, at: _Canvas, strip: Strip, beside: tuple[Stretch, ...], top: float) -> None:
    kind = "opioid" if strip.opioid else "sedative"
    svg.text(_LEFT, top + 11, f"{strip.name} ({'opioid' if strip.opioid else 'sedating'})", "soft")
    bar, thick = top + 15, 9
    taken = [s for s in beside if isinstance(s.dose, Known)]
    for starts, ends in strip.spans:
        if ends < at.first:
            continue
        x, right = at.x(starts), at.x(min(ends + timedelta(days=1), at.today))
        svg.rect(x, bar, max(right - x, 2), thick, f"strip {kind}")
        for stretch in taken:
            first, last = max(starts, stretch.starts), min(ends, stretch.ends)
            if first <= last and last >= at.first:
                left = at.x(first)
                end = at.x(min(last + timedelta(days=1), at.today))
                svg.hatched(left, bar, max(end - left, 2), thick, "h-overlap")
    for starts in strip.open_ends:
        if starts >= at.first:
            svg.rect(at.x(starts), bar, 3, thick, f"strip {kind}")
            svg.text(at.x(starts) + 6, bar + 9, "end not known", "soft halo")


def _description(history: DoseHistory, today: date) -> str:
    parts = []
    for stretch in history.stretches:
        days = f"{day_of_record(stretch.starts)} to {day_of_record(stretch.ends)}"
        if isinstance(stretch.dose, Known):
            parts.append(f"{days}: {plain(stretch.dose.high)} mg/day")
        else:
            parts.append(f"{days}: {'no order' if stretch.dose.no_order else 'not known'}")
    parts += [f"beside it {strip.name}" for strip in history.strips]
    return "; ".join(parts) + f". Until today, {day_of_record(today)}."
