"""A card's detail as HTML: GitHub Markdown with tables, no HTML, no pictures, no inline style."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

_FIRST_HEADING = 4


def render(text: str) -> Markup:
    """The HTML of Markdown that somebody else wrote; raw HTML in it is shown as text."""
    # Safe: the parser escapes all text (html is off), refuses script addresses and knows no image.
    return Markup(_parser().render(text))  # noqa: S704  # nosec B704


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.core.ruler.push("as_this_page_has_it", _adapt)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    return parser


def _table_open(*_: object) -> str:
    return '<div class="table" role="group" aria-label="Table" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _adapt(state: StateCore) -> None:
    for token in _all(state.tokens):
        style = token.attrGet("style")
        if style is not None:
            # Our content policy allows no inline style; the style sheet knows the class.
            del token.attrs["style"]
            if "right" in str(style):
                token.attrSet("class", "right")
        if token.type == "link_open":
            token.attrSet("rel", "noopener noreferrer")
            token.attrSet("target", "_blank")
        if token.type in ("heading_open", "heading_close"):
            level = min(6, int(token.tag[1]) + _FIRST_HEADING - 1)
            token.tag = f"h{level}"


def _all(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())
