"""The report's pictures. What is withheld is drawn as what it can be, hatched, never as nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from markupsafe import Markup

from clinical.quantities import plain
from smart_app.planner.svg import FONT, Svg, text_width
from smart_app.reports.bars import edges_of
from smart_app.reports.words import AT_MOST, FEW, WITHHELD, Number, count, most

Place = Callable[[float], float]

WIDE, NARROW = 480, 356
"""Widths in the pictures' own units: their text keeps its size on a desk and on a telephone."""


def sparkline(key: str, title: str, points: Sequence[tuple[str, Number]]) -> Markup:
    """A trend in little, the newest night last; nights whose number is withheld leave a gap."""
    svg = Svg(96, 28)
    shown = [number for _, number in points if isinstance(number, int)]
    # A tenth of the number fills the height at least: one patient more is no cliff.
    top, bottom = max(shown, default=1), min(shown, default=0)
    spread = max(top - bottom, top / 10, 1)
    middle = (top + bottom) / 2
    step = (svg.width - 12) / max(len(points) - 1, 1)
    line, begun = "", False
    for place, (_, number) in enumerate(points):
        if not isinstance(number, int):
            begun = False
            continue
        x, y = 6 + place * step, 14 - (number - middle) / spread * 18
        line += f"{'L' if begun else 'M'}{x:.1f} {y:.1f}"
        begun = True
        if place == len(points) - 1:
            svg.rect(x - 3, y - 3, 6, 6, "spark-end")
    svg.path(line or "M6 14", "spark")
    said = "; ".join(f"{night}: {count(number)}" for night, number in points)
    return svg.done(key, f"{title} by night", said)


# --- dose -------------------------------------------------------------------------------------

_TOP, _PLOT = 40, 150


def dose_bars(key: str, distribution: Mapping[str, Any], width: int) -> Markup:
    """How many patients take how much, the threshold as a line between the bars."""
    bars = distribution["bars"]
    unknown = distribution["not_computable"]
    svg = Svg(width, _TOP + _PLOT + 44)
    base = _TOP + _PLOT
    places = len(bars) + 1.4  # the last stands apart: its dose is not known
    step = (width - 8) / places
    tallest = max([*(most(bar["count"]) for bar in bars), most(unknown), 1])
    svg.hatch(f"{key}-few", "hatch-few")
    svg.hatch(f"{key}-unknown", "hatch-unknown")
    limit = Fraction(str(distribution["threshold"]))
    line_at: float | None = None
    for place, bar in enumerate(bars):
        x = 4 + place * step
        edges = edges_of(str(bar["id"]))
        over = edges is not None and edges.low >= limit
        if over and line_at is None:
            line_at = x
        _bar(svg, (x, base, step), bar["count"], tallest, (f"{key}-few", "over" if over else "bar"))
        svg.text(
            x if place else x + 2,
            base + 15,
            str(bar["label"]) if edges is None else plain(edges.low),
            "soft",
            "middle" if place else "start",
        )
    last = 4 + (len(bars) + 0.4) * step
    _bar(svg, (last, base, step), unknown, tallest, (f"{key}-unknown", "unknown"))
    svg.text(last + step / 2, base + 15, "not", "soft", "middle")
    svg.text(last + step / 2, base + 27, "known", "soft", "middle")
    svg.line(4, base, 4 + len(bars) * step, base, "axis")
    svg.line(last, base, last + step, base, "axis")
    svg.text(4 + len(bars) * step / 2, base + 38, str(distribution["unit"]), "soft", "middle")
    if line_at is not None:
        words = f"{distribution['threshold']} {distribution['unit']} or more"
        svg.line(line_at, 14, line_at, base, "threshold")
        room = width - line_at > text_width(words) + 8
        svg.text(
            line_at + (5 if room else -5),
            22,
            words,
            "on-threshold halo",
            "start" if room else "end",
        )
    return svg.done(key, str(distribution["title"]), _dose_words(distribution))


def _bar(
    svg: Svg,
    at: tuple[float, float, float],
    number: Number,
    tallest: int,
    looks: tuple[str, str],
) -> None:
    """One upright bar with its number; "fewer than 11" as the height that it can have."""
    x, base, step = at
    hatch, css = looks
    height = _PLOT * most(number) / tallest
    inner = step - 6
    middle = x + step / 2
    if css == "unknown" or number == FEW:
        svg.hatched(x + 3, base - height, inner, height, hatch)
        svg.rect(x + 3, base - height, inner, height, "possible")
    else:
        svg.rect(x + 3, base - height, inner, height, css)
    words = count(number)
    if number == WITHHELD:
        svg.text(middle + 4, base - 6, words, "strong halo", turn=-90)
        return
    for back, word in enumerate(reversed(_lines(words.split(), inner))):
        svg.text(middle, base - height - 5 - back * (FONT + 1), word, "strong halo", "middle")


def _lines(words: list[str], room: float) -> list[str]:
    whole = " ".join(words)
    return [whole] if text_width(whole) <= room + 6 else words


