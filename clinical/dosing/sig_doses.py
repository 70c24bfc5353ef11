"""Amounts that stand together in a text, as one dose: "clonazepam 0.5 mg tab, take 2 tabs (1 mg)".

The rules are patterns over the kinds of the pieces, one letter each: the grammar is the table
`_RULES`. A number without a unit is a dose only where its neighbours make it one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from clinical.dosage import Amount, UnitKind
from clinical.dosing.sig_tokens import Dose, Kind, Token
from clinical.dosing.units import known_unit


class Unclear(Exception):
    """The words are known and together they tell no dose; the message says why."""


DOSES = frozenset({Kind.AMOUNT, Kind.NUMBER, Kind.STRENGTH})
JOINS = frozenset({Kind.AND, Kind.PLUS, Kind.EXTRA})

_BEFORE_NUMBER = frozenset(
    {Kind.THEN, Kind.LABEL, Kind.STRENGTH, Kind.DRUG, Kind.AMOUNT, Kind.ALTERNATE, Kind.TAPER,
     Kind.DURATION}
) | JOINS  # fmt: skip
_VERBS = frozenset({Kind.TAKE, Kind.MAY, Kind.TO, Kind.EXTRA})
_AFTER_NUMBER = frozenset({Kind.TIMING, Kind.AS_NEEDED, Kind.DRUG, Kind.MOST_TIMES, Kind.OPEN})


def with_numbers_placed(tokens: Sequence[Token]) -> list[Token]:
    """The pieces, with each bare number that is no dose turned into an unread word."""
    placed: list[Token] = []
    for i, token in enumerate(tokens):
        before = tokens[i - 1].kind if i else None
        behind = tokens[i + 1].kind if i + 1 < len(tokens) else None
        follows = before is None or before in _BEFORE_NUMBER
        # "2 mane 1 nocte": one bare number after another.
        follows = follows or (before is Kind.TIMING and placed[0].kind is Kind.NUMBER)
        in_place = before in _VERBS or (follows and behind in _AFTER_NUMBER)
        if token.kind is Kind.NUMBER and not in_place:
            token = Token(Kind.UNREAD, token.words)  # noqa: PLW2901
        placed.append(token)
    return placed


def with_doses_joined(tokens: Sequence[Token]) -> list[Token]:
    """The pieces, with neighbours that say one dose made one; brackets and verbs are gone.

    Raises Unclear where a dose stands in brackets, or a strength without a number of units.
    """
    joined = list(tokens)
    for pattern, merge in _RULES:
        at = 0
        while match := pattern.search(_letters(joined), at):
            one = merge(joined[match.start() : match.end()])
            if one is None:
                at = match.start() + 1
                continue
            joined[match.start() : match.end()] = [one]
            at = match.start()
    return _without_brackets(joined)


_LETTERS = {
    Kind.NUMBER: "n", Kind.STRENGTH: "s", Kind.DRUG: "g", Kind.AND: "&", Kind.PLUS: "&",
    Kind.OPEN: "(", Kind.CLOSE: ")", Kind.SAME: "=", Kind.TAKE: "v", Kind.MAY: "v", Kind.TO: "v",
}  # fmt: skip


def _letters(tokens: Sequence[Token]) -> str:
    """One letter a piece: c counted amount, m mass, n bare number, s strength, g drug, v verb."""
    return "".join(
        ("m" if _is_mass(t) else "c") if t.kind is Kind.AMOUNT else _LETTERS.get(t.kind, ".")
        for t in tokens
    )


def _is_mass(token: Token) -> bool:
    return _dose(token).amount.unit.kind is UnitKind.MASS


def _dose(token: Token) -> Dose:
    assert token.dose is not None  # noqa: S101 - such a piece is made with its dose
    return token.dose


def _drug_left_out(pieces: list[Token]) -> Token | None:
    """One name of "Klonopin (clonazepam)"."""
    return pieces[0]


def _tablets_added(pieces: list[Token]) -> Token | None:
    """The sum of "one 1 mg tablet and one 0.5 mg tablet": 1.5 mg together."""
    doses = [_dose(t) for t in pieces if t.kind is Kind.AMOUNT]
    if any(t.words in {",", ";", "."} for t in pieces if t.kind in JOINS):
        return None
    total_low = total_high = Fraction(0)
    strengths: set[Fraction] = set()
    for dose in doses:
        if dose.each is None:
            return None
        mg = dose.each.low * dose.each.unit.factor
        strengths.add(mg)
        total_low += dose.amount.low * mg
        total_high += dose.amount.high * mg
    unit = known_unit("mg")
    if unit is None:
        return None
    total = Amount(total_low, total_high, unit)
    return replace(pieces[0], dose=Dose(total, of_several_products=len(strengths) > 1))


def _of_strength(pieces: list[Token]) -> Token | None:
    """Such as "0.5 mg tablet, take 2", "0.1 mg/mL: 5 mL", "1 clonazepam 0.5 mg tablet"."""
    said = next(t.strength for t in pieces if t.kind is Kind.STRENGTH)
    counted = next(t for t in pieces if t.kind in {Kind.AMOUNT, Kind.NUMBER})
    dose = _dose(counted)
    if said is None or dose.each is not None:
        return None
    unit = said.unit.unit if counted.kind is Kind.NUMBER else dose.amount.unit
    if (unit.kind is UnitKind.VOLUME) != (said.unit.unit.kind is UnitKind.VOLUME):
        raise Unclear("the text names a strength in one unit and the dose in another")
    amount = replace(dose.amount, unit=unit)
    per = said.unit.low * said.unit.unit.factor
    each = replace(
        said.each, low=said.each.low * unit.factor / per, high=said.each.high * unit.factor / per
    )
    return Token(Kind.AMOUNT, counted.words, dose=replace(dose, amount=amount, each=each))


def _of_drug(pieces: list[Token]) -> Token | None:
    """Of "clonazepam 0.5 mg, 1 tab" the mg may be the strength or all of it."""
    mass = next(t for t in pieces if t.kind is Kind.AMOUNT and _is_mass(t))
    counted = pieces[-1]
    return Token(
        Kind.AMOUNT, counted.words, dose=replace(_counted(counted), beside=_dose(mass).amount)
    )


def _said_again(pieces: list[Token]) -> Token | None:
    """Such as "2 tablets (1 mg total)", "1 mg = 2 tabs", "2 tabs 1 mg"."""
    first, again = (t for t in pieces if t.kind in {Kind.AMOUNT, Kind.NUMBER})
    dose, more = _counted(first), _dose(again)
    if dose.beside is not None:
        return None
    same = more.in_total or any("=" in t.words for t in pieces if t.kind in {Kind.SAME, Kind.OPEN})
    if same or more.each is not None:
        dose = replace(dose, also=(*dose.also, more.amount), each=dose.each or more.each)
    else:
        dose = replace(dose, beside=more.amount)
    several = dose.of_several_products or more.of_several_products
    dose = replace(dose, of_several_products=several)
    return Token(Kind.AMOUNT, first.words, dose=dose)


def _counted(token: Token) -> Dose:
    """A bare number beside a mass counts units of the product."""
    dose = _dose(token)
    unit = known_unit("pill")
    if token.kind is not Kind.NUMBER or unit is None:
        return dose
    return replace(dose, amount=replace(dose.amount, unit=unit))


def _one_of_it(pieces: list[Token]) -> Token | None:
    """Of "0.5 mg tab bid" one, whatever the product's own strength."""
    said = next(t.strength for t in pieces if t.kind is Kind.STRENGTH)
    if said is None or not said.is_one:
        raise Unclear("the text names a strength and not how many of it to take")
    return Token(Kind.AMOUNT, pieces[-1].words, dose=Dose(said.each))


