"""Files are gathered into buckets: the newest version of each record, of patients who matter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bulk_folder import LISINOPRIL, condition, order, patient, write

from ehr import seal
from workers.report import duck
from workers.report.columns import Preparing, prepare
from workers.report.files import RunFolder
from workers.report.shards import NothingToRead

Prepare = Callable[..., dict[str, Any]]


def keyed(patient_id: str) -> str:
    return hashlib.sha256(b"key" + patient_id.encode()).hexdigest()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "a run [1]")


@pytest.fixture
def prepared(run: RunFolder, tmp_path: Path) -> Prepare:
    """Prepare the files of `in`; the ledger."""

    def from_files(files: dict[str, list[Any]], in_a_bucket: int = 500) -> dict[str, Any]:
        for name, resources in files.items():
            write(tmp_path / "in", name, resources)
        return prepare(Preparing(tmp_path / "in", run, keyed, in_a_bucket))

    return from_files


def held(run: RunFolder) -> list[tuple[int, str | None, str]]:
    """(bucket, patient, "Type/id") of everything in the buckets."""
    found = []
    for file in sorted(run.buckets.iterdir()):
        with duckdb.connect() as connection:
            rows = connection.execute(
                "SELECT patient, type || '/' || id FROM read_parquet(?)", [duck.pattern(file)]
            ).fetchall()
        found += [(int(file.stem), *row) for row in rows]
    return found


def raw_of(run: RunFolder, key: str) -> dict[str, Any]:
    with duckdb.connect() as connection:
        ((raw,),) = connection.execute(
            "SELECT raw FROM read_parquet(?) WHERE type || '/' || id = ?",
            [duck.pattern(run.bucket(0)), key],
        ).fetchall()
    return dict(json.loads(raw))


def medication(key: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": key, "code": {"text": name}, **more}


def by_reference(key: str, of: str, reference: str, **more: Any) -> dict[str, Any]:
    record = order(key, of, **more)
    del record["medicationCodeableConcept"]
    return {**record, "medicationReference": {"reference": reference}}


def test_only_patients_with_a_benzodiazepine_are_kept(prepared: Prepare, run: RunFolder) -> None:
    """Ada takes clonazepam and lisinopril, Bob lisinopril. All of Ada's records, none of Bob's."""
    ledger = prepared(
        {
            "Patient.ndjson": [patient("ada"), patient("bob")],
            "orders": [
                order("c", "ada"),
                order("l", "ada", LISINOPRIL),
                order("m", "bob", LISINOPRIL),
            ],
            "conditions": [condition("f", "ada", "F41.1"), condition("g", "bob", "F41.1")],
        }
    )
    assert [key for _, _, key in held(run)] == [
        "Condition/f",
        "MedicationRequest/c",
        "MedicationRequest/l",
        "Patient/ada",
    ]
    assert ledger["population"] == {
        "patients": 2,
        "with_benzodiazepine": 1,
        "with_clonazepam": 1,
    }


DIAZEPAM_OFF_THE_TABLES = {"text": "diazePAM 5 mg tab (own stock)"}


@pytest.mark.parametrize(
    "record",
    [
        order("x", "ada", medicationCodeableConcept=DIAZEPAM_OFF_THE_TABLES),
        order("x", "ada", medicationCodeableConcept={"coding": [{"display": "KlonoPIN 1 MG"}]}),
        order("x", "ada", ("999999999", "lorazepam 0.5 MG Oral Tablet")),
        order("x", "ada", status="stopped"),
        {
            **by_reference("x", "ada", "#in"),
            "contained": [medication("in", "clonazepam 1 mg tablet")],
        },
        by_reference("x", "ada", "https://ehr.example/r4/Medication/m1/_history/2"),
        by_reference("x", "ada", "Medication/kit"),
        {
            **order("x", "ada", medicationCodeableConcept=None),
            "medicationReference": {"display": "Xanax 0.25 mg"},
        },
        {
            **order("x", "ada", medicationCodeableConcept=None),
            "medication": {"concept": {"text": "temazepam 15 mg"}},
        },
        {
            "resourceType": "MedicationDispense",
            "id": "x",
            "status": "completed",
            "subject": {"reference": "Patient/ada"},
            "medicationCodeableConcept": {"text": "oxazepam"},
        },
        {
            "resourceType": "MedicationStatement",
            "id": "x",
            "status": "active",
            "subject": {"reference": "Patient/ada"},
            "medicationCodeableConcept": {"text": "clobazam"},
        },
        # The code says an opioid, the words a benzodiazepine: both count (DECISIONS).
        order("x", "ada", ("1049621", "clonazepam 1 MG Oral Tablet")),
    ],
)
def test_however_a_benzodiazepine_is_written_its_patient_is_found(
    record: dict[str, Any], prepared: Prepare, run: RunFolder
) -> None:
    ledger = prepared(
        {
            "all": [
                patient("ada"),
                patient("bob"),
                order("l", "bob", LISINOPRIL),
                medication("m1", "Ativan 1 mg"),
                medication(
                    "kit",
                    "sleep kit",
                    ingredient=[{"itemReference": {"reference": "Medication/m2"}}],
                ),
                medication("m2", "triazolam 0.25 mg"),
                record,
            ]
        }
    )
    assert ledger["population"]["with_benzodiazepine"] == 1
    assert {who for _, who, _ in held(run) if who} == {"ada"}


def test_names_that_only_sound_alike_are_not_taken_for_one(prepared: Prepare) -> None:
    """clonidine, clozapine and dorzolamide are no benzodiazepines (CLINICAL 1)."""
    names = ["clonidine 0.1 mg", "clozapine 25 mg", "dorzolamide eye drops"]
    ledger = prepared(
        {
            "all": [
                order(f"o{n}", "ada", medicationCodeableConcept={"text": name})
                for n, name in enumerate(names)
            ]
        }
    )
    assert ledger["buckets"] == 0


def test_each_bucket_holds_the_medications_that_its_records_name(
    prepared: Prepare, run: RunFolder
) -> None:
    """Eight patients in buckets of two share one Medication, which names another in its turn."""
    prepared(
        {
            "medications": [
                medication(
                    "kit", "kit", ingredient=[{"itemReference": {"reference": "Medication/in"}}]
                ),
                medication("in", "clonazepam 1 mg"),
                medication("other", "lisinopril"),
            ],
            "orders": [by_reference(f"o{n}", f"p{n}", "Medication/kit") for n in range(8)],
        },
        in_a_bucket=2,
    )
    buckets = {number for number, who, _ in held(run) if who}
    assert len(buckets) > 1
    assert [(number, key) for number, who, key in held(run) if who is None] == [
        (number, f"Medication/{key}") for number in sorted(buckets) for key in ("in", "kit")
    ]


def test_all_records_of_a_patient_are_in_the_bucket_of_the_keyed_hash(
    prepared: Prepare, run: RunFolder
) -> None:
    """The bucket is the hash's first 32 bits modulo the number of buckets."""
    people = [f"p{n}" for n in range(10)]
    ledger = prepared(
        {
            "patients": [patient(key) for key in people],
            "orders": [order(f"o{key}", key) for key in people],
        },
        in_a_bucket=3,
    )
    assert ledger["buckets"] == 4  # 10 patients, 3 in each
    assert {(number, who) for number, who, _ in held(run)} == {
        (int(keyed(key)[:8], 16) % 4, key) for key in people
    }


