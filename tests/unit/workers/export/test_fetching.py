"""One file at a time: whole or not there, and fetched once in effect whenever a worker dies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bulk_ehr import Answer, BulkEhr, outcome
from export_bench import EXPORT, Bench, whole

from store import export_files
from store.database import writing
from store.exports import ExportState
from workers.export import fetching
from workers.export.fetching import fetch_file, files_to_fetch, progress
from workers.export.shelf import Shelf


class Killed(BaseException):
    """What kill -9 is to a step: nothing after it runs, nothing catches it."""


def fetch_all(bench: Bench) -> None:
    for position in range(len(bench.files())):
        fetch_file(EXPORT, position, bench, bench.now())


def test_a_file_that_is_done_is_not_fetched_again(bench: Bench, ehr: BulkEhr) -> None:
    bench.until_downloading()
    assert fetch_file(EXPORT, 0, bench, bench.now())
    assert not fetch_file(EXPORT, 0, bench, bench.now())
    assert ehr.count("GET", "/files/0") == 1
    assert progress(EXPORT, bench) == (1, 3)


def test_a_worker_that_dies_before_the_rename_leaves_no_file_and_the_next_fetches_it(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.until_downloading()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "put", die)
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # the dead tidy up nothing
        with pytest.raises(Killed):
            fetch_file(EXPORT, 0, bench, bench.now())
    (left,) = bench.folder()
    assert left.startswith(".Patient.0.ndjson.")
    assert not fetch_file(EXPORT, 0, bench, bench.now())  # its lease still runs
    bench.later(seconds=61)
    fetch_all(bench)
    assert bench.export().state is ExportState.COMPLETE
    assert bench.folder() == whole(ehr)
    assert ehr.count("GET", "/files/0") == 2


def test_a_worker_that_dies_after_the_rename_has_done_its_work(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there with its recorded hash: the next worker finds it and fetches nothing."""
    bench.until_downloading()

    def die(*_: object, **__: object) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(export_files, "mark_done", die)
        with pytest.raises(Killed):
            fetch_file(EXPORT, 0, bench, bench.now())
    assert list(bench.folder()) == ["Patient.0.ndjson"]
    bench.later(seconds=61)
    fetch_all(bench)
    assert ehr.count("GET", "/files/0") == 1
    assert bench.export().state is ExportState.COMPLETE
    assert bench.folder() == whole(ehr)


