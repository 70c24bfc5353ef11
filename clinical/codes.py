"""Codes as values: each code system is its own type and refuses a code it cannot contain.

`X.of(text)` reads a code as people write it and brings it into the one form that is compared;
the constructor takes only that form. Both raise MalformedCode, with a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self


class MalformedCode(ValueError):
    """The text cannot be a code of the system. The message says why."""


@dataclass(frozen=True, slots=True, order=True)
class _Code:
    """A code in the form in which codes of its system are compared."""

    value: str

    _SYSTEM: ClassVar[str] = "code"
    _FORM: ClassVar[re.Pattern[str]] = re.compile(r"(?!)")

    def __post_init__(self) -> None:
        if not self._FORM.fullmatch(self.value):
            raise MalformedCode(f"this is no {self._SYSTEM}: {self.value[:40]!r}")

    @classmethod
    def of(cls, text: str) -> Self:
        """The code as people write it, without surrounding blanks. Raises MalformedCode."""
        return cls(text.strip())

    def __str__(self) -> str:
        return self.value


class RxNormCode(_Code):
    """A concept of RxNorm (RXCUI): a whole number without leading zeros."""

    __slots__ = ()
    _SYSTEM = "RxNorm code"
    _FORM = re.compile(r"[1-9][0-9]{0,7}", re.ASCII)


class NdcCode(_Code):
    """A package of the National Drug Code: eleven digits (5-4-2), as billing systems write it."""

    __slots__ = ()
    _SYSTEM = "NDC"
    _FORM = re.compile(r"[0-9]{11}", re.ASCII)
    _WIDTHS = (5, 4, 2)
    _TEN_DIGITS = frozenset({(4, 4, 2), (5, 3, 2), (5, 4, 1)})

    @classmethod
    def of(cls, text: str) -> Self:
        """Eleven digits, or the hyphenated forms 4-4-2, 5-3-2, 5-4-1 and 5-4-2.

        Ten digits without hyphens are refused: three different packages could be meant.
        """
        text = text.strip()
        parts = text.split("-")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
            lengths = (len(parts[0]), len(parts[1]), len(parts[2]))
            if lengths == cls._WIDTHS or lengths in cls._TEN_DIGITS:
                return cls("".join(p.zfill(w) for p, w in zip(parts, cls._WIDTHS, strict=True)))
        return cls(text)


class Icd10Code(_Code):
    """A code of ICD-10 or ICD-10-CM without its dot, in capitals: R29.6 is "R296"."""

    __slots__ = ()
    _SYSTEM = "ICD-10 code"
    _FORM = re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}", re.ASCII)
    _WRITTEN = re.compile(r"([A-Za-z][0-9][0-9A-Za-z])(?:\.?([0-9A-Za-z]{1,4}))?", re.ASCII)

    @classmethod
    def of(cls, text: str) -> Self:
        """With or without the dot after the third character, in any letter case."""
        written = cls._WRITTEN.fullmatch(text.strip())
        if written is None:
            raise MalformedCode(f"this is no {cls._SYSTEM}: {text[:40]!r}")
        return cls((written[1] + (written[2] or "")).upper())

    @property
    def dotted(self) -> str:
        """As printed: "R29.6"."""
        return self.value if len(self.value) == 3 else f"{self.value[:3]}.{self.value[3:]}"


class SnomedCode(_Code):
    """A concept of SNOMED CT: 6 to 18 digits, the last one a Verhoeff check digit."""

    __slots__ = ()
    _SYSTEM = "SNOMED CT concept"
    _FORM = re.compile(r"[1-9][0-9]{5,17}", re.ASCII)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _verhoeff(self.value):
            raise MalformedCode(f"the check digit of this SNOMED CT concept is wrong: {self.value}")


class LoincCode(_Code):
    """A LOINC code: a number, a hyphen and a check digit (Luhn)."""

    __slots__ = ()
    _SYSTEM = "LOINC code"
    _FORM = re.compile(r"[1-9][0-9]{0,6}-[0-9]", re.ASCII)

    def __post_init__(self) -> None:
        super().__post_init__()
        number, check = self.value.split("-")
        if _luhn(number) != int(check):
            raise MalformedCode(f"the check digit of this LOINC code is wrong: {self.value}")


def _luhn(number: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


_DIHEDRAL = tuple(
    tuple(int(d) for d in row)
    for row in (
        *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
        *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
    )
)
"""Multiplication in the dihedral group D5, on which Verhoeff's check digit rests."""

_PERMUTED = tuple(
    tuple(int(d) for d in row)
    for row in (
        *("0123456789", "1576283094", "5803796142", "8916043527"),
        *("9453126870", "4286573901", "2793806415", "7046913258"),
    )
)


def _verhoeff(digits: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _DIHEDRAL[check][_PERMUTED[place % 8][int(digit)]]
    return check == 0
