"""`taperguard taper --format csv, ics, pdf and fhir`: the same schedule for others to read.

The example is nardi-2010 from 1 mg at night (CLINICAL 6): 0.75 mg on 4 January 2027, 0.5 on the
11th, 0.25 on the 18th, nothing from the 25th on.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pdf_words
import processes
import pytest

from taperguard.commands.taper import run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def taper(output_format: str, **options: Any) -> tuple[int, bytes, str]:
    """The command's status, the bytes of its standard output, and its standard error."""
    raw, stderr = io.BytesIO(), io.StringIO()
    stdout = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    given = {"from_mg": "1", "start": "2027-01-04", "pace_id": "nardi-2010", **options}
    status = run(**given, output_format=output_format, stdout=stdout, stderr=stderr)
    stdout.flush()
    return status, raw.getvalue(), stderr.getvalue()


def made(output_format: str, **options: Any) -> bytes:
    status, out, _ = taper(output_format, **options)
    assert status == 0
    return out


# --- what every format has in common ---------------------------------------------------------


@pytest.mark.parametrize("output_format", ["csv", "ics", "pdf"])
def test_the_same_plan_gives_the_same_bytes_here_and_in_another_process(output_format: str) -> None:
    command = [
        *(sys.executable, "-m", "taperguard", "taper", "--from-mg", "1"),
        *("--start", "2027-01-04", "--pace", "nardi-2010", "--format", output_format),
    ]
    elsewhere = processes.run(command, text=False, check=True, env={"TZ": "UTC+9"})
    assert elsewhere.stdout == made(output_format)
    assert made(output_format, start="2027-01-05") != elsewhere.stdout


@pytest.mark.parametrize("output_format", ["csv", "ics", "pdf", "fhir"])
def test_what_the_plan_warns_of_is_said_where_the_format_has_no_place_for_it(
    output_format: str,
) -> None:
    """The pace's limits stand in none of them; the steps' warnings stand in the CSV."""
    _, _, said = taper(output_format)
    assert said.startswith("Note: This pace cuts by 25-100 % per step")
    of_steps = "Note: The cut from 0.75 mg to 0.5 mg/day on 2027-01-11 is 33.3 %" in said
    at_the_end = "Note: The cut from 0.25 mg to 0 mg/day on 2027-01-25 is 100 %" in said
    assert (of_steps, at_the_end) == ((output_format != "csv"),) * 2
    assert len(set(said.splitlines())) == len(said.splitlines())


@pytest.mark.parametrize("output_format", ["table", "json", "csv", "ics", "pdf", "fhir"])
@pytest.mark.parametrize(
    "options",
    [
        {"from_mg": "0.25", "to_mg": "0.125", "pace_id": "bzra-25"},
        {"from_mg": "20", "pace_id": "asam-2025-slow", "times_per_day": 4},
        {"from_mg": "2.7", "to_mg": "1", "products": "197527,197528"},
    ],
    ids=["one cut", "the longest", "coarse tablets to a dose that is kept"],
)
def test_every_format_is_made_of_every_kind_of_plan(
    output_format: str, options: dict[str, Any]
) -> None:
    assert made(output_format, **options)


# --- CSV -------------------------------------------------------------------------------------


def test_the_csv_has_a_row_for_each_product_of_each_intake_of_each_step() -> None:
    """In two intakes 0.75 mg is 0.25 in the morning and 0.5 at night; then the night's alone."""
    text = made("csv", times_per_day=2).decode()
    assert text.splitlines()[0] == (
        "step,from,to,mg_per_day,cut_percent,cut_percent_14_days,time,rxcui,product,count,"
        "dispense,warnings"
    )
    rows = [tuple(row) for row in csv.reader(io.StringIO(text))][1:]
    odt, tablet = "clonazepam 0.25 MG Disintegrating Oral Tablet", "clonazepam 0.5 MG Oral Tablet"
    first = ("1", "2027-01-04", "2027-01-10", "0.75", "25", "25")
    assert [row[:11] for row in rows] == [
        (*first, "morning", "349195", odt, "1", "7"),
        (*first, "night", "197527", tablet, "1", "7"),
        (
            *("2", "2027-01-11", "2027-01-17", "0.5", "33.3", "50"),
            *("night", "197527", tablet, "1", "7"),
        ),
        (
            *("3", "2027-01-18", "2027-01-24", "0.25", "50", "66.7"),
            *("night", "349195", odt, "1", "7"),
        ),
        ("4", "2027-01-25", "", "0", "100", "100", "", "", "", "", ""),
    ]
    assert [bool(row[11]) for row in rows] == [False, False, True, True, True]