def test_a_file_that_lies_there_with_another_hash_is_fetched(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.until_downloading()

    def die(*_: object, **__: object) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(export_files, "mark_done", die)
        with pytest.raises(Killed):
            fetch_file(EXPORT, 0, bench, bench.now())
    (bench.exports_folder / EXPORT / "Patient.0.ndjson").write_bytes(b"half of i")
    bench.later(seconds=61)
    fetch_all(bench)
    assert ehr.count("GET", "/files/0") == 2
    assert bench.folder() == whole(ehr)


def test_a_worker_that_dies_between_the_last_file_and_the_export_s_end_is_found_by_the_tick(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.until_downloading()

    def die(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(fetching, "complete_when_all_is_here", die)
        for position in range(3):
            with pytest.raises(Killed):
                fetch_file(EXPORT, position, bench, bench.now())
    assert bench.export().state is ExportState.DOWNLOADING
    bench.later(seconds=10)
    assert bench.advance() is ExportState.COMPLETE
    assert ehr.count("GET", "/files/") == 3


def test_a_worker_that_lost_its_lease_puts_nothing_in_place(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it was stopped another fetched the file; what the late one brings is thrown away."""
    bench.until_downloading()
    real = Shelf.part

    def stopped(self: Shelf, export_id: str, name: str, lease: str) -> Path:
        monkeypatch.setattr(Shelf, "part", real)
        bench.later(seconds=61)
        assert fetch_file(EXPORT, 0, bench, bench.now())
        return real(self, export_id, name, lease)

    monkeypatch.setattr(Shelf, "part", stopped)
    assert not fetch_file(EXPORT, 0, bench, bench.now())
    assert list(bench.folder()) == ["Patient.0.ndjson"]
    assert ehr.count("GET", "/files/0") == 2


@pytest.mark.parametrize("status", [404, 410])
def test_addresses_that_expired_are_taken_anew_from_the_manifest(
    bench: Bench, ehr: BulkEhr, status: int
) -> None:
    """What was fetched before is not fetched again."""
    bench.until_downloading()
    fetch_file(EXPORT, 0, bench, bench.now())
    ehr.fault("GET", "/files/1", Answer(status, outcome("not-found")))
    fetch_file(EXPORT, 1, bench, bench.now())
    assert bench.export().state is ExportState.WAITING
    assert bench.run().state is ExportState.COMPLETE
    assert bench.export().manifests == 2
    assert ehr.count("GET", "/files/0") == 1
    assert bench.folder() == whole(ehr)


def test_another_manifest_begins_the_downloads_anew(bench: Bench, ehr: BulkEhr) -> None:
    """The EHR made its files again: what came from the first manifest is not kept beside them."""
    bench.until_downloading()
    fetch_file(EXPORT, 0, bench, bench.now())
    ehr.files = [("MedicationRequest", ehr.files[1][1])]
    ehr.fault("GET", "/files/1", Answer(410))
    fetch_file(EXPORT, 1, bench, bench.now())
    assert bench.run().state is ExportState.COMPLETE
    assert bench.folder() == whole(ehr)
    assert list(bench.folder()) == ["MedicationRequest.0.ndjson"]


def test_addresses_that_never_hold_fail_the_export(bench: Bench, ehr: BulkEhr) -> None:
    ehr.faults += [("GET", "/files/1", Answer(410))] * 20
    bench.begin()
    export = bench.run()
    assert export.state is ExportState.FAILED
    assert export.why == "the addresses of the export's files do not hold"
    assert ehr.count("GET", "/files/1") == 5


def test_a_file_that_comes_short_three_times_fails_the_export(bench: Bench, ehr: BulkEhr) -> None:
    ehr.faults += [("GET", "/files/1", Answer(200, b'{"resourceType":"X"}\n'))] * 9
    bench.begin()
    export = bench.run()
    assert export.state is ExportState.FAILED
    assert export.why == ("MedicationRequest.0.ndjson holds 1 records and was announced with 4")
    assert ehr.count("GET", "/files/1") == 3
    assert "MedicationRequest.0.ndjson" not in bench.folder()


def test_a_file_that_comes_short_once_is_fetched_once_more(bench: Bench, ehr: BulkEhr) -> None:
    ehr.fault("GET", "/files/1", Answer(200, b""))
    bench.begin()
    assert bench.run().state is ExportState.COMPLETE
    assert bench.folder() == whole(ehr)


def test_a_refused_file_fails_the_export_in_words(bench: Bench, ehr: BulkEhr) -> None:
    ehr.fault("GET", "/files/1", Answer(403, outcome("security")))
    bench.begin()
    assert "it refuses for reasons of security" in (bench.run().why or "")


def test_a_full_disk_is_waited_for(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.until_downloading()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert not fetch_file(EXPORT, 0, bench, bench.now())
    assert bench.folder() == {}
    bench.later(seconds=4)
    assert not fetch_file(EXPORT, 0, bench, bench.now())
    bench.later(seconds=1)
    assert fetch_file(EXPORT, 0, bench, bench.now())


def test_tasks_are_posted_once_and_again_when_they_were_lost(
    bench: Bench, ehr: BulkEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most two at once; a lost message is posted again after ten leases, a held file is not."""
    monkeypatch.setattr(fetching, "AT_ONCE", 2)
    bench.until_downloading()
    assert files_to_fetch(EXPORT, bench, bench.now()) == [0, 1]
    assert files_to_fetch(EXPORT, bench, bench.now()) == []
    fetch_file(EXPORT, 0, bench, bench.now())
    assert files_to_fetch(EXPORT, bench, bench.now()) == [2]
    with writing(bench.engine) as connection:
        held = export_files.claim(
            connection, EXPORT, 2, now=bench.now(), until=bench.now() + bench.lease * 20
        )
    assert held is not None
    bench.later(seconds=601)
    assert files_to_fetch(EXPORT, bench, bench.now()) == [1]


@pytest.mark.parametrize("export_id", ["../x", "a/b", "", ".."])
def test_a_folder_s_name_is_no_path(tmp_path: Path, export_id: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        Shelf(tmp_path).folder(export_id)
