"""The steps of an export: what is kept when, and what each answer of the EHR leads to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import bulk_ehr
import pytest
from bulk_ehr import Answer, BulkEhr, outcome
from export_bench import EXPORT, Bench, whole
from sqlalchemy import text

from store import audit, exports
from store.database import reading, writing
from store.exports import ExportState
from workers.export import steps
from workers.export.fetching import fetch_file, files_to_fetch


def test_an_export_goes_its_way_and_its_folder_holds_every_record(
    bench: Bench, ehr: BulkEhr
) -> None:
    bench.begin()
    export = bench.run()
    assert export.state is ExportState.COMPLETE
    assert export.transaction_time == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert export.problems == ()
    assert export.next_look_at is None
    assert bench.folder() == whole(ehr)
    assert [(file.name, file.lines) for file in bench.files()] == [
        ("Patient.0.ndjson", 3),
        ("MedicationRequest.0.ndjson", 4),
        ("MedicationRequest.1.ndjson", 2),
    ]
    assert steps.folder_of(EXPORT, bench) == bench.exports_folder / EXPORT
    assert len(ehr.token_forms) == 1  # one sign-in for all of it


def test_a_kick_off_is_kept_before_the_first_look(bench: Bench, ehr: BulkEhr) -> None:
    """One exchange: the EHR began, its status address is kept, and nobody has looked there."""
    bench.begin()
    assert bench.advance() is ExportState.WAITING
    assert (
        bench.export().open_status_url(bench.sealer) == f"{ehr.origin}/jobs/{next(iter(ehr.jobs))}"
    )
    assert ehr.count("GET", "$export") == 1
    assert ehr.count("GET", "/jobs/") == 0
    assert steps.due(bench, bench.now()) == []
    assert bench.advance() is ExportState.WAITING
    assert ehr.count("GET", "/jobs/") == 0  # not due yet
    bench.later(seconds=10)
    assert steps.due(bench, bench.now()) == [EXPORT]


def test_a_kick_off_is_written_down_before_it_is_sent(bench: Bench, ehr: BulkEhr) -> None:
    """Of everybody, by the service itself; also when the EHR then refuses."""
    bench.begin()
    bench.advance()
    with reading(bench.engine) as connection:
        (line,) = audit.of_patient(connection, bench.export().ehr_id, audit.EVERYBODY)
    assert (line["action"], line["why"], line["launch_id"]) == ("read", "bulk-export", EXPORT)
    assert line["who"].startswith("system/")
    assert "MedicationRequest" in line["what"]


def test_the_ehr_says_when_to_look_again_and_is_believed_up_to_six_hours(
    bench: Bench, ehr: BulkEhr
) -> None:
    bench.begin()
    bench.advance()
    for said, seconds in [("90", 90), ("9999999", 6 * 3600)]:
        bench.later(hours=7)
        ehr.fault("GET", "/jobs/", Answer(202, headers={"Retry-After": said}))
        assert bench.advance() is ExportState.WAITING
        assert bench.export().next_look_at == bench.now() + timedelta(seconds=seconds)


def test_without_a_word_of_the_ehr_the_looks_become_rarer(bench: Bench, ehr: BulkEhr) -> None:
    """10 s, 20 s, 40 s ... ten minutes at most."""
    bench.begin()
    bench.advance()
    waits = []
    for _ in range(9):
        bench.later(minutes=11)
        ehr.fault("GET", "/jobs/", Answer(202))
        bench.advance()
        waits.append((bench.export().next_look_at or bench.now()) - bench.now())
    assert [wait.total_seconds() for wait in waits] == [10, 20, 40, 80, 160, 320, 600, 600, 600]


@pytest.mark.parametrize("path", ["smart-configuration", "/auth/token", "$export", "/jobs/"])
def test_an_ehr_with_a_passing_problem_is_asked_again(
    bench: Bench, ehr: BulkEhr, path: str
) -> None:
    ehr.fault("POST" if "token" in path else "GET", path, Answer(503))
    bench.begin()
    assert bench.run().state is ExportState.COMPLETE
    assert bench.folder() == whole(ehr)


def test_an_export_that_the_ehr_refuses_has_failed_in_words(bench: Bench, ehr: BulkEhr) -> None:
    ehr.fault("GET", "$export", Answer(403, outcome("forbidden")))
    bench.begin()
    export = bench.run()
    assert export.state is ExportState.FAILED
    assert export.why == ("the EHR does not begin the export (status 403): it does not allow this")
    assert bench.advance() is ExportState.FAILED
    assert ehr.count("GET", "$export") == 1


def test_without_a_backend_client_nothing_is_asked(bench: Bench, ehr: BulkEhr) -> None:
    object.__setattr__(next(iter(bench.registry)), "backend_client_id", None)
    bench.begin()
    assert bench.run().why == "north has registered no client for work without a user"
    assert ehr.asked == []


def test_an_ehr_that_is_registered_no_more_is_not_asked(bench: Bench, ehr: BulkEhr) -> None:
    bench.begin(ehr_id="west")
    assert bench.run().why == "the EHR of this export is not registered any more"
    assert ehr.asked == []
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED


def test_a_client_that_the_ehr_does_not_know_has_no_export(bench: Bench, ehr: BulkEhr) -> None:
    ehr.token_fault = Answer(401, b'{"error": "invalid_client"}')
    bench.begin()
    assert "does not know this service" in (bench.run().why or "")


def test_nobody_waits_longer_than_45_days(bench: Bench, ehr: BulkEhr) -> None:
    bench.begin()
    bench.advance()
    bench.later(days=45, seconds=1)
    assert bench.advance() is ExportState.FAILED
    assert bench.export().why == "it was not complete after 45 days"
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED
    assert len(ehr.deleted) == 1


def test_an_export_without_records_says_so(bench: Bench, ehr: BulkEhr) -> None:
    ehr.files = []
    bench.begin()
    export = bench.run()
    assert export.state is ExportState.COMPLETE
    assert export.problems == ("the EHR exported not a single record",)


def test_what_the_ehr_left_out_is_a_problem_and_no_file(bench: Bench, ehr: BulkEhr) -> None:
    ehr.errors = [outcome("not-found") + b"\n" + outcome("not-found") + b"\n"]
    bench.begin()
    export = bench.run()
    assert export.problems == (
        "the EHR left something out of its export (2 times): it does not find the record",
    )
    assert bench.folder() == whole(ehr)


def test_a_step_is_one_worker_s_at_a_time(bench: Bench, ehr: BulkEhr) -> None:
    """Two workers take every step and every file together: the EHR sees each once."""
    bench.begin()
    gate = threading.Barrier(2)
    met: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(40):
                gate.wait(60)  # neither runs the clock on while the other is at work
                steps.advance(EXPORT, bench, bench.now())
                for position in range(3):
                    fetch_file(EXPORT, position, bench, bench.now())
                bench.later(seconds=1)
        except BaseException as error:  # noqa: BLE001
            gate.abort()
            met.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == []
    assert bench.export().state is ExportState.COMPLETE
    assert ehr.count("GET", "$export") == 1
    assert ehr.count("GET", "/files/") == 3
    assert bench.folder() == whole(ehr)


def test_a_step_that_outlived_its_lease_changes_nothing(bench: Bench, ehr: BulkEhr) -> None:
    """A worker was stopped for two minutes between the EHR's answer and its keeping."""
    bench.begin()
    with writing(bench.engine) as connection:
        late = exports.claim(connection, EXPORT, now=bench.now(), until=bench.now() + bench.lease)
    assert late is not None
    bench.later(minutes=2)
    assert bench.advance() is ExportState.WAITING
    with writing(bench.engine) as connection:
        kept = exports.keep_status_url(
            connection,
            EXPORT,
            late,
            "https://late.example/",
            sealer=bench.sealer,
            next_look_at=bench.now(),
        )
    assert not kept
    assert (bench.export().open_status_url(bench.sealer) or "").startswith(ehr.origin)


