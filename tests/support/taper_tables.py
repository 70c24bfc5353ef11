"""Tapers asked for in few words, and written down as a person would write them."""

from __future__ import annotations

from datetime import date
from typing import Any

from clinical.quantities import Milligrams
from clinical.taper import Pace, Schedule, TaperRequest, pace, plan

MONDAY = date(2027, 1, 4)
"""The first cut of every taper here."""


def asked(pace_id: str | Pace, from_mg: str, to_mg: str = "0", **more: Any) -> TaperRequest:
    return TaperRequest(
        from_mg=Milligrams.of(from_mg),
        to_mg=Milligrams.of(to_mg),
        starts_on=MONDAY,
        pace=pace(pace_id) if isinstance(pace_id, str) else pace_id,
        **more,
    )


def taper(pace_id: str | Pace, from_mg: str, to_mg: str = "0", **more: Any) -> Schedule:
    return plan(asked(pace_id, from_mg, to_mg, **more))


def course(schedule: Schedule) -> str:
    """A line for each dose and the day it begins, counted from the first cut."""
    begins = [(step.dose, (step.starts - MONDAY).days) for step in schedule.steps]
    begins.append((schedule.to_mg, schedule.days))
    return "\n".join(f"{number(dose)} on {day}" for dose, day in begins)


def number(dose: Milligrams) -> str:
    return str(dose).removesuffix(" mg")


def by_hand(table: str) -> str:
    """The lines of a table; what stands after the bar is the calculation."""
    lines = (line.split("|")[0].strip() for line in table.strip().splitlines())
    return "\n".join(lines)
