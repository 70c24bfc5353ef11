"""A file of Bulk Data is read strictly: what cannot be used is put aside with its reason."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bulk_folder import order, patient, write

from workers.report import duck
from workers.report.files import RunFolder
from workers.report.shards import LONGEST_LINE, NothingToRead, Shard, read_shard, shards_of

GOOD = patient("ada")
Read = Callable[[Path], dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run's folder with signs in its path that patterns are made of."""
    folder = RunFolder(tmp_path / "run [1] of *" / "it's")
    folder.make()
    return folder


@pytest.fixture
def read(run: RunFolder, tmp_path: Path) -> Iterator[Read]:
    """Read one file; its ledger."""
    with duck.connect(run.path, reads=[tmp_path]) as connection:
        yield lambda file: read_shard(Shard(0, file), run, connection)


def rows(run: RunFolder) -> list[dict[str, Any]]:
    """What was read, as columns."""
    with duckdb.connect() as connection:
        table = connection.execute(
            "SELECT * FROM read_parquet(?)", [duck.pattern(run.shards / "00000.parquet")]
        )
        names = [column[0] for column in table.description]
        return [dict(zip(names, row, strict=True)) for row in table.fetchall()]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"null", "it is null"),
        (b"[1]", "no JSON object"),
        (b'"Patient"', "no JSON object"),
        (b'{"resourceType":"Patient","id":"x","weight":NaN}', "not valid JSON"),
        (b'{"resourceType":"Patient","id":"x","weight":-Infinity}', "not valid JSON"),
        (b'{"resourceType":"Patient","id":"x","weights":[1, inf]}', "not valid JSON"),
        (b'{"resourceType":"Patient","id":"x",}', "not valid JSON"),
        (b'{"resourceType":"Patient","id":"x","weight":1e400}', "beyond what can be exchanged"),
        (b'{"resourceType":"Patient","id":"x","n":' + b"9" * 400 + b"}", "beyond what can be"),
        (b'{"resourceType":"Patient","id":"x","id":"y"}', "a key stands twice"),
        (b'{"resourceType":"Patient","id":"x"', "not valid JSON"),
        (b'{"resourceType":"Patient","id":"x"} {"resourceType":"Patient","id":"y"}', "not valid"),
        (b'{"resourceType":"Patient","id":"\xff"}', "not valid JSON"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b'{"resourceType":"Patient","ID":"x"}', "it has no id"),
        (b'{"resourceType":"Patient","id":7}', "it has no id"),
        (b'{"resourceType":"Patient","id":{"value":"x"}}', "it has no id"),
        (b'{"resourceType":"Patient","id":" "}', "it has no id"),
        (b'{"resourcetype":"Patient","id":"x"}', "no resourceType"),
        (b'{"resourceType":["Patient"],"id":"x"}', "no resourceType"),
        (b'{"resourceType":"MedicationRequest","id":"x"}', "MedicationRequest names no patient"),
        (
            b'{"resourceType":"Condition","id":"x","subject":{"reference":"Group/1"}}',
            "Condition names no patient",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_put_aside_and_the_rest_is_read(
    line: bytes, why: str, read: Read, run: RunFolder, tmp_path: Path
) -> None:
    """Line 2 of three. DuckDB alone would have read most of these as if nothing were."""
    file = write(tmp_path / "in", "some file", [GOOD, line, patient("bob")])
    ledger = read(file)
    (aside,) = ledger["quarantine"]
    assert (ledger["lines"], ledger["read"], ledger["quarantined"]) == (3, 2, 1)
    assert (aside["file"], aside["line"]) == ("some file", 2)
    assert aside["sha256"] == hashlib.sha256(line).hexdigest()
    assert why in aside["why"]
    assert [row["id"] for row in rows(run)] == ["ada", "bob"]


def test_a_text_that_only_looks_like_a_trap_is_no_trap(
    read: Read, run: RunFolder, tmp_path: Path
) -> None:
    """What stands within a text is no number: the file is looked at twice and read whole."""
    odd = patient("ada", text={"div": "one, NaN, ,] ,} [infection"})
    assert read(write(tmp_path / "in", "f", [odd, GOOD]))["quarantined"] == 0


def test_the_text_of_a_resource_stays_as_it_was_sent(
    read: Read, run: RunFolder, tmp_path: Path
) -> None:
    """Trailing zeros are for whoever reads the dose; the columns hold no number of it."""
    raw = b'{"resourceType":"Patient","id":"ada","x":0.50,"z":10e-1}'
    read(write(tmp_path / "in", "f", [b"  " + raw + b" \r"]))
    (row,) = rows(run)
    assert row["raw"].strip() == raw.decode()


@pytest.mark.parametrize(
    "reference",
    ["Patient/ada", "https://ehr.example/r4/Patient/ada/_history/3", "Patient/ada?x=1#y"],
)
def test_a_record_belongs_to_the_patient_it_names(
    reference: str, read: Read, run: RunFolder, tmp_path: Path
) -> None:
    read(write(tmp_path / "in", "f", [order("o", "x", subject={"reference": reference})]))
    assert [row["patient"] for row in rows(run)] == ["ada"]


def test_names_of_files_promise_nothing(read: Read, run: RunFolder, tmp_path: Path) -> None:
    """A compressed file without .gz, a name made of a pattern's signs, a byte order mark."""
    bom = b"\xef\xbb\xbf" + json.dumps(GOOD).encode()
    file = write(tmp_path / "in [a] *?", "x'[b]*?.json", [bom, order("o", "ada")], compressed=True)
    assert read(file)["types"] == {"MedicationRequest": 1, "Patient": 1}


def test_blank_lines_are_no_lines(read: Read, tmp_path: Path) -> None:
    assert read(write(tmp_path / "in", "f", [b"", GOOD, b"  ", b"\r", b""]))["lines"] == 1


def test_a_blank_line_keeps_the_numbers_of_lines_right(read: Read, tmp_path: Path) -> None:
    ledger = read(write(tmp_path / "in", "f", [b"", GOOD, b"", b"null"]))
    assert [line["line"] for line in ledger["quarantine"]] == [4]


def test_a_compressed_file_that_breaks_off_is_read_as_far_as_it_goes(
    read: Read, tmp_path: Path
) -> None:
    file = write(tmp_path / "in", "f.gz", [patient(f"p{n}") for n in range(2000)], compressed=True)
    file.write_bytes(file.read_bytes()[:-2000])
    ledger = read(file)
    assert ledger["read"] > 100
    assert "broken" in ledger["quarantine"][-1]["why"]


def test_a_line_longer_than_any_resource_is_put_aside(read: Read, tmp_path: Path) -> None:
    long = patient("big", photo=[{"data": "x" * LONGEST_LINE}])
    ledger = read(write(tmp_path / "in", "f", [GOOD, long, patient("bob")]))
    assert (ledger["read"], [line["line"] for line in ledger["quarantine"]]) == (2, [2])
    assert "too long" in ledger["quarantine"][0]["why"]


def test_of_many_broken_lines_all_are_counted_and_the_first_are_listed(
    read: Read, tmp_path: Path
) -> None:
    ledger = read(write(tmp_path / "in", "f", [b"null"] * 250))
    assert (ledger["quarantined"], len(ledger["quarantine"])) == (250, 100)


def test_types_that_no_measure_looks_at_are_counted_and_not_kept(
    read: Read, run: RunFolder, tmp_path: Path
) -> None:
    encounter = {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/ada"}}
    assert read(write(tmp_path / "in", "f", [encounter]))["types"] == {"Encounter": 1}
    assert [row["raw"] for row in rows(run)] == [None]


def test_a_file_that_was_read_is_not_read_again(read: Read, tmp_path: Path) -> None:
    file = write(tmp_path / "in", "f", [GOOD])
    first = read(file)
    file.write_bytes(gzip.compress(b"something else"))
    assert read(file) == first


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "empty" / ".hidden").touch()
    with pytest.raises(NothingToRead, match="holds no file"):
        shards_of(tmp_path / "empty")
    with pytest.raises(NothingToRead, match="cannot be read"):
        shards_of(tmp_path / "absent")


def test_duckdb_reaches_no_other_folder_and_no_network(run: RunFolder) -> None:
    with duck.connect(run.path) as connection:
        for address in ("/etc/passwd", "https://ehr.example/file.csv"):
            with pytest.raises(duckdb.PermissionException):
                connection.execute("SELECT * FROM read_csv(?)", [address])
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            connection.execute("SET enable_external_access = true")
