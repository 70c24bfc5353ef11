"""The doses of one step of a text, each with its times, as dosage lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from clinical.dosage import (
    DAYS_IN,
    NO_UNIT,
    Amount,
    Bounds,
    Ceiling,
    DosageLine,
    DoseUnit,
    SaidAmount,
    SaidAs,
    Timing,
    UnitKind,
)
from clinical.dosing.sig_doses import DOSES, JOINS, Unclear
from clinical.dosing.sig_timing import FIRST, NO_WORD, is_alternating, one_timing, turns_of
from clinical.dosing.sig_tokens import Dose, Kind, Token
from clinical.dosing.timing_words import TimingPhrase


@dataclass(slots=True)
class Clause:
    """One dose and its moments; `joined` is the word before each moment.

    `beside_another` is a dose that is said to be taken besides the one before it, `added` one
    that "and" or the like joins to it.
    """

    doses: list[Dose] = field(default_factory=list)
    whens: list[TimingPhrase] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    as_needed: bool = False
    beside_another: bool = False
    added: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The lines of one step of a text, and what a later step may leave out."""

    lines: list[DosageLine]
    clauses: list[Clause]


def step_of(tokens: Sequence[Token], bounds: Bounds, before: Step | None) -> Step:
    """One step of a text: its lines, within its days.

    `before` is the step before it: "then 1 tab for a week" leaves out the time, "then daily" the
    dose. Raises Unclear.
    """
    tokens = _with_ceilings(tokens)
    clauses = _clauses(tokens)
    notes = _continued(clauses, before)
    if any(not clause.doses for clause in clauses):
        raise Unclear("the text names a time without saying how much to take")
    if any(token.kind is Kind.HELD for token in tokens):
        notes += (_HELD,)
    if any(dose.of_several_products for clause in clauses for dose in clause.doses):
        notes += (SEVERAL_PRODUCTS,)
    unit = _counted_unit(clauses)
    lines = [
        DosageLine(_amounts(clause, unit), timing, as_needed=clause.as_needed, notes=notes)
        for clause, timing in zip(clauses, _timings(clauses, tokens), strict=True)
    ]
    _refuse_unlike(clauses, [line.timing for line in lines])
    _refuse_pace(lines, tokens)
    if any(token.kind is Kind.DIVIDED for token in tokens):
        _refuse_divided(lines)
    lines = _repeated(lines, clauses, tokens)
    lines = [_limited(line, tokens, unit, alone=len(lines) == 1) for line in lines]
    lines = [replace(line, timing=replace(line.timing, bounds=bounds)) for line in lines]
    return Step(lines, clauses)


_HELD = "the text says when it is to be held; the dose as written counts"
SEVERAL_PRODUCTS = "the text tells of tablets of several strengths; all of them are counted"
_AS_BEFORE = "the text does not say when a later step is taken; read as in the step before"


# --- gathering ----------------------------------------------------------------------------------


def _clauses(tokens: Sequence[Token]) -> list[Clause]:
    """Each dose with its moments, whichever of the two is said first."""
    doses = [t for t in tokens if t.kind in DOSES]
    speaking = [t for t in tokens if t.kind in DOSES or t.kind is Kind.TIMING]
    if not speaking:
        raise Unclear("a later step of the text says no dose")
    timing_first = speaking[0].kind is Kind.TIMING and len(doses) > 1
    if timing_first and _is_daily(speaking[0]):
        # "Daily: 1 tab in the morning and 2 tabs at bedtime" says "daily" of both.
        first = speaking[0]
        tokens = [t for t in tokens if t is not first]
        timing_first = speaking[1].kind is Kind.TIMING
    return _gathered(tokens, timing_first=timing_first)


def _is_daily(token: Token) -> bool:
    return token.when is not None and token.when.every_day_only


def _with_ceilings(tokens: Sequence[Token]) -> list[Token]:
    """Of "1-2 tabs q6h, up to 6 tabs daily" the last is a ceiling and no other dose."""
    seen = False
    limited: list[Token] = []
    for token in tokens:
        up_to = limited[-1].dose if limited and limited[-1].kind is Kind.AMOUNT else None
        if seen and up_to is not None and up_to.amount.low == 0 and _is_once_a_day(token):
            ceiling = Ceiling(replace(up_to.amount, low=up_to.amount.high), Fraction(1))
            limited[-1] = Token(Kind.CEILING, limited[-1].words, ceiling=ceiling)
            continue
        seen = seen or bool(limited and limited[-1].kind in DOSES)
        limited.append(token)
    return limited