_RULES: tuple[tuple[re.Pattern[str], Callable[[list[Token]], Token | None]], ...] = (
    (re.compile(r"g\(?g\)?"), _drug_left_out),
    (re.compile(r"c(?:&c)+"), _tablets_added),
    (re.compile(r"g?s[&v]{0,3}[cn]|[cn]g?s"), _of_strength),
    (re.compile(r"gm[&v]{0,2}[cn]"), _of_drug),
    (re.compile(r"[cmn](?:\(|=|\(=)[cm]\)?"), _said_again),
    (re.compile(r"[cn]gm|cm|mc"), _said_again),
    (re.compile(r"g?s"), _one_of_it),
)
"""The grammar of one dose, in the order in which it is applied."""


def _without_brackets(tokens: list[Token]) -> list[Token]:
    """The pieces without brackets, "take" and the names of the drug."""
    kept: list[Token] = []
    open_brackets = 0
    for token in tokens:
        if token.kind is Kind.OPEN:
            open_brackets += 1
        elif token.kind is Kind.CLOSE:
            open_brackets = max(0, open_brackets - 1)
        elif token.kind is Kind.SAME:
            raise Unclear('the text says "=" of something that is no dose')
        elif token.kind in DOSES and open_brackets:
            raise Unclear("the text gives another dose in brackets")
        elif token.kind not in {Kind.TAKE, Kind.DRUG}:
            kept.append(token)
    return kept
