"""Fields as they are typed: text that is kept and shown again, and read as what it means."""

from __future__ import annotations

from fractions import Fraction

from starlette.datastructures import ImmutableMultiDict

from clinical.quantities import exact

Fields = ImmutableMultiDict[str, str]

_LONGEST_TEXT = 40


def shortened(text: str) -> str:
    """A field's text, as much of it as any sensible answer has."""
    return text.strip()[:_LONGEST_TEXT]


def text_of(given: Fields, name: str, default: str) -> str:
    """What was typed in a field; the default where the field was not sent at all."""
    return shortened(given[name]) if name in given else str(default)


def amount(text: str, unit: str) -> Fraction:
    """A number with or without its unit, decimal comma or point.

    Raises MalformedQuantity for anything else, another unit included.
    """
    return exact(text.removesuffix(unit).strip().replace(",", "."))
