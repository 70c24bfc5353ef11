"""Twenty plans as a pharmacist reads them: what is taken, what is dispensed, what is odd.

Each stands with a sentence that says what was looked at. A line is: the day of the step, its
days (as fills, where it takes several), mg/day (! where it warns), the tablets of a day (o is an
ODT), the tablets to dispense. An intake's points are pieces + 2 x products (CLINICAL 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from taper_tables import asked, by_hand, printed

from clinical.quantities import Milligrams
from clinical.taper import (
    IntakeTime,
    TaperRequest,
    fills,
    milligram_pace,
    percent_pace,
    plan,
    products_of,
)

TABLETS = ("197527", "197528", "197529")
ODT = ("349194", "349195", "349198", "349196", "349197")
NIGHT_FIRST = (IntakeTime.NIGHT, IntakeTime.MORNING, IntakeTime.MIDDAY, IntakeTime.EVENING)


@dataclass(frozen=True)
class Reading:
    """A plan, what was looked at in it, and how it has to read."""

    name: str
    looked_at: str
    request: TaperRequest
    reads: str


READINGS = (
    Reading(
        "the recommended pace from 2 mg",
        "0.5 mg tablets down to 1.5 mg, 1 mg tablets below; 56 days are two fills",
        asked("asam-2025", "2"),
        """
        0: 14 days, 1.875 mg: night 3x0.5 + 3x0.125o = 42x0.5, 42x0.125o
        14: 14 days, 1.75 mg: night 3x0.5 + 1x0.25o = 42x0.5, 14x0.25o
        28: 14 days, 1.625 mg: night 3x0.5 + 1x0.125o = 42x0.5, 14x0.125o
        42: 14 days, 1.5 mg: night 3x0.5 = 42x0.5
        56: 14 days, 1.375 mg: night 1x1 + 3x0.125o = 14x1, 42x0.125o
        70: 14 days, 1.25 mg: night 1x1 + 1x0.25o = 14x1, 14x0.25o
        84: 21 days, 1.125 mg: night 1x1 + 1x0.125o = 21x1, 21x0.125o
        105: 21 days, 1 mg: night 1x1 = 21x1
        126: 21 days, 0.875 mg: night 3x0.25o + 1x0.125o = 63x0.25o, 21x0.125o
        147: 28 days, 0.75 mg: night 3x0.25o = 84x0.25o
        175: 28 days, 0.625 mg: night 1x0.5 + 1x0.125o = 28x0.5, 28x0.125o
        203: 28 days, 0.5 mg: night 1x0.5 = 28x0.5
        231: 28 days, 0.375 mg: night 3x0.125o = 84x0.125o
        259: 28 days, 0.25! mg: night 1x0.25o = 28x0.25o
        287: 28+28 days, 0.125! mg: night 1x0.125o = 56x0.125o
        343: 0! mg
        """,
    ),
    Reading(
        "from 6 mg to 2 mg",
        "2 mg tablets while two fit, then 3 x 1 mg (5 points), not 2 + 1 (6); no heap of 0.5",
        asked("asam-2025", "6", "2"),
        """
        0: 14 days, 5.5 mg: night 2x2 + 3x0.5 = 28x2, 42x0.5
        14: 14 days, 5 mg: night 2x2 + 1x1 = 28x2, 14x1
        28: 14 days, 4.5 mg: night 2x2 + 1x0.5 = 28x2, 14x0.5
        42: 14 days, 4.125 mg: night 2x2 + 1x0.125o = 28x2, 14x0.125o
        56: 14 days, 3.75 mg: night 3x1 + 3x0.25o = 42x1, 42x0.25o
        70: 14 days, 3.375 mg: night 3x1 + 3x0.125o = 42x1, 42x0.125o
        84: 14 days, 3.125 mg: night 3x1 + 1x0.125o = 42x1, 14x0.125o
        98: 14 days, 2.875 mg: night 1x2 + 1x0.5 + 3x0.125o = 14x2, 14x0.5, 42x0.125o
        112: 14 days, 2.625 mg: night 1x2 + 1x0.5 + 1x0.125o = 14x2, 14x0.5, 14x0.125o
        126: 14 days, 2.375 mg: night 1x2 + 3x0.125o = 14x2, 42x0.125o
        140: 14 days, 2.25 mg: night 1x2 + 1x0.25o = 14x2, 14x0.25o
        154: 14 days, 2.125 mg: night 1x2 + 1x0.125o = 14x2, 14x0.125o
        168: 2 mg: night 1x2
        """,
    ),
    Reading(
        "the slow pace from 1 mg",
        "42 days are 21 + 21 and 49 are 28 + 21: no short last fill",
        asked("asam-2025-slow", "1"),
        """
        0: 21+21 days, 0.875 mg: night 3x0.25o + 1x0.125o = 126x0.25o, 42x0.125o
        42: 28+21 days, 0.75 mg: night 3x0.25o = 147x0.25o
        91: 28+28 days, 0.625 mg: night 1x0.5 + 1x0.125o = 56x0.5, 56x0.125o
        147: 28+28 days, 0.5 mg: night 1x0.5 = 56x0.5
        203: 28+28 days, 0.375 mg: night 3x0.125o = 168x0.125o
        259: 28+28 days, 0.25! mg: night 1x0.25o = 56x0.25o
        315: 28+28 days, 0.125! mg: night 1x0.125o = 56x0.125o
        371: 0! mg
        """,
    ),
    Reading(
        "three times a day, slowly",
        "midday is used up, then the morning; the night's 1 mg is never touched",
        asked("asam-2025-slow", "3", "1.5", times_per_day=3),
        """
        0: 28 days, 2.75 mg: morning 1x1; midday 3x0.25o; night 1x1 = 56x1, 84x0.25o
        28: 28 days, 2.5 mg: morning 1x1; midday 1x0.5; night 1x1 = 56x1, 28x0.5
        56: 28 days, 2.25 mg: morning 1x1; midday 1x0.25o; night 1x1 = 56x1, 28x0.25o
        84: 28 days, 2.125 mg: morning 1x1; midday 1x0.125o; night 1x1 = 56x1, 28x0.125o
        112: 28 days, 2 mg: morning 1x1; night 1x1 = 56x1
        140: 28 days, 1.875 mg: morning 3x0.25o + 1x0.125o; night 1x1 = 84x0.25o, 28x0.125o, 28x1
        168: 28 days, 1.75 mg: morning 3x0.25o; night 1x1 = 84x0.25o, 28x1
        196: 28 days, 1.625 mg: morning 1x0.5 + 1x0.125o; night 1x1 = 28x0.5, 28x0.125o, 28x1
        224: 1.5 mg: morning 1x0.5; night 1x1
        """,
    ),
    Reading(
        "4 mg in two parts",
        "the night keeps one 2 mg tablet throughout; only the morning's tablets change",
        asked("asam-2025", "4", "2", times_per_day=2),
        """
        0: 14 days, 3.625 mg: morning 3x0.5 + 1x0.125o; night 1x2 = 42x0.5, 14x0.125o, 14x2
        14: 14 days, 3.375 mg: morning 1x1 + 3x0.125o; night 1x2 = 14x1, 42x0.125o, 14x2
        28: 14 days, 3.125 mg: morning 1x1 + 1x0.125o; night 1x2 = 14x1, 14x0.125o, 14x2
        42: 14 days, 2.875 mg: morning 1x0.5 + 3x0.125o; night 1x2 = 14x0.5, 42x0.125o, 14x2
        56: 14 days, 2.625 mg: morning 1x0.5 + 1x0.125o; night 1x2 = 14x0.5, 14x0.125o, 14x2
        70: 14 days, 2.375 mg: morning 3x0.125o; night 1x2 = 42x0.125o, 14x2
        84: 14 days, 2.25 mg: morning 1x0.25o; night 1x2 = 14x0.25o, 14x2
        98: 14 days, 2.125 mg: morning 1x0.125o; night 1x2 = 14x0.125o, 14x2
        112: 2 mg: night 1x2
        """,
    ),
    Reading(
        "the study's pace from 3.5 mg",
        "14 days down to 1 mg, then weeks; every cut from 1.5 mg on is marked",
        asked("nardi-2010", "3.5"),
        """
        0: 14 days, 3 mg: night 3x1 = 42x1
        14: 14 days, 2.5 mg: night 1x2 + 1x0.5 = 14x2, 14x0.5
        28: 14 days, 2 mg: night 1x2 = 14x2
        42: 14 days, 1.5 mg: night 3x0.5 = 42x0.5
        56: 7 days, 1! mg: night 1x1 = 7x1
        63: 7 days, 0.75! mg: night 3x0.25o = 21x0.25o
        70: 7 days, 0.5! mg: night 1x0.5 = 7x0.5
        77: 7 days, 0.25! mg: night 1x0.25o = 7x0.25o
        84: 0! mg
        """,
    ),
    Reading(
        "the study's pace in two parts",
        "1 mg in two parts is cut to 0.5 + 1, then only the night is left",
        asked("nardi-2010", "2", times_per_day=2),
        """
        0: 14 days, 1.5 mg: morning 1x0.5; night 1x1 = 14x0.5, 14x1
        14: 7 days, 1! mg: night 1x1 = 7x1
        21: 7 days, 0.75! mg: night 3x0.25o = 21x0.25o
        28: 7 days, 0.5! mg: night 1x0.5 = 7x0.5
        35: 7 days, 0.25! mg: night 1x0.25o = 7x0.25o
        42: 0! mg
        """,
    ),
    Reading(
        "the study's pace, doubled",
        "1.25 to 1 mg does not cross 1 mg; 1.75 to 1.25 is 28.6 % and marked",
        asked("nardi-2010-extended", "2.25"),
        """
        0: 28 days, 1.75 mg: night 1x1 + 3x0.25o = 28x1, 84x0.25o
        28: 28 days, 1.25! mg: night 1x1 + 1x0.25o = 28x1, 28x0.25o
        56: 14 days, 1 mg: night 1x1 = 14x1
        70: 14 days, 0.75 mg: night 3x0.25o = 42x0.25o
        84: 14 days, 0.5! mg: night 1x0.5 = 14x0.5
        98: 14 days, 0.25! mg: night 1x0.25o = 14x0.25o
        112: 0! mg
        """,
    ),
    Reading(
        "a quarter every two weeks",
        "cuts of 25 % are not marked; 0.375 mg is held 3 weeks, 0.25 mg 4, 0.125 mg 8",
        asked("bzra-25", "2"),
        """
        0: 14 days, 1.5 mg: night 3x0.5 = 42x0.5
        14: 14 days, 1.125 mg: night 1x1 + 1x0.125o = 14x1, 14x0.125o
        28: 14 days, 0.875 mg: night 3x0.25o + 1x0.125o = 42x0.25o, 14x0.125o
        42: 14 days, 0.75 mg: night 3x0.25o = 42x0.25o
        56: 14 days, 0.625 mg: night 1x0.5 + 1x0.125o = 14x0.5, 14x0.125o
        70: 14 days, 0.5 mg: night 1x0.5 = 14x0.5
        84: 21 days, 0.375 mg: night 3x0.125o = 63x0.125o
        105: 28 days, 0.25! mg: night 1x0.25o = 28x0.25o
        133: 28+28 days, 0.125! mg: night 1x0.125o = 56x0.125o
        189: 0! mg
        """,
    ),
    Reading(
        "off the grid",
        "the first dose is already makeable; nothing is left of the 0.7",
        asked("asam-2025", "2.7", "1.5"),
        """
        0: 14 days, 2.5 mg: night 1x2 + 1x0.5 = 14x2, 14x0.5
        14: 14 days, 2.25 mg: night 1x2 + 1x0.25o = 14x2, 14x0.25o
        28: 14 days, 2.125 mg: night 1x2 + 1x0.125o = 14x2, 14x0.125o
        42: 14 days, 2 mg: night 1x2 = 14x2
        56: 14 days, 1.875 mg: night 3x0.5 + 3x0.125o = 42x0.5, 42x0.125o
        70: 14 days, 1.75 mg: night 3x0.5 + 1x0.25o = 42x0.5, 14x0.25o
        84: 14 days, 1.625 mg: night 3x0.5 + 1x0.125o = 42x0.5, 14x0.125o
        98: 1.5 mg: night 3x0.5
        """,
    ),
    Reading(
        "only 0.5 mg tablets, halved",
        "half a tablet a night for 56 days is 28 whole tablets, 14 a fill",
        asked("asam-2025", "0.5", products=products_of(["197527"], halved=["197527"])),
        """
        0: 28+28 days, 0.25! mg: night 0.5x0.5 = 28x0.5
        56: 0! mg
        """,
    ),
    Reading(
        "only plain tablets",
        "steps of 0.5 mg; 1.5 mg is 3 x 0.5, not 1 + 0.5, by the rule (5 points and 6)",
        asked("asam-2025", "3", products=products_of(TABLETS)),
        """
        0: 28 days, 2.5 mg: night 1x2 + 1x0.5 = 28x2, 28x0.5
        28: 28 days, 2 mg: night 1x2 = 28x2
        56: 28 days, 1.5 mg: night 3x0.5 = 84x0.5
        84: 28 days, 1! mg: night 1x1 = 28x1
        112: 28+28 days, 0.5! mg: night 1x0.5 = 56x0.5
        168: 0! mg
        """,
    ),
    Reading(
        "0.5 and 1 mg, both halved",
        "2.25 mg is 4.5 x 0.5 at 7 points too, but 1 mg is before and after; 10.5 is 11",
        asked("asam-2025", "3", products=products_of(TABLETS[:2], halved=TABLETS[:2])),
        """
        0: 14 days, 2.75 mg: night 2x1 + 1.5x0.5 = 28x1, 21x0.5
        14: 14 days, 2.5 mg: night 2.5x1 = 35x1
        28: 21 days, 2.25 mg: night 2x1 + 0.5x0.5 = 42x1, 11x0.5
        49: 21 days, 2 mg: night 2x1 = 42x1
        70: 21 days, 1.75 mg: night 3.5x0.5 = 74x0.5
        91: 28 days, 1.5 mg: night 1.5x1 = 42x1
        119: 28 days, 1.25 mg: night 2.5x0.5 = 70x0.5
        147: 28 days, 1 mg: night 1x1 = 28x1
        175: 28 days, 0.75 mg: night 1.5x0.5 = 42x0.5
        203: 28 days, 0.5! mg: night 1x0.5 = 28x0.5
        231: 28+28 days, 0.25! mg: night 0.5x0.5 = 28x0.5
        287: 0! mg
        """,
    ),
    Reading(
        "only disintegrating tablets",
        "whole tablets only; the same course as with plain ones",
        asked("asam-2025", "2", "1", products=products_of(ODT)),
        """
        0: 14 days, 1.875 mg: night 3x0.5o + 3x0.125o = 42x0.5o, 42x0.125o
        14: 14 days, 1.75 mg: night 3x0.5o + 1x0.25o = 42x0.5o, 14x0.25o
        28: 14 days, 1.625 mg: night 3x0.5o + 1x0.125o = 42x0.5o, 14x0.125o
        42: 14 days, 1.5 mg: night 3x0.5o = 42x0.5o
        56: 14 days, 1.375 mg: night 1x1o + 3x0.125o = 14x1o, 42x0.125o
        70: 14 days, 1.25 mg: night 1x1o + 1x0.25o = 14x1o, 14x0.25o
        84: 21 days, 1.125 mg: night 1x1o + 1x0.125o = 21x1o, 21x0.125o
        105: 1 mg: night 1x1o
        """,
    ),
    Reading(
        "only 0.25 mg",
        "the shelf leaves three doses; each cut above a quarter is marked",
        asked("asam-2025", "1", products=products_of(["349195"])),
        """
        0: 28 days, 0.75 mg: night 3x0.25o = 84x0.25o
        28: 28 days, 0.5! mg: night 2x0.25o = 56x0.25o
        56: 28+28 days, 0.25! mg: night 1x0.25o = 56x0.25o
        112: 0! mg
        """,
    ),
    Reading(
        "20 mg in three parts",
        "6 + 6 + 8 mg in 2 mg tablets: no crumbs before a cut needs one",
        asked("asam-2025", "20", "12", times_per_day=3),
        """
        0: 14 days, 18 mg: morning 3x2; midday 2x2; night 4x2 = 126x2
        14: 14 days, 16.25 mg: morning 3x2; midday 1x2 + 1x0.25o; night 4x2 = 112x2, 14x0.25o
        28: 14 days, 14.625 mg: morning 3x2; midday 1x0.5 + 1x0.125o; night 4x2 = 98x2, 14x0.5, 14x0.125o
        42: 14 days, 13.25 mg: morning 2x2 + 1x1 + 1x0.25o; night 4x2 = 84x2, 14x1, 14x0.25o
        56: 12 mg: morning 2x2; night 4x2
        """,  # noqa: E501 - a step is one line
    ),
    Reading(
        "by hand: 5 % every 4 weeks down to 0.25 mg",
        "every step is two fills of 28 days; the floor is the last dose, held 56 days",
        asked(percent_pace(Fraction(5), 28, Milligrams.of("0.25")), "1.5"),
        """
        0: 28+28 days, 1.375 mg: night 1x1 + 3x0.125o = 56x1, 168x0.125o
        56: 28+28 days, 1.25 mg: night 1x1 + 1x0.25o = 56x1, 56x0.25o
        112: 28+28 days, 1.125 mg: night 1x1 + 1x0.125o = 56x1, 56x0.125o
        168: 28+28 days, 1 mg: night 1x1 = 56x1
        224: 28+28 days, 0.875 mg: night 3x0.25o + 1x0.125o = 168x0.25o, 56x0.125o
        280: 28+28 days, 0.75 mg: night 3x0.25o = 168x0.25o
        336: 28+28 days, 0.625 mg: night 1x0.5 + 1x0.125o = 56x0.5, 56x0.125o
        392: 28+28 days, 0.5 mg: night 1x0.5 = 56x0.5
        448: 28+28 days, 0.375 mg: night 3x0.125o = 168x0.125o
        504: 28+28 days, 0.25! mg: night 1x0.25o = 56x0.25o
        560: 0! mg
        """,
    ),
    Reading(
        "by hand: 0.25 mg every 2 weeks",
        "one product in the morning, one at night; from 0.5 mg on marked",
        asked(milligram_pace(Milligrams.of("0.25"), 14), "2", times_per_day=2),
        """
        0: 14 days, 1.75 mg: morning 3x0.25o; night 1x1 = 42x0.25o, 14x1
        14: 14 days, 1.5 mg: morning 1x0.5; night 1x1 = 14x0.5, 14x1
        28: 14 days, 1.25 mg: morning 1x0.25o; night 1x1 = 14x0.25o, 14x1
        42: 14 days, 1 mg: night 1x1 = 14x1
        56: 14 days, 0.75 mg: night 3x0.25o = 42x0.25o
        70: 14 days, 0.5! mg: night 1x0.5 = 14x0.5
        84: 14 days, 0.25! mg: night 1x0.25o = 14x0.25o
        98: 0! mg
        """,
    ),
    Reading(
        "0.125 mg four times a day",
        "whole intakes go, midday first, then morning and evening; one product",
        asked("asam-2025", "0.5", intakes=(Milligrams.of("0.125"),) * 4),
        """
        0: 28 days, 0.375 mg: morning 1x0.125o; evening 1x0.125o; night 1x0.125o = 84x0.125o
        28: 28 days, 0.25! mg: evening 1x0.125o; night 1x0.125o = 56x0.125o
        56: 28+28 days, 0.125! mg: night 1x0.125o = 56x0.125o
        112: 0! mg
        """,
    ),
    Reading(
        "the night is cut first",
        "the morning keeps its 0.5 mg; the 0.5 mg of both times are dispensed together",
        asked(
            "asam-2025",
            "1.5",
            "0.75",
            intakes=(Milligrams.of("0.5"), Milligrams.of("1")),
            cut_order=NIGHT_FIRST,
        ),
        """
        0: 14 days, 1.375 mg: morning 1x0.5; night 3x0.25o + 1x0.125o = 14x0.5, 42x0.25o, 14x0.125o
        14: 14 days, 1.25 mg: morning 1x0.5; night 3x0.25o = 14x0.5, 42x0.25o
        28: 21 days, 1.125 mg: morning 1x0.5; night 1x0.5 + 1x0.125o = 42x0.5, 21x0.125o
        49: 21 days, 1 mg: morning 1x0.5; night 1x0.5 = 42x0.5
        70: 21 days, 0.875 mg: morning 1x0.5; night 3x0.125o = 21x0.5, 63x0.125o
        91: 0.75 mg: morning 1x0.5; night 1x0.25o
        """,
    ),
)


def each(readings: tuple[Reading, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("reading", readings, ids=[read.name for read in readings])


@each(READINGS)
def test_the_plan_reads_as_it_was_read(reading: Reading) -> None:
    assert printed(plan(reading.request)) == by_hand(reading.reads), reading.looked_at


@each(READINGS)
def test_no_fill_is_shorter_than_a_week_or_longer_than_four(reading: Reading) -> None:
    assert all(7 <= fill.days <= 28 for fill in fills(plan(reading.request)))


@each(READINGS)
def test_no_heap_of_tablets_stands_where_a_larger_one_serves(reading: Reading) -> None:
    """Four of a tablet in one intake only where no tablet up to four times as strong is there."""
    schedule = plan(reading.request)
    strengths = {product.strength_ug for product in schedule.products}
    pieces = [p for step in schedule.steps for i in step.intakes for p in i.pieces]
    for piece in pieces:
        strength = piece.product.strength_ug
        assert piece.count < 4 or not strengths & {2 * strength, 4 * strength}
