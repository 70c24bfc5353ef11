"""The words of a dosage text: amounts, timings, limits, as-needed, and words that bear no dose.

Everything here is a list of what is understood. What matches nothing becomes an unread word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import cache

from clinical.dosage import (
    DAYS_IN,
    NO_UNIT,
    Amount,
    Ceiling,
    DoseUnit,
    Timing,
    UnitKind,
)
from clinical.dosing.timing_words import NUMBER_WORDS, match_timing, unit_of_time
from clinical.dosing.units import known_unit, unit_words


class Kind(StrEnum):
    """What a piece of the text is."""

    AMOUNT = "amount"
    TIMING = "timing"
    AS_NEEDED = "as-needed"
    CEILING = "ceiling"
    DURATION = "duration"
    AND = "and"
    THEN = "then"
    SAME = "same"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class AmountToken:
    """An amount; `each_mg` is a strength said with it ("2 x 0.5 mg tablets").

    `beside` marks an amount in brackets after another; `in_total` one that is said to be the
    total of it ("2 tablets (1 mg total)").
    """

    amount: Amount
    each_mg: Amount | None = None
    beside: bool = False
    in_total: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text that was understood - or, of kind UNREAD, was not."""

    kind: Kind
    words: str = ""
    amount: AmountToken | None = None
    timing: Timing | None = None
    every_day_only: bool = False
    ceiling: Ceiling | None = None
    lasts_days: tuple[int, int] | None = None


