"""What bears a dose in a text: amounts, strengths, limits, repetitions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from functools import cache

from clinical.dosage import NO_UNIT, Amount, Ceiling, UnitKind
from clinical.dosing.sig_numbers import NUMBER, PLAIN_NUMBER, bounds, said_twice
from clinical.dosing.sig_tokens import Dose, Kind, Lowering, Strength, Token
from clinical.dosing.timing_words import NUMBER_WORDS, unit_of_time
from clinical.dosing.units import known_unit, unit_words

_RANGE_TO = r"\s*(?:-|to|or)\s*"
_TIMES = {"once": 1, "twice": 2, "thrice": 3, "1": 1, "2": 2, "3": 3, "one": 1, "two": 2}
_COUNT = r"[0-9]{1,2}|" + "|".join(NUMBER_WORDS)
_MOST = (
    r"(?:with a )?(?:mdd|max(?:imum)?(?: of)?|(?:do )?not (?:to )?(?:exceed|take more than)"
    r"(?: more than)?|(?:must|should) not exceed|nte|(?:no|not|never) more (?:often )?than|"
    r"(?:up )?to a max(?:imum)? of|max(?:imum)? dose(?: of| is)?|"
    r"limit(?:ed)?(?: to)?)\s*[:=]?\s*"
)
_MOST_A_DAY = (
    r"(?:mdd|max(?:imum)?\.? daily (?:amount|dose|dosage)(?: of| is)?|"
    r"max(?:imum)? dose per day|daily max(?:imum)?(?: of)?|max(?:imum)? daily)\s*[-:=]?\s*"
)
_PER = (
    r"(?:/\s*|(?:per|an?|in(?: an?| any)?|within|every|each)\s+)?"
    r"(?P<span>days?\b|d\b|daily\b|24\s*-?\s*(?:hours?|hrs?|h)\b(?: period)?|week\b|weekly\b|wk\b)"
)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """The patterns that hold every unit word, made once."""
    spoken = {
        word: unit
        for word, unit in unit_words().items()
        if not word.isdigit() and unit.kind is not UnitKind.EACH and word not in {"u", "l"}
    }
    unit = _any_of([*spoken, "dose", "doses"])
    mass = _any_of(w for w, u in spoken.items() if u.kind is UnitKind.MASS)
    counted = _any_of(w for w, u in spoken.items() if u.kind is UnitKind.COUNT)
    plural = r"(?:\(s\))?"
    end = r"(?![a-z0-9/])"
    number = rf"(?P<low>{NUMBER}){said_twice('low')}"
    to = (
        rf"(?:\s*(?:(?P<unit0>{unit}){plural})?{_RANGE_TO}(?P<high>{NUMBER}))?"
        rf"{said_twice('high')}"
    )
    return {
        name: re.compile(pattern, re.ASCII)
        for name, pattern in {
            "dose": (
                rf"(?:of\s+)?(?P<upto>up to\s+)?{number}{to}\s*"
                rf"(?:(?:x\s*|of\s+(?:an?\s+)?|\(\s*)?(?P<each>{PLAIN_NUMBER})\s*(?P<mass>{mass})"
                rf"\s*\)?\s*(?=(?:{counted}){plural}{end}))?"
                rf"(?P<unit>{unit}){plural}(?:{end}|(?=/d(?:ay)?\b)|(?=/night\b))"
                r"(?P<total>\s+(?:in\s+)?total\b)?"
            ),
            "article": rf"an?\s+(?P<unit>tablet|tab|capsule|cap|pill){end}",
            "concentration": (
                rf"(?P<each>{PLAIN_NUMBER})\s*(?P<mass>{mass})\s*(?:/|per)\s*"
                rf"(?P<per>{PLAIN_NUMBER})?\s*(?P<unit>ml){end}"
            ),
            "strength": (
                rf"(?P<each>{PLAIN_NUMBER})\s*(?P<mass>{mass})\s+(?P<unit>{counted})"
                rf"(?P<many>\(s\))?{end}"
            ),
            "number": rf"(?P<low>{NUMBER}(?:{_RANGE_TO}{NUMBER})?){said_twice('low')}"
            r"(?!\s*[-a-z]?[.,]?[0-9%/])\b",
            "ceiling": rf"{_MOST}(?P<low>{NUMBER}){said_twice('low')}\s*"
            rf"(?:(?P<unit>{unit}){plural})?(?:\s+total|\s+in total)?\s*{_PER}",
            "ceiling_a_day": rf"{_MOST_A_DAY}(?P<low>{NUMBER})\s*(?:(?P<unit>{unit}){plural}{end})?"
            rf"(?:\s*{_PER})?",
            "lowering": (
                r"(?:then\s+)?(?:decrease|reduce|lower|taper|drop)(?: the)?(?: dose)?(?: down)? "
                rf"by\s+(?P<low>{NUMBER})\s*(?P<unit>{unit}){plural}\s+"
                rf"(?:(?P<once>weekly|daily)|(?:every|each|q)\s*(?P<every>{_COUNT})?\s*"
                r"(?P<time>days?|weeks?|wks?|d|w)\b)"
                r"(?P<off>,?\s*(?:until|till|to|then|and then|and)\s+(?:off|stopped|stop|"
                r"discontinued|discontinue|zero|gone|done)\b)?"
                rf"(?:,?\s*(?:until|to|down to)\s+(?P<to>{NUMBER})\s*"
                rf"(?P<to_unit>{unit}){plural}{end})?"
            ),
        }.items()
    }


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MOST_TIMES = re.compile(
    rf"{_MOST}(?:(?P<word>once|twice|thrice)|(?P<count>{_COUNT})\s*(?:x|times|doses?))\s*{_PER}",
    re.ASCII,
)
_REPEAT_COUNT = r"(?:x\s*(?P<x>[12])|(?P<times>once|twice|(?:1|one|2|two)(?= times?))(?: times?)?)"
_INTERVAL = (
    r"(?:(?:in|after)\s+(?:[0-9.]{1,3}|an?|one|two|half an?)\s*(?:hours?|hrs?|minutes?|mins?)\b)"
)
_REPEAT = re.compile(
    rf"(?:may|can|and)\s+(?:be\s+)?repeat(?:ed)?(?:\s+(?:the\s+)?dose)?\s*(?:{_INTERVAL}\s*)?"
    rf"{_REPEAT_COUNT}(?![0-9])(?:\s*only)?(?:\s*{_INTERVAL})?"
    r"(?:\s*(?:if|as|when)\s+(?:needed|necessary)|\s*prn\b)?",
    re.ASCII,
)


@cache
def seldom() -> tuple[re.Pattern[str], ...]:
    """What limit, lowering, repeat and strength begin with: without a match they find nothing."""
    named = ("ceiling", "ceiling_a_day", "lowering", "concentration", "strength")
    return (_MOST_TIMES, _REPEAT, *(_patterns()[name] for name in named))


def amount(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "1-2 tabs", "0.5 mg", "two 0.5 mg tablets", "a tablet", "1 mg total"."""
    article = _patterns()["article"].match(words, at)
    if article:
        unit = known_unit(article["unit"])
        one = Amount(Fraction(1), Fraction(1), unit) if unit else None
        return (Token(Kind.AMOUNT, article.group(), dose=Dose(one)), article.end()) if one else None
    match = _patterns()["dose"].match(words, at)
    if match is None or (
        match["unit0"] and known_unit(match["unit0"]) != known_unit(match["unit"])
    ):
        return None
    said = _amount(match, match["high"])
    if said is None:
        return None
    if match["upto"]:
        said = Amount(Fraction(0), said.high, said.unit)
    each = _each(match) if match["each"] else None
    if match["each"] and (each is None or said.unit.kind is not UnitKind.COUNT):
        return None
    dose = Dose(said, each=each, in_total=bool(match["total"]))
    return Token(Kind.AMOUNT, match.group(), dose=dose), match.end()


