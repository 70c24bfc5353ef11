"""From a code, an ingredient or a name to a drug we know - or to what we could not recognise."""

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


@dataclass(frozen=True, slots=True)
class Strength:
    """mg of the (first listed) ingredient per one `per_unit`: "tablet", "mL", "patch", "film"."""

    mg: Fraction
    per_unit: str


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug we know.

    `ingredients` are generic names, lower case, sorted. `classes` are the ids of
    `clinical/knowledge/ingredients.csv` ("benzodiazepine", "opioid", "opioid-antagonist", ...),
    of all ingredients together. `cns_active` are those ingredients that BEERS23 counts.
    `name` is what a person would call it. `rxcui` is the product's or the ingredient's.
    `warnings` hold sentences about conflicts (a code that says something else than the name).
    """

    name: str
    ingredients: tuple[str, ...]
    classes: frozenset[str]
    cns_active: frozenset[str]
    recognised_by: RecognisedBy
    rxcui: str | None = None
    strength: Strength | None = None
    form: str | None = None
    warnings: tuple[str, ...] = ()

    def contains(self, ingredient: str) -> bool:
        """Whether the drug contains this ingredient (generic name, lower case)."""
        return ingredient in self.ingredients


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """Not one of the drugs we know.

    `named` is the drug as written when the record names one ("Lisinopril 10 MG Oral Tablet");
    None when nothing in the record identifies it, so that it may be anything.
    """

    named: str | None
