"""Which observations a check looks at, and what their coded answers mean.

The tables are `knowledge/observations.csv` (by LOINC code) and `observation_answers.csv`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import cache

from clinical.code_systems import by_snomed, system_of
from clinical.drug.description import Coded
from clinical.knowledge import table


class Kind(StrEnum):
    """How the value of an observation is read."""

    SCORE = "score"
    COUNT = "count"
    POINTS = "points"
    YES_NO = "yes_no"
    PANEL = "panel"
    WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Observed:
    """A row of the table: `most` is the highest score, `days` how long it tells of the present."""

    concept: str
    loinc: str
    kind: Kind
    most: int | None
    days: int | None

    def value_of(self, number: Fraction) -> Fraction | bool | None:
        """A number as a value of this observation; None for one that it cannot have."""
        if number < 0 or number.denominator != 1:
            return None
        match self.kind:
            case Kind.SCORE:
                return number if self.most is not None and number <= self.most else None
            case Kind.COUNT:
                return number
            case Kind.POINTS:
                return number > 0
            case _:
                return None

    def value_of_answer(self, is_so: bool) -> bool | None:
        """Yes or no as a value of this observation; None for one that is counted in points."""
        return is_so if self.kind in {Kind.COUNT, Kind.POINTS, Kind.YES_NO} else None

    def tells_of(self, on: date, observed_on: date | None) -> bool:
        """Whether it still tells of the day; one without a day does."""
        if self.days is None or observed_on is None:
            return True
        return on - observed_on <= timedelta(days=self.days)


class NotSaid(StrEnum):
    """A coded answer that is none: asked, and nobody knows."""

    UNKNOWN = "unknown"


def observed_by(codes: Iterable[Coded]) -> Observed | None:
    """The row that the codes of an observation are of; None for one that no check looks at.

    A code without a system is taken as LOINC: servers leave it out, and no other is like it.
    """
    for coded in codes:
        if coded.code is not None and (coded.system is None or system_of(coded) == "loinc"):
            row = _rows().get(coded.code.strip())
            if row is not None:
                return row
    return None


def asked_for() -> tuple[str, ...]:
    """The LOINC codes to search for, in the order of the table."""
    return tuple(_rows())


def answer_of(codes: Iterable[Coded]) -> Fraction | bool | NotSaid | None:
    """What a coded answer says: a number, yes or no, not known; None for a code that is no answer.

    The first code that is an answer counts.
    """
    keys = ((system_of(coded), (coded.code or "").strip()) for coded in codes)
    return next((_answers()[key] for key in keys if key in _answers()), None)


@cache
def _rows() -> dict[str, Observed]:
    return {
        row["loinc"]: Observed(
            row["concept"],
            row["loinc"],
            Kind(row["kind"]),
            int(row["most"]) if row["most"] else None,
            int(row["days"]) if row["days"] else None,
        )
        for row in table("observations.csv")
    }


_WORDS: dict[str, bool | NotSaid] = {"yes": True, "no": False, "unknown": NotSaid.UNKNOWN}


@cache
def _answers() -> dict[tuple[str | None, str], Fraction | bool | NotSaid]:
    """What each answer says, by code system and code."""
    said = {(row["system"], row["code"]): row["value"] for row in table("observation_answers.csv")}
    for code, meanings in by_snomed("answers_snomed.csv", "means").items():
        for word in meanings & _WORDS.keys():
            said["snomed", code] = word
    return {
        key: Fraction(int(word)) if word.isdigit() else _WORDS[word] for key, word in said.items()
    }
