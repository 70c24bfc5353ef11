"""The words of a PDF as our hand-out makes it: no PDF library, and none of the code that wrote it.

Enough of ISO 32000-1 for what Typst writes: a flat object list, one content stream a page, fonts
with a ToUnicode table. It says nothing of files by others.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

_OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
# A string may hold brackets in pairs without escaping them; two deep is as deep as codes nest.
_PLAIN = rb"\\.|[^\\()]"
_STRING = rb"\((?:" + _PLAIN + rb"|\((?:" + _PLAIN + rb"|\((?:" + _PLAIN + rb")*\))*\))*\)"
_SHOWN = re.compile(
    # A string that belongs to a name, as in /Lang(en), is matched first and shows nothing.
    rb"/[A-Za-z]+"
    + _STRING
    + rb"|/(f\d+) [\d.]+ Tf|1 0 0 -1 [\d.-]+ ([\d.-]+) cm|("
    + _STRING
    + rb")",
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pages_of(pdf: bytes) -> list[str]:
    """The words of each page, a line for each line; spaces are single and plain."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    found = []
    for number in _references(objects[1], b"Kids"):
        page = objects[number]
        (resources,) = _references(page, b"Resources")
        (contents,) = _references(page, b"Contents")
        fonts = {
            name: _letters(objects, int(font))
            for name, font in re.findall(rb"/(f\d+) (\d+) 0 R", objects[resources])
        }
        words = "".join(_shown(_stream(objects[contents]), fonts))
        found.append(re.sub(r"[ \u00a0]+", " ", words))
    return found


def words_of(pdf: bytes) -> str:
    """All words on one line."""
    return " ".join(" ".join(pages_of(pdf)).split())


def _references(body: bytes, name: bytes) -> list[int]:
    listed = re.search(rb"/" + name + rb"(?: (\d+) 0 R|\[([^\]]*)\])", body)
    assert listed, f"no {name!r}"
    return [int(n) for n in re.findall(rb"(\d+)(?: 0 R|$)", listed[1] or listed[2])]


def _stream(body: bytes) -> bytes:
    raw = body[body.index(b"stream\n") + 7 : body.rindex(b"endstream")]
    return zlib.decompress(raw) if b"/FlateDecode" in body[: body.index(b"stream\n")] else raw


def _letters(objects: dict[int, bytes], font: int) -> dict[int, str]:
    (table,) = _references(objects[font], b"ToUnicode")
    pairs = _stream(objects[table]).split(b"beginbfchar", 1)[1]
    return {
        int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for code, text in re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n", pairs)
    }


def _shown(content: bytes, fonts: dict[bytes, dict[int, str]]) -> Iterator[str]:
    letters: dict[int, str] = {}
    line = b""
    for font, y, string in _SHOWN.findall(content):
        if font:
            letters = fonts[font]
        elif y:
            if y != line:
                yield "\n"
            line = y
        else:
            codes = _ESCAPED.sub(_unescaped, string[1:-1])
            yield "".join(
                letters[int.from_bytes(codes[i : i + 2], "big")] for i in range(0, len(codes), 2)
            )


def _unescaped(match: re.Match[bytes]) -> bytes:
    one = match[1]
    return bytes([int(one, 8)]) if len(one) == 3 else _SHORT.get(one, one)
