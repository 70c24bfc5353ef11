"""What is written alike is read once.

A clinic writes the same products, diagnoses and fills for thousands of patients. What such a part
of a record means is kept in this process by its JSON; a long part is no usual one and is read each
time, as is what is no JSON at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

from ehr.decode import NotJson, decode, encode

MOST_KEPT = 4096
LONGEST_KEPT = 2000
"""Bytes of JSON."""

_Meaning = TypeVar("_Meaning")


class ReadOnce(Generic[_Meaning]):
    """A reader of JSON whose answer depends on that JSON, and on what is shipped, alone.

    What a site can set is none of that. Nobody changes an answer.
    """

    def __init__(self, read: Callable[[Any], _Meaning]) -> None:
        self._read = read
        self._kept = lru_cache(maxsize=MOST_KEPT)(lambda written: read(decode(written)))

    def __call__(self, value: Any) -> _Meaning:
        """What the value means."""
        try:
            written = encode(value)
        except (NotJson, TypeError, ValueError, RecursionError):
            return self._read(value)
        return self._kept(written) if len(written) <= LONGEST_KEPT else self._read(value)

    def of_json(self, written: bytes) -> _Meaning:
        """What the value that is written so means. Raises NotJson."""
        if len(written) <= LONGEST_KEPT:
            return self._kept(written)
        return self._read(decode(written))
