"""`taperguard taper`: a schedule as a table or as JSON."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clinical.quantities import MalformedQuantity, Milligrams, as_decimal
from clinical.taper import (
    CannotTaper,
    Intake,
    Schedule,
    TabletProduct,
    TaperRequest,
    default_pace,
    default_products,
    pace,
    plan,
    products_of,
)

FORMATS = ("table", "json")
LATER_FORMATS = ("csv", "ics", "pdf", "fhir")

_PLAIN_WIDTH = 100
"""Columns of the table where no terminal says how many it has."""

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class UnusableInput(ValueError):
    """An option that cannot be used. The message is a sentence."""


def run(  # noqa: PLR0913 - the options of the command, one each
    *,
    from_mg: str,
    start: str,
    stdout: TextIO,
    stderr: TextIO,
    to_mg: str = "0",
    pace_id: str | None = None,
    products: str | None = None,
    times_per_day: str | int = 1,
    output_format: str = "table",
) -> int:
    """Print a schedule to `stdout`; the exit status.

    Doses are mg/day as decimal text, `start` is YYYY-MM-DD, `products` RxCUIs with commas.
    Returns 0, or 2 with one sentence on `stderr` and nothing on `stdout`.
    """
    try:
        _refuse_format(output_format)
        schedule = plan(
            TaperRequest(
                from_mg=_dose(from_mg, "--from-mg"),
                to_mg=_dose(to_mg, "--to-mg"),
                starts_on=_day(start),
                pace=default_pace() if pace_id is None else pace(pace_id),
                products=_products(products),
                times_per_day=_times(times_per_day),
            )
        )
    except (UnusableInput, CannotTaper) as problem:
        stderr.write(f"{problem}\n")
        return 2
    if output_format == "json":
        stdout.write(as_json(schedule))
    else:
        write_table(schedule, stdout)
    return 0


# --- what was typed ------------------------------------------------------------------------


def _refuse_format(output_format: str) -> None:
    if output_format in FORMATS:
        return
    have = " and ".join(FORMATS)
    if output_format in LATER_FORMATS:
        raise UnusableInput(
            f'The format "{output_format}" is not available in this version; {have} are.'
        )
    raise UnusableInput(f'There is no format "{output_format}"; {have} are available.')


def _dose(text: str, option: str) -> Milligrams:
    written = text.strip()
    if written.startswith("-"):
        raise UnusableInput(f"{option} {written} is negative; give mg/day as 0 or more.")
    if not _NUMBER.fullmatch(written):
        raise UnusableInput(f'{option} "{text}" is not a dose; give mg/day as a number like 0.75.')
    try:
        return Milligrams.of(written)
    except MalformedQuantity as problem:
        raise UnusableInput(f"{option} {written} cannot be used: {problem}.") from None


def _day(text: str) -> date:
    written = text.strip()
    if not _DAY.fullmatch(written):
        raise UnusableInput(f'--start "{text}" is not a date; write it like 2027-01-04.')
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise UnusableInput(f"--start {written} is no day of the calendar.") from None


def _times(number: str | int) -> int:
    text = str(number).strip()
    if not re.fullmatch(r"[0-9]{1,2}", text, re.ASCII):
        raise UnusableInput(f'--times-per-day "{number}" is not a number from 1 to 4.')
    return int(text)


def _products(codes: str | None) -> tuple[TabletProduct, ...]:
    if codes is None:
        return default_products()
    return products_of([code.strip() for code in codes.split(",") if code.strip()])


# --- JSON ----------------------------------------------------------------------------------


def as_json(schedule: Schedule) -> str:
    """The schedule as JSON text with exact numbers, one line feed at its end."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    return msgspec.json.format(encoder.encode(schedule_as_json(schedule)), indent=2).decode() + "\n"


def schedule_as_json(schedule: Schedule) -> dict[str, Any]:
    """The schedule in the shape of the command line's contract; numbers are exact decimals."""
    return {
        "pace": schedule.pace_id,
        "from_mg": _number(schedule.from_mg),
        "to_mg": _number(schedule.to_mg),
        "start": schedule.starts_on.isoformat(),
        "ends_on": schedule.ends_on.isoformat(),
        "days": schedule.days,
        "steps": [
            {
                "from": step.starts.isoformat(),
                "to": step.ends.isoformat(),
                "mg_per_day": _number(step.dose),
                "cut_percent": step.cut_percent,
                "cut_percent_14_days": step.cut_percent_14_days,
                "intakes": [_intake(intake) for intake in step.intakes],
                "dispense": [
                    {"rxcui": line.product.rxcui, "quantity": line.quantity}
                    for line in step.dispense
                ],
                "warnings": list(step.warnings),
            }
            for step in schedule.steps
        ],
        "warnings": list(schedule.warnings),
    }


def _number(amount: Milligrams) -> Decimal:
    return as_decimal(amount.value)


def _intake(intake: Intake) -> dict[str, Any]:
    return {
        "time": intake.time.value,
        "products": [
            {"rxcui": piece.product.rxcui, "name": piece.product.name, "count": piece.count}
            for piece in intake.pieces
        ],
    }


# --- the table -----------------------------------------------------------------------------


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
        f"From {schedule.from_mg}/day to {schedule.to_mg}/day at the pace {schedule.pace_id}: "
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
            f"{_number(step.dose):f}",
            f"{step.cut_percent} %",
            _marked(step.cut_percent_14_days, step.warnings),
            _tablets(step.intakes),
            "\n".join(f"{line.quantity} x {_short(line.product)}" for line in step.dispense),
        )
    target = schedule.target
    table.add_row(
        day_in_words(schedule.ends_on),
        "",
        f"{_number(target.dose):f}",
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
