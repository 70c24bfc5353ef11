"""One dosage line -> a dose per day: rhythm times intake, as-needed, ceilings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from clinical.daily_dose import DailyDose, NotComputable
from clinical.dosage import Amount, Ceiling, DosageLine, SaidAmount, UnitKind
from clinical.dosing.line_amount import (
    Given,
    Intake,
    NoIntake,
    Scale,
    as_not_computable,
    beside_may_be_strength,
    in_mg,
    intake_of,
)
from clinical.dosing.timing import Rhythm, as_needed_by_name, rhythm_of, span
from clinical.dosing.units import in_words
from clinical.drugs import Strength
from clinical.quantities import plain


@dataclass(frozen=True, slots=True)
class Product:
    """What turns an amount into mg: the strength and, for a dose per kg, the weight."""

    strength: Strength | None = None
    weight_kg: Fraction | None = None


@dataclass(frozen=True, slots=True)
class LineDose:
    """A line's dose per day.

    `given` is the same in the administered unit, by `scale`, where that is known. `intakes` is
    the most on one day (None: not said), `slowest` and `fastest` the fewest and the most per day
    on average. `weekdays` are the only days of taking, None when that is open, `only_within` the
    first and last of listed days. `week` is the dose of Monday to Sunday, of several lines of
    which one names weekdays.
    Of doses that take turns by the day, `turn` is this one's.
    """

    dose: DailyDose
    given: DailyDose | None
    intakes: int | None
    slowest: Fraction | None = None
    single: bool = False
    weekdays: frozenset[str] | None = None
    scale: Scale | None = None
    only_within: tuple[date, date] | None = None
    fastest: Fraction | None = None
    week: tuple[tuple[Fraction, Fraction], ...] | None = None
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class LineGap:
    """A line without a dose in mg, and what it at least gives in its own unit."""

    result: NotComputable
    given: DailyDose | None = None


_HOW_OFTEN = "the order says how much at once and not how often"
_RATE_ONLY = "the dose is given at a rate, and how often it is given is not said"


def line_dose(line: DosageLine, product: Product) -> LineDose | LineGap:
    """The daily dose of the structured parts of one line."""
    ceiling_notes = tuple(_ceiling_words(c) for c in line.ceilings)
    notes = (*line.notes, *ceiling_notes)
    if line.unreadable:
        return LineGap(NotComputable(line.unreadable[0], (*line.unreadable[1:], *notes)))
    rhythm = rhythm_of(line.timing)
    if isinstance(rhythm, NotComputable):
        return LineGap(replace(rhythm, warnings=(*rhythm.warnings, *notes)))
    as_needed = line.as_needed or as_needed_by_name(line.timing)
    said = line.amounts or infused_at_once(line)
    if not said or (rhythm is None and not line.amounts and not as_needed):
        return LineGap(
            NotComputable(_why_no_amount(line), (*notes, *_other_maximum(line, product)))
        )
    intake = intake_of(said, product.strength, product.weight_kg)
    if rhythm is None:
        if not as_needed:
            return LineGap(NotComputable(_HOW_OFTEN if line.amounts else _RATE_ONLY, notes))
        return _as_needed_up_to(line, intake, product)
    if isinstance(intake, NoIntake):
        given = _given_per_day(intake.given, rhythm, as_needed=as_needed)
        return LineGap(as_not_computable(intake, (*rhythm.warnings, *notes)), given)
    if beside_may_be_strength(line.amounts, product.strength):
        intake = _strength_or_total(intake, line)
    intake = _at_most_at_once(intake, line, product, as_needed=as_needed)
    dose = _dose(intake, rhythm, as_needed=as_needed)
    dose = _below_ceilings(dose, line, product, may_vary=as_needed or dose.low != dose.high)
    warnings = (*line.notes, *rhythm.warnings, *dose.warnings, *_rate_note(line))
    if as_needed and line.timing.count is not None and not rhythm.single:
        warnings += (_NO_LAST_DAY.format(line.timing.count_max or line.timing.count),)
    dose = replace(dose, warnings=tuple(dict.fromkeys(warnings)))
    return LineDose(
        dose,
        scaled(dose, intake.scale),
        rhythm.peak,
        rhythm.low,
        rhythm.single,
        rhythm.weekdays,
        intake.scale,
        rhythm.only_within,
        rhythm.high,
        turn=line.timing.turn,
    )


_NO_LAST_DAY = "at most {} in all, as needed: the day on which they are used up is not known"


def scaled(dose: DailyDose, scale: Scale | None) -> DailyDose | None:
    """The same dose in the unit in which it is administered."""
    if scale is None:
        return None
    return replace(
        dose,
        unit=scale.unit,
        low=dose.low * scale.per_one,
        high=dose.high * scale.per_one,
        peak_day=dose.peak_day * scale.per_one,
    )


def infused_at_once(line: DosageLine) -> tuple[SaidAmount, ...]:
    """What a rate comes to in one administration, where it is said how long one takes."""
    lasts = line.timing.each_lasts_days
    if line.rate is None or lasts is None:
        return ()
    rate = line.rate.per_hour
    return (SaidAmount(Amount(rate.low * lasts[0] * 24, rate.high * lasts[1] * 24, rate.unit)),)


def _why_no_amount(line: DosageLine) -> str:
    if line.has_rate:
        return "the drug is given at a rate, which says no dose per day"
    return "the order does not say how much to take"


def _other_maximum(line: DosageLine, product: Product) -> tuple[str, ...]:
    """What is known of a dose that cannot be said: a rate all day long, the most at once."""
    known: tuple[str, ...] = ()
    if line.rate is not None:
        a_day = replace(
            line.rate.per_hour, low=line.rate.per_hour.low * 24, high=line.rate.per_hour.high * 24
        )
        given = in_mg(a_day, product.strength, product.weight_kg)
        if isinstance(given, Intake):
            known += (f"all day long the rate would be {plain(given.high)} {given.unit}/day",)
    if line.most_at_once is not None:
        most = in_words(line.most_at_once)
        known += (f"never more than {most} at once (a ceiling, not a dose)",)
    return known


def _rate_note(line: DosageLine) -> tuple[str, ...]:
    if not line.has_rate:
        return ()
    if line.amounts:
        return ("a rate is given beside the dose and was not used",)
    per_hour, lasts = line.rate, line.timing.each_lasts_days
    if per_hour is None or lasts is None:
        return ()
    hours = span(lasts[0] * 24, lasts[1] * 24)
    return (f"the dose is a rate of {in_words(per_hour.per_hour)}/h for {hours} h",)


def _dose(intake: Intake, rhythm: Rhythm, *, as_needed: bool) -> DailyDose:
    low = Fraction(0) if as_needed else rhythm.low * intake.low
    high = rhythm.high * intake.high
    peak = rhythm.peak * intake.high
    unit = intake.unit
    working = f"{rhythm.words} x {intake.words} = "
    if rhythm.single:
        working += f"{span(intake.low, intake.high)} {unit} on one day"
    elif as_needed:
        working = f"as needed, at most {working}{plain(high)} {unit}/day"
    else:
        working += f"{span(low, high)} {unit}/day"
    if peak != high:
        working += f", at most {plain(peak)} {unit} on one day"
    return DailyDose(unit, low, high, peak, as_needed, working, intake.warnings)


def _given_per_day(given: Given | None, rhythm: Rhythm, *, as_needed: bool) -> DailyDose | None:
    if given is None:
        return None
    words = f"{span(given.low, given.high)} {given.unit}"
    intake = Intake(given.low, given.high, given.unit, words, None)
    return _dose(intake, rhythm, as_needed=as_needed)


def _strength_or_total(intake: Intake, line: DosageLine) -> Intake:
    """Of "2 tablets (0.5 mg)" of an unknown product: 0.5 mg in all, or each."""
    counts = [s.amount.high for s in line.amounts if s.amount.unit.kind is UnitKind.COUNT]
    return replace(
        intake,
        high=intake.high * max(*counts, Fraction(1)),
        low=intake.low * min(*counts, Fraction(1)),
        scale=None,
        warnings=(*intake.warnings, "the mg in brackets may be of one unit or of all; both count"),
    )


def _ceiling_words(ceiling: Ceiling) -> str:
    days = "day" if ceiling.days == 1 else f"{plain(ceiling.days)} days"
    return f"never more than {in_words(ceiling.amount)} per {days} (a ceiling, not a dose)"


def _ceiling_in(unit: str, ceiling: Ceiling, product: Product) -> Fraction | None:
    """The ceiling's amount in the unit of a dose, or None when it cannot be said."""
    if not ceiling.amount.unit.name:
        return None
    converted = in_mg(ceiling.amount, product.strength, product.weight_kg)
    if isinstance(converted, Intake) and converted.unit == unit:
        return converted.high
    return None


