"""Tablets that exist, which doses they make, and the best way to make one.

Inside, an amount is a whole number of micrograms. The best way to make an intake has the
least pieces + 2 x distinct products (CLINICAL 6); it is found exactly, with all its ties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd

from clinical.knowledge import table
from clinical.quantities import Milligrams, as_decimal, plain
from clinical.taper.refusal import CannotTaper

DISINTEGRATING = "disintegrating tablet"
"""The form of an orally disintegrating tablet (ODT) in `clonazepam_products.csv`."""

PRODUCT_WEIGHT = 2
"""A further product in one intake weighs as much as this many further pieces (CLINICAL 6)."""

_NEVER = 10**9
"""The cost of what cannot be made: above that of any intake."""


@dataclass(frozen=True, slots=True)
class TabletProduct:
    """A tablet by its RxNorm code; `strength_ug` is micrograms of clonazepam in one.

    `halvable` is a site's setting: shipped products are all taken whole (CLINICAL 6).
    Raises CannotTaper for a strength that is not positive, and where halves are allowed of a
    disintegrating tablet (never) or of one whose half is no whole microgram.
    """

    rxcui: str
    name: str
    strength_ug: int
    form: str
    halvable: bool = False

    def __post_init__(self) -> None:
        if self.strength_ug <= 0:
            raise CannotTaper(f"The strength of {self.name} is not positive.")
        if self.halvable and self.disintegrates:
            raise CannotTaper(f"{self.name} disintegrates: it is never halved.")
        if self.halvable and self.strength_ug % 2:
            raise CannotTaper(f"Half of {self.name} is no whole number of micrograms.")

    def __hash__(self) -> int:
        """By code alone: equal products have one, and shelves of them are looked up often."""
        return hash(self.rxcui)

    @property
    def strength(self) -> Milligrams:
        """Mg of clonazepam in one tablet."""
        return Milligrams(Fraction(self.strength_ug, 1000))

    @property
    def smallest_piece_ug(self) -> int:
        """Micrograms in the smallest piece one may take of it."""
        return self.strength_ug // 2 if self.halvable else self.strength_ug

    @property
    def disintegrates(self) -> bool:
        """Whether it falls apart in the mouth (ODT)."""
        return self.form == DISINTEGRATING

    def shelf_order(self) -> tuple[int, bool, str]:
        """The order in which products are listed: stronger first, plain before disintegrating."""
        return -self.strength_ug, self.form != "tablet", self.rxcui

    @property
    def short_name(self) -> str:
        """For example "0.25 mg disintegrating tablet"."""
        return f"{self.strength} {self.form}"


@dataclass(frozen=True)
class Pieces:
    """How many of one tablet: whole, or with a half where the product may be halved.

    A box keeps those it makes, and so what they amount to is worked out once.
    """

    product: TabletProduct
    count: Decimal

    @cached_property
    def micrograms(self) -> int:
        """Micrograms of clonazepam in them together."""
        return int(self.count * self.product.strength_ug)

    @cached_property
    def halves(self) -> int:
        """How many half tablets they are: a whole one is two."""
        return int(self.count * 2)

    @cached_property
    def can_be_taken(self) -> bool:
        """Whether the count is positive, and whole unless the product may be halved."""
        parts = 2 if self.product.halvable else 1
        return self.count > 0 and (self.count * parts) % 1 == 0

    @property
    def in_words(self) -> str:
        """For example "3 x 0.25 mg disintegrating tablet"."""
        return f"{self.count} x {self.product.short_name}"


def dose_text(micrograms: int | Fraction) -> str:
    """A dose in micrograms as a person writes it: "0.125 mg"."""
    return f"{plain(Fraction(micrograms, 1000))} mg"


# --- the shelf -----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _shelf() -> Mapping[str, tuple[TabletProduct, bool]]:
    """Every tablet that may be in a US taper, and whether it is one of the defaults."""
    return {
        row["rxcui"]: (
            TabletProduct(
                rxcui=row["rxcui"],
                name=row["name"],
                strength_ug=int(Decimal(row["strength_mg"]) * 1000),
                form=row["form"],
                halvable=row["halvable"] == "yes",
            ),
            row["tty"] == "SCD",
        )
        for row in table("clonazepam_products.csv")
        if row["us_tablet"] == "yes"
    }


def default_products() -> tuple[TabletProduct, ...]:
    """All US generic clonazepam tablets, whole (CLINICAL 6)."""
    return tuple(product for product, is_default in _shelf().values() if is_default)


def products_of(rxcuis: Iterable[str], halved: Iterable[str] = ()) -> tuple[TabletProduct, ...]:
    """The tablets with these RxNorm codes, each once; those `halved` may be taken in halves.

    Raises CannotTaper for a code that is no US clonazepam tablet, for no code at all, and for
    a half of a tablet that is not among them or that disintegrates.
    """
    chosen: dict[str, TabletProduct] = {}
    for rxcui in rxcuis:
        if rxcui not in _shelf():
            known = ", ".join(_shelf())
            raise CannotTaper(
                f'"{rxcui}" is not the RxNorm code of a US clonazepam tablet; known are {known}.'
            )
        chosen[rxcui] = _shelf()[rxcui][0]
    if not chosen:
        raise CannotTaper("A taper needs at least one tablet to be made of.")
    for rxcui in halved:
        if rxcui not in chosen:
            raise CannotTaper(f'"{rxcui}" is to be halved and is not among the tablets.')
        chosen[rxcui] = replace(chosen[rxcui], halvable=True)
    return tuple(chosen.values())


# --- what the tablets make -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Combination:
    """One best way to make an intake.

    `halves` tells for each product of the box (by its place) how many halves of it are taken:
    an even number is whole tablets. `mask` has a bit for each product used.
    """

    pieces: int
    halves: tuple[tuple[int, int], ...]
    mask: int

    @property
    def rank(self) -> tuple[int, tuple[tuple[int, int], ...]]:
        """The last tie-break: fewer pieces, then stronger tablets, plain before disintegrating."""
        return self.pieces, self.halves


class TabletBox:
    """The doses that a set of tablets makes, up to a largest dose.

    The order in which the products are named does not matter. `_cost[i][v]` is the least
    pieces + 2 x products that make v units of the products from place i on.
    """

    def __init__(self, products: Iterable[TabletProduct], largest_ug: int) -> None:
        self.products = tuple(sorted(set(products), key=TabletProduct.shelf_order))
        if not self.products:
            raise CannotTaper("A taper needs at least one tablet to be made of.")
        self._shelf = frozenset(self.products)
        self._unit = gcd(*(product.smallest_piece_ug for product in self.products))
        self._units = largest_ug // self._unit
        self._cost = self._costs()
        self._best: dict[int, tuple[Combination, ...]] = {}
        self._pieces: dict[Combination, tuple[Pieces, ...]] = {}

    @property
    def smallest_ug(self) -> int:
        """The smallest dose above nothing, in micrograms."""
        return min(product.smallest_piece_ug for product in self.products)

    def __contains__(self, product: TabletProduct) -> bool:
        return product in self._shelf

    def _costs(self) -> list[list[int]]:
        rest = [0] + [_NEVER] * self._units
        rows = [rest]
        for product in reversed(self.products):
            whole = product.strength_ug // self._unit
            half = whole // 2 if product.halvable else 0
            # used[v]: v units with at least one whole tablet of this product.
            used = [_NEVER] * (self._units + 1)
            for v in range(whole, self._units + 1):
                used[v] = 1 + min(rest[v - whole] + PRODUCT_WEIGHT, used[v - whole])
            row = [min(a, b) for a, b in zip(rest, used, strict=True)]
            if half:
                for v in range(half, self._units + 1):
                    row[v] = min(row[v], 1 + min(rest[v - half] + PRODUCT_WEIGHT, used[v - half]))
            rows.append(row)
            rest = row
        rows.reverse()
        return rows

    def makes(self, micrograms: int | Fraction) -> bool:
        """Whether the tablets make exactly this dose (nothing at all is always made)."""
        units, over = divmod(micrograms, self._unit)
        return not over and 0 <= units <= self._units and self._makes_units(units)

    def _makes_units(self, units: int) -> bool:
        return self._cost[0][units] != _NEVER

    def at_least(self, micrograms: int | Fraction) -> int | None:
        """The smallest makeable dose that is not below this one; None above the largest."""
        for units in range(max(self._units_up(micrograms), 0), self._units + 1):
            if self._makes_units(units):
                return units * self._unit
        return None

    def below(self, micrograms: int | Fraction) -> int:
        """The largest makeable dose strictly below this positive one; 0 when there is none."""
        for units in range(min(self._units_up(micrograms) - 1, self._units), 0, -1):
            if self._makes_units(units):
                return units * self._unit
        return 0

    def at_most(self, micrograms: int | Fraction) -> int:
        """The largest makeable dose that is not above this one."""
        return int(micrograms) if self.makes(micrograms) else self.below(micrograms)

    def _units_up(self, micrograms: int | Fraction) -> int:
        return -int(-micrograms // self._unit)

    def best(self, micrograms: int) -> tuple[Combination, ...]:
        """Every way to make the dose with the least pieces + 2 x products, the preferred first.

        Raises CannotTaper when the tablets do not make it.
        """
        if not self.makes(micrograms):
            raise CannotTaper(f"These tablets do not make {dose_text(micrograms)}.")
        if micrograms not in self._best:
            found = [
                Combination(
                    pieces=sum(h // 2 + h % 2 for _, h in halves),
                    halves=halves,
                    mask=sum(1 << place for place, _ in halves),
                )
                for halves in self._ways(0, micrograms // self._unit)
            ]
            self._best[micrograms] = tuple(sorted(found, key=lambda way: way.rank))
        return self._best[micrograms]

    def _ways(self, place: int, units: int) -> list[tuple[tuple[int, int], ...]]:
        if place == len(self.products):
            return [()]
        product = self.products[place]
        piece = product.smallest_piece_ug // self._unit
        halves_each = 1 if product.halvable else 2
        here, rest = self._cost[place], self._cost[place + 1]
        ways: list[tuple[tuple[int, int], ...]] = []
        for taken in range(units // piece + 1):
            halves = taken * halves_each
            cost = halves // 2 + halves % 2 + (PRODUCT_WEIGHT if taken else 0)
            left = units - taken * piece
            if cost + rest[left] == here[units]:
                this = ((place, halves),) if taken else ()
                ways += [this + way for way in self._ways(place + 1, left)]
        return ways

    def pieces(self, combination: Combination) -> tuple[Pieces, ...]:
        """The combination as tablets, the strongest first."""
        if combination not in self._pieces:
            self._pieces[combination] = tuple(
                Pieces(self.products[place], as_decimal(Fraction(halves, 2)))
                for place, halves in combination.halves
            )
        return self._pieces[combination]


@lru_cache(maxsize=128)
def _box(products: frozenset[TabletProduct], largest_ug: int) -> TabletBox:
    return TabletBox(products, largest_ug)


def box_of(products: Iterable[TabletProduct], largest_ug: int) -> TabletBox:
    """The box of these products; made once and kept, for it is the same for every patient."""
    return _box(frozenset(products), largest_ug)
