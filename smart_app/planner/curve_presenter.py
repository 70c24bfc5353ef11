"""The words of the dose curve: what it shows, what it does not, and the same as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from clinical.evidence import cite
from clinical.kinetics import DoseCurve, Level, kinetics
from clinical.quantities import plain
from clinical.taper import Schedule
from clinical.taper.schedule import percent
from smart_app.planner.curve_picture import curve_picture
from smart_app.planner.words import day_in_plan

_SOON_DAYS = 3
"""Withdrawal of a long-acting benzodiazepine shows from the third day on (CLINICAL 7)."""


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One dose and how the level follows it, in percent of the present ones.

    `starts` is its first day, `dose` mg/day and `share` of the present dose; `soon` and `last`
    are mean levels of a day three days later and of its last day, with their band.
    """

    starts: str
    dose: str
    share: str
    soon: str
    last: str


@dataclass(frozen=True, slots=True)
class CurveView:
    """The dose curve as pictures for two widths, its key in sentences, and its rows."""

    wide: Markup
    narrow: Markup
    about: str
    rows: tuple[CurveRow, ...]


def curve_view(schedule: Schedule, curve: DoseCurve, last: date) -> CurveView:
    """The curve of a schedule, drawn until a last day."""
    rows = tuple(_rows(schedule, curve))
    levels = curve.drawn()
    words = "; ".join(
        f"from {row.starts} {row.soon} after {_SOON_DAYS} days, {row.last} on the last day"
        for row in rows
    )
    description = f"Percent of the present level, with the band: {words}."

    def picture(key: str, width: int) -> Markup:
        return curve_picture(
            schedule, levels, key=key, width=width, last=last, description=description
        )

    return CurveView(
        wide=picture("curve-wide", 600),
        narrow=picture("curve-narrow", 350),
        about=_about(schedule, curve),
        rows=rows,
    )


def _about(schedule: Schedule, curve: DoseCurve) -> str:
    numbers = kinetics()
    shortest, longest = numbers.shortest_half_life_hours, numbers.longest_half_life_hours
    return (
        f"Line: the mean level of the past day at a half-life of {numbers.half_life_hours:g} "
        f"hours; band: at {shortest:g} to {longest:g} hours, as people differ; dotted: the dose. "
        f"100 % is what {schedule.from_mg}/day keeps, about {curve.average_ng_per_ml:.2g} ng/mL "
        "in an average adult. Computed for an average of people, not for this patient "
        f"({', '.join(cite(key).called for key in numbers.sources)})."
    )


def _rows(schedule: Schedule, curve: DoseCurve) -> Iterator[CurveRow]:
    parts = [(step.starts, step.ends, step.dose) for step in schedule.steps]
    parts.append((schedule.ends_on, curve.ends_on, schedule.to_mg))
    for starts, last, dose in parts:
        yield CurveRow(
            starts=day_in_plan(starts),
            dose=plain(dose.value),
            share=str(percent(dose.value / schedule.from_mg.value)),
            soon=_with_band(curve.on(starts + timedelta(days=_SOON_DAYS))),
            last=_with_band(curve.on(last)),
        )


def _with_band(level: Level) -> str:
    low, high = (_percent(end) for end in sorted((level.shortest, level.longest)))
    middle = _percent(level.percent)
    return middle if low == middle == high else f"{middle} ({low}-{high})"


def _percent(number: float) -> str:
    return "<1" if 0 < number < 1 else f"{number:.0f}"
