"""What `taperguard dose` says of each public medication record is what a reader found in it.

The readings (`medication_record_readings.toml`) were made from the records, not from our output.
"""

import hashlib
import io
import json
import sys
import tomllib
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import processes
import pytest
import records

from taperguard.commands import dose

TODAY = date(2026, 11, 23)
READINGS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("medication_record_readings.toml").read_text(encoding="utf-8")
)
FILES = {file.name: file for file in records.files("medication_records")}

REFUSED = [name for name, reading in READINGS.items() if "refused" in reading]
DOSED = [name for name in READINGS if name not in REFUSED]

pytestmark = pytest.mark.records

if not FILES:
    pytest.skip(
        f"the public records are absent: {2 * len(READINGS) + 2} tests did not run",
        allow_module_level=True,
    )


def resource_of(name: str) -> dict[str, Any]:
    """The record, in one Bundle with the Medication beside it where its reading names one."""
    beside = READINGS[name].get("with")
    resources = [dose.decode(FILES[n].read_bytes()) for n in (name, beside) if n]
    if beside is None:
        return resources[0]
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def printed(resource: dict[str, Any], folder: Path) -> tuple[int, str, str]:
    file, out, err = folder / "record.json", io.StringIO(), io.StringIO()
    file.write_bytes(dose.pretty(resource).encode())
    return dose.run(str(file), TODAY, io.StringIO(), out, err), out.getvalue(), err.getvalue()


def number(written: str) -> float:
    """As the output shows it: six places where the decimal has no end."""
    return round(float(Fraction(written)), 6)


def as_read(reading: dict[str, Any]) -> dict[str, Any]:
    """A reading with its defaults, in the form in which `as_said` gives a report."""
    drug = reading.get("drug")
    if drug is not None:
        drug = {"ingredients": [], "strength": None, "by": "text", "name": None} | drug
    mg, amount = reading.get("mg"), reading.get("amount")
    steps = reading.get("steps", [["", "", *mg[:2]]] if mg else [])
    return {
        "drug": drug,
        "current": reading["current"] is True,
        "dose": "computed" if mg else "not-computable" if "not" in reading else "not in mg",
        "mg": mg and [number(n) for n in mg],
        "as_needed": reading.get("as_needed", False) if mg else None,
        "amount": amount and [amount[0], *map(number, amount[1:])],
        "steps": [[*step[:2], *map(number, step[2:])] for step in steps],
    }


def as_said(report: dict[str, Any]) -> dict[str, Any]:
    drug, daily, amount = report["drug"], report["daily_dose"], report["amount_per_day"]
    computed = daily is not None and daily["status"] == "computed"
    return {
        "drug": drug
        and {
            "ingredients": drug["ingredients"],
            "strength": drug["strength"],
            "by": drug["recognised_by"],
            "name": drug.get("name"),
        },
        "current": report["counts_as_current"],
        "dose": "not in mg" if daily is None else daily["status"],
        "mg": [daily[key] for key in ("low", "high", "peak_day")] if computed else None,
        "as_needed": daily["as_needed"] if computed else None,
        "amount": amount and [amount["unit"], amount["low"], amount["high"]],
        "steps": [[s["from"] or "", s["to"] or "", s["low"], s["high"]] for s in report["steps"]],
    }


def test_every_record_has_a_reading_and_every_reading_a_record():
    assert set(FILES) == set(READINGS)


@pytest.mark.parametrize("name", READINGS)
def test_the_record_is_the_one_that_was_read(name):
    digest = hashlib.sha256(FILES[name].read_bytes()).hexdigest()
    assert READINGS[name]["sha256"] == digest, "the record has changed: read it again"
    assert READINGS[name]["reading"].strip()


@pytest.mark.parametrize("name", REFUSED)
def test_what_orders_nothing_is_refused(name, tmp_path):
    status, out, err = printed(resource_of(name), tmp_path)
    assert (status, out) == (2, "")
    assert READINGS[name]["refused"] in err.lower()


@pytest.mark.parametrize("name", DOSED)
def test_the_dose_is_what_the_reader_found(name):
    report = dose.dose_report(resource_of(name), TODAY)
    report = json.loads(dose.pretty(report[0] if isinstance(report, list) else report))
    reading = READINGS[name]
    assert as_said(report) == as_read(reading)
    if reading["current"] is not True:
        assert reading["current"] in report["why_not_current"]
    daily = report["daily_dose"] or {"why_not": None, "warnings": report.get("warnings", [])}
    assert reading.get("not", "") in (daily["why_not"] or "")
    told, wanted = daily["warnings"], reading.get("warnings", [])
    assert len(told) == len(wanted), told
    assert all(sum(gist in warning for warning in told) == 1 for gist in wanted), told


def test_the_command_itself_prints_the_same(tmp_path):
    """All records in one Bundle, once through a real process."""
    resources = [dose.decode(FILES[name].read_bytes()) for name in DOSED]
    for place, resource in enumerate(resources):
        resource["id"] = f"record-{place}"  # two Oracle examples share an id
    bundle = {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}
    file = tmp_path / "all.json"
    file.write_text(dose.pretty(bundle), encoding="utf-8")
    done = processes.run(
        [sys.executable, "-m", "taperguard", "dose", str(file), "--on", TODAY.isoformat()]
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said == json.loads(dose.pretty(dose.dose_report(bundle, TODAY, on_that_day=True)))
    assert [report["counts_as_current"] for report in said] == [
        READINGS[name]["current"] is True for name in DOSED
    ]
