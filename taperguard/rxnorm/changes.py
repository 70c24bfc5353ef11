"""What a release changes in the tables that are in use: for the pharmacist, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from clinical.drug.names import read_name
from clinical.drug.tables import Product, SiteTables, shipped_ingredients, shipped_products
from clinical.quantities import plain
from clinical.taper.tablets import default_products
from taperguard.rxnorm.products import Harvest

SHOWN = 20
"""Rows of one kind that are printed; the JSON has them all."""

_TITLES = {
    "clonazepam": "Clonazepam tablets to look at: tapers are made of the shipped table",
    "strength_changed": "Strength changed",
    "ingredients_changed": "Ingredients changed",
    "form_changed": "Form changed",
    "renamed": "Renamed",
    "became_obsolete": "Became obsolete (kept, marked retired)",
    "removed": "No longer in the release (kept, marked retired)",
    "returned": "In use again",
    "added": "Added",
    "doubtful": "Doubtful: left without a strength",
    "unknown_brands": "Brands that a name in plain text does not tell yet (names.csv)",
    "not_found": "Our ingredients that the release does not have under a name we know",
    "ndc_moved": "NDCs that now mean another product",
    "ndc_added": "NDCs added",
    "ndc_removed": "NDCs no longer in the release (kept, marked retired)",
    "ndc_disputed": "NDCs of two different drugs (left out)",
}


@dataclass(slots=True)
class Changes:
    """The merged tables, and every change by kind."""

    version: str
    products: dict[str, Product]
    ndc: dict[str, str] | None
    retired_ndc: frozenset[str]
    malformed_ndcs: int
    kinds: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in _TITLES})

    def as_json(self) -> dict[str, Any]:
        """The report for a machine: counts and every row."""
        return {
            "release": self.version,
            "products": len(self.products),
            "ndcs": None if self.ndc is None else len(self.ndc),
            "malformed_ndcs": self.malformed_ndcs,
            "counts": {kind: len(rows) for kind, rows in self.kinds.items()},
            "rows": self.kinds,
        }

    def as_text(self) -> str:
        """The report for a person: counts first, then the rows of each kind, the first ones."""
        lines = [f"RxNorm {self.version}: {len(self.products)} products"]
        if self.ndc is not None:
            lines[0] += f", {len(self.ndc)} NDCs ({self.malformed_ndcs} malformed left out)"
        lines += [f"  {len(rows):6}  {_TITLES[k]}" for k, rows in self.kinds.items() if rows]
        for kind, rows in self.kinds.items():
            if rows:
                lines += ["", f"{_TITLES[kind]}:", *(f"  {row}" for row in rows[:SHOWN])]
                if len(rows) > SHOWN:
                    lines.append(f"  ... and {len(rows) - SHOWN} more (--format json has them)")
        return "\n".join(lines) + "\n"


def compare(
    version: str, harvest: Harvest, before: Mapping[str, Product], site: SiteTables | None
) -> Changes:
    """The new tables, with what the old ones had besides, and how they differ from the old.

    `before` is what is known now: the site's tables over the shipped ones. `site` are the
    site's alone, whose packages are kept.
    """
    changes = Changes(version, dict(harvest.products), None, frozenset(), harvest.malformed_ndcs)
    for rxcui, product in harvest.products.items():
        _note(changes.kinds, before.get(rxcui), product)
    for rxcui, old in sorted(before.items(), key=lambda item: int(item[0])):
        if rxcui not in harvest.products:
            # A chart holds old codes: what was known stays known.
            changes.products[rxcui] = replace(old, retired=True)
            if not old.retired:
                changes.kinds["removed"].append(_said(old))
    changes.kinds["clonazepam"] = _shelf(changes.products)
    changes.kinds["unknown_brands"] = _unknown_brands(harvest.products.values())
    changes.kinds["doubtful"] = harvest.doubtful
    changes.kinds["not_found"] = harvest.not_found
    if harvest.ndc is not None:
        _compare_packages(changes, harvest.ndc, site)
        changes.kinds["ndc_disputed"] = harvest.disputed_ndcs
    return changes


def _note(kinds: dict[str, list[str]], old: Product | None, new: Product) -> None:
    if old is None:
        kinds["became_obsolete" if new.retired else "added"].append(_said(new))
        return
    if old.retired != new.retired:
        kinds["became_obsolete" if new.retired else "returned"].append(_said(new))
    if old.name.lower() != new.name.lower():
        kinds["renamed"].append(f"{new.rxcui}: {old.name} -> {new.name}")
    if set(old.ingredients) != set(new.ingredients):
        kinds["ingredients_changed"].append(
            f"{_said(new)}: {' / '.join(old.ingredients)} -> {' / '.join(new.ingredients)}"
        )
    if (dict(old.strengths), old.per_unit) != (dict(new.strengths), new.per_unit):
        kinds["strength_changed"].append(f"{_said(new)}: {_strength(old)} -> {_strength(new)}")
    if old.form != new.form:
        kinds["form_changed"].append(f"{_said(new)}: {old.form} -> {new.form}")


def _said(product: Product) -> str:
    return f"{product.rxcui} {product.name}"


def _strength(product: Product) -> str:
    if not product.strengths:
        return "none"
    listed = (f"{name} {plain(mg)} mg" for name, mg in sorted(product.strengths.items()))
    return f"{' / '.join(listed)} per {product.per_unit}"


def _shelf(products: Mapping[str, Product]) -> list[str]:
    """Where the shelf of which tapers are made and the release differ."""
    gone = [
        f"{_said(products[tablet.rxcui])}: retired, but tapers may still name it"
        for tablet in default_products()
        if products[tablet.rxcui].retired
    ]
    shelf = {p.rxcui for p in shipped_products().values() if _is_clonazepam_tablet(p)}
    new = [
        f"{_said(product)}: not in the shipped table, so no taper is made of it"
        for product in products.values()
        if _is_clonazepam_tablet(product) and not product.retired and product.rxcui not in shelf
    ]
    return gone + new


def _is_clonazepam_tablet(product: Product) -> bool:
    return product.ingredients == ("clonazepam",) and product.per_unit == "tablet"


def _unknown_brands(products: Iterable[Product]) -> list[str]:
    """Brands of the drugs that matter most, by which a plain text would not be recognised."""
    known = shipped_ingredients()
    return [
        f"{product.name}: {' / '.join(product.ingredients)}"
        for product in products
        if product.term_type == "BN"
        and not product.retired
        and any(known[n].classes & _WATCHED for n in product.ingredients if n in known)
        and read_name(product.name) is None
    ]


_WATCHED = frozenset({"benzodiazepine", "z-drug", "opioid"})


def _compare_packages(changes: Changes, new: Mapping[str, str], site: SiteTables | None) -> None:
    old = site.ndc if site is not None else {}
    retired = site.retired_ndc if site is not None else frozenset()
    kinds = changes.kinds
    for ndc, rxcui in new.items():
        if ndc not in old:
            kinds["ndc_added"].append(f"{ndc} {rxcui}")
        elif old[ndc] != rxcui:
            kinds["ndc_moved"].append(f"{ndc} {old[ndc]} -> {rxcui}")
    gone = sorted(set(old) - set(new))
    kinds["ndc_removed"] = [f"{ndc} {old[ndc]}" for ndc in gone if ndc not in retired]
    changes.ndc = {**new, **{ndc: old[ndc] for ndc in gone}}
    changes.retired_ndc = frozenset(gone)
