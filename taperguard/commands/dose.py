"""`taperguard dose`: the daily dose of a medication record, or of each in a Bundle, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import steps_on, taken_on
from clinical.drugs import Drug, Strength, Unrecognised
from clinical.facts import MedicationRecord, RecordKind
from clinical.quantities import as_decimal, plain
from clinical.standing import standing
from ehr.decode import NotJson, decode, pretty
from ehr.read.json import as_list, as_object, as_text, reference_key
from ehr.read.medications import MEDICATION_RECORDS, medication_record
from ehr.read.weight import latest_weight_kg

_PER_PIECE = frozenset({"tablet", "capsule", "film", "patch"})


class UnusableInput(ValueError):
    """The input holds nothing to compute a dose from; the message is a sentence."""


def run(file: str, on: date | None, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Print the report for a file (`-` is standard input); the exit status.

    With `on` the dose is what is to be taken on that day; without, the highest of the order's
    steps, and the record's standing is that of today. Returns 0, or 2 with one sentence on
    `stderr` and nothing on `stdout`.
    """
    try:
        resource = _read(file, stdin)
        today = on or datetime.now(UTC).astimezone().date()
        report = dose_report(resource, today, on_that_day=on is not None)
    except (UnusableInput, NotJson) as problem:
        stderr.write(f"{_sentence(str(problem))}\n")
        return 2
    stdout.write(pretty(report) + "\n")
    return 0


def dose_report(
    resource: dict[str, Any], on: date, *, on_that_day: bool = False
) -> dict[str, Any] | list[dict[str, Any]]:
    """One report for a medication record; for a Bundle a list, one per medication record.

    `on` decides whether a record counts as current; with `on_that_day` the dose is also that
    of the day instead of the order's highest. Raises UnusableInput.
    """
    kind = _kind_of(as_object(resource))
    if kind is None:
        raise UnusableInput("the input is no FHIR resource: it has no resourceType")
    if kind == "Bundle":
        return _bundle_report(resource, on, on_that_day=on_that_day)
    if kind not in MEDICATION_RECORDS:
        raise UnusableInput(
            "the input is no medication record: a MedicationRequest, MedicationStatement, "
            "MedicationDispense or a Bundle of them is needed"
        )
    return _report(resource, _nothing, on, on_that_day=on_that_day)