def test_what_is_dispensed_adds_up_although_a_product_is_taken_twice_a_day() -> None:
    """bzra-25 from 2 mg twice a day: 1.5 mg is 0.5 and 1 mg, of 0.5 mg tablets 1 and 2.

    The cut that ends it is a third: 14 x (1/3)/(1/4) = 18.7 days, so three weeks of 3 tablets.
    """
    options = {"from_mg": "2", "pace_id": "bzra-25", "times_per_day": 2, "products": "197527"}
    rows = list(csv.DictReader(io.StringIO(made("csv", **options).decode())))
    whole = json.loads(made("json", **options))["steps"]
    for step in whole:
        of_step = [row for row in rows if row["from"] == step["from"]]
        per_day = sum(Decimal(row["count"]) for row in of_step)
        assert sum(int(row["dispense"] or 0) for row in of_step) == step["dispense"][0]["quantity"]
        days = (date.fromisoformat(step["to"]) - date.fromisoformat(step["from"])).days + 1
        assert step["dispense"][0]["quantity"] == per_day * days
    assert [(row["time"], row["count"], row["dispense"]) for row in rows[:2]] == [
        ("morning", "1", "63"),
        ("night", "2", ""),
    ]


# --- the calendar ----------------------------------------------------------------------------


def content_lines(raw: bytes) -> Iterator[tuple[str, dict[str, str], str]]:
    """RFC 5545, 3.1: lines end with CRLF and hold at most 75 octets; folds are undone.

    Each as name, parameters and value; values of the shapes that a text may have (3.3.11).
    """
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    physical = raw.split(b"\r\n")[:-1]
    assert all(len(line) <= 75 for line in physical)
    for line in raw.replace(b"\r\n ", b"").split(b"\r\n")[:-1]:
        head, value = line.decode("utf-8").split(":", 1)
        name, *parameters = head.split(";")
        # A comma and a semicolon in a text are escaped.
        assert not re.search(r"(?<!\\)[,;]", value)
        text = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)
        yield name, dict(each.split("=", 1) for each in parameters), text


def events(raw: bytes) -> list[dict[str, tuple[str, dict[str, str]]]]:
    """The VEVENTs of a VCALENDAR: a property's value and parameters; each stands once."""
    found: list[dict[str, tuple[str, dict[str, str]]]] = []
    inside: list[str] = []
    calendar = {}
    for name, parameters, value in content_lines(raw):
        if name == "BEGIN":
            inside.append(value)
            if value == "VEVENT":
                found.append({})
        elif name == "END":
            assert inside.pop() == value
        else:
            into = found[-1] if inside == ["VCALENDAR", "VEVENT"] else calendar
            assert name not in into
            into[name] = (value, parameters)
    assert inside == []
    assert calendar["VERSION"][0] == "2.0"
    assert "PRODID" in calendar
    return found


def test_the_calendar_has_the_start_of_each_step_and_the_check_ins() -> None:
    """Check-ins: days 7 and 14 after each cut, and 7, 14 and 28 after the last dose.

    Cuts on 4, 11, 18 and 25 January: 11, 18 and 25 January, 1 and 8 February (one contact a
    day), and 22 February.
    """
    whole = events(made("ics"))
    told = [(event["DTSTART"][0], event["SUMMARY"][0]) for event in whole]
    assert told == [
        ("20270104", "Clonazepam: 0.75 mg a day from today"),
        ("20270111", "Clonazepam: 0.5 mg a day from today"),
        ("20270118", "Clonazepam: 0.25 mg a day from today"),
        ("20270125", "Clonazepam: none from today on"),
        *(
            (day, "Clonazepam check-in with the clinic")
            for day in ("20270111", "20270118", "20270125", "20270201", "20270208", "20270222")
        ),
    ]
    assert whole[0]["DESCRIPTION"][0].startswith(
        "Step 1 of 4, until Sunday 10 January 2027. Night: three 0.25 mg melting tablets. "
    )
    assert whole[3]["DESCRIPTION"][0].startswith("Step 4 of 4. No more clonazepam. ")
    assert whole[5]["DESCRIPTION"][0].startswith("Day 7 of 0.5 mg a day and day 14 of 0.75 mg a ")


