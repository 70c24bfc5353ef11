"""What a plan comes to at the pharmacy: fills, tablets in all, no refills, Schedule IV."""

from __future__ import annotations

from datetime import date

import pytest
from taper_tables import MONDAY, taper

from clinical.taper import dispensing, fills


def test_the_tablets_of_all_fills_are_added_up_by_product() -> None:
    """asam-2025 from 0.5 mg: 3 x 0.125 for 28 days, 0.25 for 28, 0.125 for 56."""
    plan = taper("asam-2025", "0.5")
    told = dispensing(fills(plan), MONDAY)
    assert [(line.product.strength_ug, line.quantity) for line in told.totals] == [
        (250, 28),
        (125, 3 * 28 + 56),
    ]
    assert told.refills == 0


def test_totals_are_those_of_the_steps() -> None:
    plan = taper("asam-2025-slow", "3", times_per_day=3)
    by_step: dict[str, int] = {}
    for line in (line for step in plan.steps for line in step.dispense):
        by_step[line.product.rxcui] = by_step.get(line.product.rxcui, 0) + line.quantity
    told = dispensing(fills(plan), MONDAY)
    assert {line.product.rxcui: line.quantity for line in told.totals} == by_step


def test_the_rule_that_is_assumed_is_said() -> None:
    told = dispensing(fills(taper("asam-2025", "0.5")), MONDAY)
    assert told.assumptions == (
        "Each fill has an order of its own with 0 refills. Assumed of the law: an order for a "
        "Schedule IV medicine is filled no later than 6 months after its date of issue and "
        "refilled at most 5 times (21 CFR 1306.22(a)); a state may be stricter.",
    )
    assert told.later == ()


def test_fills_after_six_months_need_orders_that_are_issued_later() -> None:
    """asam-2025 from 2 mg, issued on 4 January: 0.625 mg from day 175 (28 June) is still filled.

    0.5 mg begins on day 203 (26 July), after 4 July. 0.5, 0.375 and 0.25 mg are a fill each, the
    56 days at 0.125 mg are two.
    """
    told = dispensing(fills(taper("asam-2025", "2")), MONDAY)
    assert told.last_fill_day == date(2027, 7, 4)
    assert [str(fill.starts) for fill in told.later] == [
        "2027-07-26",  # 0.5
        "2027-08-23",  # 0.375
        "2027-09-20",  # 0.25
        "2027-10-18",  # 0.125
        "2027-11-15",
    ]
    assert told.assumptions[1] == (
        "Orders issued now are filled until 2027-07-04: the fills from 2027-07-26 on (5) need "
        "orders that are issued later."
    )


@pytest.mark.parametrize(
    ("issued_on", "last"),
    [
        (date(2027, 1, 4), date(2027, 7, 4)),
        (date(2027, 8, 31), date(2028, 2, 29)),  # no 31 February
        (date(2027, 12, 31), date(2028, 6, 30)),
        (date(2027, 6, 15), date(2027, 12, 15)),
    ],
)
def test_six_months_end_on_the_same_day_of_the_month(issued_on: date, last: date) -> None:
    assert dispensing((), issued_on).last_fill_day == last
