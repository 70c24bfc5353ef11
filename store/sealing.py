"""What the store asks of whoever seals for it: the keys are not its business."""

from __future__ import annotations

from typing import Protocol


class Sealer(Protocol):
    """Seals bytes, bound to what they are about, and opens them again."""

    def seal(self, plain: bytes, about: str) -> bytes:
        """The sealed value."""
        ...

    def open(self, sealed: bytes, about: str) -> bytes:
        """The plain value; raises when it was altered or belongs elsewhere."""
        ...

    def fingerprint(self, *parts: str) -> str:
        """A keyed hash by which equal identifiers are found again."""
        ...
