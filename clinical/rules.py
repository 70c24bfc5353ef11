"""What each check is, as data: its title, its numbers, its sources and who answers for it.

`/evidence`, the cards' titles and the policy's defaults are made of these records, one file a
check in `knowledge/checks/`; what the code of the check does stands in `clinical/checks/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from clinical.findings import CheckId
from clinical.knowledge import document


@dataclass(frozen=True, slots=True)
class Number:
    """A clinical number with its unit, what it means, and the source keys it rests on.

    A site may choose from `least` to `most` (in the unit, both allowed); a number without them
    is no site's choice.
    """

    id: str
    value: int | Decimal
    unit: str
    meaning: str
    sources: tuple[str, ...]
    note: str | None = None
    least: int | Decimal | None = None
    most: int | Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One check as `/evidence` tells it. `called` is its short name on a card.

    `own_card` says whether a finding raises a card by itself or stands in the detail of another
    (policy may choose otherwise). `reviewed_by` is empty until a clinician has signed it off.
    """

    check: CheckId
    title: str
    called: str
    own_card: bool
    does: str
    severity: str
    sources: tuple[str, ...]
    limits: str
    population: str
    age_and_sex: str
    version: str
    author: str
    authored_on: date
    reviewed_by: str
    next_review: date
    numbers: tuple[Number, ...]


@cache
def rule(check: CheckId) -> Rule:
    """The record of one check. Raises FileNotFoundError for a check that has none."""
    data = document(f"checks/{check.value}.toml")
    told, review = data["rule"], data["review"]
    return Rule(
        check=check,
        title=told["title"],
        called=told["called"],
        own_card={"own": True, "supporting": False}[told["card"]],
        does=told["does"],
        severity=told["severity"],
        sources=tuple(told["sources"]),
        limits=told["limits"],
        population=told["population"],
        age_and_sex=told["age_and_sex"],
        version=review["version"],
        author=review["author"],
        authored_on=review["authored_on"],
        reviewed_by=review["reviewed_by"],
        next_review=review["next_review"],
        numbers=numbers_in(data),
    )


def rules() -> tuple[Rule, ...]:
    """Every check's record, in the order of `CheckId`."""
    return tuple(rule(check) for check in CheckId)


_SHARED = {"cards": "cards.toml", "gates": "gates.toml", "quiet": "set_aside.toml"}


@cache
def shared_numbers() -> Mapping[str, tuple[Number, ...]]:
    """The numbers of no single check: of cards and offers, of gates, and of what keeps quiet.

    By the name of their table in a site's policy file.
    """
    return {section: numbers_in(document(file)) for section, file in _SHARED.items()}


@cache
def rules_version() -> str:
    """The version of the rules as a whole, as the account names it."""
    return str(document("cards.toml")["review"]["version"])


def numbers_in(data: Mapping[str, Any]) -> tuple[Number, ...]:
    """The `[numbers.*]` of a document of `knowledge/`."""
    return tuple(
        Number(
            name,
            row["value"],
            row["unit"],
            row["meaning"],
            tuple(row["sources"]),
            row.get("note"),
            row.get("least"),
            row.get("most"),
        )
        for name, row in data.get("numbers", {}).items()
    )