_FRACTION_SIGNS = {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3"}

_NUMBER_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_NUMBER = (
    r"(?:(?:\d{1,3}|a|" + _NUMBER_WORD + r")[\s-]+and[\s-]+(?:(?:a|one)[\s-]+)?half"
    r"(?:\s+of)?(?:\s+an?)?"
    r"|\d{1,3}\s+(?:and\s+)?\d/\d"
    r"|\d/\d(?:\s+of\s+an?|\s+of|\s+an?)?"
    r"|\d{1,6}\.\d{1,6}|(?<!\d)\.\d{1,6}|\d{1,6}"
    r"|(?:(?:a|one)[\s-]+)?half(?:[\s-]+of)?(?:[\s-]+an?)?"
    r"|(?:(?:a|one)[\s-]+)?quarter(?:[\s-]+of)?(?:[\s-]+an?)?"
    r"|three[\s-]+quarters(?:\s+of)?(?:\s+an?)?"
    r"|" + _NUMBER_WORD + r")(?![\d/]|[.,]\d)"
)
_PLAIN_NUMBER = r"(?:\d{1,6}\.\d{1,6}|\.\d{1,6}|\d{1,6})"

_NOT_DOSE = re.compile(
    # What to do with it, how and where: none of these changes how much.
    r"(?:please|take|takes|taking|give|gives|swallow|use|by mouth|via mouth|per os|by oral route|"
    r"oral route|oral|orally|po|sublingually|sublingual|sl|iv|im|"
    r"intravenously|intramuscularly|subcutaneously|subcut|with water|with a glass of water|"
    r"with food|with or without food|without food|with or after food|with milk|whole|"
    r"as directed|as prescribed|dissolve|dissolved|on (?:the )?tongue|under (?:the )?tongue|"
    r"the|a dose of|dose|sig|route|"
    r"(?:refills?:?\s*\d{1,2})|(?:\d{1,2}\s+refills?(?:\(s\))?)|"
    # What it is for.
    r"(?:for|for the|due to|or|/)?\s*(?:severe |acute |breakthrough |panic |muscle |nerve |"
    r"back |rib |leg |night )*(?:anxiety|anxiousness|panic|attacks?|agitation|insomnia|"
    r"sleep|sleeping|seizures?|epilepsy|pain|spasms?|cramps?|"
    r"restless legs?(?: syndrome)?|rls|tremors?|nausea|"
    r"vertigo|dizziness|tics?|dystonia|akathisia|mania|catatonia|headaches?|fever|cough|"
    r"itching|allergies|infection|nerves|stress|terrors)(?:\s+disorder)?)\b"
)
_AS_NEEDED = re.compile(
    r"(?:prn|only (?:as|if|when) needed|"
    r"(?:as|if|when)(?: it is)? (?:needed|required|necessary))\b:?"
)
_THEN = re.compile(r"(?:and )?then\b|followed by\b|thereafter\b")
# A point or a comma before a digit may be a decimal sign: it is never skipped (".5", ",5").
_AND = re.compile(r"and\b|plus\b|&|\+|[,;](?!\d)")
_SAME = re.compile(r"=|\(=?")
_SKIPPED = re.compile(r"(?:[\s)]|[.:](?!\d))+")
_SUPPLY = re.compile(r",\s*\d{1,4}\s*[a-z]+\s*,\s*\d{1,2}\s+refills?(?:\(s\))?\s*$")
_STOP_AFTER_DAYS = re.compile(
    r"((?:days?|weeks?|wks?|months?))[\s,;.]*(?:and\s+|then\s+)*(?:stop|discontinue)\.?$"
)
_WORD = re.compile(r"[^\s,;()=]+|.", re.DOTALL)
_DURATION = re.compile(
    rf"(?:for|x|times)\s*(?:up to\s+)?(?:the (?:next|first)\s+)?(?P<low>\d{{1,3}}|{_NUMBER_WORD})"
    rf"(?:\s*(?:-|to)\s*(?P<high>\d{{1,3}}|{_NUMBER_WORD}))?"
    r"\s*(?:more\s+)?(?P<unit>days?|weeks?|wks?|months?|d)\b"
)


def tokens_of(text: str) -> list[Token]:
    """The pieces of a text, in order; words without bearing on the dose are left out."""
    words = _plain_words(text)
    tokens: list[Token] = []
    at = 0
    while at < len(words):
        skipped = _SKIPPED.match(words, at)
        if skipped:
            at = skipped.end()
            continue
        token, end = _next(words, at, tokens)
        if token is not None:
            tokens.append(token)
        at = end
    return tokens


def _next(words: str, at: int, before: list[Token]) -> tuple[Token | None, int]:
    for read in (_limit, _plain_tokens, _timing, _dose):
        found = read(words, at)
        if found is not None:
            return found
    nothing = _NOT_DOSE.match(words, at)
    if nothing:
        return None, nothing.end()
    bare = _patterns()["bare"].match(words, at)
    if bare and not any(token.kind is Kind.AMOUNT for token in before):
        amount = _amount_of(bare, NO_UNIT)
        if amount is not None:
            return Token(Kind.AMOUNT, amount=AmountToken(amount)), bare.end()
    word = _WORD.match(words, at)
    end = word.end() if word else at + 1
    return Token(Kind.UNREAD, words=words[at:end]), end


def _plain_words(text: str) -> str:
    words = text.lower()
    for sign, digits in _FRACTION_SIGNS.items():
        words = words.replace(sign, digits)
    words = (
        words.replace("\N{EN DASH}", "-")
        .replace("\N{EM DASH}", "-")
        .replace("µ", "u")
        .replace("μ", "u")
    )
    words = re.sub(r"\b(?:[a-z]\.){2,}", lambda m: m[0].replace(".", "") + " ", words)
    words = re.sub(r"\b(po|sl|tabs?|caps?|tsp|prn|q[ap]m|qhs|[bt]id|qid|max|hrs?)\.", r"\1", words)
    words = " ".join(words.split())
    words = _SUPPLY.sub("", words)
    return _STOP_AFTER_DAYS.sub(r"\1", words)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """The patterns that hold every unit word, made once."""
    spoken = {
        word: unit
        for word, unit in unit_words().items()
        if not word.isdigit() and unit.kind is not UnitKind.EACH and word not in {"u", "l", "tb"}
    }
    unit = "|".join(re.escape(w) for w in sorted([*spoken, "dose", "doses"], key=len, reverse=True))
    mass = "|".join(
        re.escape(w)
        for w in sorted(spoken, key=len, reverse=True)
        if spoken[w].kind is UnitKind.MASS
    )
    number = f"(?P<low>{_NUMBER})"
    to = rf"(?:\s*(?:(?P<unit0>{unit})(?:\(s\))?)?\s*(?:-|to|or)\s*(?P<high>{_NUMBER}))?"
    again = rf"(?:\s*\(\s*(?:{_NUMBER})\s*\))?"
    per_day = r"(?:/|per|an?|in(?: an?)?|in any|within|every|each)?\s*"
    return {
        "dose": re.compile(
            rf"(?P<upto>up to\s+)?{number}{again}{to}\s*"
            rf"(?:[x(]?\s*(?P<each>{_PLAIN_NUMBER})\s*(?P<mass>{mass})\s*\)?\s*(?=(?:{unit})\b))?"
            rf"(?P<unit>{unit})(?:\(s\))?(?![a-z0-9/])(?P<total>\s+(?:in\s+)?total\b)?"
            r"|(?P<article>an?)\s+(?P<unit1>tablet|tab|capsule|cap|pill)\b"
        ),
        "dose_before_slash": re.compile(
            rf"(?P<upto>up to\s+)?{number}{to}\s*(?P<unit>{unit})(?:\(s\))?(?=/d(?:ay)?\b)"
        ),
        "bare": re.compile(
            rf"{number}(?:\s*(?:-|to|or)\s*(?P<high>{_NUMBER}))?(?!\s*[-a-z]?[.,]?[0-9%/])\b"
        ),
        "daily_ceiling": re.compile(
            r"max(?:imum)? daily (?:amount|dose)(?: of)?\s*[:=]?\s*"
            rf"(?P<low>{_NUMBER})(?P<high>(?!.))?\s*(?P<unit>{unit})(?:\(s\))?(?![a-z0-9/])"
        ),
        "ceiling": re.compile(
            r"(?:(?:with a )?max(?:imum)?(?: daily)?(?: dose)?(?: of)?|"
            r"(?:do )?not (?:to )?(?:exceed|take more than)(?: more than)?|nte|"
            r"(?:no|not) more than|up to a max(?:imum)? of|to a max(?:imum)? of)\s*[:=]?\s*"
            rf"(?P<low>{_NUMBER})(?P<high>(?!.))?\s*(?P<unit>{unit})(?:\(s\))?\s*"
            rf"{per_day}(?P<span>day|d|daily|24\s*(?:hours?|hrs?|h)|week|weekly|wk)\b"
        ),
    }


def _limit(words: str, at: int) -> tuple[Token, int] | None:
    for name in ("ceiling", "daily_ceiling"):
        ceiling = _patterns()[name].match(words, at)
        unit = known_unit(ceiling["unit"]) if ceiling else None
        amount = _amount_of(ceiling, unit) if ceiling and unit else None
        if ceiling and amount is not None:
            weekly = ceiling.groupdict().get("span", "").startswith("w")
            days = Fraction(7) if weekly else Fraction(1)
            return Token(Kind.CEILING, ceiling=Ceiling(amount, days)), ceiling.end()
    duration = _DURATION.match(words, at)
    if duration:
        low = NUMBER_WORDS.get(duration["low"]) or Fraction(int(duration["low"]))
        said_high = duration["high"]
        high = low
        if said_high:
            high = NUMBER_WORDS.get(said_high) or Fraction(int(said_high))
        unit_days = DAYS_IN[unit_of_time(duration["unit"]) or "d"]
        lasts = (int(low * unit_days), -int(-high * unit_days // 1))
        if 0 < lasts[0] <= lasts[1]:
            return Token(Kind.DURATION, lasts_days=lasts), duration.end()
    return None


def _plain_tokens(words: str, at: int) -> tuple[Token, int] | None:
    for kind, pattern in (
        (Kind.AS_NEEDED, _AS_NEEDED),
        (Kind.THEN, _THEN),
        (Kind.AND, _AND),
        (Kind.SAME, _SAME),
    ):
        match = pattern.match(words, at)
        if match:
            return Token(kind, words=match.group()), match.end()
    return None


def _timing(words: str, at: int) -> tuple[Token, int] | None:
    phrase = match_timing(words, at)
    if phrase is None:
        return None
    token = Token(Kind.TIMING, timing=phrase.timing, every_day_only=phrase.every_day_only)
    return token, phrase.end


def _dose(words: str, at: int) -> tuple[Token, int] | None:
    match = _patterns()["dose"].match(words, at)
    if match is None:
        match = _patterns()["dose_before_slash"].match(words, at)
        each = None
    else:
        if match["article"]:
            unit = known_unit(match["unit1"])
            amount = Amount(Fraction(1), Fraction(1), unit) if unit else None
            return (Token(Kind.AMOUNT, amount=AmountToken(amount)), match.end()) if amount else None
        each = match["each"]
    if match is None:
        return None
    unit, first = known_unit(match["unit"]), match["unit0"]
    if unit is None or (first and known_unit(first) != unit):
        return None
    amount = _amount_of(match, unit)
    if amount is None:
        return None
    if match["upto"]:
        amount = replace(amount, low=Fraction(0))
    each_mg = None
    if each:
        mass = known_unit(match["mass"])
        value = Fraction(each)
        each_mg = Amount(value, value, mass) if mass and value else None
        if each_mg is None or unit.kind is not UnitKind.COUNT:
            return None
    in_total = bool(match.groupdict().get("total"))
    token = AmountToken(amount, each_mg, in_total=in_total)
    return Token(Kind.AMOUNT, amount=token), match.end()


def _amount_of(match: re.Match[str], unit: DoseUnit) -> Amount | None:
    low = _value(match["low"])
    high = _value(match["high"]) if match["high"] else low
    if low is None or high is None or high == 0 or high < low or low == 0:
        return None
    return Amount(low, high, unit)


def _value(words: str) -> Fraction | None:
    """A number as written: "1 1/2", "one and a half", "half a", ".5"."""
    said = re.sub(r"(?<=\S)(\s+of)?(\s+an?)?$", "", words.replace("-", " ").strip())
    whole, _, part = said.partition(" and ")
    if not part and len(pieces := said.split()) == 2 and pieces[1][:1].isdigit():
        whole, part = pieces
    values = [_simple_value(piece.strip()) for piece in (whole, part) if piece.strip()]
    if any(value is None for value in values):
        return None
    return sum((value for value in values if value), Fraction(0)) or None


_SAID_PARTS = {
    "half": Fraction(1, 2),
    "quarter": Fraction(1, 4),
    "three quarters": Fraction(3, 4),
    "a": Fraction(1),
}


def _simple_value(said: str) -> Fraction | None:
    words = re.sub(r"^(?:a|one)\s+(?=half|quarter)", "", " ".join(said.split()))
    known = _SAID_PARTS.get(words) or NUMBER_WORDS.get(words)
    if known is not None:
        return known
    numerator, _, denominator = words.partition("/")
    if denominator and int(denominator) == 0:
        return None
    return Fraction(numerator) / (int(denominator) if denominator else 1)


ANY_TIME = "meals"
"""The part of the day of "with meals": no one part."""

_PARTS_OF_DAY = {
    "morning": {"MORN", "CM", "ACM", "PCM", "WAKE"},
    "midday": {"NOON", "CD", "ACD", "PCD", "AFT"},
    "evening": {"EVE", "CV", "ACV", "PCV", "HS", "NIGHT"},
    ANY_TIME: {"C", "AC", "PC"},
}


def part_of_day(timing: Timing) -> str:
    """The part of the day that a timing names: "in the evening at bedtime" names one twice."""
    for part, moments in _PARTS_OF_DAY.items():
        if moments & set(timing.when):
            return part
    for time in timing.times_of_day:
        hour = int(time[:2])
        return "morning" if 4 <= hour < 11 else "midday" if 11 <= hour < 16 else "evening"
    return ""
