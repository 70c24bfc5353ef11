"""Reports of the nights are kept: one for each night, with who is behind it sealed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from ehr import seal
from store import reports
from store.database import reading, writing

MOMENT = datetime(2026, 11, 26, 2, 0, 5, tzinfo=UTC)
NIGHT = date(2026, 11, 26)
ROW = {"patient": "Patient/alder", "name": "Ruth Synthetic-Alder", "measures": ["high-dose"]}


def keep(store: Engine, sealer: seal.Sealer, night: date = NIGHT, **given: Any) -> None:
    with writing(store) as connection:
        reports.keep(
            connection,
            **{
                "ehr_id": "sandbox",
                "night": night,
                "made_at": MOMENT,
                "report": {"population": {"patients": 480}},
                "worklist": [ROW],
                "compared": {"patients": {"alder": {}}},
                "sealer": sealer,
                **given,
            },
        )


def test_a_night_is_read_as_it_was_kept(store: Engine, sealer: seal.Sealer) -> None:
    keep(store, sealer)
    with reading(store) as connection:
        kept = reports.get(connection, "sandbox", NIGHT)
        assert kept == reports.Kept("sandbox", NIGHT, MOMENT, {"population": {"patients": 480}})
        assert reports.worklist(connection, "sandbox", NIGHT, sealer=sealer) == [ROW]
        assert reports.compared(connection, "sandbox", NIGHT, sealer=sealer) == {
            "patients": {"alder": {}}
        }


def test_a_night_that_is_made_again_replaces_itself_and_no_other(
    store: Engine, sealer: seal.Sealer
) -> None:
    keep(store, sealer, date(2026, 11, 25))
    keep(store, sealer)
    keep(store, sealer, report={"population": {"patients": 7}}, worklist=[])
    keep(store, sealer, ehr_id="other")
    with reading(store) as connection:
        assert reports.nights(connection, "sandbox") == [NIGHT, date(2026, 11, 25)]
        kept = reports.get(connection, "sandbox", NIGHT)
        assert kept is not None
        assert kept.report == {"population": {"patients": 7}}
        assert reports.worklist(connection, "sandbox", NIGHT, sealer=sealer) == []


def test_the_nights_before_are_given_newest_first(store: Engine, sealer: seal.Sealer) -> None:
    for day in (21, 23, 22, 24):
        keep(store, sealer, date(2026, 11, day))
    with reading(store) as connection:
        found = reports.before(connection, "sandbox", date(2026, 11, 24), 2)
    assert [kept.night.day for kept in found] == [23, 22]


def test_a_night_that_is_not_there_is_none(store: Engine, sealer: seal.Sealer) -> None:
    with reading(store) as connection:
        assert reports.get(connection, "sandbox", NIGHT) is None
        assert reports.worklist(connection, "sandbox", NIGHT, sealer=sealer) is None
        assert reports.compared(connection, "sandbox", NIGHT, sealer=sealer) is None


def test_no_patient_stands_in_the_table_in_clear(
    store: Engine, sealer: seal.Sealer, rows: Callable[[Engine, str], list[dict[str, object]]]
) -> None:
    keep(store, sealer)
    (row,) = rows(store, "reports")
    written = b"".join(
        value if isinstance(value, bytes) else repr(value).encode() for value in row.values()
    )
    assert b"alder" not in written.lower()


def test_a_worklist_that_was_moved_to_another_night_does_not_open(
    store: Engine, sealer: seal.Sealer
) -> None:
    keep(store, sealer)
    keep(store, sealer, date(2026, 11, 25), worklist=[])
    with writing(store) as connection:
        connection.exec_driver_sql(
            "UPDATE reports SET worklist = "
            "(SELECT worklist FROM reports AS other WHERE other.night = '2026-11-26') "
            "WHERE night = '2026-11-25'"
        )
    with reading(store) as connection, pytest.raises(seal.CannotOpen):
        reports.worklist(connection, "sandbox", date(2026, 11, 25), sealer=sealer)
