"""The products of the formulary, and how a record names one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ..records.json_text import Resource
from .dosages import quantity
from .toml_file import Table, TomlFile
from .vocabulary import RXNORM, concept, synthetic

_MG = re.compile(r"\d+(?:\.\d+)?")
_FORMULARY = Path(__file__).parent / "formulary.toml"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What a product contains: `mg` per unit."""

    rxnorm: str
    name: str
    mg: Decimal


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the formulary: `said` is what this EHR calls it, `name` what RxNorm does."""

    said: str
    rxnorm: str
    name: str
    unit: str
    verb: str = "Take"
    route: str = "by mouth"
    ingredient: Ingredient | None = None


def read_formulary(file: Path = _FORMULARY) -> dict[str, Product]:
    """The products that stories and orders may name."""
    written = TomlFile.read(file)
    products: dict[str, Product] = {}
    for name in written.said:
        table = written.table(name)
        inside = _ingredient(table) if "ingredient" in table.said else None
        products[name] = table.make(Product, "product", said=name, ingredient=inside)
    return products


def _ingredient(table: Table) -> Ingredient:
    said = table.said["ingredient"]
    if not isinstance(said, dict) or not _MG.fullmatch(str(said.get("mg"))):
        raise table.refusal("an ingredient has its mg in quotes, such as '0.5'", "ingredient")
    return Table(table.file, said, table.table).make(
        Ingredient, "ingredient", mg=Decimal(str(said["mg"]))
    )


def coded(product: Product, called: str | None = None) -> Resource:
    """A product by its RxNorm code; `called` is another text beside the code."""
    return concept(RXNORM, product.rxnorm, product.name, text=called or product.said)


def medication(product: Product, resource_id: str | None = None) -> Resource:
    """A Medication resource with what is in it; without an id it is to be contained."""
    made: Resource = (
        {"resourceType": "Medication", "id": "medicine"}
        if resource_id is None
        else synthetic("Medication", resource_id)
    )
    made |= {"code": coded(product), "status": "active"}
    if product.ingredient is not None:
        made["ingredient"] = [
            {
                "itemCodeableConcept": concept(
                    RXNORM, product.ingredient.rxnorm, product.ingredient.name
                ),
                "isActive": True,
                "strength": {
                    "numerator": quantity(product.ingredient.mg, "mg"),
                    "denominator": quantity(Decimal(1), product.unit),
                },
            }
        ]
    return made
