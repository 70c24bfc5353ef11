"""When to see or ring the patient during a taper (CLINICAL section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from clinical.knowledge import document
from clinical.quantities import Milligrams
from clinical.taper import Schedule


@dataclass(frozen=True, slots=True)
class CheckInRules:
    """Days after each cut and after the last dose on which to ask, and what to ask about."""

    days_after_step: tuple[int, ...]
    days_after_last_dose: tuple[int, ...]
    what: str


@dataclass(frozen=True, slots=True)
class CheckIn:
    """One contact. `after` names the cuts it looks back on: days since, and the dose begun."""

    on: date
    after: tuple[tuple[int, Milligrams], ...]


@cache
def check_in_rules() -> CheckInRules:
    """The rules as shipped, read from `knowledge/follow_up.toml`."""
    rules = document("follow_up.toml")["check_ins"]
    return CheckInRules(
        tuple(rules["days_after_step"]), tuple(rules["days_after_last_dose"]), rules["what"]
    )


def check_ins(schedule: Schedule) -> tuple[CheckIn, ...]:
    """The contacts of a schedule in the order of their days; those of one day are one contact."""
    rules = check_in_rules()
    cuts = [(step.starts, step.dose, rules.days_after_step) for step in schedule.steps]
    stops = schedule.target.dose.value == 0
    last = rules.days_after_last_dose if stops else rules.days_after_step
    cuts.append((schedule.ends_on, schedule.target.dose, last))
    by_day: dict[date, list[tuple[int, Milligrams]]] = {}
    for starts, dose, days in cuts:
        for after in days:
            by_day.setdefault(starts + timedelta(days=after), []).append((after, dose))
    return tuple(CheckIn(day, tuple(sorted(by_day[day]))) for day in sorted(by_day))