def test_each_event_is_a_private_day_that_blocks_nothing() -> None:
    for event in events(made("ics")):
        assert event["DTSTART"][1] == {"VALUE": "DATE"}
        assert event["DTSTAMP"] == ("20270104T000000Z", {})
        assert event["CLASS"][0] == "PRIVATE"
        assert event["TRANSP"][0] == "TRANSPARENT"
        assert event["STATUS"][0] == "TENTATIVE"
        assert event.keys() >= {"UID", "SUMMARY", "DESCRIPTION"}


def test_events_are_told_apart_within_a_plan_and_between_plans() -> None:
    one = {event["UID"][0] for event in events(made("ics"))}
    other = {event["UID"][0] for event in events(made("ics", from_mg="2"))}
    assert len(one) == 10
    assert not one & other


def test_a_dose_that_is_kept_has_its_tablets_in_the_calendar() -> None:
    (last,) = (
        event
        for event in events(made("ics", from_mg="2", to_mg="1"))
        if event["SUMMARY"][0] == "Clonazepam: 1 mg a day from today on"
    )
    assert "Night: one 1 mg tablet. " in last["DESCRIPTION"][0]


# --- the hand-out ----------------------------------------------------------------------------


def test_the_hand_out_names_nobody_and_leaves_lines_to_write_on() -> None:
    raw = made("pdf")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in raw
    words = pdf_words.words_of(raw)
    assert "Monday 4 January 2027 to Sunday 10 January 2027" in words
    assert re.search(r"For: ?Born: ?From: ?Prescriber: ?Draft", words)
    assert "ynthetic" not in words


def test_a_terminal_gets_no_pdf() -> None:
    stdout, stderr = Terminal(), io.StringIO()
    options: dict[str, Any] = {"from_mg": "1", "start": "2027-01-04", "output_format": "pdf"}
    assert run(**options, stdout=stdout, stderr=stderr) == 2
    assert stdout.getvalue() == ""
    assert stderr.getvalue() == (
        "A terminal cannot show the hand-out, a PDF: send it to a file, as in > plan.pdf.\n"
    )


# --- FHIR (that it validates stands in tests/conformance) -------------------------------------


def test_the_orders_are_those_of_the_first_four_weeks_and_the_plan_is_whole() -> None:
    """28 days from 4 January: the three steps of 7 days, one product each."""
    bundle = json.loads(made("fhir", patient="Patient/p1", on=date(2026, 12, 30)))
    plan, *orders = [entry["resource"] for entry in bundle["entry"]]
    assert plan["resourceType"] == "CarePlan"
    assert len(orders) == 3
    for resource in (plan, *orders):
        assert resource["status"] == "draft"
        assert resource["subject"] == {"reference": "Patient/p1"}
    assert {order["authoredOn"] for order in orders} == {plan["created"]} == {"2026-12-30"}


def test_without_a_patient_the_subject_is_a_placeholder_and_the_day_is_today() -> None:
    now = datetime(2026, 12, 24, 12, tzinfo=UTC)
    bundle = json.loads(made("fhir", now=lambda: now))
    for entry in bundle["entry"]:
        assert entry["resource"]["subject"] == {"reference": "Patient/synthetic"}
        day = entry["resource"].get("created", entry["resource"].get("authoredOn"))
        assert day == "2026-12-24"


def test_a_patient_is_named_by_reference_or_by_id() -> None:
    on = date(2026, 12, 30)
    assert made("fhir", patient="Patient/a-1.b", on=on) == made("fhir", patient="a-1.b", on=on)
