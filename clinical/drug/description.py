"""How a record names its drug: its codes, its words and its list of ingredients, as written.

Named tuples: every record makes one to look its drug up by, and a tuple is hashed and compared
many times as fast as a dataclass.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple


class RecognisedBy(StrEnum):
    """What told us the drug, strongest first."""

    RXNORM = "rxnorm"
    NDC = "ndc"
    INGREDIENT_STRENGTH = "ingredient-strength"
    DISPLAY = "display"
    TEXT = "text"


class Coded(NamedTuple):
    """A code as written in a record: `system` is its URI; each part may be absent."""

    system: str | None
    code: str | None
    display: str | None


class IngredientAsWritten(NamedTuple):
    """An ingredient of a Medication: what it is and how much per how much ("0.5 mg per 1 tablet").

    `strength` is mg per one `per_unit`; None where it was not given or could not be read.
    """

    codes: tuple[Coded, ...]
    text: str | None
    strength_mg: Fraction | None = None
    per_unit: str | None = None


class DrugDescription(NamedTuple):
    """How a record names its drug, free of FHIR."""

    codes: tuple[Coded, ...] = ()
    text: str | None = None
    ingredients: tuple[IngredientAsWritten, ...] = ()
    form_text: str | None = None
