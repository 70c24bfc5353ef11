"""The courses of CLINICAL section 6, by hand: "dose on day N" counted from the first cut.

Percentage paces: next = 0.9 x dose, up to the 0.125 mg grid; if that is no cut, the next dose
below. A dose is held by the cut c that ends it: max(I, min(I x c/0.1, max(2 x I, 56 x c)))
days, up to whole weeks. nardi-2010: 0.5 mg every 14 days above 1 mg, then 0.25 mg every 7.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from taper_tables import MONDAY, by_hand, course, number, taper

TABLES = {
    ("asam-2025", "2"): """
        1.875 on 0   | 0.9 x 2 = 1.8
        1.75 on 14   | 0.9 x 1.875 = 1.6875; c = 6.7 %, 14 days
        1.625 on 28  | 0.9 x 1.75 = 1.575; 7.1 %
        1.5 on 42    | 0.9 x 1.625 = 1.4625; 7.7 %
        1.375 on 56  | 0.9 x 1.5 = 1.35; 8.3 %
        1.25 on 70   | 0.9 x 1.375 = 1.2375; 9.1 %
        1.125 on 84  | 0.9 x 1.25 = 1.125 exactly; 10 %
        1 on 105     | 1.0125 is no cut, so below; 11.1 %: 15.6 days, 3 weeks
        0.875 on 126 | 0.9 is no cut; 12.5 %: 17.5 days, 3 weeks
        0.75 on 147  | 14.3 %: 20 days, 3 weeks
        0.625 on 175 | 16.7 %: 23.3 days, 4 weeks
        0.5 on 203   | 20 %: 28 days
        0.375 on 231 | 25 %: 35, but at most 28 days
        0.25 on 259  | 33.3 %: 46.7, but at most 28
        0.125 on 287 | 50 %: 70, but at most max(28, 28)
        0 on 343     | 100 %: 140, but at most max(28, 56) = 56 days
        """,
    ("asam-2025", "0.5"): """
        0.375 on 0
        0.25 on 28   | 33.3 %: 28 days
        0.125 on 56  | 50 %: 28 days
        0 on 112     | 100 %: 56 days
        """,
    ("asam-2025", "1"): """
        0.875 on 0   | 0.9 x 1 = 0.9, up to 1: no cut, so the next below
        0.75 on 21   | 0.7875, up: no cut. 0.125/0.875 = 14.3 %: 14 x 1.43 = 20 days, 3 weeks
        0.625 on 49  | 0.675, up: no cut. 0.125/0.75 = 16.7 %: 14 x 1.67 = 23.3 days, 4 weeks
        0.5 on 77    | 0.125/0.625 = 20 %: 14 x 2 = 28 days, the most up to a cut of 50 %
        0.375 on 105 | 0.125/0.5 = 25 %: 35, but at most max(2 x 14, 56 x 0.25 = 14) = 28
        0.25 on 133  | 0.125/0.375 = 33.3 %: 46.7, but at most max(28, 18.7)
        0.125 on 161 | 0.125/0.25 = 50 %: 70, but at most max(28, 28)
        0 on 217     | 100 %: 140, but at most max(28, 56) = 56
        """,
    ("asam-2025", "4"): """
        3.625 on 0   | 0.9 x 4 = 3.6, up
        3.375 on 14  | 0.9 x 3.625 = 3.2625; 0.25/3.625 = 6.9 %: 9.7 days, but never under 14
        3.125 on 28  | 0.9 x 3.375 = 3.0375; 0.25/3.375 = 7.4 %: 10.4, so 14
        2.875 on 42  | 0.9 x 3.125 = 2.8125; 0.25/3.125 = 8 %: 11.2, so 14
        2.625 on 56  | 0.9 x 2.875 = 2.5875; 0.25/2.875 = 8.7 %: 12.2, so 14
        2.375 on 70  | 0.9 x 2.625 = 2.3625; 0.25/2.625 = 9.5 %: 13.3, so 14
        2.25 on 84   | 0.9 x 2.375 = 2.1375; 0.125/2.375 = 5.3 %: 14
        2.125 on 98  | 0.9 x 2.25 = 2.025; 0.125/2.25 = 5.6 %: 14
        2 on 112     | 0.9 x 2.125 = 1.9125; 0.125/2.125 = 5.9 %: 14
        1.875 on 126 | 0.9 x 2 = 1.8; 0.125/2 = 6.3 %: 14
        1.75 on 140  | 0.9 x 1.875 = 1.6875; 6.7 %: 14
        1.625 on 154 | 0.9 x 1.75 = 1.575; 7.1 %: 14
        1.5 on 168   | 0.9 x 1.625 = 1.4625; 7.7 %: 14
        1.375 on 182 | 0.9 x 1.5 = 1.35; 8.3 %: 14
        1.25 on 196  | 0.9 x 1.375 = 1.2375; 9.1 %: 12.7, so 14
        1.125 on 210 | 0.9 x 1.25 = 1.125 exactly; 10 %: 14
        1 on 231     | 1.0125, up: no cut. 0.125/1.125 = 11.1 %: 15.6 days, 3 weeks
        0.875 on 252 | 0.9, up: no cut. 0.125/1 = 12.5 %: 17.5 days, 3 weeks
        0.75 on 273  | 14.3 %: 20 days, 3 weeks
        0.625 on 301 | 16.7 %: 23.3 days, 4 weeks
        0.5 on 329   | 20 %: 28 days
        0.375 on 357 | 25 %: 35, at most 28
        0.25 on 385  | 33.3 %: 46.7, at most 28
        0.125 on 413 | 50 %: 70, at most max(28, 28)
        0 on 469     | 100 %: 140, at most max(28, 56)
        """,
    ("asam-2025-slow", "0.5"): """
        0.375 on 0
        0.25 on 56   | 33.3 %: 28 x 3.33 = 93, but at most max(56, 18.7)
        0.125 on 112 | 50 %: at most max(56, 28)
        0 on 168     | 100 %: at most max(56, 56)
        """,
    ("asam-2025-slow", "1.25"): """
        1.125 on 0
        1 on 35      | 11.1 %: 31.1 days, 5 weeks
        0.875 on 70  | 12.5 %: 35 days
        0.75 on 112  | 14.3 %: 40 days, 6 weeks
        0.625 on 161 | 16.7 %: 46.7 days, 7 weeks
        0.5 on 217   | 20 %: 56 days
        0.375 on 273 | 25 %: 70, but at most 56
        0.25 on 329
        0.125 on 385
        0 on 441
        """,
    ("nardi-2010", "2"): """
        1.5 on 0
        1 on 14    | 1.5 is above 1 mg: 14 days
        0.75 on 21 | 1 mg is not: 7 days
        0.5 on 28
        0.25 on 35
        0 on 42
        """,
    ("nardi-2010", "2.7"): """
        2.25 on 0  | 2.2, up to the grid
        1.75 on 14
        1.25 on 28
        1 on 42    | 0.75 would cross 1 mg
        0.75 on 49
        0.5 on 56
        0.25 on 63
        0 on 70
        """,
    ("nardi-2010", "4"): """
        3.5 on 0
        3 on 14    | 3.5 mg is above 1 mg: 14 days, as all down to 1.5 mg
        2.5 on 28
        2 on 42
        1.5 on 56
        1 on 70    | 1.5 mg is above 1 mg: 14 days
        0.75 on 77 | 1 mg is not above it: cuts of 0.25 mg every 7 days from here on
        0.5 on 84
        0.25 on 91
        0 on 98
        """,
    ("nardi-2010", "3"): """
        2.5 on 0
        2 on 14    | 2.5, 2 and 1.5 are above 1 mg: 14 days each
        1.5 on 28
        1 on 42
        0.75 on 49 | then 7 days each
        0.5 on 56
        0.25 on 63
        0 on 70
        """,
    ("nardi-2010", "1"): """
        0.75 on 0  | 1 mg is not above 1 mg: 0.25 mg at once
        0.5 on 7
        0.25 on 14
        0 on 21
        """,
    ("nardi-2010", "0.5"): """
        0.25 on 0
        0 on 7     | 0.25 mg is held 7 days
        """,
    ("nardi-2010-extended", "2"): """
        1.5 on 0
        1 on 28
        0.75 on 42
        0.5 on 56
        0.25 on 70
        0 on 84
        """,
    ("bzra-25", "1"): """
        0.75 on 0
        0.625 on 14  | 0.5625, up; 16.7 %
        0.5 on 28    | 0.46875, up; 20 %
        0.375 on 42  | exactly; 25 %
        0.25 on 63   | 0.28125 is no cut; 33.3 %: 18.7 days, 3 weeks
        0.125 on 91  | 0.1875 is no cut; 50 %: 28 days
        0 on 147     | 0.09375 is no cut; 100 %: 56 days
        """,
}


@pytest.mark.parametrize(("pace_id", "from_mg"), TABLES, ids=str)
def test_the_course_comes_out_to_the_day(pace_id: str, from_mg: str) -> None:
    schedule = taper(pace_id, from_mg)
    assert course(schedule) == by_hand(TABLES[pace_id, from_mg])
    assert schedule.ends_on == MONDAY + timedelta(days=schedule.days)


def test_a_taper_to_a_lower_dose_ends_when_that_dose_begins() -> None:
    # asam-2025 from 2 mg reaches 1.5 mg on day 42; its last day at 1.625 mg is day 41.
    schedule = taper("asam-2025", "2", to_mg="1.5")
    assert course(schedule) == "1.875 on 0\n1.75 on 14\n1.625 on 28\n1.5 on 42"
    assert schedule.steps[-1].ends == MONDAY + timedelta(days=41)
    assert schedule.warnings == (
        "From 2027-02-15 on 1.5 mg/day is maintained (night: 3 x 0.5 mg tablet): it needs an "
        "order of its own and a review date.",
    )


def test_the_last_cut_to_a_goal_stops_at_the_goal() -> None:
    # nardi-2010 would go from 2.5 to 2 mg; the goal of 2.25 comes first.
    assert course(taper("nardi-2010", "3", to_mg="2.25")) == "2.5 on 0\n2.25 on 14"


def test_a_goal_within_the_first_cut_begins_on_the_start_date() -> None:
    schedule = taper("asam-2025", "2", to_mg="1.875")
    assert (schedule.steps, schedule.days) == ((), 0)
    assert str(schedule.target.cut_percent) == "6.3"


PERCENTS = """
    0.75 on 0: cut 25, in 14 days 25       | 0.25 of 1
    0.5 on 7: cut 33.3, in 14 days 50      | 0.25 of 0.75; 0.5 of the 1 mg taken up to day -1
    0.25 on 14: cut 50, in 14 days 66.7    | 0.5 of 0.75, taken on days 0 to 6
    0 on 21: cut 100, in 14 days 100
    """


def test_cut_percents_are_of_the_dose_before_and_of_the_highest_in_14_days() -> None:
    schedule = taper("nardi-2010", "1")
    parts = [(s.dose, (s.starts - MONDAY).days, s) for s in schedule.steps]
    end = (schedule.to_mg, schedule.days, schedule.target)
    lines = [
        f"{number(dose)} on {day}: cut {step.cut_percent}, in 14 days {step.cut_percent_14_days}"
        for dose, day, step in [*parts, end]
    ]
    assert "\n".join(lines) == by_hand(PERCENTS)


def test_one_decimal_is_rounded_half_up() -> None:
    # 2 to 1.875 mg is a cut of 6.25 %.
    assert str(taper("asam-2025", "2").steps[0].cut_percent) == "6.3"


def test_every_cut_below_half_a_milligram_warns_and_none_above_does() -> None:
    schedule = taper("asam-2025", "2")
    warned = {str(step.dose) for step in schedule.steps if step.warnings}
    assert warned == {"0.25 mg", "0.125 mg"}  # 0.5 to 0.375 is 25 %: not above
    (last_cut,) = schedule.warnings
    assert last_cut == (
        "The cut from 0.125 mg to 0 mg/day on 2027-12-13 is 100 %, more than 25 % in 14 days: "
        "these tablets make nothing between; hold the dose before it longer, use a product with "
        "a smaller unit, or ask a specialist."
    )


TABLETS = """
    1.875 mg: night: 3 x 0.5 mg tablet + 3 x 0.125 mg disintegrating tablet    | 6 + 2 x 2 = 10
    1.75 mg: night: 3 x 0.5 mg tablet + 1 x 0.25 mg disintegrating tablet      | 4 + 4; keeps 0.5
    1.625 mg: night: 3 x 0.5 mg tablet + 1 x 0.125 mg disintegrating tablet    | 4 + 4
    1.5 mg: night: 3 x 0.5 mg tablet                                          | 5; 1 + 0.5 is 6
    1.375 mg: night: 1 x 1 mg tablet + 3 x 0.125 mg disintegrating tablet      | 4 + 4
    1.25 mg: night: 1 x 1 mg tablet + 1 x 0.25 mg disintegrating tablet        | 2 + 4
    1.125 mg: night: 1 x 1 mg tablet + 1 x 0.125 mg disintegrating tablet      | 2 + 4
    1 mg: night: 1 x 1 mg tablet                                              | 1 + 2
    0.875 mg: night: 3 x 0.25 mg disintegrating tablet + 1 x 0.125 mg disintegrating tablet | 8
    0.75 mg: night: 3 x 0.25 mg disintegrating tablet                         | 5; 0.5 + 0.25 is 6
    0.625 mg: night: 1 x 0.5 mg tablet + 1 x 0.125 mg disintegrating tablet    | 2 + 4
    0.5 mg: night: 1 x 0.5 mg tablet                                          | 1 + 2
    0.375 mg: night: 3 x 0.125 mg disintegrating tablet                       | 5; 0.25 + 0.125: 6
    0.25 mg: night: 1 x 0.25 mg disintegrating tablet
    0.125 mg: night: 1 x 0.125 mg disintegrating tablet
    """


def test_each_intake_has_the_fewest_pieces_and_products() -> None:
    steps = taper("asam-2025", "2").steps
    words = [f"{s.dose}: " + "; ".join(i.in_words for i in s.intakes) for s in steps]
    assert "\n".join(words) == by_hand(TABLETS)


SEVERAL_INTAKES = """
    2.75 mg: morning 1 mg, midday 0.75 mg, night 1 mg   | 3 mg is 1 + 1 + 1; midday is cut first
    2.5 mg: morning 1 mg, midday 0.5 mg, night 1 mg
    2.25 mg: morning 1 mg, midday 0.25 mg, night 1 mg
    2.125 mg: morning 1 mg, midday 0.125 mg, night 1 mg
    2 mg: morning 1 mg, night 1 mg                       | midday is used up
    1.875 mg: morning 0.875 mg, night 1 mg               | the morning is next
    1.75 mg: morning 0.75 mg, night 1 mg
    1.625 mg: morning 0.625 mg, night 1 mg
    """


def test_midday_is_cut_first_then_the_morning_and_the_night_last() -> None:
    steps = taper("asam-2025", "3", to_mg="1.5", times_per_day=3).steps
    words = []
    for step in steps:
        parts = (f"{i.time} {i.micrograms / 1000:g} mg" for i in step.intakes)
        words.append(f"{step.dose}: " + ", ".join(parts))
    assert "\n".join(words) == by_hand(SEVERAL_INTAKES)
