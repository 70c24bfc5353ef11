"""What an allergy in the chart is about: a benzodiazepine, something else, or that none is known.

LABEL: clonazepam is contraindicated in patients with a history of sensitivity to benzodiazepines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from clinical.code_systems import by_snomed, system_of
from clinical.drug.description import Coded, DrugDescription
from clinical.drug.tables import WORD, folded, ingredients
from clinical.drugs import Drug, named_ingredients, recognise
from clinical.knowledge import table

_CLASS = "benzodiazepine"
_CLASS_WORDS = frozenset({"benzodiazepine", "benzodiazepines", "benzo", "benzos"})
_NONE_KNOWN = re.compile(
    r"\W*(?:no(?:ne)? known|not known|nka|nkda|nkma|none|no (?:drug |medication )?allerg\w*)\b.*",
    re.IGNORECASE | re.DOTALL,
)


class Absence(StrEnum):
    """An entry of an allergy list that names no allergy."""

    NONE_KNOWN = "none_known"
    NO_INFORMATION = "no_information"


def absence_of(codes: Iterable[Coded], text: str | None) -> Absence | None:
    """Whether the entry says that no allergy is known, or that nobody knows; None for an allergy.

    Codes decide; words only where no code does ("NKDA", "No known allergies").
    """
    meanings = _meanings(codes)
    for absence in (Absence.NONE_KNOWN, Absence.NO_INFORMATION):
        if absence in meanings:
            return absence
    return Absence.NONE_KNOWN if text is not None and _NONE_KNOWN.fullmatch(text) else None


def benzodiazepine_of(codes: tuple[Coded, ...], text: str | None) -> str | None:
    """The benzodiazepine, or "benzodiazepines", that the allergy is to; None for another agent.

    By RxNorm product or ingredient, class code, or whole words: every benzodiazepine of
    `knowledge/ingredients.csv`, its brands, and the word itself. Of a name and a code that
    disagree the benzodiazepine counts.
    """
    drug = recognise(DrugDescription(codes, text))
    if isinstance(drug, Drug):
        known = ingredients()
        named = {*drug.ingredients, *drug.disputed}
        if any(_CLASS in known[name].classes for name in named):
            return named_ingredients(drug, _CLASS)
    words = [text or "", *(coded.display or "" for coded in codes)]
    if _CLASS in _meanings(codes) or any(_says_the_class(said) for said in words):
        return "benzodiazepines"
    return None


def _says_the_class(said: str) -> bool:
    return not _CLASS_WORDS.isdisjoint(WORD.findall(folded(said)))


def _meanings(codes: Iterable[Coded]) -> set[str]:
    found: set[str] = set()
    for coded in codes:
        system, code = system_of(coded), (coded.code or "").strip()
        if system == "snomed":
            found |= by_snomed("answers_snomed.csv", "means").get(code, frozenset())
        elif system is not None:
            found |= {
                means
                for of, begins, exact, means in _codes()
                if of == system and (code == begins if exact else code.upper().startswith(begins))
            }
    return found


@cache
def _codes() -> tuple[tuple[str, str, bool, str], ...]:
    """System, code, whether only exactly, and what it means."""
    return tuple(
        (row["system"], row["code"], row["match"] == "exact", row["means"])
        for row in table("allergy_codes.csv")
    )
