"""Reads a dosage written as English text - or names the words it could not read.

A dose comes out only when every word that may bear on it was understood: words outside the
lists of `sig_words` are never skipped. "take 1/2 to 1 tab po bid prn anxiety, max 2 mg/day" is
read; "1 tab bid, wean as able" is not, and says so. Pieces of the text (`sig_words`) make doses
(`sig_doses`), doses and times make clauses (`sig_clauses`), and here clauses make steps in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise

from clinical.dosage import NO_UNIT, Amount, Bounds, DosageLine, SaidAmount, Timing
from clinical.dosing.sig_clauses import Step, is_single, step_of
from clinical.dosing.sig_doses import DOSES, Unclear, with_doses_joined, with_numbers_placed
from clinical.dosing.sig_spans import lasting
from clinical.dosing.sig_tokens import Dose, Kind, Label, Lowering, Token
from clinical.dosing.sig_words import tokens_of
from clinical.dosing.timing import Rhythm, rhythm_of
from clinical.dosing.timing_words import TimingPhrase
from clinical.knowledge import document


@dataclass(frozen=True, slots=True)
class SigReading:
    """The lines a text means; empty with the words in the way, or with `why` it is no dose.

    `only_when` is the line of a text that says when and not how much ("twice daily").
    """

    lines: tuple[DosageLine, ...] = ()
    unread: tuple[str, ...] = ()
    why: str | None = None
    only_when: DosageLine | None = None


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
    tokens = with_numbers_placed(_without_opening(tokens_of(text)))
    unread = tuple(dict.fromkeys(token.words for token in tokens if token.kind is Kind.UNREAD))
    if unread:
        return SigReading(unread=unread)
    try:
        tokens = with_doses_joined(tokens)
        if any(token.kind in DOSES for token in tokens):
            return SigReading(lines=_lines(tokens))
    except Unclear as unclear:
        return SigReading(why=str(unclear))
    if any(token.kind is Kind.LOWERING for token in tokens):
        return SigReading(why="the text says to lower the dose and not from what")
    return SigReading(why="the text states no dose", only_when=_only_when(tokens))


def _without_opening(tokens: Sequence[Token]) -> list[Token]:
    """The words "increase to" may open a text or a step; elsewhere they are unread."""
    placed: list[Token] = []
    for i, token in enumerate(tokens):
        opens = i == 0 or tokens[i - 1].kind in {Kind.THEN, Kind.LABEL, Kind.DRUG}
        if token.kind is Kind.TO and not opens:
            token = Token(Kind.UNREAD, token.words)  # noqa: PLW2901
        placed.append(token)
    return placed


def _only_when(tokens: Sequence[Token]) -> DosageLine | None:
    """The line of a text without a dose, where it is nothing but a time."""
    said = {Kind.TIMING, Kind.AND, Kind.AS_NEEDED}
    if not any(t.kind is Kind.TIMING for t in tokens) or any(t.kind not in said for t in tokens):
        return None
    any_dose = Dose(Amount(Fraction(1), Fraction(1), NO_UNIT))
    try:
        step = step_of([Token(Kind.AMOUNT, dose=any_dose), *tokens], Bounds(), None)
    except Unclear:
        return None
    return replace(step.lines[0], amounts=())


# --- steps in time --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """The pieces between two words that part steps, and how long they say it lasts."""

    tokens: list[Token] = field(default_factory=list)
    label: Label | None = None

    @property
    def bounds(self) -> Bounds:
        durations = {t.lasts_days for t in self.tokens if t.lasts_days is not None}
        if self.label is not None and (lasts := lasting(self.label)) is not None:
            durations.add(lasts)
        starts = {t.starts for t in self.tokens if t.starts is not None}
        ends = {t.ends for t in self.tokens if t.ends is not None}
        if max(len(durations), len(starts), len(ends)) > 1:
            raise Unclear("the text gives more than one duration for one dose")
        return Bounds(next(iter(starts), None), next(iter(ends), None), next(iter(durations), None))

    @property
    def doses(self) -> int:
        return sum(token.kind in DOSES for token in self.tokens)


def _lines(tokens: Sequence[Token]) -> tuple[DosageLine, ...]:
    parts, stopped = _parts(tokens)
    if any(token.kind is Kind.LOWERING for part in parts for token in part.tokens):
        return _lowered(parts, stopped=stopped)
    steps: list[Step] = []
    for part in parts:
        steps.append(_step(part, steps[-1] if steps else None))
    for step in steps if stopped else steps[:-1]:
        if not _ends(step):
            raise Unclear(
                'the text goes on with "then" and does not say how long the dose before it lasts'
            )
    numbered = len(steps) > 1
    return tuple(
        replace(line, sequence=number if numbered else None)
        for number, step in enumerate(steps, start=1)
        for line in step.lines
    )


def _step(part: _Part, before: Step | None) -> Step:
    tokens, label = part.tokens, part.label
    on_one_day = label is not None and label.unit == "day" and label.first == label.last
    if on_one_day and not any(t.kind is Kind.TIMING for t in tokens):
        # "2 tablets on day 1" is once on that day.
        tokens = [*tokens, Token(Kind.TIMING, when=TimingPhrase(Timing(count=1), end=0))]
    return step_of(tokens, part.bounds, before)


def _ends(step: Step) -> bool:
    return is_single(step) or all(
        line.timing.bounds.ends is not None or line.timing.bounds.lasts_days is not None
        for line in step.lines
    )


def _parts(tokens: Sequence[Token]) -> tuple[list[_Part], bool]:
    """The text parted at "then", at the labels of steps, and after each of several durations."""
    parts = [_Part()]
    stopped = course = False
    for token in tokens:
        if token.kind is Kind.THEN:
            if token.lasts_days is not None:
                parts[-1].tokens.append(replace(token, kind=Kind.DURATION))
            parts.append(_Part())
            course = True
        elif token.kind is Kind.STOP:
            stopped = True
        elif token.kind is Kind.TAPER:
            course = True
        elif stopped and token.kind is not Kind.AND:
            raise Unclear("the text says to stop and goes on after it")
        else:
            parts[-1].tokens.append(token)
    parts = [p for part in parts if part.tokens for p in _labelled(part)]
    parts = [part for part in parts if any(t.kind not in _NO_STEP for t in part.tokens)]
    course = course or stopped
    parts = [p for part in parts for p in _listed(part, course=course)]
    _refuse_gaps(parts)
    return _within_a_day(parts), stopped


_NO_STEP = frozenset({Kind.AND, Kind.LABEL})


def _labelled(part: _Part) -> list[_Part]:
    """The part of "week 1: 1 mg bid; week 2: 0.5 mg bid", parted at its labels."""
    labels = [i for i, token in enumerate(part.tokens) if token.kind is Kind.LABEL]
    if not labels:
        return [part]
    if part.tokens[-1].kind is Kind.LABEL and labels[0] > 0:
        edges = [0, *(i + 1 for i in labels)]
    else:
        edges = [0 if n == 0 else i for n, i in enumerate(labels)] + [len(part.tokens)]
    parted: list[_Part] = []
    for start, end in pairwise(edges):
        inside = part.tokens[start:end]
        label = next(t.label for t in inside if t.kind is Kind.LABEL)
        parted.append(_Part([t for t in inside if t.kind is not Kind.LABEL], label))
    if len(parted) > 1 and len(labels) != len(parted):
        raise Unclear("the text numbers its steps, and not each of them")
    return parted


def _listed(part: _Part, *, course: bool) -> list[_Part]:
    """The part of "1 mg bid x 7 days, 0.5 mg bid x 7 days": a course's words make it steps."""
    groups: list[list[Token]] = [[]]
    for token in part.tokens:
        kinds = {t.kind for t in groups[-1]}
        if token.kind in DOSES and Kind.DURATION in kinds and kinds & DOSES:
            groups.append([])
        groups[-1].append(token)
    if len(groups) == 1:
        return [part]
    lasting_ones = [any(t.kind is Kind.DURATION for t in group) for group in groups]
    if not all(lasting_ones[:-1] if course else lasting_ones) or part.label is not None:
        raise Unclear("the text gives a duration for one of several doses")
    if not course:
        raise Unclear(
            "the text gives several durations and does not say that the doses are taken "
            "one after the other"
        )
    return [_Part(group) for group in groups]


