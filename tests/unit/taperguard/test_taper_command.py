"""`taperguard taper`: the contract's JSON, a calm table, and one sentence for bad input.

The formats for others (CSV, calendar, hand-out, FHIR) are in test_taper_formats.py.
"""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from taperguard.commands.taper import run


def taper(**options: Any) -> tuple[int, str, str]:
    """The command's status, standard output and standard error."""
    stdout, stderr = io.StringIO(), io.StringIO()
    options = {"from_mg": "1", "start": "2027-01-04", **options}
    return run(**options, stdout=stdout, stderr=stderr), stdout.getvalue(), stderr.getvalue()


def as_json(**options: Any) -> Any:
    status, out, err = taper(output_format="json", **options)
    assert (status, err) == (0, "")
    return json.loads(out, parse_float=Decimal)


def test_the_json_is_the_contract_s_own_example() -> None:
    schedule = as_json(pace_id="nardi-2010")
    first, *others = schedule.pop("steps")
    warnings = schedule.pop("warnings")
    assert schedule == {
        "pace": "nardi-2010",
        "from_mg": 1,
        "to_mg": 0,
        "start": "2027-01-04",
        "ends_on": "2027-01-25",
        "days": 21,
    }
    assert first == {
        "from": "2027-01-04",
        "to": "2027-01-10",
        "mg_per_day": Decimal("0.75"),
        "cut_percent": 25,
        "cut_percent_14_days": 25,
        "intakes": [
            {
                "time": "night",
                "products": [
                    {
                        "rxcui": "349195",
                        "name": "clonazepam 0.25 MG Disintegrating Oral Tablet",
                        "count": 3,
                    }
                ],
            }
        ],
        "dispense": [{"rxcui": "349195", "quantity": 21}],
        "warnings": [],
    }
    assert [(step["from"], step["to"]) for step in others] == [
        ("2027-01-11", "2027-01-17"),
        ("2027-01-18", "2027-01-24"),
    ]
    assert "51 of 73" in warnings[0]  # the pace's limits stand beside it
    assert "from 0.25 mg to 0 mg/day on 2027-01-25 is 100 %" in warnings[1]


def test_whole_numbers_are_written_without_a_point_and_others_exactly() -> None:
    out = taper(from_mg="2.70", pace_id="nardi-2010", output_format="json")[1]
    assert '"from_mg": 2.7,' in out
    assert '"mg_per_day": 1,' in out
    assert '"cut_percent": 16.7,' in out
    assert '"count": 1\n' in out
    assert out.endswith("}\n")


def test_the_pace_is_the_guideline_s_unless_another_is_named() -> None:
    assert as_json()["pace"] == "asam-2025"


def test_products_and_intakes_are_chosen() -> None:
    schedule = as_json(from_mg="2", products=" 197527, 197527 ", times_per_day="2", to_mg="1")
    assert schedule["steps"][0]["intakes"] == [
        {
            "time": time,
            "products": [{"rxcui": "197527", "name": "clonazepam 0.5 MG Oral Tablet", "count": n}],
        }
        for time, n in (("morning", 1), ("night", 2))
    ]


def test_which_intake_is_cut_first_is_an_option() -> None:
    """1.5 mg as 0.5 and 1 mg, cut to 1 mg: the morning's is cut unless the night is named."""

    def first_step(**more: str) -> list[tuple[str, int]]:
        made = as_json(from_mg="1.5", products="197527", times_per_day="2", **more)
        return [(it["time"], it["products"][0]["count"]) for it in made["steps"][0]["intakes"]]

    assert first_step() == [("night", 2)]
    assert first_step(cut_first="night") == [("morning", 1), ("night", 1)]


TABLE = """\
From 1 mg/day to 0 mg/day at the pace nardi-2010: 21 days, 3 steps.

From             Days  mg/day     Cut  In 14 days  Tablets a day               Dispense
Mon 4 Jan 2027      7    0.75    25 %        25 %  night    3 x 0.25 mg ODT    21 x 0.25 mg ODT
Mon 11 Jan 2027     7     0.5  33.3 %      50 % !  night    1 x 0.5 mg tablet  7 x 0.5 mg tablet
Mon 18 Jan 2027     7    0.25    50 %    66.7 % !  night    1 x 0.25 mg ODT    7 x 0.25 mg ODT
Mon 25 Jan 2027             0   100 %     100 % !  none

ODT: orally disintegrating tablet.

Please note
"""


