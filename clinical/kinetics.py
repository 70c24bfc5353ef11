"""The illustrative dose curve: how the level of clonazepam in blood follows a taper (CLINICAL 6).

One compartment with first-order absorption and elimination; the levels of all intakes add up.
A regimen that repeats daily is a geometric sum, so every level is a closed formula of the days
since the last change: nothing is integrated in steps.

Levels are floats, unlike every dose here. They are exponentials of time, which have no exact
value, of a model that is right for an average of people at best; and they only illustrate. No
dose, limit or warning looks at them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import ceil, exp, log
from typing import NamedTuple

from clinical.knowledge import document
from clinical.taper.request import IntakeTime
from clinical.taper.schedule import Schedule

_HOURS_A_DAY = 24
_DRAWN_DAYS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 21)
"""Days after a change that are drawn: dense while the level still moves, then only the last."""
_MOST_KEPT = 512
"""Of how many lengths of a step the shrinking of its levels is kept."""


@dataclass(frozen=True, slots=True)
class Kinetics:
    """The numbers of `knowledge/kinetics.toml`; `clock_hours` is when each intake is taken.

    `sources` are keys of `knowledge/sources.toml`.
    """

    absorption_per_hour: float
    half_life_hours: float
    shortest_half_life_hours: float
    longest_half_life_hours: float
    clearance_litres_per_hour: float
    half_lives_after_end: int
    clock_hours: Mapping[IntakeTime, float]
    sources: tuple[str, ...]


@cache
def kinetics() -> Kinetics:
    """The numbers as shipped."""
    given = document("kinetics.toml")
    numbers = {key: float(row["value"]) for key, row in given["numbers"].items()}
    return Kinetics(
        absorption_per_hour=numbers["absorption_per_hour"],
        half_life_hours=numbers["half_life_hours"],
        shortest_half_life_hours=numbers["shortest_half_life_hours"],
        longest_half_life_hours=numbers["longest_half_life_hours"],
        clearance_litres_per_hour=numbers["clearance_litres_per_hour"],
        half_lives_after_end=int(numbers["half_lives_after_end"]),
        clock_hours={time: float(given["clock_hours"][time]) for time in IntakeTime},
        sources=tuple(
            dict.fromkeys(key for row in given["numbers"].values() for key in row["sources"])
        ),
    )


class Level(NamedTuple):
    """Levels in percent of the average that the present regimen keeps.

    `percent` is with the usual half-life, `shortest` and `longest` with the ends of the band.
    """

    percent: float
    shortest: float
    longest: float


class LevelOnDay(NamedTuple):
    """The mean level of a day, `day` counted from the first cut (0)."""

    day: int
    level: Level


class _Regimen(NamedTuple):
    """What is taken each day from a day on (counted from the first cut; None: since ever).

    `percent` is of the present daily dose, and so are the parts of `intakes` after their hour of
    the clock.
    """

    starts: int | None
    percent: float
    intakes: tuple[tuple[float, float], ...]


class DoseCurve:
    """The level from the steady state of the present regimen until the target's own.

    `starts_on` is the day of the first cut, `ends_on` the last day that is worth drawing.
    `average_ng_per_ml` is what 100 percent is on average, in ng/mL.
    """

    def __init__(
        self, starts_on: date, regimens: Sequence[_Regimen], *, last: int, ng_per_ml: float
    ) -> None:
        self.starts_on, self.ends_on = starts_on, starts_on + timedelta(days=last)
        self.average_ng_per_ml = ng_per_ml
        self._last = last
        self._starts = [regimen.starts for regimen in regimens if regimen.starts is not None]
        usual, shortest, longest = (_Course(model, regimens) for model in _models())
        self._courses = usual, shortest, longest

    def at(self, moment: datetime) -> Level:
        """The level at a moment of the patient's clock (a datetime without zone)."""
        days = (moment.date() - self.starts_on).days
        place = bisect_right(self._starts, days)
        hour = (moment - datetime.combine(moment.date(), datetime.min.time())) / timedelta(hours=1)
        return Level(
            *(course.at(place, self._since(place, days), hour) for course in self._courses)
        )

    def on(self, day: date) -> Level:
        """The mean level of a day, exactly 100 percent on each day before the first cut."""
        days = (day - self.starts_on).days
        place = bisect_right(self._starts, days)
        return next(iter(self._means(place, (self._since(place, days),))))

    def drawn(self) -> tuple[LevelOnDay, ...]:
        """The mean levels of the days that a picture needs, from the day before the first cut.

        Between two of them the level is near enough to the straight line.
        """
        found = [LevelOnDay(-1, *self._means(0, (0,)))]
        ends = [*self._starts, self._last + 1]
        for place, (starts, following) in enumerate(pairwise(ends), start=1):
            since = _days_drawn(following - starts)
            days = [starts + day for day in since]
            found += map(LevelOnDay, days, self._means(place, since))
        return tuple(found)

    def _means(self, place: int, days: tuple[int, ...]) -> Iterable[Level]:
        usual, shortest, longest = self._courses
        return map(
            Level,
            usual.means(place, days),
            shortest.means(place, days),
            longest.means(place, days),
        )

    def _since(self, place: int, days: int) -> int:
        """Days since the regimen at this place began; 0 in the steady state, where all are one."""
        return days - self._starts[place - 1] if place else 0


