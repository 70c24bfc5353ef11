"""How a daily dose is spread over the day, and which intake a cut is taken from."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from clinical.taper.request import IntakeTime, TaperRequest
from clinical.taper.tablets import TabletBox


def present_regimen(request: TaperRequest) -> dict[IntakeTime, Fraction]:
    """Micrograms at each time of day as the patient takes them now.

    A dose that is only given per day is split about evenly, with the larger part at night; what
    the tablets cannot make (2.7 mg) stays with the night too.
    """
    if request.intakes:
        amounts = [part.value * 1000 for part in request.intakes]
        return dict(zip(request.times, amounts, strict=True))
    left = request.from_mg.value * 1000
    regimen: dict[IntakeTime, Fraction] = {}
    for place, time in enumerate(request.times[:-1]):
        part = Fraction(_about(left / (len(request.times) - place), request.box))
        regimen[time] = part
        left -= part
    regimen[request.times[-1]] = left
    return regimen


def _about(share: Fraction, box: TabletBox) -> int:
    """At most this share, without crumbs: nobody splits 20 mg a day into 6.625 mg twice and 6.75.

    Whole tablets of the strongest product that is at most a third of it; of a small share, as
    much as the tablets make.
    """
    units = [product.strength_ug for product in box.products if product.strength_ug * 3 <= share]
    return int(share // max(units)) * max(units) if units else box.at_most(share)


def cut_to(
    dose_ug: int,
    before: Mapping[IntakeTime, Fraction | int],
    cut_order: tuple[IntakeTime, ...],
    box: TabletBox,
) -> dict[IntakeTime, int]:
    """The next daily dose over the day: cut where the order says, each intake makeable.

    The intake that is cut last keeps as much as it has, then the one before it, and so on. No
    intake rises; only where the tablets leave no other way (four halves of a tablet that may
    not be halved) the last one takes up what the others cannot hold.
    """
    if len(before) == 1:  # as of most doses: there is nothing to choose
        return dict.fromkeys(before, dose_ug) if dose_ug else {}
    keep_first = [time for time in reversed(cut_order) if time in before]
    room = {time: box.at_most(before[time]) for time in keep_first}
    split = _spread(dose_ug, keep_first, room, box)
    last, others = keep_first[0], keep_first[1:]
    taken = room[last]
    while split is None:
        more = box.at_least(taken + 1)
        taken = dose_ug if more is None else min(more, dose_ug)
        rest = _spread(dose_ug - taken, others, room, box)
        split = None if rest is None else {last: taken, **rest}
    return {time: split[time] for time in before if split.get(time)}


def _spread(
    dose_ug: int, times: list[IntakeTime], room: Mapping[IntakeTime, int], box: TabletBox
) -> dict[IntakeTime, int] | None:
    """The dose over these times, as much as fits on the earlier named; None if it does not fit.

    `room` is the largest makeable intake at each time.
    """
    if not times:
        return {} if dose_ug == 0 else None
    if dose_ug > sum(room[time] for time in times):
        return None
    taken = box.at_most(min(room[times[0]], dose_ug))
    while True:
        rest = _spread(dose_ug - taken, times[1:], room, box)
        if rest is not None:
            return {times[0]: taken, **rest}
        if taken == 0:
            return None
        taken = box.below(taken)
