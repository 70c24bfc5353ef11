"""The ledger: what was read, what was set aside, what is not known."""

from __future__ import annotations

from datetime import date

import sample_report

from smart_app.reports.ledger import ledger_of
from smart_app.reports.links import Links

LINKS = Links("", "sandbox", to_patients=True)


def ledger(**changed):
    completeness = {**sample_report.report()["completeness"], **changed}
    return ledger_of(completeness, date(2026, 11, 25), LINKS)


def test_it_adds_the_files_up() -> None:
    """480 + 1912 + 1644 + 970 = 5006 lines, of which 2 + 1 were set aside."""
    assert ledger().summary == (
        "4 files, 5,006 lines: 5,003 read, 3 set aside because they could not be read."
    )
    one = ledger(files=[sample_report.report()["completeness"]["files"][0]])
    assert one.summary == "1 file, 480 lines: 480 read, none set aside."


def test_each_line_that_was_set_aside_is_named_with_its_number_and_why() -> None:
    rows = ledger().quarantine
    assert [(row.name, row.line, row.why) for row in rows] == [
        ("MedicationRequest.0.ndjson", "17", "It is not JSON."),
        ("MedicationRequest.0.ndjson", "903", "It has no subject."),
        ("MedicationDispense.0.ndjson", "1,201", "It is longer than 1 MB."),
    ]


def test_reasons_add_up_by_records_and_not_by_patients() -> None:
    """12 + 3 records; a patient may stand behind both reasons."""
    found = ledger()
    assert found.about_reasons.startswith("For 15 records the dose or its days could not")
    assert found.about_reasons.endswith("may have others that count.")
    assert [(row.records, row.patients) for row in found.reasons] == [("12", "7"), ("3", "2")]


def test_what_the_export_says_of_itself_stands_as_sentences() -> None:
    assert ledger().problems == (
        "The EHR left out MedicationStatement: it does not export that type.",
    )


def test_a_whole_export_says_so() -> None:
    assert ledger(reasons=[]).about_reasons == (
        "The dose and days of every record that was looked at could be worked out."
    )
    assert ledger(files=[]).summary == "No file was read: the source held none."


def test_sums_of_withheld_numbers_are_not_told() -> None:
    reasons = [{"why": "no timing", "records": "<11", "patients": "<11"}]
    assert ledger(reasons=reasons).about_reasons == (
        "For some records the dose or its days could not be worked out."
    )
    files = [
        {**file, "lines": "suppressed"} for file in sample_report.report()["completeness"]["files"]
    ]
    assert ledger(files=files).summary == "4 files were read; some of their numbers are withheld."
