"""The dose over time as plain JSON and back, so that it can be kept. Doses stay exact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from clinical.dose_history import DoseHistory, Known, NotKnown, Stretch, Strip


def to_json(history: DoseHistory) -> dict[str, Any]:
    """Objects, lists and texts only; a dose is written as a fraction ("15/8")."""
    return {
        "stretches": [
            {
                "starts": stretch.starts.isoformat(),
                "ends": stretch.ends.isoformat(),
                "dose": _dose_json(stretch.dose),
            }
            for stretch in history.stretches
        ],
        "strips": [
            {
                "name": strip.name,
                "opioid": strip.opioid,
                "spans": [[starts.isoformat(), ends.isoformat()] for starts, ends in strip.spans],
                "open_ends": [day.isoformat() for day in strip.open_ends],
            }
            for strip in history.strips
        ],
    }


def from_json(kept: Mapping[str, Any]) -> DoseHistory:
    """Read back. Raises KeyError, TypeError or ValueError for anything else."""
    return DoseHistory(
        stretches=tuple(
            Stretch(_day(item["starts"]), _day(item["ends"]), _dose(item["dose"]))
            for item in kept["stretches"]
        ),
        strips=tuple(
            Strip(
                item["name"],
                item["opioid"],
                tuple((_day(starts), _day(ends)) for starts, ends in item["spans"]),
                tuple(map(_day, item["open_ends"])),
            )
            for item in kept["strips"]
        ),
    )


def _dose_json(dose: Known | NotKnown) -> dict[str, Any]:
    if isinstance(dose, Known):
        return {"low": str(dose.low), "high": str(dose.high), "sources": list(dose.sources)}
    return {"why": dose.why, "sources": list(dose.sources), "no_order": dose.no_order}


def _dose(kept: Mapping[str, Any]) -> Known | NotKnown:
    if "why" in kept:
        return NotKnown(kept["why"], tuple(kept["sources"]), kept["no_order"])
    return Known(Fraction(kept["low"]), Fraction(kept["high"]), tuple(kept["sources"]))


def _day(text: str) -> date:
    return date.fromisoformat(text)
