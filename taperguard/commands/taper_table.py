"""A schedule as a calm table: plain text of one width, or as wide as the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clinical.quantities import as_decimal
from clinical.taper import Intake, Schedule, TabletProduct

_PLAIN_WIDTH = 100
"""Columns of the table where no terminal says how many it has."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_in_words(day: date) -> str:
    """For example "Mon 4 Jan 2027", in every locale."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year:04d}"


def write_table(schedule: Schedule, stdout: TextIO) -> None:
    """The schedule for people: plain text of one width unless `stdout` is a terminal."""
    if stdout.isatty():
        _print_schedule(schedule, Console(file=stdout, highlight=False))
        return
    text = io.StringIO()
    plain = Console(
        file=text, width=_PLAIN_WIDTH, highlight=False, color_system=None, force_terminal=False
    )
    _print_schedule(schedule, plain)
    lines = (line.rstrip() for line in text.getvalue().splitlines())
    stdout.write("\n".join(lines).rstrip("\n") + "\n")


def _print_schedule(schedule: Schedule, console: Console) -> None:
    number = len(schedule.steps)
    steps = "1 step" if number == 1 else f"{number} steps"
    console.print(
        f"From {schedule.from_words} to {schedule.to_mg}/day at the pace {schedule.pace.id}: "
        f"{schedule.days} days, {steps}.",
        markup=False,
    )
    console.print()
    console.print(_steps(schedule))
    console.print()
    if any(_is_odt(product) for product in _products_used(schedule)):
        console.print("ODT: orally disintegrating tablet.\n", markup=False)
    _print_warnings(console, "Please note", schedule.warnings)
    _print_warnings(
        console,
        "Cuts marked with !",
        [text for step in schedule.steps for text in step.warnings],
    )


def _steps(schedule: Schedule) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("From", no_wrap=True)
    for heading in ("Days", "mg/day", "Cut", "In 14 days"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Tablets a day", no_wrap=True)
    table.add_column("Dispense", no_wrap=True)
    for step in schedule.steps:
        table.add_row(
            day_in_words(step.starts),
            str(step.days),
            f"{as_decimal(step.dose.value):f}",
            f"{step.cut_percent} %",
            _marked(step.cut_percent_14_days, step.warnings),
            _tablets(step.intakes),
            "\n".join(f"{line.quantity} x {_short(line.product)}" for line in step.dispense),
        )
    target = schedule.target
    table.add_row(
        day_in_words(schedule.ends_on),
        "",
        f"{as_decimal(target.dose.value):f}",
        f"{target.cut_percent} %",
        _marked(target.cut_percent_14_days, target.warnings),
        _tablets(target.intakes) or "none",
        "",
    )
    return table


def _marked(share: Decimal, warnings: tuple[str, ...]) -> str:
    return f"{share} % !" if warnings else f"{share} %  "


def _tablets(intakes: Iterable[Intake]) -> str:
    """A line for each product: "night    3 x 0.25 mg ODT", "      +  1 x 0.125 mg ODT"."""
    lines = []
    for intake in intakes:
        for place, piece in enumerate(intake.pieces):
            when = "      +" if place else intake.time.value
            lines.append(f"{when:<8} {piece.count} x {_short(piece.product)}")
    return "\n".join(lines)


def _is_odt(product: TabletProduct) -> bool:
    return product.form == "disintegrating tablet"


def _short(product: TabletProduct) -> str:
    return f"{product.strength} {'ODT' if _is_odt(product) else product.form}"


def _products_used(schedule: Schedule) -> set[TabletProduct]:
    taken = [*(step.intakes for step in schedule.steps), schedule.target.intakes]
    return {piece.product for intakes in taken for intake in intakes for piece in intake.pieces}


def _print_warnings(console: Console, heading: str, warnings: Iterable[str]) -> None:
    texts = list(warnings)
    if not texts:
        return
    console.print(heading, markup=False)
    for text in texts:
        line = Table.grid(padding=(0, 1))
        line.add_row("  -", Text(text))
        console.print(line)
    console.print()
