"""What a safety service should find for one order in a story: the key that answers are held to.

The pages never show it. It is derived by hand, with the derivation beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from .medicine import Product
from .toml_file import Table

CHECKS = ("opioid-together", "high-dose", "older-adult-fall-risk", "dose-escalation")
"""The checks that every key answers."""
MORE_CHECKS = (
    *("abrupt-stop", "other-sedatives", "contraindication", "pregnancy", "breathing"),
    *("cognition", "substance-use", "suicide-risk", "long-term-use", "rbd-option"),
    *("seizure-indication", "psychiatric-first", "enzyme-change"),
)
"""The checks that a key answers where the story is about them."""
RESULTS = frozenset(
    {
        "critical",
        "warning",
        "information",
        "clear",
        "not-evaluable",
        "set-aside",
    }
)
_TABLETS = re.compile(r"\d{1,2}(?:\.\d{1,3})?")
_KEYS = ("product", "tablets", "times_a_day", "cards", "because")


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """An order, and what the checks should say of it.

    `tablets` are taken each time. `replaces` is the id of the order that it is linked to, if any;
    `stops` is the id of a present order that is stopped instead, and which the first words repeat.
    `results` has for a check the severity with which it fires, or that it is clear,
    not-evaluable or set-aside. `cards` are the cards that all of them raise. `taper` says
    whether they come with a taper to accept, None where that is left open. `because` is the
    derivation.
    """

    product: Product
    tablets: Decimal
    times_a_day: int
    results: Mapping[str, str]
    cards: int
    because: str
    taper: bool | None = None
    replaces: str | None = None
    stops: str | None = None


def read_answer_key(table: Table, formulary: Mapping[str, Product]) -> AnswerKey:
    """The key in a table; UnreadableStory for anything that is missing, unknown or no answer."""
    said = table.said
    for name in said:
        if name not in (*_KEYS, *CHECKS, *MORE_CHECKS, "replaces", "stops", "taper"):
            raise table.refusal(f"an answer key has no {name!r}", name)
    for name in (*_KEYS, *CHECKS):
        if name not in said:
            raise table.refusal(f"{name!r} is missing in an answer key")
    product = formulary.get(said["product"])
    if product is None:
        raise table.refusal(f"the formulary has no {said['product']!r}", "product")
    if not isinstance(said["tablets"], str) or not _TABLETS.fullmatch(said["tablets"]):
        raise table.refusal("tablets are a number in quotes, such as '0.5'", "tablets")
    for name in ("times_a_day", "cards"):
        if type(said[name]) is not int or said[name] < 0:
            raise table.refusal(f"{name!r} is no whole number", name)
    if type(said.get("taper", True)) is not bool:
        raise table.refusal("'taper' is true or false", "taper")
    answered = [check for check in (*CHECKS, *MORE_CHECKS) if check in said]
    for check in answered:
        if said[check] not in RESULTS:
            raise table.refusal(f"{said[check]!r} is no result of a check", check)
    return AnswerKey(
        product=product,
        tablets=Decimal(said["tablets"]),
        times_a_day=said["times_a_day"],
        results={check: said[check] for check in answered},
        cards=said["cards"],
        because=str(said["because"]).strip(),
        taper=said.get("taper"),
        replaces=said.get("replaces"),
        stops=said.get("stops"),
    )