def test_the_newest_version_of_a_record_counts_and_repeats_change_nothing(
    prepared: Prepare, run: RunFolder
) -> None:
    """Two versions, the newer first, and both again in a second file: 3 lines too many."""
    old = order("c", "ada", status="active", meta={"lastUpdated": "2026-10-01T23:30:00-05:00"})
    new = order("c", "ada", status="stopped", meta={"lastUpdated": "2026-10-02T05:00:00Z"})
    ledger = prepared({"a": [new, old, patient("ada")], "b": [old, new]})
    assert raw_of(run, "MedicationRequest/c")["status"] == "stopped"
    assert ledger["repeats"] == 3


def test_of_versions_without_a_time_one_is_taken_whatever_the_order_of_files(
    tmp_path: Path,
) -> None:
    found = set()
    for turn, order_of in enumerate([(0, 1), (1, 0)]):
        versions = [order("c", "ada", status="active"), order("c", "ada", status="stopped")]
        folder, run = tmp_path / f"in{turn}", RunFolder(tmp_path / f"run{turn}")
        for name, which in zip("ab", order_of, strict=True):
            write(folder, name, [versions[which]])
        prepare(Preparing(folder, run, keyed))
        found.add(raw_of(run, "MedicationRequest/c")["status"])
    assert len(found) == 1


def test_what_cannot_be_looked_at_is_counted_with_its_reason(prepared: Prepare) -> None:
    """One order names no medicine; Bob's and Cyd's records name patients who are in no file."""
    ledger = prepared(
        {
            "all": [
                patient("ada"),
                order("n", "ada", medicationCodeableConcept={"coding": []}),
                order("b", "bob"),
                order("c", "cyd"),
                condition("d", "cyd", "F41.1"),
            ]
        }
    )
    assert ledger["reasons"] == [
        {
            "why": "nothing in the record says which medicine it is",
            "records": 1,
            "patients": 1,
        },
        {
            "why": "no file holds the Patient whom the record names",
            "records": 3,
            "patients": 2,
        },
    ]


def test_a_list_that_no_file_holds_is_a_gap_and_not_an_empty_list(prepared: Prepare) -> None:
    ledger = prepared({"orders": [order("c", "ada")]})
    assert ledger["gaps"] == {
        "conditions": "the list of conditions was not supplied: no file holds any Condition"
    }
    assert "No file holds any Patient: ages are not known." in ledger["problems"]


def test_no_file_name_holds_a_patients_id(
    prepared: Prepare, run: RunFolder, sealer: seal.Sealer
) -> None:
    prepared({"all": [patient("ada"), order("c", "ada")]})
    assert not [path for path in run.path.rglob("*") if "ada" in path.name]


def test_what_was_prepared_is_not_prepared_again(
    prepared: Prepare, run: RunFolder, tmp_path: Path
) -> None:
    first = prepared({"all": [patient("ada"), order("c", "ada")]})
    for file in (tmp_path / "in").iterdir():
        file.unlink()
    assert prepared({}) == first
    assert not list(run.shards.glob("*.parquet"))


def test_files_without_any_resource_are_refused(prepared: Prepare) -> None:
    with pytest.raises(NothingToRead, match="no file of the folder holds a FHIR resource"):
        prepared({"README.md": [b"# Patients"]})