@cache
def _days_drawn(days: int) -> tuple[int, ...]:
    """Which of so many days with one regimen are drawn, always with the last."""
    return (*(day for day in _DRAWN_DAYS if day < days - 1), days - 1)


class _Model:
    """How the level follows the intakes with one half-life.

    An intake of dose D adds a (e^(-k t) - e^(-ka t)) with a = D ka / (V (ka - k)). So the level
    is the difference of two sums that only shrink between intakes, `slow` by e^(-k t) and
    `fast` by e^(-ka t). From one midnight to the next each becomes itself times r plus what the
    day adds: after n days it is steady + (first - steady) r^n.
    """

    def __init__(self, half_life: float, ka: float, hours: Iterable[float]) -> None:
        k = log(2) / half_life
        self.k, self.ka = k, ka
        self.r, self.ra = exp(-k * _HOURS_A_DAY), exp(-ka * _HOURS_A_DAY)
        # In percent of the present average, which is dose / (CL x 24 h) with CL = k V, volume
        # and clearance cancel out.
        self.scale = _HOURS_A_DAY * k * ka / (ka - k)
        # The mean over a day of a sum that is 1 at midnight and only shrinks.
        self._mean_slow = (1 - self.r) / (k * _HOURS_A_DAY)
        self._mean_fast = (1 - self.ra) / (ka * _HOURS_A_DAY)
        # What an intake at an hour adds to both sums at midnight, when it is taken for ever.
        self._kept = {hour: self._at_midnight(_HOURS_A_DAY - hour) for hour in hours}
        self._shrunk: dict[tuple[int, ...], tuple[tuple[float, float], ...]] = {}

    def _at_midnight(self, left: float) -> tuple[float, float]:
        return (
            self.scale * exp(-self.k * left) / (1 - self.r),
            self.scale * exp(-self.ka * left) / (1 - self.ra),
        )

    def steady(self, intakes: Iterable[tuple[float, float]]) -> tuple[float, float]:
        """Both sums at midnight once the intakes of a regimen have been taken for ever."""
        slow = fast = 0.0
        for hour, percent in intakes:
            adds_slow, adds_fast = self._kept[hour]
            slow += percent * adds_slow
            fast += percent * adds_fast
        return slow, fast

    def shrunk(self, days: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
        """The mean of each day of sums that were 1 so many days before, at midnight.

        Kept for the days that a picture draws: they are the same few for every step of a plan.
        """
        known = self._shrunk.get(days)
        if known is None:
            known = tuple(
                (self._mean_slow * self.r**day, self._mean_fast * self.ra**day) for day in days
            )
            if len(self._shrunk) < _MOST_KEPT:
                self._shrunk[days] = known
        return known


@cache
def _models() -> tuple[_Model, _Model, _Model]:
    """With the usual half-life, the shortest and the longest."""
    numbers = kinetics()
    ka, hours = numbers.absorption_per_hour, tuple(numbers.clock_hours.values())
    return (
        _Model(numbers.half_life_hours, ka, hours),
        _Model(numbers.shortest_half_life_hours, ka, hours),
        _Model(numbers.longest_half_life_hours, ka, hours),
    )


_Part = tuple[float, float, float, float, float]
"""Days with one regimen: its percent of the present dose; then where the slow sum settles and
how much it holds beyond that at the first midnight; then the same of the fast sum."""


class _Course:
    """The level with one half-life, through all regimens."""

    def __init__(self, model: _Model, regimens: Sequence[_Regimen]) -> None:
        self._model = model
        self._parts: list[_Part] = []
        self._intakes = [regimen.intakes for regimen in regimens]
        before: int | None = None
        for starts, percent, intakes in regimens:
            steady_slow, steady_fast = model.steady(intakes)
            if not self._parts:
                slow, fast = steady_slow, steady_fast
            else:
                # The regimen before the first cut is a steady state: any day of it will do.
                days = 0 if before is None or starts is None else starts - before
                slow, fast = self._midnight(-1, days)
            self._parts.append(
                (percent, steady_slow, slow - steady_slow, steady_fast, fast - steady_fast)
            )
            before = starts

    def _midnight(self, place: int, days: int) -> tuple[float, float]:
        """Both sums at the midnight that many days after a regimen began."""
        _, slow, more_slow, fast, more_fast = self._parts[place]
        return slow + more_slow * self._model.r**days, fast + more_fast * self._model.ra**days

    def means(self, place: int, days: tuple[int, ...]) -> list[float]:
        """The mean level of each day that many days after a regimen began."""
        percent, _, slow, _, fast = self._parts[place]
        return [percent + slow * left - fast * gone for left, gone in self._model.shrunk(days)]

    def at(self, place: int, days: int, hour: float) -> float:
        """The level at an hour of that day."""
        model = self._model
        slow, fast = self._midnight(place, days)
        level = slow * exp(-model.k * hour) - fast * exp(-model.ka * hour)
        for taken_at, percent in self._intakes[place]:
            since = hour - taken_at
            if since > 0:
                shrunk = exp(-model.k * since) - exp(-model.ka * since)
                level += percent * model.scale * shrunk
        # The two sums are equal at the moment of an intake, up to the last digit of a float.
        return max(level, 0.0)


def dose_curve(schedule: Schedule, present: Mapping[IntakeTime, Fraction]) -> DoseCurve:
    """The curve of a schedule, from the steady state of the present regimen.

    `present` is micrograms at each time of day as they are taken until the first cut. Each step
    is taken until the next begins. Raises ValueError when nothing is taken at present.
    """
    whole = float(sum(present.values()))
    if whole <= 0:
        raise ValueError("a curve begins with a dose")
    numbers = kinetics()

    def regimen(starts: int | None, intakes: Mapping[IntakeTime, Fraction | int]) -> _Regimen:
        hours = numbers.clock_hours
        parts = tuple((hours[time], 100 * (float(ug) / whole)) for time, ug in intakes.items())
        return _Regimen(starts, 100 * (float(sum(intakes.values())) / whole), parts)

    begun = [(step.starts, step.intakes) for step in schedule.steps]
    begun.append((schedule.ends_on, schedule.target.intakes))
    regimens = [regimen(None, present)]
    for day, intakes in begun:
        amounts = {intake.time: intake.micrograms for intake in intakes}
        regimens.append(regimen((day - schedule.starts_on).days, amounts))
    after = numbers.half_lives_after_end * numbers.longest_half_life_hours / _HOURS_A_DAY
    return DoseCurve(
        schedule.starts_on,
        regimens,
        last=schedule.days + ceil(after),
        ng_per_ml=whole / (numbers.clearance_litres_per_hour * _HOURS_A_DAY),
    )