def strength(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "0.5 mg tablet" without a number of them, and "0.1 mg/mL"."""
    for name in ("concentration", "strength"):
        match = _patterns()[name].match(words, at)
        unit = known_unit(match["unit"]) if match else None
        each = _each(match) if match else None
        if match is None or unit is None or each is None:
            continue
        per = Fraction(match["per"] or 1) if name == "concentration" else Fraction(1)
        if not per:
            continue
        singular = name == "strength" and not match["unit"].endswith("s") and not match["many"]
        said = Strength(each, Amount(per, per, unit), is_one=singular)
        return Token(Kind.STRENGTH, match.group(), strength=said), match.end()
    return None


def number(words: str, at: int) -> tuple[Token, int] | None:
    """A bare number, or a range of two; whether it is a dose, its neighbours say."""
    match = _patterns()["number"].match(words, at)
    said = bounds(match["low"]) if match else None
    if match is None or said is None or not _said_alike(match, "low"):
        return None
    dose = Dose(Amount(*said, NO_UNIT))
    return Token(Kind.NUMBER, match.group(), dose=dose), match.end()


def limit(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "max 2 mg/day", "not more than 4 per day", "MDD 3", "no more than twice daily"."""
    times = _MOST_TIMES.match(words, at)
    if times:
        count = _TIMES.get(times["word"]) if times["word"] else _whole(times["count"])
        if count:
            days = _days_of(times["span"])
            return Token(Kind.MOST_TIMES, times.group(), times=count, days=days), times.end()
    for name in ("ceiling", "ceiling_a_day"):
        match = _patterns()[name].match(words, at)
        said = bounds(match["low"]) if match else None
        if match is None or said is None:
            continue
        unit = known_unit(match["unit"]) if match["unit"] else NO_UNIT
        if unit is None or unit.kind is UnitKind.EACH:
            continue
        ceiling = Ceiling(Amount(*said, unit), _days_of(match["span"]))
        return Token(Kind.CEILING, match.group(), ceiling=ceiling), match.end()
    return None


def repeat(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "may repeat x1", "may repeat once in 1 hour if needed"; never without a number."""
    match = _REPEAT.match(words, at)
    if match is None:
        return None
    return Token(
        Kind.REPEAT, match.group(), times=_TIMES[match["x"] or match["times"]]
    ), match.end()


def lowering(words: str, at: int) -> tuple[Token, int] | None:
    """Such as "decrease by 0.25 mg every 2 weeks until off"."""
    match = _patterns()["lowering"].match(words, at)
    by = _amount(match, None) if match else None
    if match is None or by is None:
        return None
    every = _whole(match["every"]) if match["every"] else 1
    weeks = (match["once"] == "weekly") or unit_of_time(match["time"] or "") == "wk"
    to = None
    if match["to"]:
        low, unit = bounds(match["to"]), known_unit(match["to_unit"])
        if low is None or unit is None:
            return None
        to = Amount(*low, unit)
    said = Lowering(by, every * (7 if weeks else 1), to, to_nothing=bool(match["off"]))
    return (Token(Kind.LOWERING, match.group(), lowering=said), match.end()) if every else None


def _amount(match: re.Match[str], high: str | None) -> Amount | None:
    unit = known_unit(match["unit"])
    said = bounds(f"{match['low']} to {high}" if high else match["low"])
    if unit is None or said is None:
        return None
    if not all(
        _said_alike(match, name)
        for name in ("low", "high")
        if f"again_{name}" in match.re.groupindex
    ):
        return None
    return Amount(*said, unit)


def _said_alike(match: re.Match[str], name: str) -> bool:
    """Whether a number in brackets says the number before it once more: "2 (two)"."""
    again = match[f"again_{name}"]
    if not again:
        return True
    before = match["low"] if name == "low" else match["high"] or match["low"]
    both = f"{match['low']} to {match['high']}" if name == "high" and match["high"] else before
    return bounds(again) in (bounds(before), bounds(both))


def _each(match: re.Match[str]) -> Amount | None:
    unit, mass = known_unit(match["mass"]), Fraction(match["each"])
    return Amount(mass, mass, unit) if unit and mass else None


def _whole(word: str) -> int:
    known = NUMBER_WORDS.get(word)
    return int(known) if known is not None else int(word)


def _days_of(span: str | None) -> Fraction:
    return Fraction(7) if span and span.startswith("w") else Fraction(1)
