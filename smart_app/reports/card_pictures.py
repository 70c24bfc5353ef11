"""Pictures of what became of cards: told apart by fill and by words, not by colour alone."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from smart_app.planner.svg import Svg, text_width
from smart_app.reports.card_counts import Line
from smart_app.reports.words import WITHHELD, Number, count, is_shown, most, some

PARTS = (
    ("accepted", "accepted"),
    ("overridden", "overridden"),
    ("unanswered", "not answered"),
)
"""The parts of a bar from its beginning, and what they are called."""

_ROW, _BAR = 58, 14
_STARTS = (0.0, 0.3, 0.63, 1.0)
"""Where the words of each part begin along the bar: longer words have more room."""


def outcome_bars(key: str, lines: Sequence[Line], width: int) -> Markup:
    """For each check its cards as one bar of equal length, divided by what became of them."""
    svg = Svg(width, max(len(lines), 1) * _ROW)
    svg.hatch(f"{key}-overridden", "hatch-overridden")
    svg.hatch(f"{key}-few", "hatch-few")
    length = width - 8
    for place, one in enumerate(lines):
        y = place * _ROW
        svg.text(4, y + 13, one.label, "strong")
        svg.text(width - 4, y + 13, f"of {_cards(one.shown)}", "soft", "end")
        if not _is_whole(one):
            svg.hatched(4, y + 19, length, _BAR, f"{key}-few")
            svg.rect(4, y + 19, length, _BAR, "possible")
            svg.text(4, y + 47, "Not drawn: some of its numbers are withheld.", "soft")
            continue
        x = 4.0
        for name, _ in PARTS:
            part = length * most(getattr(one, name)) / max(most(one.shown), 1)
            _fill(svg, (x, y + 19, part, _BAR), name, key)
            x += part
        for (name, words), begin, end in zip(PARTS, _STARTS, _STARTS[1:], strict=False):
            x = 4 + begin * length
            _fill(svg, (x, y + 39, 9, 9), name, key)
            room = (end - begin) * length - 13 - text_width(f" {words}")
            svg.text(x + 13, y + 47, f"{_brief(getattr(one, name), room)} {words}", "")
    said = "; ".join(f"{one.label}: {in_words(one)}" for one in lines)
    return svg.done(key, "What became of the cards, by check", f"{said}.")


_SKY, _PLOT = 22, 120


def outcome_months(key: str, lines: Sequence[Line], width: int, chosen: str | None) -> Markup:
    """Month by month the cards that were shown, divided by what became of them."""
    svg = Svg(width, _SKY + _PLOT + 36)
    svg.hatch(f"{key}-overridden", "hatch-overridden")
    svg.hatch(f"{key}-few", "hatch-few")
    base = _SKY + _PLOT
    # A clinic that began a month ago has one column and not a wall.
    step = min((width - 8) / max(len(lines), 1), 64.0)
    tallest = max([*(most(one.shown) for one in lines), 1])
    for place, one in enumerate(lines):
        x = 4 + place * step
        middle = x + step / 2
        _column(svg, (x + 3, base, step - 6), one, tallest, key)
        year, month = one.key.split("-")
        strong = "strong" if one.key == chosen else "soft"
        svg.text(middle, base + 15, one.label.split()[0], strong, "middle")
        if place == 0 or month == "01":
            svg.text(middle, base + 28, year, "soft", "middle")
    svg.line(4, base, 4 + step * len(lines), base, "axis")
    said = "; ".join(f"{one.label}: {in_words(one)}" for one in lines)
    return svg.done(key, "Cards shown, by month", f"{said}.")


def in_words(one: Line) -> str:
    """As in "12 cards shown, 3 accepted, 4 overridden, 5 not answered"."""
    parts = ", ".join(f"{some(getattr(one, name))} {words}" for name, words in PARTS)
    return f"{_cards(one.shown)} shown, {parts}"


def _cards(number: Number) -> str:
    if number == WITHHELD:
        return "a withheld number of cards"
    return "1 card" if number == 1 else f"{count(number)} cards"


def _brief(number: Number, room: float) -> str:
    """The number, or thousands where it is wider than the room: in full it stands in the table."""
    words = count(number)
    if not isinstance(number, int) or number < 1000 or text_width(words) <= room:
        return words
    tenths = (number + 50) // 100
    is_small = tenths < 100
    return f"{tenths // 10}.{tenths % 10}k" if is_small else f"{(number + 500) // 1000}k"


def _is_whole(one: Line) -> bool:
    return all(is_shown(getattr(one, name)) for name in ("shown", *(name for name, _ in PARTS)))


def _column(svg: Svg, at: tuple[float, float, float], one: Line, tallest: int, key: str) -> None:
    x, base, width = at
    height = _PLOT * most(one.shown) / tallest
    if one.shown == WITHHELD:
        svg.text(x + width / 2 + 4, base - 6, count(one.shown), "halo", turn=-90)
        return
    if not _is_whole(one):
        svg.hatched(x, base - height, width, height, f"{key}-few")
        svg.rect(x, base - height, width, height, "possible")
    else:
        y = base
        for name, _ in PARTS:
            part = _PLOT * most(getattr(one, name)) / tallest
            y -= part
            _fill(svg, (x, y, width, part), name, key)
    words = _brief(one.shown, width) if is_shown(one.shown) else "<11"
    svg.text(x + width / 2, base - height - 5, words, "strong halo", "middle")


def _fill(svg: Svg, box: tuple[float, float, float, float], name: str, key: str) -> None:
    if box[2] <= 0 or box[3] <= 0:
        return
    if name == "overridden":
        svg.hatched(*box, f"{key}-overridden")
    svg.rect(*box, f"part-{name}")
