"""Amounts are exact, or refused with a reason."""

from decimal import Decimal
from fractions import Fraction

import pytest

from clinical.quantities import MalformedQuantity, Milligrams, as_decimal, exact, plain


def test_a_tenth_twenty_times_is_two():
    assert sum((exact("0.1") for _ in range(20)), Fraction(0)) == 2


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-1",
        "1e400",
        "1e-400",
        "one",
        "",
        Decimal("NaN"),
        10**10,
        "0." + "1" * 100_000,
        Decimal("1." + "3" * 60),
        True,
        1.5,
        None,
        [],
        {},
    ],
)
def test_what_can_be_no_amount_is_refused(value):
    with pytest.raises(MalformedQuantity):
        exact(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.50", "0.5"),
        ("3.000", "3"),
        ("1.875", "1.875"),
        ("1000", "1000"),
        ("0", "0"),
    ],
)
def test_numbers_are_shown_without_trailing_zeros(value, shown):
    assert plain(exact(value)) == shown


def test_only_an_endless_decimal_is_rounded_when_shown():
    assert plain(Fraction(1, 3)) == "0.333333"
    assert as_decimal(Fraction(1, 8)) == Decimal("0.125")


def test_a_number_too_large_for_any_order_can_still_be_told():
    """Once per 10^-30 weeks, of 10 mg: 10^31/7 a day, told before it is found to be beyond."""
    assert plain(Fraction(10**31, 7)) == "1" + "428571" * 5 + ".428571"


def test_no_digit_of_a_finite_decimal_is_lost():
    """33 digits, which Python's usual 28 would round."""
    assert plain(exact("1.00000000000000000000000000000001")) == (
        "1.00000000000000000000000000000001"
    )


def test_micrograms_are_whole_or_nothing():
    assert Milligrams.of("0.125").micrograms == 125
    assert Milligrams.of("0.0005").micrograms is None
