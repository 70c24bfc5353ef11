"""Every number of the report of eleven people equals what a hand counts, and can be followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_clinic import write_clinic

from workers.report.finish import Finished

Make = Callable[..., Finished]


def test_the_population(done: Finished) -> None:
    """Hal is known by an order alone. Jon has no benzodiazepine, Ivy no clonazepam, Kim has died;
    Eve and Fay have stopped.
    """
    assert done.report["population"] == {
        "patients": 11,
        "with_benzodiazepine": 9,
        "with_clonazepam": 8,
        "on_clonazepam": 6,
    }


@pytest.mark.parametrize(
    ("measure", "met", "of", "not_evaluable"),
    [
        # Ada 178 days, Cyd 180 + 90, Dan 270 + 56, Fay 60 + 60; not Bob 25, Eve 60, Gus 6, Hal 30.
        ("long-term-use", ["ada", "cyd", "dan", "fay"], 8, []),
        # 2 mg: Ada, Cyd, Dan. Bob and Hal take 0.5; of Gus nobody knows.
        ("high-dose", ["ada", "cyd", "dan"], 5, ["gus"]),
        # 76, 86 and 71 years; nobody knows when Hal was born.
        ("older-adult", ["ada", "dan", "fay"], 7, ["hal"]),
        # Ada: 1 September to 30 October, 60 days; Ivy: 1 to 25 November, 25 days.
        ("opioid-overlap", ["ada"], 9, []),
        # Asked of Ada, Dan, Fay and Ivy. Ivy has three for 25 days only.
        ("poly-cns", [], 4, ["hal"]),
        # On a benzodiazepine today: the six on clonazepam, and Ivy.
        ("triple", ["ivy"], 7, []),
        # On 26 August: Ada 2 mg, Cyd 1 mg, Dan 4 mg; today 2 mg each.
        ("escalated", ["cyd"], 3, []),
        ("reduced-25", ["dan"], 3, []),
        # One cut alone (Dan) is no taper; Gus's doses are not known.
        ("on-taper", [], 5, ["gus"]),
        # Asked of those who are known to be on a taper: of nobody.
        ("taper-on-plan", [], 0, []),
        ("taper-stalled", [], 0, []),
        ("taper-reversed", [], 0, []),
        # Last covered on 29 and 28 June. Hal's fill ended 16 days ago.
        ("discontinued", ["eve", "fay"], 8, []),
        # Eve's last dose was her highest; Fay's 0.5 mg is a quarter of 2 mg.
        ("discontinued-abrupt", ["eve"], 2, []),
        ("discontinued-tapered", ["fay"], 2, []),
        ("no-check-in", [], 0, []),
        # Ivy alone has an opioid today: Ada's last fill ended on 30 October.
        ("naloxone-held", ["ivy"], 1, []),
        # Ada until 27 November, Bob until 30 November; Cyd, Dan and Gus for longer.
        ("supply-ending", ["ada", "bob"], 5, []),
        # There is no report of the night before.
        ("new-since-last-night", [], 0, ["ada", "bob", "cyd", "dan", "gus", "hal"]),
        ("left-since-last-night", [], 0, ["eve", "fay"]),
    ],
)
def test_each_measure_and_who_is_behind_it(
    done: Finished, measure: str, met: list[str], of: int, not_evaluable: list[str]
) -> None:
    (row,) = [row for row in done.report["measures"] if row["id"] == measure]
    behind = [r["patient"] for r in done.worklist if measure in r["measures"]]
    unknown = [r["patient"] for r in done.worklist if measure in r["not_evaluable"]]
    assert behind == [f"Patient/{key}" for key in met]
    assert unknown == [f"Patient/{key}" for key in not_evaluable]
    assert (row["numerator"], row["denominator"], row["not_evaluable"]) == (
        len(met),
        of,
        len(not_evaluable),
    )


def test_the_measures_that_were_counted_by_hand_are_all_there_are(done: Finished) -> None:
    assert len(done.report["measures"]) == 20


def test_the_dose_distribution(done: Finished) -> None:
    """Bob and Hal 0.5 mg; Ada, Cyd and Dan 2 mg; Gus not computable."""
    (doses,) = done.report["distributions"]
    counts = {bar["id"]: bar["count"] for bar in doses["bars"]}
    assert counts == {"under-0.5": 0, "0.5-1": 2, "1-2": 0, "2-4": 3, "4-and-more": 0}
    assert doses["not_computable"] == 1
    taken = {row["patient"]: row["mg_per_day"] for row in done.worklist if row["mg_per_day"]}
    assert taken == {
        "Patient/ada": "2",
        "Patient/bob": "0.5",
        "Patient/cyd": "2",
        "Patient/dan": "2",
        "Patient/hal": "0.5",
    }


def test_the_overlaps(done: Finished) -> None:
    """High dose and older: Ada, Dan. With an opioid: Ada alone, who is all the others too."""
    assert {row["id"]: row["count"] for row in done.report["overlaps"]} == {
        "high-dose+older-adult": 2,
        "high-dose+opioid-overlap": 1,
        "opioid-overlap+older-adult": 1,
        "high-dose+opioid-overlap+older-adult": 1,
        "long-term-use+opioid-overlap": 1,
        "escalated+opioid-overlap": 0,
    }


def test_what_could_not_be_computed_and_why(done: Finished) -> None:
    ledger = done.report["completeness"]
    assert {row["why"]: (row["records"], row["patients"]) for row in ledger["reasons"]} == {
        "the order has no dosage": (1, 1),
        "no file holds the Patient whom the record names": (1, 1),
    }
    assert [(f["file"], f["type"], f["lines"], f["read"]) for f in ledger["files"]] == [
        ("Condition.000.ndjson", "Condition", 1, 1),
        ("MedicationDispense.000.ndjson", "MedicationDispense", 2, 2),
        ("MedicationRequest.000.ndjson.gz", "MedicationRequest", 17, 17),
        ("Patient.000.ndjson", "Patient", 10, 10),
    ]
    assert (ledger["quarantine"], ledger["problems"], ledger["repeats"]) == ([], [], 0)


def test_a_number_is_followed_to_its_records(done: Finished) -> None:
    (ada,) = [row for row in done.worklist if row["patient"] == "Patient/ada"]
    assert (ada["name"], ada["birth_date"]) == ("Ann Synthetic-Ada", "1950-03-01")
    assert ada["sources"]["opioid-overlap"] == [
        "MedicationDispense/x1",
        "MedicationDispense/x2",
        "MedicationRequest/a1",
    ]
    assert ada["why"]["opioid-overlap"].startswith("60 days together")


def test_the_first_night_has_nothing_to_compare_with(done: Finished) -> None:
    assert done.report["history"] == []
    assert {row["change"] for row in done.report["measures"]} == {None}


def test_the_report_does_not_depend_on_buckets_or_on_the_key_of_the_hash(
    done: Finished, make: Make, tmp_path: Path
) -> None:
    """One bucket of eleven, and buckets of one by another key."""
    source = write_clinic(tmp_path / "in")
    assert make(source, tmp_path / "whole", 500) == done
    assert make(source, tmp_path / "single", 1, b"x" * 32) == done


def test_records_that_come_twice_change_nothing_but_their_tally(
    done: Finished, make: Make, tmp_path: Path
) -> None:
    source = write_clinic(tmp_path / "in")
    for file in list(source.iterdir()):
        (source / f"again-{file.name}").write_bytes(file.read_bytes())
    again = make(source, tmp_path / "run", 3)
    assert again.worklist == done.worklist
    assert again.report["measures"] == done.report["measures"]
    assert again.report["completeness"]["repeats"] == 30  # 10 + 17 + 2 + 1
