"""JSON in and out without losing a digit: numbers with a fraction are decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class NotJson(ValueError):
    """The bytes are no JSON that can be read; the message is a sentence."""


def decode(raw: bytes) -> Any:
    """Decode strict JSON (no NaN, no infinity); fractions arrive as Decimal. Raises NotJson."""
    try:
        return _DECODER.decode(raw)
    except RecursionError:
        raise NotJson("the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, ValueError):
        # The decoder's own message can quote the input, which is patient data.
        raise NotJson("the body is not valid JSON") from None


def encode(value: object) -> bytes:
    """Encode with decimals written as they are: 0.50 stays 0.50."""
    return _ENCODER.encode(value)


def pretty(value: object) -> str:
    """The same, indented for a person."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2).decode()
