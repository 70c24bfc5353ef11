"""Exports and their files in the store: leases, what is due, and what a manifest changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Engine

from ehr import seal
from store import export_files, exports
from store.database import reading, writing
from store.export_files import Announced, ExportFile
from store.exports import Export, ExportState

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TWO = [
    Announced("Patient", 0, "https://ehr.example/1", 3, is_error=False),
    Announced("OperationOutcome", 0, "https://ehr.example/2", None, is_error=True),
]


def begin(store: Engine, *ids: str) -> None:
    with writing(store) as connection:
        for place, export_id in enumerate(ids):
            exports.begin(
                connection,
                export_id=export_id,
                ehr_id="north",
                group_id=None,
                types=("Patient",),
                now=NOW + place * MINUTE,
            )


def get(store: Engine, export_id: str = "a") -> Export:
    with reading(store) as connection:
        found = exports.get(connection, export_id)
    assert found is not None
    return found


def downloading(store: Engine, sealer: seal.Sealer) -> None:
    begin(store, "a")
    with writing(store) as connection:
        lease = exports.claim(connection, "a", now=NOW, until=NOW + MINUTE)
        assert lease is not None
        assert exports.begin_downloads(
            connection, "a", lease, needs_token=True, transaction_time=NOW, problems=[], now=NOW
        )
        assert export_files.announce(connection, "a", TWO, sealer=sealer, now=NOW)


def claimed(store: Engine, position: int) -> tuple[ExportFile, str]:
    with writing(store) as connection:
        found = export_files.claim(connection, "a", position, now=NOW, until=NOW + MINUTE)
    assert found is not None
    return found


def test_the_longest_due_comes_first_and_what_is_at_work_is_not_due(store: Engine) -> None:
    begin(store, "b", "a", "c")
    with writing(store) as connection:
        assert [one.id for one in exports.due(connection, NOW + MINUTE)] == ["b", "a"]
        assert exports.claim(connection, "b", now=NOW, until=NOW + 2 * MINUTE) is not None
        assert [one.id for one in exports.due(connection, NOW + MINUTE)] == ["a"]
        assert [one.id for one in exports.due(connection, NOW + 2 * MINUTE, limit=2)] == ["b", "a"]


def test_a_lease_is_one_worker_s_until_it_ends_or_is_renewed(store: Engine) -> None:
    begin(store, "a")
    with writing(store) as connection:
        first = exports.claim(connection, "a", now=NOW, until=NOW + MINUTE)
        assert first is not None
        assert exports.claim(connection, "a", now=NOW, until=NOW + MINUTE) is None
        assert exports.renew(connection, "a", first, until=NOW + 3 * MINUTE)
        assert exports.claim(connection, "a", now=NOW + 2 * MINUTE, until=NOW + 9 * MINUTE) is None
        second = exports.claim(connection, "a", now=NOW + 3 * MINUTE, until=NOW + 9 * MINUTE)
        assert second is not None
        assert not exports.renew(connection, "a", first, until=NOW + 9 * MINUTE)
        assert not exports.look_again(connection, "a", first, at=NOW)
        assert exports.look_again(connection, "a", second, at=NOW + 5 * MINUTE)
    assert (get(store).looks, get(store).next_look_at) == (1, NOW + 5 * MINUTE)


def test_a_failure_is_final_and_keeps_its_first_reason(store: Engine) -> None:
    begin(store, "a")
    with writing(store) as connection:
        assert exports.fail(connection, "a", "the EHR does not allow this")
        assert not exports.fail(connection, "a", "something else")
        assert exports.due(connection, NOW + MINUTE) == []
    assert (get(store).state, get(store).why) == (ExportState.FAILED, "the EHR does not allow this")


def test_the_same_manifest_again_brings_addresses_and_another_brings_files(
    store: Engine, sealer: seal.Sealer
) -> None:
    downloading(store, sealer)
    file, lease = claimed(store, 0)
    with writing(store) as connection:
        assert export_files.mark_done(connection, file, lease, now=NOW)
    fresh = [
        Announced(one.type, one.number, f"{one.url}?2", one.count, one.is_error) for one in TWO
    ]
    with writing(store) as connection:
        assert not export_files.announce(connection, "a", fresh, sealer=sealer, now=NOW)
        first, second = export_files.of_export(connection, "a")
    assert first.done_at == NOW
    assert second.open_url(sealer) == "https://ehr.example/2?2"
    with writing(store) as connection:
        assert export_files.announce(connection, "a", TWO[:1], sealer=sealer, now=NOW)
        (only,) = export_files.of_export(connection, "a")
    assert only.done_at is None


def test_an_export_is_complete_when_its_last_file_is_and_says_the_problems_of_its_errors(
    store: Engine, sealer: seal.Sealer
) -> None:
    downloading(store, sealer)
    for position, problems in ((0, ()), (1, ("the EHR left something out",))):
        file, lease = claimed(store, position)
        with writing(store) as connection:
            assert not exports.complete_when_all_is_here(connection, "a")
            assert export_files.mark_done(connection, file, lease, now=NOW, problems=problems)
    with writing(store) as connection:
        assert exports.complete_when_all_is_here(connection, "a")
        assert not exports.complete_when_all_is_here(connection, "a")
    assert get(store).problems == ("the EHR left something out",)
    assert get(store).next_look_at is None


def test_an_address_opens_only_where_it_belongs(store: Engine, sealer: seal.Sealer) -> None:
    downloading(store, sealer)
    with reading(store) as connection:
        first, second = export_files.of_export(connection, "a")
    assert first.open_url(sealer) == "https://ehr.example/1"
    assert b"ehr.example" not in bytes(first.url)
    assert "ehr.example" not in repr(first)
    assert bytes(first.url) != bytes(second.url)