def _is_once_a_day(token: Token) -> bool:
    timing = token.when.timing if token.when else Timing()
    return timing == Timing(Fraction(1), period=Fraction(1), period_unit="d")


def _gathered(tokens: Sequence[Token], *, timing_first: bool) -> list[Clause]:
    clauses = [Clause()]
    joined = FIRST
    beside = needed_extra = False
    scoped = any(t.kind in {Kind.PLUS, Kind.EXTRA} for t in tokens)
    for token in tokens:
        current = clauses[-1]
        if token.kind in DOSES and token.dose is not None:
            if current.doses:
                current = Clause()
                clauses.append(current)
            current.doses.append(token.dose)
            current.beside_another = beside
            current.added = beside or joined not in NO_WORD
            current.as_needed = current.as_needed or needed_extra
            joined, beside, needed_extra = FIRST, False, False
        elif token.when is not None:
            if timing_first and current.doses and current.whens:
                current = Clause()
                clauses.append(current)
            current.whens.append(token.when)
            current.joined.append(joined)
            joined = ""
        elif token.kind in JOINS:
            joined = joined or token.words
            beside = beside or token.kind is not Kind.AND
            needed_extra = needed_extra or token.kind is Kind.EXTRA
        elif token.kind in {Kind.AS_NEEDED, Kind.MAY}:
            if joined not in NO_WORD and token.kind is Kind.AS_NEEDED:
                raise Unclear(
                    'the text says "and as needed", which may be more than the dose before it'
                )
            current.as_needed = True
    if not scoped and any(clause.as_needed for clause in clauses):
        # "1 tab in the morning and 2 at bedtime as needed" may mean both.
        clauses = [replace(clause, as_needed=True) for clause in clauses]
    return clauses


def _continued(clauses: list[Clause], before: Step | None) -> tuple[str, ...]:
    """Fills what a later step leaves out from a step before it with one dose."""
    if before is None or len(clauses) != 1 or len(before.clauses) != 1:
        return ()
    clause, earlier = clauses[0], before.clauses[0]
    if not clause.doses:
        clause.doses = list(earlier.doses)
        return ()
    if not clause.whens and earlier.whens:
        clause.whens, clause.joined = list(earlier.whens), list(earlier.joined)
        return (_AS_BEFORE,)
    return ()


def _timings(clauses: list[Clause], tokens: Sequence[Token]) -> list[Timing]:
    """When each clause's dose is taken; "1 mg and 0.5 mg on alternate days" take turns."""
    alternates = any(t.kind is Kind.ALTERNATE for t in tokens)
    if not alternates and not (len(clauses) == 2 and is_alternating(tokens, clauses[0].whens)):
        return [one_timing(clause.whens, clause.joined) for clause in clauses]
    if len(clauses) != 2:
        raise Unclear("the text alternates, and not between two doses")
    return turns_of([when for clause in clauses for when in clause.whens])


def _refuse_unlike(clauses: list[Clause], timings: list[Timing]) -> None:
    """Several doses are added up only where each says by itself when it is taken."""
    if len(clauses) == 1:
        if timings[0].turn is not None:
            raise Unclear("the text alternates, and not between two doses")
        return
    if Timing() in timings:
        raise Unclear("the text gives several doses and not when each is taken")
    days = [bool(timing.days_of_week) or _rarer(timing) for timing in timings]
    if any(days) and not all(days):
        raise Unclear("the text names days for one of several doses")
    if len({timing.count for timing in timings}) > 1:
        raise Unclear("the text gives one dose once and another again and again")
    turns = [timing.turn for timing in timings]
    if any(turns) and sorted(turn or 0 for turn in turns) != [1, 2]:
        raise Unclear("the text alternates, and not between two doses")
    for i, (clause, timing) in enumerate(zip(clauses, timings, strict=True)):
        if not clause.beside_another and timing in timings[:i]:
            raise Unclear("the text gives several doses for the same time")
        only_how_often = [not other.when and not other.times_of_day for other in timings[: i + 1]]
        if (
            i
            and not clause.added
            and all(only_how_often)
            and not (timing.days_of_week or timing.turn)
        ):
            raise Unclear("the text gives several doses and not whether they are taken together")


