"""How an earlier taper ended, told by what came next in the chart.

A higher dose (back up), a gap in the use (finished, or abrupt where the last dose was above half
of the highest), or the planned dose held beyond the plan. A rise that the plan itself states, a
step back, is no way back up. Whether a lower dose that is simply kept was the goal no order says:
unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction

from clinical.day_set import DaySet
from clinical.dose_history import Known, NotKnown, Stretch, dose_on_day
from clinical.exposure import Exposure
from clinical.quantities import plain
from clinical.tapers.reader import Taper, is_running
from clinical.tapers.signs import TaperSigns

_DAY = timedelta(days=1)


class TaperEnd(Enum):
    """How a taper ended."""

    FINISHED = "finished"
    BACK_UP = "back up"
    ABRUPT = "abrupt stop"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EarlierTaper:
    """A taper that is no longer under way, how it ended, and by what that is known."""

    taper: Taper
    end: TaperEnd
    why: str


def earlier_tapers(
    found: Sequence[Taper],
    stretches: Sequence[Stretch],
    taken: Exposure,
    on: date,
    signs: TaperSigns,
) -> tuple[EarlierTaper, ...]:
    """Every taper that has ended, oldest first. One under way has not, unless its use has."""
    ended = []
    for taper in found:
        told = _end(taper, stretches, taken, signs)
        if told is None and is_running(taper, stretches, on, signs):
            continue
        end, why = told if told is not None else _end_in_use(taper, stretches, on)
        ended.append(EarlierTaper(taper, end, why))
    return tuple(ended)


def _end(
    taper: Taper, stretches: Sequence[Stretch], taken: Exposure, signs: TaperSigns
) -> tuple[TaperEnd, str] | None:
    """Day by day from its beginning: the first rise or the first gap. None: neither came."""
    doses = [s for s in stretches if s.ends >= taper.begun - _DAY]
    top = lowest = None
    before: Known | NotKnown | None = None
    for stretch in doses:
        dose = stretch.dose
        if isinstance(dose, Known) and dose.high > 0:
            by_plan = taper.planned_on(stretch.starts) or Fraction(0)
            risen = lowest is not None and dose.high > max(lowest, by_plan)
            if risen and stretch.starts > taper.begun:
                day = stretch.starts.isoformat()
                return TaperEnd.BACK_UP, f"{plain(dose.high)} mg/day from {day}"
            lowest = dose.high if lowest is None else min(lowest, dose.high)
            top = dose.high if top is None else max(top, dose.high)
        elif stretch.ends >= taper.begun and _no_dose(dose):
            free = _free_days(stretch, taken, signs.gap_days)
            if free is None:
                return TaperEnd.UNKNOWN, "whether it was still taken afterwards is not known"
            if free:
                return _stopped(before, top, stretch, signs)
        before = dose
    return None


def _no_dose(dose: Known | NotKnown) -> bool:
    return dose.high == 0 if isinstance(dose, Known) else dose.no_order


def _free_days(stretch: Stretch, taken: Exposure, gap_days: int) -> bool | None:
    """Whether more days in a row than a gap are free of supply too; None: not known."""
    days = DaySet.between(stretch.starts, stretch.ends)
    longest = [
        max((b - a + 1 for a, b in (days - held).spans), default=0)
        for held in (taken.covered, taken.perhaps())
    ]
    if longest[1] > gap_days:
        return True
    return None if longest[0] > gap_days else False


def _stopped(
    last: Known | NotKnown | None, top: Fraction | None, gap: Stretch, signs: TaperSigns
) -> tuple[TaperEnd, str]:
    if not isinstance(last, Known) or top is None:
        return TaperEnd.UNKNOWN, "the dose before the end is not known"
    day = (gap.starts - _DAY).isoformat()
    why = f"{plain(last.high)} mg/day until {day}, from {plain(top)} mg/day"
    return (TaperEnd.ABRUPT if last.high > top * signs.abrupt else TaperEnd.FINISHED), why


def _end_in_use(taper: Taper, stretches: Sequence[Stretch], on: date) -> tuple[TaperEnd, str]:
    """A taper whose time is over while clonazepam is still taken, and never more than before."""
    today = dose_on_day(stretches, on)
    if not isinstance(today, Known):
        return TaperEnd.UNKNOWN, f"today's dose is not known: {today.why}"
    said = f"{plain(today.high)} mg/day is held"
    planned = taper.planned_on(on)
    if planned is None:
        return TaperEnd.UNKNOWN, f"{said}; whether that was the goal no order says"
    if today.high <= planned:
        return TaperEnd.FINISHED, f"{said}, the last planned dose"
    return TaperEnd.UNKNOWN, f"{said}, above the last planned {plain(planned)} mg/day"
