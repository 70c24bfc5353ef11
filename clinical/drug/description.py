"""How a record names its drug: its codes, its words and its list of ingredients, as written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class RecognisedBy(StrEnum):
    """What told us the drug, strongest first."""

    RXNORM = "rxnorm"
    NDC = "ndc"
    INGREDIENT_STRENGTH = "ingredient-strength"
    DISPLAY = "display"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Coded:
    """A code as written in a record: `system` is its URI; each part may be absent."""

    system: str | None
    code: str | None
    display: str | None


@dataclass(frozen=True, slots=True)
class IngredientAsWritten:
    """An ingredient of a Medication: what it is and how much per how much ("0.5 mg per 1 tablet").

    `strength` is mg per one `per_unit`; None where it was not given or could not be read.
    """

    codes: tuple[Coded, ...]
    text: str | None
    strength_mg: Fraction | None = None
    per_unit: str | None = None


@dataclass(frozen=True, slots=True)
class DrugDescription:
    """How a record names its drug, free of FHIR."""

    codes: tuple[Coded, ...] = ()
    text: str | None = None
    ingredients: tuple[IngredientAsWritten, ...] = ()
    form_text: str | None = None
