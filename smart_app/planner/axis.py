"""The time axis that the pictures of one plan share, so that a fall stands under a fall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_MONTH_STEPS = (1, 2, 3, 4, 6, 12)


@dataclass(frozen=True, slots=True)
class DayAxis:
    """Where a day stands between `left` and `right`: from shortly before `starts_on` to `last`."""

    starts_on: date
    last: date
    left: float
    right: float

    @property
    def lead(self) -> float:
        """Days before the first cut: room for the present dose."""
        return max((self.last - self.starts_on).days, 1) * 0.06

    def x(self, day: date, hours: float = 0) -> float:
        """The place of an hour of a day."""
        days = (day - self.starts_on).days + hours / 24
        share = (days + self.lead) / (max((self.last - self.starts_on).days, 1) + self.lead)
        return self.left + (self.right - self.left) * share


def months_between(first: date, last: date) -> list[tuple[date, str]]:
    """Beginnings of months, as many as have room, January with its year."""
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next((s for s in _MONTH_STEPS if months / s <= 5), 12)
    found = []
    for number in range(first.year * 12 + first.month, last.year * 12 + last.month):
        year, month = divmod(number, 12)
        if month % step == 0:
            day = date(year, month + 1, 1)
            found.append((day, f"{day:%b} {year}" if month == 0 or step > 4 else f"{day:%b}"))
    return found