def test_the_table_has_weekdays_tablets_and_marked_cuts() -> None:
    status, out, err = taper(pace_id="nardi-2010")
    assert (status, err) == (0, "")
    assert out.startswith(TABLE)
    assert "Cuts marked with !\n  - The cut from 0.75 mg to 0.5 mg/day on 2027-01-11" in out


@pytest.mark.parametrize("columns", ["20", "400"])
def test_without_a_terminal_the_table_is_the_same_everywhere(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = taper(from_mg="4", times_per_day=4)[1]
    for name, value in (("COLUMNS", columns), ("FORCE_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    out = taper(from_mg="4", times_per_day=4)[1]
    assert out == expected
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 100
    assert not any(line.endswith(" ") for line in out.splitlines())


def test_a_maintained_dose_is_the_table_s_last_line() -> None:
    rows = taper(from_mg="2", to_mg="1.5")[1].splitlines()
    last = next(row for row in rows if row.startswith("Mon 15 Feb 2027"))
    assert last.split() == "Mon 15 Feb 2027 1.5 7.7 % 7.7 % night 3 x 0.5 mg tablet".split()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"start": "2027-02-30"}, "--start 2027-02-30 is no day of the calendar."),
        ({"start": "soon"}, '--start "soon" is not a date; write it like 2027-01-04.'),
        ({"start": "20270104"}, '--start "20270104" is not a date; write it like 2027-01-04.'),
        ({"start": ""}, '--start "" is not a date; write it like 2027-01-04.'),
        ({"from_mg": "-1"}, "--from-mg -1 is negative; give mg/day as 0 or more."),
        (
            {"from_mg": "1,5"},
            '--from-mg "1,5" is not a dose; give mg/day as a number like 0.75.',
        ),
        ({"from_mg": "nan"}, '--from-mg "nan" is not a dose; give mg/day as a number like 0.75.'),
        ({"from_mg": "1e3"}, '--from-mg "1e3" is not a dose; give mg/day as a number like 0.75.'),
        ({"from_mg": "1_0"}, '--from-mg "1_0" is not a dose; give mg/day as a number like 0.75.'),
        ({"from_mg": "\u0661"}, None),
        ({"from_mg": "9" * 5000}, None),
        ({"to_mg": ""}, '--to-mg "" is not a dose; give mg/day as a number like 0.75.'),
        ({"from_mg": "0"}, "The present dose is 0 mg/day: there is nothing to taper."),
        ({"to_mg": "2"}, None),
        (
            {"to_mg": "0.3"},
            "These tablets do not make the goal of 0.3 mg/day; the nearest doses they make are "
            "0.25 mg and 0.375 mg.",
        ),
        (
            {"pace_id": "fast"},
            'There is no pace "fast"; the paces are asam-2025, asam-2025-slow, nardi-2010, '
            "nardi-2010-extended, bzra-25.",
        ),
        ({"pace_id": ""}, None),
        ({"products": "197527,12"}, None),
        ({"products": " , "}, "A taper needs at least one tablet to be made of."),
        ({"times_per_day": "two"}, '--times-per-day "two" is not a number from 1 to 4.'),
        ({"cut_first": "noon"}, '--cut-first "noon" is none of morning, midday, evening, night.'),
        ({"times_per_day": 5}, "5 intakes a day cannot be planned; 1 to 4 can."),
        (
            {"output_format": "xml"},
            'There is no format "xml"; table, json, csv, ics, pdf and fhir are available.',
        ),
        (
            {"patient": "Patient/1"},
            "--patient belongs to the format fhir; the others name nobody.",
        ),
        (
            {"output_format": "pdf", "on": date(2026, 11, 26)},
            "--on belongs to the format fhir; the others name nobody.",
        ),
        (
            {"output_format": "fhir", "patient": "Patient/a b"},
            "--patient is no patient of a FHIR server; write it like Patient/123 or 123.",
        ),
        ({"output_format": "fhir", "patient": "Practitioner/1"}, None),
        ({"output_format": "fhir", "patient": ""}, None),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_2(
    options: dict[str, Any], sentence: str | None
) -> None:
    status, out, err = taper(**options)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.endswith(".\n")
    assert sentence is None or err == f"{sentence}\n"
