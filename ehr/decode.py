"""JSON in and out without losing a digit: numbers with a fraction are decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")

MOST_LEVELS = 100
"""Objects and arrays within each other that are read; a FHIR record has a dozen."""

_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


_TOO_DEEP = "the JSON is nested too deeply"


class NotJson(ValueError):
    """The bytes are no JSON that can be read; the message is a sentence."""


def decode(raw: bytes) -> Any:
    """Decode strict JSON (no NaN, no infinity); fractions arrive as Decimal. Raises NotJson.

    What is deeper than MOST_LEVELS is refused, whoever calls: the decoder's own limit is what is
    left of the stack.
    """
    try:
        value = _DECODER.decode(raw)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, ValueError):
        # The decoder's own message can quote the input, which is patient data.
        raise NotJson("the body is not valid JSON") from None
    if _is_deep(raw):
        raise NotJson(_TOO_DEEP)
    return value


_Shape = TypeVar("_Shape")


class OtherShape(ValueError):
    """The bytes do not have the shape that was expected, or are no JSON at all."""


class ShapeDecoder(Generic[_Shape]):
    """Decodes JSON of one known shape; what the shape does not name is skipped, which costs little.

    A skipped number may be one that no decimal can hold; all else has to be JSON as for `decode`.
    """

    def __init__(self, shape: type[_Shape]) -> None:
        self._decode = msgspec.json.Decoder(shape, float_hook=Decimal).decode

    def __call__(self, raw: bytes | msgspec.Raw) -> _Shape:
        """Raises OtherShape."""
        try:
            return self._decode(raw)
        except (msgspec.DecodeError, ArithmeticError, ValueError, RecursionError):
            raise OtherShape("the JSON has another shape") from None


def is_text_in_bounds(raw: bytes) -> bool:
    """Whether it is UTF-8 and no deeper than `decode` allows: what a ShapeDecoder skips over."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return not _is_deep(raw)


def _is_deep(raw: bytes) -> bool:
    """Whether brackets stand within each other deeper than allowed.

    Each round takes away the innermost ones. That costs a seventh of decoding; to walk through the
    value costs as much as decoding. Brackets in texts may not pair: then nothing is left to take
    away, and the answer is no. Who hides depth behind such texts meets the decoder's own limit.
    """
    brackets = raw.translate(None, _ALL_BUT_BRACKETS)
    if len(brackets) <= 2 * MOST_LEVELS or _ends_within(brackets, MOST_LEVELS // 2, b""):
        return False  # a round without marks takes away at most two levels: "{[]}"
    return not _ends_within(brackets, MOST_LEVELS, b".")


def _ends_within(brackets: bytes, rounds: int, mark: bytes) -> bool:
    """Whether after so many rounds nothing is left to take away.

    With a mark in the place of what was taken, a round takes away one level and no more.
    """
    for _ in range(rounds):
        fewer = brackets.replace(b"[]", mark).replace(b"{}", mark)
        if mark:
            fewer = fewer.replace(mark, b"")
        if not fewer or len(fewer) == len(brackets):
            return True
        brackets = fewer
    return False


def encode(value: object) -> bytes:
    """Encode with decimals written as they are: 0.50 stays 0.50."""
    return _ENCODER.encode(value)


def pretty(value: object) -> str:
    """The same, indented for a person."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2).decode()
