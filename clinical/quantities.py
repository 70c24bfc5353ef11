"""Amounts as exact numbers.

Doses are rational numbers (`fractions.Fraction`), never binary floats: 0.1 mg taken twenty
times is 2 mg, 1 mg every third day is 1/3 mg/day, and 1.999 mg is under 2 mg. What is shown
is a decimal; only a number without a finite decimal (1/3) is rounded when shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache

_SHOWN_PLACES = 6
"""Decimal places shown of a number that has no finite decimal."""

SMALLEST_SHOWN = Fraction(1, 10**_SHOWN_PLACES)
"""The smallest number that is never shown as 0."""

_WIDE = Context(prec=100, rounding=ROUND_HALF_UP)
"""Wide enough for an order's amount per day before it is found to be beyond any amount."""

LARGEST = Fraction(10**9)
"""No amount, period or count in an order is near this; a larger one is malformed input."""


class MalformedQuantity(ValueError):
    """A number that cannot be an amount. The message says why, without the patient."""


_MOST_DIGITS = 40
"""No amount in an order is written with more digits."""


def exact(value: object) -> Fraction:
    """A finite, non-negative number of a sane size as an exact fraction.

    Raises MalformedQuantity for NaN, infinity, a negative number, a number over `LARGEST` or
    with more digits than any order needs, and for anything that is no Decimal, integer,
    Fraction or decimal text. A `bool` is refused: JSON's true is not 1.
    """
    if isinstance(value, Fraction):
        number = value
    elif isinstance(value, Decimal | int | str) and not isinstance(value, bool):
        number = _fraction(value)
    else:
        raise MalformedQuantity(f"a {type(value).__name__} is not an exact number")
    # Whole numbers are compared: a comparison of Fractions takes ten times as long.
    if number.numerator < 0:
        raise MalformedQuantity("the value is negative")
    if number.numerator > LARGEST.numerator * number.denominator:
        raise MalformedQuantity("the value is beyond any amount that can be ordered")
    return number


def _fraction(value: Decimal | int | str) -> Fraction:
    if isinstance(value, int) and value.bit_length() < 64:
        return Fraction(value)  # as most amounts are written
    try:
        decimal = Decimal(value)
    except ArithmeticError:
        raise MalformedQuantity("the value is not a number") from None
    if not decimal.is_finite():
        raise MalformedQuantity("the value is not a finite number")
    if decimal and not -30 <= decimal.adjusted() <= 30:
        raise MalformedQuantity("the value is beyond any amount that can be ordered")
    if len(decimal.as_tuple().digits) > _MOST_DIGITS:
        raise MalformedQuantity("the value has more digits than any amount that can be ordered")
    return Fraction(decimal)


def as_decimal(number: Fraction) -> Decimal:
    """The number as a decimal without trailing zeros; rounded half-up only where it is endless."""
    denominator = number.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    quotient = _WIDE.divide(Decimal(number.numerator), Decimal(number.denominator))
    if denominator != 1:
        quotient = quotient.quantize(Decimal(1).scaleb(-_SHOWN_PLACES), context=_WIDE)
    if quotient == quotient.to_integral_value():
        return Decimal(int(quotient))
    return quotient.normalize(_WIDE)


def plain(number: Fraction) -> str:
    """As a person writes it: "0.5", "3", "1.875"; "0.333333" for a third."""
    over, under = number.numerator, number.denominator
    return str(over) if under == 1 else _plain(over, under)


@lru_cache(maxsize=1024)
def _plain(over: int, under: int) -> str:
    """Kept, for the parts of a tablet are few and stand in every line of a plan.

    By two whole numbers: to look up a Fraction takes longer than to make one.
    """
    return format(as_decimal(Fraction(over, under)), "f")


@dataclass(frozen=True, slots=True, order=True)
class Milligrams:
    """An amount of an ingredient in mg, exact."""

    value: Fraction

    def __post_init__(self) -> None:
        exact(self.value)

    @classmethod
    def of(cls, value: Decimal | int | str) -> Milligrams:
        """From a decimal, an integer or decimal text. Raises MalformedQuantity."""
        return cls(exact(value))

    @property
    def micrograms(self) -> int | None:
        """Whole micrograms, or None when the amount is not a whole number of them."""
        whole, rest = divmod(self.value.numerator * 1000, self.value.denominator)
        return None if rest else whole

    def __str__(self) -> str:
        return f"{plain(self.value)} mg"