def _refuse_gaps(parts: Sequence[_Part]) -> None:
    """Numbered steps begin with the first and leave none out; only the last may be unnumbered."""
    labels = [part.label for part in parts]
    if not any(labels):
        return
    expected = 1
    for i, label in enumerate(labels):
        if label is None and i == len(labels) - 1:
            return
        same_unit = label is not None and labels[0] is not None and label.unit == labels[0].unit
        if label is None or not same_unit or label.first != expected:
            raise Unclear("the text numbers days, weeks or months and leaves some out")
        if label.last is None and i < len(labels) - 1:
            raise Unclear("the text goes on after a step that has no end")
        expected = (label.last or label.first) + 1


def _within_a_day(parts: list[_Part]) -> list[_Part]:
    """Parts of one day as one: "1 tab in the morning, then 2 tabs at bedtime"."""
    joined: list[_Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last is not None and _is_of_a_day(last) and _is_of_a_day(part) and not _lasts(last):
            last.tokens += [Token(Kind.AND, "then"), *part.tokens]
        else:
            joined.append(part)
    return joined


def _is_of_a_day(part: _Part) -> bool:
    """Whether a part gives doses at moments of the day and nothing of how often."""
    whens = [t.when for t in part.tokens if t.when is not None]
    moments = all(
        when.every_day_only or when.timing.when or when.timing.times_of_day for when in whens
    )
    rhythms = any(when.timing.frequency and not when.every_day_only for when in whens)
    return part.label is None and bool(whens) and part.doses > 0 and moments and not rhythms


def _lasts(part: _Part) -> bool:
    return part.bounds != Bounds()


# --- a dose that is lowered -----------------------------------------------------------------------


def _lowered(parts: Sequence[_Part], *, stopped: bool) -> tuple[DosageLine, ...]:
    """A step for each dose on the way down: "1 mg at bedtime, decrease by 0.25 mg every week"."""
    lowerings = [t.lowering for p in parts for t in p.tokens if t.lowering is not None]
    tokens = [t for p in parts for t in p.tokens if t.kind is not Kind.LOWERING]
    bounds = _Part(tokens).bounds
    lines = step_of(tokens, bounds, None).lines
    if len(lowerings) > 1 or len(lines) > 1 or any(p.label is not None for p in parts):
        raise Unclear("the text lowers one of several doses")
    (line,), lowering = lines, lowerings[0]
    rhythm = rhythm_of(line.timing)
    once_a_day = isinstance(rhythm, Rhythm) and rhythm.low == rhythm.high == rhythm.peak == 1
    if not once_a_day:
        raise Unclear("the text lowers the dose and not whether by so much each dose or of the day")
    doses = _on_the_way_down(line, lowering)
    steps: list[DosageLine] = []
    for number, dose in enumerate(doses, start=1):
        last = number == len(doses)
        lasts: tuple[int, int] | None = (lowering.days, lowering.days)
        if number == 1 and bounds.lasts_days is not None:
            lasts = bounds.lasts_days
        elif last and not (stopped or lowering.to_nothing):
            lasts = None
        within = Bounds(bounds.starts if number == 1 else None, None, lasts)
        steps.append(
            replace(
                line,
                amounts=(SaidAmount(dose),),
                timing=replace(line.timing, bounds=within),
                sequence=number,
            )
        )
    return tuple(steps)


def _on_the_way_down(line: DosageLine, lowering: Lowering) -> list[Amount]:
    amount, by, to = line.amounts[0].amount, lowering.by, lowering.to
    if len(line.amounts) > 1 or amount.low != amount.high or by.low != by.high:
        raise Unclear("the text lowers a dose that is itself a range")
    if by.unit != amount.unit or (to is not None and to.unit != amount.unit):
        raise Unclear("the text lowers the dose in another unit than it gives it in")
    end = to.high if to is not None else Fraction(0)
    doses: list[Amount] = []
    dose = amount.high
    while dose > 0 and dose >= end:
        doses.append(Amount(dose, dose, amount.unit))
        dose -= by.high
        if len(doses) > _MOST_STEPS:
            raise Unclear("the text lowers the dose in more steps than a taper has")
    return doses


_MOST_STEPS = 100