def _dose_words(distribution: Mapping[str, Any]) -> str:
    unit = distribution["unit"]
    bars = "; ".join(
        f"{bar['label']} {unit}: {count(bar['count'])}" for bar in distribution["bars"]
    )
    return (
        f"{bars}; dose not computable: {count(distribution['not_computable'])}. "
        f"The line stands at {distribution['threshold']} {unit}."
    )


# --- risks ------------------------------------------------------------------------------------


def overlap_bars(key: str, overlaps: Sequence[Mapping[str, Any]], width: int) -> Markup:
    """Risks that come together, the most frequent first, each named above its bar."""
    row = 36
    svg = Svg(width, max(len(overlaps), 1) * row + 4)
    svg.hatch(f"{key}-few", "hatch-few")
    tallest = max([*(most(one["count"]) for one in overlaps), 1])
    room = width - 8 - text_width(count(FEW)) - 8
    for place, one in enumerate(overlaps):
        y = place * row
        length = room * most(one["count"]) / tallest
        svg.text(4, y + 13, str(one["label"]), "")
        if one["count"] == FEW:
            svg.hatched(4, y + 18, length, 12, f"{key}-few")
            svg.rect(4, y + 18, length, 12, "possible")
        else:
            svg.rect(4, y + 18, length, 12, "bar")
        svg.text(10 + length, y + 28, count(one["count"]), "strong")
    said = "; ".join(f"{one['label']}: {count(one['count'])}" for one in overlaps)
    return svg.done(key, "Risks that come together", f"Patients with both or all: {said}.")


# --- tapers -----------------------------------------------------------------------------------

_LEFT, _SKY, _CURVE = 40, 18, 190


def taper_curve(key: str, courses: Mapping[str, Any], width: int) -> Markup:
    """Which share was off by which month since the first cut, beside the published course."""
    months, published = courses["off_by_month"], courses["nardi"]
    last: int = max([*(one["month"] for one in months), *(one["months"] for one in published), 9])
    base = _SKY + _CURVE
    svg = Svg(width, base + 36)

    def x(month: float) -> float:
        return _LEFT + (width - _LEFT - 12) * month / last

    def y(share: float) -> float:
        return base - _CURVE * share

    for part in (0, 25, 50, 75, 100):
        svg.line(_LEFT, y(part / 100), width - 12, y(part / 100), "grid" if part else "axis")
        svg.text(_LEFT - 5, y(part / 100) + 4, f"{part} %", "soft", "end")
    for month in range(last + 1):
        svg.text(x(month), base + 15, str(month), "soft", "middle")
    svg.text((_LEFT + width) / 2, base + 30, "months since the first cut", "soft", "middle")
    _ours(svg, months, x, y)
    _published(svg, published, x, y)
    return svg.done(key, "Tapers that ended off clonazepam, by month", _course_words(courses))


def _published(svg: Svg, published: Sequence[Mapping[str, Any]], x: Place, y: Place) -> None:
    line = f"M{x(0):.1f} {y(0):.1f}"
    for one in published:
        at, share = x(one["months"]), y(one["off"] / one["of"])
        line += f"L{at:.1f} {share:.1f}"
        svg.path(f"M{at:.1f} {share - 5:.1f}l5 5l-5 5l-5 -5z", "published-point")
        words = f"Nardi 2010: {one['off']} of {one['of']}"
        # Below and behind its point, where the published course leaves room; near the top below
        # the words of our own last month.
        svg.text(at + 9, share + (18 if share > _SKY + 24 else 34), words, "soft halo")
    svg.path(line, "published")


def _ours(svg: Svg, months: Sequence[Mapping[str, Any]], x: Place, y: Place) -> None:
    """Steps where every month is known; a month that stands alone is a mark."""
    line, before, newest = "", 0, None
    for one in months:
        off, followed, month = one["off"], one["followed"], one["month"]
        if off == FEW and isinstance(followed, int) and followed:
            low, high = y(1 / followed), y(min(AT_MOST / followed, 1))
            svg.line(x(month), low, x(month), high, "possible-range")
        if not (isinstance(off, int) and isinstance(followed, int) and followed):
            continue
        at, share = x(month), y(off / followed)
        if month == before + 1:
            start = f"M{x(0):.1f} {y(0):.1f}" if month == 1 else ""
            line += f"{start}H{at:.1f}V{share:.1f}"
        else:
            svg.rect(at - 3, share - 3, 6, 6, "spark-end")
            line += f"M{at:.1f} {share:.1f}"
        before, newest = month, (at, share, f"here: {off:,} of {followed:,}")
    if newest is None:
        return
    svg.path(line, "dose-edge")
    at, share, words = newest
    svg.rect(at - 3, share - 3, 6, 6, "spark-end")
    # Steps rise to the right: above the last one it is empty, unless it is the top.
    svg.text(at, share - 9 if share > _SKY + 24 else share + 20, words, "strong halo", "end")


def _course_words(courses: Mapping[str, Any]) -> str:
    here = "; ".join(
        f"month {one['month']}: {count(one['off'])} of {count(one['followed'])}"
        for one in courses["off_by_month"]
    )
    published = "; ".join(
        f"month {one['months']}: {one['off']} of {one['of']}" for one in courses["nardi"]
    )
    return f"Here: {here or 'no taper was followed yet'}. Nardi 2010: {published}."