def _read(file: str, stdin: TextIO) -> dict[str, Any]:
    try:
        raw = _standard_input(stdin) if file == "-" else Path(file).read_bytes()
    except FileNotFoundError:
        raise UnusableInput(f"there is no file {file}") from None
    except (OSError, ValueError):
        raise UnusableInput(f"the file {file} cannot be read") from None
    if not raw.strip():
        raise UnusableInput("the input is empty")
    value = decode(raw.removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(value, dict):
        raise UnusableInput("the input is no FHIR resource: a JSON object is needed")
    return value


def _standard_input(stdin: TextIO) -> bytes:
    buffer = getattr(stdin, "buffer", None)
    return bytes(buffer.read()) if buffer is not None else stdin.read().encode()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _nothing(_reference: str) -> dict[str, Any] | None:
    return None


def _kind_of(resource: dict[str, Any]) -> str | None:
    """The resourceType as it stands: one with a blank around it is no type of FHIR."""
    kind = resource.get("resourceType")
    return kind if as_text(kind) else None


def _bundle_report(bundle: dict[str, Any], on: date, *, on_that_day: bool) -> list[dict[str, Any]]:
    known: dict[str, dict[str, Any]] = {}
    records: list[dict[str, Any]] = []
    observations: list[dict[str, Any]] = []
    for entry in map(as_object, as_list(bundle.get("entry"))):
        resource = as_object(entry.get("resource"))
        kind, identifier = _kind_of(resource), as_text(resource.get("id"))
        full_url = reference_key(entry.get("fullUrl"))
        if full_url:
            known[full_url] = resource
        if kind and identifier:
            known.setdefault(f"{kind}/{identifier}", resource)
        if kind in MEDICATION_RECORDS:
            records.append(resource)
        elif kind == "Observation":
            observations.append(resource)
    if not records:
        raise UnusableInput("the Bundle holds no medication record")
    return [
        _report(
            record,
            known.get,
            on,
            on_that_day=on_that_day,
            weight_kg=latest_weight_kg(o for o in observations if _same_patient(o, record)),
        )
        for record in records
    ]


def _same_patient(observation: dict[str, Any], record: dict[str, Any]) -> bool:
    weighed, treated = (reference_key(r.get("subject")) for r in (observation, record))
    return weighed == treated


def _report(
    resource: dict[str, Any],
    lookup: Callable[[str], dict[str, Any] | None],
    on: date,
    *,
    on_that_day: bool,
    weight_kg: Fraction | None = None,
) -> dict[str, Any]:
    record = medication_record(resource, lookup, weight_kg=weight_kg)
    stands = standing(record, on)
    dose = _dose_to_show(record, on if on_that_day else None)
    report: dict[str, Any] = {
        "source": record.source,
        "drug": _drug(record.drug),
        "counts_as_current": stands.counts,
        "why_not_current": stands.why,
        "daily_dose": _daily_dose(dose, record),
        "amount_per_day": _amount(record.course, dose, on if on_that_day else None),
        "steps": _steps(record.course),
    }
    if report["daily_dose"] is None and isinstance(dose, DailyDose):
        # The dose in tablets has no place for its warnings: they must not get lost.
        warnings = [*dose.warnings, *record.warnings]
        report |= {"warnings": warnings} if warnings else {}
    return report


def _dose_to_show(record: MedicationRecord, on: date | None) -> DailyDose | NotComputable:
    course = record.course
    if on is None:
        return course.overall
    dose = taken_on(course, on)
    if dose is not None and not _outside(record, on):
        return dose
    unit = course.overall.unit if isinstance(course.overall, DailyDose) else "mg"
    zero = Fraction(0)
    return DailyDose(
        unit, zero, zero, zero, False, f"the order has nothing to take on {on.isoformat()}"
    )


def _outside(record: MedicationRecord, on: date) -> bool:
    """Whether the day is not in the record's own period; a supply may be taken later."""
    if record.kind is RecordKind.DISPENSE:
        return False
    begins, ends = record.period_starts, record.period_ends
    return (begins is not None and on < begins) or (ends is not None and ends < on)


def _drug(drug: Drug | Unrecognised) -> dict[str, Any] | None:
    if isinstance(drug, Unrecognised):
        if drug.named is None:
            return None
        return {
            "ingredients": [],
            "rxcui": None,
            "strength": None,
            "form": None,
            "recognised_by": "text",
            "name": drug.named,
        }
    return {
        "ingredients": list(drug.ingredients),
        "rxcui": drug.rxcui,
        "strength": _strength(drug.strength),
        "form": drug.form,
        "recognised_by": drug.recognised_by.value,
    }


def _strength(strength: Strength | None) -> str | None:
    if strength is None:
        return None
    mg = f"{plain(strength.mg)} mg"
    return mg if strength.per_unit in _PER_PIECE else f"{mg}/{strength.per_unit}"


def _daily_dose(dose: DailyDose | NotComputable, record: MedicationRecord) -> dict[str, Any] | None:
    if isinstance(dose, NotComputable):
        return {
            "status": "not-computable",
            "unit": "mg",
            "low": None,
            "high": None,
            "peak_day": None,
            "as_needed": None,
            "working": None,
            "why_not": dose.why,
            "warnings": [*dose.warnings, *record.warnings],
        }
    if dose.unit != "mg":
        return None
    return {
        "status": "computed",
        "unit": dose.unit,
        "low": as_decimal(dose.low),
        "high": as_decimal(dose.high),
        "peak_day": as_decimal(dose.peak_day),
        "as_needed": dose.as_needed,
        "working": dose.working,
        "why_not": None,
        "warnings": [*dose.warnings, *record.warnings],
    }


def _amount(
    course: DoseCourse, dose: DailyDose | NotComputable, on: date | None
) -> dict[str, Any] | None:
    """The amount in the administered unit of the dose that is shown, where it is known."""
    amount = course.amount_per_day
    if amount is None or on is None or not isinstance(dose, DailyDose):
        return None if amount is None else _shown(amount.unit, amount.low, amount.high)
    if dose.high == 0:
        return _shown(amount.unit, dose.high, dose.high)
    # One dose holds as many tablets a mg on each day of its step.
    ways = {
        (step.given.unit, step.given.high / step.dose.high)
        for step in steps_on(course, on)
        if step.given is not None and step.dose.high
    }
    if len(ways) != 1:
        return None
    unit, per_one = ways.pop()
    return _shown(unit, dose.low * per_one, dose.high * per_one)


def _shown(unit: str, low: Fraction, high: Fraction) -> dict[str, Any]:
    return {"unit": unit, "low": as_decimal(low), "high": as_decimal(high)}


def _steps(course: DoseCourse) -> list[dict[str, Any]]:
    """The steps in mg/day; none where the dose cannot be said in mg."""
    return [
        {
            "from": None if step.starts is None else step.starts.isoformat(),
            "to": None if step.ends is None else step.ends.isoformat(),
            "low": as_decimal(step.dose.low),
            "high": as_decimal(step.dose.high),
        }
        for step in course.steps
        if step.dose.unit == "mg"
    ]