def _refuse_pace(lines: list[DosageLine], tokens: Sequence[Token]) -> None:
    """Of "decrease to 0.5 tablets every 14 days": more likely the pace of a taper."""
    if any(t.kind is Kind.TO for t in tokens) and any(_rarer(line.timing) for line in lines):
        raise Unclear(
            "the text changes the dose every so often, which may not be how often to take it"
        )


def _rarer(timing: Timing) -> bool:
    return timing.period_unit in {"wk", "mo"} or (
        timing.period_unit in {"d", "h"} and DAYS_IN[timing.period_unit] * (timing.period or 0) > 1
    )


# --- amounts ------------------------------------------------------------------------------------


def _counted_unit(clauses: list[Clause]) -> DoseUnit | None:
    """The one counted unit that the doses of the step are in, for a number that leaves it out."""
    units = {dose.amount.unit for clause in clauses for dose in clause.doses}
    units.discard(NO_UNIT)
    one = next(iter(units)) if len(units) == 1 else None
    return one if one is not None and one.kind is UnitKind.COUNT else None


def _amounts(clause: Clause, unit: DoseUnit | None) -> tuple[SaidAmount, ...]:
    amounts: list[SaidAmount] = []
    for dose in clause.doses:
        amount = dose.amount
        if amount.unit == NO_UNIT and unit is not None:
            amount = replace(amount, unit=unit)
        amounts.append(SaidAmount(amount))
        amounts += [SaidAmount(also) for also in dose.also]
        if dose.beside is not None:
            amounts.append(SaidAmount(dose.beside, SaidAs.BESIDE))
        if dose.each is not None and amount.unit.kind is not UnitKind.MASS:
            each = dose.each
            total = replace(each, low=amount.low * each.low, high=amount.high * each.high)
            amounts.append(SaidAmount(total, SaidAs.CALCULATED))
    return tuple(amounts)


def _refuse_divided(lines: list[DosageLine]) -> None:
    """Only the dose of a day can be divided: "2 mg/day divided bid"."""
    a_day = Timing(Fraction(1), period=Fraction(1), period_unit="d")
    if len(lines) > 1 or lines[0].timing not in {a_day, Timing()}:
        raise Unclear("the text divides a dose that is not the day's")


def _repeated(
    lines: list[DosageLine], clauses: list[Clause], tokens: Sequence[Token]
) -> list[DosageLine]:
    """Each dose once or twice, where the text says "may repeat x1"."""
    times = sum(token.times for token in tokens if token.kind is Kind.REPEAT)
    if not times:
        return lines
    if len(lines) != 1 or any(dose.beside is not None for dose in clauses[0].doses):
        raise Unclear("the text says that a dose may be repeated and not which")
    amounts = tuple(
        replace(said, amount=replace(said.amount, high=said.amount.high * (times + 1)))
        for said in lines[0].amounts
    )
    return [replace(lines[0], amounts=amounts)]


def _limited(
    line: DosageLine, tokens: Sequence[Token], unit: DoseUnit | None, *, alone: bool
) -> DosageLine:
    """The line with the limits of its step."""
    ceilings = [t.ceiling for t in tokens if t.ceiling is not None]
    ceilings = [
        replace(c, amount=replace(c.amount, unit=unit)) if c.amount.unit == NO_UNIT and unit else c
        for c in ceilings
    ]
    for token in tokens:
        if token.kind is not Kind.MOST_TIMES:
            continue
        if not alone or not line.amounts:
            raise Unclear("the text limits how often, and not of which dose")
        said = line.amounts[0].amount
        if line.timing == Timing():
            per = {Fraction(1): "d", Fraction(7): "wk"}[token.days]
            timing = Timing(Fraction(0), Fraction(token.times), Fraction(1), period_unit=per)
            line = replace(line, timing=timing)
        else:
            most = Amount(said.high * token.times, said.high * token.times, said.unit)
            ceilings.append(Ceiling(most, token.days))
    return replace(line, ceilings=tuple(ceilings))


def is_single(step: Step) -> bool:
    """Whether a step is one administration ("1 mg now")."""
    return all(line.timing.count == 1 for line in step.lines)
