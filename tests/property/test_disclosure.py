"""From the shareable report no number that was left out can be worked out from those shown.

The judge is written anew here and shares nothing with the code that suppresses: it takes the
sums that the report's definitions state, from the printed report, and looks for each number that
was left out whether another value of it fits as well.
"""

from __future__ import annotations

import random
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical.measures import MEASURES, MeasureResult, PatientMeasures, Tally, report_of, shareable
from clinical.measures.definitions import dose_distribution

SEEDED = settings(
    derandomize=True, max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
ON = date(2026, 11, 25)
BARS = [bar.id for bar in dose_distribution().bars]
ASKED_OF_TODAY = {"high-dose", "on-taper", "new-since-last-night"}
SHARES = [0, 2, 5, 20, 60, 95, 99, 100]


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    """A population with rare and frequent properties, as the measures would tell it."""
    chance = random.Random(draw(st.integers(0, 10**6)))  # noqa: S311 - a population, no secret
    size = draw(st.sampled_from([6, 25, 60, 120]))
    share = {m.id: draw(st.sampled_from(SHARES)) for m in MEASURES}
    unsure = {m.id: draw(st.sampled_from([0, 0, 3, 20])) for m in MEASURES}
    today = draw(st.sampled_from([50, 90, 100]))
    weights = draw(st.lists(st.integers(0, 20), min_size=len(BARS) + 1, max_size=len(BARS) + 1))
    weights[1] += 1

    def answer(measure_id: str) -> MeasureResult:
        if chance.randrange(100) < unsure[measure_id]:
            return MeasureResult(counted=False, met=None, why="w")
        met = chance.randrange(100) < share[measure_id]
        return MeasureResult(counted=True, met=met, why="w")

    def person() -> PatientMeasures:
        on_today = chance.randrange(100) < today
        outside = MeasureResult(counted=False, met=False, why="w")
        results = {
            m.id: answer(m.id) if on_today or m.id not in ASKED_OF_TODAY else outside
            for m in MEASURES
        }
        groups = {"benzodiazepine", "clonazepam"} | ({"clonazepam-today"} if on_today else set())
        (place,) = chance.choices([*BARS, None], weights)
        months = tuple((m, chance.random() < 0.5) for m in range(1, chance.randrange(1, 12)))
        return PatientMeasures(
            results,
            frozenset(groups),
            dose_bar=place if on_today else None,
            dose_why_not="w" if on_today and place is None else None,
            off_by_month=months,
        )

    tally = Tally.sum(Tally.of(person()) for _ in range(size))
    return report_of(tally + Tally.without_benzodiazepine(draw(st.integers(0, 200))), on=ON)


def numbers_of(report: dict[str, Any]) -> dict[str, int | str]:
    """Every count of patients that stands in sums, by a name."""
    found: dict[str, int | str] = {f"p/{k}": v for k, v in report["population"].items()}
    for row in report["measures"]:
        for key in ("numerator", "denominator", "not_evaluable"):
            found[f"{row['id']}/{key}"] = row[key]
    (shown,) = report["distributions"]
    found |= {f"bar/{bar['id']}": bar["count"] for bar in shown["bars"]}
    found["bar/none"] = shown["not_computable"]
    found |= {f"overlap/{row['id']}": row["count"] for row in report["overlaps"]}
    for row in report["courses"]["off_by_month"]:
        found[f"off/{row['month']}"] = row["off"]
        found[f"followed/{row['month']}"] = row["followed"]
    return found


def sums_of(report: dict[str, Any]) -> list[tuple[str, list[str], bool]]:
    """(whole, parts, exact): the parts come to the whole, or to no more than it."""
    ids = [row["id"] for row in report["measures"]]
    sums = [(f"{key}/denominator", [f"{key}/numerator"], False) for key in ids]
    for key, whole in (
        ("long-term-use", "p/with_clonazepam"),
        ("older-adult", "p/with_clonazepam"),
        ("high-dose", "p/on_clonazepam"),
        ("on-taper", "p/on_clonazepam"),
        ("opioid-overlap", "p/with_benzodiazepine"),
    ):
        sums.append((whole, [f"{key}/denominator", f"{key}/not_evaluable"], True))
    sums.append(("p/on_clonazepam", [*(f"bar/{bar}" for bar in BARS), "bar/none"], True))
    sums += [
        (f"{measure}/numerator", [f"overlap/{row['id']}"], False)
        for row in report["overlaps"]
        for measure in row["id"].split("+")
    ]
    populations = ["patients", "with_benzodiazepine", "with_clonazepam", "on_clonazepam"]
    sums += [(f"p/{whole}", [f"p/{part}"], False) for whole, part in pairwise(populations)]
    months = [row["month"] for row in report["courses"]["off_by_month"]]
    return sums + [(f"followed/{month}", [f"off/{month}"], False) for month in months]


@SEEDED
@given(reports())
def test_no_small_number_is_shown_nor_one_near_its_whole(report):
    true, shown = numbers_of(report), numbers_of(shareable(report))
    for name, value in shown.items():
        assert value == ("<11" if true[name] < 11 else value)
        assert value in ("<11", "suppressed", true[name])
        assert (value == "<11") == (true[name] < 11)
    for whole, parts, exact in sums_of(report):
        if whole not in shown or exact or any(part not in shown for part in parts):
            continue
        rest = true[whole] - sum(true[part] for part in parts)
        is_chain = whole.startswith("p/")
        if rest < 11 and not (is_chain and rest == 0):
            assert {shown[whole], *(shown[part] for part in parts)} & {"<11", "suppressed"}


@SEEDED
@given(reports())
def test_no_percentage_stands_beside_a_number_that_was_left_out(report):
    for row in shareable(report)["measures"]:
        if isinstance(row["numerator"], str) or isinstance(row["denominator"], str):
            assert row["percent"] is None


@SEEDED
@given(reports())
def test_each_number_that_was_left_out_has_two_unknowns_in_each_sum(report):
    true, shown = numbers_of(report), numbers_of(shareable(report))
    for whole, parts, exact in sums_of(report):
        if not exact or sum(true[part] for part in parts) != true[whole]:
            continue
        hidden = [name for name in (whole, *parts) if isinstance(shown[name], str)]
        assert len(hidden) != 1, (whole, hidden)


@SEEDED
@given(reports())
def test_the_exact_sums_together_leave_every_hidden_number_open(report):
    """Each hidden number moves in some solution of all the equations (null space, exact)."""
    true, shown = numbers_of(report), numbers_of(shareable(report))
    hidden = sorted(name for name, value in shown.items() if isinstance(value, str))
    place = {name: column for column, name in enumerate(hidden)}
    rows = []
    for whole, parts, exact in sums_of(report):
        if exact and sum(true[part] for part in parts) == true[whole]:
            row = [Fraction(0)] * len(hidden)
            for name, sign in [(whole, 1), *((part, -1) for part in parts)]:
                if name in place:
                    row[place[name]] += sign
            rows.append(row)
    for name in hidden:
        # It is told if its unit row lies in the space of the equations: the rank does not grow.
        unit = [Fraction(int(column == place[name])) for column in range(len(hidden))]
        assert rank([*rows, unit]) == rank(rows) + 1, name


def rank(rows: list[list[Fraction]]) -> int:
    left, found = [list(row) for row in rows], 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((r for r in range(found, len(left)) if left[r][column]), None)
        if pivot is None:
            continue
        left[found], left[pivot] = left[pivot], left[found]
        for other in range(found + 1, len(left)):
            factor = left[other][column] / left[found][column]
            if factor:
                left[other] = [
                    a - factor * b for a, b in zip(left[other], left[found], strict=True)
                ]
        found += 1
    return found


@SEEDED
@given(reports())
def test_of_each_hidden_bar_several_counts_are_possible(report):
    """Bars and those without a dose come to those on clonazepam, where that number is shown."""
    shared = shareable(report)
    shown = numbers_of(shared)
    total = shown["p/on_clonazepam"]
    parts = [shown[f"bar/{bar}"] for bar in BARS] + [shown["bar/none"]]
    if isinstance(total, str):
        return
    left = total - sum(part for part in parts if isinstance(part, int))
    small = sum(part == "<11" for part in parts)
    large = sum(part == "suppressed" for part in parts)
    if not small + large:
        return
    least, most = 11 * large, None if large else 10 * small
    assert small + large > 1
    assert left > least
    assert most is None or left < most
