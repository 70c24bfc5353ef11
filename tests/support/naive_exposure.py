"""Exposure by the most plodding way: walk the days, ask each record, remember nothing.

Independent of the engine: it shares only the record type and the numbers. Day numbers are those
of `date.toordinal`. Every rule stands as one question about one record on one day (CLINICAL 1, 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from clinical.daily_dose import DailyDose
from clinical.facts import MedicationRecord, RecordKind

LONGEST_FILL, LONGEST_ORDER = 90, 274
REQUEST, STATEMENT, DISPENSE = RecordKind.REQUEST, RecordKind.STATEMENT, RecordKind.DISPENSE
ORDERS = {None, "order", "original-order", "reflex-order", "filler-order", "instance-order"}
USED = {
    REQUEST: {"active", "completed", "stopped", "on-hold"},
    STATEMENT: {"active", "completed", "stopped", "on-hold", "intended"},
    DISPENSE: {"completed", "in-progress"},
}


class Naive:
    """One patient's records of one drug, seen on `today`; the look-back begins with `since`."""

    def __init__(self, records: Sequence[MedicationRecord], today: date, since: date) -> None:
        unique: list[MedicationRecord] = []
        for record in records:
            if record not in unique:
                unique.append(record)
        self.today, self.since = today, since
        counted = [r for r in unique if self._tells_of_use(r)]
        self.records = [r for r in counted if not self._waits(r, counted)]

    # Which record counts.

    @staticmethod
    def _tells_of_use(record: MedicationRecord) -> bool:
        if record.do_not_perform or record.inpatient:
            return False
        if record.kind is REQUEST and record.intent not in ORDERS:
            return False
        return record.status in USED[record.kind]

    def _waits(self, held: MedicationRecord, others: Sequence[MedicationRecord]) -> bool:
        if held.kind is not REQUEST or held.status != "on-hold":
            return False
        for other in others:
            in_turn = other.source in held.replaces or (
                other.group is not None and other.group == held.group
            )
            if other.kind is not REQUEST or other.status != "active" or not in_turn:
                continue
            began, begins, ends = self.begins(other), self.begins(held), self.said_end(other)
            if began and begins and began < begins and (ends is None or ends >= begins):
                return True
        return False

    # From when to when it stood.

    @staticmethod
    def begins(record: MedicationRecord) -> date | None:
        if record.kind is DISPENSE:
            return record.period_starts
        said = [d for d in (record.period_starts, record.course.starts) if d]
        if said:
            return max(said)
        return record.authored_on if record.kind is REQUEST else None

    @staticmethod
    def said_end(record: MedicationRecord) -> date | None:
        said = [d for d in (record.period_ends, record.course.ends) if d]
        return min(said) if said else None

    def next_begins(self, record: MedicationRecord) -> date | None:
        if record.kind is not REQUEST or record.status == "active":
            return None
        days = [self.begins(r) for r in self.records if record.source in r.replaces]
        return min((d for d in days if d), default=None)

    def last_stood(self, record: MedicationRecord) -> date | None:
        """The last day that anything states."""
        ends = [self.said_end(record)]
        follows = self.next_begins(record)
        if follows is not None:
            ends.append(follows - timedelta(days=1))
        return min((d for d in ends if d), default=None)

    def never_stood(self, record: MedicationRecord) -> bool:
        first, last = self.begins(record), self.last_stood(record)
        return bool(record.kind is not DISPENSE and first and last and last < first)

    def whole(self, record: MedicationRecord) -> int | None:
        """Days of its supply with all refills."""
        if record.supply_days is None:
            return None
        return record.supply_days * (1 + (record.refills or 0))

    # Covered days.

    def covers(self, record: MedicationRecord, day: date) -> str | None:
        """Whether an order or a statement covers the day: "yes", "perhaps", or None."""
        first, last = self.begins(record), self.last_stood(record)
        if first is None or day < first or self.never_stood(record):
            return None
        if last is not None and day > last:
            return None
        if day > self.today and not (record.kind is REQUEST and record.status == "active"):
            return None
        so_far = (day - first).days + 1
        if record.kind is STATEMENT:
            return self._reported(record, so_far, last)
        if last is None and record.status in {"stopped", "on-hold"}:
            held = record.status == "on-hold" and record.refills is None
            return "perhaps" if held or so_far <= (self.whole(record) or LONGEST_ORDER) else None
        return self._prescribed(record, day, so_far, last)

    @staticmethod
    def _reported(record: MedicationRecord, so_far: int, last: date | None) -> str | None:
        if record.status == "on-hold":
            return "perhaps"
        if last is None and record.status not in {"active", "intended"}:
            return "perhaps" if so_far <= LONGEST_ORDER else None
        return "yes"

    def _prescribed(
        self, record: MedicationRecord, day: date, so_far: int, last: date | None
    ) -> str | None:
        whole, active = self.whole(record), record.status == "active"
        if whole is not None:
            if so_far <= whole:
                return "yes"
            stood_longer = record.refills is None and (active or last is not None)
            return "perhaps" if stood_longer and day <= self.today else None
        if self.said_end(record) is not None:
            return "yes"
        if active:
            return "perhaps" if day <= self.today else None
        return "perhaps" if so_far <= LONGEST_ORDER else None

    def days(self) -> tuple[set[int], set[int]]:
        """Covered and perhaps covered days of the look-back, by the kind that speaks of it."""
        year = [self.since + timedelta(days=n) for n in range((self.today - self.since).days + 1)]
        covered, perhaps = self._tablets()
        look_back = {day.toordinal() for day in year}
        if self._fills_speak(look_back):
            return covered & look_back, (perhaps - covered) & look_back
        for kind in (REQUEST, STATEMENT):
            answers = {
                day.toordinal(): {self.covers(r, day) for r in self.records if r.kind is kind}
                for day in year
            }
            covered = {day for day, said in answers.items() if "yes" in said}
            perhaps = {day for day, said in answers.items() if "perhaps" in said}
            if covered or perhaps:
                return covered, perhaps - covered
        return set(), set()

    def _fills(self) -> list[MedicationRecord]:
        fills = [r for r in self.records if r.kind is DISPENSE and r.period_starts]
        return [r for r in fills if r.period_starts and r.period_starts <= self.today]

    def _fills_speak(self, look_back: set[int]) -> bool:
        for fill in self._fills():
            first = fill.period_starts.toordinal()  # type: ignore[union-attr]
            last = first + (fill.supply_days or LONGEST_FILL) - 1
            if fill.supply_days is None:
                last = min(last, self.today.toordinal())
            if look_back & set(range(first, last + 1)):
                return True
        return False

    def _tablets(self) -> tuple[set[int], set[int]]:
        """A box for each product, a day's tablets taken from each every day."""
        covered: set[int] = set()
        perhaps: set[int] = set()
        fills = self._fills()
        left: dict[object, int] = {}
        if not fills:
            return covered, perhaps
        first = min(f.period_starts for f in fills if f.period_starts).toordinal()
        for day in range(first, self.today.toordinal() + 1):
            for fill in fills:
                if fill.period_starts and fill.period_starts.toordinal() == day:
                    if fill.supply_days is None:
                        perhaps |= set(range(day, day + LONGEST_FILL))
                    else:
                        left[fill.drug] = left.get(fill.drug, 0) + fill.supply_days
            for product, tablets in left.items():
                if tablets:
                    covered.add(day)
                    left[product] = tablets - 1
        return covered, perhaps

    def episodes(self, gap: int) -> list[tuple[int, int]]:
        """First and last days without a gap of more than so many days."""
        found: list[list[int]] = []
        for day in sorted(self.days()[0]):
            if found and day - found[-1][1] - 1 <= gap:
                found[-1][1] = day
            else:
                found.append([day, day])
        return [(first, last) for first, last in found]

    # The dose of a day.

    def stands(self, record: MedicationRecord, day: date) -> str | None:
        """Whether it stands: "yes", "ended" (on some day, nobody says which), or None."""
        first = self._by(record)
        if first is None or day < first or day > self.today or self.never_stood(record):
            return None
        so_far = (day - first).days + 1
        if record.kind is DISPENSE:
            if record.supply_days is None:
                return "ended" if so_far <= LONGEST_FILL else None
            return "yes" if so_far <= record.supply_days else None
        last = self.last_stood(record)
        if last is not None:
            return "yes" if day <= last else None
        if record.status in {"active", "intended"}:
            return "yes"
        whole = self.whole(record) if record.kind is REQUEST else None
        if record.status == "completed" and whole is not None:
            return "yes" if so_far <= whole else None
        if record.status == "on-hold" and (record.kind is STATEMENT or record.refills is None):
            return "ended"
        return "ended" if so_far <= (whole or LONGEST_ORDER) else None

    def dose(self, day: date) -> tuple[Fraction, Fraction] | str:
        """Low and high mg of the day, "unknown" or "no order"."""
        records = self.records
        if any(self._ever_stands(r) for r in records if r.kind is not DISPENSE):
            records = [r for r in records if r.kind is not DISPENSE]
        there = [(r, said) for r in records if (said := self.stands(r, day))]
        if not there:
            return "no order"
        latest = max(self._from(r) for r, _ in there)
        ended = [r for r, said in there if said == "ended" and self._from(r) == latest]
        sure = [r for r, said in there if said == "yes"]
        kinds = [
            kind for kind in (REQUEST, STATEMENT, DISPENSE) if any(r.kind is kind for r in sure)
        ]
        if not kinds:
            return "unknown" if ended else "no order"
        if any(r.kind is kinds[0] for r in ended):
            return "unknown"
        return self._sum([r for r in sure if r.kind is kinds[0]], day)

    def _from(self, record: MedicationRecord) -> date:
        return self._by(record) or date.min

    def _by(self, record: MedicationRecord) -> date | None:
        """A statement without a start is true of the day on which it was made."""
        begun = self.begins(record)
        return record.authored_on if begun is None and record.kind is not DISPENSE else begun

    def _ever_stands(self, record: MedicationRecord) -> bool:
        first = self._by(record)
        return first is not None and first <= self.today and not self.never_stood(record)

    def _sum(
        self, records: Sequence[MedicationRecord], day: date
    ) -> tuple[Fraction, Fraction] | str:
        low = high = Fraction(0)
        taken = False
        for record in records:
            shared = record.course.ends == day and any(
                other.group is not None
                and other.group == record.group
                and other is not record
                and other.course.starts == day
                for other in self.records
                if self._ever_stands(other)
            )
            if shared:
                continue
            if not isinstance(record.course.overall, DailyDose):
                return "unknown"
            there = [
                step.dose
                for step in record.course.steps
                if (step.starts is None or step.starts <= day)
                and (step.ends is None or day <= step.ends)
            ]
            if there:
                taken = True
                low += min(dose.low for dose in there)
                high += max(dose.peak_day for dose in there)
        return (low, high) if taken else "no order"
