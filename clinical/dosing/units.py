"""Units of a dose by their words and codes ("{tbl}", "TAB", "tablet(s)", "mcg")."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache

from clinical.dosage import NO_UNIT, Amount, DoseUnit, UnitKind
from clinical.knowledge import table
from clinical.quantities import plain

_LONGEST_SHOWN = 40


@cache
def unit_words() -> dict[str, DoseUnit]:
    """Every word of `knowledge/dose_units.csv` with its unit."""
    return {
        row["word"]: DoseUnit(row["name"], UnitKind(row["kind"]), Fraction(row["factor"]))
        for row in table("dose_units.csv")
    }


def known_unit(word: str) -> DoseUnit | None:
    """The unit of one word or code, however it is bracketed, capitalised or pluralised."""
    bare = word.strip().lower().replace("µ", "u").replace("μ", "u")
    bare = re.sub(r"\((s|es)\)$", "", bare).rstrip(".")
    words = unit_words()
    return words.get(bare) or words.get(bare.strip("{}[] "))


def unit_of(text: str | None, code: str | None) -> DoseUnit | str:
    """The unit that a word and a code name together, or a sentence why there is none.

    Both absent is the unstated unit. A bare count ("1", "each") yields to the more telling of
    the two; two different units are a contradiction and never decided here.
    """
    text, code = (text or "").strip(), (code or "").strip()
    if not text and not code:
        return NO_UNIT
    by_text, by_code = known_unit(text) if text else None, known_unit(code) if code else None
    if by_text and by_code:
        if by_text == by_code or by_code.kind is UnitKind.EACH:
            return by_text
        if by_text.kind is UnitKind.EACH:
            return by_code
        return f'the unit is written "{shown(text)}" and coded "{shown(code)}", which differ'
    if by_code and text and re.search(r"/|\bper\b", text):
        by_code = None  # "mg per hour" coded "mg" is a rate, not a dose
    found = by_text or by_code
    if found is None:
        return f'the unit "{shown(text or code)}" is not known'
    return found


def in_words(amount: Amount) -> str:
    """An amount in the unit that its words are counted in: 500 mcg are "0.5 mg"."""
    low, high = (plain(number * amount.unit.factor) for number in (amount.low, amount.high))
    return f"{low if low == high else f'{low} to {high}'} {amount.unit.name}".rstrip()


def shown(words: str) -> str:
    """A few words of the record, short enough for a sentence."""
    flat = " ".join(words.split())
    return flat if len(flat) <= _LONGEST_SHOWN else flat[:_LONGEST_SHOWN] + "..."