def _below_ceilings(
    dose: DailyDose, line: DosageLine, product: Product, *, may_vary: bool
) -> DailyDose:
    """A dose that may vary ends at its ceiling; a fixed dose above one is told, not cut."""
    for ceiling in line.ceilings:
        most = _ceiling_in(dose.unit, ceiling, product)
        if most is None:
            note = (
                f"{_ceiling_words(ceiling)}: its unit is not that of the dose, so it was left out"
            )
            dose = replace(dose, warnings=(*dose.warnings, note))
            continue
        average = most / ceiling.days
        on_one_day = most if ceiling.days >= 1 else average
        if average >= dose.high and on_one_day >= dose.peak_day:
            continue
        if may_vary and average >= dose.low:
            high = min(dose.high, average)
            dose = replace(
                dose,
                high=high,
                peak_day=max(high, min(dose.peak_day, on_one_day)),
                working=f"{dose.working}, capped at {plain(high)} {dose.unit}/day",
            )
        else:
            note = _ABOVE_MAXIMUM + _ceiling_words(ceiling)
            dose = replace(dose, warnings=(*dose.warnings, note))
    return dose


_ABOVE_MAXIMUM = "the dose is above the order's own maximum: "


def _at_most_at_once(
    intake: Intake, line: DosageLine, product: Product, *, as_needed: bool
) -> Intake:
    if line.most_at_once is None:
        return intake
    most = in_mg(line.most_at_once, product.strength, product.weight_kg)
    if isinstance(most, NoIntake) or most.unit != intake.unit:
        note = "the maximum per administration is in another unit and was left out"
    elif most.high >= intake.high:
        return intake
    elif intake.low <= most.high and (as_needed or intake.low != intake.high):
        words = f"{intake.words} (at most {plain(most.high)} {intake.unit} at once)"
        return replace(intake, high=most.high, words=words)
    else:
        note = f"the dose is above the order's own maximum of {most.words} at once"
    return replace(intake, warnings=(*intake.warnings, note))


