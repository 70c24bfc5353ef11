"""The drug tables of `clinical/knowledge/`, read once into dictionaries."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import MappingProxyType

from clinical.codes import NdcCode, RxNormCode
from clinical.knowledge import table
from clinical.quantities import exact

COMPANION = "companion"
"""Class of a partner in combination products that is none of our drugs by itself."""

WORD = re.compile(r"[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Ingredient:
    """An active ingredient. `mme_factor` is oral morphine mg per one `mme_basis`, or None."""

    name: str
    rxcui: str | None
    classes: frozenset[str]
    cns_active: bool
    mme_factor: Fraction | None
    mme_basis: str | None


@dataclass(frozen=True, slots=True)
class Product:
    """A concept of RxNorm: a product, a brand or an ingredient.

    `ingredients` are in the order of the name. `strengths` are mg of each ingredient per one
    `per_unit`; empty where the concept has none.
    """

    rxcui: str
    name: str
    ingredients: tuple[str, ...]
    strengths: MappingProxyType[str, Fraction]
    per_unit: str | None
    form: str | None
    brand: str | None


@dataclass(frozen=True, slots=True)
class Name:
    """A word or words by which a drug is called. `form` only where the brand has one form."""

    words: tuple[str, ...]
    ingredients: tuple[str, ...]
    form: str | None
    brand: str | None


def folded(text: str) -> str:
    """Lower case without accents, so that "Clonazépam" and "clonazePAM" are one word."""
    text = text.replace("µ", "u").replace("μ", "u").lower()  # micro sign and Greek mu
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).lower()


@cache
def ingredients() -> dict[str, Ingredient]:
    """Every ingredient by its generic name."""
    return {
        row["name"]: Ingredient(
            name=row["name"],
            rxcui=RxNormCode(row["rxcui"]).value if row["rxcui"] else None,
            classes=frozenset(row["classes"].split("|")) - {COMPANION},
            cns_active=row["cns_active"] == "yes",
            mme_factor=exact(row["mme_factor_cdc2022"]) if row["mme_factor_cdc2022"] else None,
            mme_basis=row["mme_basis"] or None,
        )
        for row in table("ingredients.csv")
    }


@cache
def products() -> dict[str, Product]:
    """Every concept of RxNorm that we know, by its code."""
    found = {}
    for row in table("products.csv"):
        strengths = {
            name: exact(mg)
            for name, mg in (part.split(":") for part in row["strengths_mg"].split("|") if part)
        }
        found[row["rxcui"]] = _product(row, tuple(row["ingredients"].split("|")), strengths)
    for row in table("clonazepam_products.csv"):
        strengths = {"clonazepam": exact(row["strength_mg"])} if row["strength_mg"] else {}
        found[row["rxcui"]] = _product(row, ("clonazepam",), strengths)
    for ingredient in ingredients().values():
        if ingredient.rxcui and ingredient.rxcui not in found:
            nothing = MappingProxyType[str, Fraction]({})
            found[ingredient.rxcui] = Product(
                ingredient.rxcui, ingredient.name, (ingredient.name,), nothing, None, None, None
            )
    return found


def _product(
    row: dict[str, str], names: tuple[str, ...], strengths: dict[str, Fraction]
) -> Product:
    return Product(
        rxcui=RxNormCode(row["rxcui"]).value,
        name=row["name"],
        ingredients=names,
        strengths=MappingProxyType(strengths),
        per_unit=row["per_unit"] or None,
        form=row["form"] or None,
        brand=row["brand"] or None,
    )


@cache
def ndc_products() -> dict[str, str]:
    """The RxNorm code of each NDC package (eleven digits) that we know."""
    return {NdcCode.of(row["ndc"]).value: row["rxcui"] for row in table("ndc.csv")}


@cache
def products_of() -> dict[frozenset[str], tuple[Product, ...]]:
    """The products with a strength, by their set of ingredients."""
    found: dict[frozenset[str], list[Product]] = {}
    for product in products().values():
        if product.strengths:
            found.setdefault(frozenset(product.ingredients), []).append(product)
    return {key: tuple(held) for key, held in found.items()}


@cache
def names() -> dict[str, tuple[Name, ...]]:
    """Every name by its first word, the longest name first."""
    found: dict[str, list[Name]] = {}
    for generic in ingredients():
        name = Name(_words(generic), (generic,), None, None)
        found.setdefault(name.words[0], []).append(name)
    for row in table("names.csv"):
        name = Name(
            words=_words(row["name"]),
            ingredients=tuple(row["ingredients"].split("|")),
            form=row["form"] or None,
            brand=row["name"] if row["kind"] == "brand" else None,
        )
        found.setdefault(name.words[0], []).append(name)
    return {
        first: tuple(sorted(held, key=lambda name: -len(name.words)))
        for first, held in found.items()
    }


def _words(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(folded(text)))
