"""An order's dosage lines -> its dose over time, or why that cannot be said (CLINICAL 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache

from clinical.daily_dose import DailyDose, DoseCourse, DoseStep, NotComputable
from clinical.dosage import DosageLine
from clinical.dosing.line_dose import LineDose, LineGap, Product, line_dose
from clinical.dosing.line_text import checked, completed
from clinical.dosing.steps import Steps, Stretch, steps_of, sum_of, week_of
from clinical.dosing.timing import span
from clinical.drugs import Strength
from clinical.knowledge import document
from clinical.quantities import LARGEST, SMALLEST_SHOWN, plain

_MOST_WARNINGS = 20


@cache
def _most_lines() -> int:
    return int(document("dosage.toml")["numbers"]["most_lines"]["value"])


@cache
def implausible_mg_per_day() -> Fraction:
    """The clonazepam dose per day above which a dose is flagged: the LABEL's maximum."""
    return Fraction(
        document("checks/high-dose.toml")["numbers"]["absolute_maximum_mg_per_day"]["value"]
    )


def course_of(
    lines: Sequence[DosageLine],
    *,
    strength: Strength | None,
    ingredient_is_clonazepam: bool = False,
    starts: date | None = None,
    weight_kg: Fraction | None = None,
) -> DoseCourse:
    """The dose of one order over time.

    `strength` is the product's, None when not known: then a dose in tablets stays in tablets.
    `starts` is the day from which durations without dates count (authoredOn, start of
    validity). One line that cannot be computed makes the whole not computable; the other
    lines then stand in the warnings.
    """
    if not lines:
        return DoseCourse(NotComputable("the order has no dosage"))
    if len(lines) > _most_lines():
        return DoseCourse(
            NotComputable(
                f"the order has {len(lines)} dosage lines; more than {_most_lines()} are not read"
            )
        )
    product = Product(strength, weight_kg)
    parts = _completed_lines(list(lines))
    dosed = [_line_result(part, product) for part in parts]
    gaps = [(n, d) for n, d in enumerate(dosed, start=1) if isinstance(d, LineGap)]
    starts_on, ends_on = _written_bounds(parts)
    if gaps:
        known = [d for d in dosed if isinstance(d, LineDose)]
        only_given = gaps[0][1].given if len(parts) == 1 else None
        return DoseCourse(
            _why_not(gaps, known, len(parts)),
            amount_per_day=only_given,
            starts=starts_on,
            ends=ends_on,
        )
    doses = [d for d in dosed if isinstance(d, LineDose)]
    steps = steps_of(list(zip(parts, doses, strict=True)), starts)
    if isinstance(steps, NotComputable):
        return DoseCourse(steps, starts=starts_on, ends=ends_on)
    if not steps.stretches:
        return DoseCourse(
            NotComputable("the dosage applies on no day"), starts=starts_on, ends=ends_on
        )
    if len({stretch.dosed.dose.unit for stretch in steps.stretches}) > 1:
        return DoseCourse(_in_different_units(steps), starts=starts_on, ends=ends_on)
    notes = (*steps.warnings, *_whole_notes(list(lines), parts))
    course = _course(steps, notes, clonazepam=ingredient_is_clonazepam)
    single = len(doses) == 1 and doses[0].single
    return replace(course, single_dose=single, counts_from_start=steps.counts_from_start)


def highest_from(course: DoseCourse, on: date) -> DailyDose | NotComputable | None:
    """The highest step of those that have not ended before the day; None if all have ended."""
    if isinstance(course.overall, NotComputable):
        return None if course.ends is not None and course.ends < on else course.overall
    left = [step.dose for step in course.steps if step.ends is None or step.ends >= on]
    return max(left, key=lambda dose: (dose.peak_day, dose.high), default=None)


def dose_on(course: DoseCourse, on: date) -> DailyDose | NotComputable | None:
    """The dose on one day; None when there is nothing to take on it.

    Steps without dates may all be meant: then the highest, with the lowest as low bound.
    """
    if isinstance(course.overall, NotComputable):
        before = course.starts is not None and on < course.starts
        after = course.ends is not None and course.ends < on
        return None if before or after else course.overall
    there = [step.dose for step in steps_on(course, on)]
    if len(there) < 2:
        return there[0] if there else None
    highest = max(there, key=lambda dose: (dose.peak_day, dose.high))
    return replace(highest, low=min(dose.low for dose in there))


def taken_on(course: DoseCourse, on: date) -> DailyDose | NotComputable | None:
    """What is to be taken on one day of the calendar; None when there is nothing.

    As `dose_on`, but where the order names days of the week the dose is that of this one and
    no average of the week.
    """
    dose, there = dose_on(course, on), steps_on(course, on)
    weeks = [step.week[on.weekday()] for step in there if step.week is not None]
    if not isinstance(dose, DailyDose) or len(weeks) != 1 or len(there) != 1:
        return dose
    low, high = weeks[0]
    if high == 0:
        return None
    day = f"on a {on:%A}: {span(low, high)} {dose.unit}"
    return replace(dose, low=low, high=high, peak_day=high, working=f"{dose.working}; {day}")


def steps_on(course: DoseCourse, on: date) -> list[DoseStep]:
    """The steps that a day is in; more than one only where steps have no dates."""
    return [
        step
        for step in course.steps
        if (step.starts is None or step.starts <= on) and (step.ends is None or on <= step.ends)
    ]


