"""What a plan comes to at the pharmacy: tablets in all, and what is assumed of the law."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from clinical.taper.fills import Fill
from clinical.taper.pace import number
from clinical.taper.schedule import DispenseLine
from clinical.taper.tablets import TabletProduct


@dataclass(frozen=True, slots=True)
class Dispensing:
    """A plan's fills together.

    `totals` are whole tablets of each product, the strongest first. `refills` is how many each
    order has. `last_fill_day` is the last day on which an order of that issue date is filled;
    `later` are the fills that begin after it. `assumptions` are sentences for the reader.
    """

    totals: tuple[DispenseLine, ...]
    refills: int
    last_fill_day: date
    later: tuple[Fill, ...]
    assumptions: tuple[str, ...]


def dispensing(filled: Sequence[Fill], issued_on: date) -> Dispensing:
    """The fills of a plan (`fills`) whose orders are all issued on one day.

    Schedule IV (21 CFR 1306.22(a)): no prescription is filled or refilled more than six months
    after its date of issue, none is refilled more than five times.
    """
    last = _months_later(issued_on, number("schedule_iv_months"))
    later = tuple(fill for fill in filled if fill.starts > last)
    return Dispensing(
        totals=_totals(filled),
        refills=number("refills_of_an_order"),
        last_fill_day=last,
        later=later,
        assumptions=_assumptions(last, later),
    )


def _totals(filled: Sequence[Fill]) -> tuple[DispenseLine, ...]:
    quantities: dict[TabletProduct, int] = {}
    for fill in filled:
        quantities[fill.product] = quantities.get(fill.product, 0) + fill.quantity
    return tuple(
        DispenseLine(product, quantities[product])
        for product in sorted(quantities, key=TabletProduct.shelf_order)
    )


def _assumptions(last: date, later: Sequence[Fill]) -> tuple[str, ...]:
    told = [
        f"Each fill has an order of its own with {number('refills_of_an_order')} refills. Assumed "
        "of the law: an order for a Schedule IV medicine is filled no later than "
        f"{number('schedule_iv_months')} months after its date of issue and refilled at most "
        f"{number('schedule_iv_refills')} times (21 CFR 1306.22(a)); a state may be stricter."
    ]
    if later:
        told.append(
            f"Orders issued now are filled until {last}: the fills from {later[0].starts} on "
            f"({len(later)}) need orders that are issued later."
        )
    return tuple(told)


def _months_later(day: date, months: int) -> date:
    """The same day of the month so many months later, or that month's last day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
