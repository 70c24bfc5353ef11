"""Tapers asked for in few words, and written down as a person would write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from clinical.quantities import Milligrams
from clinical.taper import (
    Intake,
    Pace,
    Schedule,
    TabletProduct,
    TaperRequest,
    fills,
    pace,
    plan,
)

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


def printed(schedule: Schedule) -> str:
    """The plan as a pharmacist reads it: a line a step, and the day on which the target begins.

    Day, days (as fills, where there are several), mg/day (! where it warns), tablets at each
    time of day, tablets to dispense; "o" is an orally disintegrating tablet.
    """
    parts = fills(schedule)
    lines = []
    for place, step in enumerate(schedule.steps):
        days = {fill.starts: fill.days for fill in parts if fill.step_index == place}
        dispensed = ", ".join(f"{line.quantity}x{short(line.product)}" for line in step.dispense)
        lines.append(
            f"{(step.starts - MONDAY).days}: {'+'.join(map(str, days.values()))} days, "
            f"{number(step.dose)}{'!' if step.warnings else ''} mg: {tablets(step.intakes)} "
            f"= {dispensed}"
        )
    target = schedule.target
    kept = f": {tablets(target.intakes)}" if target.intakes else ""
    lines.append(f"{schedule.days}: {number(target.dose)}{'!' if target.warnings else ''} mg{kept}")
    return "\n".join(lines)


def tablets(intakes: Sequence[Intake]) -> str:
    return "; ".join(
        f"{intake.time} "
        + " + ".join(f"{piece.count}x{short(piece.product)}" for piece in intake.pieces)
        for intake in intakes
    )


def short(product: TabletProduct) -> str:
    return number(product.strength) + ("o" if product.disintegrates else "")
