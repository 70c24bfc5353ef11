"""Reads a dosage written as English text - or names the words it could not read.

A dose comes out only when every word that may bear on it was understood: words outside the
lists below are never skipped. "take 1/2 to 1 tab po bid prn anxiety, max 2 mg/day" is read;
"1 tab bid, may repeat" is not, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise

from clinical.dosage import Bounds, Ceiling, DosageLine, SaidAmount, SaidAs, Timing, UnitKind
from clinical.dosing.sig_words import ANY_TIME, AmountToken, Kind, Token, part_of_day, tokens_of
from clinical.knowledge import document


@dataclass(frozen=True, slots=True)
class SigReading:
    """The lines a text means; empty with the words in the way, or with `why` it is no dose."""

    lines: tuple[DosageLine, ...] = ()
    unread: tuple[str, ...] = ()
    why: str | None = None


@dataclass(slots=True)
class _Clause:
    """One dose and its moments, being gathered; `joined` is the word before each moment."""

    amounts: list[AmountToken] = field(default_factory=list)
    timings: list[Token] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)


class _Unclear(Exception):
    """The words are known and their order tells no dose."""


@cache
def _longest_text() -> int:
    return int(document("dosage.toml")["numbers"]["longest_text"]["value"])


def read_sig(text: str) -> SigReading:
    """The dosage that a text states."""
    if len(text) > _longest_text():
        return SigReading(why="the text is too long to be read as a dosage")
    return _read(text)


@lru_cache(maxsize=4096)
def _read(text: str) -> SigReading:
    """Kept, for clinics write the same few texts again and again."""
    tokens = tokens_of(text)
    unread = tuple(dict.fromkeys(token.words for token in tokens if token.kind is Kind.UNREAD))
    if unread:
        return SigReading(unread=unread)
    if not any(token.kind is Kind.AMOUNT for token in tokens):
        return SigReading(why="the text states no dose")
    try:
        return SigReading(lines=_lines(tokens))
    except _Unclear as unclear:
        return SigReading(why=str(unclear))


def _lines(tokens: list[Token]) -> tuple[DosageLine, ...]:
    steps: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind is Kind.THEN:
            steps.append([])
        else:
            steps[-1].append(token)
    steps = [step for step in steps if step]
    lines: list[DosageLine] = []
    for number, step in enumerate(steps, start=1):
        sequence = number if len(steps) > 1 else None
        lines += [replace(line, sequence=sequence) for line in _step_lines(step)]
    return tuple(lines)


def _step_lines(tokens: list[Token]) -> list[DosageLine]:
    as_needed = any(token.kind is Kind.AS_NEEDED for token in tokens)
    ceilings = tuple(token.ceiling for token in tokens if token.ceiling is not None)
    _refuse_duration_of_one(tokens)
    if any(
        a.kind is Kind.AND and a.words not in ",;" and b.kind is Kind.AS_NEEDED
        for a, b in pairwise(tokens)
    ):
        raise _Unclear('the text says "and as needed", which may be more than the dose before it')
    durations = {token.lasts_days for token in tokens if token.lasts_days is not None}
    if len(durations) > 1:
        raise _Unclear("the text gives more than one duration for one dose")
    bounds = Bounds(lasts_days=durations.pop()) if durations else Bounds()
    return [
        _line(clause, as_needed=as_needed, ceilings=ceilings, bounds=bounds)
        for clause in _clauses(tokens)
    ]


def _refuse_duration_of_one(tokens: list[Token]) -> None:
    """Of "1 tab bid for 3 days and 1 tab daily": whether the days are those of both is not said."""
    kinds = [t.kind for t in tokens if t.kind in {Kind.AMOUNT, Kind.DURATION}]
    if Kind.DURATION in kinds:
        at = kinds.index(Kind.DURATION)
        if Kind.AMOUNT in kinds[:at] and Kind.AMOUNT in kinds[at:]:
            raise _Unclear("the text gives a duration for one of several doses")


def _clauses(tokens: list[Token]) -> list[_Clause]:
    """Each dose with its moments, whichever of the two is said first."""
    speaking = [t for t in tokens if t.kind in {Kind.AMOUNT, Kind.TIMING, Kind.AND, Kind.SAME}]
    spoken = [t.kind for t in speaking if t.kind in {Kind.AMOUNT, Kind.TIMING}]
    if not spoken:
        return []
    amounts = [i for i, t in enumerate(speaking) if t.kind is Kind.AMOUNT]
    doses = [i for i in amounts if not _again(speaking, i)]
    clauses = _gathered(speaking, timing_first=spoken[0] is Kind.TIMING and len(doses) > 1)
    if any(not clause.amounts for clause in clauses):
        raise _Unclear("the text names a time without saying how much to take")
    if len(clauses) > 1 and any(not clause.timings for clause in clauses):
        raise _Unclear("the text gives several doses and not when each is taken")
    return clauses


def _gathered(speaking: list[Token], *, timing_first: bool) -> list[_Clause]:
    clauses = [_Clause()]
    joined = _FIRST
    for i, token in enumerate(speaking):
        current = clauses[-1]
        if token.kind is Kind.AMOUNT:
            if current.amounts and not _again(speaking, i):
                current = _Clause()
                clauses.append(current)
            said = _amount(token)
            beside = bool(current.amounts) and speaking[i - 1].words == "(" and not said.in_total
            current.amounts.append(replace(said, beside=beside))
            joined = _FIRST
        elif token.kind is Kind.TIMING:
            if timing_first and current.amounts and current.timings:
                current = _Clause()
                clauses.append(current)
            current.timings.append(token)
            current.joined.append(joined)
            joined = ""
        else:
            joined = joined or token.words
    return clauses


def _again(tokens: list[Token], i: int) -> bool:
    """Whether this amount says the one before once more ("650 mg = 2 capsules")."""
    return i > 1 and tokens[i - 1].kind is Kind.SAME and tokens[i - 2].kind is Kind.AMOUNT


def _amount(token: Token) -> AmountToken:
    assert token.amount is not None  # noqa: S101 - an AMOUNT token is made with its amount
    return token.amount


def _line(
    clause: _Clause, *, as_needed: bool, ceilings: tuple[Ceiling, ...], bounds: Bounds
) -> DosageLine:
    amounts: list[SaidAmount] = []
    for said in clause.amounts:
        amounts.append(SaidAmount(said.amount, SaidAs.BESIDE if said.beside else SaidAs.UNTYPED))
        if said.each_mg is not None:
            total = replace(
                said.each_mg,
                low=said.amount.low * said.each_mg.low,
                high=said.amount.high * said.each_mg.high,
            )
            amounts.append(SaidAmount(total, SaidAs.CALCULATED))
    if sum(1 for a in amounts if a.amount.unit.kind is UnitKind.UNSTATED) and len(amounts) > 1:
        raise _Unclear("the text gives a dose without a unit beside another")
    timing = replace(_timing(clause), bounds=bounds)
    return DosageLine(amounts=tuple(amounts), timing=timing, as_needed=as_needed, ceilings=ceilings)


def _timing(clause: _Clause) -> Timing:
    """The phrases of one clause as one timing; two names of one moment are one moment."""
    _refuse_sums(clause)
    merged = Timing()
    cycles: set[Timing] = set()
    every_day = False
    before = ""
    for token, joined in zip(clause.timings, clause.joined, strict=True):
        timing = token.timing or Timing()
        if token.every_day_only:
            every_day = True
        elif timing.frequency is not None:
            cycles.add(replace(timing, when=(), days_of_week=frozenset()))
        merged = replace(
            merged,
            count=merged.count or timing.count,
            days_of_week=merged.days_of_week | timing.days_of_week,
        )
        part = part_of_day(timing)
        if joined or part != before:
            if not joined and part and before and ANY_TIME in {part, before}:
                raise _Unclear("the text names meals and another time for one dose")
            merged = replace(
                merged,
                when=tuple(dict.fromkeys(merged.when + timing.when)),
                times_of_day=tuple(dict.fromkeys(merged.times_of_day + timing.times_of_day)),
            )
        before = part or before
    return _one_timing(merged, cycles, every_day=every_day)


def _one_timing(merged: Timing, cycles: set[Timing], *, every_day: bool) -> Timing:
    if len(cycles) > 1:
        raise _Unclear(_TWO_WAYS)
    moments = len(merged.when) + len(merged.times_of_day)
    if merged.count is not None and (cycles or moments or every_day or merged.days_of_week):
        raise _Unclear('the text says "once" and also how often')
    if cycles:
        (cycle,) = cycles
        meals_only = not merged.times_of_day and part_of_day(merged) == ANY_TIME
        if moments and cycle.frequency not in {1, moments} and not meals_only:
            raise _Unclear(_TWO_WAYS)
        return replace(
            merged,
            frequency=cycle.frequency,
            frequency_max=cycle.frequency_max,
            period=cycle.period,
            period_max=cycle.period_max,
            period_unit=cycle.period_unit,
        )
    if every_day and not moments:
        return replace(merged, frequency=Fraction(1), period=Fraction(1), period_unit="d")
    return merged


_TWO_WAYS = "the text says how often in two different ways"
_FIRST = "first"


def _refuse_sums(clause: _Clause) -> None:
    """Of "daily and at bedtime" may be one dose or two: it is not read."""
    pairs = zip(clause.timings, clause.timings[1:], clause.joined[1:], strict=False)
    for one, other, joined in pairs:
        if joined in {"", ",", ";", _FIRST}:
            continue
        if _is_cycle(one) != _is_cycle(other):
            raise _Unclear(
                "the text joins how often with a time of day, which may be one dose or two"
            )


def _is_cycle(token: Token) -> bool:
    return token.timing is not None and token.timing.frequency is not None