def _as_needed_up_to(
    line: DosageLine, intake: Intake | NoIntake, product: Product
) -> LineDose | LineGap:
    """As needed without a timing: the ceiling, if there is one, is the most it can be."""
    notes = (*line.notes, *map(_ceiling_words, line.ceilings))
    if isinstance(intake, NoIntake):
        return LineGap(as_not_computable(intake, notes))
    intake = _at_most_at_once(intake, line, product, as_needed=True)
    caps = [(c, _ceiling_in(intake.unit, c, product)) for c in line.ceilings]
    known = [(most / c.days, c) for c, most in caps if most]
    if not known:
        return LineGap(NotComputable("as needed, no maximum given", notes, as_needed=True))
    high, ceiling = min(known, key=lambda pair: pair[0])
    peak = max(high, high * ceiling.days) if ceiling.days > 1 else high
    working = (
        f"as needed, {intake.words} at once, at most {plain(high)} {intake.unit}/day "
        "by the order's maximum"
    )
    above = (_ABOVE_MAXIMUM + _ceiling_words(ceiling),) if intake.low > peak else ()
    dose = DailyDose(
        intake.unit,
        Fraction(0),
        high,
        peak,
        True,
        working,
        (*line.notes, *intake.warnings, *above),
    )
    return LineDose(dose, scaled(dose, intake.scale), None, scale=intake.scale)
