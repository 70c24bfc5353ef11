"""A small SVG writer: geometry as attributes, looks by class (the style sheet has the colours)."""

from __future__ import annotations

from html import escape

from markupsafe import Markup

FONT = 11
"""Height of the pictures' text in their own units."""


def text_width(words: str) -> float:
    """About how wide the words are at `FONT`."""
    return len(words) * FONT * 0.56


class Svg:
    """Collects shapes; `done` gives the picture with its title and description."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, css: str) -> None:
        """A rectangle."""
        self._parts.append(
            f'<rect class="{css}" x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" '
            f'height="{_n(max(height, 0))}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        """A line."""
        self._parts.append(
            f'<line class="{css}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'
        )

    def path(self, points: str, css: str) -> None:
        """A path."""
        self._parts.append(f'<path class="{css}" d="{points}"/>')

    def text(
        self, x: float, y: float, words: str, css: str = "", anchor: str = "start", turn: int = 0
    ) -> None:
        """Words at a baseline; `turn` in degrees about their anchor."""
        turned = f' transform="rotate({turn} {_n(x)} {_n(y)})"' if turn else ""
        self._parts.append(
            f'<text class="{css}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{turned}>'
            f"{escape(words)}</text>"
        )

    def hatch(self, key: str, css: str) -> None:
        """A pattern of slanted lines, used by `fill` in the style sheet's place."""
        self._parts.append(
            f'<defs><pattern id="{key}" width="6" height="6" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><line class="{css}" x1="0" y1="0" x2="0" y2="6"/>'
            "</pattern></defs>"
        )

    def hatched(self, x: float, y: float, width: float, height: float, key: str) -> None:
        """A rectangle filled with a pattern."""
        self._parts.append(
            f'<rect fill="url(#{key})" x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" '
            f'height="{_n(max(height, 0))}"/>'
        )

    def quiet(self) -> Markup:
        """The picture where the words beside it say the same: hidden from screen readers."""
        body = "".join(self._parts)
        # Each word of it is escaped where it is added.
        return Markup(  # noqa: S704  # nosec B704
            f'<svg class="picture line" viewBox="0 0 {self.width} {self.height}" '
            f'aria-hidden="true" xmlns="http://www.w3.org/2000/svg">{body}</svg>'
        )

    def done(self, key: str, title: str, description: str) -> Markup:
        """The picture. `key` makes its ids unique on the page."""
        body = "".join(self._parts)
        # Each word of it is escaped where it is added.
        return Markup(  # noqa: S704  # nosec B704
            f'<svg class="picture" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-labelledby="{key}-title {key}-desc" xmlns="http://www.w3.org/2000/svg">'
            f'<title id="{key}-title">{escape(title)}</title>'
            f'<desc id="{key}-desc">{escape(description)}</desc>{body}</svg>'
        )


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
