"""Records of others go through the command line without an exception or a silent zero."""

import io
import json
from datetime import date
from pathlib import Path

import cds
import pytest
import records

from taperguard.commands import check, dose

TODAY = date(2026, 11, 23)
RECORDS = records.files("medication_records")
CONTEXTS = records.files("hook_contexts")
MEDICATION_RECORDS = {"MedicationRequest", "MedicationStatement", "MedicationDispense"}

pytestmark = pytest.mark.records


def run_dose(file: Path, on: date | None = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = dose.run(str(file), on, io.StringIO(), out, err)
    return status, out.getvalue(), err.getvalue()


def resources_in(body: dict) -> set[str]:
    if body.get("resourceType") == "Bundle":
        return {e.get("resource", {}).get("resourceType") for e in body.get("entry", [])}
    return {body.get("resourceType")}


@pytest.mark.parametrize("file", RECORDS, ids=lambda f: f.name)
def test_every_medication_record_has_a_dose_or_a_sentence(file, clean_environment):
    body = json.loads(file.read_text(encoding="utf-8"))
    status, out, err = run_dose(file)
    if not resources_in(body) & MEDICATION_RECORDS:
        assert status == 2
        assert err.strip()
        assert out == ""
        return
    assert status == 0, err
    reports = json.loads(out)
    for report in reports if isinstance(reports, list) else [reports]:
        daily, amount = report["daily_dose"], report["amount_per_day"]
        if daily is None:
            # The strength is not known, so the dose is in the administered unit - or nowhere.
            assert amount is None or amount["high"] != 0
        elif daily["status"] == "computed":
            assert daily["high"] > 0
            assert daily["working"]
        else:
            assert daily["status"] == "not-computable"
            assert (daily["low"], daily["high"]) == (None, None)
            assert daily["why_not"]


@pytest.mark.parametrize("file", RECORDS, ids=lambda f: f.name)
def test_nothing_to_take_on_a_day_is_said_in_words(file, clean_environment):
    """Most of these orders ended years ago: a 0 on a day of 2026 has to say why."""
    status, out, _ = run_dose(file, TODAY)
    reports = json.loads(out) if status == 0 else []
    for report in reports if isinstance(reports, list) else [reports]:
        daily = report["daily_dose"]
        if daily is not None and daily["high"] == 0:
            assert daily["working"] == "the order has nothing to take on 2026-11-23"


@pytest.mark.parametrize("file", CONTEXTS, ids=lambda f: f.name)
def test_every_context_of_the_specification_is_answered(file, tmp_path, clean_environment):
    hook = "order-select" if file.name.startswith("order-select") else "order-sign"
    request = {"hook": hook, "hookInstance": "1", **json.loads(file.read_text(encoding="utf-8"))}
    wrapped = tmp_path / "request.json"
    wrapped.write_text(json.dumps(request), encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    status = check.run(str(wrapped), TODAY, io.StringIO(), out, err)
    assert (status, err.getvalue()) == (0, "")
    body = json.loads(out.getvalue())
    # None of them orders clonazepam or an opioid: looked, and there is nothing to say.
    assert body["cards"] == []
    assert set(cds.results_of(body).values()) == {"clear"}


def test_one_line_says_how_many_records_did_not_run():
    if not RECORDS:
        pytest.skip("the public records are absent: their tests did not run")
    assert len(CONTEXTS) == 5
