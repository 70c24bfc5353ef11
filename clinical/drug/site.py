"""A site's own drug tables, made of a release of RxNorm: read and checked, line by line.

They stand over the shipped ones. Nothing of a table is used before all of it was found good.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType

from clinical.codes import MalformedCode, NdcCode, RxNormCode
from clinical.drug.tables import (
    Ingredient,
    Product,
    SiteTables,
    shipped_ingredients,
    shipped_products,
)
from clinical.quantities import MalformedQuantity, exact

PRODUCT_COLUMNS = (
    *("rxcui", "tty", "name", "ingredients", "strengths_mg"),
    *("per_unit", "form", "brand", "status"),
)
NDC_COLUMNS = ("ndc", "rxcui", "status")
ACTIVE, RETIRED = "active", "retired"
TERM_TYPES = frozenset("IN PIN MIN BN SCD SBD SCDC SBDC SCDF SBDF SCDG SBDG GPCK BPCK".split())
"""Term types of RxNorm (TTY) that can stand in a chart as a drug."""


class UnusableTable(ValueError):
    """A table cannot be used; the message names the file, the line and the reason."""


def site_tables(version: str, products: tuple[str, str], ndc: tuple[str, str] | None) -> SiteTables:
    """The checked tables from (file name, text) of each. Raises UnusableTable."""
    rows = list(_rows(*products, PRODUCT_COLUMNS))
    partners = {
        row["name"]: Ingredient(row["name"], row["rxcui"], frozenset(), False, None, None)
        for _, row in rows
        if row["tty"] == "IN" and row["name"] not in shipped_ingredients()
    }
    known = {*partners, *shipped_ingredients()}
    found: dict[str, Product] = {}
    for where, row in rows:
        product = _product(where, row, known)
        if product.rxcui in found:
            raise UnusableTable(f"{where}: the code {product.rxcui} stands there twice")
        found[product.rxcui] = product
    packages = _packages(ndc, found) if ndc is not None else {}
    retired = frozenset(code for code, (_, is_retired) in packages.items() if is_retired)
    return SiteTables(
        version, found, partners, {code: rxcui for code, (rxcui, _) in packages.items()}, retired
    )


def _rows(file: str, text: str, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its place; comments and blank lines are passed over. Raises UnusableTable."""
    if not text.endswith("\n"):
        raise UnusableTable(f"{file}: the last line is cut off")
    head: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{file}, line {number}"
        if not line.strip() or line.startswith("#"):
            continue
        cells = next(csv.reader([line], strict=False))
        if head is None:
            head = cells
            if head != list(columns):
                raise UnusableTable(f"{where}: the columns have to be {', '.join(columns)}")
        elif len(cells) != len(columns):
            raise UnusableTable(f"{where}: {len(cells)} values instead of {len(columns)}")
        else:
            yield where, dict(zip(columns, cells, strict=True))
    if head is None:
        raise UnusableTable(f"{file}: it holds no table")


def _product(where: str, row: Mapping[str, str], known: set[str]) -> Product:
    try:
        rxcui = RxNormCode(row["rxcui"]).value
    except MalformedCode as error:
        raise UnusableTable(f"{where}: {error}") from None
    if row["tty"] not in TERM_TYPES:
        raise UnusableTable(f"{where}: {row['tty']!r} is no term type of RxNorm that is used here")
    if not row["name"].strip():
        raise UnusableTable(f"{where}: the name is missing")
    names = tuple(row["ingredients"].split("|"))
    for name in names:
        if name not in known:
            raise UnusableTable(f"{where}: {name!r} is no ingredient and no row IN")
    if len(set(names)) != len(names):
        raise UnusableTable(f"{where}: an ingredient is named twice")
    strengths = _strengths(where, row["strengths_mg"], names)
    if bool(strengths) != bool(row["per_unit"]):
        raise UnusableTable(f"{where}: strengths_mg and per_unit belong together")
    product = Product(
        rxcui=rxcui,
        term_type=row["tty"],
        name=row["name"],
        ingredients=names,
        strengths=MappingProxyType(strengths),
        per_unit=row["per_unit"] or None,
        form=row["form"] or None,
        brand=row["brand"] or None,
        retired=_is_retired(where, row["status"]),
    )
    _as_on_the_shelf(where, product)
    return product


def _strengths(where: str, text: str, names: tuple[str, ...]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for part in filter(None, text.split("|")):
        name, _, mg = part.rpartition(":")
        try:
            amount = exact(mg)
        except MalformedQuantity as error:
            raise UnusableTable(f"{where}: the strength {part!r} cannot be read: {error}") from None
        if name not in names or name in found or not amount:
            raise UnusableTable(f"{where}: the strength {part!r} belongs to no ingredient of it")
        found[name] = amount
    return found


def _is_retired(where: str, status: str) -> bool:
    if status not in {ACTIVE, RETIRED}:
        raise UnusableTable(f"{where}: the status has to be {ACTIVE} or {RETIRED}")
    return status == RETIRED


def _as_on_the_shelf(where: str, product: Product) -> None:
    """Tapers are made of the shipped clonazepam products: the two tables may never disagree."""
    shelf = shipped_products().get(product.rxcui)
    if shelf is None or shelf.ingredients != ("clonazepam",) or not shelf.strengths:
        return
    said = (product.ingredients, dict(product.strengths), product.per_unit)
    if said != (shelf.ingredients, dict(shelf.strengths), shelf.per_unit):
        raise UnusableTable(
            f"{where}: {product.rxcui} is {shelf.name} in the shipped table, of which tapers are "
            "made; the strengths differ"
        )


def _packages(
    table: tuple[str, str], products: Mapping[str, Product]
) -> dict[str, tuple[str, bool]]:
    """The product of each package, and whether the package is retired."""
    found: dict[str, tuple[str, bool]] = {}
    for where, row in _rows(*table, NDC_COLUMNS):
        try:
            ndc = NdcCode(row["ndc"]).value
        except MalformedCode as error:
            raise UnusableTable(f"{where}: {error} (eleven digits are needed)") from None
        if row["rxcui"] not in products:
            raise UnusableTable(f"{where}: the table of products has no {row['rxcui']!r}")
        if ndc in found:
            raise UnusableTable(f"{where}: the NDC {ndc} stands there twice")
        found[ndc] = row["rxcui"], _is_retired(where, row["status"])
    return found