def _completed_lines(lines: list[DosageLine]) -> list[DosageLine]:
    """Each line with what only its text says; a text repeated on every line is read once."""
    texts = {line.text for line in lines}
    shared = len(lines) > 1 and len(texts) == 1 and None not in texts
    parts = [completed(line) for line in lines]
    if not shared:
        if len(lines) > 1 and any(
            p.sequence is not None for ps in parts if len(ps) > 1 for p in ps
        ):
            parts = [
                ps if len(ps) == 1 else (replace(line, unreadable=(_STEPS_IN_TEXT,)),)
                for line, ps in zip(lines, parts, strict=True)
            ]
        return [part for ps in parts for part in ps]
    if all(ps == (line,) for line, ps in zip(lines, parts, strict=True)):
        return [replace(line, text=None) for line in lines]
    return list(completed(DosageLine(text=lines[0].text, as_needed=lines[0].as_needed)))


_STEPS_IN_TEXT = "the text of one of several lines tells steps in time of its own"


def _line_result(part: DosageLine, product: Product) -> LineDose | LineGap:
    bounds = part.timing.bounds
    if bounds.starts is not None and bounds.ends is not None and bounds.ends < bounds.starts:
        return LineGap(NotComputable("the dosage's period ends before it begins", part.notes))
    result = line_dose(part, product)
    if isinstance(result, LineGap):
        return replace(result, given=_if_an_amount(result.given))
    result = checked(part, result, product)
    if result.dose.peak_day > LARGEST or result.dose.high > LARGEST:
        return LineGap(NotComputable("the dose is beyond any amount that can be ordered"))
    if result.dose.high < SMALLEST_SHOWN:
        # Shown with six places it would be a 0, and a 0 says that nothing is taken.
        return LineGap(NotComputable("the dose is smaller than any amount that can be ordered"))
    return replace(result, given=_if_an_amount(result.given))


def _if_an_amount(given: DailyDose | None) -> DailyDose | None:
    """An amount beside the dose, where it can be shown as one; it may be in another unit."""
    fits = given is not None and SMALLEST_SHOWN <= given.high <= given.peak_day <= LARGEST
    return given if fits else None


def _why_not(gaps: list[tuple[int, LineGap]], known: list[LineDose], lines: int) -> NotComputable:
    number, gap = gaps[0]
    why = f"line {number} of {lines}: {gap.result.why}" if lines > 1 else gap.result.why
    warnings = [w for _, g in gaps for w in g.result.warnings]
    warnings += [w for d in known for w in d.dose.warnings]
    if known:
        together = sum_of(known)
        if isinstance(together, LineDose):
            dose = together.dose
            warnings.append(
                f"the lines that could be read come to at most {plain(dose.high)} {dose.unit}/day"
            )
    as_needed = all(each.result.as_needed for _, each in gaps)
    return NotComputable(why, _few(warnings), as_needed)


def _few(warnings: Sequence[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(warnings))
    if len(unique) <= _MOST_WARNINGS:
        return tuple(unique)
    return (*unique[:_MOST_WARNINGS], f"and {len(unique) - _MOST_WARNINGS} more warnings")


def _in_different_units(steps: Steps) -> NotComputable:
    """Tablets of an unknown strength and mg: 10 of the one may be less than 1 of the other."""
    doses = [stretch.dosed.dose for stretch in steps.stretches]
    said = dict.fromkeys(f"{plain(dose.high)} {dose.unit}/day" for dose in doses)
    warnings = [f"a step of the order comes to at most {amount}" for amount in said]
    return NotComputable(
        "the steps are in different units, so none can be called the highest", _few(warnings)
    )


def _written_bounds(parts: list[DosageLine]) -> tuple[date | None, date | None]:
    begins = [p.timing.bounds.starts for p in parts]
    ends = [p.timing.bounds.ends for p in parts]
    known_begins = [day for day in begins if day is not None]
    known_ends = [day for day in ends if day is not None]
    return (
        min(known_begins) if len(known_begins) == len(parts) else None,
        max(known_ends) if len(known_ends) == len(parts) else None,
    )


def _whole_notes(lines: list[DosageLine], parts: list[DosageLine]) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if len(set(parts)) < len(parts):
        notes += ("two dosage lines are identical; they are read as taken together",)
    lasting = [p for p in parts if p.timing.bounds.lasts_days and p.sequence is None]
    if len(lasting) > 1 and len(lines) > 1:
        notes += ("several lines have a duration and no sequence; they are read as taken together",)
    return notes


def _course(steps: Steps, notes: tuple[str, ...], *, clonazepam: bool) -> DoseCourse:
    if clonazepam:
        steps = replace(steps, stretches=tuple(_flagged(s) for s in steps.stretches))
    highest = max(steps.stretches, key=lambda s: (s.dosed.dose.peak_day, s.dosed.dose.high))
    warnings = [w for s in (highest, *steps.stretches) for w in s.dosed.dose.warnings]
    overall = replace(highest.dosed.dose, warnings=_few([*warnings, *notes]))
    begins = [s.starts for s in steps.stretches]
    ends = [s.ends for s in steps.stretches]
    known_ends = [day for day in ends if day is not None]
    return DoseCourse(
        overall,
        steps=tuple(
            DoseStep(s.starts, s.ends, s.dosed.dose, s.dosed.given, week_of(s.dosed))
            for s in steps.stretches
        ),
        amount_per_day=highest.dosed.given,
        starts=begins[0],
        ends=max(known_ends) if len(known_ends) == len(ends) else None,
        intakes_per_day=highest.dosed.intakes,
    )


def _flagged(stretch: Stretch) -> Stretch:
    """The stretch, flagged when its dose is above any that is used; never dropped."""
    dose = stretch.dosed.dose
    most = implausible_mg_per_day()
    if dose.unit != "mg" or max(dose.high, dose.peak_day) <= most:
        return stretch
    note = f"over {plain(most)} mg of clonazepam in a day is implausible; check the order"
    return replace(
        stretch,
        dosed=replace(stretch.dosed, dose=replace(dose, warnings=(*dose.warnings, note))),
    )