def test_a_release_deletes_the_job_and_the_folder(bench: Bench, ehr: BulkEhr) -> None:
    bench.begin()
    bench.run()
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED
    assert len(ehr.deleted) == 1
    assert bench.folder() == {}
    export = bench.export()
    assert export.status_url is None
    assert [file.url for file in bench.files()] == [b"", b"", b""]
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED
    assert len(ehr.deleted) == 1


def test_a_release_waits_for_an_ehr_that_is_not_there(bench: Bench, ehr: BulkEhr) -> None:
    bench.begin()
    bench.run()
    ehr.fault("DELETE", "/jobs/", Answer(503))
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.COMPLETE
    assert bench.folder() == whole(ehr)
    bench.later(seconds=10)
    assert steps.due(bench, bench.now()) == [EXPORT]
    assert bench.advance() is ExportState.RELEASED


def test_a_release_that_the_ehr_refuses_is_one_here(bench: Bench, ehr: BulkEhr) -> None:
    bench.begin()
    bench.run()
    ehr.fault("DELETE", "/jobs/", Answer(403, outcome("forbidden")))
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED
    assert bench.folder() == {}


def test_a_release_of_an_export_under_way_gives_it_up(bench: Bench, ehr: BulkEhr) -> None:
    bench.until_downloading()
    assert steps.release(EXPORT, bench, bench.now()) is ExportState.RELEASED
    assert bench.export().why == "it was given up"
    assert len(ehr.deleted) == 1
    assert files_to_fetch(EXPORT, bench, bench.now()) == []


def test_no_address_stands_in_the_store_in_clear(bench: Bench, ehr: BulkEhr) -> None:
    bench.until_downloading()
    with bench.engine.connect() as connection:
        held = "".join(
            str([bytes(v) if isinstance(v, memoryview) else v for v in row])
            for table in ("bulk_exports", "bulk_export_files")
            for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
        )
    assert EXPORT in held
    assert "http" not in held
    assert "job-" not in held


def test_an_unknown_export_is_an_error(bench: Bench) -> None:
    with pytest.raises(KeyError):
        steps.advance("export-2", bench, bench.now())


def test_an_export_is_begun_once(bench: Bench, ehr: BulkEhr) -> None:
    bench.begin()
    bench.run()
    bench.begin(group="another")
    assert bench.export().state is ExportState.COMPLETE
    assert bench.export().group_id == bulk_ehr.GROUP
