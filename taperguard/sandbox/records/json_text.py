"""JSON in and out without losing what a number looked like.

FHIR (section 2.24.0.1, "Primitive Types", decimal) asks to keep the precision of a decimal: 0.50
is not 0.5. Python's floats cannot, so numbers with a point are Decimals here.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

Resource = dict[str, Any]
"""A FHIR resource as plain JSON data, decimals as `Decimal`."""


def read(text: str | bytes) -> Any:
    """The value that `text` says; ValueError when it is not JSON (NaN and Infinity are not)."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def write(value: Any) -> str:
    """`value` as compact JSON; a Decimal keeps its digits.

    TypeError for what JSON cannot say, binary floats among them: a dose that went through one has
    lost its digits already.
    """
    # The most frequent first: a chart is mostly objects and text.
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{_key(key)}:{write(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(write, value)) + "]"
    if isinstance(value, Decimal):
        return _number(value)
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} has no place in a FHIR resource")


@lru_cache(maxsize=2048)
def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("the keys of a JSON object are strings")
    return encode_basestring(key)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise TypeError("NaN and infinity are no JSON numbers")
    return str(value)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
