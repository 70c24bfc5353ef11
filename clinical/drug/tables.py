"""The drug tables, read once into dictionaries: the shipped ones of `clinical/knowledge/` and,
over them, those that a site has made of a release of RxNorm (`clinical.drug.site`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
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
    """A concept of RxNorm: a product, a brand or an ingredient, as its `term_type` (TTY) says.

    `ingredients` are in the order of the name. `strengths` are mg of each ingredient per one
    `per_unit`; empty where the concept has none.
    """

    rxcui: str
    term_type: str
    name: str
    ingredients: tuple[str, ...]
    strengths: MappingProxyType[str, Fraction]
    per_unit: str | None
    form: str | None
    brand: str | None
    retired: bool = False
    """Whether RxNorm no longer has it; a chart may hold it still."""


@dataclass(frozen=True, slots=True)
class SiteTables:
    """A site's own tables, checked (`clinical.drug.site`): concepts by code, packages by NDC.

    `partners` are the ingredients that only combine with ours and that `ingredients.csv` lacks;
    `retired_ndc` the packages that are no longer in RxNorm.
    """

    version: str
    products: Mapping[str, Product]
    partners: Mapping[str, Ingredient]
    ndc: Mapping[str, str]
    retired_ndc: frozenset[str]


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


_SITE: list[SiteTables] = []
"""The site's tables, or nothing: set at the start of a process (`clinical.drugs`)."""


def site_tables() -> SiteTables | None:
    """The site's own tables that are in use."""
    return _SITE[0] if _SITE else None


def tables_in_use() -> int:
    """The number of the tables in use: what was recognised by tables of another is out of date."""
    return _changes[0]


_changes = [0]


def use_site_tables(site: SiteTables | None) -> None:
    """Read these over the shipped tables from now on, or the shipped ones alone.

    To be called through `clinical.drugs`, which also forgets the drugs it has recognised.
    """
    _SITE[:] = [] if site is None else [site]
    _changes[0] += 1
    for table_of in (ingredients, products, ndc_products, products_of):
        table_of.cache_clear()


@cache
def shipped_ingredients() -> dict[str, Ingredient]:
    """Every ingredient of `ingredients.csv` by its generic name."""
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
def ingredients() -> dict[str, Ingredient]:
    """Every ingredient by its generic name."""
    site = site_tables()
    return {**(site.partners if site else {}), **shipped_ingredients()}


@cache
def shipped_products() -> dict[str, Product]:
    """Every concept of RxNorm in the shipped tables, by its code."""
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
    for ingredient in shipped_ingredients().values():
        if ingredient.rxcui and ingredient.rxcui not in found:
            nothing = MappingProxyType[str, Fraction]({})
            found[ingredient.rxcui] = Product(
                rxcui=ingredient.rxcui,
                term_type="IN",
                name=ingredient.name,
                ingredients=(ingredient.name,),
                strengths=nothing,
                per_unit=None,
                form=None,
                brand=None,
            )
    return found


@cache
def products() -> dict[str, Product]:
    """Every concept of RxNorm that we know, by its code; the site's own word counts."""
    site = site_tables()
    return {**shipped_products(), **(site.products if site else {})}


def _product(
    row: dict[str, str], names: tuple[str, ...], strengths: dict[str, Fraction]
) -> Product:
    return Product(
        rxcui=RxNormCode(row["rxcui"]).value,
        term_type=row["tty"],
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
    shipped = {NdcCode.of(row["ndc"]).value: row["rxcui"] for row in table("ndc.csv")}
    site = site_tables()
    return {**shipped, **(site.ndc if site else {})}


@cache
def products_of() -> dict[frozenset[str], tuple[Product, ...]]:
    """The products that are made with a strength, by their set of ingredients."""
    found: dict[frozenset[str], list[Product]] = {}
    for product in products().values():
        if product.strengths and product.form and not product.retired:
            found.setdefault(frozenset(product.ingredients), []).append(product)
    return {key: tuple(held) for key, held in found.items()}


@cache
def names() -> dict[str, tuple[Name, ...]]:
    """Every name by its first word, the longest name first.

    A site's partners are known by code alone: "alcohol" in a text need not be in the tablet.
    """
    found: dict[str, list[Name]] = {}
    for generic in shipped_ingredients():
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
