"""The products that can be ordered, found by the words that a person types."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..patients.story import Product
from ..patients.vocabulary import RXNORM
from ..records.json_text import Resource

_MOST_SHOWN = 12


class Formulary:
    """A search over the products. `said` is how this EHR calls them, `name` how RxNorm does."""

    def __init__(self, products: Mapping[str, Product]) -> None:
        self.products = tuple(sorted(products.values(), key=_natural))
        self._by_words = {_plain(product.name): product for product in self.products}
        self._by_words |= {_plain(product.said): product for product in self.products}
        self._by_code = {product.rxnorm: product for product in self.products}

    def product(self, words: str) -> Product | None:
        """The product of exactly this name; None when there is none, or only a similar one."""
        return self._by_words.get(_plain(words))

    def like(self, words: str) -> list[Product]:
        """Products that hold each typed word, else those that hold any of them."""
        typed = _plain(words).split()
        if not typed:
            return []
        every = [item for item in self.products if all(word in _said(item) for word in typed)]
        long_words = [word for word in typed if len(word) > 3]
        some = [item for item in self.products if any(word in _said(item) for word in long_words)]
        return (every or some)[:_MOST_SHOWN]

    def of_order(self, order: Resource) -> Product | None:
        """The product that an order names by its RxNorm code."""
        concept = order.get("medicationCodeableConcept")
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else []:
            if isinstance(coding, dict) and coding.get("system") == RXNORM:
                found = self._by_code.get(str(coding.get("code")))
                if found is not None:
                    return found
        return None


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _said(product: Product) -> str:
    return _plain(f"{product.said} {product.name}")


def _natural(product: Product) -> tuple[str, Decimal, str]:
    """By name and then by strength: 0.5 mg before 1 mg before 10 mg."""
    first, _, rest = product.said.partition(" ")
    number = rest.split(" ", 1)[0]
    is_number = number.isascii() and number.replace(".", "", 1).isdigit()
    return first, Decimal(number) if is_number else Decimal(0), product.said
