"""Numbers as sigs write them: "1 1/2", "one and a half", ".5", "1-2", "2 (two)"."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache, lru_cache

from clinical.dosing.timing_words import NUMBER_WORDS
from clinical.knowledge import document

_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_OF_ONE = r"(?:\s+of)?(?:\s+an?)?"
_ONE = (
    rf"(?:(?:[0-9]{{1,3}}|an?|{_WORD})[\s-]+and[\s-]+(?:(?:a|one)[\s-]+)?(?:half|1/2){_OF_ONE}"
    r"|[0-9]{1,3}(?:\s+and\s+|\s*-\s*|\s+)[0-9]/[0-9]"
    rf"|[0-9]/[0-9]{_OF_ONE}"
    r"|[0-9]{1,6}\.[0-9]{1,6}|(?<![0-9])\.[0-9]{1,6}|[0-9]{1,6}"
    rf"|(?:(?:a|one)[\s-]+)?(?:half|quarter)\b{_OF_ONE}"
    rf"|three[\s-]+quarters{_OF_ONE}"
    rf"|{_WORD})"
)
_END = r"(?![0-9]|/[0-9]|[.,][0-9])"
_TO = r"\s*(?:-|to|or)\s*"

NUMBER = f"(?:{_ONE}{_END})"
PLAIN_NUMBER = r"(?:[0-9]{1,6}\.[0-9]{1,6}|\.[0-9]{1,6}|[0-9]{1,6})"


def said_twice(first: str) -> str:
    """A pattern for the number in brackets that repeats one before it, as group `again`."""
    return rf"(?:\s*\(\s*(?P<again_{first}>{NUMBER}(?:{_TO}{NUMBER})?)\s*\))?"


@lru_cache(maxsize=2048)
def value(words: str) -> Fraction | None:
    """A number as written; None when it is zero, or no number ("1/0")."""
    said = re.sub(r"(?<=\S)(\s+of)?(\s+an?)?$", "", words.strip())
    said = " ".join(re.sub(r"[\s-]+", " ", said).split())
    whole, _, part = said.partition(" and ")
    pieces = said.split()
    if not part and len(pieces) == 2 and pieces[1][:1].isdigit():
        whole, part = pieces
    values = [_simple(piece.strip()) for piece in (whole, part) if piece.strip()]
    if any(one is None for one in values):
        return None
    return sum((one for one in values if one), Fraction(0)) or None


@lru_cache(maxsize=2048)
def bounds(words: str) -> tuple[Fraction, Fraction] | None:
    """One number, or a range, as low and high; None when it falls, is too wide or no number."""
    one = value(words) if re.fullmatch(NUMBER, words) else None
    if one is not None:
        return one, one
    match = re.fullmatch(rf"({NUMBER}){_TO}({NUMBER})", words)
    low, high = (value(match[1]), value(match[2])) if match else (None, None)
    if low is None or high is None or not low <= high <= low * _widest_range():
        return None
    return low, high


@cache
def _widest_range() -> int:
    return int(document("dosage.toml")["numbers"]["widest_range"]["value"])


_PARTS = {
    "half": Fraction(1, 2),
    "quarter": Fraction(1, 4),
    "three quarters": Fraction(3, 4),
    "a": Fraction(1),
    "an": Fraction(1),
}


def _simple(said: str) -> Fraction | None:
    words = re.sub(r"^(?:a|one)\s+(?=half|quarter)", "", said)
    known = _PARTS.get(words) or NUMBER_WORDS.get(words)
    if known is not None:
        return known
    written = re.fullmatch(rf"({PLAIN_NUMBER})(?:/([1-9]))?", words)
    return Fraction(written[1]) / int(written[2] or 1) if written else None
