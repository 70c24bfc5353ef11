"""`taperguard taper`: a schedule as a table, JSON, CSV, a calendar, a hand-out or FHIR."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TextIO

import msgspec

from clinical.policy import default_policy
from clinical.quantities import MalformedQuantity, Milligrams, as_decimal
from clinical.taper import (
    CUT_ORDER,
    CannotTaper,
    Intake,
    IntakeTime,
    Schedule,
    TabletProduct,
    TaperRequest,
    cut_order_from,
    default_products,
    pace,
    plan,
    products_of,
)

FORMATS = ("table", "json", "csv", "ics", "pdf", "fhir")

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


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
    cut_first: str | None = None,
    output_format: str = "table",
    patient: str | None = None,
    on: date | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
) -> int:
    """Print a schedule to `stdout`; the exit status.

    Doses are mg/day as decimal text, `start` is YYYY-MM-DD, `products` RxCUIs with commas. For
    the format fhir, `patient` is whose orders they are and `on` the day they are written (today).
    Returns 0, or 2 with one sentence on `stderr` and nothing on `stdout`.
    """
    try:
        _refuse_format(output_format, stdout)
        subject = _subject(patient, on, output_format)
        schedule = plan(
            TaperRequest(
                from_mg=_dose(from_mg, "--from-mg"),
                to_mg=_dose(to_mg, "--to-mg"),
                starts_on=_day(start),
                pace=pace(default_policy().recommended_pace if pace_id is None else pace_id),
                products=_products(products),
                times_per_day=_times(times_per_day),
                cut_order=_cut_order(cut_first),
            )
        )
    except (UnusableInput, CannotTaper) as problem:
        stderr.write(f"{problem}\n")
        return 2
    match output_format:
        case "table":
            _part("table").write_table(schedule, stdout)
        case "json":
            stdout.write(as_json(schedule))
        case "csv":
            stdout.write(_part("csv").as_csv(schedule))
            _warn(stderr, schedule, of_steps=False)
        case "fhir":
            stdout.write(_part("fhir").as_fhir(schedule, subject, on or now().date()))
            _warn(stderr, schedule)
        case _:
            made = _part("ics").as_ics if output_format == "ics" else _part("pdf").as_pdf
            _write_bytes(stdout, made(schedule))
            _warn(stderr, schedule)
    return 0


def _part(name: str) -> Any:
    """What writes a format: loaded when it is asked for."""
    return importlib.import_module(f"taperguard.commands.taper_{name}")


def _write_bytes(stdout: TextIO, raw: bytes) -> None:
    stdout.flush()
    stdout.buffer.write(raw)
    stdout.buffer.flush()


def _warn(stderr: TextIO, schedule: Schedule, *, of_steps: bool = True) -> None:
    """What the schedule warns of, where the format has no place for it."""
    at_the_end = schedule.target.warnings
    texts = [text for text in schedule.warnings if text not in at_the_end]
    if of_steps:
        texts += [text for step in schedule.steps for text in step.warnings]
        texts += at_the_end
    for text in texts:
        stderr.write(f"Note: {text}\n")


# --- what was typed ------------------------------------------------------------------------


def _refuse_format(output_format: str, stdout: TextIO) -> None:
    if output_format not in FORMATS:
        have = f"{', '.join(FORMATS[:-1])} and {FORMATS[-1]}"
        raise UnusableInput(f'There is no format "{output_format}"; {have} are available.')
    if output_format == "pdf" and stdout.isatty():
        raise UnusableInput(
            "A terminal cannot show the hand-out, a PDF: send it to a file, as in > plan.pdf."
        )


def _subject(patient: str | None, on: date | None, output_format: str) -> str:
    """The id of whose orders they are; the placeholder's where nobody is named."""
    if output_format != "fhir":
        for option, given in (("--patient", patient), ("--on", on)):
            if given is not None:
                raise UnusableInput(f"{option} belongs to the format fhir; the others name nobody.")
        return ""
    fhir = _part("fhir")
    found: str | None = fhir.patient_id(fhir.PLACEHOLDER if patient is None else patient)
    if found is None:
        raise UnusableInput(
            "--patient is no patient of a FHIR server; write it like Patient/123 or 123."
        )
    return found


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


def _cut_order(first: str | None) -> tuple[IntakeTime, ...]:
    if first is None:
        return CUT_ORDER
    if first not in set(IntakeTime):
        known = ", ".join(IntakeTime)
        raise UnusableInput(f'--cut-first "{first}" is none of {known}.')
    return cut_order_from(IntakeTime(first))


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
        "pace": schedule.pace.id,
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
